package query

import (
	"slices"
	"sort"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// unitRun is one unit of work of an aggregateScan: it reads a range of series once and computes all calls from their
// rows, or from what storage knows of the rows without reading them.
type unitRun struct {
	scan      *aggregateScan
	unit      [2]int
	series    []sourceSeries
	ascending bool
	aggs      []columnAggregator
	cells     [][]cell    // of each call
	joins     []*scanCall // joins the series of a group ahead; nil for calls whose cells are joined in an order of their own
	ahead     []cell      // of one series, to be joined

	// Of the series at hand.
	filter  rowFilter
	found   []bool // calls of an edge scan that have their row
	missing int    // calls that have not

	counts readCounts // not yet told to the statement

	passed []uint64 // rows that pass the filter
	keep   []uint64
	err    error // of an offer
}

func newUnitRun(a *aggregateScan, unit [2]int) *unitRun {
	u := &unitRun{
		scan: a, unit: unit, series: a.source.series[unit[0]:unit[1]], ascending: a.source.opt.ascending,
		cells: make([][]cell, len(a.calls)), found: make([]bool, len(a.calls)),
	}
	if a.edge != aggregateNone {
		u.ascending = a.edge == aggregateFirst
	}
	for _, c := range a.calls {
		agg := newColumnAggregator(c.kind, c.typ, &a.source.opt.windows, u.ascending, c.layout, c.untimed)
		if spans := a.source.view.shards; c.inOrder && len(spans) > 1 {
			agg.cutAt(spans)
		}
		u.aggs = append(u.aggs, agg)
		var join *scanCall
		if !c.inOrder && a.edge == aggregateNone {
			join = &scanCall{scan: a, kind: c.kind, typ: c.typ, layout: c.layout}
		}
		u.joins = append(u.joins, join)
	}
	return u
}

// mostForeseen bounds the cells that memory is reserved for before they are there.
const mostForeseen = 1 << 12

// keepCells flushes the cells of call k for a series. Those of one group are joined here where that makes no difference, so
// that a window of many series is one cell.
func (u *unitRun) keepCells(k int, group, place int32) {
	join := u.joins[k]
	if join == nil || u.alone(join, group, place) {
		if join != nil {
			u.releaseJoined(k)
		}
		from := len(u.cells[k])
		u.cells[k] = u.aggs[k].flush(u.cells[k])
		if from == 0 { // series mostly have cells in the same windows
			u.cells[k] = slices.Grow(u.cells[k], min(len(u.cells[k])*(len(u.series)-1), mostForeseen))
		}
		for i := from; i < len(u.cells[k]); i++ {
			u.cells[k][i].group, u.cells[k][i].series = group, place
		}
		return
	}
	if int(group) != join.group {
		u.releaseJoined(k)
		join.group = int(group)
	}
	u.ahead = u.aggs[k].flush(u.ahead[:0])
	for i := range u.ahead {
		u.ahead[i].group, u.ahead[i].series = group, place
		join.join(&u.ahead[i])
	}
}

// alone reports whether no other series of the unit has cells in the group of a series.
func (u *unitRun) alone(join *scanCall, group, place int32) bool {
	if len(join.joined) > 0 && join.group == int(group) {
		return false
	}
	return int(place)+1 == u.unit[1] || int(place)+1 == u.scan.source.groups[group].last
}

// releaseJoined hands on the cells of a group that were joined.
func (u *unitRun) releaseJoined(k int) {
	join := u.joins[k]
	if join == nil {
		return
	}
	u.cells[k] = slices.Grow(u.cells[k], len(join.joined))
	for i := range join.joined {
		u.cells[k] = append(u.cells[k], join.joined[i].cell)
	}
	join.clearJoined()
}

// edgeRows is how many rows of a series an edge scan asks for first, and edgeBatches how many batches it looks at before
// it looks for each field on its own.
const (
	edgeRows    = 4
	edgeBatches = 2
)

func (u *unitRun) run() error {
	ids := make([]model.SeriesID, len(u.series))
	plain := true // no series has a condition on its rows
	for i := range u.series {
		ids[i] = u.series[i].id
		plain = plain && u.series[i].rest == nil
	}
	req := u.request(ids, u.scan.fields)
	if u.scan.edge != aggregateNone && plain {
		req.First = edgeRows
	}
	req.Offer = u.offer
	if opt := u.scan.source.opt; opt.months == 0 && u.someUnfiltered() {
		req.Interval, req.Offset = opt.interval, opt.offset
	}
	defer u.scan.source.run.reads.add(&u.counts)
	cur, err := u.scan.source.view.view.Read(u.scan.ctx, req)
	if err != nil {
		return err
	}
	defer cur.Close()
	groups := u.scan.source.groups
	group := sort.Search(len(groups), func(g int) bool { return groups[g].last > u.unit[0] })
	for {
		i, ok := cur.NextSeries()
		if !ok {
			for k := range u.joins {
				u.releaseJoined(k)
			}
			return cur.Err()
		}
		for groups[group].last <= u.unit[0]+i {
			group++
		}
		if err := u.readSeries(cur, &u.series[i], int32(group), int32(u.unit[0]+i)); err != nil {
			return err
		}
	}
}

// someUnfiltered reports whether any series has no condition on its rows.
func (u *unitRun) someUnfiltered() bool {
	for i := range u.series {
		if u.series[i].rest == nil {
			return true
		}
	}
	return false
}

func (u *unitRun) request(ids []model.SeriesID, fields []cursor.Field) cursor.Request {
	s := u.scan.source
	return cursor.Request{
		Measurement: s.measurement, Series: ids, Fields: fields,
		Range: model.TimeRange{Min: max(s.opt.start, u.scan.newest.from), Max: s.opt.end}, Descending: !u.ascending,
	}
}

// readSeries computes the cells of the series the cursor stands at.
func (u *unitRun) readSeries(cur cursor.Cursor, series *sourceSeries, group, place int32) error {
	u.filter = nil
	if series.rest != nil {
		u.filter = u.filterFor(series)
	}
	for k, c := range u.scan.calls {
		if len(c.layout.aux) > 0 {
			u.aggs[k].setConstants(auxConstants(c.layout, series))
		}
	}
	clear(u.found)
	u.missing = len(u.found)
	edge := u.scan.edge != aggregateNone
	for n := 0; !edge || u.missing > 0; n++ {
		if edge && n == edgeBatches && u.missing < len(u.found) {
			if err := u.readMissing(series); err != nil {
				return err
			}
			break
		}
		b := cur.Next()
		if b == nil {
			break
		}
		if err := u.add(b); err != nil {
			return err
		}
	}
	if u.err != nil {
		return u.err
	}
	for k := range u.aggs {
		u.keepCells(k, group, place)
	}
	return nil
}

// filterFor returns the filter for the rows of a series, which has a condition.
func (u *unitRun) filterFor(series *sourceSeries) rowFilter {
	all := *u.scan.calls[0].layout
	all.fields = u.scan.fields
	return all.filterFor(u.scan.source, series)
}

// add takes the rows of a batch.
func (u *unitRun) add(b *cursor.Batch) error {
	n := len(b.Times)
	if err := u.scan.source.run.countPoints(n * len(u.aggs)); err != nil {
		return err
	}
	u.counts.rows += int64(n)
	u.passed = allBits(u.passed, n)
	if u.filter != nil {
		u.filter.apply(b, u.passed)
	}
	for k, agg := range u.aggs {
		main := &b.Columns[u.scan.calls[k].layout.main]
		if main.Absent || u.found[k] {
			continue
		}
		edge := u.scan.edge != aggregateNone
		if u.filter == nil && main.Present == nil && !edge {
			agg.run(b, u.passed, true)
			continue
		}
		u.keep = append(u.keep[:0], u.passed...)
		andPresent(main, u.keep)
		if edge {
			if !firstBitOnly(u.keep) {
				continue
			}
			u.found[k] = true
			u.missing--
		}
		agg.run(b, u.keep, false)
	}
	return nil
}

// readMissing looks for the rows of those calls that have none yet, each field on its own, so that a field that is rare
// does not make all others be read for long.
func (u *unitRun) readMissing(series *sourceSeries) error {
	for k, c := range u.scan.calls {
		if u.found[k] {
			continue
		}
		if err := u.readField(series, c.layout.main, k); err != nil {
			return err
		}
	}
	return nil
}

// readField reads one field of a series, with those of its condition and the other names, up to the first row for call k.
func (u *unitRun) readField(series *sourceSeries, main, k int) error {
	needed := make([]bool, len(u.scan.fields))
	needed[main] = true
	for _, place := range u.scan.calls[k].layout.aux {
		if place.column >= 0 {
			needed[place.column] = true
		}
	}
	if u.filter != nil {
		u.scan.source.markCondition(u.scan.calls[0].layout, needed)
	}
	var fields []cursor.Field
	var columns []int
	for i, f := range u.scan.fields {
		if needed[i] {
			fields, columns = append(fields, f), append(columns, i)
		}
	}
	cur, err := u.scan.source.view.view.Read(u.scan.ctx, u.request([]model.SeriesID{series.id}, fields))
	if err != nil {
		return err
	}
	defer cur.Close()
	if _, ok := cur.NextSeries(); !ok {
		return cur.Err()
	}
	wide := cursor.Batch{Columns: make([]cursor.Column, len(u.scan.fields))}
	for i := range wide.Columns {
		wide.Columns[i] = cursor.Column{Type: u.scan.fields[i].Type, Absent: true}
	}
	for !u.found[k] {
		b := cur.Next()
		if b == nil {
			return cur.Err()
		}
		wide.Times = b.Times
		for i, at := range columns {
			wide.Columns[at] = b.Columns[i]
		}
		if err := u.add(&wide); err != nil {
			return err
		}
	}
	return nil
}

// offer answers what storage knows of rows that come next without reading them.
func (u *unitRun) offer(s *cursor.Summary) cursor.Reply {
	if u.filter != nil {
		if !u.filter.rulesOut(s) {
			return cursor.Decline
		}
		u.countSummary(s)
		return cursor.Accept
	}
	if _, end := u.scan.source.opt.of(s.Range.Min); s.Range.Max >= end {
		return cursor.Decline
	}
	for k, agg := range u.aggs {
		st := &s.Fields[u.scan.calls[k].layout.main]
		if st.Count > 0 && !u.found[k] && !agg.suffices(st, s.Range) {
			return cursor.Decline
		}
	}
	if u.err = u.scan.source.run.countPoints(s.Rows * len(u.aggs)); u.err != nil {
		return cursor.Enough
	}
	u.countSummary(s)
	for k, agg := range u.aggs {
		st := &s.Fields[u.scan.calls[k].layout.main]
		if st.Count == 0 || u.found[k] {
			continue
		}
		agg.add(st, s.Range)
		if u.scan.edge != aggregateNone {
			u.found[k] = true
			u.missing--
		}
	}
	if u.missing == 0 {
		return cursor.Enough
	}
	return cursor.Accept
}

func (u *unitRun) countSummary(s *cursor.Summary) {
	if s.Cell {
		u.counts.cells++
	} else {
		u.counts.blocks++
	}
}
