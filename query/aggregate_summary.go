package query

import (
	"math"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

func floatExtent(s *cursor.Statistics) *cursor.Extent[float64]   { return &s.Floats }
func integerExtent(s *cursor.Statistics) *cursor.Extent[int64]   { return &s.Integers }
func unsignedExtent(s *cursor.Statistics) *cursor.Extent[uint64] { return &s.Unsigneds }

// readsColumns reports whether picked rows carry values of other columns.
func (r *cellRunner) readsColumns() bool {
	for _, place := range r.layout.aux {
		if place.column >= 0 {
			return true
		}
	}
	return false
}

// enter makes the window of a time the one at hand and reports whether it is a new one.
func (r *cellRunner) enter(t int64) (fresh bool) {
	if r.open && r.inWindow(t) {
		return false
	}
	if r.shards == nil {
		r.start, r.end = r.windows.near(t, r.start, r.end)
	} else {
		r.start, r.end = r.windows.of(t)
	}
	r.window = r.start
	if r.shards != nil {
		shard, from, end := r.shards.around(t)
		r.shard, r.start, r.end = shard, max(r.start, from), min(r.end, end)
	}
	r.open = true
	return true
}

// suffices reports whether statistics tell what rows would. Sums of floats depend on the order of their additions, so that
// statistics can only begin one; sums that are exact whatever the order may go on. The sign of a zero is not among the statistics.
func (a *numberAggregator[T]) suffices(s *cursor.Statistics, span model.TimeRange) bool {
	e := a.extent(s)
	fresh := !a.open || !a.inWindow(span.Min)
	float := a.typ() == model.Float
	switch a.kind {
	case aggregateSum, aggregateMean:
		return !float || e.Sum != 0 && (fresh && (a.ascending || s.Whole) || !fresh && s.Whole && a.takesWhole(e, s.Count))
	case aggregateMin:
		if !fresh && (e.Min > a.sum || e.Min == a.sum && a.ascending) {
			return true
		}
		return a.untimed && !a.readsColumns() && !(float && e.Min == 0)
	case aggregateMax:
		if !fresh && (e.Max < a.sum || e.Max == a.sum && a.ascending) {
			return true
		}
		return a.untimed && !a.readsColumns() && !(float && e.Max == 0)
	case aggregateFirst, aggregateLast:
		return !a.readsColumns()
	case aggregateSpread:
		return !float || e.Min != 0 && e.Max != 0
	}
	return true
}

// takesWhole reports whether adding whole floats to the sum at hand rounds nowhere, so that their order does not show.
func (a *numberAggregator[T]) takesWhole(e *cursor.Extent[T], count int64) bool {
	sum := float64(a.sum)
	most := float64(count) * max(-float64(e.Min), float64(e.Max))
	return sum == math.Trunc(sum) && math.Abs(sum)+most <= 1<<53
}

// typ returns the type of the column.
func (a *numberAggregator[T]) typ() model.FieldType {
	var zero T
	return a.wrap(zero).kind
}

// add takes statistics that suffice.
func (a *numberAggregator[T]) add(s *cursor.Statistics, span model.TimeRange) {
	if a.enter(span.Min) {
		a.closeCell()
		a.newCell()
		a.cellActive = true
	}
	c := &a.cells[len(a.cells)-1]
	e := a.extent(s)
	first := c.n == 0
	c.n += uint64(s.Count)
	switch a.kind {
	case aggregateSum, aggregateMean:
		if first {
			a.sum = e.Sum
		} else {
			a.sum += e.Sum
		}
	case aggregateMin:
		if first || e.Min < a.sum || e.Min == a.sum && !a.ascending {
			a.pick(c, e.Min, s.FirstTime)
		}
	case aggregateMax:
		if first || e.Max > a.sum || e.Max == a.sum && !a.ascending {
			a.pick(c, e.Max, s.FirstTime)
		}
	case aggregateFirst:
		if first || !a.ascending {
			a.pick(c, e.First, s.FirstTime)
		}
	case aggregateLast:
		if first || a.ascending {
			a.pick(c, e.Last, s.LastTime)
		}
	case aggregateSpread:
		if first {
			a.sum, a.most = e.Min, e.Max
		} else {
			a.sum, a.most = min(a.sum, e.Min), max(a.most, e.Max)
		}
	}
}

func (a *numberAggregator[T]) pick(c *cell, v T, time int64) {
	a.sum, c.time, c.aux = v, time, a.auxAt(nil, 0)
}

func (a *valueAggregator) suffices(*cursor.Statistics, model.TimeRange) bool {
	switch a.kind {
	case aggregateCount:
		return true
	case aggregateFirst, aggregateLast:
		return !a.readsColumns()
	}
	return false
}

func (a *valueAggregator) add(s *cursor.Statistics, span model.TimeRange) {
	if a.enter(span.Min) {
		a.newCell()
	}
	c := &a.cells[len(a.cells)-1]
	first := c.n == 0
	c.n += uint64(s.Count)
	if a.kind == aggregateCount {
		c.val = integerValue(int64(c.n))
		return
	}
	found := cell{time: s.FirstTime, val: booleanValue(s.FirstBool)}
	text := s.FirstString
	if a.kind == aggregateLast {
		found.time, found.val, text = s.LastTime, booleanValue(s.LastBool), s.LastString
	}
	if s.Type == model.String {
		found.val = stringValue(string(text))
	}
	if first || a.kind.betterCell(&found, c) {
		c.time, c.val, c.aux = found.time, found.val, a.auxAt(nil, 0)
	}
}
