package tsdb

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsm"
)

// DeleteRequest says what to delete.
type DeleteRequest struct {
	Database    uint32
	Shards      []uint64 // those that do not exist are skipped
	Measurement string   // empty: every measurement
	Filter      *model.TagFilter
	Range       model.TimeRange

	// Whole says that the series go with all their rows, whatever Range is. With
	// a measurement and no filter, the types of its fields are forgotten too.
	Whole bool
}

// allTimestamps contains every timestamp, the reserved ones included.
var allTimestamps = model.TimeRange{Min: math.MinInt64, Max: math.MaxInt64}

const tombstonesName = "tombstones.tomb"

// shardDelete is what a request means in one shard.
type shardDelete struct {
	series *roaring.Bitmap
	span   model.TimeRange
	forget string // measurement whose fields go
	empty  bool   // only if the measurement has no series left
}

// Delete removes rows that were written before. When it returns nil, the delete
// is durable and no reader that starts afterwards sees the rows.
//
// In each shard a frame of the log makes the delete durable; rows of the active
// cache are marked; for rows of frozen caches and files a tombstone says up to
// which generation the delete counts, until a merge applies it.
func (s *Store) Delete(ctx context.Context, req DeleteRequest) error {
	d, err := s.database(req.Database)
	if err != nil {
		return err
	}
	span := req.Range
	if req.Whole {
		span = model.AllTime
	}
	if span.Empty() {
		return nil
	}
	s.counters.deletes.Add(1)
	var errs []error
	for _, id := range req.Shards {
		sh, err := d.awakenIn(id, span)
		if err != nil {
			errs = append(errs, fmt.Errorf("delete in shard %d: %w", id, err))
			continue
		}
		if sh == nil {
			errs = append(errs, d.failures([]uint64{id}, span))
			continue
		}
		del := shardDelete{span: span}
		if req.Whole && req.Filter == nil {
			del.forget = req.Measurement
		}
		err = sh.delete(ctx, &del, req)
		if err == nil && del.forget == "" {
			err = sh.forgetEmpty(ctx, req)
		}
		if err = d.ended(err); err != nil && !errors.Is(err, ErrShardNotFound) && !errors.Is(err, ErrDatabaseNotFound) {
			errs = append(errs, fmt.Errorf("delete in shard %d: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

// forgetEmpty forgets the field types of the measurements that a delete has left
// without series, so that they can come back with other types.
func (sh *shard) forgetEmpty(ctx context.Context, req DeleteRequest) error {
	names := []string{req.Measurement}
	if req.Measurement == "" {
		names = sh.fields.known()
	}
	for _, name := range names {
		whole := DeleteRequest{Database: req.Database, Measurement: name}
		left, err := sh.selectSeries(whole)
		if err != nil {
			return err
		}
		if !left.IsEmpty() || len(sh.fields.fields(name)) == 0 {
			continue
		}
		if err := sh.delete(ctx, &shardDelete{span: model.AllTime, forget: name, empty: true}, whole); err != nil {
			return err
		}
	}
	return nil
}

// selectSeries finds the series of the shard that a request names.
func (sh *shard) selectSeries(req DeleteRequest) (*roaring.Bitmap, error) {
	x := sh.db.index
	within := x.Present([]uint64{sh.spec.ID})
	if req.Measurement != "" {
		return x.Search(req.Measurement, req.Filter, within)
	}
	if req.Filter == nil {
		return within, nil
	}
	names, err := x.Measurements(within)
	if err != nil {
		return nil, err
	}
	out := roaring.New()
	for _, name := range names {
		bm, err := x.Search(name, req.Filter, within)
		if err != nil {
			return nil, err
		}
		out.Or(bm)
	}
	return out, nil
}

// delete carries a delete out. Between the frame and the durable tombstone no
// merge may choose its inputs: it would give rows that the delete names a
// generation that the tombstone does not reach. deleteMu sees to that.
func (sh *shard) delete(ctx context.Context, del *shardDelete, req DeleteRequest) (err error) {
	if del.forget == "" {
		if del.series, err = sh.selectSeries(req); err != nil || del.series.IsEmpty() {
			return err
		}
	}
	sh.deleteMu.Lock()
	defer sh.deleteMu.Unlock()
	lsn, err := sh.logDelete(del, req)
	if err != nil || lsn == 0 {
		return err
	}
	// Readers go by the delete from here on, whether it gets durable or not.
	if err = sh.store.Commit(ctx, lsn); err == nil {
		err = sh.saveDeletes(ctx)
	}
	sh.settlePresence(del.series)
	return err
}

// logDelete appends the frame and makes the delete count for readers.
func (sh *shard) logDelete(del *shardDelete, req DeleteRequest) (lsn uint64, err error) {
	sh.writeMu.Lock()
	defer sh.writeMu.Unlock()
	if sh.gone() {
		return 0, ErrShardNotFound
	}
	if del.forget != "" {
		// No row of the measurement may escape whose field types are forgotten.
		if del.series, err = sh.selectSeries(req); err != nil {
			return 0, err
		}
		if del.series.IsEmpty() && len(sh.fields.fields(del.forget)) == 0 {
			return 0, nil
		}
	}
	sh.mu.RLock()
	maxGeneration := sh.next - 1
	sh.mu.RUnlock()
	if lsn, err = sh.store.appendDelete(sh, del, maxGeneration); err != nil {
		return 0, err
	}
	sh.applyDelete(del, lsn, maxGeneration)
	return lsn, nil
}

// applyDelete makes a logged delete count in memory. The write lock must be held.
func (sh *shard) applyDelete(del *shardDelete, lsn, maxGeneration uint64) {
	if del.forget != "" {
		sh.fields.forget(lsn, del.forget)
		sh.fieldsPin = olderLSN(sh.fieldsPin, lsn)
	}
	if del.series.IsEmpty() {
		return
	}
	sh.active.kill(del.series, del.span)
	sh.unsaved = append(sh.unsaved, pendingDelete{lsn: lsn, delete: tsm.Delete{
		MaxGeneration: maxGeneration, Series: del.series, Range: del.span,
	}})
	sh.mu.Lock()
	defer sh.mu.Unlock()
	d := sh.unsaved[len(sh.unsaved)-1].delete
	d.Sequence = math.MaxUint64 // later than anything a file has applied
	sh.deletes = append(slices.Clip(sh.deletes), d)
}

// pendingDelete is a delete whose tombstone is not durable; the log keeps its
// frame.
type pendingDelete struct {
	lsn    uint64
	delete tsm.Delete
}

// saveDeletes makes the tombstones of logged deletes durable. deleteMu must be
// held.
func (sh *shard) saveDeletes(ctx context.Context) error {
	for {
		sh.writeMu.Lock()
		if len(sh.unsaved) == 0 || sh.gone() {
			sh.writeMu.Unlock()
			sh.loadDeletes()
			return nil
		}
		p := sh.unsaved[0]
		sh.writeMu.Unlock()
		if err := sh.store.waitDurable(ctx, p.lsn); err != nil {
			return err
		}
		if _, err := sh.tombs.Append(p.delete); err != nil {
			return err
		}
		sh.writeMu.Lock()
		sh.unsaved = sh.unsaved[1:]
		sh.writeMu.Unlock()
	}
}

// loadDeletes brings the deletes that readers see up to the tombstones.
func (sh *shard) loadDeletes() {
	all := sh.tombs.For(tsm.Info{Range: allTimestamps})
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.deletes = all
}

// kill marks the rows of series in a time range as deleted.
func (c *cache) kill(series *roaring.Bitmap, r model.TimeRange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ct := range c.tables {
		if uint64(ct.heads.n) <= series.GetCardinality() {
			for _, id := range ct.heads.series(nil) {
				if series.Contains(id) {
					ct.kill(id, r)
				}
			}
			continue
		}
		for it := series.Iterator(); it.HasNext(); {
			ct.kill(it.Next(), r)
		}
	}
}

// settlePresence takes those of series that have no rows left out of the presence
// of the shard. Series of which that cannot be told now are asked about again
// after the next flush.
func (sh *shard) settlePresence(series *roaring.Bitmap) {
	if series.IsEmpty() {
		return
	}
	sv := sh.view()
	if sv == nil {
		return
	}
	defer sv.release()
	left, unsure := sv.survivors(series)
	gone := roaring.AndNot(series, left)
	sh.writeMu.Lock()
	defer sh.writeMu.Unlock()
	sh.unsettled.Or(unsure)
	// New rows may have moved on to newer caches and files since the view was
	// opened; the write lock keeps them where they are now.
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if sh.dropped {
		return
	}
	for _, id := range sh.active.series() {
		gone.Remove(id)
	}
	for _, c := range sh.frozen {
		if c.generation >= sv.next {
			for _, id := range c.series() {
				gone.Remove(id)
			}
		}
	}
	for _, f := range sh.files {
		if f.Generation >= sv.next {
			gone.AndNot(f.reader.SeriesIDs())
		}
	}
	sh.db.index.RemovePresent(sh.spec.ID, gone)
}

// retryPresence settles what could not be settled before.
func (sh *shard) retryPresence() {
	sh.writeMu.Lock()
	series := sh.unsettled.Clone()
	sh.unsettled.Clear()
	sh.writeMu.Unlock()
	sh.settlePresence(series)
}

// survivors returns those of series that have rows in the view, and those among
// them that only count because their rows cannot be read. Most are known from
// bitmaps alone; where a delete takes a part of a file, rows are looked at.
func (sv *shardView) survivors(series *roaring.Bitmap) (left, unsure *roaring.Bitmap) {
	sure, doubtful := roaring.New(), roaring.New()
	unsure = roaring.New()
	judge := func(ids *roaring.Bitmap, info tsm.Info) {
		ids = roaring.And(ids, series)
		for _, d := range deletesOf(sv.deletes, info) {
			if !d.Range.Covers(info.Range) {
				doubtful.Or(roaring.And(ids, d.Series))
			}
			ids.AndNot(d.Series)
		}
		sure.Or(ids)
	}
	for _, f := range sv.files {
		judge(f.reader.SeriesIDs(), f.reader.Info())
	}
	for _, c := range sv.frozen {
		judge(roaring.BitmapOf(c.series()...), tsm.Info{Generation: c.generation, Range: sv.spec.Range})
	}
	sure.Or(roaring.And(roaring.BitmapOf(sv.active.series()...), series))
	doubtful.AndNot(sure)
	if doubtful.IsEmpty() {
		return sure, unsure
	}
	sc := &shardCursor{view: &shardView{sh: sv.sh, spec: sv.spec, active: sv.active, frozen: sv.frozen, files: sv.files,
		deletes: sv.deletes, limits: make(map[*cacheTable]uint32)}}
	sc.addSources("", 0, math.MaxUint64)
	var list []model.SeriesID
	for it := doubtful.Iterator(); it.HasNext(); {
		list = append(list, model.SeriesID(it.Next()))
	}
	for i, id := range list {
		found, err := sc.hasRows(list, i)
		if found || err != nil {
			sure.Add(uint32(id))
		}
		if err != nil {
			unsure.Add(uint32(id))
		}
	}
	for _, f := range sc.files {
		f.forget()
	}
	return sure, unsure
}

// hasRows reports whether series at of a list has a row in any of the sources.
func (sc *shardCursor) hasRows(series []model.SeriesID, at int) (bool, error) {
	if err := sc.open(series, at, allTimestamps, false); err != nil {
		return false, err
	}
	// One after the other: without fields to read, files give bare timestamps,
	// which a merge with the rows of a cache would leave out.
	sources := slices.Clone(sc.merger.sources)
	for _, s := range sources {
		sc.merger.sources = append(sc.merger.sources[:0], s)
		if rows, err := sc.merger.next(); rows != nil || err != nil {
			return rows != nil, err
		}
	}
	return false, nil
}

// openTombstones opens the tombstones of a shard.
func openTombstones(fs vfs.FS, dir string) (*tsm.Tombstones, error) {
	return tsm.OpenTombstones(fs, filepath.Join(dir, tombstonesName))
}

// maxTombstoneGeneration returns the newest generation that a delete counts for.
func maxTombstoneGeneration(t *tsm.Tombstones) (newest uint64) {
	for _, d := range t.For(tsm.Info{Range: allTimestamps}) {
		newest = max(newest, d.MaxGeneration)
	}
	return newest
}
