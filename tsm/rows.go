package tsm

import (
	"math/bits"

	"github.com/timberlinedb/timberline/model"
)

// SeriesRows holds rows of one series as columns, ascending by time, one row per
// timestamp.
type SeriesRows struct {
	Series  model.SeriesID
	Times   []int64
	Columns []FieldColumn
}

// FieldColumn holds the values of one field. Only the slice of its type is set,
// with one entry per row; entries of rows without a value are undefined.
type FieldColumn struct {
	Field uint32 // number in the field table of the shard
	Type  model.FieldType

	// Present has bit i set (bit i%64 of word i/64) when row i has a value. Nil
	// means that all have, or that none has when Absent is set.
	Present []uint64
	Absent  bool

	Floats    []float64
	Integers  []int64
	Unsigneds []uint64
	Booleans  []bool
	Strings   [][]byte
}

// Has reports whether row i has a value.
func (c *FieldColumn) Has(i int) bool {
	if c.Present == nil {
		return !c.Absent
	}
	return c.Present[i>>6]&(1<<(i&63)) != 0
}

// Count returns how many of the rows [from, to) have a value.
func (c *FieldColumn) Count(from, to int) int {
	switch {
	case c.Absent || from >= to:
		return 0
	case c.Present == nil:
		return to - from
	}
	return countBits(c.Present, from, to)
}

// rows returns the number of entries of the slice of the column's type.
func (c *FieldColumn) rows() int {
	switch c.Type {
	case model.Float:
		return len(c.Floats)
	case model.Integer:
		return len(c.Integers)
	case model.Unsigned:
		return len(c.Unsigneds)
	case model.Boolean:
		return len(c.Booleans)
	case model.String:
		return len(c.Strings)
	}
	return 0
}

// resize makes the slice of the column's type n entries long. New entries are
// undefined.
func (c *FieldColumn) resize(n int) {
	switch c.Type {
	case model.Float:
		c.Floats = grow(c.Floats, n)
	case model.Integer:
		c.Integers = grow(c.Integers, n)
	case model.Unsigned:
		c.Unsigneds = grow(c.Unsigneds, n)
	case model.Boolean:
		c.Booleans = grow(c.Booleans, n)
	case model.String:
		c.Strings = grow(c.Strings, n)
	}
}

// copyRows copies the entries [from, to) of src to those from at on.
func (c *FieldColumn) copyRows(at int, src *FieldColumn, from, to int) {
	switch c.Type {
	case model.Float:
		copy(c.Floats[at:], src.Floats[from:to])
	case model.Integer:
		copy(c.Integers[at:], src.Integers[from:to])
	case model.Unsigned:
		copy(c.Unsigneds[at:], src.Unsigneds[from:to])
	case model.Boolean:
		copy(c.Booleans[at:], src.Booleans[from:to])
	case model.String:
		copy(c.Strings[at:], src.Strings[from:to])
	}
}

// grow returns s with length n, keeping content and memory where possible.
func grow[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	out := make([]T, n, max(n, 2*cap(s)))
	copy(out, s)
	return out
}

// words returns the number of bitmap words of n rows.
func words(n int) int { return (n + 63) / 64 }

// setBits sets the bits [from, to).
func setBits(bitmap []uint64, from, to int) {
	for from < to {
		end := min(to, from&^63+64)
		bitmap[from>>6] |= ^uint64(0) >> (64 - (end - from)) << (from & 63)
		from = end
	}
}

// countBits counts the bits set in [from, to).
func countBits(bitmap []uint64, from, to int) int {
	n := 0
	for from < to {
		end := min(to, from&^63+64)
		n += bits.OnesCount64(bitmap[from>>6] >> (from & 63) << (64 - (end - from)))
		from = end
	}
	return n
}

// sliceBits copies the bits [from, to) of src to the front of dst, which it
// grows as needed. Bits behind them are zero.
func sliceBits(dst, src []uint64, from, to int) []uint64 {
	n := to - from
	dst = grow(dst[:0], words(n))
	at, shift := from>>6, from&63
	for i := range dst {
		w := src[at+i] >> shift
		if shift > 0 && at+i+1 < len(src) {
			w |= src[at+i+1] << (64 - shift)
		}
		dst[i] = w
	}
	if n&63 != 0 {
		dst[len(dst)-1] &= 1<<(n&63) - 1
	}
	return dst
}

// clearBits clears the bits [from, to).
func clearBits(bitmap []uint64, from, to int) {
	for from < to {
		end := min(to, from&^63+64)
		bitmap[from>>6] &^= ^uint64(0) >> (64 - (end - from)) << (from & 63)
		from = end
	}
}
