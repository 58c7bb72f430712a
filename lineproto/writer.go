package lineproto

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"github.com/timberlinedb/timberline/model"
)

// Field is one field of a point on its way into text.
type Field struct {
	Key    []byte // unescaped
	Type   model.FieldType
	Bits   uint64 // as in model.Column.Values; unused for strings
	String []byte // the value of a string field
}

// AppendPoint appends the line of a point to dst, newline included. Fields that
// line protocol has no value for (NaN, infinities) and tags with an empty key
// or value are left out; a point left without fields appends nothing. The
// timestamp is in nanoseconds and is written in units of precision, rounded
// down. When a name cannot be spelled the error is ErrUnwritable and dst is
// returned as it was.
func AppendPoint(dst, measurement []byte, tags model.Tags, fields []Field, timestamp int64, precision Precision) ([]byte, error) {
	out, err := AppendKey(dst, measurement, tags)
	if err != nil {
		return dst, err
	}
	return AppendKeyedPoint(dst, out[len(dst):], fields, timestamp, precision)
}

// AppendKeyedPoint is AppendPoint for a series whose key AppendKey has written
// before; the key may lie in the spare capacity of dst, where it is overwritten.
func AppendKeyedPoint(dst, key []byte, fields []Field, timestamp int64, precision Precision) ([]byte, error) {
	out := append(append(dst, key...), ' ')
	start := len(out)
	var err error
	for i := range fields {
		if !writable(&fields[i]) {
			continue
		}
		if len(out) > start {
			out = append(out, ',')
		}
		if out, err = appendField(out, &fields[i]); err != nil {
			return dst, err
		}
	}
	if len(out) == start {
		return dst, nil
	}
	if precision <= 0 {
		precision = Nanosecond
	}
	out = append(out, ' ')
	out = strconv.AppendInt(out, floorDivide(timestamp, int64(precision)), 10)
	return append(out, '\n'), nil
}

// AppendKey appends a measurement and its tags to dst as a line begins with
// them. Tags with an empty key or value are left out. The error is
// ErrUnwritable when a name cannot be spelled.
func AppendKey(dst, measurement []byte, tags model.Tags) ([]byte, error) {
	out := dst
	if !spellable(measurement) || bytes.IndexByte([]byte("#\t\x00"), measurement[0]) >= 0 {
		return dst, fmt.Errorf("measurement %q %w", measurement, ErrUnwritable)
	}
	out = appendEscaped(out, measurement, false)
	for i := range tags {
		key, value := tags[i].Key, tags[i].Value
		if len(key) == 0 || len(value) == 0 {
			continue
		}
		if !spellable(key) || !spellable(value) {
			return dst, fmt.Errorf("tag %q with value %q %w", key, value, ErrUnwritable)
		}
		out = appendEscaped(append(out, ','), key, true)
		out = appendEscaped(append(out, '='), value, true)
	}
	return out, nil
}

// spellable reports whether a name can be written: it is not empty, has no
// newline, and no backslash at its end, which would escape what follows.
func spellable(name []byte) bool {
	return len(name) > 0 && bytes.IndexByte(name, '\n') < 0 && name[len(name)-1] != '\\'
}

// appendEscaped appends a name with a backslash before each comma and space,
// and before each equal sign that would otherwise end the name or, in a
// measurement, take away a backslash in front of it.
func appendEscaped(dst, name []byte, equal bool) []byte {
	for i, c := range name {
		if c == ',' || c == ' ' || c == '=' && (equal || i > 0 && name[i-1] == '\\') {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return dst
}

// writable reports whether line protocol has a value like that of f.
func writable(f *Field) bool {
	if f.Type != model.Float {
		return f.Type.Valid()
	}
	v := math.Float64frombits(f.Bits)
	return !math.IsNaN(v) && !math.IsInf(v, 0)
}

func appendField(dst []byte, f *Field) ([]byte, error) {
	// Blanks between key and fields are skipped, so a tab or NUL cannot begin
	// the first field; no field may begin with one, whatever its place.
	if !spellable(f.Key) || f.Key[0] == '\t' || f.Key[0] == 0 {
		return dst, fmt.Errorf("field %q %w", f.Key, ErrUnwritable)
	}
	dst = append(appendEscaped(dst, f.Key, true), '=')
	switch f.Type {
	case model.Float:
		dst = strconv.AppendFloat(dst, math.Float64frombits(f.Bits), 'g', -1, 64)
	case model.Integer:
		dst = append(strconv.AppendInt(dst, int64(f.Bits), 10), 'i')
	case model.Unsigned:
		dst = append(strconv.AppendUint(dst, f.Bits, 10), 'u')
	case model.Boolean:
		dst = strconv.AppendBool(dst, f.Bits != 0)
	case model.String:
		dst = append(dst, '"')
		for _, c := range f.String {
			if c == '"' || c == '\\' {
				dst = append(dst, '\\')
			}
			dst = append(dst, c)
		}
		dst = append(dst, '"')
	}
	return dst, nil
}

func floorDivide(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// BatchWriter writes the rows of a batch as lines, table by table, in the order
// of the rows. It keeps scratch memory; the zero value is ready.
type BatchWriter struct {
	fields []Field
	next   []int // per column: index of the next value
	tags   model.Tags
	key    []byte
}

// AppendTable appends the lines of all rows of t to dst. canonicalKey returns
// the canonical series key of a row; it is called once per row, in order, and
// its result is used until the next call. Rows that cannot be written are
// skipped and counted.
func (w *BatchWriter) AppendTable(dst []byte, t *model.Table, precision Precision, canonicalKey func(row int) []byte) (_ []byte, skipped int) {
	w.next = append(w.next[:0], make([]int, len(t.Columns))...)
	for row, timestamp := range t.Times {
		size := len(dst)
		measurement, tags, err := model.ParseSeriesKey(canonicalKey(row), w.tags)
		w.tags = tags
		w.fields = w.fields[:0]
		for k := range t.Columns {
			c := &t.Columns[k]
			at := w.next[k]
			if !c.Dense() && (at == len(c.Rows) || int(c.Rows[at]) != row) {
				continue
			}
			w.next[k]++
			f := Field{Key: c.Name, Type: c.Type, Bits: c.Values[at]}
			if c.Type == model.String {
				f.String = c.StringAt(f.Bits)
			}
			w.fields = append(w.fields, f)
		}
		if err == nil {
			w.key, err = AppendKey(w.key[:0], measurement, tags)
		}
		if err == nil {
			dst, err = AppendKeyedPoint(dst, w.key, w.fields, timestamp, precision)
		}
		if err != nil || len(dst) == size {
			skipped++
		}
	}
	return dst, skipped
}
