package tsdb

import (
	"context"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
	"github.com/timberlinedb/timberline/tsm"
)

// Live returns a view of those series only that filter selects and that have rows in r. It holds nothing of its own: it
// is good as long as v is open.
//
// Most series are decided without reading rows: shards and files that lie within r, ends of blocks, chains of caches.
// What is left, because of deletes and of blocks that reach over both ends of r, is read.
func (v *view) Live(ctx context.Context, measurement string, filter *model.TagFilter, r model.TimeRange) (cursor.View, error) {
	ids, err := v.search(measurement, filter)
	if err != nil {
		return nil, err
	}
	s := &liveSearch{ctx: ctx, view: v, measurement: measurement, span: r.Intersect(v.span), live: roaring.New(), unsure: roaring.New()}
	for _, sv := range v.shards {
		if !sv.spec.Range.Overlaps(s.span) {
			continue
		}
		here := roaring.And(ids, v.db.index.Present([]uint64{sv.spec.ID}))
		if s.span.Covers(sv.spec.Range) {
			s.live.Or(here)
			continue
		}
		if err := s.lookInto(sv, here); err != nil {
			return nil, err
		}
	}
	if err := s.readUnsure(); err != nil {
		return nil, err
	}
	return &view{db: v.db, span: v.span, durable: v.durable, shards: v.shards, ids: v.ids, present: s.live, lent: true}, nil
}

// liveSearch looks for the series that have rows in a time range.
type liveSearch struct {
	ctx         context.Context
	view        *view
	measurement string
	span        model.TimeRange
	live        *roaring.Bitmap
	unsure      *roaring.Bitmap // may be live as well, only reading their rows tells
}

// lookInto looks for the series ids in the caches and files of a shard.
func (s *liveSearch) lookInto(sv *shardView, ids *roaring.Bitmap) error {
	for _, ct := range sv.active.tablesOf(s.measurement) {
		if err := s.lookIntoCache(sv.active, ct, sv.limit(sv.active, ct, s.view.durable), ids, false); err != nil {
			return err
		}
	}
	for _, c := range sv.frozen {
		deleted := len(deletesOf(sv.deletes, tsm.Info{Generation: c.generation, Range: allTimestamps})) > 0
		for _, ct := range c.tablesOf(s.measurement) {
			if err := s.lookIntoCache(c, ct, ct.limitIn(c, s.view.durable), ids, deleted); err != nil {
				return err
			}
		}
	}
	for _, f := range sv.files {
		info := f.reader.Info()
		if info.Range.Empty() || !info.Range.Overlaps(s.span) {
			continue
		}
		found := roaring.And(ids, f.reader.SeriesIDs())
		found.AndNot(s.live)
		switch {
		case len(deletesOf(sv.deletes, info)) > 0:
			s.unsure.Or(found)
		case s.span.Covers(info.Range):
			s.live.Or(found)
		default:
			if err := s.lookIntoFile(f.reader, found); err != nil {
				return err
			}
		}
	}
	return nil
}

// liveStep is how many series are looked for between two looks at the context, and with a cache's lock held.
const liveStep = 1024

// lookIntoCache adds the series that have a row in the range in a cache table: to those that are unsure if some of its
// rows are deleted.
func (s *liveSearch) lookIntoCache(c *cache, ct *cacheTable, limit uint32, ids *roaring.Bitmap, deleted bool) error {
	w := chainWalk{table: ct, limit: limit, span: s.span}
	into := s.live
	if deleted {
		into = s.unsure
	}
	var (
		ch      chain
		batch   [liveStep]uint32
		missing = roaring.AndNot(ids, s.live)
	)
	for it := missing.ManyIterator(); ; {
		n := it.NextMany(batch[:])
		if n == 0 {
			return nil
		}
		if err := s.ctx.Err(); err != nil {
			return err
		}
		c.mu.RLock()
		for _, id := range batch[:n] {
			for ch.begin(&w, id); !ch.done(&w) && len(ch.rows) == 0; {
				ch.step(&w)
			}
			if len(ch.rows) > 0 {
				into.Add(id)
			}
		}
		c.mu.RUnlock()
	}
}

// lookIntoFile looks at the timestamps of shared blocks, and of the others at their ends, which are timestamps of rows.
func (s *liveSearch) lookIntoFile(r *tsm.Reader, ids *roaring.Bitmap) error {
	shared := roaring.New()
	if err := r.LiveInShared(s.ctx, ids, s.span, s.live, shared); err != nil {
		return err
	}
	r.Hasten(int(ids.GetCardinality() - shared.GetCardinality()))
	var blocks []tsm.BlockRef
	n := 0
	for it := roaring.AndNot(ids, shared).Iterator(); it.HasNext(); n++ {
		if n%liveStep == 0 && s.ctx.Err() != nil {
			return s.ctx.Err()
		}
		id, err := it.Next(), error(nil)
		if blocks, err = r.Blocks(model.SeriesID(id), s.span, blocks[:0]); err != nil {
			return err
		}
		for i := range blocks {
			b := &blocks[i]
			if s.span.Contains(b.Range.Min) || s.span.Contains(b.Range.Max) {
				s.live.Add(id)
				break
			}
			s.unsure.Add(id)
		}
	}
	return nil
}

// readUnsure reads the first rows of the series that are left.
func (s *liveSearch) readUnsure() error {
	s.unsure.AndNot(s.live)
	if s.unsure.IsEmpty() {
		return nil
	}
	fields, err := s.view.Fields(s.measurement)
	if err != nil {
		return err
	}
	req := cursor.Request{Measurement: s.measurement, Fields: fields, Range: s.span, First: 1}
	for it := s.unsure.Iterator(); it.HasNext(); {
		req.Series = append(req.Series, model.SeriesID(it.Next()))
	}
	c, err := s.view.Read(s.ctx, req)
	if err != nil {
		return err
	}
	for {
		i, ok := c.NextSeries()
		if !ok {
			break
		}
		if b := c.Next(); b != nil && len(b.Times) > 0 {
			s.live.Add(uint32(req.Series[i]))
		}
	}
	if err := c.Err(); err != nil {
		c.Close()
		return err
	}
	return c.Close()
}
