package encoding

import "math/bits"

// maxOrder is the highest order of differences.
const maxOrder = 2

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

// groupRange is the least and the greatest residual of a group.
type groupRange struct{ lo, hi int64 }

func (g groupRange) width() uint { return uint(bits.Len64(uint64(g.hi) - uint64(g.lo))) }

// fillResiduals writes the residuals of values to dst, whose length is a multiple
// of 64, and the ranges of its groups to ranges.
func fillResiduals[T word](dst []uint64, ranges []groupRange, values []T, order int) {
	prev, delta := seeds(values, order)
	for i := range ranges {
		g := (*group)(dst[i*groupSize:])
		m := min(len(values), groupSize)
		r := &ranges[i]
		switch order {
		case 0:
			r.lo, r.hi = residuals0(g, values[:m])
		case 1:
			prev, r.lo, r.hi = residuals1(g, values[:m], prev)
		default:
			prev, delta, r.lo, r.hi = residuals2(g, values[:m], prev, delta)
		}
		values = values[m:]
	}
}

// packedPageLen returns the length of the page that appendPackedPage writes.
func packedPageLen(n, order int, prev, delta uint64, ranges []groupRange) int {
	size := 2
	if order >= 1 {
		size += uvarintLen(zigzag(int64(prev)))
	}
	if order >= 2 {
		size += uvarintLen(zigzag(int64(delta)))
	}
	for _, r := range ranges {
		m := min(n, groupSize)
		size += 1 + uvarintLen(zigzag(r.lo)) + packedLen(m, r.width())
		n -= m
	}
	return size
}

// appendPackedPage appends a page of the residuals, which it destroys.
func appendPackedPage(dst []byte, residuals []uint64, order int, prev, delta uint64, ranges []groupRange) []byte {
	dst = append(dst, byte(Packed), byte(order))
	if order >= 1 {
		dst = appendZigzag(dst, int64(prev))
	}
	if order >= 2 {
		dst = appendZigzag(dst, int64(delta))
	}
	for i := range ranges {
		r := &ranges[i]
		m := min(len(residuals), groupSize)
		width := r.width()
		dst = appendZigzag(append(dst, byte(width)), r.lo)
		for k := range residuals[:m] {
			residuals[k] -= uint64(r.lo)
		}
		dst = appendPacked(dst, residuals[:m], width)
		residuals = residuals[m:]
	}
	return dst
}

// The loops below take values in fours, whose least and greatest do not depend on
// those before.

func residuals0[T word](dst *group, values []T) (lo, hi int64) {
	lo, hi = int64(values[0]), int64(values[0])
	i := 0
	for ; i+4 <= min(len(values), groupSize); i += 4 {
		v := (*[4]T)(values[i:])
		d := (*[4]uint64)(dst[i:])
		a, b, c, e := int64(v[0]), int64(v[1]), int64(v[2]), int64(v[3])
		d[0], d[1], d[2], d[3] = uint64(a), uint64(b), uint64(c), uint64(e)
		lo = min(lo, min(min(a, b), min(c, e)))
		hi = max(hi, max(max(a, b), max(c, e)))
	}
	for ; i < len(values); i++ {
		v := int64(values[i])
		dst[i&(groupSize-1)] = uint64(v)
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo, hi
}

func residuals1[T word](dst *group, values []T, prev uint64) (last uint64, lo, hi int64) {
	lo = int64(uint64(values[0]) - prev)
	hi = lo
	i := 0
	for ; i+4 <= min(len(values), groupSize); i += 4 {
		v := (*[4]T)(values[i:])
		d := (*[4]uint64)(dst[i:])
		a, b, c, e := int64(uint64(v[0])-prev), int64(v[1]-v[0]), int64(v[2]-v[1]), int64(v[3]-v[2])
		prev = uint64(v[3])
		d[0], d[1], d[2], d[3] = uint64(a), uint64(b), uint64(c), uint64(e)
		lo = min(lo, min(min(a, b), min(c, e)))
		hi = max(hi, max(max(a, b), max(c, e)))
	}
	for ; i < len(values); i++ {
		d := int64(uint64(values[i]) - prev)
		prev = uint64(values[i])
		dst[i&(groupSize-1)] = uint64(d)
		lo, hi = min(lo, d), max(hi, d)
	}
	return prev, lo, hi
}

func residuals2[T word](dst *group, values []T, prev, delta uint64) (last, lastDelta uint64, lo, hi int64) {
	lo = int64(uint64(values[0]) - prev - delta)
	hi = lo
	i := 0
	for ; i+4 <= min(len(values), groupSize); i += 4 {
		v := (*[4]T)(values[i:])
		d := (*[4]uint64)(dst[i:])
		p, q, r, s := uint64(v[0])-prev, uint64(v[1]-v[0]), uint64(v[2]-v[1]), uint64(v[3]-v[2])
		a, b, c, e := int64(p-delta), int64(q-p), int64(r-q), int64(s-r)
		prev, delta = uint64(v[3]), s
		d[0], d[1], d[2], d[3] = uint64(a), uint64(b), uint64(c), uint64(e)
		lo = min(lo, min(min(a, b), min(c, e)))
		hi = max(hi, max(max(a, b), max(c, e)))
	}
	for ; i < len(values); i++ {
		d := uint64(values[i]) - prev
		r := int64(d - delta)
		prev, delta = uint64(values[i]), d
		dst[i&(groupSize-1)] = uint64(r)
		lo, hi = min(lo, r), max(hi, r)
	}
	return prev, delta, lo, hi
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

// nextPacked decodes the next m values of a packed page.
func nextPacked[T word](s *wordStream, dst *[groupSize]T, m int) error {
	if len(s.src) == 0 || s.src[0] > 64 {
		return malformed("width of a group, %d values before the end", s.left+m)
	}
	width := uint(s.src[0])
	least, rest, ok := cutZigzag(s.src[1:])
	if !ok || len(rest) < packedLen(m, width) {
		return malformed("group of %d values of %d bits is cut off", m, width)
	}
	var g group
	unpackGroup(&g, rest, m, width)
	s.src = rest[packedLen(m, width):]
	base := uint64(least)
	switch s.order {
	case 0:
		for i, r := range g {
			dst[i] = T(r + base)
		}
	case 1:
		v := s.prev
		for i, r := range g {
			v += r + base
			dst[i] = T(v)
		}
		s.prev = v
	default:
		v, d := s.prev, s.delta
		for i, r := range g {
			d += r + base
			v += d
			dst[i] = T(v)
		}
		s.prev, s.delta = v, d
	}
	return nil
}
