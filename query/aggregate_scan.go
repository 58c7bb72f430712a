package query

import (
	"cmp"
	"container/heap"
	"context"
	"math/bits"
	"slices"
	"sort"
	"sync"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// aggregateScan computes a function over the series of a source straight from the columns. The series, in order of the
// answer, are cut into units that run on several goroutines; each yields the cells of its series, and the cells are
// joined in the order of the series, whatever the units did in which order. That keeps sums of floats the same from
// run to run.
type aggregateScan struct {
	source *source
	layout *rowLayout
	kind   aggregateKind
	typ    model.FieldType
	early  bool // the first or last row of each series is enough

	units   [][2]int // ranges of source.series
	started int
	flying  []chan unitResult
	cancel  context.CancelFunc
	ctx     context.Context
	running sync.WaitGroup

	group   int    // whose cells are being joined
	inOrder bool   // the order of additions shows: cells are held and added as heldCells tells
	held    []cell // of the group
	joined  []joinedCell
	heads   []cell // of the group, when one row of each series is enough to know
	byStart map[int64]int
	outer   []*point // of the outer group at hand, when it has several tagsets
	ready   []*point
	next0   int
	done    bool
}

// unitResult is what one unit of work found.
type unitResult struct {
	cells []cell
	err   error
}

// joinedCell joins the cells of one window over the series of a group.
type joinedCell struct {
	cell
	sum float64 // of weighted means
}

// newAggregateScan returns an iterator over the results of the call in the options, nil when the function is not
// computed from columns.
func newAggregateScan(s *source, call *influxql.Call) (iterator, error) {
	kind := aggregateKinds[call.Name]
	ref, ok := call.Args[0].(*influxql.VarRef)
	if kind == aggregateNone || !ok {
		return nil, nil
	}
	layout, ok := newRowLayout(s, ref)
	if !ok {
		return emptyIterator{}, nil
	}
	typ := layout.fields[layout.main].Type
	if newColumnAggregator(kind, typ, &s.opt.windows, s.opt.ascending, layout) == nil {
		return nil, errCallType(call.Name, typ)
	}
	a := &aggregateScan{source: s, layout: layout, kind: kind, typ: typ, byStart: make(map[int64]int)}
	a.inOrder = kind == aggregateMean || kind == aggregateSum && typ == model.Float
	a.early = s.opt.interval == 0 && (kind == aggregateFirst || kind == aggregateLast)
	a.ctx, a.cancel = context.WithCancel(s.run.ctx)
	a.units = cutUnits(len(s.series), s.run.engine.opt.Workers)
	return a, nil
}

// Bounds on the number of series in a unit of work.
const (
	maxUnitSeries  = 512
	unitsPerWorker = 8
)

// cutUnits cuts n series into ranges that keep the workers evenly busy.
func cutUnits(n, workers int) [][2]int {
	size := min(max(n/(workers*unitsPerWorker), 1), maxUnitSeries)
	units := make([][2]int, 0, (n+size-1)/size)
	for from := 0; from < n; from += size {
		units = append(units, [2]int{from, min(from+size, n)})
	}
	return units
}

func (a *aggregateScan) close() {
	a.cancel()
	a.running.Wait()
	a.done, a.flying = true, nil
}

func (a *aggregateScan) next() (*point, error) {
	for a.next0 == len(a.ready) {
		a.ready, a.next0 = a.ready[:0], 0
		if a.done {
			return nil, nil
		}
		if err := a.takeUnit(); err != nil {
			return nil, err
		}
	}
	p := a.ready[a.next0]
	a.next0++
	return p, nil
}

// takeUnit joins the cells of the next unit. Groups that are complete with it become ready.
func (a *aggregateScan) takeUnit() error {
	a.launch()
	if len(a.flying) == 0 {
		a.done = true
		a.finishGroup()
		a.finishOuter()
		return nil
	}
	res := <-a.flying[0]
	a.flying = a.flying[1:]
	if res.err != nil {
		return res.err
	}
	a.launch()
	for i := range res.cells {
		c := &res.cells[i]
		if int(c.group) != a.group {
			a.finishGroup()
			if a.source.groups[c.group].outer.id != a.source.groups[a.group].outer.id {
				a.finishOuter()
			}
			a.group = int(c.group)
		}
		a.join(c)
	}
	return nil
}

// launch keeps as many units running as there are workers.
func (a *aggregateScan) launch() {
	for a.started < len(a.units) && len(a.flying) < a.source.run.engine.opt.Workers {
		unit := a.units[a.started]
		a.started++
		result := make(chan unitResult, 1)
		a.flying = append(a.flying, result)
		if len(a.units) == 1 {
			result <- a.runUnit(unit)
			continue
		}
		a.running.Add(1)
		go func() {
			defer a.running.Done()
			result <- a.runUnit(unit)
		}()
	}
}

// runUnit computes the cells of a range of series.
func (a *aggregateScan) runUnit(unit [2]int) unitResult {
	s := a.source
	series := s.series[unit[0]:unit[1]]
	ids := make([]model.SeriesID, len(series))
	for i := range series {
		ids[i] = series[i].id
	}
	ascending := s.opt.ascending
	if a.early {
		ascending = a.kind == aggregateFirst
	}
	cur, err := s.view.view.Read(a.ctx, cursor.Request{
		Measurement: s.measurement, Series: ids, Fields: a.layout.fields,
		Range: model.TimeRange{Min: s.opt.start, Max: s.opt.end}, Descending: !ascending,
	})
	if err != nil {
		return unitResult{err: err}
	}
	defer cur.Close()
	u := unitRun{scan: a, cur: cur}
	u.base, u.agg = a.aggregator(ascending)
	if a.inOrder && len(s.view.shards) > 1 {
		u.base.shards = s.view.shards
	}
	group := sort.Search(len(s.groups), func(g int) bool { return s.groups[g].last > unit[0] })
	for {
		i, ok := cur.NextSeries()
		if !ok {
			break
		}
		for s.groups[group].last <= unit[0]+i {
			group++
		}
		if err := u.series(&series[i], int32(group), int32(unit[0]+i)); err != nil {
			return unitResult{err: err}
		}
	}
	if err := cur.Err(); err != nil {
		return unitResult{err: err}
	}
	return unitResult{cells: u.cells, err: s.run.memory.reserve(int64(len(u.cells)) * cellBytes)}
}

const cellBytes = 128

// aggregator returns a fresh aggregator with the part of it that knows the tags of the series.
func (a *aggregateScan) aggregator(ascending bool) (*cellRunner, columnAggregator) {
	agg := newColumnAggregator(a.kind, a.typ, &a.source.opt.windows, ascending, a.layout)
	switch agg := agg.(type) {
	case *numberAggregator[float64]:
		return &agg.cellRunner, agg
	case *numberAggregator[int64]:
		return &agg.cellRunner, agg
	case *numberAggregator[uint64]:
		return &agg.cellRunner, agg
	case *valueAggregator:
		return &agg.cellRunner, agg
	}
	return nil, nil
}

// unitRun is the state of one unit of work.
type unitRun struct {
	scan  *aggregateScan
	cur   cursor.Cursor
	base  *cellRunner
	agg   columnAggregator
	keep  []uint64
	cells []cell
}

// series computes the cells of the series the cursor stands at.
func (u *unitRun) series(series *sourceSeries, group, place int32) error {
	l := u.scan.layout
	filter := l.filterFor(u.scan.source, series)
	u.base.constants = auxConstants(l, series.tags)
	from := len(u.cells)
	for b := u.cur.Next(); b != nil; b = u.cur.Next() {
		if err := u.scan.source.run.countPoints(len(b.Times)); err != nil {
			return err
		}
		main := &b.Columns[l.main]
		if filter == nil && main.Present == nil && !main.Absent && !u.scan.early {
			u.keep = allBits(u.keep, len(b.Times))
			u.agg.run(b, u.keep, true)
			continue
		}
		u.keep = l.selectRows(b, filter, u.keep)
		if u.scan.early && !firstBitOnly(u.keep) {
			continue
		}
		u.agg.run(b, u.keep, false)
		if u.scan.early {
			break
		}
	}
	u.cells = u.agg.flush(u.cells)
	for i := from; i < len(u.cells); i++ {
		u.cells[i].group, u.cells[i].series = group, place
	}
	return nil
}

// allBits returns n set bits in the given memory.
func allBits(buf []uint64, n int) []uint64 {
	words := bitWords(n)
	if cap(buf) < words {
		buf = make([]uint64, words)
	}
	buf = buf[:words]
	fillBits(buf, n)
	return buf
}

// firstBitOnly clears all set bits but the first; false when there is none.
func firstBitOnly(words []uint64) bool {
	for i, w := range words {
		if w != 0 {
			clear(words)
			words[i] = 1 << bits.TrailingZeros64(w)
			return true
		}
	}
	return false
}

// join adds the cell of a series to the window of its group.
func (a *aggregateScan) join(c *cell) {
	switch {
	case a.early:
		a.heads = append(a.heads, *c)
		return
	case a.inOrder && len(a.joined) == 0:
		if a.held = append(a.held, *c); len(a.held) > maxHeldCells {
			a.releaseHeld()
		}
		return
	}
	a.add(c)
}

// add adds a cell to its window.
func (a *aggregateScan) add(c *cell) {
	i, ok := a.byStart[c.window]
	if !ok {
		a.byStart[c.window] = len(a.joined)
		a.joined = append(a.joined, joinedCell{cell: *c, sum: weighted(c)})
		return
	}
	j := &a.joined[i]
	switch a.kind {
	case aggregateCount, aggregateSum:
		j.val = addValues(j.val, c.val)
		j.n += c.n
	case aggregateMean:
		j.sum += weighted(c)
		j.n += c.n
	case aggregateSpread:
		if c.val.less(j.val) {
			j.val = c.val
		}
		if j.most.less(c.most) {
			j.most = c.most
		}
		j.n += c.n
	default:
		if a.kind.better(&point{time: c.time, val: c.val}, &point{time: j.time, val: j.val}) {
			n := j.n + c.n
			j.cell = *c
			j.n = n
		}
	}
}

// bestHead returns the best of the first or last rows of the series. Rows that are equal in time and value come in the
// order of a merge by time, newest first for last().
func (a *aggregateScan) bestHead() *cell {
	best, ties := &a.heads[0], 0
	for i := 1; i < len(a.heads); i++ {
		c := &a.heads[i]
		switch {
		case a.kind.better(&point{time: c.time, val: c.val}, &point{time: best.time, val: best.val}):
			best, ties = c, 0
		case c.time == best.time && c.val.equal(best.val):
			ties++
		}
	}
	if ties == 0 {
		return best
	}
	time, val := best.time, best.val
	if spans := a.source.view.shards; len(spans) > 1 { // series of other shards are not in that merge
		shard := spans.of(time)
		a.heads = slices.DeleteFunc(a.heads, func(c cell) bool { return spans.of(c.time) != shard })
	}
	opt := *a.source.opt
	opt.ascending = a.kind == aggregateFirst
	if opt.ascending != a.source.opt.ascending {
		reverse(a.heads)
	}
	h := &mergeHeap{opt: &opt, sorted: true}
	for i := range a.heads {
		c := &a.heads[i]
		h.items = append(h.items, &mergeItem{point: &point{time: c.time, val: c.val, aux: c.aux}, place: i})
	}
	heap.Init(h)
	for h.Len() > 0 {
		if c := &a.heads[heap.Pop(h).(*mergeItem).place]; c.time == time && c.val.equal(val) {
			return c
		}
	}
	return &a.heads[0] // not reached: the best is among them
}

// weighted returns a mean times what it stands for.
func weighted(c *cell) float64 {
	f, _ := c.val.number()
	if c.n >= 2 {
		return f * float64(c.n)
	}
	return f
}

// finishGroup turns the windows of the group at hand into points.
func (a *aggregateScan) finishGroup() {
	if len(a.heads) > 0 {
		a.joined = append(a.joined, joinedCell{cell: *a.bestHead()})
		a.heads = a.heads[:0]
	}
	again := settlings
	if len(a.held) > 0 {
		a.joinHeld()
		again--
	}
	if len(a.joined) == 0 {
		return
	}
	g := &a.source.groups[a.group]
	points := make([]point, len(a.joined))
	list := make([]*point, len(a.joined))
	for i := range a.joined {
		j := &a.joined[i]
		p := &points[i]
		*p = point{name: a.source.measurement, tags: g.tags, time: j.time, val: j.val, aux: j.aux}
		switch a.kind {
		case aggregateCount, aggregateSum:
			p.n = j.n
		case aggregateMean:
			p.n = j.n
			p.val = floatValue(settledMean(j.sum/float64(j.n), j.n, again))
		case aggregateSpread:
			p.val = subtract(j.most, j.val)
		}
		if p.aux == nil && len(a.layout.aux) > 0 {
			p.aux = make([]value, len(a.layout.aux))
		}
		list[i] = p
	}
	a.joined = a.joined[:0]
	clear(a.byStart)
	a.sortByTime(list, false)
	a.outer = append(a.outer, list...)
}

// settlings is how often InfluxDB joins a mean with nothing on its way up: over the shards and over the sources.
const settlings = 2

// settledMean multiplies a mean by its weight and divides it again. Only the last digit can change.
func settledMean(mean float64, n uint32, times int) float64 {
	if n < 2 {
		return mean
	}
	for range times {
		mean = float64(mean*float64(n)) / float64(n)
	}
	return mean
}

// finishOuter makes the points of the outer group ready. With several tagsets they come window by window.
func (a *aggregateScan) finishOuter() {
	if len(a.outer) == 0 {
		return
	}
	if len(a.source.opt.groupBy) != len(a.source.opt.dimensions) {
		a.sortByTime(a.outer, true)
	}
	a.ready = append(a.ready, a.outer...)
	a.outer = a.outer[:0]
}

// sortByTime sorts points by window, and with tags set by time and tags within.
func (a *aggregateScan) sortByTime(points []*point, tags bool) {
	opt := a.source.opt
	slices.SortStableFunc(points, func(x, y *point) int {
		if !opt.ascending {
			x, y = y, x
		}
		wx, _ := opt.of(x.time)
		wy, _ := opt.of(y.time)
		if c := cmp.Compare(wx, wy); c != 0 || !tags {
			return c
		}
		if c := cmp.Compare(x.time, y.time); c != 0 && opt.ordered {
			return c
		}
		return cmp.Compare(x.tags.id, y.tags.id)
	})
}
