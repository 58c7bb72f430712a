package tsdb

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
	"github.com/timberlinedb/timberline/tsm"
)

// maxBatchRows is the number of rows of a batch at most.
const maxBatchRows = 1024

// Read opens a cursor over the series of a request.
func (v *view) Read(ctx context.Context, req cursor.Request) (cursor.Cursor, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &seriesCursor{ctx: ctx, view: v, req: req, series: -1}
	c.span = req.Range.Intersect(v.span)
	for _, sv := range v.shards {
		if c.span.Overlaps(sv.spec.Range) {
			c.shards = append(c.shards, newShardCursor(sv, &req, c.span, v.durable))
		}
	}
	if req.Descending {
		slices.Reverse(c.shards)
	}
	c.batch.Columns = make([]cursor.Column, len(req.Fields))
	c.words = make([][]uint64, len(req.Fields))
	c.columns = make([]cursor.Column, len(req.Fields))
	return c, nil
}

// seriesCursor is a cursor.Cursor. For each series it walks the shards in order
// of time, and in each shard the merged rows of files and caches.
type seriesCursor struct {
	ctx    context.Context
	view   *view
	req    cursor.Request
	span   model.TimeRange
	shards []*shardCursor

	series int  // index in the request
	shard  int  // index in shards
	opened bool // the shard's merger is on the current series

	// Rows [at, end) of rows are still to be handed out; columns are those of
	// the request.
	rows    *tsm.SeriesRows
	columns []cursor.Column
	at, end int

	// Instead of rows: the source whose first unit the summary describes.
	offered *source
	summary cursor.Summary
	enough  bool // the reader wants no more of the series

	most int // rows of the next batch

	batch cursor.Batch
	words [][]uint64
	times []int64
	owned []cursor.Column
	err   error
}

// NextSeries moves to the next series that has rows.
func (c *seriesCursor) NextSeries() (index int, ok bool) {
	for c.err == nil && c.series+1 < len(c.req.Series) {
		c.series++
		c.shard, c.opened, c.rows, c.enough = 0, false, nil, false
		if c.most = maxBatchRows; c.req.First > 0 {
			c.most = min(c.req.First, maxBatchRows)
		}
		if c.series&63 == 0 {
			if c.err = c.ctx.Err(); c.err != nil {
				break
			}
		}
		if c.advance(c.req.Offer != nil) {
			return c.series, true
		}
	}
	return 0, false
}

// Next returns the next rows of the series.
func (c *seriesCursor) Next() *cursor.Batch {
	if c.err != nil || c.series < 0 || c.series >= len(c.req.Series) {
		return nil
	}
	if c.offered == nil && (c.rows == nil || c.at == c.end) {
		if c.err = c.ctx.Err(); c.err != nil || c.enough || !c.advance(c.req.Offer != nil) {
			return nil
		}
	}
	for c.offered != nil {
		if !c.settleOffer() {
			return nil
		}
	}
	most := c.most
	c.most = maxBatchRows
	if c.req.Descending {
		return c.takeLast(most)
	}
	return c.takeFirst(most)
}

// settleOffer asks the reader about the summary at hand and goes on; false when
// the series has no more.
func (c *seriesCursor) settleOffer() bool {
	reply := c.req.Offer(&c.summary)
	if reply == cursor.Decline {
		return c.advance(false)
	}
	c.shards[c.shard].merger.skip(c.offered)
	if reply == cursor.Enough {
		c.offered, c.enough = nil, true
		return false
	}
	return c.advance(true)
}

// Err returns the error that ended the walk.
func (c *seriesCursor) Err() error { return c.err }

// Close forgets the blocks that were decoded.
func (c *seriesCursor) Close() error {
	for _, sc := range c.shards {
		for i := range sc.sources {
			if s := &sc.sources[i]; s.cache != nil {
				s.cache.close()
			} else {
				s.file.forget()
			}
		}
	}
	c.shards, c.rows = nil, nil
	c.series = len(c.req.Series)
	return nil
}

// advance gets the next rows of the current series, or, with offer, a summary of
// them; false when there are none.
func (c *seriesCursor) advance(offer bool) bool {
	c.rows, c.offered = nil, nil
	for c.shard < len(c.shards) {
		sc := c.shards[c.shard]
		if !c.opened {
			if c.err = sc.open(c.req.Series, c.series, c.span, c.req.Descending); c.err != nil {
				break
			}
			c.opened = true
		}
		if offer && sc.summable {
			if c.offered, c.err = sc.summarize(&c.summary); c.offered != nil {
				return true
			} else if c.err != nil {
				break
			}
		}
		offer = c.req.Offer != nil
		rows, err := sc.merger.next()
		if err != nil {
			c.err = err
			break
		}
		if rows == nil {
			c.shard++
			c.opened = false
			continue
		}
		if len(rows.Columns) == 0 {
			continue // none of the fields asked for has a value
		}
		c.rows, c.at, c.end = rows, 0, len(rows.Times)
		sc.columns(c.columns, c.req.Fields, rows)
		return true
	}
	if c.err != nil {
		c.err = c.view.db.store.readFailed(c.err)
	}
	return false
}

func (c *seriesCursor) takeFirst(most int) *cursor.Batch {
	from, to := c.at, min(c.at+most, c.end)
	c.at = to
	c.batch.Times = c.rows.Times[from:to]
	for i := range c.columns {
		if to-from == len(c.rows.Times) {
			c.batch.Columns[i] = c.columns[i]
			continue
		}
		c.words[i] = sliceColumn(&c.batch.Columns[i], &c.columns[i], from, to, c.words[i])
	}
	return &c.batch
}

// takeLast hands out the rows from the last one on, newest first.
func (c *seriesCursor) takeLast(most int) *cursor.Batch {
	from, to := max(c.at, c.end-most), c.end
	c.end = from
	c.times = appendReversed(c.times[:0], c.rows.Times[from:to])
	if c.owned == nil {
		c.owned = make([]cursor.Column, len(c.columns))
	}
	c.batch.Times = c.times
	for i := range c.columns {
		reverseColumn(&c.owned[i], &c.columns[i], from, to)
		c.batch.Columns[i] = c.owned[i]
	}
	return &c.batch
}

// shardCursor reads series of one shard of a view.
type shardCursor struct {
	view    *shardView
	fields  []int // column of a request: index in numbers, or -1
	numbers []uint32

	sources []shardSource // from the oldest to the newest
	files   []*fileSource
	merger  merger

	single   bool // one series is asked for
	summable bool // summaries are asked for, and all fields have the type asked for
}

// shardSource is a source with what tells its deleted rows.
type shardSource struct {
	source     *source
	file       *fileSource  // one of these
	cache      *cacheSource // two
	deletes    []tsm.Delete // that may apply
	generation uint64
}

func newShardCursor(sv *shardView, req *cursor.Request, span model.TimeRange, durable uint64) *shardCursor {
	sc := &shardCursor{view: sv, summable: req.Offer != nil, single: len(req.Series) == 1}
	var summed []summedField
	for _, f := range req.Fields {
		at := -1
		def, ok := sv.sh.fields.lookup([]byte(req.Measurement), []byte(f.Name))
		ok = ok && readable(def.Type, f.Type)
		summed = append(summed, summedField{number: def.Number, typ: f.Type, known: ok})
		if ok {
			sc.summable = sc.summable && def.Type == f.Type
			at = len(sc.numbers)
			if k := slices.Index(sc.numbers, def.Number); k >= 0 {
				at = k
			} else {
				sc.numbers = append(sc.numbers, def.Number)
			}
		}
		sc.fields = append(sc.fields, at)
	}
	if len(sc.numbers) > 0 {
		sc.addSources(req.Measurement, len(req.Series), durable)
	}
	for i := range sc.sources {
		switch s := &sc.sources[i]; {
		case s.cache != nil:
			s.cache.begin(span, req.Descending, req.First)
			s.cache.gaps = sc.summable
		case sc.summable:
			s.file.summed(summed)
			s.file.hours = newHourCutter(s.file, req, sv.sh.store)
		default:
			s.file.few = req.First > 0 && req.First <= fewRows
		}
	}
	return sc
}

// readable reports whether values of one type can be read as another.
func readable(have, want model.FieldType) bool {
	return have == want || numeric(have) && numeric(want)
}

// addSources makes a source of every file and of every cache that has rows of
// the measurement. An empty measurement stands for all of them.
func (sc *shardCursor) addSources(measurement string, series int, durable uint64) {
	sv := sc.view
	for _, f := range sv.files {
		if sc.numbers != nil && !slices.ContainsFunc(sc.numbers, f.has) {
			continue
		}
		s := newFileSource(f, sc.numbers)
		s.single = sc.single
		f.reader.Hasten(series)
		sc.files = append(sc.files, s)
		info := f.reader.Info()
		sc.sources = append(sc.sources, shardSource{
			source: &s.source, file: s, generation: f.Generation, deletes: deletesOf(sv.deletes, info),
		})
	}
	for _, c := range sv.frozen {
		info := tsm.Info{Generation: c.generation, Range: allTimestamps}
		for _, ct := range c.tablesOf(measurement) {
			sc.addCache(c, ct, ct.limitIn(c, durable), c.generation, deletesOf(sv.deletes, info))
		}
	}
	for _, ct := range sv.active.tablesOf(measurement) {
		sc.addCache(sv.active, ct, sv.limit(sv.active, ct, durable), newest, nil)
	}
	slices.SortStableFunc(sc.sources, func(a, b shardSource) int { return cmp.Compare(a.generation, b.generation) })
}

func (sc *shardCursor) addCache(c *cache, ct *cacheTable, limit uint32, generation uint64, deletes []tsm.Delete) {
	s := newCacheSource(c, ct, limit, sc.numbers)
	sc.sources = append(sc.sources, shardSource{source: &s.source, cache: s, generation: generation, deletes: deletes})
}

// deletesOf returns those of deletes that apply to a file.
func deletesOf(deletes []tsm.Delete, info tsm.Info) []tsm.Delete {
	var out []tsm.Delete
	for i := range deletes {
		if d := &deletes[i]; applies(d, info) {
			out = append(out, *d)
		}
	}
	return out
}

// applies reports whether a delete takes rows from a file.
func applies(d *tsm.Delete, info tsm.Info) bool {
	return info.Generation <= d.MaxGeneration && d.Sequence > info.AppliedDeletes && d.Range.Overlaps(info.Range)
}

// open prepares the rows of series at of a request in a time range.
func (sc *shardCursor) open(series []model.SeriesID, at int, r model.TimeRange, descending bool) error {
	id := series[at]
	sc.merger.reset(r, descending)
	for _, l := range sc.view.lost {
		if l.Range.Overlaps(r) {
			return fmt.Errorf("file %d of shard %d cannot be read: %w", l.Number, sc.view.spec.ID, l.err)
		}
	}
	for i := range sc.sources {
		s := &sc.sources[i]
		if s.cache != nil {
			s.cache.open(series, at)
		} else if err := s.file.open(id, r); err != nil {
			return err
		}
		s.source.dead = s.source.dead[:0]
		for k := range s.deletes {
			if s.deletes[k].Series.Contains(uint32(id)) {
				s.source.dead = append(s.source.dead, s.deletes[k].Range)
			}
		}
		sc.merger.add(s.source)
	}
	return nil
}

// summarize fills in a summary of the rows that come next and returns the source
// whose first unit they are; nil when there is no summary of them. Units in which
// no field asked for has a value are passed over.
func (sc *shardCursor) summarize(dst *cursor.Summary) (*source, error) {
	for {
		s := sc.merger.alone()
		if s == nil || s.describe == nil {
			return nil, nil
		}
		ok, err := s.describe(sc.merger.front(s), dst)
		if err != nil || !ok {
			return nil, err
		}
		for i := range dst.Fields {
			if dst.Fields[i].Count > 0 {
				return s, nil
			}
		}
		sc.merger.skip(s)
	}
}

// columns fills dst with the columns of rows that the request names.
func (sc *shardCursor) columns(dst []cursor.Column, fields []cursor.Field, rows *tsm.SeriesRows) {
	for i, at := range sc.fields {
		dst[i] = cursor.Column{Type: fields[i].Type, Absent: true}
		if at < 0 {
			continue
		}
		number := sc.numbers[at]
		for k := range rows.Columns {
			if rows.Columns[k].Field == number {
				dst[i] = readColumn(&rows.Columns[k], fields[i].Type)
				break
			}
		}
	}
}
