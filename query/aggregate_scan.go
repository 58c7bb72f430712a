package query

import (
	"cmp"
	"container/heap"
	"context"
	"math/bits"
	"slices"
	"sync"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// aggregateScan computes functions over the series of a source straight from the columns. The series, in order of the
// answer, are cut into units that run on several goroutines; each yields the cells of its series, and the cells are
// joined in the order of the series, whatever the units did in which order. That keeps sums of floats the same from
// run to run. The calls of a statement over the same rows share one scan, which reads all their fields together; each
// has its own iterator over its results.
type aggregateScan struct {
	source *source
	fields []cursor.Field // what the cursors are asked for
	calls  []*scanCall
	edge   aggregateKind // of scans for which the first or last row of each series is enough

	newest  newestProbe
	units   [][2]int // ranges of source.series
	started int
	flying  []chan unitResult
	cancel  context.CancelFunc
	ctx     context.Context
	running sync.WaitGroup
	closed  int // calls that are closed
	done    bool
	err     error
}

// scanCall is one function of a scan. It joins the cells that the units found for it.
type scanCall struct {
	scan     *aggregateScan
	place    int // among the calls
	layout   *rowLayout
	kind     aggregateKind
	typ      model.FieldType
	untimed  bool // the times of picked rows are not looked at
	finished bool // nobody reads on

	inOrder  bool   // the order of additions shows: cells are held and added as joinHeld tells
	held     []cell // of all groups; of one, when there is only one shard
	released bool   // there were too many of them

	group   int // whose cells are being joined
	joined  []joinedCell
	near    int    // where the last cell was joined
	heads   []cell // of the group, when one row of each series is enough to know
	strayed bool   // the windows joined are not in the order of the statement; byStart finds them
	byStart map[int64]int
	outer   []*point // of the outer group at hand, when it has several tagsets
	ready   []*point
	next0   int
	slab    slab
}

// unitResult is what one unit of work found for each call.
type unitResult struct {
	cells [][]cell
	err   error
}

// joinedCell joins the cells of one window over the series of a group.
type joinedCell struct {
	cell
	sum float64 // of weighted means
}

// newAggregateScan returns an iterator over the results of a call, nil when the source has nothing to offer. A scan among those given that reads the same rows and has not begun computes it too; otherwise
// a new one is returned.
func newAggregateScan(s *source, call *influxql.Call, untimed bool, scans []*aggregateScan) (iterator, *aggregateScan, error) {
	kind := aggregateKinds[call.Name]
	ref, ok := call.Args[0].(*influxql.VarRef)
	if kind == aggregateNone || !ok {
		return nil, nil, nil
	}
	edge := aggregateNone
	if s.opt.interval == 0 && (kind == aggregateFirst || kind == aggregateLast) {
		edge = kind
	}
	var a *aggregateScan
	for _, other := range scans {
		if other.source == s && other.edge == edge && other.started == 0 && !other.done {
			a = other
		}
	}
	var layout *rowLayout
	if a != nil {
		layout, ok = a.calls[len(a.calls)-1].layout.withMain(s, ref, a.fields)
	} else {
		layout, ok = newRowLayout(s, ref)
	}
	if !ok {
		return nil, nil, nil
	}
	if offered, err := s.offers(layout.fields[layout.main]); err != nil || !offered {
		return nil, nil, err
	}
	typ := layout.fields[layout.main].Type
	if newColumnAggregator(kind, typ, &s.opt.windows, s.opt.ascending, layout, untimed) == nil {
		return nil, nil, errCallType(call.Name, typ, bareInput)
	}
	fresh := a == nil
	if fresh {
		a = &aggregateScan{source: s, edge: edge, newest: newestProbe{from: influxql.MinTime}}
		a.ctx, a.cancel = context.WithCancel(s.run.ctx)
		a.units = cutUnits(len(s.series), s.run.engine.opt.Workers)
	}
	c := &scanCall{scan: a, place: len(a.calls), layout: layout, kind: kind, typ: typ, untimed: untimed}
	c.inOrder = kind == aggregateMean || kind == aggregateSum && typ == model.Float
	a.calls, a.fields = append(a.calls, c), layout.fields
	if fresh {
		return c, a, nil
	}
	return c, nil, nil
}

// Bounds on the number of series in a unit of work.
const (
	maxUnitSeries  = 512
	fewUnitSeries  = 4 // so many are in one unit, if there is a unit for every worker
	unitsPerWorker = 4
)

// cutUnits cuts n series into ranges that keep the workers evenly busy.
func cutUnits(n, workers int) [][2]int {
	size := min(max(n/(workers*unitsPerWorker), min((n+workers-1)/workers, fewUnitSeries), 1), maxUnitSeries)
	units := make([][2]int, 0, (n+size-1)/size)
	for from := 0; from < n; from += size {
		units = append(units, [2]int{from, min(from+size, n)})
	}
	return units
}

func (c *scanCall) close() {
	if c.finished {
		return
	}
	c.finished = true
	c.ready, c.outer, c.joined, c.heads = nil, nil, nil, nil
	a := c.scan
	if a.closed++; a.closed < len(a.calls) {
		return
	}
	a.cancel()
	a.running.Wait()
	a.done, a.flying = true, nil
}

func (c *scanCall) next() (*point, error) {
	for c.next0 == len(c.ready) {
		c.ready, c.next0 = c.ready[:0], 0
		if c.scan.err != nil {
			return nil, c.scan.err
		}
		if c.scan.done {
			return nil, nil
		}
		if c.scan.err = c.scan.takeUnit(); c.scan.err != nil {
			return nil, c.scan.err
		}
	}
	p := c.ready[c.next0]
	c.next0++
	return p, nil
}

// takeUnit joins the cells of the next unit. Groups that are complete with it become ready.
func (a *aggregateScan) takeUnit() error {
	if err := a.tryNewest(); err != nil {
		return err
	}
	a.launch()
	if len(a.flying) == 0 {
		a.done = true
		for _, c := range a.calls {
			if len(c.held) > 0 {
				c.joinHeld()
			}
			c.finishGroup()
			c.finishOuter()
		}
		return nil
	}
	res := <-a.flying[0]
	a.flying = a.flying[1:]
	if res.err != nil {
		return res.err
	}
	a.launch()
	for k, c := range a.calls {
		if !c.finished {
			c.take(res.cells[k])
		}
	}
	return nil
}

// take joins the cells of a unit.
func (c *scanCall) take(cells []cell) {
	if c.inOrder && len(c.scan.source.view.shards) <= 1 {
		c.takeInOrder(cells)
		return
	}
	if c.inOrder && !c.released {
		if c.held = append(c.held, cells...); len(c.held) > maxHeldCells {
			c.releaseHeld()
		}
		return
	}
	for from := 0; from < len(cells); {
		group := cells[from].group
		to := from + 1
		for to < len(cells) && cells[to].group == group {
			to++
		}
		c.enter(group)
		if c.scan.edge == aggregateNone && c.scan.source.groups[group].single() {
			c.finishRun(cells[from:to])
		} else {
			c.joined = slices.Grow(c.joined, min(to-from, mostForeseen))
			for i := from; i < to; i++ {
				c.join(&cells[i])
			}
		}
		from = to
	}
}

// put joins a cell to those of its group. When it is the first of its group, the group before is complete.
func (c *scanCall) put(found *cell) {
	c.enter(found.group)
	c.join(found)
}

// enter makes a group the one at hand.
func (c *scanCall) enter(group int32) {
	if int(group) == c.group {
		return
	}
	c.finishGroup()
	groups := c.scan.source.groups
	if groups[group].outer.id != groups[c.group].outer.id {
		c.finishOuter()
	}
	c.group = int(group)
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
func (a *aggregateScan) runUnit(unit [2]int) (result unitResult) {
	defer a.source.run.caught(&result.err)
	u := newUnitRun(a, unit)
	err := u.run()
	found := int64(0)
	for _, cells := range u.cells {
		found += int64(len(cells))
	}
	if err == nil {
		err = a.source.run.memory.reserve(found * cellBytes)
	}
	return unitResult{cells: u.cells, err: err}
}

const cellBytes = 96

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

// window returns the place of a window among those joined, -1 when it has none. Series mostly have the same windows in
// the same order, so that the one behind the last is the first to look at.
func (a *scanCall) window(start int64) int {
	for _, i := range [...]int{a.near + 1, a.near} {
		if i < len(a.joined) && a.joined[i].window == start {
			a.near = i
			return i
		}
	}
	if !a.strayed {
		i, ok := a.findOrdered(start)
		if ok {
			a.near = i
			return i
		}
		a.strayed = i < len(a.joined)
		return -1
	}
	for i := len(a.byStart); i < len(a.joined); i++ {
		if a.byStart == nil {
			a.byStart = make(map[int64]int)
		}
		a.byStart[a.joined[i].window] = i
	}
	i, ok := a.byStart[start]
	if !ok {
		return -1
	}
	a.near = i
	return i
}

// findOrdered returns the place of a window among those joined, or the one where it belongs.
func (a *scanCall) findOrdered(start int64) (i int, ok bool) {
	ascending := a.scan.source.opt.ascending
	compare := func(j joinedCell, start int64) int {
		if !ascending {
			return cmp.Compare(start, j.window)
		}
		return cmp.Compare(j.window, start)
	}
	if last := len(a.joined) - 1; last >= 0 && compare(a.joined[last], start) < 0 {
		return last + 1, false
	}
	return slices.BinarySearchFunc(a.joined, start, compare)
}

// join adds the cell of a series to the window of its group.
func (a *scanCall) join(c *cell) {
	if a.scan.edge != aggregateNone {
		a.heads = append(a.heads, *c)
		return
	}
	i := -1
	if len(a.joined) > 0 {
		i = a.window(c.window)
	}
	if i < 0 {
		a.near = len(a.joined)
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
		if j.greatest().less(c.greatest()) {
			j.most = c.most
		}
		j.n += c.n
	default:
		if a.kind.betterCell(c, &j.cell) {
			n := j.n + c.n
			j.cell = *c
			j.n = n
		}
	}
}

// bestHead returns the best of the first or last rows of the series. Of several rows of that time, the better of two is
// taken: those that a merge of the series of that shard yields first.
func (a *scanCall) bestHead() *cell {
	if len(a.heads) == 1 {
		return &a.heads[0]
	}
	time := a.heads[0].time
	for i := range a.heads {
		if t := a.heads[i].time; t != time && (t < time) == (a.kind == aggregateFirst) {
			time = t
		}
	}
	if spans := a.scan.source.view.shards; len(spans) > 1 {
		shard := spans.of(time)
		a.heads = slices.DeleteFunc(a.heads, func(c cell) bool { return spans.of(c.time) != shard })
	}
	opt := *a.scan.source.opt
	opt.ascending = a.kind == aggregateFirst
	if opt.ascending != a.scan.source.opt.ascending {
		reverse(a.heads)
	}
	h := &mergeHeap{opt: &opt, sorted: true}
	for i := range a.heads {
		c := &a.heads[i]
		h.items = append(h.items, &mergeItem{point: &point{time: c.time, val: c.val, aux: c.aux}, place: i})
	}
	heap.Init(h)
	best := heap.Pop(h).(*mergeItem)
	if h.Len() > 0 {
		if next := heap.Pop(h).(*mergeItem); a.kind.better(next.point, best.point) {
			best = next
		}
	}
	return &a.heads[best.place]
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
func (a *scanCall) finishGroup() {
	if len(a.heads) > 0 {
		a.joined = append(a.joined, joinedCell{cell: *a.bestHead()})
		a.heads = a.heads[:0]
	}
	again := settlings
	if a.inOrder && !a.released {
		again-- // joined by shards
	}
	if len(a.joined) == 0 {
		return
	}
	from := len(a.outer)
	a.outer = slices.Grow(a.outer, len(a.joined))
	for i := range a.joined {
		j := &a.joined[i]
		a.outer = append(a.outer, a.finish(&j.cell, j.sum, again))
	}
	strayed := a.strayed
	a.clearJoined()
	if strayed {
		a.sortByTime(a.outer[from:], false)
	}
}

// finishRun turns the cells of a group of one series into points. They are all that there are.
func (a *scanCall) finishRun(cells []cell) {
	again := settlings
	if a.inOrder && !a.released {
		again-- // joined by shards
	}
	from, sorted := len(a.outer), true
	a.outer = slices.Grow(a.outer, len(cells))
	for i := range cells {
		c := &cells[i]
		sorted = sorted && (i == 0 || cells[i-1].window != c.window && (cells[i-1].window < c.window) == a.scan.source.opt.ascending)
		a.outer = append(a.outer, a.finish(c, weighted(c), again))
	}
	if !sorted {
		a.sortByTime(a.outer[from:], false)
	}
}

// finish turns a window of the group at hand into a point. sum is that of the weighted means.
func (a *scanCall) finish(c *cell, sum float64, again int) *point {
	g := &a.scan.source.groups[a.group]
	p := a.slab.point()
	*p = point{name: a.scan.source.measurement, tags: g.tags, time: c.time, val: c.val, aux: c.aux}
	switch a.kind {
	case aggregateCount, aggregateSum:
		p.n = c.n
	case aggregateMean:
		p.n = c.n
		p.val = floatValue(settledMean(sum/float64(c.n), c.n, again))
	case aggregateSpread:
		p.val = subtract(c.greatest(), c.val)
	}
	if p.aux == nil && len(a.layout.aux) > 0 {
		p.aux = make([]value, len(a.layout.aux))
	}
	return p
}

// clearJoined makes place for the windows of the next group.
func (a *scanCall) clearJoined() {
	a.joined, a.near, a.strayed = a.joined[:0], 0, false
	clear(a.byStart)
}

// settlings is how often InfluxDB joins a mean with nothing on its way up: over the shards and over the sources.
const settlings = 2

// settledMean multiplies a mean by its weight and divides it again. Only the last digit can change.
func settledMean(mean float64, n uint64, times int) float64 {
	if n < 2 {
		return mean
	}
	for range times {
		mean = float64(mean*float64(n)) / float64(n)
	}
	return mean
}

// finishOuter makes the points of the outer group ready. With several tagsets they come window by window.
func (a *scanCall) finishOuter() {
	if len(a.outer) == 0 {
		return
	}
	if len(a.scan.source.opt.groupBy) != len(a.scan.source.opt.dimensions) {
		a.sortByTime(a.outer, true)
	}
	a.ready = append(a.ready, a.outer...)
	a.outer = a.outer[:0]
}

// sortByTime sorts points by window, and with tags set by time and tags within.
func (a *scanCall) sortByTime(points []*point, tags bool) {
	opt := a.scan.source.opt
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
