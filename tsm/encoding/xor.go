package encoding

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// The body of an xor page is the first value (64 bits) and then for every value
// the exclusive-or x with the value before:
//
//	0                                x is zero
//	10  bits                         the significant bits of x lie in the window in use
//	11  lead(5) length-1(6)  bits    a new window: lead zeros, then length bits
//
// Bits are taken from the lowest bit of each byte up; a number of k bits starts
// with its lowest. The window in use is empty at first, so the first x that is
// not zero opens one. The last byte is filled with zeros.

const (
	maxLead    = 31
	xorNewBits = 2 + 5 + 6
)

// window is the range of bits that values share: lead zeros above, trail below.
type window struct {
	lead, trail int
	open        bool
}

func (w *window) holds(x uint64) bool {
	return w.open && bits.LeadingZeros64(x) >= w.lead && bits.TrailingZeros64(x) >= w.trail
}

// xorBits returns the number of bits that appendXOR writes after the codec byte.
func xorBits(values []float64) int {
	total := 64
	var w window
	prev := math.Float64bits(values[0])
	for _, v := range values[1:] {
		b := math.Float64bits(v)
		x := b ^ prev
		prev = b
		switch {
		case x == 0:
			total++
		case w.fits(x):
			total += 2 + 64 - w.lead - w.trail
		default:
			lead, length := significantBits(x)
			w = window{lead: lead, trail: 64 - lead - length, open: true}
			total += xorNewBits + length
		}
	}
	return total
}

// fits reports whether x should be written in the window in use: it holds x, and
// a new window would not pay for its own description.
func (w *window) fits(x uint64) bool {
	if !w.holds(x) {
		return false
	}
	_, length := significantBits(x)
	return 2+64-w.lead-w.trail <= xorNewBits+length
}

func appendXOR(dst []byte, values []float64) []byte {
	out := bitWriter{dst: append(dst, byte(XOR))}
	prev := math.Float64bits(values[0])
	out.write(prev, 64)
	var w window
	for _, v := range values[1:] {
		b := math.Float64bits(v)
		x := b ^ prev
		prev = b
		switch {
		case x == 0:
			out.write(0, 1)
		case w.fits(x):
			out.write(1, 2)
			out.write(x>>w.trail, 64-w.lead-w.trail)
		default:
			lead, length := significantBits(x)
			w = window{lead: lead, trail: 64 - lead - length, open: true}
			out.write(3|uint64(lead)<<2|uint64(length-1)<<7, xorNewBits)
			out.write(x>>w.trail, length)
		}
	}
	return out.close()
}

func decodeXOR(dst []float64, src []byte, n int) ([]float64, error) {
	if n == 0 {
		return dst[:0], malformed("xor page of no values")
	}
	// Every value after the first takes at least a bit.
	if len(src) < 8+(n-1+7)/8 {
		return dst[:0], malformed("xor page of %d values has %d bytes", n, len(src))
	}
	dst = grow(dst, n)
	in := bitReader{src: src}
	prev := in.read(64)
	dst[0] = math.Float64frombits(prev)
	lead, length := 0, 0
	for i := 1; i < n; i++ {
		if in.read(1) == 1 {
			if in.read(1) == 1 {
				head := in.read(11)
				lead, length = int(head&31), int(head>>5)+1
			}
			if length == 0 || lead+length > 64 {
				return dst[:0], malformed("window of %d+%d bits at value %d", lead, length, i)
			}
			prev ^= in.read(length) << (64 - lead - length)
		}
		dst[i] = math.Float64frombits(prev)
	}
	if in.over() || len(src) != (in.used()+7)/8 {
		return dst[:0], malformed("xor page has %d bytes, %d bits are used", len(src), in.used())
	}
	return dst, nil
}

// bitWriter appends numbers of 0 to 64 bits, lowest bit first.
type bitWriter struct {
	dst  []byte
	acc  uint64
	used int // bits in acc, below 64
}

// write appends the low n bits of v; higher bits of v must be zero.
func (w *bitWriter) write(v uint64, n int) {
	w.acc |= v << w.used
	w.used += n
	if w.used >= 64 {
		w.dst = binary.LittleEndian.AppendUint64(w.dst, w.acc)
		w.used -= 64
		w.acc = 0
		if w.used > 0 {
			w.acc = v >> (n - w.used)
		}
	}
}

func (w *bitWriter) close() []byte {
	for ; w.used > 0; w.used -= min(w.used, 8) {
		w.dst = append(w.dst, byte(w.acc))
		w.acc >>= 8
	}
	return w.dst
}

// bitReader reads what bitWriter wrote. Behind the end it reads zeros; over
// tells.
type bitReader struct {
	src []byte
	at  int // bit
}

func (r *bitReader) read(n int) uint64 {
	if n == 0 {
		return 0
	}
	p, s := r.at>>3, r.at&7
	r.at += n
	if p+9 <= len(r.src) {
		v := binary.LittleEndian.Uint64(r.src[p:]) >> s
		if s+n > 64 {
			v |= uint64(r.src[p+8]) << (64 - s)
		}
		return v & (^uint64(0) >> (64 - n))
	}
	var tail [9]byte
	if p < len(r.src) {
		copy(tail[:], r.src[p:])
	}
	v := binary.LittleEndian.Uint64(tail[:]) >> s
	if s+n > 64 {
		v |= uint64(tail[8]) << (64 - s)
	}
	return v & (^uint64(0) >> (64 - n))
}

func (r *bitReader) used() int  { return r.at }
func (r *bitReader) over() bool { return r.at > 8*len(r.src) }
