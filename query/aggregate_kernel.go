package query

import (
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// aggregateKind is a function that is computed straight from columns.
type aggregateKind uint8

const (
	aggregateNone aggregateKind = iota
	aggregateCount
	aggregateSum
	aggregateMean
	aggregateMin
	aggregateMax
	aggregateFirst
	aggregateLast
	aggregateSpread
)

var aggregateKinds = map[string]aggregateKind{
	"count": aggregateCount, "sum": aggregateSum, "mean": aggregateMean, "min": aggregateMin, "max": aggregateMax,
	"first": aggregateFirst, "last": aggregateLast, "spread": aggregateSpread,
}

// number is a type of numeric columns.
type number interface{ float64 | int64 | uint64 }

// cell is the state of one function over one series in one window.
type cell struct {
	window int64  // start
	time   int64  // of the picked row, otherwise the start of the window
	val    value  // sum, mean or picked value; least value of a spread
	most   uint64 // of a spread: the bits of the greatest value
	n      uint64 // values behind it
	group  int32
	series int32 // place among those of the source
	shard  int32 // place of the shard, where cells end at the edges of shards
	aux    []value
}

// greatest returns the greatest value of a spread.
func (c *cell) greatest() value { return value{kind: c.val.kind, bits: c.most} }

// columnAggregator computes one function over the rows of a series, batch by batch.
type columnAggregator interface {
	// run takes the rows of a batch that are set in keep. With all set, keep has every bit.
	run(b *cursor.Batch, keep []uint64, all bool)
	// suffices reports whether statistics of rows, which lie in one window, can stand for the rows that come next.
	suffices(s *cursor.Statistics, span model.TimeRange) bool
	// add takes such statistics instead of their rows.
	add(s *cursor.Statistics, span model.TimeRange)
	// flush appends the cells of the series that is done and starts the next.
	flush(dst []cell) []cell
	// setConstants says what the values of tags among the other names are for the next series.
	setConstants(values []value)
	// cutAt makes cells end at the edges of shards.
	cutAt(spans shardSpans)
}

// newColumnAggregator returns the aggregator for a type of column, nil when the function cannot take it. With untimed
// set, nobody will look at the times of lowest and highest rows.
func newColumnAggregator(kind aggregateKind, typ model.FieldType, w *windows, ascending bool, l *rowLayout, untimed bool) columnAggregator {
	base := cellRunner{kind: kind, windows: w, ascending: ascending, layout: l, untimed: untimed, foreseen: w.count(mostForeseen / 4)}
	switch typ {
	case model.Float:
		return &numberAggregator[float64]{cellRunner: base, column: floatsOf, wrap: floatValue, extent: floatExtent}
	case model.Integer:
		return &numberAggregator[int64]{cellRunner: base, column: integersOf, wrap: integerValue, extent: integerExtent}
	case model.Unsigned:
		return &numberAggregator[uint64]{cellRunner: base, column: unsignedsOf, wrap: unsignedValue, extent: unsignedExtent}
	}
	switch kind {
	case aggregateCount, aggregateFirst, aggregateLast:
		return &valueAggregator{cellRunner: base}
	case aggregateMin, aggregateMax:
		if typ == model.Boolean {
			return &valueAggregator{cellRunner: base}
		}
	}
	return nil
}

// cellRunner cuts rows into windows and keeps the cells of the series at hand.
type cellRunner struct {
	kind      aggregateKind
	windows   *windows
	ascending bool
	untimed   bool
	layout    *rowLayout

	shards shardSpans // at whose edges cells end; nil: at none

	foreseen   int     // windows of the range, within a bound
	constants  []value // aux values that are tags of the series
	window     int64   // of the cell at hand
	start, end int64   // of the part of it that the cell covers
	shard      int
	open       bool
	cells      []cell
}

// runEnd returns how many of the times, from the first on, lie in the window of the first, which becomes the window at
// hand. It reports whether that is a new window.
func (r *cellRunner) runEnd(times []int64) (n int, fresh bool) {
	fresh = r.enter(times[0])
	last := times[len(times)-1]
	if r.start <= last && last < r.end {
		return len(times), fresh
	}
	lo, hi := 1, len(times)-1             // times[hi] is outside
	for step := 1; step < hi; step *= 2 { // windows are often short against a batch
		if !r.inWindow(times[step]) {
			hi = step
			break
		}
		lo = step
	}
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if r.inWindow(times[mid]) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return hi, fresh
}

func (r *cellRunner) setConstants(values []value) { r.constants = values }
func (r *cellRunner) cutAt(spans shardSpans)      { r.shards = spans }

func (r *cellRunner) inWindow(t int64) bool { return r.start <= t && t < r.end }

// newCell starts the cell of the window at hand.
func (r *cellRunner) newCell() *cell {
	if r.cells == nil {
		r.cells = make([]cell, 0, r.foreseen)
	}
	r.cells = append(r.cells, cell{window: r.window, time: r.window, shard: int32(r.shard)})
	return &r.cells[len(r.cells)-1]
}

func (r *cellRunner) flush(dst []cell) []cell {
	r.open = false
	if cap(dst) == 0 {
		dst, r.cells = r.cells, nil
		return dst
	}
	dst = append(dst, r.cells...)
	r.cells = r.cells[:0]
	return dst
}

// auxAt returns the aux values of a row.
func (r *cellRunner) auxAt(b *cursor.Batch, row int) []value {
	if len(r.layout.aux) == 0 {
		return nil
	}
	aux := make([]value, len(r.layout.aux))
	for i, place := range r.layout.aux {
		if place.column >= 0 {
			aux[i] = columnValue(&b.Columns[place.column], row)
		} else {
			aux[i] = r.constants[i]
		}
	}
	return aux
}

// numberAggregator works on a numeric column with loops over plain slices.
type numberAggregator[T number] struct {
	cellRunner
	column func(*cursor.Column) []T
	wrap   func(T) value
	extent func(*cursor.Statistics) *cursor.Extent[T]

	sum        T // of the cell at hand, and for pickers the picked value
	most       T
	times      []int64 // rows that are kept, when not all are
	values     []T
	rows       []int32
	cellActive bool
}

func (a *numberAggregator[T]) run(b *cursor.Batch, keep []uint64, all bool) {
	times, values := b.Times, a.column(&b.Columns[a.layout.main])
	var rows []int32
	if !all {
		times, values, rows = a.compact(b, values, keep)
	}
	for from := 0; from < len(times); {
		n, fresh := a.runEnd(times[from:])
		if fresh {
			a.closeCell()
			a.newCell()
			a.cellActive = true
		}
		a.addRun(&a.cells[len(a.cells)-1], b, times[from:from+n], values[from:from+n], rows, from)
		from += n
	}
}

// compact copies the rows that are kept into slices without gaps.
func (a *numberAggregator[T]) compact(b *cursor.Batch, values []T, keep []uint64) ([]int64, []T, []int32) {
	a.times, a.values, a.rows = a.times[:0], a.values[:0], a.rows[:0]
	for i, ok := nextBit(keep, 0); ok; i, ok = nextBit(keep, i+1) {
		a.times = append(a.times, b.Times[i])
		a.values = append(a.values, values[i])
		a.rows = append(a.rows, int32(i))
	}
	return a.times, a.values, a.rows
}

// addRun adds rows of one window to its cell. rows, if set, maps places among the kept rows to rows of the batch.
func (a *numberAggregator[T]) addRun(c *cell, b *cursor.Batch, times []int64, values []T, rows []int32, from int) {
	first := c.n == 0
	pick := -1
	switch a.kind {
	case aggregateSum, aggregateMean:
		rest := values
		if first {
			a.sum, rest = values[0], values[1:]
		}
		a.sum = sumOf(a.sum, rest)
	case aggregateMin:
		if i := leastOf(values, a.ascending); first || values[i] < a.sum || values[i] == a.sum && !a.ascending {
			pick = i
		}
	case aggregateMax:
		if i := mostOf(values, a.ascending); first || values[i] > a.sum || values[i] == a.sum && !a.ascending {
			pick = i
		}
	case aggregateFirst:
		if a.ascending && first {
			pick = 0
		} else if !a.ascending {
			pick = len(values) - 1
		}
	case aggregateLast:
		if !a.ascending && first {
			pick = 0
		} else if a.ascending {
			pick = len(values) - 1
		}
	case aggregateSpread:
		lo, hi := values[leastOf(values, true)], values[mostOf(values, true)]
		if first {
			a.sum, a.most = lo, hi
		} else {
			a.sum, a.most = min(a.sum, lo), max(a.most, hi)
		}
	}
	c.n += uint64(len(values))
	if pick >= 0 {
		a.sum, c.time = values[pick], times[pick]
		row := from + pick
		if rows != nil {
			row = int(rows[row])
		}
		c.aux = a.auxAt(b, row)
	}
}

// closeCell writes the state of the cell at hand into it.
func (a *numberAggregator[T]) closeCell() {
	if !a.cellActive {
		return
	}
	a.cellActive = false
	c := &a.cells[len(a.cells)-1]
	switch a.kind {
	case aggregateCount:
		c.val = integerValue(int64(c.n))
	case aggregateMean:
		c.val = floatValue(float64(a.sum) / float64(c.n))
	case aggregateSpread:
		c.val, c.most = a.wrap(a.sum), a.wrap(a.most).bits
	default:
		c.val = a.wrap(a.sum)
	}
}

func (a *numberAggregator[T]) flush(dst []cell) []cell {
	a.closeCell()
	return a.cellRunner.flush(dst)
}

// sumOf adds values in order: the order is visible in the last digits of a float.
func sumOf[T number](sum T, values []T) T {
	for _, v := range values {
		sum += v
	}
	return sum
}

// leastOf returns the place of the lowest value; of equal ones the first, or with first unset the last.
func leastOf[T number](values []T, first bool) int {
	best := 0
	least := values[0]
	for i, v := range values {
		if v < least || v == least && !first {
			best, least = i, v
		}
	}
	return best
}

// mostOf is leastOf for the highest value.
func mostOf[T number](values []T, first bool) int {
	best := 0
	most := values[0]
	for i, v := range values {
		if v > most || v == most && !first {
			best, most = i, v
		}
	}
	return best
}

// valueAggregator counts and picks rows of any type of column.
type valueAggregator struct {
	cellRunner
	times []int64
	rows  []int32
}

func (a *valueAggregator) run(b *cursor.Batch, keep []uint64, _ bool) {
	a.times, a.rows = a.times[:0], a.rows[:0]
	for i, ok := nextBit(keep, 0); ok; i, ok = nextBit(keep, i+1) {
		a.times = append(a.times, b.Times[i])
		a.rows = append(a.rows, int32(i))
	}
	for from := 0; from < len(a.times); {
		n, fresh := a.runEnd(a.times[from:])
		if fresh {
			a.newCell()
		}
		c := &a.cells[len(a.cells)-1]
		if a.kind == aggregateCount {
			c.n += uint64(n)
			c.val = integerValue(int64(c.n))
		} else {
			a.pick(c, b, from, from+n)
		}
		from += n
	}
}

// pick looks for the best of some rows.
func (a *valueAggregator) pick(c *cell, b *cursor.Batch, from, to int) {
	column := &b.Columns[a.layout.main]
	for i := from; i < to; i++ {
		p := point{time: a.times[i], val: columnValue(column, int(a.rows[i]))}
		c.n++
		if c.n > 1 && !a.kind.better(&p, &point{time: c.time, val: c.val}) {
			continue
		}
		c.time, c.val = p.time, p.val
		c.aux = a.auxAt(b, int(a.rows[i]))
	}
}

// betterCell is better for cells.
func (k aggregateKind) betterCell(c, best *cell) bool {
	switch k {
	case aggregateMin, aggregateMax:
		if c.val.equal(best.val) {
			return c.time < best.time
		}
		return c.val.less(best.val) == (k == aggregateMin)
	case aggregateFirst:
		return firstPreferred(c.time, c.val, best.time, best.val)
	}
	return c.time > best.time || c.time == best.time && best.val.less(c.val)
}

// better reports whether a selector prefers p to best.
func (k aggregateKind) better(p, best *point) bool {
	switch k {
	case aggregateMin, aggregateMax:
		return extremeBetter(k == aggregateMin)(p, best)
	case aggregateFirst:
		return firstBetter(p, best)
	}
	return lastBetter(p, best)
}
