package lineproto

import (
	"github.com/timberlinedb/timberline/internal/fingerprint"
	"github.com/timberlinedb/timberline/model"
)

// memory is what a parser remembers of earlier lines, those of earlier bodies
// included: the shapes that lines had, and which spelling of a key came after
// which. Clients send their series in the same order each time, so comparing a
// line with the expected spelling mostly replaces looking for the end of its
// key, hashing it and finding its table. Nothing here decides what a line means:
// a wrong guess costs time only. In particular the series table is asked for the
// series of each line, and may have forgotten it.
//
// It has no pointers but those of shapes, and its size has a limit.
type memory struct {
	text   []byte // spellings of keys, each with the space behind it
	nodes  []node
	slots  []int32 // by fingerprint: index of the first node + 1, 0 is free; a power of two, at most half full
	shapes []shape

	byShape    hashTable // measurement and fields -> index in shapes
	shapeBytes int       // of names and fields in shapes

	last         int32 // node of the line before those of the block, -1: none
	cursor       int32 // node of the line before, as far as it is known
	lastShape    int32 // of the line before, -1: none
	hits, misses int   // lines whose spelling was known or not, since the last look
	cold         int   // how often seek found nothing since it found something
}

// node is a spelling of a key with the shape of the line that had it.
type node struct {
	fp       model.Fingerprint
	start    uint32 // in memory.text
	size     uint32 // with the space
	next     int32  // node of the line that came after, -1: none
	sibling  int32  // another node of the spelling, -1: none
	shape    int32
	reserved bool // mayHoldReserved
}

// The most that a parser remembers.
const (
	maxTextBytes  = 1 << 20
	maxNodes      = 1 << 14
	maxShapeBytes = 1 << 20
	maxSiblings   = 16
	fieldBytes    = 96 // of one field of a shape, without its name
)

// begin prepares for a body.
func (m *memory) begin() {
	if m.slots == nil {
		m.last, m.cursor, m.lastShape = -1, -1, -1
		m.slots = make([]int32, 64)
		m.byShape.reset()
	}
	// Memory that is full of what does not come again is emptied, but not so
	// often that the learning would weigh.
	many := m.shapeBytes > maxShapeBytes/2
	if m.misses > 8*len(m.nodes) && (many || m.full(maxUncheckedKey)) {
		if m.hits < m.misses {
			m.forgetNodes()
			if many {
				m.forgetShapes()
			}
		}
		m.hits, m.misses = 0, 0
	}
}

func (m *memory) full(key int) bool {
	return len(m.nodes) >= maxNodes || len(m.text)+key+1 > maxTextBytes
}

func (m *memory) forgetNodes() {
	clear(m.slots)
	m.text, m.nodes, m.last, m.cursor = m.text[:0], m.nodes[:0], -1, -1
}

// forgetShapes empties the shapes; no node may be left.
func (m *memory) forgetShapes() {
	clear(m.shapes)
	m.byShape.reset()
	m.shapes, m.shapeBytes, m.lastShape = m.shapes[:0], 0, -1
}

// expected returns the node that is expected to come next when its key is at
// body[start:], or -1.
func (m *memory) expected(body []byte, start int) int32 {
	if uint(m.cursor) >= uint(len(m.nodes)) {
		return -1
	}
	next := m.nodes[m.cursor].next
	if uint(next) >= uint(len(m.nodes)) {
		return -1
	}
	n := &m.nodes[next]
	end := start + int(n.size)
	if end > len(body) || string(body[start:end]) != string(m.text[n.start:n.start+n.size]) {
		return -1
	}
	return next
}

// find returns the first node of a spelling, or -1.
func (m *memory) find(fp model.Fingerprint) int32 {
	mask := len(m.slots) - 1
	for i := int(fp.Hi) & mask; ; i = (i + 1) & mask {
		n := m.slots[i] - 1
		if n < 0 || m.nodes[n].fp == fp {
			return n
		}
	}
}

// After coldAfter lines in a row that are not remembered, seek looks for one of
// coldEvery.
const (
	coldAfter = 256
	coldEvery = 16
)

// seek does what find does, but not for each line when the memory has been of no
// use for long: where series come in no order, or there are many more of them than
// are remembered, looking for them costs more than it gives.
func (m *memory) seek(fp model.Fingerprint) int32 {
	if m.cold++; m.cold > coldAfter && m.cold%coldEvery != 0 {
		return -1
	}
	n := m.find(fp)
	if n >= 0 {
		m.cold = 0
	}
	return n
}

// follow notes that a line had the spelling of key and the shape.
func (m *memory) follow(key []byte, fp model.Fingerprint, shape int32) {
	if m.cold > coldAfter && m.full(len(key)) {
		m.last, m.lastShape = -1, shape
		return
	}
	first := m.find(fp)
	n, count := first, 0
	for ; n >= 0 && m.nodes[n].shape != shape; count++ {
		n = m.nodes[n].sibling
	}
	if n < 0 && count < maxSiblings {
		n = m.addNode(key, fp, shape, first)
	}
	if n < 0 {
		m.last, m.lastShape = -1, shape
		return
	}
	m.step(n)
}

// step makes n the node of the line before.
func (m *memory) step(n int32) {
	if m.last >= 0 && m.nodes[m.last].next != n {
		m.nodes[m.last].next = n
	}
	m.last, m.lastShape = n, m.nodes[n].shape
}

// addNode adds a node; first is another one of the spelling, or -1. It returns
// -1 when there is no room.
func (m *memory) addNode(key []byte, fp model.Fingerprint, shape, first int32) int32 {
	if m.full(len(key)) {
		return -1
	}
	n := int32(len(m.nodes))
	add := node{fp: fp, size: uint32(len(key)) + 1, next: -1, sibling: -1, shape: shape, reserved: mayHoldReserved(key)}
	if first >= 0 {
		add.start = m.nodes[first].start
		add.sibling, m.nodes[first].sibling = m.nodes[first].sibling, n
		m.nodes = append(m.nodes, add)
		return n
	}
	add.start = uint32(len(m.text))
	m.text = append(append(m.text, key...), ' ')
	m.nodes = append(m.nodes, add)
	if 2*len(m.nodes) > len(m.slots) {
		m.slots = make([]int32, 2*len(m.slots))
		for i := range m.nodes {
			if m.find(m.nodes[i].fp) < 0 {
				m.insert(int32(i))
			}
		}
		return n
	}
	m.insert(n)
	return n
}

func (m *memory) insert(n int32) {
	mask := len(m.slots) - 1
	i := int(m.nodes[n].fp.Hi) & mask
	for m.slots[i] != 0 {
		i = (i + 1) & mask
	}
	m.slots[i] = n + 1
}

// learn takes in a line that was read without the memory. Its spelling is learned
// when its series is known: others may never come again. Of the fields, keys and
// types count.
func (m *memory) learn(key []byte, known bool, fields []pointField) {
	m.misses++
	defer func() { m.cursor = m.last }()
	shape := m.shapeOf(rawMeasurement(key), fields)
	if shape >= 0 && known {
		m.follow(key, fingerprint.Of(key), shape)
		return
	}
	m.last = -1
	if shape >= 0 {
		m.lastShape = shape
	}
}

// shapeOf returns the shape of a line, which it adds when it is new and there is
// room, or -1.
func (m *memory) shapeOf(measurement []byte, fields []pointField) int32 {
	hash := hashName(measurement)
	for i := range fields {
		hash = hashIn(i+1, hash+hashName(fields[i].key)) + uint64(fields[i].typ)
	}
	for at := m.byShape.find(hash); at.found; at = m.byShape.again(at) {
		if m.shapes[at.value].is(measurement, fields) {
			return int32(at.value)
		}
	}
	size := len(measurement)
	for i := range fields {
		raw := fields[i].key
		if len(raw)+1 > maxFastField {
			return -1
		}
		size += fieldBytes + len(raw)
	}
	if m.shapeBytes+size > maxShapeBytes {
		return -1
	}
	m.shapeBytes += size
	m.byShape.add(hash, uint64(len(m.shapes)))
	m.shapes = append(m.shapes, newShape(measurement, fields))
	return int32(len(m.shapes) - 1)
}
