package encoding

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Codec is the number of a page's encoding. The numbers are part of the file
// format: they are never changed and never used again for something else.
type Codec uint8

// The codecs. Number 15 is set aside for an entropy coder.
const (
	Raw           Codec = 1  // 64-bit words
	Constant      Codec = 2  // one value for all rows
	Linear        Codec = 3  // first value and step
	Packed        Codec = 4  // differences of order 0 to 2, bit-packed in groups
	ScaledPacked  Codec = 5  // timestamps: base and power of ten, then an integer page
	Decimal       Codec = 6  // floats that are short decimals: power of ten, then an integer page
	XOR           Codec = 7  // floats: bits that differ from the value before
	OrderedPacked Codec = 8  // floats: order-preserving integers, then an integer page
	Bitmap        Codec = 9  // booleans: one bit each
	Dictionary    Codec = 10 // strings: distinct values and bit-packed numbers
	Plain         Codec = 11 // strings: lengths and bytes
	Huffman       Codec = 12 // integers: differences of order 0 to 2 in one of the fixed Huffman codes

	// ValueDictionary has the distinct integers and their numbers, packed or in a
	// Huffman code of the page's own.
	ValueDictionary Codec = 13
	Runs            Codec = 14 // integers: lengths and values of runs of equal ones
)

// LastCodec is the highest number of a codec.
const LastCodec = Runs

// String returns the name of the codec as the inspect program prints it.
func (c Codec) String() string {
	switch c {
	case Raw:
		return "raw"
	case Constant:
		return "constant"
	case Linear:
		return "linear"
	case Packed:
		return "packed"
	case ScaledPacked:
		return "scaled-packed"
	case Decimal:
		return "decimal"
	case XOR:
		return "xor"
	case OrderedPacked:
		return "ordered-packed"
	case Bitmap:
		return "bitmap"
	case Dictionary:
		return "dictionary"
	case Plain:
		return "plain"
	case Huffman:
		return "huffman"
	case ValueDictionary:
		return "value-dictionary"
	case Runs:
		return "runs"
	}
	return fmt.Sprintf("codec-%d", uint8(c))
}

// ErrMalformed says that bytes are not what an encoder of this package writes.
var ErrMalformed = errors.New("malformed page")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

func zigzag(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

func appendZigzag(dst []byte, v int64) []byte { return binary.AppendUvarint(dst, zigzag(v)) }

// cutUvarint reads a uvarint from the front of src.
func cutUvarint(src []byte) (uint64, []byte, bool) {
	v, w := binary.Uvarint(src)
	if w <= 0 {
		return 0, nil, false
	}
	return v, src[w:], true
}

func cutZigzag(src []byte) (int64, []byte, bool) {
	u, rest, ok := cutUvarint(src)
	return unzigzag(u), rest, ok
}

// uvarintLen returns the number of bytes that AppendUvarint writes for v.
func uvarintLen(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// grow returns dst with length n, keeping its memory where that is enough. The
// content is undefined.
func grow[T any](dst []T, n int) []T {
	if cap(dst) >= n {
		return dst[:n]
	}
	return make([]T, n)
}
