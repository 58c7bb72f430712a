package query

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// newRawScan yields the rows of a source as points: merged over the series of a group when the statement needs them in
// order of time, otherwise window by window. It is nil when the source has nothing to offer.
func newRawScan(s *source) (iterator, error) {
	var main *influxql.VarRef
	if s.opt.expr != nil {
		main = s.opt.expr.(*influxql.VarRef)
	}
	layout, ok := newRowLayout(s, main)
	if !ok {
		return nil, nil
	}
	if main != nil {
		if offered, err := s.offers(layout.fields[layout.main]); err != nil || !offered {
			return nil, err
		}
	}
	return &rawScan{source: s, layout: layout}, nil
}

// rawScan walks the groups of a source. The series of groups with one outer tagset are open at the same time.
type rawScan struct {
	source *source
	layout *rowLayout
	group  int // next to open
	in     iterator

	ahead     []*rawSeries // of the groups from the next on
	headBytes int64        // reserved for the first rows of those made last

	selectedBytes atomic.Int64 // reserved for the selected rows of those made last
}

func (r *rawScan) next() (*point, error) {
	for {
		if r.in != nil {
			p, err := r.in.next()
			if err != nil || p != nil {
				return p, err
			}
			r.in.close()
			r.in = nil
		}
		if r.group == len(r.source.groups) {
			return nil, nil
		}
		if err := r.openNext(); err != nil {
			return nil, err
		}
	}
}

// openNext opens the groups that share the next outer tagset.
func (r *rawScan) openNext() error {
	s := r.source
	outer := s.groups[r.group].outer
	end := r.group + 1
	for end < len(s.groups) && s.groups[end].outer.id == outer.id {
		end++
	}
	if len(r.ahead) == 0 {
		if err := r.lookAhead(end); err != nil {
			return err
		}
	}
	w := &shardWalk{opt: s.opt, spans: s.view.shards}
	for ; r.group < end; r.group++ {
		g := &s.groups[r.group]
		group := walkGroup{left: -1, series: r.ahead[:g.last-g.first]}
		if n := s.opt.limit; n > 0 {
			group.left = addCounts(n, s.opt.rowOffset)
		}
		r.ahead = r.ahead[g.last-g.first:]
		w.groups = append(w.groups, group)
	}
	r.in = w
	return r.peekTogether(w)
}

// peekTogether reads the first rows of all series of a walk on several goroutines: none can be handed out before.
func (r *rawScan) peekTogether(w *shardWalk) error {
	var list []*rawSeries
	for i := range w.groups {
		for _, s := range w.groups[i].series {
			if !s.fetched {
				list = append(list, s)
			}
		}
	}
	return r.source.run.split(len(list), func(from, to int) error {
		for _, s := range list[from:to] {
			if _, _, err := s.peek(); err != nil {
				return err
			}
		}
		return nil
	})
}

// split cuts n pieces of work into as many parts as there are workers and does them at the same time. It returns one of
// their errors.
func (r *statementRun) split(n int, do func(from, to int) error) error {
	workers := min(r.engine.opt.Workers, n)
	if workers <= 1 {
		return do(0, n)
	}
	errs := make([]error, workers)
	var running sync.WaitGroup
	for k := range workers {
		running.Add(1)
		go func() {
			defer running.Done()
			defer r.caught(&errs[k])
			errs[k] = do(k*n/workers, (k+1)*n/workers)
		}()
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *rawScan) close() {
	if r.in != nil {
		r.in.close()
		r.in = nil
	}
	r.group, r.ahead = len(r.source.groups), nil
}

// openSeriesBytes is what a series that is open in a merge is reckoned with: its cursor and the points at hand.
const openSeriesBytes = 2 << 10

// rawSeries yields the rows of one series as points.
type rawSeries struct {
	scan   *rawScan
	group  *seriesGroup
	series *sourceSeries
	ids    [1]model.SeriesID

	head    *point // the first row, when it was fetched beforehand; not yet handed out
	fetched bool   // it was, or all rows that batch has
	empty   bool   // there are no further rows
	edge    int64  // timestamp of the last row that was fetched

	cursor cursor.Cursor
	opened bool
	filter rowFilter
	tags   []value // constants among the aux values
	slab   slab

	batch *cursor.Batch
	keep  []uint64
	row   int
	gate  *shardGate // nil: all rows pass
}

func (r *rawSeries) open() error {
	s := r.scan.source
	r.opened = true
	r.ids[0] = r.series.id
	req := cursor.Request{
		Measurement: s.measurement,
		Series:      r.ids[:],
		Fields:      r.scan.layout.fields,
		Range:       r.rest(),
		Descending:  !s.opt.ascending,
		First:       s.rowsWanted(),
	}
	if r.filter = r.scan.layout.filterFor(s, r.series); r.filter != nil {
		req.Offer = r.passOver
	}
	cur, err := s.view.view.Read(s.run.ctx, req)
	if err != nil {
		return err
	}
	if _, ok := cur.NextSeries(); !ok {
		err := cur.Err()
		cur.Close()
		return err
	}
	if err := s.run.memory.reserve(openSeriesBytes); err != nil {
		cur.Close()
		return err
	}
	r.cursor = cur
	r.tags = auxConstants(r.scan.layout, r.series)
	return nil
}

// passOver takes rows as read that cannot pass the filter.
func (r *rawSeries) passOver(s *cursor.Summary) cursor.Reply {
	if r.filter.rulesOut(s) {
		return cursor.Accept
	}
	return cursor.Decline
}

// rowsWanted returns how many rows of a series a statement with a limit wants at most, 0 without one.
func (s *source) rowsWanted() int {
	if s.opt.limit == 0 {
		return 0
	}
	return s.opt.limit + s.opt.rowOffset
}

// auxConstants returns the aux values of a series with the tags filled in.
func auxConstants(l *rowLayout, series *sourceSeries) []value {
	if len(l.aux) == 0 {
		return nil
	}
	values := make([]value, len(l.aux))
	for i, place := range l.aux {
		if place.tags != nil {
			values[i] = place.tags.value(series.place)
		}
	}
	return values
}

// rest returns the time range that is still to be read.
func (r *rawSeries) rest() model.TimeRange {
	opt := r.scan.source.opt
	span := model.TimeRange{Min: opt.start, Max: opt.end}
	switch {
	case !r.fetched:
	case opt.ascending:
		span.Min = r.edge + 1
	default:
		span.Max = r.edge - 1
	}
	return span
}

func (r *rawSeries) next() (*point, error) {
	if p := r.head; p != nil {
		if r.gate != nil && !r.gate.passes(p.time) {
			return nil, nil
		}
		r.head = nil
		return p, nil
	}
	i, ok, err := r.peek()
	if err != nil || !ok || r.gate != nil && !r.gate.passes(r.batch.Times[i]) {
		return nil, err
	}
	r.row = i + 1
	return r.point(i), nil
}

// peekTime returns the timestamp of the next row that counts, without taking it.
func (r *rawSeries) peekTime() (t int64, ok bool, err error) {
	if r.head != nil {
		return r.head.time, true, nil
	}
	row, ok, err := r.peek()
	if !ok || err != nil {
		return 0, false, err
	}
	return r.batch.Times[row], true, nil
}

// peek moves to the next row that counts, without taking it, and returns its place in the batch.
func (r *rawSeries) peek() (row int, ok bool, err error) {
	for {
		if r.batch != nil {
			if i, ok := nextBit(r.keep, r.row); ok {
				return i, true, nil
			}
			r.batch = nil
		}
		if !r.opened && !r.empty {
			if err := r.open(); err != nil {
				return 0, false, err
			}
		}
		if r.cursor == nil {
			return 0, false, nil
		}
		b := r.cursor.Next()
		if b == nil {
			err := r.cursor.Err()
			r.close()
			return 0, false, err
		}
		if err := r.scan.source.run.countPoints(len(b.Times)); err != nil {
			return 0, false, err
		}
		r.batch, r.row = b, 0
		r.keep = r.scan.layout.selectRows(b, r.filter, r.keep)
	}
}

// point builds the point of a row.
func (r *rawSeries) point(i int) *point {
	l := r.scan.layout
	var p *point
	if pool := r.scan.source.opt.pool; pool != nil {
		p = pool.point(len(l.aux))
	} else {
		p = r.slab.point()
		p.aux = r.slab.list(len(l.aux))
	}
	p.name, p.tags, p.time = r.scan.source.measurement, r.group.tags, r.batch.Times[i]
	if l.main >= 0 {
		p.val = columnValue(&r.batch.Columns[l.main], i)
	}
	for j, place := range l.aux {
		if place.column >= 0 {
			p.aux[j] = columnValue(&r.batch.Columns[place.column], i)
		} else {
			p.aux[j] = r.tags[j]
		}
	}
	return p
}

func (r *rawSeries) close() {
	r.opened, r.head, r.batch = true, nil, nil
	if r.cursor != nil {
		r.cursor.Close()
		r.cursor = nil
		r.scan.source.run.memory.release(openSeriesBytes)
	}
}

// nextBit returns the first set bit at or behind from.
func nextBit(words []uint64, from int) (int, bool) {
	w := from >> 6
	if w >= len(words) {
		return 0, false
	}
	x := words[w] >> (from & 63) << (from & 63)
	for x == 0 {
		if w++; w == len(words) {
			return 0, false
		}
		x = words[w]
	}
	return w<<6 + bits.TrailingZeros64(x), true
}
