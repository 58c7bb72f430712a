package encoding

import (
	"encoding/binary"
	"slices"
)

// Residuals of a page that lie so close together that every one is a token of
// some table are kept as bytes, the low eight bits of each: they are found,
// counted and ranged in one pass, and written eight at a time. All of that is what
// fillResiduals, histogram.count and tokenWriter.write do with words.

// maxNarrow is the greatest distance between two narrow residuals.
const maxNarrow = 2 * maxToken

// narrowBits is the bits of a residual, on average in a sample, up to which it is
// worth a try whether they are narrow.
const narrowBits = 6

// narrowResiduals holds the narrow residuals of a page.
type narrowResiduals struct {
	bytes  []uint8 // padded to whole groups
	lo, hi int64
	// lanes count the residuals by their low bytes; equal ones in a row do not wait
	// for each other.
	lanes [histogramLanes][256]uint32
}

// reset makes room for n residuals, of which none is counted.
func (r *narrowResiduals) reset(n int) {
	r.bytes = grow(r.bytes, (n+groupSize-1)/groupSize*groupSize)
	for i := range r.lanes {
		clear(r.lanes[i][:])
	}
}

// fillNarrow takes the residuals of values and the ranges of their groups. It
// returns false when they are not narrow.
func fillNarrow[T word](p *planner, values []T, h *huffmanHead) bool {
	r := &p.narrow
	r.reset(len(values))
	p.ranges = grow(p.ranges, len(r.bytes)/groupSize)
	h.prev, h.delta = seeds(values, h.order)
	prev, delta := T(h.prev), T(h.delta)
	for i := range p.ranges {
		g := (*[groupSize]uint8)(r.bytes[i*groupSize:])
		m := min(len(values), groupSize)
		var lo, hi int64
		switch h.order {
		case 0:
			lo, hi = narrow0(r, g, values[:m])
		case 1:
			prev, lo, hi = narrow1(r, g, values[:m], prev)
		default:
			prev, delta, lo, hi = narrow2(r, g, values[:m], prev, delta)
		}
		p.ranges[i] = groupRange{lo, hi}
		if i == 0 {
			r.lo, r.hi = lo, hi
		}
		r.lo, r.hi = min(r.lo, lo), max(r.hi, hi)
		if uint64(r.hi)-uint64(r.lo) > maxNarrow {
			return false
		}
		values = values[m:]
	}
	return true
}

func narrow0[T word](r *narrowResiduals, dst *[groupSize]uint8, values []T) (lo, hi int64) {
	lo, hi = int64(values[0]), int64(values[0])
	if len(values) == groupSize {
		v := (*[groupSize]T)(values)
		for i := 0; i <= groupSize-4; i += 4 {
			a, b, c, d := int64(v[i]), int64(v[i+1]), int64(v[i+2]), int64(v[i+3])
			r.count(dst, i, a, b, c, d)
			lo = min(lo, min(min(a, b), min(c, d)))
			hi = max(hi, max(max(a, b), max(c, d)))
		}
		return lo, hi
	}
	for i := range values {
		v := int64(values[i])
		r.countOne(dst, i, v)
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo, hi
}

func narrow1[T word](r *narrowResiduals, dst *[groupSize]uint8, values []T, prev T) (last T, lo, hi int64) {
	lo = int64(values[0] - prev)
	hi = lo
	if len(values) == groupSize {
		v := (*[groupSize]T)(values)
		for i := 0; i <= groupSize-4; i += 4 {
			a, b, c, d := int64(v[i]-prev), int64(v[i+1]-v[i]), int64(v[i+2]-v[i+1]), int64(v[i+3]-v[i+2])
			prev = v[i+3]
			r.count(dst, i, a, b, c, d)
			lo = min(lo, min(min(a, b), min(c, d)))
			hi = max(hi, max(max(a, b), max(c, d)))
		}
		return prev, lo, hi
	}
	for i, v := range values {
		d := int64(v - prev)
		prev = v
		r.countOne(dst, i, d)
		lo, hi = min(lo, d), max(hi, d)
	}
	return prev, lo, hi
}

func narrow2[T word](r *narrowResiduals, dst *[groupSize]uint8, values []T, prev, delta T) (last, lastDelta T, lo, hi int64) {
	lo = int64(values[0] - prev - delta)
	hi = lo
	if len(values) == groupSize {
		v := (*[groupSize]T)(values)
		for i := 0; i <= groupSize-4; i += 4 {
			p, q, s, t := v[i]-prev, v[i+1]-v[i], v[i+2]-v[i+1], v[i+3]-v[i+2]
			a, b, c, d := int64(p-delta), int64(q-p), int64(s-q), int64(t-s)
			prev, delta = v[i+3], t
			r.count(dst, i, a, b, c, d)
			lo = min(lo, min(min(a, b), min(c, d)))
			hi = max(hi, max(max(a, b), max(c, d)))
		}
		return prev, delta, lo, hi
	}
	for i, v := range values {
		p := v - prev
		d := int64(p - delta)
		prev, delta = v, p
		r.countOne(dst, i, d)
		lo, hi = min(lo, d), max(hi, d)
	}
	return prev, delta, lo, hi
}

// count takes residuals i to i+3 of a group; i is a multiple of 4.
func (r *narrowResiduals) count(dst *[groupSize]uint8, i int, a, b, c, d int64) {
	binary.LittleEndian.PutUint32(dst[i&(groupSize-4):], uint32(uint8(a))|uint32(uint8(b))<<8|uint32(uint8(c))<<16|uint32(uint8(d))<<24)
	r.lanes[0][uint8(a)]++
	r.lanes[1][uint8(b)]++
	r.lanes[2][uint8(c)]++
	r.lanes[3][uint8(d)]++
}

func (r *narrowResiduals) countOne(dst *[groupSize]uint8, i int, d int64) {
	dst[i&(groupSize-1)] = uint8(d)
	r.lanes[0][uint8(d)]++
}

// planNarrow is plan for narrow residuals.
func (h *histogram) planNarrow(head *huffmanHead, r *narrowResiduals, n int) int {
	h.base, h.shift, h.far = uint64(r.lo), 0, h.far[:0]
	h.limit = int(r.hi-r.lo) + 1
	at := uint8(r.lo)
	for i := range h.bins[:h.limit] {
		h.bins[i] = r.lanes[0][at] + r.lanes[1][at] + r.lanes[2][at] + r.lanes[3][at]
		at++
	}
	// The least and the greatest are there, so their bins are not empty.
	h.first, h.last = 0, h.limit-1
	return h.consider(head, -1, n)
}

// All bytes of a word: their highest bits, their lowest six bits in every other
// one, and the number one.
const (
	byteTops = 0x8080808080808080
	evenSix  = 0x003f003f003f003f
	byteOnes = 0x0101010101010101
)

// writeNarrow writes the tokens of some of the residuals eight at a time. The shift
// is 0.
func (w *tokenWriter) writeNarrow(r *narrowResiduals, bytes []uint8) {
	base := int64(w.centre) - maxToken
	if r.lo < base || r.hi-base > 63 {
		w.writeBytes(r, bytes) // the table has words for other tokens than these
		return
	}
	t, acc, used := w.table, w.acc, w.used
	// Eight tokens have at most 88 bits.
	w.dst = slices.Grow(w.dst, len(bytes)*maxCodeBits/8+16)
	dst, at := w.dst[:cap(w.dst)], len(w.dst)
	subtract := uint64(uint8(base)) * byteOnes
	low, tops := subtract&^byteTops, ^subtract
	for len(bytes) >= 8 && at+16 <= len(dst) {
		x := binary.LittleEndian.Uint64(bytes)
		x = ((x | byteTops) - low) ^ (x^tops)&byteTops // each byte less base
		x = x&evenSix<<6 | x>>8&evenSix                // tokens by twos
		a, b, c, d := t.pairs[x&4095], t.pairs[x>>16&4095], t.pairs[x>>32&4095], t.pairs[x>>48&4095]
		if a == 0 || b == 0 || c == 0 || d == 0 {
			w.dst, w.acc, w.used = dst[:at], acc, used
			w.writeBytes(r, bytes[:8])
			w.dst = slices.Grow(w.dst, len(bytes)*maxCodeBits/8+16)
			dst, at = w.dst[:cap(w.dst)], len(w.dst)
			acc, used = w.acc, w.used
			bytes = bytes[8:]
			continue
		}
		bytes = bytes[8:]
		acc |= (a.bits() | b.bits()<<a.len()) << (used & 63)
		used += (a + b).len()
		binary.LittleEndian.PutUint64(dst[at:], acc)
		at += int(used >> 3)
		acc >>= used &^ 7 & 63
		used &= 7
		acc |= (c.bits() | d.bits()<<c.len()) << (used & 63)
		used += (c + d).len()
		binary.LittleEndian.PutUint64(dst[at:], acc)
		at += int(used >> 3)
		acc >>= used &^ 7 & 63
		used &= 7
	}
	w.dst, w.acc, w.used = dst[:at], acc, used
	w.writeBytes(r, bytes)
}

// writeBytes does the same one after the other; it is the plain twin of the loop
// above.
func (w *tokenWriter) writeBytes(r *narrowResiduals, bytes []uint8) {
	for _, b := range bytes {
		residual := [1]uint64{uint64(r.lo) + uint64(b-uint8(r.lo))}
		w.writePlain(residual[:])
	}
}
