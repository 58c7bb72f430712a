package tsdb

import (
	"math/bits"

	"github.com/timberlinedb/timberline/internal/slab"
)

// Chunks grow from firstChunk rows by doubling up to lastChunk rows, so that a
// small measurement costs little and a big one few chunks.
const (
	firstChunk     = 64
	lastChunk      = 8192
	growingChunks  = 7 // 64, 128, … 4096
	firstChunkBits = 6
	lastChunkBits  = 13
)

// place returns the chunk of row n and the row's offset in it.
func place(n uint32) (chunk, offset int) {
	k := uint64(n) + firstChunk
	if k < lastChunk {
		c := bits.Len64(k) - 1 - firstChunkBits
		return c, int(k) - firstChunk<<c
	}
	return int(k>>lastChunkBits) + growingChunks - 1, int(k & (lastChunk - 1))
}

// chunkRows returns how many rows chunk c holds.
func chunkRows(c int) int {
	if c < growingChunks {
		return firstChunk << c
	}
	return lastChunk
}

// chunk holds rows in order of arrival. Its slices have a fixed length and lie
// in the cache's arena.
type chunk struct {
	series []uint32
	prev   []uint32 // the row before of the same series, or noRow
	times  []int64  // deadTime where the row was deleted

	// newest is no earlier than any timestamp of the rows of this chunk and of
	// all chunks before it.
	newest int64

	// dense has a segment for each field that many rows have, by dense slot;
	// a segment without values is not there.
	dense []segment

	// sparse has for each row the newest of its other values: 1 + its number in
	// the table's sparse entries, or 0. Nil when there is none.
	sparse []uint32
}

// segment holds the values of one field for the rows of a chunk.
type segment struct {
	values  []uint64
	present []uint64 // bit i%64 of word i/64: row i has a value
	count   int
}

// sparseBlock holds sparse values in order of arrival. Blocks grow as chunks do.
type sparseBlock struct {
	field []uint32 // column of the table
	next  []uint32 // 1 + number of the row's value before, or 0
	value []uint64
}

func newChunk(a *slab.Arena, rows int) *chunk {
	return &chunk{
		series: slab.Make[uint32](a, rows),
		prev:   slab.Make[uint32](a, rows),
		times:  slab.Make[int64](a, rows),
	}
}

// segment returns the segment of a dense slot, making it first if need be.
func (c *chunk) segment(a *slab.Arena, slot int) *segment {
	if slot >= len(c.dense) {
		c.dense = append(c.dense, make([]segment, slot+1-len(c.dense))...)
	}
	s := &c.dense[slot]
	if s.values == nil {
		rows := len(c.times)
		s.values = slab.Make[uint64](a, rows)
		s.present = slab.Make[uint64](a, (rows+63)/64)
	}
	return s
}

// has reports whether dense slot holds values in c.
func (c *chunk) has(slot int) bool {
	return slot < len(c.dense) && c.dense[slot].values != nil
}

// setBits sets bits [from, to) of a bitmap.
func setBits(words []uint64, from, to int) {
	for from < to {
		w, b := from>>6, from&63
		n := min(64-b, to-from)
		words[w] |= (^uint64(0) >> (64 - n)) << b
		from += n
	}
}

func hasBit(words []uint64, i int) bool { return words[i>>6]>>(i&63)&1 != 0 }
func setBit(words []uint64, i int)      { words[i>>6] |= 1 << (i & 63) }
