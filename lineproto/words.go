package lineproto

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// littleEndian tells whether a word in memory begins with its lowest byte.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// load64 returns the eight bytes at p+i, the first one lowest. Nothing checks that
// they are inside of what p points to: see shapedSlack.
func load64(p unsafe.Pointer, i int) uint64 {
	v := *(*uint64)(unsafe.Add(p, i)) // #nosec G103 -- shapedFields checks once per field
	if !littleEndian {
		v = bits.ReverseBytes64(v)
	}
	return v
}
