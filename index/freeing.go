package index

import (
	"sync"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
)

// freeing takes series out of the index that nothing names any more: no shard,
// no file, no cache, no tombstone. A writer may hold the id of such a series from
// a lookup and be about to use it, so it takes two steps:
//
//	Unused ─▶ Condemn: Lookup does not know them any more; Resolve does, and
//	          acquits whom it is asked for
//	   … the owner waits until everybody who may have looked up before is done,
//	     and finds out again what is named …
//	       ─▶ Free: who is still condemned is dead. Its key may be created again,
//	          under another id.
//
// The next checkpoint leaves the dead out. Until then a crash brings them back
// to life, which is as good as before: nothing names them. If a key was created
// again meanwhile, the log has it twice; the higher id is the one that counts.
type freeing struct {
	// life is held for reading from the search for ids until they are acquitted,
	// so that no series is freed in between. It is taken before all other locks
	// but checkpointMu.
	life sync.RWMutex

	mu        sync.Mutex // guards the fields below
	condemned *roaring.Bitmap
	freed     int64 // since Open
}

// count returns the number of series freed since Open.
func (f *freeing) count() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.freed
}

// acquit takes series out of the condemned; life is held.
func (f *freeing) acquit(ids []model.SeriesID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.condemned == nil {
		return
	}
	for _, id := range ids {
		f.condemned.Remove(uint32(id))
	}
}

// Unused returns the series that are present in no shard. The caller owns the
// bitmap.
func (x *Index) Unused() (*roaring.Bitmap, error) {
	s, err := x.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	ids, err := s.all()
	if err != nil {
		return nil, err
	}
	x.presence.without(ids)
	return ids, nil
}

// all returns the ids of all series that have a key and are not dead. The caller
// owns the bitmap.
func (s snapshot) all() (*roaring.Bitmap, error) {
	out := roaring.New()
	for _, p := range s.parts() {
		limit := p.limit()
		bm := roaring.New()
		err := p.eachMeasurement(func(_ []byte, m partMeasurement) error {
			ids, err := m.all()
			if err == nil {
				ids.addTo(bm)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		bm.RemoveRange(uint64(limit), 1<<32) // may be incomplete
		out.Or(bm)
	}
	if s.dead != nil {
		out.AndNot(s.dead)
	}
	out.CloneCopyOnWriteContainers() // nothing points into the mapping any more
	return out, nil
}

// Condemn prepares the freeing of series. From when it has returned, Lookup finds
// none of them that Resolve was not asked for since. Series that were
// condemned before and not freed are let go.
func (x *Index) Condemn(ids *roaring.Bitmap) {
	f := &x.freeing
	f.life.Lock()
	f.mu.Lock()
	f.condemned = ids.Clone()
	f.mu.Unlock()
	f.life.Unlock()
	x.fingerprints.forget(ids)
}

// Free frees the condemned series that nobody asked for since and that are not
// in named. It returns how many there are. The owner sees to it that nobody holds
// one of their ids from before Condemn.
func (x *Index) Free(named *roaring.Bitmap) int {
	f := &x.freeing
	f.life.Lock()
	defer f.life.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.condemned == nil {
		return 0
	}
	dead := roaring.AndNot(f.condemned, named)
	f.condemned = nil
	x.presence.without(dead)
	n := int(dead.GetCardinality())
	f.freed += int64(n)
	x.bury(dead)
	return n
}

// bury makes series dead.
func (x *Index) bury(ids *roaring.Bitmap) {
	if ids.IsEmpty() {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.burials.Add(1)
	if x.snap.dead != nil {
		ids = roaring.Or(ids, x.snap.dead)
	}
	x.snap.dead = ids
}

// forgetDeadLocked takes the dead out that a checkpoint has left out. mu must be
// held.
func (x *Index) forgetDeadLocked(buried *roaring.Bitmap) {
	if buried == nil || x.snap.dead == nil {
		return
	}
	left := roaring.AndNot(x.snap.dead, buried)
	if left.IsEmpty() {
		left = nil
	}
	x.snap.dead = left
}

// isDead reports whether id is in dead, which may be nil.
func isDead(dead *roaring.Bitmap, id uint32) bool { return dead != nil && dead.Contains(id) }

// deadCount returns the number of dead series.
func (s snapshot) deadCount() int {
	if s.dead == nil {
		return 0
	}
	return int(s.dead.GetCardinality())
}

// within returns the ids to which an answer is limited: nil stands for all.
func (s snapshot) within(ids *roaring.Bitmap) *roaring.Bitmap {
	if ids != nil || s.dead == nil {
		return ids
	}
	ids = roaring.New()
	ids.AddRange(0, 1<<32)
	ids.AndNot(s.dead)
	return ids
}
