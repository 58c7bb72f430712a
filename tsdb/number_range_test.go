package tsdb

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"testing"

	"github.com/timberlinedb/timberline/model"
)

// A number that 32 bits do not hold is refused, not cut to another field's.
func TestFieldNumberBeyond32BitsIsRefused(t *testing.T) {
	for _, number := range []uint64{7, math.MaxUint32, math.MaxUint32 + 8} {
		b := append([]byte(fieldsMagic), 1, 9, 1) // log position, next number, count
		b = binary.AppendUvarint(b, number)
		b = append(b, byte(model.Float))
		b = appendString(appendString(b, "m"), "f")
		b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
		_, err := decodeFieldTable("fields", b)
		if refused := err != nil; refused != (number > math.MaxUint32) {
			t.Errorf("number %d: %v", number, err)
		}
	}
}

func TestManifestRefusesNegativeSize(t *testing.T) {
	for _, size := range []uint64{10, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64} {
		b := []byte{1, 2, 0, 1, 3, 4, 1} // flushed, next, nothing removed, one added: number, generation, level
		b = append(binary.AppendUvarint(b, size), 0, 2)
		_, err := decodeManifestEdit(b)
		if refused := err != nil; refused != (size > math.MaxInt64) {
			t.Errorf("size %d: %v", size, err)
		}
	}
}
