package encoding

import (
	"bytes"
	"testing"
)

// appendPackedPlain is appendPacked bit by bit.
func appendPackedPlain(dst []byte, values []uint64, width uint) []byte {
	out := make([]byte, packedLen(len(values), width))
	for i, v := range values {
		for b := range width {
			if v>>b&1 == 1 {
				bit := uint(i)*width + b
				out[bit/8] |= 1 << (bit % 8)
			}
		}
	}
	return append(dst, out...)
}

// unpackPlain is unpackGroup bit by bit.
func unpackPlain(src []byte, m int, width uint) []uint64 {
	out := make([]uint64, m)
	for i := range out {
		for b := range width {
			bit := uint(i)*width + b
			out[i] |= uint64(src[bit/8]>>(bit%8)&1) << b
		}
	}
	return out
}

func TestPackedAgreesWithPlain(t *testing.T) {
	r := newRandom(t)
	for width := range uint(65) {
		for _, m := range []int{1, 2, 7, 8, 9, 33, 63, 64} {
			values := make([]uint64, m)
			for i := range values {
				if width > 0 {
					values[i] = r.Uint64() >> (64 - width)
				}
			}
			prefix := []byte{1, 2, 3}
			got := appendPacked(bytes.Clone(prefix), values, width)
			want := appendPackedPlain(bytes.Clone(prefix), values, width)
			if !bytes.Equal(got, want) {
				t.Fatalf("width %d, %d values: packed\n%x, want\n%x", width, m, got, want)
			}
			for _, behind := range []int{0, 1, 600} {
				src := append(bytes.Clone(want[3:]), make([]byte, behind)...)
				for i := len(want) - 3; i < len(src); i++ {
					src[i] = 0xff
				}
				var g group
				unpackGroup(&g, src, m, width)
				for i, v := range unpackPlain(src, m, width) {
					if g[i] != v || v != values[i] {
						t.Fatalf("width %d, value %d of %d: %d, plain %d, want %d", width, i, m, g[i], v, values[i])
					}
				}
			}
		}
	}
}
