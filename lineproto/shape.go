package lineproto

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/timberlinedb/timberline/model"
)

// shape is what the fields of a line looked like: their names and types in
// order, none of them twice.
type shape struct {
	measurement []byte // as spelled
	fields      []shapeField

	// Where the fields go in the body that has this number.
	body    uint64
	table   *tableState
	columns []int32
}

// shapeField is what a field looked like; the names are like those of
// columnState.
type shapeField struct {
	head, tail, mask uint64
	size, tailAt     int32
	typ              model.FieldType
	hash             uint64 // hashName of the key
	raw              []byte // the key and the equal sign
}

func (f *shapeField) set(key []byte, typ model.FieldType) {
	f.raw = append(append(make([]byte, 0, len(key)+1), key...), '=')
	f.size, f.tailAt = int32(len(f.raw)), int32(max(len(f.raw)-8, 0))
	f.head, f.tail, f.mask = nameWords(f.raw)
	f.typ, f.hash = typ, hashName(key)
}

// startsAt reports whether the key and an equal sign are at b[i:].
func (f *shapeField) startsAt(b []byte, i int) bool {
	last := i + int(f.tailAt)
	if last+8 > len(b) || f.size > 16 {
		return bytes.HasPrefix(b[i:], f.raw)
	}
	return ((binary.LittleEndian.Uint64(b[i:])^f.head)|(binary.LittleEndian.Uint64(b[last:])^f.tail))&f.mask == 0
}

func newShape(measurement []byte, fields []pointField) shape {
	s := shape{measurement: bytes.Clone(measurement), fields: make([]shapeField, len(fields)), columns: make([]int32, len(fields))}
	for i := range fields {
		s.fields[i].set(fields[i].key, fields[i].typ)
	}
	return s
}

// is reports whether the shape is that of a line.
func (s *shape) is(measurement []byte, fields []pointField) bool {
	if len(s.fields) != len(fields) || !bytes.Equal(s.measurement, measurement) {
		return false
	}
	for i := range s.fields {
		f := &s.fields[i]
		if fields[i].typ != f.typ || !bytes.Equal(f.raw[:len(f.raw)-1], fields[i].key) {
			return false
		}
	}
	return true
}

// shapedFields reads the fields at body[i:] into p.row when they have the shape.
// It returns the index after the last one and how many newlines are in strings.
func (p *Parser) shapedFields(s *shape, i int) (end, newlines int, ok bool) {
	b := p.body
	fields := s.fields
	for len(p.row) < len(fields) {
		p.row = append(p.row, 0)
		p.places = append(p.places, 0)
	}
	row, places := p.row[:len(fields)], p.places[:len(fields)]
	var v fastValue
	for k := range fields {
		f := &fields[k]
		if !f.startsAt(b, i) {
			return 0, 0, false
		}
		places[k] = i
		i += int(f.size)
		read := false
		if i+8 <= len(b) {
			word := binary.LittleEndian.Uint64(b[i:])
			switch f.typ {
			case model.Integer:
				// Letters have a bit that digits and what ends a value have not. So
				// the place of the next field is known early; whether there are
				// only digits before the letter is checked aside.
				n := uint(bits.TrailingZeros64(word&0x4040404040404040)) / 8
				digits := (word ^ 0x3030303030303030) << ((64 - 8*n) & 63) // in the high bytes, zeros below
				if n-1 < 7 && byte(word>>(8*n&63)) == 'i' && (digits+0x7676767676767676|digits)&0x8080808080808080 == 0 {
					row[k] = joinDigits(digits)
					i += int(n) + 1
					read = true
				}
			case model.Float:
				if digits, n := eightDigits(word); n > 0 && n < 8 && b[i+n] == '.' {
					if !v.readFraction(b, i, i+n+1, digits, n, false) {
						return 0, 0, false
					}
					row[k], i, read = v.bits, v.at, true
				}
			}
		}
		if !read {
			v.at, v.newlines = i, 0
			if !v.read(p) || v.typ != f.typ {
				return 0, 0, false
			}
			row[k], i, newlines = v.bits, v.at, newlines+v.newlines
		}
		if i == len(b) || b[i] != ',' {
			return i, newlines, k+1 == len(row)
		}
		i++
	}
	return 0, 0, false // there are more fields
}

// bind finds where the fields of the shape go in this body, for the line with
// the key whose fields shapedFields has just read. It adds what is missing.
func (p *Parser) bind(s *shape, key []byte) {
	raw := key[:len(s.measurement)]
	ts := p.findTable(raw)
	if ts == nil {
		var measurement []byte
		measurement, p.batch.Arena = unescapeKey(raw, p.batch.Arena)
		ts = p.tableNamed(raw, measurement)
	}
	for k := range s.fields {
		f := &s.fields[k]
		at := p.places[k]
		raw := p.body[at : at+int(f.size)-1]
		c := ts.ofType(ts.namedHash(p, raw, f.hash), f.typ)
		if c < 0 {
			c = ts.addColumnHash(p, raw, f.hash, f.typ)
		}
		s.columns[k] = c
	}
	s.body, s.table = p.number, ts
}

// addShaped adds the values of p.row to the row that is about to end.
func (ts *tableState) addShaped(values []uint64, into []int32) {
	row, columns := len(ts.table.Times), ts.table.Columns
	for k, c := range into {
		// A column as long as this is dense and has no value in the row yet.
		if column := &columns[c]; len(column.Values) == row {
			column.Values = append(column.Values, values[k])
		} else {
			ts.addValue(c, values[k])
		}
	}
}
