package lineproto

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/timberlinedb/timberline/model"
)

// tableState is what the parser knows of a table beyond the table itself.
type tableState struct {
	index   int
	table   *model.Table
	raw     []byte        // the last spelling of the measurement
	columns []columnState // beside table.Columns
	first   successors    // of the start of a line
}

// successors are the columns that came after a place in a line: last time, and
// some time before that. Lines often alternate between two shapes.
type successors struct {
	next, other int32 // -1: none
}

// columnState is what the parser knows of a column beyond the column itself.
//
// While a body is read, a column is dense as long as each row so far has a
// value; it turns sparse with the first value after a gap and stays so. Rows
// of sparse columns are collected here and go into the batch at the end.
type columnState struct {
	head, tail, mask uint64 // first and last eight bytes of raw, or all of it under mask
	size, tailAt     int    // length of raw; where its last eight bytes begin, or 0
	raw              []byte // the field key as spelled, and the equal sign
	after            successors
	sameName         int32 // next column of this name with another type; -1: none
	typ              model.FieldType
	shared           bool // another column has this name
	sparse           bool
	rows             []int32
}

func (ts *tableState) reset(index int, table *model.Table) {
	ts.index, ts.table = index, table
	ts.columns = ts.columns[:0]
	ts.first = successors{-1, -1}
}

// successors returns what came after column k, or after the start of a line
// when k is negative. The pointer is valid until a column is added.
func (ts *tableState) successors(k int32) *successors {
	if k < 0 {
		return &ts.first
	}
	return &ts.columns[k].after
}

func (s *successors) turnTo(k int32) {
	if s.next != k {
		s.next, s.other = k, s.next
	}
}

// addFields adds the values of a row that is about to end. No key comes twice.
func (ts *tableState) addFields(p *Parser, fields []pointField) {
	before := int32(-1)
	for i := range fields {
		f := &fields[i]
		k := ts.find(p, f.key, f.typ)
		if k < 0 {
			k = ts.addColumn(p, f.key, f.typ)
		}
		bits := f.bits
		if f.typ == model.String {
			start := len(p.batch.Arena)
			p.batch.Arena = appendString(p.batch.Arena, f.quoted)
			bits = model.StringRef(start, len(p.batch.Arena)-start)
		}
		ts.addValue(k, bits)
		ts.successors(before).turnTo(k)
		before = k
	}
}

// find returns the column of a raw field key and type, or -1.
func (ts *tableState) find(p *Parser, raw []byte, typ model.FieldType) int32 {
	return ts.ofType(ts.named(p, raw), typ)
}

// named returns the first column of a raw field key, or -1.
func (ts *tableState) named(p *Parser, raw []byte) int32 {
	return ts.namedHash(p, raw, hashName(raw))
}

// namedHash does what named does for a key whose hashName is known.
func (ts *tableState) namedHash(p *Parser, raw []byte, hash uint64) int32 {
	for at := p.byField.find(hashIn(ts.index, hash)); at.found; at = p.byField.again(at) {
		k := int32(at.value)
		if int(at.value>>32) == ts.index && bytes.Equal(ts.columns[k].key(), raw) {
			return k
		}
	}
	return -1
}

// ofType returns the column of the given type among k and those of its name
// that follow it, or -1.
func (ts *tableState) ofType(k int32, typ model.FieldType) int32 {
	for k >= 0 && ts.columns[k].typ != typ {
		k = ts.columns[k].sameName
	}
	return k
}

// addColumn adds a column for a raw field key, which an equal sign follows in
// memory, and a type that are new to the table.
func (ts *tableState) addColumn(p *Parser, raw []byte, typ model.FieldType) int32 {
	return ts.addColumnHash(p, raw, hashName(raw), typ)
}

// addColumnHash does what addColumn does for a key whose hashName is known.
func (ts *tableState) addColumnHash(p *Parser, raw []byte, hash uint64, typ model.FieldType) int32 {
	var name []byte
	name, p.batch.Arena = unescapeKey(raw, p.batch.Arena)
	k := int32(ts.table.AddColumn(name, typ))
	if n := len(ts.columns); n < cap(ts.columns) {
		ts.columns = ts.columns[:n+1]
	} else {
		ts.columns = append(ts.columns, columnState{})
	}
	c := &ts.columns[k]
	*c = columnState{
		raw: raw[: len(raw)+1 : len(raw)+1], size: len(raw) + 1, tailAt: max(len(raw)+1-8, 0), after: successors{-1, -1},
		sameName: -1, typ: typ, rows: c.rows[:0],
	}
	c.head, c.tail, c.mask = nameWords(c.raw)
	if first := ts.namedHash(p, raw, hash); first >= 0 {
		c.shared, ts.columns[first].shared = true, true
		c.sameName, ts.columns[first].sameName = ts.columns[first].sameName, k
	} else {
		p.byField.add(hashIn(ts.index, hash), uint64(ts.index)<<32|uint64(k))
	}
	return k
}

// nameWords returns what columnState.startsAt compares first.
func nameWords(raw []byte) (head, tail, mask uint64) {
	if n := len(raw); n >= 8 {
		return binary.LittleEndian.Uint64(raw), binary.LittleEndian.Uint64(raw[n-8:]), ^uint64(0)
	}
	var word [8]byte
	copy(word[:], raw)
	head = binary.LittleEndian.Uint64(word[:])
	return head, head, 1<<(8*len(raw)) - 1
}

// key returns the field key as spelled.
func (c *columnState) key() []byte { return c.raw[:len(c.raw)-1] }

// startsAt reports whether the key of c, if the fast path takes one so long,
// and an equal sign are at b[i:].
func (c *columnState) startsAt(b []byte, i int) bool {
	last := i + c.tailAt
	if last+8 > len(b) || c.size > 16 {
		return c.size <= maxFastField && bytes.HasPrefix(b[i:], c.raw)
	}
	return ((binary.LittleEndian.Uint64(b[i:])^c.head)|(binary.LittleEndian.Uint64(b[last:])^c.tail))&c.mask == 0
}

// addValue adds a value to column k for the row that is about to end. It
// reports false when that row has one already.
func (ts *tableState) addValue(k int32, bits uint64) bool {
	return ts.addValueAt(k, bits, int32(len(ts.table.Times)))
}

// addValueAt does what addValue does for a row that is not below that one.
func (ts *tableState) addValueAt(k int32, bits uint64, row int32) bool {
	c, column := &ts.columns[k], &ts.table.Columns[k]
	if !c.sparse {
		switch n := int32(len(column.Values)); {
		case n > row:
			return false
		case n < row:
			c.sparse = true
			for r := range n {
				c.rows = append(c.rows, r)
			}
		}
	} else if n := len(c.rows); n > 0 && c.rows[n-1] == row {
		return false
	}
	if c.sparse {
		c.rows = append(c.rows, row)
	}
	column.Values = append(column.Values, bits)
	return true
}

// hasValue reports whether a column of the same name as k has a value in the
// row that is about to end.
func (ts *tableState) hasValue(p *Parser, k int32) bool {
	row := len(ts.table.Times)
	for k = ts.named(p, ts.columns[k].key()); k >= 0; k = ts.columns[k].sameName {
		c := &ts.columns[k]
		if c.sparse {
			if n := len(c.rows); n > 0 && int(c.rows[n-1]) == row {
				return true
			}
		} else if len(ts.table.Columns[k].Values) > row {
			return true
		}
	}
	return false
}

// dropValues takes back the values that the row about to end has in the first
// count columns after the start of a line.
func (ts *tableState) dropValues(count int) {
	for at := &ts.first; count > 0; count-- {
		c, column := &ts.columns[at.next], &ts.table.Columns[at.next]
		column.Values = column.Values[:len(column.Values)-1]
		if c.sparse {
			c.rows = c.rows[:len(c.rows)-1]
		}
		at = &c.after
	}
}

// endRow adds the row whose values are in the columns. The fingerprint and the
// canonical key are used when id is 0.
func (ts *tableState) endRow(timestamp int64, line int, id model.SeriesID, fp model.Fingerprint, canonical []byte) {
	t := ts.table
	if id == 0 {
		t.NewKeys = append(t.NewKeys, model.NewKey{Row: int32(len(t.Times)), Key: canonical})
	} else {
		fp = model.Fingerprint{}
	}
	t.Times = append(t.Times, timestamp)
	t.Series = append(t.Series, id)
	t.Fingerprints = append(t.Fingerprints, fp)
	t.Lines = append(t.Lines, int32(line))
}

// sparseRows returns how many entries the Rows of the table's columns need,
// after giving columns that ended early their rows.
func (ts *tableState) sparseRows() int {
	n := 0
	for k := range ts.columns {
		c, values := &ts.columns[k], len(ts.table.Columns[k].Values)
		if !c.sparse && values < ts.table.Rows() {
			c.sparse = true
			for r := range int32(values) {
				c.rows = append(c.rows, r)
			}
		}
		n += len(c.rows)
	}
	return n
}

// finish completes the columns of the table, whose sparse rows are appended to
// rows, which has room for them, and lets go of the table and the body.
func (ts *tableState) finish(arena []byte, rows []int32) []int32 {
	for k := range ts.columns {
		c, column := &ts.columns[k], &ts.table.Columns[k]
		if c.sparse {
			start := len(rows)
			rows = append(rows, c.rows...)
			column.Rows = slices.Clip(rows[start:])
		}
		if column.Type == model.String {
			column.Strings = arena
		}
		c.raw = nil
		if cap(c.rows) > maxIdleSlots {
			c.rows = nil
		}
	}
	ts.table, ts.raw = nil, nil
	if cap(ts.columns) > maxIdleColumns {
		ts.columns = nil
	}
	return rows
}
