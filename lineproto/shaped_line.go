package lineproto

import (
	"encoding/binary"

	"github.com/timberlinedb/timberline/internal/fingerprint"
)

// shapedLine reads the line at body[start:], which begins with a measurement, into
// the block, if it has the shape that the memory expects and is valid but for its
// key. It returns where the next line begins, or false with everything as before.
func (p *Parser) shapedLine(start int) (next int, ok bool) {
	m := &p.memory
	var (
		size     int // of the key
		guess    int32
		reserved bool
	)
	fp := &p.block.fps[p.block.count]
	at := m.expected(p.body, start)
	if at >= 0 {
		n := &m.nodes[at]
		size, guess, reserved = int(n.size)-1, n.shape, n.reserved
		*fp = n.fp
	} else {
		if m.lastShape < 0 {
			return 0, false
		}
		key, ok := p.fastKey(start)
		if !ok {
			return 0, false
		}
		*fp = fingerprint.Of(key)
		if at = m.seek(*fp); at >= 0 {
			guess, reserved = m.nodes[at].shape, m.nodes[at].reserved
		} else if guess = m.lastShape; !m.shapes[guess].begins(key) {
			return 0, false
		} else if p.opt.V2 {
			reserved = mayHoldReserved(key)
		}
		size = len(key)
	}
	if reserved && p.opt.V2 {
		return 0, false
	}
	s := &m.shapes[guess]
	arena := len(p.batch.Arena)
	values := p.block.row(len(s.fields))
	end, newlines, ok := p.shapedFields(s, start+size+1, values)
	var timestamp int64
	if ok {
		timestamp, end, ok = p.shapedTime(end)
	}
	if ok {
		next, ok = p.lineEnd(start, end)
	}
	if !ok {
		p.batch.Arena = p.batch.Arena[:arena]
		return 0, false
	}
	b := &p.block
	row := &b.rows[b.count&(blockLines-1)] // in place: a copy of a whole row would wait for itself
	row.time, row.start, row.values = timestamp, start, len(b.values)
	row.keySize, row.line, row.shape, row.node = int32(size), int32(p.line), guess, at
	b.values = b.values[:len(b.values)+len(values)]
	b.count++
	p.batch.Lines++
	p.line += 1 + newlines
	m.lastShape = guess
	if at >= 0 {
		m.cursor = at
	}
	return next, true
}

// begins reports whether the key is of the measurement of the shape.
func (s *shape) begins(key []byte) bool {
	n := len(s.measurement)
	return len(key) >= n && string(key[:n]) == string(s.measurement) && (len(key) == n || key[n] == ',')
}

// timeDigits is how many digits the timestamps of our time have in nanoseconds.
const timeDigits = 19

// lastTime is the text of a timestamp of timeDigits digits that ended a line, and
// what it means in this body.
type lastTime struct {
	words [3]uint64 // the text from 0, 8 and 11 on
	value int64
	known bool
}

// shapedTime does what fastTime does, and is faster when one space and
// timeDigits digits end the line, most of all those of the line before.
func (p *Parser) shapedTime(i int) (timestamp int64, end int, ok bool) {
	b, last := p.body, &p.last
	end = i + 1 + timeDigits
	if end >= len(b) || b[i] != ' ' || b[end] != '\n' {
		return p.fastTime(i)
	}
	text := b[i+1 : end]
	words := [3]uint64{binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[8:]), binary.LittleEndian.Uint64(text[11:])}
	if last.known && words == last.words {
		return last.value, end, true
	}
	for i := range words {
		words[i] ^= 0x3030303030303030
	}
	const above9 = 0x7676767676767676 // see eightDigits; + binds no closer than |
	other := (words[0] + above9) | words[0] | (words[1] + above9) | words[1] | (words[2] + above9) | words[2]
	if other&0x8080808080808080 != 0 {
		return p.fastTime(i) // not only digits
	}
	v := joinDigits(words[0])*1e11 + joinDigits(words[1])*1e3 + joinDigits(words[2]>>40<<40)
	if v > uint64(p.maxTime) {
		return 0, 0, false
	}
	timestamp = int64(v) * int64(p.opt.Precision)
	*last = lastTime{[3]uint64{binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[8:]), binary.LittleEndian.Uint64(text[11:])}, timestamp, true}
	return timestamp, end, true
}
