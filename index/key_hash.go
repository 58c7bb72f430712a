package index

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// The multipliers of hashKey; they are part of the checkpoint format.
const (
	hashMul1 = 0x9E3779B97F4A7C15
	hashMul2 = 0xD6E8FEB86659FD93
	hashMul3 = 0xA0761D6478BD642F
)

// hashKey is the keyed 64-bit hash of series keys. It is stored in checkpoints,
// so it never changes: docs/formats/index.md describes it.
func hashKey(seed uint64, key []byte) uint64 {
	h := seed ^ uint64(len(key))*hashMul1
	b := key
	for ; len(b) >= 16; b = b[16:] {
		h = fold(binary.LittleEndian.Uint64(b)^hashMul2, binary.LittleEndian.Uint64(b[8:])^h)
	}
	if len(b) > 0 {
		var tail [16]byte
		copy(tail[:], b)
		h = fold(binary.LittleEndian.Uint64(tail[:])^hashMul2, binary.LittleEndian.Uint64(tail[8:])^h)
	}
	return fold(h^hashMul3, uint64(len(key))^hashMul1)
}

// hashTag is the part of the hash that tables keep.
func hashTag(h uint64) uint32 { return uint32(h >> 32) }

// fold multiplies to 128 bits and joins the halves.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// randomSeed draws a hash seed that is not zero.
func randomSeed() (uint64, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("draw hash seed: %w", err)
	}
	return binary.LittleEndian.Uint64(b[:]) | 1, nil
}
