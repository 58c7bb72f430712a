package query

import (
	"time"

	"github.com/timberlinedb/timberline/model"
)

// Result is an answer, or a piece of one, to one statement. A statement yields
// at least one result. Results and what they point to are valid only during the
// call that delivers them.
type Result struct {
	StatementID int
	Series      []*Series
	Messages    []Message

	// Partial says that more results of this statement follow.
	Partial bool

	// Err is what went wrong while the statement ran; such a result is the
	// last one of its statement.
	Err error
}

// Message is a remark for the client, such as a deprecation.
type Message struct {
	Level string // "warning"
	Text  string
}

// Series is a block of rows that share a name and tags.
type Series struct {
	Name    string
	Tags    []Tag // in order of key; nil when the statement does not group
	Columns []string

	// Values holds one column per name of Columns, all of Rows entries.
	Values []Column
	Rows   int

	// Continued says that these rows follow those of the last series of the
	// previous result, without a new header when the answer is not chunked.
	Continued bool

	// Partial says that more rows of this series follow.
	Partial bool

	// Location is the zone in which times are printed; nil is UTC.
	Location *time.Location
}

// Tag is one key and value of a series in an answer.
type Tag struct {
	Key, Value string
}

// ColumnKind tells which slice of a Column holds its values.
type ColumnKind uint8

// The kinds of columns.
const (
	NullColumn     ColumnKind = iota // no row has a value
	TimeColumn                       // Integers, nanoseconds since the epoch; printed as the request's epoch asks
	FloatColumn                      // Floats
	IntegerColumn                    // Integers
	UnsignedColumn                   // Unsigneds
	BooleanColumn                    // Booleans
	StringColumn                     // Strings
	ListColumn                       // Lists
	AnyColumn                        // Any: rows of different types
)

// Column holds one output column. Rows without a value are null.
type Column struct {
	Kind ColumnKind

	// Present has bit i%64 of word i/64 set when row i has a value; nil means
	// that all rows have one.
	Present []uint64

	Floats    []float64
	Integers  []int64
	Unsigneds []uint64
	Booleans  []bool
	Strings   []string
	Lists     [][]string
	// Any holds nil, float64, int64, uint64, bool, string, []string or time.Time.
	Any []any
}

// Null reports whether row i of c has no value.
func (c *Column) Null(i int) bool {
	switch {
	case c.Kind == NullColumn:
		return true
	case c.Kind == AnyColumn:
		return c.Any[i] == nil
	case c.Present == nil:
		return false
	}
	return c.Present[i>>6]&(1<<(i&63)) == 0
}

// KindOf returns the kind of column that holds values of a field type.
func KindOf(t model.FieldType) ColumnKind {
	switch t {
	case model.Float:
		return FloatColumn
	case model.Integer:
		return IntegerColumn
	case model.Unsigned:
		return UnsignedColumn
	case model.Boolean:
		return BooleanColumn
	case model.String:
		return StringColumn
	}
	return NullColumn
}
