package tsdb

import (
	"errors"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/index"
	"github.com/timberlinedb/timberline/tsm"
)

// freeShare is the part of the series that must be in no shard before they are
// looked at one by one: one of freeShare.
const freeShare = 64

// freeDue frees the series of all databases that nothing names any more.
func (s *Store) freeDue() {
	for _, db := range s.list() {
		if s.bg.Err() != nil {
			return
		}
		if err := db.freeSeries(); err != nil && !errors.Is(err, index.ErrClosed) {
			_ = s.readFailed(err)
		}
	}
}

// freeSeries frees series whose last shard is gone, or whose last rows were
// deleted and merged away. The steps are those of index.Condemn: what is not
// named by a shard is condemned; when everybody who may have its id from before is
// done, what is still not named is freed. If they take longer, a later call goes
// on.
func (db *database) freeSeries() error {
	if !db.freeMu.TryLock() {
		return nil
	}
	defer db.freeMu.Unlock()
	if !db.condemned {
		ids, err := db.unusedSeries()
		if err != nil || ids == nil {
			return err
		}
		db.index.Condemn(ids)
		db.condemned, db.turned = true, false
	}
	db.turned = db.turned || db.gate.turn()
	if !db.turned || !db.gate.settled() {
		return nil
	}
	db.condemned = false
	named := db.namedSeries()
	if named == nil {
		db.index.Condemn(roaring.New()) // acquits all
		return nil
	}
	db.store.counters.seriesFreed.Add(int64(db.index.Free(named)))
	return nil
}

// unusedSeries returns the series that nothing names, nil when they are too few to
// care about.
func (db *database) unusedSeries() (*roaring.Bitmap, error) {
	ids, err := db.index.Unused()
	if err != nil {
		return nil, err
	}
	few := func() bool {
		return ids.GetCardinality()*freeShare <= uint64(db.index.SeriesCount())
	}
	if few() {
		return nil, nil
	}
	named := db.namedSeries()
	if named == nil {
		return nil, nil
	}
	if ids.AndNot(named); few() {
		return nil, nil
	}
	return ids, nil
}

// namedSeries returns the series that files, caches and tombstones of the database
// name; nil when that is not known, because some of them cannot be read.
func (db *database) namedSeries() *roaring.Bitmap {
	if db.failedCount() > 0 || db.unsurveyed() {
		return nil
	}
	out := roaring.New()
	for _, d := range db.listDormant() { // they have no tombstones
		out.Or(db.index.Present([]uint64{d.spec.ID}))
	}
	for _, sh := range db.list() {
		if !sh.addNamed(out) {
			return nil
		}
	}
	out.CloneCopyOnWriteContainers()
	return out
}

// addNamed adds the series that the shard names; false when that is not known.
func (sh *shard) addNamed(out *roaring.Bitmap) bool {
	sv := sh.view()
	if sv == nil {
		return true // dropped
	}
	defer sv.release()
	if len(sv.lost) > 0 || sh.hasSuspects() {
		return false
	}
	for _, f := range sv.files {
		out.Or(f.reader.SeriesIDs())
	}
	for _, c := range append([]*cache{sv.active}, sv.frozen...) {
		for _, id := range c.series() {
			out.Add(id)
		}
	}
	for _, d := range sh.tombs.For(tsm.Info{Range: allTimestamps}) {
		out.Or(d.Series)
	}
	for _, d := range sv.deletes {
		out.Or(d.Series)
	}
	return true
}

func (sh *shard) hasSuspects() bool {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return len(sh.suspects) > 0
}
