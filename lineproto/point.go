package lineproto

import (
	"bytes"
	"math"
	"strconv"

	"github.com/timberlinedb/timberline/model"
)

// point is one line, taken apart. Its slices point into the line, or into the
// arena given to parsePoint.
type point struct {
	key         []byte // raw
	measurement []byte
	tags        model.Tags
	fields      []pointField // no key twice
	timestamp   int64        // nanoseconds
	timed       bool         // the line has a timestamp
}

type pointField struct {
	key    []byte // raw
	typ    model.FieldType
	bits   uint64 // as in model.Column.Values; unused for strings
	quoted []byte // the string between the quotation marks, with its escapes
}

// forget lets go of the last line.
func (pt *point) forget() {
	clear(pt.tags[:cap(pt.tags)])
	clear(pt.fields[:cap(pt.fields)])
	*pt = point{tags: pt.tags[:0], fields: pt.fields[:0]}
	if cap(pt.fields) > maxIdleColumns {
		pt.fields = nil
	}
	if cap(pt.tags) > maxIdleColumns {
		pt.tags = nil
	}
}

// maxScannedFields is up to how many fields a line is searched for a repeated
// key by comparing each with each.
const maxScannedFields = 16

// parsePoint takes a line apart by the whole grammar. The text has no blanks
// in front, no line end, and at least one byte. What pt held is overwritten;
// arena is returned grown by what had escapes.
func parsePoint(pt *point, text []byte, precision Precision, v2 bool, arena []byte) ([]byte, error) {
	*pt = point{tags: pt.tags, fields: pt.fields[:0]}
	end := keyEnd(text)
	pt.key = text[:end]
	var err error
	pt.measurement, pt.tags, arena, err = ParseKey(pt.key, pt.tags, arena)
	if err == nil && v2 {
		err = checkReserved(pt.tags)
	}
	if err != nil {
		return arena, err
	}
	if end == len(text) {
		return arena, errMissingFields
	}
	if end, err = pt.parseFields(text, skipBlanks(text, end)); err != nil {
		return arena, err
	}
	for i := range pt.fields {
		if arena, err = pt.checkSizes(&pt.fields[i], arena); err != nil {
			return arena, err
		}
	}
	pt.dropOverwritten()
	return arena, pt.parseTime(text, skipBlanks(text, end), precision)
}

// keyEnd returns the index of the first space that no backslash precedes, or
// len(text).
func keyEnd(text []byte) int {
	for i, c := range text {
		if c == ' ' && i > 0 && text[i-1] != '\\' {
			return i
		}
	}
	return len(text)
}

// parseFields reads the fields that begin at text[i] and returns the index
// after the last one.
func (pt *point) parseFields(text []byte, i int) (int, error) {
	for {
		equal, err := fieldKeyEnd(text, i)
		if err != nil {
			return i, err
		}
		f := pointField{key: text[i:equal]}
		if i, err = f.parseValue(text, equal+1); err != nil {
			return i, err
		}
		pt.fields = append(pt.fields, f)
		switch {
		case i == len(text) || text[i] == ' ':
			return i, nil
		case text[i] != ',':
			return i, errFieldFormat
		}
		i++
	}
}

// fieldKeyEnd returns the index of the equal sign that ends the field key at
// text[start:].
func fieldKeyEnd(text []byte, start int) (int, error) {
	for i := start; i < len(text); i++ {
		if i > start && text[i-1] == '\\' {
			continue
		}
		switch text[i] {
		case '=':
			if i == start {
				return i, errMissingFieldKey
			}
			return i, nil
		case ',', ' ':
			return i, errFieldFormat
		}
	}
	return len(text), errFieldFormat
}

// parseValue reads the value at text[i] and returns the index after it.
func (f *pointField) parseValue(text []byte, i int) (int, error) {
	if i < len(text) && text[i] == '"' {
		end := stringEnd(text, i+1)
		if end == len(text) {
			return end, errUnbalancedQuotes
		}
		f.typ, f.quoted = model.String, text[i+1:end]
		return end + 1, nil
	}
	end := i
	for end < len(text) && text[end] != ',' && text[end] != ' ' {
		end++
	}
	token := text[i:end]
	var err error
	switch {
	case len(token) == 0:
		err = errMissingFieldValue
	case isDigit(token[0]) || bytes.IndexByte([]byte("-.Nn"), token[0]) >= 0:
		f.typ, f.bits, err = parseNumber(token)
	default:
		f.typ = model.Boolean
		f.bits, err = parseBoolean(token)
	}
	return end, err
}

func parseBoolean(token []byte) (uint64, error) {
	switch string(token) {
	case "t", "T", "true", "True", "TRUE":
		return 1, nil
	case "f", "F", "false", "False", "FALSE":
		return 0, nil
	}
	return 0, errBoolean
}

// parseNumber decodes an integer, unsigned integer or float.
func parseNumber(token []byte) (model.FieldType, uint64, error) {
	digits := token[:len(token)-1]
	switch token[len(token)-1] {
	case 'i':
		if !isInteger(bytes.TrimPrefix(digits, []byte("-"))) {
			return 0, 0, errNumber
		}
		v, err := strconv.ParseInt(string(digits), 10, 64)
		if err != nil {
			return 0, 0, &numberError{"integer", err.(*strconv.NumError)} //nolint:errorlint // strconv.ParseInt wraps nothing
		}
		return model.Integer, uint64(v), nil
	case 'u':
		if !isInteger(digits) {
			return 0, 0, errNumber
		}
		v, err := strconv.ParseUint(string(digits), 10, 64)
		if err != nil {
			return 0, 0, &numberError{"unsigned", err.(*strconv.NumError)} //nolint:errorlint // strconv.ParseUint wraps nothing
		}
		return model.Unsigned, v, nil
	}
	if !looksLikeFloat(token) {
		return 0, 0, errNumber
	}
	v, err := strconv.ParseFloat(string(token), 64)
	if err != nil {
		return 0, 0, errFloat
	}
	return model.Float, math.Float64bits(v), nil
}

// numberError is a number that does not fit its type.
type numberError struct {
	what string
	err  *strconv.NumError
}

func (e *numberError) Error() string {
	return "unable to parse " + e.what + " " + e.err.Num + ": " + e.err.Error()
}

func (e *numberError) Unwrap() error { return e.err }

// looksLikeFloat reports whether the characters of token are those of a
// decimal float, each where it may stand; the exponent is not looked into.
func looksLikeFloat(token []byte) bool {
	digits := bytes.TrimPrefix(token, []byte("-"))
	dots := 0
	for i, c := range digits {
		switch {
		case isDigit(c):
		case c == '.':
			dots++
		case c == 'e' || c == 'E':
			if i == 0 && len(digits) == len(token) {
				return false
			}
		case (c == '+' || c == '-') && i > 0 && (digits[i-1] == 'e' || digits[i-1] == 'E'):
		default:
			return false
		}
	}
	return dots <= 1 && len(digits) > dots
}

func isInteger(token []byte) bool {
	for _, c := range token {
		if !isDigit(c) {
			return false
		}
	}
	return len(token) > 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// checkSizes applies the limits on keys and strings to a field.
func (pt *point) checkSizes(f *pointField, arena []byte) ([]byte, error) {
	// Four bytes separate series key and field key where the limit comes from.
	if size := len(pt.key) + 4 + len(f.key); size > model.MaxKeyBytes {
		return arena, keyTooLong(size)
	}
	if size := stringSize(f.quoted); size > model.MaxStringBytes {
		var name []byte
		name, arena = unescapeKey(f.key, arena)
		return arena, stringTooLong(name, pt.measurement, size)
	}
	return arena, nil
}

// stringSize returns the length of a string value without its escapes.
func stringSize(quoted []byte) int {
	size := len(quoted)
	for i := 0; i+1 < len(quoted); i++ {
		if quoted[i] == '\\' && (quoted[i+1] == '"' || quoted[i+1] == '\\') {
			size--
			i++
		}
	}
	return size
}

// appendString appends a string value without its escapes to dst.
func appendString(dst, quoted []byte) []byte {
	for i := 0; i < len(quoted); i++ {
		if quoted[i] == '\\' && i+1 < len(quoted) && (quoted[i+1] == '"' || quoted[i+1] == '\\') {
			i++
		}
		dst = append(dst, quoted[i])
	}
	return dst
}

// dropOverwritten leaves one field of each key and type: it stands where these
// came first and has the value that came last. A key that comes with two types
// stays twice: storage refuses one of them, and with it the row. A field name has
// only one spelling, so raw keys can be compared.
func (pt *point) dropOverwritten() {
	type name struct {
		key string
		typ model.FieldType
	}
	var places map[name]int
	if len(pt.fields) > maxScannedFields {
		places = make(map[name]int, len(pt.fields))
	}
	kept := pt.fields[:0]
	for _, f := range pt.fields {
		place, found := 0, false
		if places != nil {
			n := name{string(f.key), f.typ}
			if place, found = places[n]; !found {
				places[n] = len(kept)
			}
		} else {
			for place < len(kept) && !(kept[place].typ == f.typ && bytes.Equal(kept[place].key, f.key)) {
				place++
			}
			found = place < len(kept)
		}
		if found {
			kept[place] = f
		} else {
			kept = append(kept, f)
		}
	}
	pt.fields = kept
}

// parseTime reads the timestamp at text[i:], if there is one, and the spaces
// after it.
func (pt *point) parseTime(text []byte, i int, precision Precision) error {
	if i == len(text) {
		return nil
	}
	end := i
	for end < len(text) && text[end] != ' ' {
		if !isDigit(text[end]) && (text[end] != '-' || end > i) {
			return errTimestamp
		}
		end++
	}
	t, err := strconv.ParseInt(string(text[i:end]), 10, 64)
	if err != nil {
		return err
	}
	if t > model.MaxTime/int64(precision) || t < model.MinTime/int64(precision) {
		return errTimeRange
	}
	for ; end < len(text); end++ {
		if text[end] != ' ' {
			return errAfterTimestamp
		}
	}
	pt.timestamp, pt.timed = t*int64(precision), true
	return nil
}
