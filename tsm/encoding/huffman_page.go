package encoding

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// The body of a huffman page is:
//
//	mode u8      table in the low six bits, order (0 to 2) above
//	shift u8     0 to 63; bit 6 says that there are parts
//	centre       zigzag
//	seeds        zigzag × order
//	parts        see huffman_parts.go
//	low bits     the low shift bits of every residual less the centre, packed in
//	             groups of 64
//	tokens       a bit stream, lowest bit of each byte first: for every residual
//	             the word of q = (residual - centre) >> shift, or the escape
//	             word, six bits of a length less one and q as a zigzag of that length
//
// Residuals and seeds are those of packed pages. The last byte is filled with
// zeros.

const (
	maxShift       = 63
	partsFlag      = 1 << 6
	escapeSizeBits = 6
)

// huffmanHead describes a huffman page.
type huffmanHead struct {
	order, table int
	shift        uint
	centre       int64
	prev, delta  uint64 // seeds
	groups       int    // of a part; 0 when the page has no parts
	partsLen     int    // bytes of what the page says of its parts
}

// append appends the head up to the seeds.
func (h *huffmanHead) append(dst []byte) []byte {
	shift := byte(h.shift)
	if h.groups > 0 {
		shift |= partsFlag
	}
	dst = append(dst, byte(Huffman), byte(h.table|h.order<<6), shift)
	dst = appendZigzag(dst, h.centre)
	if h.order >= 1 {
		dst = appendZigzag(dst, int64(h.prev))
	}
	if h.order >= 2 {
		dst = appendZigzag(dst, int64(h.delta))
	}
	return dst
}

// len returns the bytes of the head with the parts.
func (h *huffmanHead) len() int {
	n := 3 + h.partsLen + uvarintLen(zigzag(h.centre))
	if h.order >= 1 {
		n += uvarintLen(zigzag(int64(h.prev)))
	}
	if h.order >= 2 {
		n += uvarintLen(zigzag(int64(h.delta)))
	}
	return n
}

// cutHuffmanHead reads what append wrote, behind the codec byte. The groups are one
// when there are parts: how many there are follows.
func cutHuffmanHead(src []byte) (h huffmanHead, rest []byte, ok bool) {
	if len(src) < 2 || src[0]>>6 > maxOrder || src[1] > maxShift|partsFlag {
		return h, nil, false
	}
	h.table, h.order, h.shift, h.groups = int(src[0]&63), int(src[0]>>6), uint(src[1]&maxShift), int(src[1]/partsFlag)
	h.centre, rest, ok = cutZigzag(src[2:])
	var seed int64
	if ok && h.order >= 1 {
		seed, rest, ok = cutZigzag(rest)
		h.prev = uint64(seed)
	}
	if ok && h.order >= 2 {
		seed, rest, ok = cutZigzag(rest)
		h.delta = uint64(seed)
	}
	return h, rest, ok
}

// lowLen returns the bytes that the low bits of n residuals take.
func lowLen(n int, shift uint) int {
	return n/groupSize*packedLen(groupSize, shift) + packedLen(n%groupSize, shift)
}

// appendHuffmanPage appends a page of values with these residuals, or with narrow
// ones if that is not nil.
func appendHuffmanPage[T word](dst []byte, h *huffmanHead, values []T, residuals []uint64, narrow *narrowResiduals) []byte {
	dst = h.append(dst)
	marks := partBits{h: h, at: len(dst) + 1}
	dst = appendParts(dst, h, values)
	if h.shift > 0 {
		dst = appendLowBits(dst, residuals, uint64(h.centre), h.shift)
	}
	start := len(dst)
	w := tokenWriter{dst: dst, table: tableOf(h.table), centre: uint64(h.centre), shift: h.shift}
	n := len(values)
	for at, part := 0, n; at < n; at += part {
		if at > 0 {
			marks.set(w.dst, 8*(len(w.dst)-start)+int(w.used))
		}
		if h.groups > 0 {
			part = min(h.groups*groupSize, n-at)
		}
		if narrow != nil {
			w.writeNarrow(narrow, narrow.bytes[at:at+part])
		} else {
			w.write(residuals[at : at+part])
		}
	}
	return w.close()
}

func appendLowBits(dst []byte, residuals []uint64, centre uint64, shift uint) []byte {
	if shift <= 8 {
		for ; len(residuals) >= groupSize; residuals = residuals[groupSize:] {
			dst = appendPackedNarrow(dst, (*group)(residuals), centre, shift)
		}
	}
	mask := uint64(1)<<(shift&63) - 1
	var low group
	for at := 0; at < len(residuals); at += groupSize {
		m := min(groupSize, len(residuals)-at)
		for i, r := range residuals[at : at+m] {
			low[i&(groupSize-1)] = (r - centre) & mask
		}
		dst = appendPacked(dst, low[:m], shift)
	}
	return dst
}

// tokenWriter writes the token stream of a huffman page.
type tokenWriter struct {
	dst    []byte
	table  *tokenTable
	centre uint64
	shift  uint
	acc    uint64 // bits that do not fill a byte of dst
	used   uint   // their number, less than 8
}

// write writes the tokens of residuals four at a time: their words are at most 44
// bits, so with the bits of a byte not yet full they fit a word.
func (w *tokenWriter) write(residuals []uint64) {
	t, acc, used := w.table, w.acc, w.used
	shift := w.shift & 63
	base := w.centre - maxToken<<shift
	dst, at := w.dst[:cap(w.dst)], len(w.dst)
	for len(residuals) >= 4 {
		v := (*[4]uint64)(residuals)
		// Counted from 0; those below are very large.
		a, b, c, d := v[0]-base, v[1]-base, v[2]-base, v[3]-base
		if shift > 0 {
			a, b, c, d = a>>shift, b>>shift, c>>shift, d>>shift
		}
		low, high := t.pairs[(a<<6|b)&4095], t.pairs[(c<<6|d)&4095]
		if a|b|c|d > 63 || low == 0 || high == 0 || at+8 > len(dst) {
			w.dst, w.acc, w.used = dst[:at], acc, used
			w.writePlain(v[:])
			w.dst = slices.Grow(w.dst, len(residuals)+8)
			dst, at = w.dst[:cap(w.dst)], len(w.dst)
			acc, used = w.acc, w.used
			residuals = residuals[4:]
			continue
		}
		residuals = residuals[4:]
		acc |= (low.bits() | high.bits()<<low.len()) << (used & 63)
		used += (low + high).len()
		binary.LittleEndian.PutUint64(dst[at:], acc)
		at += int(used >> 3)
		acc >>= used &^ 7 & 63
		used &= 7
	}
	w.dst, w.acc, w.used = dst[:at], acc, used
	w.writePlain(residuals)
}

// writePlain does the same one after the other, with escapes; it is the plain twin
// of the loop above.
func (w *tokenWriter) writePlain(residuals []uint64) {
	for _, r := range residuals {
		q := int64(r-w.centre) >> (w.shift & 63)
		if word := w.table.word(q); word != 0 {
			w.put(word.bits(), word.len())
			continue
		}
		word := w.table.words[escapeToken]
		w.put(word.bits(), word.len())
		z := zigzag(q)
		size := escapedBits(z)
		w.put(uint64(size-1), escapeSizeBits)
		w.put(z&(1<<32-1)&(1<<size-1), min(size, 32))
		w.put(z>>32, max(size, 32)-32)
	}
}

// put writes the low n bits of v, the others of which are zero; n is at most 56.
func (w *tokenWriter) put(v uint64, n int) {
	w.acc |= v << w.used
	for w.used += uint(n); w.used >= 8; w.used -= 8 {
		w.dst = append(w.dst, byte(w.acc))
		w.acc >>= 8
	}
}

// close fills the last byte and returns all.
func (w *tokenWriter) close() []byte {
	if w.used > 0 {
		w.dst = append(w.dst, byte(w.acc))
	}
	return w.dst
}

// word returns the word of a token, or none when it has to be escaped.
func (t *tokenTable) word(q int64) codeWord {
	if q < -maxToken || q > maxToken {
		return 0
	}
	return t.words[q+maxToken]
}

// escapedBits returns the bits of an escaped zigzag behind its length.
func escapedBits(z uint64) int { return max(1, bits.Len64(z)) }
