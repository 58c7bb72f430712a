package encoding

import (
	"encoding/binary"
	"math/bits"
)

// The rows of a block that have a value of a field are either a bitmap or the
// lengths of alternating runs, whichever is shorter:
//
//	0  bitmap, ceil(n/8) bytes, row 0 in the lowest bit of the first byte
//	1  uvarint run lengths: absent, present, absent, …; they add up to n
const (
	presenceBitmap = 0
	presenceRuns   = 1
)

// PresenceWords returns the number of words of a bitmap of n rows.
func PresenceWords(n int) int { return (n + 63) / 64 }

// AppendPresence appends the bitmap of n rows to dst. Bits from n on are
// ignored.
func AppendPresence(dst []byte, present []uint64, n int) []byte {
	start, limit := len(dst), 1+(n+7)/8
	dst = append(dst, presenceRuns)
	for at, set := 0, false; at < n; set = !set {
		end := runEnd(present, at, n, set)
		dst = binary.AppendUvarint(dst, uint64(end-at))
		if len(dst)-start > limit {
			return appendPresenceBitmap(dst[:start], present, n)
		}
		at = end
	}
	return dst
}

func appendPresenceBitmap(dst []byte, present []uint64, n int) []byte {
	dst = append(dst, presenceBitmap)
	for i := 0; i < n; i += 8 {
		b := byte(present[i>>6] >> (i & 63))
		if n-i < 8 {
			b &= 1<<(n-i) - 1
		}
		dst = append(dst, b)
	}
	return dst
}

// runEnd returns the first row at or after at, below n, whose bit is not set
// (or, for set == false, is), or n.
func runEnd(present []uint64, at, n int, set bool) int {
	for at < n {
		w := present[at>>6]
		if set {
			w = ^w
		}
		if w >>= at & 63; w != 0 {
			return min(n, at+bits.TrailingZeros64(w))
		}
		at = at&^63 + 64
	}
	return n
}

// CutPresence decodes the bitmap of n rows from the front of src into the memory
// of dst. It returns how many bits are set and what follows the bitmap. Bits
// from n on are zero.
func CutPresence(dst []uint64, src []byte, n int) (_ []uint64, count int, rest []byte, err error) {
	dst = grow(dst, PresenceWords(n))
	clear(dst)
	if len(src) == 0 {
		return dst, 0, nil, malformed("presence is empty")
	}
	form, rest := src[0], src[1:]
	switch form {
	case presenceBitmap:
		size := (n + 7) / 8
		if len(rest) < size || n&7 != 0 && rest[size-1]>>(n&7) != 0 {
			return dst, 0, nil, malformed("presence bitmap of %d rows", n)
		}
		for i, b := range rest[:size] {
			dst[i>>3] |= uint64(b) << (i & 7 * 8)
			count += bits.OnesCount8(b)
		}
		return dst, count, rest[size:], nil
	case presenceRuns:
		for at, set := 0, false; at < n; set = !set {
			var length uint64
			var ok bool
			length, rest, ok = cutUvarint(rest)
			if !ok || length > uint64(n-at) || length == 0 && at > 0 {
				return dst, 0, nil, malformed("presence runs of %d rows", n)
			}
			if set {
				setRange(dst, at, at+int(length))
				count += int(length)
			}
			at += int(length)
		}
		return dst, count, rest, nil
	}
	return dst, 0, nil, malformed("presence has form %d", form)
}

// setRange sets the bits [lo, hi).
func setRange(bitmap []uint64, lo, hi int) {
	for lo < hi {
		end := min(hi, lo&^63+64)
		mask := ^uint64(0) >> (64 - (end - lo)) << (lo & 63)
		bitmap[lo>>6] |= mask
		lo = end
	}
}
