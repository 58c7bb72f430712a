package query

import (
	"bytes"
	"cmp"
	"math/bits"
	"slices"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// Where a statement has a condition on rows and wants all that meet it, few rows of many series may be left. They are
// selected by cursors that walk over many series in order of their ids, several at the same time, before the first row is
// handed out. When they become too many, a series gets a cursor of its own for those that are not selected yet.

// maxSelectedBytes bounds what the selected rows of one statement take at a time. Tests change it.
var maxSelectedBytes int64 = 16 << 20

// fetchSelected selects the rows of the series made ahead, as long as there is room.
func (r *rawScan) fetchSelected() error {
	run := r.source.run
	list := make([]*rawSeries, 0, len(r.ahead))
	for _, s := range r.ahead {
		if s.series.rest != nil {
			list = append(list, s)
		}
	}
	if len(list) < manyRawSeries {
		return nil
	}
	run.memory.release(r.selectedBytes.Swap(0)) // those before were handed on
	slices.SortFunc(list, func(a, b *rawSeries) int { return cmp.Compare(a.series.id, b.series.id) })
	return run.split(len(list), func(from, to int) error {
		s := newSelectRun(r, list[from:to])
		return s.run()
	})
}

// selectRun selects rows of some series with one cursor.
type selectRun struct {
	scan   *rawScan
	list   []*rawSeries
	filter rowFilter     // of the series at hand
	rest   influxql.Expr // that filter is made of, if it may be used for others; nil: it may not
	keep   []uint64

	times []int64 // of the selected rows of the series at hand
	rows  []selectedColumn
	held  int64 // reserved for them
	full  bool  // there is no more room
}

// selectedColumn collects the values of one field in the selected rows of a series.
type selectedColumn struct {
	typ       model.FieldType
	numbers   []uint64 // bits of floats, integers, unsigneds and booleans
	texts     [][]byte
	present   []uint64
	any, gaps bool // some row has a value, has none
}

func newSelectRun(r *rawScan, list []*rawSeries) *selectRun {
	s := &selectRun{scan: r, list: list}
	for _, f := range r.layout.fields {
		s.rows = append(s.rows, selectedColumn{typ: f.Type})
	}
	return s
}

func (s *selectRun) run() error {
	src := s.scan.source
	ids := make([]model.SeriesID, len(s.list))
	for i, series := range s.list {
		ids[i] = series.series.id
		series.fetched, series.empty = true, true
	}
	cur, err := src.view.view.Read(src.run.ctx, cursor.Request{
		Measurement: src.measurement, Series: ids, Fields: s.scan.layout.fields,
		Range: model.TimeRange{Min: src.opt.start, Max: src.opt.end}, Descending: !src.opt.ascending,
		Offer: s.passOver,
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
		series := s.list[i]
		if s.full { // this one and those behind it are read by cursors of their own
			for _, left := range s.list[i:] {
				left.fetched, left.empty = false, false
			}
			return nil
		}
		if err := s.selectRows(cur, series); err != nil {
			return err
		}
	}
}

// setFilter makes the filter that of a series. Series whose conditions are one, which does not look at tags, share it.
func (s *selectRun) setFilter(series *sourceSeries) {
	if s.rest == series.rest && s.filter != nil {
		return
	}
	src := s.scan.source
	s.filter, s.rest = s.scan.layout.filterFor(src, series), series.rest
	for _, ref := range influxql.ExprNames(series.rest) {
		if src.tagRef(&ref) {
			s.rest = nil
		}
	}
}

// passOver takes rows as read that cannot pass the filter.
func (s *selectRun) passOver(sum *cursor.Summary) cursor.Reply {
	if s.filter.rulesOut(sum) {
		return cursor.Accept
	}
	return cursor.Decline
}

// selectRows selects rows of the series that the cursor stands at.
func (s *selectRun) selectRows(cur cursor.Cursor, series *rawSeries) error {
	layout := s.scan.layout
	s.setFilter(series.series)
	s.reset()
	for b := cur.Next(); b != nil; b = cur.Next() {
		if err := s.scan.source.run.countPoints(len(b.Times)); err != nil {
			return err
		}
		s.keep = layout.selectRows(b, s.filter, s.keep)
		s.take(b)
		if s.full = !s.reserve(); s.full {
			series.edge, series.empty = b.Times[len(b.Times)-1], false
			break
		}
	}
	series.setSelected(s.times, s.rows)
	return cur.Err()
}

func (s *selectRun) reset() {
	s.times, s.held = s.times[:0], 0
	for i := range s.rows {
		c := &s.rows[i]
		c.numbers, c.texts, c.present = c.numbers[:0], c.texts[:0], c.present[:0]
		c.any, c.gaps = false, false
	}
}

// take adds the rows of a batch that are kept.
func (s *selectRun) take(b *cursor.Batch) {
	first := len(s.times)
	for w, word := range s.keep {
		for ; word != 0; word &= word - 1 {
			s.times = append(s.times, b.Times[w<<6+bits.TrailingZeros64(word)])
		}
	}
	if len(s.times) == first {
		return
	}
	for i := range s.rows {
		s.rows[i].take(&b.Columns[i], s.keep, first, len(s.times))
	}
}

// take adds the kept values of a column as rows [at, end).
func (d *selectedColumn) take(c *cursor.Column, keep []uint64, at, end int) {
	for len(d.present) < bitWords(end) {
		d.present = append(d.present, 0)
	}
	if c.Absent {
		d.gaps = true
		d.skip(end - at)
		return
	}
	for w, word := range keep {
		for ; word != 0; word &= word - 1 {
			i := w<<6 + bits.TrailingZeros64(word)
			if !c.Has(i) {
				d.gaps = true
				d.skip(1)
				at++
				continue
			}
			d.any = true
			d.present[at>>6] |= 1 << (at & 63)
			at++
			if d.typ == model.String {
				d.texts = append(d.texts, bytes.Clone(c.Strings[i]))
			} else {
				d.numbers = append(d.numbers, columnValue(c, i).bits)
			}
		}
	}
}

// skip adds rows without a value.
func (d *selectedColumn) skip(n int) {
	for range n {
		if d.typ == model.String {
			d.texts = append(d.texts, nil)
		} else {
			d.numbers = append(d.numbers, 0)
		}
	}
}

// bytes returns what the rows selected from the series at hand take.
func (s *selectRun) bytes() int64 {
	n := int64(len(s.times)) * 8 * int64(1+len(s.rows))
	for i := range s.rows {
		for _, text := range s.rows[i].texts {
			n += 16 + int64(len(text))
		}
	}
	return n
}

// reserve takes memory for the rows selected from the series at hand and reports whether there may be more. Without
// memory there are no more, which is no error: cursors of the series need little.
func (s *selectRun) reserve() bool {
	more := s.bytes() - s.held
	if s.scan.selectedBytes.Load()+more > maxSelectedBytes || s.scan.source.run.memory.reserve(more) != nil {
		return false
	}
	s.held += more
	s.scan.selectedBytes.Add(more)
	return true
}

// setSelected makes rows those that the series yields first. They are copied.
func (r *rawSeries) setSelected(times []int64, columns []selectedColumn) {
	if len(times) == 0 {
		return
	}
	n := len(times)
	r.tags = auxConstants(r.scan.layout, r.series)
	b := &cursor.Batch{Times: slices.Clone(times), Columns: make([]cursor.Column, len(columns))}
	for i := range columns {
		d, c := &columns[i], &b.Columns[i]
		if c.Type = d.typ; !d.any {
			c.Absent = true
			continue
		}
		if d.gaps {
			c.Present = slices.Clone(d.present)
		}
		switch d.typ {
		case model.Float:
			c.Floats = decoded(d.numbers, func(n uint64) float64 { return value{bits: n}.float() })
		case model.Integer:
			c.Integers = decoded(d.numbers, func(n uint64) int64 { return int64(n) })
		case model.Unsigned:
			c.Unsigneds = slices.Clone(d.numbers)
		case model.Boolean:
			c.Booleans = decoded(d.numbers, func(n uint64) bool { return n != 0 })
		case model.String:
			c.Strings = slices.Clone(d.texts)
		}
	}
	r.batch, r.row = b, 0
	r.keep = allBits(nil, n)
}

func decoded[T any](numbers []uint64, f func(uint64) T) []T {
	out := make([]T, len(numbers))
	for i, n := range numbers {
		out[i] = f(n)
	}
	return out
}

// pointPool holds the points of rows that were handed on and copied, for the next ones. It is used by the goroutine that
// hands on rows alone.
type pointPool struct {
	free []*point
	slab slab
}

// point returns a point with so many other values, whose content is left from another row.
func (p *pointPool) point(aux int) *point {
	if n := len(p.free); n > 0 {
		pt := p.free[n-1]
		p.free = p.free[:n-1]
		return pt
	}
	pt := p.slab.point()
	pt.aux = p.slab.list(aux)
	return pt
}

func (p *pointPool) put(pt *point) { p.free = append(p.free, pt) }
