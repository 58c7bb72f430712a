package tsm

import (
	"slices"

	"github.com/timberlinedb/timberline/model"
)

// rowBuffer collects the rows of the next block. Values are stored without
// gaps, so that pages are encoded from them as they are. Its memory is used
// again for the next block.
type rowBuffer struct {
	times   []int64
	columns []*bufferedColumn // in order of first appearance in the block
	free    []*bufferedColumn
	text    int // bytes of string values

	// The series of a multi-series block and the rows of each.
	series []int64
	counts []int64
}

// bufferedColumn holds the values of one field.
type bufferedColumn struct {
	field uint32
	typ   model.FieldType
	rows  int // rows of the block that the column has been told about
	count int // values among them

	// present is kept only once a row has no value (partial).
	partial bool
	present []uint64

	floats    []float64
	integers  []int64
	unsigneds []uint64
	booleans  []bool
	text      []byte // string values one after the other
	ends      []int  // end of each in text
	strings   [][]byte
}

func (b *rowBuffer) rows() int { return len(b.times) }

func (b *rowBuffer) reset() {
	b.free = append(b.free, b.columns...)
	b.columns = b.columns[:0]
	b.times, b.series, b.counts, b.text = b.times[:0], b.series[:0], b.counts[:0], 0
}

// column returns the column of a field, new when the block has none.
func (b *rowBuffer) column(field uint32, typ model.FieldType, hint int) *bufferedColumn {
	if hint < len(b.columns) && b.columns[hint].field == field {
		return b.columns[hint]
	}
	for _, c := range b.columns {
		if c.field == field {
			return c
		}
	}
	var c *bufferedColumn
	if n := len(b.free); n > 0 {
		c, b.free = b.free[n-1], b.free[:n-1]
	} else {
		c = new(bufferedColumn)
	}
	c.field, c.typ, c.rows, c.count, c.partial = field, typ, 0, 0, false
	c.floats, c.integers, c.unsigneds, c.booleans = c.floats[:0], c.integers[:0], c.unsigneds[:0], c.booleans[:0]
	c.text, c.ends = c.text[:0], c.ends[:0]
	b.columns = append(b.columns, c)
	return c
}

// append copies the rows [from, to) of r.
func (b *rowBuffer) append(r *SeriesRows, from, to int) {
	start := len(b.times)
	b.times = append(b.times, r.Times[from:to]...)
	for i := range r.Columns {
		src := &r.Columns[i]
		if src.Count(from, to) == 0 {
			continue
		}
		c := b.column(src.Field, src.Type, i)
		before := len(c.text)
		c.skipTo(start)
		c.append(src, from, to)
		b.text += len(c.text) - before
	}
}

// appendBuffer copies all rows of o, as the rows of one more series.
func (b *rowBuffer) appendBuffer(o *rowBuffer, series model.SeriesID) {
	start := len(b.times)
	b.times = append(b.times, o.times...)
	for i, src := range o.columns {
		src.skipTo(o.rows())
		c := b.column(src.field, src.typ, i)
		c.skipTo(start)
		c.appendColumn(src)
	}
	b.text += o.text
	b.series = append(b.series, int64(series))
	b.counts = append(b.counts, int64(o.rows()))
}

// finish tells all columns how many rows the block has, and sorts them by field.
func (b *rowBuffer) finish() {
	for _, c := range b.columns {
		c.skipTo(b.rows())
	}
	slices.SortFunc(b.columns, func(x, y *bufferedColumn) int { return int(int64(x.field) - int64(y.field)) })
}

// skipTo notes that rows up to row have no value.
func (c *bufferedColumn) skipTo(row int) {
	if c.rows >= row {
		return
	}
	c.needPresent(row)
	c.rows = row
}

// needPresent makes the bitmap explicit and large enough for rows rows.
func (c *bufferedColumn) needPresent(rows int) {
	n := words(rows)
	if !c.partial {
		c.partial = true
		c.present = grow(c.present[:0], n)
		clear(c.present)
		setBits(c.present, 0, c.rows)
		return
	}
	for len(c.present) < n {
		c.present = append(c.present, 0)
	}
}

// append copies the values of the rows [from, to) of src.
func (c *bufferedColumn) append(src *FieldColumn, from, to int) {
	n := to - from
	if src.Present == nil {
		c.appendRun(src, from, to)
		if c.partial {
			c.needPresent(c.rows + n)
			setBits(c.present, c.rows, c.rows+n)
		}
		c.rows += n
		c.count += n
		return
	}
	c.needPresent(c.rows + n)
	for at := from; at < to; {
		if !src.Has(at) {
			at++
			continue
		}
		end := at + 1
		for end < to && src.Has(end) {
			end++
		}
		c.appendRun(src, at, end)
		setBits(c.present, c.rows+at-from, c.rows+end-from)
		c.count += end - at
		at = end
	}
	c.rows += n
}

func (c *bufferedColumn) appendRun(src *FieldColumn, from, to int) {
	switch c.typ {
	case model.Float:
		c.floats = append(c.floats, src.Floats[from:to]...)
	case model.Integer:
		c.integers = append(c.integers, src.Integers[from:to]...)
	case model.Unsigned:
		c.unsigneds = append(c.unsigneds, src.Unsigneds[from:to]...)
	case model.Boolean:
		c.booleans = append(c.booleans, src.Booleans[from:to]...)
	case model.String:
		for _, s := range src.Strings[from:to] {
			c.text = append(c.text, s...)
			c.ends = append(c.ends, len(c.text))
		}
	}
}

// appendColumn copies all rows of src, which has been told about all its rows.
func (c *bufferedColumn) appendColumn(src *bufferedColumn) {
	if src.partial || c.partial {
		c.needPresent(c.rows + src.rows)
		for i := range src.rows {
			if !src.partial || src.present[i>>6]>>(i&63)&1 == 1 {
				c.present[(c.rows+i)>>6] |= 1 << ((c.rows + i) & 63)
			}
		}
	}
	c.rows += src.rows
	c.count += src.count
	c.floats = append(c.floats, src.floats...)
	c.integers = append(c.integers, src.integers...)
	c.unsigneds = append(c.unsigneds, src.unsigneds...)
	c.booleans = append(c.booleans, src.booleans...)
	base := len(c.text)
	c.text = append(c.text, src.text...)
	for _, end := range src.ends {
		c.ends = append(c.ends, base+end)
	}
}

// stringValues returns the string values as slices; they are valid until the
// column changes.
func (c *bufferedColumn) stringValues() [][]byte {
	c.strings = grow(c.strings[:0], len(c.ends))
	at := 0
	for i, end := range c.ends {
		c.strings[i] = c.text[at:end:end]
		at = end
	}
	return c.strings
}
