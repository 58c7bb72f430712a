package query

import (
	"cmp"
	"slices"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// A statement with a limit needs rows of few series, but the first rows of all of them to know of which. These are
// fetched by cursors that walk over many series in order of their ids, where neighbours lie side by side; a cursor of its
// own gets only the series whose further rows are wanted.

// manyRawSeries is how many series there must be for their first rows to be fetched beforehand, and seriesAhead how many
// it are for groups that are opened one after the other and want one row each.
const (
	manyRawSeries = 16
	seriesAhead   = 1024
)

// What a series is reckoned with whose first row was fetched, and each value of that row.
const (
	headBytes      = 512 // of a rawSeries, a point and a mergeItem
	headValueBytes = 32
)

// lookAhead makes the series of the groups from the next up to end, and fetches the first row of each where that pays.
// Where one row is all that is wanted of a group, those of further groups are fetched with them.
func (r *rawScan) lookAhead(end int) error {
	s := r.source
	if s.rowsWanted() == 1 {
		for end < len(s.groups) && s.groups[end].last-s.groups[r.group].first <= seriesAhead {
			end++
		}
	}
	first := s.groups[r.group].first
	made := make([]rawSeries, s.groups[end-1].last-first)
	r.ahead = make([]*rawSeries, len(made))
	for k := r.group; k < end; k++ {
		g := &s.groups[k]
		for i := g.first; i < g.last; i++ {
			made[i-first] = rawSeries{scan: r, group: g, series: &s.series[i]}
			r.ahead[i-first] = &made[i-first]
		}
	}
	switch {
	case len(made) < manyRawSeries:
		return nil
	case s.opt.limit == 0:
		return r.fetchSelected()
	}
	return r.fetchHeads()
}

// fetchHeads fetches the first row of every series made ahead.
func (r *rawScan) fetchHeads() error {
	run := r.source.run
	run.memory.release(r.headBytes) // those before were handed on
	r.headBytes = int64(len(r.ahead)) * int64(headBytes+headValueBytes*len(r.layout.aux))
	if err := run.memory.reserve(r.headBytes); err != nil {
		r.headBytes = 0
		return err
	}
	list := slices.Clone(r.ahead)
	slices.SortFunc(list, func(a, b *rawSeries) int { return cmp.Compare(a.series.id, b.series.id) })
	return run.split(len(list), func(from, to int) error {
		h := headRun{scan: r, list: list[from:to]}
		return h.run()
	})
}

// headRun fetches the first rows of some series with one cursor.
type headRun struct {
	scan   *rawScan
	list   []*rawSeries
	series *rawSeries // the one at hand
	filter rowFilter  // of it
	points slab
	keep   []uint64
	err    error // of an offer
}

func (h *headRun) run() error {
	s := h.scan.source
	ids := make([]model.SeriesID, len(h.list))
	for i, series := range h.list {
		ids[i] = series.series.id
		series.fetched, series.empty = true, true
	}
	cur, err := s.view.view.Read(s.run.ctx, cursor.Request{
		Measurement: s.measurement, Series: ids, Fields: h.scan.layout.fields,
		Range: model.TimeRange{Min: s.opt.start, Max: s.opt.end}, Descending: !s.opt.ascending, First: 1,
		Offer: h.offer,
	})
	if err != nil {
		return err
	}
	defer cur.Close()
	for {
		i, ok := cur.NextSeries()
		if !ok {
			return cur.Err()
		}
		h.series = h.list[i]
		h.filter = h.scan.layout.filterFor(s, h.series.series)
		if err := h.fetch(cur); err != nil {
			return err
		}
	}
}

// fetch reads rows of the series that a cursor stands at, up to the first that counts.
func (h *headRun) fetch(cur cursor.Cursor) error {
	layout := h.scan.layout
	for b := cur.Next(); b != nil; b = cur.Next() {
		if err := h.scan.source.run.countPoints(len(b.Times)); err != nil {
			return err
		}
		h.keep = layout.selectRows(b, h.filter, h.keep)
		i, ok := nextBit(h.keep, 0)
		if !ok {
			continue
		}
		h.setHead(b.Times[i], func(column int) value { return columnValue(&b.Columns[column], i) })
		return nil
	}
	return h.err
}

// offer takes the first row of the series from what storage knows of a block: where a field has its value at the edge of
// the block, statistics tell it.
func (h *headRun) offer(s *cursor.Summary) cursor.Reply {
	layout, last := h.scan.layout, !h.scan.source.opt.ascending
	if h.filter != nil {
		if h.filter.rulesOut(s) {
			return cursor.Accept
		}
		return cursor.Decline
	}
	edge := s.Range.Min
	if last {
		edge = s.Range.Max
	}
	from, to := 0, layout.rowFields
	if layout.main >= 0 {
		from, to = layout.main, layout.main+1
	}
	for ; from < to && !hasEdge(&s.Fields[from], edge, last); from++ {
	}
	if from == to {
		return cursor.Decline // no row there, or one that does not count
	}
	if h.err = h.scan.source.run.countPoints(1); h.err == nil {
		h.setHead(edge, func(column int) value { return edgeValue(&s.Fields[column], edge, last) })
	}
	return cursor.Enough
}

// hasEdge reports whether a field has a value in the first or last row of a block.
func hasEdge(f *cursor.Statistics, edge int64, last bool) bool {
	if last {
		return f.Count > 0 && f.LastTime == edge
	}
	return f.Count > 0 && f.FirstTime == edge
}

// edgeValue returns the value of a field in the first or last row of a block, null where it has none.
func edgeValue(f *cursor.Statistics, edge int64, last bool) value {
	switch {
	case !hasEdge(f, edge, last):
		return value{}
	case last:
		return statisticsValue(f.Type, f.Floats.Last, f.Integers.Last, f.Unsigneds.Last, f.LastBool, f.LastString)
	}
	return statisticsValue(f.Type, f.Floats.First, f.Integers.First, f.Unsigneds.First, f.FirstBool, f.FirstString)
}

// statisticsValue returns the one of some numbers and texts that is of a type.
func statisticsValue(typ model.FieldType, f float64, i int64, u uint64, b bool, s []byte) value {
	switch typ {
	case model.Float:
		return floatValue(f)
	case model.Integer:
		return integerValue(i)
	case model.Unsigned:
		return unsignedValue(u)
	case model.Boolean:
		return booleanValue(b)
	case model.String:
		return stringValue(string(s))
	}
	return value{}
}

// setHead makes a row the first of the series at hand.
func (h *headRun) setHead(t int64, valueOf func(column int) value) {
	r, layout := h.series, h.scan.layout
	p := h.points.point()
	p.name, p.tags, p.time = h.scan.source.measurement, r.group.tags, t
	if layout.main >= 0 {
		p.val = valueOf(layout.main)
	}
	p.aux = h.points.list(len(layout.aux))
	for j, place := range layout.aux {
		switch {
		case place.column >= 0:
			p.aux[j] = valueOf(place.column)
		case place.tags != nil:
			p.aux[j] = place.tags.value(r.series.place)
		}
	}
	r.head, r.empty, r.edge = p, false, t
}
