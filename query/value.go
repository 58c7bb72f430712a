package query

import (
	"math"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// value is one field value without boxing. The zero value is null.
type value struct {
	kind model.FieldType
	bits uint64 // of the float, the integer, the unsigned; 0 or 1 for a boolean
	str  string
}

func floatValue(f float64) value   { return value{kind: model.Float, bits: math.Float64bits(f)} }
func integerValue(i int64) value   { return value{kind: model.Integer, bits: uint64(i)} }
func unsignedValue(u uint64) value { return value{kind: model.Unsigned, bits: u} }
func stringValue(s string) value   { return value{kind: model.String, str: s} }

func booleanValue(b bool) value {
	if b {
		return value{kind: model.Boolean, bits: 1}
	}
	return value{kind: model.Boolean}
}

func (v value) null() bool     { return v.kind == model.NoType }
func (v value) float() float64 { return math.Float64frombits(v.bits) }
func (v value) integer() int64 { return int64(v.bits) }
func (v value) boolean() bool  { return v.bits != 0 }

// number returns a numeric value as a float.
func (v value) number() (float64, bool) {
	switch v.kind {
	case model.Float:
		return v.float(), true
	case model.Integer:
		return float64(v.integer()), true
	case model.Unsigned:
		return float64(v.bits), true
	}
	return 0, false
}

// any returns the value as the evaluator of the language takes it; null is nil.
func (v value) any() any {
	switch v.kind {
	case model.Float:
		return v.float()
	case model.Integer:
		return v.integer()
	case model.Unsigned:
		return v.bits
	case model.Boolean:
		return v.boolean()
	case model.String:
		return v.str
	}
	return nil
}

// valueOf returns what the evaluator of the language yielded as a value.
func valueOf(x any) value {
	switch x := x.(type) {
	case float64:
		return floatValue(x)
	case int64:
		return integerValue(x)
	case uint64:
		return unsignedValue(x)
	case bool:
		return booleanValue(x)
	case string:
		return stringValue(x)
	}
	return value{}
}

// less orders values of one kind; booleans have false first. Values of different kinds are not ordered.
func (v value) less(o value) bool {
	if v.kind != o.kind {
		return false
	}
	switch v.kind {
	case model.Float:
		return v.float() < o.float()
	case model.Integer:
		return v.integer() < o.integer()
	case model.Unsigned, model.Boolean:
		return v.bits < o.bits
	case model.String:
		return v.str < o.str
	}
	return false
}

// equal reports whether two values are the same; NaN differs from itself.
func (v value) equal(o value) bool {
	if v.kind != o.kind {
		return false
	}
	if v.kind == model.Float {
		return v.float() == o.float()
	}
	return v.bits == o.bits && v.str == o.str
}

// castTo converts a number to a numeric type. What cannot be converted stays what it is.
func (v value) castTo(t influxql.DataType) value {
	switch t {
	case influxql.Float:
		if f, ok := v.number(); ok {
			return floatValue(f)
		}
	case influxql.Integer:
		switch v.kind {
		case model.Float:
			return integerValue(truncated(v.float()))
		case model.Unsigned:
			return integerValue(int64(v.bits))
		}
	case influxql.Unsigned:
		switch v.kind {
		case model.Float:
			return unsignedValue(uint64(v.float()))
		case model.Integer:
			return unsignedValue(v.bits)
		}
	}
	return v
}

// truncated returns a float without its fraction. One that no integer holds becomes the lowest, as on the processors that
// InfluxDB mostly runs on.
func truncated(f float64) int64 {
	if f >= -(1<<63) && f < 1<<63 {
		return int64(f)
	}
	return math.MinInt64
}

// fieldType returns the type of storage for a type of the language, NoType when there is none.
func fieldType(t influxql.DataType) model.FieldType {
	switch t {
	case influxql.Float:
		return model.Float
	case influxql.Integer:
		return model.Integer
	case influxql.Unsigned:
		return model.Unsigned
	case influxql.Boolean:
		return model.Boolean
	case influxql.String, influxql.Tag:
		return model.String
	}
	return model.NoType
}

// dataType is the opposite of fieldType.
func dataType(t model.FieldType) influxql.DataType {
	switch t {
	case model.Float:
		return influxql.Float
	case model.Integer:
		return influxql.Integer
	case model.Unsigned:
		return influxql.Unsigned
	case model.Boolean:
		return influxql.Boolean
	case model.String:
		return influxql.String
	}
	return influxql.Unknown
}
