package lineproto

import (
	"encoding/binary"

	"github.com/timberlinedb/timberline/internal/fingerprint"
	"github.com/timberlinedb/timberline/model"
)

// shapedLine reads the line at body[start:], which begins with a measurement, if
// it has the shape that the memory expects and is valid. It returns where the
// next line begins, or false with everything as before.
func (p *Parser) shapedLine(start int) (next int, ok bool) {
	m := &p.memory
	var (
		key      []byte
		fp       model.Fingerprint
		guess    int32
		reserved bool
	)
	at := m.expected(p.body, start)
	if at >= 0 {
		n := &m.nodes[at]
		key, fp, guess, reserved = p.body[start:start+int(n.size)-1], n.fp, n.shape, n.reserved
	} else {
		if m.lastShape < 0 {
			return 0, false
		}
		if key, ok = p.fastKey(start); !ok {
			return 0, false
		}
		fp = fingerprint.Of(key)
		if at = m.find(fp); at >= 0 {
			guess, reserved = m.nodes[at].shape, m.nodes[at].reserved
		} else if guess = m.lastShape; !m.shapes[guess].begins(key) {
			return 0, false
		} else if p.opt.V2 {
			reserved = mayHoldReserved(key)
		}
	}
	if reserved && p.opt.V2 {
		return 0, false
	}
	id := p.lookup(fp)
	s := &m.shapes[guess]
	arena := len(p.batch.Arena)
	end, newlines, ok := p.shapedFields(s, start+len(key)+1)
	var timestamp int64
	if ok {
		timestamp, end, ok = p.shapedTime(end)
	}
	if ok {
		next, ok = p.lineEnd(start, end)
	}
	var canonical []byte
	if ok && id == 0 {
		canonical, ok = p.newKey(fp, key)
	}
	if !ok {
		p.batch.Arena = p.batch.Arena[:arena]
		return 0, false
	}
	if s.body != p.number {
		p.bind(s, key)
	}
	s.table.addShaped(p.row, s.columns)
	s.table.endRow(timestamp, p.line, id, fp, canonical)
	p.current = s.table
	p.batch.Lines++
	p.line += 1 + newlines
	if at >= 0 {
		m.hits++
		m.step(at)
	} else if m.misses++; id != 0 {
		m.follow(key, fp, guess)
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
