package tsm

import (
	"math/bits"

	"github.com/timberlinedb/timberline/model"
)

// MergeInput is a span of rows of one series.
type MergeInput struct {
	Rows     *SeriesRows
	From, To int // rows [From, To)
}

// RowMerger merges rows of one series: there is one row per timestamp, and for
// each field the value of the newest input that has one. It works on whole
// columns and keeps its memory for the next merge. The zero RowMerger is ready to
// use, by one goroutine.
type RowMerger struct {
	rows    SeriesRows
	times   []int64
	columns []FieldColumn // memory of merged columns
	bitmaps [][]uint64
	places  []placement
	heads   []int
	any     []uint64
	live    []MergeInput
}

// placement says where the rows of an input went: to a run that starts at first,
// or one by one to rows.
type placement struct {
	first  int
	inARow bool
	rows   []int32
}

// Merge merges inputs that are ordered from the oldest to the newest. Rows that
// have no value in any column are left out, unless there are no columns at all.
//
// The columns of the result are those of the inputs in order of first
// appearance. It is valid until the next call and as long as the inputs are; it
// must not be changed. Overwritten counts the values for which a newer input had
// another.
func (m *RowMerger) Merge(inputs []MergeInput) (rows *SeriesRows, overwritten int64) {
	m.rows = SeriesRows{Columns: m.rows.Columns[:0]}
	live := m.live[:0]
	for _, in := range inputs {
		if in.From < in.To {
			live = append(live, in)
			m.rows.Series = in.Rows.Series
		}
	}
	m.live = live
	switch len(live) {
	case 0:
		return &m.rows, 0
	case 1:
		m.view(&live[0])
	default:
		m.mergeTimes(live)
		overwritten = m.mergeColumns(live)
	}
	m.dropEmpty()
	return &m.rows, overwritten
}

// view makes the result a view of one input.
func (m *RowMerger) view(in *MergeInput) {
	m.rows.Times = in.Rows.Times[in.From:in.To]
	for i := range in.Rows.Columns {
		src := &in.Rows.Columns[i]
		c := FieldColumn{Field: src.Field, Type: src.Type, Absent: src.Absent}
		if !src.Absent {
			c.slice(src, in.From, in.To)
			if src.Present != nil {
				c.Present = sliceBits(m.bitmap(i), src.Present, in.From, in.To)
				m.bitmaps[i] = c.Present
			}
		}
		m.rows.Columns = append(m.rows.Columns, c)
	}
}

// bitmap returns the memory for the bitmap of column i.
func (m *RowMerger) bitmap(i int) []uint64 {
	for len(m.bitmaps) <= i {
		m.bitmaps = append(m.bitmaps, nil)
	}
	return m.bitmaps[i]
}

// mergeTimes fills the timestamps of the result and the places of the rows of
// the inputs among them.
func (m *RowMerger) mergeTimes(inputs []MergeInput) {
	m.times = m.times[:0]
	m.heads = m.heads[:0]
	m.places = grow(m.places, len(inputs))
	for i := range inputs {
		m.heads = append(m.heads, inputs[i].From)
		m.places[i].rows = m.places[i].rows[:0]
	}
	for {
		// The smallest timestamp at the heads, and the next one above it.
		least, after, whose, alone := int64(0), int64(0), -1, true
		more := false
		for i := range inputs {
			if m.heads[i] == inputs[i].To {
				continue
			}
			switch t := inputs[i].Rows.Times[m.heads[i]]; {
			case whose < 0:
				least, whose = t, i
			case t < least:
				least, after, whose, alone, more = t, least, i, true, true
			case t == least:
				alone = false
			case !more || t < after:
				after, more = t, true
			}
		}
		if whose < 0 {
			break
		}
		if !alone {
			m.placeEqual(inputs, least)
			continue
		}
		m.placeRun(&inputs[whose], whose, after, more)
	}
	for i := range m.places {
		p := &m.places[i]
		p.first = int(p.rows[0])
		p.inARow = int(p.rows[len(p.rows)-1])-p.first == len(p.rows)-1
	}
	m.rows.Times = m.times
}

// placeEqual makes one row of all heads with timestamp t.
func (m *RowMerger) placeEqual(inputs []MergeInput, t int64) {
	row := int32(len(m.times))
	m.times = append(m.times, t)
	for i := range inputs {
		if m.heads[i] < inputs[i].To && inputs[i].Rows.Times[m.heads[i]] == t {
			m.places[i].rows = append(m.places[i].rows, row)
			m.heads[i]++
		}
	}
}

// placeRun takes rows of one input as long as they are below limit, if there is
// one.
func (m *RowMerger) placeRun(in *MergeInput, i int, limit int64, limited bool) {
	head := m.heads[i]
	times := in.Rows.Times[:in.To]
	for head < len(times) && (!limited || times[head] < limit) {
		m.places[i].rows = append(m.places[i].rows, int32(len(m.times)))
		m.times = append(m.times, times[head])
		head++
	}
	m.heads[i] = head
}

// mergeColumns fills the columns of the result, the oldest input first, so that
// newer values replace older ones.
func (m *RowMerger) mergeColumns(inputs []MergeInput) (overwritten int64) {
	n := len(m.times)
	for i := range inputs {
		in := &inputs[i]
		for k := range in.Rows.Columns {
			src := &in.Rows.Columns[k]
			at := m.columnOf(src, k, n)
			if src.Absent {
				continue
			}
			overwritten += mergeColumn(&m.rows.Columns[at], src, in, &m.places[i])
		}
	}
	for i := range m.rows.Columns {
		c := &m.rows.Columns[i]
		m.columns[i] = *c
		switch countBits(c.Present, 0, n) {
		case n:
			c.Present = nil
		case 0:
			*c = FieldColumn{Field: c.Field, Type: c.Type, Absent: true}
		}
	}
	return overwritten
}

// columnOf returns the index of the result's column for src, which is likely k.
func (m *RowMerger) columnOf(src *FieldColumn, k, n int) int {
	if k < len(m.rows.Columns) && m.rows.Columns[k].Field == src.Field {
		return k
	}
	for i := range m.rows.Columns {
		if m.rows.Columns[i].Field == src.Field {
			return i
		}
	}
	at := len(m.rows.Columns)
	for len(m.columns) <= at {
		m.columns = append(m.columns, FieldColumn{})
	}
	old := &m.columns[at]
	c := FieldColumn{Field: src.Field, Type: src.Type}
	c.takeMemory(old)
	c.resize(n)
	c.Present = grow(m.bitmap(at)[:0], words(n))
	clear(c.Present)
	m.bitmaps[at] = c.Present
	m.rows.Columns = append(m.rows.Columns, c)
	return at
}

// takeMemory reuses the slice of c's type of an earlier merge.
func (c *FieldColumn) takeMemory(old *FieldColumn) {
	switch c.Type {
	case model.Float:
		c.Floats = old.Floats[:0]
	case model.Integer:
		c.Integers = old.Integers[:0]
	case model.Unsigned:
		c.Unsigneds = old.Unsigneds[:0]
	case model.Boolean:
		c.Booleans = old.Booleans[:0]
	case model.String:
		c.Strings = old.Strings[:0]
	}
}

func mergeColumn(dst, src *FieldColumn, in *MergeInput, p *placement) (overwritten int64) {
	if src.Present == nil && p.inARow {
		end := p.first + in.To - in.From
		overwritten = int64(countBits(dst.Present, p.first, end))
		dst.copyRows(p.first, src, in.From, in.To)
		setBits(dst.Present, p.first, end)
		return overwritten
	}
	for i, row := range p.rows {
		from := in.From + i
		if !src.Has(from) {
			continue
		}
		if bit := uint64(1) << (row & 63); dst.Present[row>>6]&bit != 0 {
			overwritten++
		} else {
			dst.Present[row>>6] |= bit
		}
		dst.copyRows(int(row), src, from, from+1)
	}
	return overwritten
}

// dropEmpty removes rows without any value from the result.
func (m *RowMerger) dropEmpty() {
	n := len(m.rows.Times)
	if len(m.rows.Columns) == 0 {
		return
	}
	m.any = grow(m.any[:0], words(n))
	clear(m.any)
	for i := range m.rows.Columns {
		c := &m.rows.Columns[i]
		if c.Absent {
			continue
		}
		if c.Present == nil {
			return
		}
		for k := range m.any {
			m.any[k] |= c.Present[k]
		}
	}
	kept := countBits(m.any, 0, n)
	if kept == n {
		return
	}
	m.compact(kept)
}

// compact copies the rows of m.any, kept in number, to memory of the merger.
func (m *RowMerger) compact(kept int) {
	var rows []int32
	for k, w := range m.any {
		for ; w != 0; w &= w - 1 {
			rows = append(rows, int32(k*64+bits.TrailingZeros64(w)))
		}
	}
	times := make([]int64, kept)
	for i, row := range rows {
		times[i] = m.rows.Times[row]
	}
	m.rows.Times = times
	for k := range m.rows.Columns {
		src := m.rows.Columns[k]
		if src.Absent {
			continue
		}
		c := FieldColumn{Field: src.Field, Type: src.Type, Present: make([]uint64, words(kept))}
		c.resize(kept)
		count := 0
		for i, row := range rows {
			if src.Has(int(row)) {
				c.Present[i>>6] |= 1 << (i & 63)
				c.copyRows(i, &src, int(row), int(row)+1)
				count++
			}
		}
		if count == kept {
			c.Present = nil
		}
		m.rows.Columns[k] = c
	}
}
