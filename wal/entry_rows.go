package wal

import (
	"encoding/binary"

	"github.com/timberlinedb/timberline/model"
)

// Rows is the entry of rows of one measurement that go to one shard.
type Rows struct {
	Database uint32
	Shard    uint64
	Fields   []uint32 // number in the shard of each column of Table

	// Table has the rows in Times, Series and Columns; everything else of it,
	// column names included, is not written.
	Table *model.Table

	rowLists []int32 // memory of decoded Column.Rows
	text     []byte  // memory of decoded Column.Strings
}

// MaxRows is the largest number of rows in an entry.
const MaxRows = 1 << 24

// AppendRows appends the payload of a KindRows frame. Fields has one number
// for each column, Series one ID for each row; there are at most MaxRows rows.
func AppendRows(dst []byte, r *Rows) []byte {
	t := r.Table
	dst = binary.AppendUvarint(dst, uint64(r.Database))
	dst = binary.AppendUvarint(dst, r.Shard)
	dst = binary.AppendUvarint(dst, uint64(t.Rows()))
	dst = binary.AppendUvarint(dst, uint64(len(t.Columns)))
	dst = appendInts(dst, t.Series)
	dst = appendInts(dst, t.Times)
	for i := range t.Columns {
		c := &t.Columns[i]
		dst = binary.AppendUvarint(dst, uint64(r.Fields[i]))
		dst = appendColumn(dst, c)
	}
	return dst
}

func appendColumn(dst []byte, c *model.Column) []byte {
	if c.Dense() {
		dst = append(dst, byte(c.Type))
	} else {
		dst = append(dst, byte(c.Type)|columnSparse)
		dst = binary.AppendUvarint(dst, uint64(len(c.Rows)))
		dst = appendInts(dst, c.Rows)
	}
	switch c.Type {
	case model.Float:
		return appendFloats(dst, c.Values)
	case model.Boolean:
		return appendBooleans(dst, c.Values)
	case model.String:
		return appendStrings(dst, c)
	}
	return appendInts(dst, c.Values)
}

// DecodeRows reads the payload of a KindRows frame into r, whose memory,
// including that of Table, is reused. Strings of the table point into src or
// into memory of r; they are valid until either changes.
func DecodeRows(src []byte, r *Rows) error {
	d := decoder{kind: KindRows, src: src}
	t := r.Table
	if t == nil {
		t = new(model.Table)
		r.Table = t
	}
	r.rowLists, r.text = r.rowLists[:0], r.text[:0]
	t.Measurement, t.Columns, r.Fields = nil, t.Columns[:0], r.Fields[:0]
	t.Fingerprints, t.Lines, t.NewKeys = t.Fingerprints[:0], t.Lines[:0], t.NewKeys[:0]

	r.Database = d.uint32("database")
	r.Shard = d.uvarint()
	rows := d.count("rows", intBlockValues)
	columns := d.count("columns", 1)
	if rows > MaxRows {
		d.fail("%d rows, at most %d", rows, MaxRows)
	}
	if !d.ok() {
		rows, columns = 0, 0
	}
	t.Series = resize(t.Series, rows)
	t.Times = resize(t.Times, rows)
	takeInts(&d, t.Series)
	takeInts(&d, t.Times)
	for range columns {
		if !d.ok() {
			break
		}
		r.Fields = append(r.Fields, d.uint32("field number"))
		r.takeColumn(&d, rows)
	}
	return d.finish()
}

// takeColumn decodes one more column of the table.
func (r *Rows) takeColumn(d *decoder, rows int) {
	flags := d.byte()
	typ := takeType(d, flags, columnSparse)
	n := rows
	var list []int32
	if flags&columnSparse != 0 {
		n = d.count("rows of a column", intBlockValues)
		list = r.takeRowList(d, n, rows)
	}
	if !d.ok() {
		return
	}
	c := &r.Table.Columns[r.Table.AddColumn(nil, typ)]
	c.Rows = list
	c.Values = resize(c.Values, n)
	switch typ {
	case model.Float:
		takeFloats(d, c.Values)
	case model.Boolean:
		takeBooleans(d, c.Values)
	case model.String:
		r.takeStrings(d, c)
	default:
		takeInts(d, c.Values)
	}
}

// takeRowList decodes n ascending row numbers below rows.
func (r *Rows) takeRowList(d *decoder, n, rows int) []int32 {
	if n > rows {
		d.fail("column has %d values in %d rows", n, rows)
	}
	if !d.ok() {
		return nil
	}
	if n == 0 {
		return []int32{} // nil would mean every row
	}
	at := len(r.rowLists)
	if cap(r.rowLists) < at+n {
		// Earlier lists keep the old memory.
		r.rowLists, at = make([]int32, 0, max(2*cap(r.rowLists), n)), 0
	}
	r.rowLists = r.rowLists[:at+n]
	list := r.rowLists[at : at+n : at+n]
	takeInts(d, list)
	prev := int32(-1)
	for _, row := range list {
		if row <= prev || int(row) >= rows {
			d.fail("row %d follows row %d in a table of %d rows", row, prev, rows)
			return nil
		}
		prev = row
	}
	return list
}
