package encoding

import (
	"encoding/binary"
	"math/bits"
	"sync"
)

// An integer page is the codec byte and:
//
//	constant  value zigzag
//	linear    first zigzag, step zigzag
//	packed    order u8, seeds zigzag × order, then the groups of 64 values:
//	          width u8, minimum zigzag, packed (residual - minimum)
//	raw       values u64
//
// All sums are modulo 2^64, so the coder is exact for every int64 and uint64.
//
// The residual of order 1 is v[i]-v[i-1], of order 2 the difference of two such.
// What would stand before the first value (the seeds) is chosen such that the
// residuals of the first values equal the first real one; so every value is
// coded alike and groups start at multiples of 64.

type word interface{ ~int64 | ~uint64 }

const (
	maxOrder = 2
	// sampledGroups bounds the groups that are looked at to choose the order.
	sampledGroups = 8
)

// appendWords appends an integer page.
func appendWords[T word](dst []byte, values []T) []byte {
	n := len(values)
	if n == 0 {
		return append(dst, byte(Constant), 0)
	}
	step := T(0)
	if n > 1 {
		step = values[1] - values[0]
	}
	if isLinear(values, step) {
		if step == 0 {
			return appendZigzag(append(dst, byte(Constant)), int64(values[0]))
		}
		dst = appendZigzag(append(dst, byte(Linear)), int64(values[0]))
		return appendZigzag(dst, int64(step))
	}
	start := len(dst)
	dst = appendPackedPage(dst, values, chooseOrder(values))
	if len(dst)-start > 1+8*n {
		return appendRawWords(dst[:start], values)
	}
	return dst
}

func appendRawWords[T word](dst []byte, values []T) []byte {
	dst = append(dst, byte(Raw))
	for _, v := range values {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
	}
	return dst
}

func isLinear[T word](values []T, step T) bool {
	for i := 1; i < len(values); i++ {
		if values[i]-values[i-1] != step {
			return false
		}
	}
	return true
}

// chooseOrder returns the order of differences whose groups are smallest, by
// the exact sizes of evenly spaced groups.
func chooseOrder[T word](values []T) int {
	groups := (len(values) + groupSize - 1) / groupSize
	samples := min(groups, sampledGroups)
	var cost [maxOrder + 1]int
	for k := range samples {
		g := k * groups / samples
		lo := g * groupSize
		addGroupCosts(&cost, values, lo, min(lo+groupSize, len(values)))
	}
	order := 0
	for o := 1; o <= min(maxOrder, len(values)-1); o++ {
		if cost[o] < cost[order] {
			order = o
		}
	}
	return order
}

// addGroupCosts adds the bytes that values[lo:hi] would take as a group of each
// order.
func addGroupCosts[T word](cost *[maxOrder + 1]int, values []T, lo, hi int) {
	// The first two values have no predecessors; they are left out.
	from := max(lo, 2)
	if from >= hi {
		return
	}
	prev, delta := int64(values[from-1]), int64(values[from-1]-values[from-2])
	v0 := int64(values[from])
	min0, max0 := v0, v0
	min1, max1 := v0-prev, v0-prev
	min2, max2 := v0-prev-delta, v0-prev-delta
	for _, x := range values[from:hi] {
		v := int64(x)
		d := v - prev
		dd := d - delta
		prev, delta = v, d
		min0, max0 = min(min0, v), max(max0, v)
		min1, max1 = min(min1, d), max(max1, d)
		min2, max2 = min(min2, dd), max(max2, dd)
	}
	m := hi - lo
	cost[0] += groupCost(m, min0, max0)
	cost[1] += groupCost(m, min1, max1)
	cost[2] += groupCost(m, min2, max2)
}

func groupCost(m int, lo, hi int64) int {
	return 1 + uvarintLen(zigzag(lo)) + packedLen(m, uint(bits.Len64(uint64(hi)-uint64(lo))))
}

// seeds returns what stands before the first value for an order: the value and
// the difference.
func seeds[T word](values []T, order int) (prev, delta uint64) {
	switch order {
	case 1:
		v0, v1 := uint64(values[0]), uint64(values[1])
		return v0 - (v1 - v0), 0
	case 2:
		v0, v1, v2 := uint64(values[0]), uint64(values[1]), uint64(values[2])
		d1 := v1 - v0
		r := v2 - v1 - d1
		return v0 - (d1 - r), d1 - 2*r
	}
	return 0, 0
}

func appendPackedPage[T word](dst []byte, values []T, order int) []byte {
	dst = append(dst, byte(Packed), byte(order))
	prev, delta := seeds(values, order)
	if order >= 1 {
		dst = appendZigzag(dst, int64(prev))
	}
	if order >= 2 {
		dst = appendZigzag(dst, int64(delta))
	}
	var residuals group
	for len(values) > 0 {
		m := min(len(values), groupSize)
		var lo, hi int64
		switch order {
		case 0:
			lo, hi = residuals0(&residuals, values[:m])
		case 1:
			prev, lo, hi = residuals1(&residuals, values[:m], prev)
		default:
			prev, delta, lo, hi = residuals2(&residuals, values[:m], prev, delta)
		}
		values = values[m:]
		width := uint(bits.Len64(uint64(hi) - uint64(lo)))
		dst = appendZigzag(append(dst, byte(width)), lo)
		for i := range residuals[:m] {
			residuals[i] -= uint64(lo)
		}
		dst = appendPacked(dst, residuals[:m], width)
	}
	return dst
}

func residuals0[T word](dst *group, values []T) (lo, hi int64) {
	lo, hi = int64(values[0]), int64(values[0])
	for i, x := range values {
		v := int64(x)
		dst[i&(groupSize-1)] = uint64(v)
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo, hi
}

func residuals1[T word](dst *group, values []T, prev uint64) (last uint64, lo, hi int64) {
	lo = int64(uint64(values[0]) - prev)
	hi = lo
	for i, x := range values {
		d := int64(uint64(x) - prev)
		prev = uint64(x)
		dst[i&(groupSize-1)] = uint64(d)
		lo, hi = min(lo, d), max(hi, d)
	}
	return prev, lo, hi
}

func residuals2[T word](dst *group, values []T, prev, delta uint64) (last, lastDelta uint64, lo, hi int64) {
	lo = int64(uint64(values[0]) - prev - delta)
	hi = lo
	for i, x := range values {
		d := uint64(x) - prev
		r := int64(d - delta)
		prev, delta = uint64(x), d
		dst[i&(groupSize-1)] = uint64(r)
		lo, hi = min(lo, r), max(hi, r)
	}
	return prev, delta, lo, hi
}

// wordStream decodes an integer page group by group.
type wordStream struct {
	src         []byte // what is left of the page
	left        int    // values still to come
	codec       Codec
	order       int
	prev, delta uint64
}

// openWords reads the head of an integer page of n values.
func openWords(src []byte, n int) (s wordStream, err error) {
	if len(src) == 0 {
		return s, malformed("integer page is empty")
	}
	s = wordStream{src: src[1:], left: n, codec: Codec(src[0])}
	var seed int64
	ok := true
	switch s.codec {
	case Constant:
		seed, s.src, ok = cutZigzag(s.src)
		s.prev = uint64(seed)
	case Linear:
		if seed, s.src, ok = cutZigzag(s.src); ok {
			s.prev = uint64(seed)
			seed, s.src, ok = cutZigzag(s.src)
			s.delta = uint64(seed)
			s.prev -= s.delta
		}
	case Packed:
		ok = s.openPacked()
	case Raw:
		if len(s.src)/8 < n {
			return s, malformed("raw page has %d bytes, want %d values of 8", len(s.src), n)
		}
	default:
		return s, malformed("integer page has %v", s.codec)
	}
	if !ok {
		return s, malformed("head of integer page (%v)", s.codec)
	}
	return s, nil
}

func (s *wordStream) openPacked() bool {
	if len(s.src) == 0 || s.src[0] > maxOrder {
		return false
	}
	s.order, s.src = int(s.src[0]), s.src[1:]
	ok := true
	var seed int64
	if s.order >= 1 {
		seed, s.src, ok = cutZigzag(s.src)
		s.prev = uint64(seed)
	}
	if ok && s.order >= 2 {
		seed, s.src, ok = cutZigzag(s.src)
		s.delta = uint64(seed)
	}
	return ok
}

// next decodes the next group into dst and returns how many values it has; what
// lies behind them in dst is undefined.
func (s *wordStream) next(dst *group) (m int, err error) {
	m = min(s.left, groupSize)
	s.left -= m
	switch s.codec {
	case Constant:
		for i := range dst {
			dst[i] = s.prev
		}
	case Linear:
		v := s.prev
		for i := range dst {
			v += s.delta
			dst[i] = v
		}
		s.prev = v
	case Raw:
		for i := range m {
			dst[i] = binary.LittleEndian.Uint64(s.src[8*i:])
		}
		s.src = s.src[8*m:]
	default:
		return m, s.nextPacked(dst, m)
	}
	return m, nil
}

func (s *wordStream) nextPacked(dst *group, m int) error {
	if len(s.src) == 0 || s.src[0] > 64 {
		return malformed("width of a group, %d values before the end", s.left+m)
	}
	width := uint(s.src[0])
	least, rest, ok := cutZigzag(s.src[1:])
	if !ok || len(rest) < packedLen(m, width) {
		return malformed("group of %d values of %d bits is cut off", m, width)
	}
	unpackGroup(dst, rest, m, width)
	s.src = rest[packedLen(m, width):]
	base := uint64(least)
	switch s.order {
	case 0:
		for i := range dst {
			dst[i] += base
		}
	case 1:
		v := s.prev
		for i := range dst {
			v += dst[i] + base
			dst[i] = v
		}
		s.prev = v
	default:
		v, d := s.prev, s.delta
		for i := range dst {
			d += dst[i] + base
			v += d
			dst[i] = v
		}
		s.prev, s.delta = v, d
	}
	return nil
}

// decodeWords decodes an integer page of n values into dst and returns what
// follows the page.
func decodeWords[T word](dst []T, src []byte, n int) (_ []T, rest []byte, err error) {
	s, err := openWords(src, n)
	if err != nil {
		return dst[:0], nil, err
	}
	dst = grow(dst, n)
	var g group
	for at := 0; at < n; at += groupSize {
		m, err := s.next(&g)
		if err != nil {
			return dst[:0], nil, err
		}
		if m == groupSize {
			d := dst[at : at+groupSize : at+groupSize]
			for i := range d {
				d[i] = T(g[i])
			}
			continue
		}
		for i, v := range g[:m] {
			dst[at+i] = T(v)
		}
	}
	return dst, s.src, nil
}

// endOfPage turns bytes behind a page into an error.
func endOfPage(rest []byte) error {
	if len(rest) != 0 {
		return malformed("%d bytes behind the values", len(rest))
	}
	return nil
}

// scratch lends slices of words to encoders.
var scratch = sync.Pool{New: func() any { return new([]int64) }}

func borrow(n int) *[]int64 {
	p := scratch.Get().(*[]int64)
	*p = grow(*p, n)
	return p
}
