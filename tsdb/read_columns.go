package tsdb

import (
	"math"
	"math/bits"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
	"github.com/timberlinedb/timberline/tsm"
)

// bitWords returns the number of words of a bitmap of n rows.
func bitWords(n int) int { return (n + 63) / 64 }

// grown returns s with length n, keeping its memory where that is enough. The
// content is undefined.
func grown[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	return make([]T, n, max(n, 2*cap(s)))
}

// presentWords gives c an empty bitmap of n rows, reusing words.
func presentWords(words []uint64, n int) []uint64 {
	words = grown(words, bitWords(n))
	clear(words)
	return words
}

// settlePresence gives c the bitmap of n rows, or Absent or nil where it says no
// more than that.
func settlePresence(c *cursor.Column, words []uint64, n int) {
	switch countBits(words[:bitWords(n)]) {
	case n:
		c.Present, c.Absent = nil, false
	case 0:
		c.Present, c.Absent = nil, true
	default:
		c.Present, c.Absent = words[:bitWords(n)], false
	}
}

func countBits(words []uint64) int {
	n := 0
	for _, w := range words {
		n += bits.OnesCount64(w)
	}
	return n
}

// sliceBits copies bits [from, to) of src to the front of dst; bits behind them
// are zero.
func sliceBits(dst, src []uint64, from, to int) []uint64 {
	n := to - from
	dst = grown(dst, bitWords(n))
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

// reverseColumn makes dst, which is owned, rows [from, to) of src from the last
// to the first.
func reverseColumn(dst, src *cursor.Column, from, to int) {
	words := dst.Present[:cap(dst.Present)]
	dst.Type, dst.Absent, dst.Present = src.Type, src.Absent, nil
	if src.Absent {
		return
	}
	switch src.Type {
	case model.Float:
		dst.Floats = appendReversed(dst.Floats[:0], src.Floats[from:to])
	case model.Integer:
		dst.Integers = appendReversed(dst.Integers[:0], src.Integers[from:to])
	case model.Unsigned:
		dst.Unsigneds = appendReversed(dst.Unsigneds[:0], src.Unsigneds[from:to])
	case model.Boolean:
		dst.Booleans = appendReversed(dst.Booleans[:0], src.Booleans[from:to])
	case model.String:
		dst.Strings = appendReversed(dst.Strings[:0], src.Strings[from:to])
	}
	if src.Present == nil {
		return
	}
	n := to - from
	words = presentWords(words, n)
	for i := range n {
		if hasBit(src.Present, to-1-i) {
			setBit(words, i)
		}
	}
	settlePresence(dst, words, n)
}

func appendReversed[T any](dst, src []T) []T {
	dst = grown(dst, len(src))
	for i, v := range src {
		dst[len(src)-1-i] = v
	}
	return dst
}

func numeric(t model.FieldType) bool {
	return t == model.Float || t == model.Integer || t == model.Unsigned
}

// convertColumn returns src with its values as another numeric type. Values that
// the type cannot hold become its nearest one.
func convertColumn(src cursor.Column, want model.FieldType) cursor.Column {
	dst := cursor.Column{Type: want, Present: src.Present}
	switch want {
	case model.Float:
		if src.Type == model.Integer {
			dst.Floats = converted(src.Integers, func(v int64) float64 { return float64(v) })
		} else {
			dst.Floats = converted(src.Unsigneds, func(v uint64) float64 { return float64(v) })
		}
	case model.Integer:
		if src.Type == model.Float {
			dst.Integers = converted(src.Floats, floatToInteger)
		} else {
			dst.Integers = converted(src.Unsigneds, func(v uint64) int64 { return int64(min(v, math.MaxInt64)) })
		}
	case model.Unsigned:
		if src.Type == model.Float {
			dst.Unsigneds = converted(src.Floats, floatToUnsigned)
		} else {
			dst.Unsigneds = converted(src.Integers, func(v int64) uint64 { return uint64(max(v, 0)) })
		}
	}
	return dst
}

func converted[From, To any](src []From, f func(From) To) []To {
	dst := make([]To, len(src))
	for i, v := range src {
		dst[i] = f(v)
	}
	return dst
}

// floatToInteger takes the fraction away. A float that no integer holds becomes the lowest one, as on the processors that
// InfluxDB mostly runs on.
func floatToInteger(v float64) int64 {
	if v >= math.MinInt64 && v < math.MaxInt64 {
		return int64(v)
	}
	return math.MinInt64
}

func floatToUnsigned(v float64) uint64 {
	switch {
	case !(v > 0):
		return 0
	case v >= math.MaxUint64:
		return math.MaxUint64
	}
	return uint64(v)
}

// readColumn returns a stored column as one of type want, converted where both
// types are numeric. Values of the same type are not copied.
func readColumn(src *tsm.FieldColumn, want model.FieldType) cursor.Column {
	if src.Absent || src.Type != want && !(numeric(src.Type) && numeric(want)) {
		return cursor.Column{Type: want, Absent: true}
	}
	c := cursor.Column{Type: src.Type, Present: src.Present}
	switch src.Type {
	case model.Float:
		c.Floats = src.Floats
	case model.Integer:
		c.Integers = src.Integers
	case model.Unsigned:
		c.Unsigneds = src.Unsigneds
	case model.Boolean:
		c.Booleans = src.Booleans
	case model.String:
		c.Strings = src.Strings
	}
	if c.Type != want {
		c = convertColumn(c, want)
	}
	return c
}

// sliceColumn makes dst rows [from, to) of src; values are not copied. words is
// memory for the bitmap; what of it is used is returned.
func sliceColumn(dst, src *cursor.Column, from, to int, words []uint64) []uint64 {
	*dst = cursor.Column{Type: src.Type, Absent: src.Absent}
	if src.Absent {
		return words
	}
	switch src.Type {
	case model.Float:
		dst.Floats = src.Floats[from:to]
	case model.Integer:
		dst.Integers = src.Integers[from:to]
	case model.Unsigned:
		dst.Unsigneds = src.Unsigneds[from:to]
	case model.Boolean:
		dst.Booleans = src.Booleans[from:to]
	case model.String:
		dst.Strings = src.Strings[from:to]
	}
	if src.Present != nil {
		words = sliceBits(words, src.Present, from, to)
		settlePresence(dst, words, to-from)
	}
	return words
}
