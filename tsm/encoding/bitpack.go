package encoding

import (
	"encoding/binary"
	"slices"
)

// groupSize is the number of values that are packed with one width.
const groupSize = 64

type group = [groupSize]uint64

// packedLen returns the bytes that m values of width bits take.
func packedLen(m int, width uint) int { return (m*int(width) + 7) / 8 }

// appendPacked appends the low width bits of each value, the first value in the
// lowest bits of the first byte. Higher bits of the values must be zero.
func appendPacked(dst []byte, values []uint64, width uint) []byte {
	switch {
	case width == 0:
		return dst
	case width <= 8 && len(values) == groupSize:
		return appendPackedNarrow(dst, (*group)(values), 0, width)
	}
	var acc uint64
	var used uint
	for _, v := range values {
		acc |= v << (used & 63)
		used += width
		if used >= 64 {
			dst = binary.LittleEndian.AppendUint64(dst, acc)
			used -= 64
			acc = 0
			if used > 0 {
				acc = v >> ((width - used) & 63)
			}
		}
	}
	for ; used > 0; used -= min(used, 8) {
		dst = append(dst, byte(acc))
		acc >>= 8
	}
	return dst
}

// appendPackedNarrow packs the low bits, at most 8, of a whole group of values less
// base: eight of them are exactly width bytes.
func appendPackedNarrow(dst []byte, values *group, base uint64, width uint) []byte {
	n := len(dst)
	w := int(width)
	dst = slices.Grow(dst, 8*w+8)
	dst = dst[:n+8*w+8]
	s := width & 63
	mask := uint64(1)<<s - 1
	for i := 0; i < groupSize; i += 8 {
		v := values[i : i+8 : i+8]
		x := (v[6]-base)&mask | (v[7]-base)&mask<<s
		y := (v[4]-base)&mask | (v[5]-base)&mask<<s
		z := (v[2]-base)&mask | (v[3]-base)&mask<<s
		u := (v[0]-base)&mask | (v[1]-base)&mask<<s
		x = x<<s<<s | y
		z = z<<s<<s | u
		binary.LittleEndian.PutUint64(dst[n:], x<<(4*s&63)|z)
		n += w
	}
	return dst[:n]
}

// unpackGroup reads m values of width bits from src into dst; entries of dst
// after the m-th are undefined. The caller has checked that src holds
// packedLen(m, width) bytes and that width is at most 64.
func unpackGroup(dst *group, src []byte, m int, width uint) {
	if width == 0 {
		clear(dst[:])
		return
	}
	// The loops below load words of 8 bytes and always unpack a whole group; near
	// the end of a page they work on a padded copy.
	if len(src) < 8*int(width)+8 {
		var padded [8*groupSize + 8]byte
		copy(padded[:], src[:packedLen(m, width)])
		unpackPadded(dst, padded[:], width)
		return
	}
	unpackPadded(dst, src, width)
}

func unpackPadded(dst *group, src []byte, width uint) {
	switch {
	case width <= 8:
		unpackTo8(dst, src, width)
	case width <= 16:
		unpackTo16(dst, src, width)
	case width <= 28:
		unpackTo28(dst, src, width)
	case width <= 57:
		mask := uint64(1)<<width - 1
		for i := range dst {
			bit := uint(i) * width
			dst[i] = binary.LittleEndian.Uint64(src[bit>>3:]) >> (bit & 7) & mask
		}
	default:
		unpackWide(dst, src, width)
	}
}

func unpackTo8(dst *group, src []byte, width uint) {
	mask := uint64(1)<<(width&63) - 1
	s := width & 63
	for i, p := 0, 0; i < groupSize; i, p = i+8, p+int(width) {
		x := binary.LittleEndian.Uint64(src[p:])
		d := dst[i : i+8 : i+8]
		d[0] = x & mask
		x >>= s
		d[1] = x & mask
		x >>= s
		d[2] = x & mask
		x >>= s
		d[3] = x & mask
		x >>= s
		d[4] = x & mask
		x >>= s
		d[5] = x & mask
		x >>= s
		d[6] = x & mask
		x >>= s
		d[7] = x & mask
	}
}

// unpackTo16 loads four values at a time; the second four of a byte-aligned
// eight start at a multiple of four bits.
func unpackTo16(dst *group, src []byte, width uint) {
	mask := uint64(1)<<(width&63) - 1
	s := width & 63
	half, odd := int(width>>1), (width&1)*4
	for i, p := 0, 0; i < groupSize; i, p = i+8, p+int(width) {
		x := binary.LittleEndian.Uint64(src[p:])
		y := binary.LittleEndian.Uint64(src[p+half:]) >> (odd & 63)
		d := dst[i : i+8 : i+8]
		d[0], d[4] = x&mask, y&mask
		x, y = x>>s, y>>s
		d[1], d[5] = x&mask, y&mask
		x, y = x>>s, y>>s
		d[2], d[6] = x&mask, y&mask
		x, y = x>>s, y>>s
		d[3], d[7] = x&mask, y&mask
	}
}

func unpackTo28(dst *group, src []byte, width uint) {
	mask := uint64(1)<<(width&63) - 1
	s := width & 63
	for i := 0; i < groupSize; i += 2 {
		bit := uint(i) * width
		x := binary.LittleEndian.Uint64(src[bit>>3:]) >> (bit & 7)
		dst[i], dst[i+1] = x&mask, x>>s&mask
	}
}

// unpackWide reads values that may span nine bytes.
func unpackWide(dst *group, src []byte, width uint) {
	mask := ^uint64(0) >> (64 - width)
	for i := range dst {
		bit := uint(i) * width
		p, s := bit>>3, bit&7
		x := binary.LittleEndian.Uint64(src[p:]) >> s
		if s > 0 {
			x |= uint64(src[p+8]) << (64 - s)
		}
		dst[i] = x & mask
	}
}
