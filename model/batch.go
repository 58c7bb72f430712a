package model

// Fingerprint identifies the raw spelling of a series key inside one process:
// 128 bits of a keyed hash whose key is drawn at start and never stored.
type Fingerprint struct {
	Hi, Lo uint64
}

// Batch holds the points of one body as columns. A parser fills it, the write
// path reads it; it is reused, so nothing in it may be kept after Reset. Byte
// slices point into the body or into Arena, both of which live as long as the
// batch is in use.
type Batch struct {
	Tables  []*Table // one per measurement, in order of first appearance
	Rejects []Reject // refused lines, in order of Line
	Lines   int      // lines that carried a point, refused ones included

	// Arena holds unescaped names and string values.
	Arena []byte

	free []*Table
}

// Reject is a line that was refused.
type Reject struct {
	Line   int    // 1-based number of the line in the body
	Text   []byte // the line as it was sent
	Reason string // without the "unable to parse" prefix
}

// Table holds the rows of one measurement.
type Table struct {
	Measurement []byte // unescaped

	// Per row.
	Times        []int64       // nanoseconds since the epoch
	Series       []SeriesID    // 0 when the parser's SeriesTable did not know the spelling
	Fingerprints []Fingerprint // of the raw key; set only where Series is 0
	Lines        []int32       // 1-based line numbers, for errors

	Columns []Column

	// NewKeys lists the rows whose Series is 0, ascending by Row.
	NewKeys []NewKey
}

// NewKey is the canonical key of a row whose spelling was not known.
type NewKey struct {
	Row int32
	Key []byte // canonical series key (AppendSeriesKey); points into Arena or the body
}

// Column holds the values of one field name and type. Two types of one name
// in a body are two columns.
type Column struct {
	Name []byte // unescaped field key
	Type FieldType

	// Rows lists the rows that have a value, ascending; nil means that every
	// row of the table has one (len(Values) == len(Times)).
	Rows []int32

	// Values has one entry per value: the bits of a float64, an int64, a
	// uint64, 0 or 1 for a boolean; for a string its StringRef.
	Values []uint64

	// Strings is what the StringRefs of this column refer to. It may be shared
	// between columns.
	Strings []byte
}

// StringRef packs the place of a string value: offset<<24 | length. Strings are
// at most MaxStringBytes (2^20) long, offsets at most 2^40.
func StringRef(offset, length int) uint64 { return uint64(offset)<<24 | uint64(length) }

// StringAt returns the string value that ref names; it points into Strings.
func (c *Column) StringAt(ref uint64) []byte {
	off, n := ref>>24, ref&(1<<24-1)
	return c.Strings[off : off+n : off+n]
}

// Dense reports whether every row of the table has a value in c.
func (c *Column) Dense() bool { return c.Rows == nil }

// Rows returns the number of rows of t.
func (t *Table) Rows() int { return len(t.Times) }

// Rows returns the number of rows of the batch.
func (b *Batch) Rows() int {
	n := 0
	for _, t := range b.Tables {
		n += t.Rows()
	}
	return n
}

// Values returns the number of field values of the batch.
func (b *Batch) Values() int {
	n := 0
	for _, t := range b.Tables {
		for i := range t.Columns {
			n += len(t.Columns[i].Values)
		}
	}
	return n
}

// AddTable appends an empty table for measurement, reusing memory of an
// earlier use of the batch. The measurement is kept, not copied.
func (b *Batch) AddTable(measurement []byte) *Table {
	var t *Table
	if n := len(b.free); n > 0 {
		t, b.free = b.free[n-1], b.free[:n-1]
	} else {
		t = new(Table)
	}
	t.Measurement = measurement
	b.Tables = append(b.Tables, t)
	return t
}

// AddColumn appends an empty column to t, reusing memory, and returns its
// index. The name is kept, not copied.
func (t *Table) AddColumn(name []byte, typ FieldType) int {
	if len(t.Columns) < cap(t.Columns) {
		t.Columns = t.Columns[:len(t.Columns)+1]
		c := &t.Columns[len(t.Columns)-1]
		*c = Column{Name: name, Type: typ, Values: c.Values[:0]}
	} else {
		t.Columns = append(t.Columns, Column{Name: name, Type: typ})
	}
	return len(t.Columns) - 1
}

// maxFreeTables bounds what an idle batch keeps for its next use.
const maxFreeTables = 64

// Reset empties the batch and keeps its memory for the next body.
func (b *Batch) Reset() {
	for _, t := range b.Tables {
		t.Measurement = nil
		t.Times, t.Series, t.Fingerprints = t.Times[:0], t.Series[:0], t.Fingerprints[:0]
		t.Lines, t.NewKeys, t.Columns = t.Lines[:0], t.NewKeys[:0], t.Columns[:0]
		if len(b.free) < maxFreeTables {
			b.free = append(b.free, t)
		}
	}
	b.Tables, b.Rejects, b.Arena, b.Lines = b.Tables[:0], b.Rejects[:0], b.Arena[:0], 0
}
