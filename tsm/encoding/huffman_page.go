package encoding

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// The body of a huffman page is:
//
//	mode u8      table in the low six bits, order (0 to 2) above
//	shift u8     0 to 63
//	centre       zigzag
//	seeds        zigzag × order
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
	escapeSizeBits = 6
)

// huffmanHead describes a huffman page.
type huffmanHead struct {
	order, table int
	shift        uint
	centre       int64
	prev, delta  uint64 // seeds
}

func (h *huffmanHead) append(dst []byte) []byte {
	dst = append(dst, byte(Huffman), byte(h.table|h.order<<6), byte(h.shift))
	dst = appendZigzag(dst, h.centre)
	if h.order >= 1 {
		dst = appendZigzag(dst, int64(h.prev))
	}
	if h.order >= 2 {
		dst = appendZigzag(dst, int64(h.delta))
	}
	return dst
}

// len returns the bytes that append writes.
func (h *huffmanHead) len() int {
	n := 3 + uvarintLen(zigzag(h.centre))
	if h.order >= 1 {
		n += uvarintLen(zigzag(int64(h.prev)))
	}
	if h.order >= 2 {
		n += uvarintLen(zigzag(int64(h.delta)))
	}
	return n
}

// cutHuffmanHead reads what append wrote, behind the codec byte.
func cutHuffmanHead(src []byte) (h huffmanHead, rest []byte, ok bool) {
	if len(src) < 2 || src[0]>>6 > maxOrder || src[1] > maxShift {
		return h, nil, false
	}
	h.table, h.order, h.shift = int(src[0]&63), int(src[0]>>6), uint(src[1])
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

// appendHuffmanPage appends a page of the residuals, which it destroys.
func appendHuffmanPage(dst []byte, h *huffmanHead, residuals []uint64) []byte {
	dst = h.append(dst)
	centre := uint64(h.centre)
	if h.shift > 0 {
		dst = appendLowBits(dst, residuals, centre, h.shift)
		for i, r := range residuals {
			residuals[i] = uint64(int64(r-centre) >> (h.shift & 63))
		}
		centre = 0
	}
	return appendTokens(dst, tableOf(h.table), residuals, centre)
}

func appendLowBits(dst []byte, residuals []uint64, centre uint64, shift uint) []byte {
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

// appendTokens appends the words of q = v - centre for each value, four at a
// time: their words are at most 44 bits, so with the bits of a byte not yet full
// they fit a word.
func appendTokens(dst []byte, t *tokenTable, values []uint64, centre uint64) []byte {
	var acc uint64
	var used uint
	base := centre - maxToken
	at := len(dst)
	for len(values) >= 4 {
		v := (*[4]uint64)(values)
		values = values[4:]
		a, b, c, d := v[0]-base, v[1]-base, v[2]-base, v[3]-base
		low, high := t.pairs[a&63<<6|b&63], t.pairs[c&63<<6|d&63]
		if a|b|c|d > 63 || low == 0 || high == 0 {
			dst, acc, used = appendPlainTokens(dst[:at], t, v[:], centre, acc, used)
			at = len(dst)
			continue
		}
		lowBits := uint(low >> pairLenShift)
		word := uint64(low&(1<<pairLenShift-1)) | uint64(high&(1<<pairLenShift-1))<<(lowBits&63)
		acc |= word << (used & 63)
		used += lowBits + uint(high>>pairLenShift)
		if at+8 > len(dst) {
			dst = slices.Grow(dst[:at], len(values)+8)
			dst = dst[:cap(dst)]
		}
		binary.LittleEndian.PutUint64(dst[at:], acc)
		at += int(used >> 3)
		acc >>= used &^ 7 & 63
		used &= 7
	}
	dst, acc, used = appendPlainTokens(dst[:at], t, values, centre, acc, used)
	if used > 0 {
		dst = append(dst, byte(acc))
	}
	return dst
}

// appendPlainTokens does the same for any values, one after the other; it is the
// plain twin of the loop above. Before and after, used is less than 8.
func appendPlainTokens(dst []byte, t *tokenTable, values []uint64, centre, acc uint64, used uint) ([]byte, uint64, uint) {
	put := func(v uint64, n int) {
		acc |= v << used
		for used += uint(n); used >= 8; used -= 8 {
			dst = append(dst, byte(acc))
			acc >>= 8
		}
	}
	for _, v := range values {
		q := int64(v - centre)
		if w := t.word(q); w != 0 {
			put(w.bits(), w.len())
			continue
		}
		w := t.words[escapeToken]
		put(w.bits(), w.len())
		z := zigzag(q)
		size := escapedBits(z)
		put(uint64(size-1), escapeSizeBits)
		put(z&(1<<32-1)&(1<<size-1), min(size, 32))
		put(z>>32, max(size, 32)-32)
	}
	return dst, acc, used
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
