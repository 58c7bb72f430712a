package influxql

import "time"

// DataType is the type of a field, a tag or the value of an expression.
type DataType uint8

// The data types.
const (
	Unknown DataType = iota
	Float
	Integer
	String
	Boolean
	Time
	Duration
	Tag
	AnyField // some field whose type is not known yet
	Unsigned
)

var dataTypeText = [...]string{
	Unknown: "unknown", Float: "float", Integer: "integer", String: "string", Boolean: "boolean",
	Time: "time", Duration: "duration", Tag: "tag", AnyField: "field", Unsigned: "unsigned",
}

// String returns the name of the type as it stands behind :: in a cast.
func (d DataType) String() string {
	if int(d) < len(dataTypeText) {
		return dataTypeText[d]
	}
	return dataTypeText[Unknown]
}

// DataTypeFromString returns the type of that name, or Unknown.
func DataTypeFromString(name string) DataType {
	for d := Float; int(d) < len(dataTypeText); d++ {
		if dataTypeText[d] == name {
			return d
		}
	}
	return Unknown
}

// dataTypeRank orders the types of one field seen in several places; the highest wins.
var dataTypeRank = [...]uint8{
	Unknown: 0, AnyField: 1, Tag: 2, Duration: 3, Time: 4, Boolean: 5, String: 6, Unsigned: 7, Integer: 8, Float: 9,
}

// LessThan reports whether other is preferred to d when a name has both types. Everything is preferred to Unknown, even
// Unknown itself.
func (d DataType) LessThan(other DataType) bool {
	return d == Unknown || dataTypeRank[d] < dataTypeRank[other]
}

// Zero returns the zero value of the type, or nil if values of it cannot be computed with. A tag's is the empty string.
func (d DataType) Zero() any {
	switch d {
	case Float:
		return float64(0)
	case Integer:
		return int64(0)
	case Unsigned:
		return uint64(0)
	case String, Tag:
		return ""
	case Boolean:
		return false
	case Time:
		return time.Time{}
	case Duration:
		return time.Duration(0)
	}
	return nil
}

// InspectDataType returns the type of a Go value, or Unknown.
func InspectDataType(v any) DataType {
	switch v.(type) {
	case float64:
		return Float
	case int64, int32, int:
		return Integer
	case uint64:
		return Unsigned
	case string:
		return String
	case bool:
		return Boolean
	case time.Time:
		return Time
	case time.Duration:
		return Duration
	}
	return Unknown
}
