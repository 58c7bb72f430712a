package inflate

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// The fast loop reads and writes through these without checks of bounds, which
// are a fifth of its time. What keeps it inside is checked once per round: see
// fastIn and fastOut.

// littleEndian tells whether a word in memory begins with its lowest byte.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// load64 returns the eight bytes at p+i, the first one lowest.
func load64(p unsafe.Pointer, i int) uint64 {
	v := *(*uint64)(unsafe.Add(p, i))
	if !littleEndian {
		v = bits.ReverseBytes64(v)
	}
	return v
}

// store16 writes two bytes to p+i, the lower one first.
func store16(p unsafe.Pointer, i int, v uint16) {
	if !littleEndian {
		v = bits.ReverseBytes16(v)
	}
	*(*uint16)(unsafe.Add(p, i)) = v
}

// copy32 copies the 32 bytes at p+from to p+to, which is 16 or more behind.
func copy32(p unsafe.Pointer, to, from int) {
	*(*[16]byte)(unsafe.Add(p, to)) = *(*[16]byte)(unsafe.Add(p, from))
	*(*[16]byte)(unsafe.Add(p, to+16)) = *(*[16]byte)(unsafe.Add(p, from+16))
}
