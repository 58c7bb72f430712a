package cursor

import "github.com/timberlinedb/timberline/model"

// Summary describes rows of one series that storage knows without reading them:
// those of a whole block or of one hour that nothing else overlaps.
type Summary struct {
	Range  model.TimeRange // covers the timestamps of the rows
	Rows   int
	Cell   bool         // of one hour, otherwise of a block
	Fields []Statistics // in the order of Request.Fields
}

// Statistics describes the values that one field has in the rows of a summary.
// Of Floats, Integers and Unsigneds the one of its type is set, for strings and
// booleans what is named after them; all of them only when Count is not zero.
type Statistics struct {
	Type                model.FieldType
	Count               int64 // values
	FirstTime, LastTime int64 // timestamps of the first and the last value

	// Whole says that the floats are whole numbers so small that they can be added
	// in any order, in whatever parts, without rounding.
	Whole bool

	Floats    Extent[float64]
	Integers  Extent[int64]
	Unsigneds Extent[uint64]

	FirstBool, LastBool     bool
	FirstString, LastString []byte // valid during the call of the Offer
}

// Extent holds statistics of numbers. None of them is NaN. Min and Max do not
// tell zero from negative zero. Sums of integers are modulo 2^64; sums of floats
// were added one by one in order of time, starting from zero.
type Extent[T any] struct {
	Min, Max, Sum, First, Last T
}

// Reply is what a reader answers to an offer.
type Reply uint8

// The replies.
const (
	Decline Reply = iota // the rows themselves are wanted
	Accept               // the summary is enough
	Enough               // so it is, and no further rows of the series are wanted
)
