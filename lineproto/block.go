package lineproto

import (
	"slices"

	"github.com/timberlinedb/timberline/model"
)

// block holds lines that were read as expected and wait for their series: the
// series table is asked for many at once, so that the processor waits for many
// places of its memory at the same time, and the values go into their columns one
// column after the other. Nothing of these lines is in the batch yet but strings in
// its arena. Lines that are read in another way wait for the block first.
type block struct {
	count  int
	used   int // of keys in this body
	limit  int // of lines now, 1 to blockLines
	rows   [blockLines]blockRow
	fps    [blockLines]model.Fingerprint
	ids    [blockLines]model.SeriesID
	keys   [blockLines][]byte // canonical ones of rows whose id is 0
	values []uint64           // of the rows one after the other, by field of their shapes
}

// blockRow is a line of a block.
type blockRow struct {
	time    int64
	start   int   // of the line in the body
	values  int   // where they begin in block.values
	keySize int32 // in bytes
	line    int32
	shape   int32
	node    int32 // of the memory, -1: the spelling is not remembered
}

// The most that a block holds: lines, and values when another line comes.
const (
	blockLines  = 64
	blockValues = 2048
)

// full reports whether no line fits any more.
func (b *block) full() bool { return b.count >= b.limit || len(b.values) >= blockValues }

// row returns room for the values of the next line, in which end adds them.
func (b *block) row(fields int) []uint64 {
	n := len(b.values)
	b.values = slices.Grow(b.values, fields)
	return b.values[n : n+fields]
}

// flush adds the lines of the block to the batch. A line whose new key is refused,
// or is none, is read again by the plain grammar, and those after it are taken
// back, for they may not even be lines: flush then returns where to read on, or
// else next.
func (p *Parser) flush(next int) int {
	b := &p.block
	count := b.count
	if count == 0 {
		return next
	}
	p.findSeries()
	good := p.newKeys()
	for from := 0; from < good; {
		to := from + 1
		for to < good && b.rows[to].shape == b.rows[from].shape {
			to++
		}
		p.addRows(from, to)
		from = to
	}
	p.learnBlock(good)
	b.count, b.values = 0, b.values[:0]
	if good == count {
		b.limit = min(2*b.limit, blockLines)
		return next
	}
	// Strings of the lines taken back stay in the arena. There are few, for a
	// block is short after such a line: no body is read many times.
	b.limit = 1
	bad := &b.rows[good]
	p.batch.Lines -= count - good
	p.line = int(bad.line)
	return p.plainLine(bad.start)
}

// findSeries asks for the series of the lines.
func (p *Parser) findSeries() {
	b := &p.block
	switch {
	case p.opt.Series == nil:
		clear(b.ids[:b.count])
	case b.count == 1:
		b.ids[0], _ = p.opt.Series.Lookup(b.fps[0])
	default:
		p.opt.Series.LookupAll(b.ids[:b.count], b.fps[:b.count])
	}
}

// newKeys makes the canonical keys of the lines whose spelling is not known. It
// returns how many lines come before the first one that is refused.
func (p *Parser) newKeys() int {
	b := &p.block
	for i := range b.count {
		if b.ids[i] != 0 {
			continue
		}
		row, ok := &b.rows[i], false
		b.used = max(b.used, i+1)
		if b.keys[i], ok = p.newKey(b.fps[i], p.body[row.start:row.start+int(row.keySize)]); !ok {
			return i
		}
	}
	return b.count
}

// addRows adds lines of one shape to their table.
func (p *Parser) addRows(from, to int) {
	b := &p.block
	first := &b.rows[from]
	s := &p.memory.shapes[first.shape]
	if s.body != p.number {
		p.bind(s, p.body[first.start:first.start+int(first.keySize)])
	}
	ts := s.table
	p.current = ts
	values, count, t := b.values[first.values:], to-from, ts.table
	if count == 1 {
		ts.addShaped(values[:len(s.fields)], s.columns, len(t.Times))
		ts.endRow(first.time, int(first.line), b.ids[from], b.fps[from], b.keys[from])
		return
	}
	if !ts.addAllShaped(values, count, s.columns) {
		for i := range count {
			ts.addShaped(values[i*len(s.fields):][:len(s.fields)], s.columns, len(t.Times)+i)
		}
	}
	n := len(t.Times)
	t.Times, t.Lines = slices.Grow(t.Times, count)[:n+count], slices.Grow(t.Lines, count)[:n+count]
	times, lines := t.Times[n:], t.Lines[n:]
	t.Series = append(t.Series, b.ids[from:to]...)
	for i := range times {
		row := &b.rows[from+i]
		times[i], lines[i] = row.time, row.line
	}
	t.Fingerprints = slices.Grow(t.Fingerprints, count)[:n+count]
	fps := t.Fingerprints[n:]
	for i := range fps {
		fps[i] = model.Fingerprint{}
		if b.ids[from+i] == 0 {
			fps[i] = b.fps[from+i]
			t.NewKeys = append(t.NewKeys, model.NewKey{Row: int32(n + i), Key: b.keys[from+i]})
		}
	}
}

// learnBlock tells the memory which lines came after which.
func (p *Parser) learnBlock(count int) {
	b, m := &p.block, &p.memory
	for i := range count {
		row := &b.rows[i]
		switch {
		case row.node >= 0:
			m.hits++
			m.step(row.node)
		case b.ids[i] != 0:
			m.misses++
			m.follow(p.body[row.start:row.start+int(row.keySize)], b.fps[i], row.shape)
		default:
			m.misses++
		}
	}
	m.cursor = m.last
}
