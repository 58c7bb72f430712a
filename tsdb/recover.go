package tsdb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
	"github.com/timberlinedb/timberline/wal"
)

// recover opens the log and puts what the files have not into the caches.
func (s *Store) recover(ctx context.Context) error {
	started := s.clock.Now()
	s.notePresence()
	r := replayer{store: s, ctx: ctx}
	opt := s.opt.WAL
	opt.FS, opt.Clock = s.fs, s.clock
	opt.QuarantineDir = filepath.Join(s.dir, "quarantine")
	opt.MinLSN = s.newestLSN() + 1
	dir := filepath.Join(s.dir, "wal")
	opt.EnsureDefaults(dir)
	s.opt.WAL = opt
	frames := newReplayPipeline(s.pool, r.replay)
	log, found, err := wal.Open(ctx, dir, opt, frames.add)
	if applied := frames.finish(); err == nil {
		err = applied
	}
	s.log = log
	for _, h := range found.Holes {
		s.corrupted(&CorruptError{File: h.Segment, Offset: h.From, Reason: fmt.Sprintf("frames %d to %d are lost: %s", h.FirstLSN, h.LastLSN, h.Reason)})
	}
	for _, u := range found.Unreadable {
		s.corrupted(fmt.Errorf("%w: log segment %s at offset %d: %w", cursor.ErrCorrupt, u.Segment, u.Offset, u.Err))
	}
	if err != nil {
		return err
	}
	s.committed.Store(log.DurableLSN())
	for _, db := range s.list() {
		for _, sh := range db.list() {
			if err := sh.settleSuspects(found.FirstLSN); err != nil {
				return fmt.Errorf("open shard %d: %w", sh.spec.ID, err)
			}
			if err := sh.settleReplay(ctx); err != nil {
				return fmt.Errorf("open shard %d: %w", sh.spec.ID, err)
			}
		}
	}
	r.counts.Took = s.clock.Now().Sub(started)
	s.replayed = r.counts
	if tell := s.opt.Events.Replayed; tell != nil {
		tell(r.counts)
	}
	return nil
}

// newestLSN returns the highest LSN that a file knows of.
func (s *Store) newestLSN() (newest uint64) {
	for _, db := range s.list() {
		for _, sh := range db.list() {
			newest = max(newest, sh.manifest.state.flushed, sh.fields.newest())
		}
		for _, d := range db.listDormant() {
			newest = max(newest, d.state.flushed, d.fieldsLSN)
		}
	}
	return newest
}

// notePresence tells the indexes which series the files name, so that none of
// the numbers is given out again, and takes shards away that are gone.
func (s *Store) notePresence() {
	for _, db := range s.list() {
		for _, id := range db.index.Shards() {
			if !db.has(id) && db.failure(id) == nil {
				db.index.DropShard(id)
			}
		}
		for _, sh := range db.list() {
			db.index.SetPresence(sh.spec.ID, sh.inFiles())
		}
	}
}

// inFiles returns the series that the shard's files name.
func (sh *shard) inFiles() *roaring.Bitmap {
	out := roaring.New()
	for _, f := range sh.files {
		out.Or(f.reader.SeriesIDs())
	}
	out.CloneCopyOnWriteContainers()
	return out
}

// settleReplay makes replayed deletes durable in the shard and finds out which
// series have rows.
func (sh *shard) settleReplay(ctx context.Context) error {
	sh.deleteMu.Lock()
	err := sh.saveDeletes(ctx)
	sh.deleteMu.Unlock()
	if err != nil {
		return err
	}
	sh.tellPresence()
	return nil
}

// tellPresence finds out which series of the shard have rows and tells the index.
func (sh *shard) tellPresence() {
	sv := sh.view()
	if sv == nil {
		return
	}
	defer sv.release()
	all := sh.inFiles()
	all.Or(sh.cached())
	left, unsure := sv.survivors(all)
	sh.unsettled.Or(unsure)
	sh.db.index.SetPresence(sh.spec.ID, left)
}

// replayer applies the frames of the log in order.
type replayer struct {
	store  *Store
	ctx    context.Context
	counts ReplayMetrics

	columns []model.Column
	numbers []uint32
	fresh   []uint32
}

// replay lets a frame take effect.
func (r *replayer) replay(e *replayEntry) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	f := &e.frame
	r.counts.Frames++
	r.counts.Bytes += int64(len(f.Payload))
	err := e.err
	if err == nil {
		err = r.apply(e)
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("replay %v frame %d of %s at offset %d: %w", f.Kind, f.LSN, f.Segment, f.Offset, err)
	if isDamage(err) {
		// What the frame says is lost or cannot be true; all others still count.
		r.store.corrupted(fmt.Errorf("%w: %w", cursor.ErrCorrupt, err))
		return nil
	}
	return err
}

func (r *replayer) apply(e *replayEntry) error {
	switch e.frame.Kind {
	case wal.KindSeries:
		return r.applySeries(e.frame.LSN, &e.series)
	case wal.KindFields:
		return r.applyFields(e.frame.LSN, &e.fields)
	case wal.KindRows:
		return r.applyRows(e.frame.LSN, &e.rows)
	case wal.KindDelete:
		return r.applyDelete(e.frame.LSN, &e.deletes)
	}
	r.counts.UnknownFrames++
	return nil
}

// shard returns the shard that the frame lsn is for, nil when it is gone or
// failed. The log keeps the frames of failed ones.
func (r *replayer) shard(db uint32, shard, lsn uint64) (*shard, error) {
	if d := r.store.databases[db]; d != nil {
		if sh, err := d.awaken(shard); sh != nil || err != nil {
			return sh, err
		}
		if d.pinFailed(shard, lsn) {
			return nil, nil
		}
	}
	r.counts.UnknownFrames++
	return nil, nil
}

// dormant returns the shard if nobody has needed it so far, nil otherwise.
func (r *replayer) dormant(db uint32, shard uint64) *dormantShard {
	if d := r.store.databases[db]; d != nil {
		return d.dormantShard(shard)
	}
	return nil
}

func (r *replayer) applySeries(lsn uint64, x *wal.Series) error {
	db := r.store.databases[x.Database]
	if db == nil {
		r.counts.UnknownFrames++
		return nil
	}
	db.seriesPin, db.seriesLast = olderLSN(db.seriesPin, lsn), lsn
	return db.index.Replay(x.First, x.Keys)
}

func (r *replayer) applyFields(lsn uint64, x *wal.Fields) error {
	if d := r.dormant(x.Database, x.Shard); d != nil && lsn <= d.fieldsLSN {
		return nil
	}
	sh, err := r.shard(x.Database, x.Shard, lsn)
	if err != nil || sh == nil || sh.fields.covers(lsn) {
		return err
	}
	defs := make([]fieldDef, len(x.Fields))
	for i, def := range x.Fields {
		defs[i] = fieldDef{Number: def.Number, Type: def.Type, Measurement: string(def.Measurement), Name: string(def.Name)}
	}
	sh.fieldsPin = olderLSN(sh.fieldsPin, lsn)
	sh.fields.define(lsn, defs)
	return nil
}

func (r *replayer) applyRows(lsn uint64, x *wal.Rows) error {
	rows := int64(x.Table.Rows())
	if d := r.dormant(x.Database, x.Shard); d != nil && lsn <= d.state.flushed {
		r.counts.RowsSkipped += rows
		return nil
	}
	sh, err := r.shard(x.Database, x.Shard, lsn)
	if err != nil || sh == nil {
		return err
	}
	if lsn <= sh.manifest.state.flushed {
		r.counts.RowsSkipped += rows
		return nil
	}
	t, err := r.nameColumns(sh, lsn, x)
	if err != nil || t == nil {
		return err
	}
	r.counts.Rows += rows
	r.fresh = sh.active.insert(lsn, lsn-1, r.store.clock.Now(), t, r.numbers, r.fresh[:0])
	if len(r.fresh) > 0 {
		sh.markPresent(r.fresh)
	}
	return r.makeRoom()
}

// nameColumns gives the columns of a replayed table their names. Columns of
// fields that were forgotten later are left out: their rows are deleted.
func (r *replayer) nameColumns(sh *shard, lsn uint64, x *wal.Rows) (*model.Table, error) {
	t := x.Table
	r.numbers, r.columns = r.numbers[:0], r.columns[:0]
	for i := range t.Columns {
		c := t.Columns[i]
		def, ok := sh.fields.number(x.Fields[i])
		switch {
		case !ok && sh.fields.covers(lsn):
			continue
		case !ok:
			return nil, &CorruptError{File: "log", Offset: -1, Reason: fmt.Sprintf("rows have field %d, which nothing defines", x.Fields[i])}
		case def.Type != c.Type:
			return nil, &CorruptError{File: "log", Offset: -1, Reason: fmt.Sprintf(
				"rows have field %d (%q) of type %v, it is defined as %v", def.Number, def.Name, c.Type, def.Type)}
		}
		c.Name = []byte(def.Name)
		t.Measurement = []byte(def.Measurement)
		r.columns = append(r.columns, c)
		r.numbers = append(r.numbers, def.Number)
	}
	if len(r.columns) == 0 {
		return nil, nil
	}
	if slices.Contains(t.Series, 0) {
		return nil, &CorruptError{File: "log", Offset: -1, Reason: "rows have no series"}
	}
	out := *t
	out.Columns = r.columns
	return &out, nil
}

// makeRoom flushes the largest caches while all together are too large.
func (r *replayer) makeRoom() error {
	s := r.store
	for s.cacheAccount.Used() >= s.opt.CacheFlushBytes {
		var largest *shard
		for _, db := range s.databases {
			for _, sh := range db.list() {
				if largest == nil || sh.activeBytes() > largest.activeBytes() {
					largest = sh
				}
			}
		}
		if largest == nil || largest.activeBytes() == 0 {
			return nil
		}
		before := s.cacheAccount.Used()
		if err := largest.flush(r.ctx); err != nil {
			return err
		}
		if s.cacheAccount.Used() >= before {
			return nil
		}
	}
	return nil
}

func (r *replayer) applyDelete(lsn uint64, x *wal.Delete) error {
	series, err := decodeSeriesSet(slices.Clone(x.Series))
	if err != nil {
		return err
	}
	for _, mark := range x.Shards {
		sh, err := r.shard(x.Database, mark.Shard, lsn)
		if err != nil {
			return err
		}
		if sh == nil {
			continue
		}
		del := shardDelete{series: series, span: model.TimeRange{Min: x.Min, Max: x.Max}}
		if !sh.fields.covers(lsn) {
			del.forget = string(x.Measurement)
		}
		// Files that replay itself has made hold older rows only; those of before
		// the crash may hold newer ones.
		newest := mark.MaxGeneration
		if lsn > sh.manifest.state.flushed {
			newest = max(newest, sh.next-1)
		}
		sh.next = max(sh.next, newest+1)
		sh.applyDelete(&del, lsn, newest)
	}
	return nil
}

// decodeSeriesSet reads a roaring bitmap, which keeps b. The decoder of the
// library is not made for hostile bytes, so its panics are taken as damage.
func decodeSeriesSet(b []byte) (bm *roaring.Bitmap, err error) {
	defer func() {
		if p := recover(); p != nil {
			bm, err = nil, &CorruptError{File: "log", Offset: -1, Reason: fmt.Sprintf("series of a delete: %v", p)}
		}
	}()
	bm = roaring.New()
	if len(b) == 0 {
		return bm, nil
	}
	if _, err := bm.FromBuffer(b); err != nil {
		return nil, &CorruptError{File: "log", Offset: -1, Reason: fmt.Sprintf("series of a delete: %v", err)}
	}
	return bm, nil
}

// isDamage reports whether an error tells of bytes that are not what was
// written.
func isDamage(err error) bool {
	return errors.Is(err, cursor.ErrCorrupt) || errors.Is(err, wal.ErrCorrupt) || errors.Is(err, errIndexCorrupt)
}
