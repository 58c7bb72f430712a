package index

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
)

// presence knows which series have data in which shard.
type presence struct {
	mu      sync.RWMutex // guards the fields below
	byShard map[uint64]*roaring.Bitmap
	last    uint32 // the greatest id that was ever present
	changes uint64 // so many times the sets were changed

	// asked is the union that was asked for last, for the next view of the same
	// shards.
	asked atomic.Pointer[presenceUnion]
}

// presenceUnion is the union of some shards at one moment. It is never changed.
type presenceUnion struct {
	shards  []uint64
	changes uint64
	ids     *roaring.Bitmap
}

// load adds what a file of the checkpoint tells.
func (p *presence) load(shards map[uint64]*roaring.Bitmap) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
	for shard, bm := range shards {
		p.shardLocked(shard).Or(bm)
		p.seenLocked(bm)
	}
}

func (p *presence) seenLocked(bm *roaring.Bitmap) {
	if !bm.IsEmpty() {
		p.last = max(p.last, bm.Maximum())
	}
}

func (p *presence) shardLocked(shard uint64) *roaring.Bitmap {
	if p.byShard == nil {
		p.byShard = make(map[uint64]*roaring.Bitmap)
	}
	bm := p.byShard[shard]
	if bm == nil {
		bm = roaring.New()
		p.byShard[shard] = bm
	}
	return bm
}

func (p *presence) mark(shard uint64, ids []model.SeriesID) {
	if p.has(shard, ids) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
	bm := p.shardLocked(shard)
	for _, id := range ids {
		bm.Add(uint32(id))
		p.last = max(p.last, uint32(id))
	}
}

// has reports whether all ids are present; most calls of mark tell nothing new.
func (p *presence) has(shard uint64, ids []model.SeriesID) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	bm := p.byShard[shard]
	if bm == nil {
		return false
	}
	for _, id := range ids {
		if !bm.Contains(uint32(id)) {
			return false
		}
	}
	return true
}

func (p *presence) set(shard uint64, bm *roaring.Bitmap) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
	p.shardLocked(shard)
	p.byShard[shard] = bm
	p.seenLocked(bm)
}

func (p *presence) drop(shard uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
	delete(p.byShard, shard)
}

func (p *presence) remove(shard uint64, ids *roaring.Bitmap) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
	if bm := p.byShard[shard]; bm != nil {
		bm.AndNot(ids)
	}
}

// union returns the ids that are present in some of the shards. The caller owns
// the bitmap.
func (p *presence) union(shards []uint64) *roaring.Bitmap {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.unionLocked(shards)
}

// shared is union with a bitmap that others have too, and the number of changes up
// to then: with the same number it is the same set.
func (p *presence) shared(shards []uint64) (ids *roaring.Bitmap, changes uint64) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	u := p.asked.Load()
	if u == nil || u.changes != p.changes || !slices.Equal(u.shards, shards) {
		u = &presenceUnion{shards: slices.Clone(shards), changes: p.changes, ids: p.unionLocked(shards)}
		p.asked.Store(u)
	}
	return u.ids, u.changes
}

func (p *presence) unionLocked(shards []uint64) *roaring.Bitmap {
	out := roaring.New()
	for _, shard := range shards {
		if bm := p.byShard[shard]; bm != nil {
			out.Or(bm)
		}
	}
	return out
}

func (p *presence) shards() []uint64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	shards := make([]uint64, 0, len(p.byShard))
	for shard := range p.byShard {
		shards = append(shards, shard)
	}
	slices.Sort(shards)
	return shards
}

// copy returns what a file stores that covers the ids after one: compressed copies
// without the ids before. The checkpoint has the whole presence; a layer has that of
// its own series and of those created since.
func (p *presence) copy(after uint32) map[uint64]*roaring.Bitmap {
	p.mu.RLock()
	defer p.mu.RUnlock()
	out := make(map[uint64]*roaring.Bitmap, len(p.byShard))
	for shard, bm := range p.byShard {
		c := bm
		if after == 0 {
			c = bm.Clone()
		} else {
			within := roaring.New()
			within.AddRange(uint64(after)+1, 1<<32)
			c = roaring.And(bm, within)
		}
		if after > 0 && c.IsEmpty() {
			continue
		}
		c.RunOptimize()
		out[shard] = c
	}
	return out
}

// lastPresent returns the greatest id that was ever present.
func (p *presence) lastPresent() uint32 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.last
}

func (p *presence) size() (bytes int64) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, bm := range p.byShard {
		bytes += int64(bm.GetSizeInBytes())
	}
	if u := p.asked.Load(); u != nil {
		bytes += int64(u.ids.GetSizeInBytes())
	}
	return bytes
}

// without takes everything that is present out of ids.
func (p *presence) without(ids *roaring.Bitmap) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, bm := range p.byShard {
		ids.AndNot(bm)
	}
}

// count returns how many series a shard has.
func (p *presence) count(shard uint64) int64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if bm := p.byShard[shard]; bm != nil {
		return int64(bm.GetCardinality())
	}
	return 0
}

// somewhere reports whether an id is present in a shard.
func (p *presence) somewhere(id uint32) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, bm := range p.byShard {
		if bm.Contains(id) {
			return true
		}
	}
	return false
}

// named tells of an id that files name.
func (p *presence) named(id uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = max(p.last, id)
}
