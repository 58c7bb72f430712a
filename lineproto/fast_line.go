package lineproto

import (
	"bytes"
	"encoding/binary"

	"github.com/timberlinedb/timberline/internal/fingerprint"
	"github.com/timberlinedb/timberline/model"
)

// The longest raw series key and raw field key that the fast path takes.
// Together they are below model.MaxKeyBytes, so it need not check that limit.
const (
	maxFastKey   = 32 << 10
	maxFastField = 512
)

// maxUncheckedKey is how long a key may be to be hashed without looking for a
// newline first. A key with a newline is none; hashing long ones in a body that
// has lines but no spaces would take time in proportion to its square.
const maxUncheckedKey = 256

// fastLine reads the line at body[start:], which begins with a measurement, if
// its measurement and fields came before in this body and it is valid. It
// returns where the next line begins, or false with everything as before.
func (p *Parser) fastLine(start int) (next int, ok bool) {
	key, ok := p.fastKey(start)
	if !ok {
		return 0, false
	}
	ts := p.current
	if ts == nil || !ts.spelledBy(key) {
		if ts = p.findTable(rawMeasurement(key)); ts == nil {
			return 0, false
		}
	}
	fp := fingerprint.Of(key)
	id := p.lookup(fp)
	if p.opt.V2 && id != 0 && mayHoldReserved(key) {
		return 0, false
	}
	arena := len(p.batch.Arena)
	end, fields, newlines, ok := p.fastFields(ts, start+len(key)+1)
	var timestamp int64
	if ok {
		timestamp, end, ok = p.fastTime(end)
	}
	if ok {
		next, ok = p.lineEnd(start, end)
	}
	var canonical []byte
	if ok && id == 0 {
		canonical, ok = p.newKey(fp, key)
	}
	if !ok {
		ts.dropValues(fields)
		p.batch.Arena = p.batch.Arena[:arena]
		return 0, false
	}
	if fields <= maxShapeFields {
		p.memory.learn(key, id != 0, p.fieldsOf(ts, fields))
	}
	ts.endRow(timestamp, p.line, id, fp, canonical)
	p.current = ts
	p.batch.Lines++
	p.line += 1 + newlines
	return next, true
}

// maxShapeFields is how many fields a line may have to be remembered.
const maxShapeFields = 512

// fieldsOf returns keys and types of the fields of a line that fastFields has
// read. The slice is used again.
func (p *Parser) fieldsOf(ts *tableState, count int) []pointField {
	fields := p.pt.fields[:0]
	for at := &ts.first; count > 0; count-- {
		c := &ts.columns[at.next]
		fields = append(fields, pointField{key: c.key(), typ: c.typ})
		at = &c.after
	}
	p.pt.fields = fields
	return fields
}

// fastKey returns the raw key at body[start:]. A short one may hold a newline;
// then it is no key, which shows when it is looked up or taken apart.
func (p *Parser) fastKey(start int) (key []byte, ok bool) {
	b, at := p.body, start
	for {
		if p.nextSpace < at {
			n := bytes.IndexByte(b[at:], ' ')
			if n < 0 {
				n = len(b) - at
			}
			p.nextSpace = at + n
		}
		space := p.nextSpace
		if space-start > maxFastKey || space == len(b) {
			return nil, false
		}
		if b[space-1] != '\\' {
			key = b[start:space]
			return key, len(key) <= maxUncheckedKey || bytes.IndexByte(key, '\n') < 0
		}
		at = space + 1
	}
}

// spelledBy reports whether the measurement of a raw key is spelled as the
// table's was last.
func (ts *tableState) spelledBy(key []byte) bool {
	n := len(ts.raw)
	return len(key) >= n && string(key[:n]) == string(ts.raw) && (len(key) == n || key[n] == ',')
}

// rawMeasurement returns the measurement of a raw key as it is spelled.
func rawMeasurement(key []byte) []byte {
	for at := 0; ; {
		n := bytes.IndexByte(key[at:], ',')
		if n < 0 {
			return key
		}
		if at += n; at == 0 || key[at-1] != '\\' {
			return key[:at]
		}
		at++
	}
}

// fastFields reads the fields at body[i:] into the columns. It returns the
// index after the last one, in how many columns there is a value now, and how
// many newlines are in strings. It reports false when a field has no column,
// comes twice or may be wrong.
func (p *Parser) fastFields(ts *tableState, i int) (end, count, newlines int, ok bool) {
	b, row := p.body, len(ts.table.Times)
	states, columns := ts.columns, ts.table.Columns
	link := &ts.first
	var v fastValue
	for {
		k := int(link.next)
		if uint(k) >= uint(len(states)) || !states[k].startsAt(b, i) {
			if k = p.fastColumn(ts, int(link.other), i); k < 0 {
				return i, count, newlines, false
			}
			link.turnTo(int32(k))
		}
		c := &states[k]
		i += c.size
		// Numbers with few digits in front are the common case.
		var digits uint64
		n := 0
		if i+8 <= len(b) {
			digits, n = eightDigits(binary.LittleEndian.Uint64(b[i:]))
		}
		switch {
		case n > 0 && n < 8 && b[i+n] == 'i':
			v.typ, v.bits = model.Integer, digits
			i += n + 1
		case n > 0 && n < 8 && b[i+n] == '.':
			if !v.readFraction(b, i, i+n+1, digits, n, false) {
				return i, count, newlines, false
			}
			i = v.at
		default:
			v.at, v.newlines = i, 0
			if !v.read(p) {
				return i, count, newlines, false
			}
			i, newlines = v.at, newlines+v.newlines
		}
		if c.typ != v.typ {
			if k = int(ts.find(p, c.key(), v.typ)); k < 0 {
				return i, count, newlines, false
			}
			link.turnTo(int32(k))
			c = &states[k]
		}
		if c.shared && ts.hasValue(p, int32(k)) {
			return i, count, newlines, false
		}
		column := &columns[k]
		if len(column.Values) == row && !c.sparse {
			column.Values = append(column.Values, v.bits)
		} else if !ts.addValue(int32(k), v.bits) {
			return i, count, newlines, false
		}
		count++
		if i == len(b) || b[i] != ',' {
			return i, count, newlines, true
		}
		i++
		link = &c.after
	}
}

// fastColumn returns the column whose key is at body[i:], first trying guess;
// or -1.
func (p *Parser) fastColumn(ts *tableState, guess, i int) int {
	if guess >= 0 && ts.columns[guess].startsAt(p.body, i) {
		return guess
	}
	limit := min(len(p.body), i+maxFastField)
	for at := i; at < limit; {
		n := bytes.IndexByte(p.body[at:limit], '=')
		if n < 0 {
			break
		}
		if at += n; at > i && p.body[at-1] != '\\' {
			return int(ts.named(p, p.body[i:at]))
		}
		at++
	}
	return -1
}

// fastTime reads the timestamp at body[i:], if there is one, and the spaces
// around it.
func (p *Parser) fastTime(i int) (timestamp int64, end int, ok bool) {
	b := p.body
	if i == len(b) || b[i] != ' ' {
		return p.now, i, p.nowErr == nil
	}
	i = skipSpaces(b, i)
	negative := i < len(b) && b[i] == '-'
	if negative {
		i++
	}
	if i == len(b) || !isDigit(b[i]) {
		return p.now, i, !negative && p.nowErr == nil
	}
	v, n := readDigits(b, i)
	limit := uint64(p.maxTime)
	if negative {
		limit = uint64(-p.minTime)
	}
	if n > maxDigits || v > limit {
		return 0, i, false
	}
	timestamp = int64(v)
	if negative {
		timestamp = -timestamp
	}
	return timestamp * int64(p.opt.Precision), skipSpaces(b, i+n), true
}

func skipSpaces(b []byte, i int) int {
	for i < len(b) && b[i] == ' ' {
		i++
	}
	return i
}

// lineEnd returns where the next line begins, when the one at body[start:]
// ends at body[i] and is not too long.
func (p *Parser) lineEnd(start, i int) (next int, ok bool) {
	b := p.body
	if i-start > p.opt.MaxLineBytes {
		return 0, false
	}
	if i < len(b) && b[i] == '\r' {
		i++
	}
	return min(i+1, len(b)), i == len(b) || b[i] == '\n'
}
