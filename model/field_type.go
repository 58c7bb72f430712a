package model

// FieldType is the type of a field's values. The numbers are part of the file
// formats and never change.
type FieldType uint8

// The five field types. The zero value means "no such field".
const (
	NoType   FieldType = 0
	Float    FieldType = 1 // float64; stored as its IEEE 754 bits
	Integer  FieldType = 2 // int64
	Unsigned FieldType = 3 // uint64
	Boolean  FieldType = 4 // 0 or 1
	String   FieldType = 5 // UTF-8 or any bytes, up to MaxStringBytes
)

// MaxStringBytes is the longest string value of a field, in bytes.
const MaxStringBytes = 1 << 20

// MaxKeyBytes is the longest series key in its text form plus four plus the
// field key, in bytes.
const MaxKeyBytes = 65535

// String returns the name that users see in SHOW FIELD KEYS and in errors.
func (t FieldType) String() string {
	switch t {
	case Float:
		return "float"
	case Integer:
		return "integer"
	case Unsigned:
		return "unsigned"
	case Boolean:
		return "boolean"
	case String:
		return "string"
	}
	return "none"
}

// Valid reports whether t is one of the five types.
func (t FieldType) Valid() bool { return t >= Float && t <= String }

// Precedence orders types for a field that has different types in different
// shards: the type with the lowest number is the one a query sees.
func (t FieldType) Precedence() int {
	switch t {
	case Float:
		return 0
	case Integer:
		return 1
	case Unsigned:
		return 2
	case String:
		return 3
	case Boolean:
		return 4
	}
	return 5
}
