package lineproto

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/timberlinedb/timberline/model"
)

// shape is what the fields of a line looked like: their names and types in
// order, none of them twice.
type shape struct {
	measurement []byte // as spelled
	fields      []shapeField
	names       []shapeName // beside fields
	text        []byte      // what the names point into, one after the other

	// Where the fields go in the body that has this number.
	body    uint64
	table   *tableState
	columns []int32
}

// shapeField is what a field looked like, as far as shapedFields asks; the names
// are like those of columnState.
type shapeField struct {
	head, tail, mask uint64
	middle           [2]uint64 // of names longer than 16 bytes: from 8 on, and before the tail
	size, tailAt     int32
	typ              model.FieldType
	end              uint16 // how a value ends that is read with its name: letter and next byte; 0: none
}

// shapeName is the rest of what is known of a field.
type shapeName struct {
	raw  []byte // the key and the equal sign
	hash uint64 // hashName of the key
}

// maxShapedName is how long a name with its equal sign may be to be compared by
// words, and shapedSlack how far shapedFields looks from the start of a field:
// over its name, seven digits, a point, three words and a character.
const (
	maxShapedName = 32
	shapedSlack   = maxShapedName + 33
)

func (f *shapeField) set(name []byte, typ model.FieldType, last bool) {
	f.size, f.tailAt = int32(len(name)), int32(max(len(name)-8, 0))
	f.head, f.tail, f.mask = nameWords(name)
	if len(name) > 16 {
		f.middle = [2]uint64{binary.LittleEndian.Uint64(name[8:]), binary.LittleEndian.Uint64(name[len(name)-16:])}
	}
	f.typ = typ
	if typ == model.Integer {
		if f.end = 'i' | ','<<8; last {
			f.end = 'i' | ' '<<8
		}
	}
}

func newShape(measurement []byte, fields []pointField) shape {
	s := shape{
		measurement: bytes.Clone(measurement),
		fields:      make([]shapeField, len(fields)), names: make([]shapeName, len(fields)), columns: make([]int32, len(fields)),
	}
	for i := range fields {
		s.text = append(append(s.text, fields[i].key...), '=')
	}
	s.text = slices.Clip(s.text)
	for i, at := 0, 0; i < len(fields); i++ {
		key := fields[i].key
		raw := s.text[at : at+len(key)+1]
		s.names[i] = shapeName{raw, hashName(key)}
		s.fields[i].set(raw, fields[i].typ, i == len(fields)-1)
		at += len(raw)
	}
	return s
}

// is reports whether the shape is that of a line.
func (s *shape) is(measurement []byte, fields []pointField) bool {
	if len(s.fields) != len(fields) || !bytes.Equal(s.measurement, measurement) {
		return false
	}
	for i := range s.fields {
		raw := s.names[i].raw
		if fields[i].typ != s.fields[i].typ || !bytes.Equal(raw[:len(raw)-1], fields[i].key) {
			return false
		}
	}
	return true
}

// shapedFields reads the fields at body[i:], which have the shape, into row,
// which has room for them. It returns the index after the last one and how many
// newlines are in strings.
func (p *Parser) shapedFields(s *shape, i int, row []uint64) (end, newlines int, ok bool) {
	fields := s.fields
	row = row[:len(fields)]
	last := len(p.body) - shapedSlack
	start := unsafe.Pointer(unsafe.SliceData(p.body)) // #nosec G103 -- read up to last + shapedSlack
	for k := range fields {
		f := &fields[k]
		size := int(f.size)
		if i <= last && size <= maxShapedName {
			other := ((load64(start, i) ^ f.head) | (load64(start, i+int(f.tailAt)) ^ f.tail)) & f.mask
			if size > 16 {
				other |= (load64(start, i+8) ^ f.middle[0]) | (load64(start, i+size-16) ^ f.middle[1])
			}
			if other != 0 {
				return 0, 0, false
			}
			// Letters have a bit that digits and what ends a value have not. So
			// the place of the next field is known early; whether there are
			// only digits before the letter is checked aside.
			word := load64(start, i+size)
			letter := uint(bits.TrailingZeros64(word & 0x4040404040404040)) // 8 * digits + 6
			digits := (word ^ 0x3030303030303030) << ((70 - letter) & 63)   // in the high bytes, zeros below
			if letter-14 <= 40 && uint16(word>>((letter-6)&63)) == f.end && (digits+0x7676767676767676|digits)&0x8080808080808080 == 0 {
				row[k] = joinDigits(digits)
				i += size + int(letter>>3) + 2
				continue
			}
			if f.typ <= model.Integer {
				if f.typ == model.Float {
					row[k], i, ok = p.shapedFloat(word, i+size)
				} else {
					row[k], i, ok = p.shapedInteger(word, i+size)
				}
				if !ok || (i < len(p.body) && p.body[i] == ',') == (k == len(row)-1) {
					return 0, 0, false
				}
				i++
				continue
			}
		} else if !bytes.HasPrefix(p.body[i:], s.names[k].raw) {
			return 0, 0, false
		}
		n := 0
		if row[k], i, n, ok = p.shapedValue(f.typ, i+size); !ok {
			return 0, 0, false
		}
		newlines += n
		if (i < len(p.body) && p.body[i] == ',') == (k == len(row)-1) {
			return 0, 0, false // more fields or fewer
		}
		i++
	}
	return i - 1, newlines, true
}

// shapedInteger does for an integer what shapedFloat does.
func (p *Parser) shapedInteger(word uint64, i int) (value uint64, end int, ok bool) {
	b := p.body
	digits, n := eightDigits(word)
	end = i + n
	if n == 8 {
		more, m := eightDigits(binary.LittleEndian.Uint64(b[end:]))
		if end += m; m > 0 {
			digits = digits*powersOfTen[m] + more
		}
	}
	if n > 0 && b[end] == 'i' { // 16 digits at most
		return digits, end + 1, true
	}
	v := fastValue{at: i}
	ok = (n > 0 || word&0xFF == '-') && v.readNumber(b) && v.typ == model.Integer
	return v.bits, v.at, ok
}

// shapedFloat reads the float at body[i:], which has the word and shapedSlack
// bytes less a name behind it. It returns the index after it.
func (p *Parser) shapedFloat(word uint64, i int) (value uint64, end int, ok bool) {
	b := p.body
	digits, n := eightDigits(word)
	if uint(n-1) < 7 && byte(word>>(8*n)) == '.' {
		end = i + n + 1
		more, scale := eightDigits(binary.LittleEndian.Uint64(b[end:]))
		if uint(scale-1) < 7 && b[end+scale]|0x20 != 'e' { // 14 digits at most
			f := float64(digits*powersOfTen[scale]+more) / float64(powersOfTen[scale])
			return math.Float64bits(f), end + scale, true
		}
		if scale == 8 {
			digits = digits*1e8 + more
			more, m := eightDigits(binary.LittleEndian.Uint64(b[end+8:]))
			if m > 0 {
				digits, scale = digits*powersOfTen[m]+more, 8+m
			}
			if m == 8 {
				if more, m = eightDigits(binary.LittleEndian.Uint64(b[end+16:])); m > 0 {
					scale += m
					digits = digits*powersOfTen[m] + more
				}
			}
			if end += scale; n+scale <= maxDigits && b[end]|0x20 != 'e' {
				var v fastValue
				v.setDecimal(end, digits, scale, false)
				return v.bits, end, true
			}
		}
	}
	v := fastValue{at: i}
	ok = (n > 0 || word&0xFF == '-' || word&0xFF == '.') && v.readNumber(b) && v.typ == model.Float
	return v.bits, v.at, ok
}

// shapedValue reads the value at body[i:], if it has the type. It returns the
// index after it and how many newlines are in it.
func (p *Parser) shapedValue(typ model.FieldType, i int) (value uint64, end, newlines int, ok bool) {
	if i >= len(p.body) {
		return 0, 0, 0, false
	}
	v := fastValue{at: i}
	switch c := p.body[i]; typ {
	case model.String:
		ok = c == '"' && v.readString(p)
	case model.Boolean:
		ok = v.readBoolean(p.body)
	default:
		ok = (isDigit(c) || c == '-' || c == '.') && v.readNumber(p.body) && v.typ == typ
	}
	return v.bits, v.at, v.newlines, ok
}

// bind finds where the fields of the shape go in this body, whose line with the
// key has them. It adds what is missing.
func (p *Parser) bind(s *shape, key []byte) {
	raw := key[:len(s.measurement)]
	ts := p.findTable(raw)
	if ts == nil {
		var measurement []byte
		measurement, p.batch.Arena = unescapeKey(raw, p.batch.Arena)
		ts = p.tableNamed(raw, measurement)
	}
	names := -1 // where they are in the arena; a batch does not refer to the memory
	for k, at := 0, 0; k < len(s.names); k++ {
		name, typ := &s.names[k], s.fields[k].typ
		size := len(name.raw) - 1
		c := ts.ofType(ts.namedHash(p, name.raw[:size], name.hash), typ)
		if c < 0 {
			if names < 0 {
				names = len(p.batch.Arena)
				p.batch.Arena = append(p.batch.Arena, s.text...)
			}
			start := names + at
			c = ts.addColumnHash(p, p.batch.Arena[start:start+size:start+size+1], name.hash, typ)
		}
		s.columns[k], at = c, at+size+1
	}
	s.body, s.table = p.number, ts
}

// addShaped adds the values of a line to a row that is about to end.
func (ts *tableState) addShaped(values []uint64, into []int32, row int) {
	columns := ts.table.Columns
	for k, c := range into {
		// A column as long as this is dense and has no value in the row yet.
		if column := &columns[c]; len(column.Values) == row {
			column.Values = append(column.Values, values[k])
		} else {
			ts.addValueAt(c, values[k], int32(row))
		}
	}
}

// addAllShaped adds the values of rows that are about to end, stride apart in
// values, when the columns are dense. It reports whether it did.
func (ts *tableState) addAllShaped(values []uint64, rows int, into []int32) bool {
	row, columns, stride := len(ts.table.Times), ts.table.Columns, len(into)
	for _, c := range into {
		if len(columns[c].Values) != row {
			return false
		}
	}
	for k, c := range into {
		column := &columns[c]
		if cap(column.Values) < row+rows {
			column.Values = append(column.Values, make([]uint64, rows)...)
		}
		column.Values = column.Values[:row+rows]
		to := column.Values[row:]
		for j, at := 0, k; j < len(to); j, at = j+1, at+stride {
			to[j] = values[at]
		}
	}
	return true
}
