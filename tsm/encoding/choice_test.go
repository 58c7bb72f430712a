package encoding

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// Every codec is exact for every column, where it cannot represent it by another.
func TestForcedCodecsRoundTrip(t *testing.T) {
	r := newRandom(t)
	taken := map[Codec]bool{}
	for codec := Codec(1); codec <= LastCodec; codec++ {
		c := Choice{Codec: codec}
		for _, n := range []int{1, 2, 3, 64, 65, 200, 1003} {
			for name, values := range residualShapes(r, n) {
				page := c.AppendIntegers(nil, values)
				taken[Codec(page[0])] = true
				got, err := DecodeIntegers(nil, page, n)
				if err != nil || !slices.Equal(got, values) {
					t.Fatalf("%v, %s, %d integers: %v", codec, name, n, err)
				}
				times := c.AppendTimestamps(nil, values)
				taken[Codec(times[0])] = true
				if got, err = DecodeTimestamps(got, times, n); err != nil || !slices.Equal(got, values) {
					t.Fatalf("%v, %s, %d timestamps: %v", codec, name, n, err)
				}
				always := codec == Raw || codec == Packed || codec == Huffman || codec == ValueDictionary || codec == Runs
				if always && Codec(page[0]) != codec || codec == ScaledPacked && Codec(times[0]) != codec {
					t.Errorf("%v, %s, %d values: got %v, timestamps %v", codec, name, n, Codec(page[0]), Codec(times[0]))
				}
			}
			for name, values := range floatShapes(r, n) {
				page := c.AppendFloats(nil, values)
				taken[Codec(page[0])] = true
				got, err := DecodeFloats(nil, page, n)
				if err == nil {
					err = sameFloats(got, values)
				}
				if err != nil {
					t.Fatalf("%v, %s, %d floats: %v", codec, name, n, err)
				}
				inside := codec == Packed || codec == Huffman || codec == ValueDictionary
				if inside && !bytes.Contains(page, []byte{byte(codec)}) || (codec == XOR || codec == OrderedPacked || codec == Raw) && Codec(page[0]) != codec {
					t.Errorf("%v, %s, %d floats: got %v", codec, name, n, Codec(page[0]))
				}
			}
			booleans, text := make([]bool, n), make([][]byte, n)
			for i := range n {
				booleans[i] = i%3 == 0
				text[i] = fmt.Appendf(nil, "value %d", r.IntN(n))
			}
			page := c.AppendBooleans(nil, booleans)
			taken[Codec(page[0])] = true
			if got, err := DecodeBooleans(nil, page, n); err != nil || !slices.Equal(got, booleans) {
				t.Fatalf("%v, %d booleans: %v", codec, n, err)
			}
			page = c.AppendStrings(nil, text)
			taken[Codec(page[0])] = true
			if got, _, err := DecodeStrings(nil, nil, page, n); err != nil || !slices.EqualFunc(got, text, bytes.Equal) {
				t.Fatalf("%v, %d strings: %v", codec, n, err)
			}
			if (codec == Plain || codec == Dictionary) && Codec(page[0]) != codec {
				t.Errorf("%v, %d strings: got %v", codec, n, Codec(page[0]))
			}
		}
	}
	for codec := Codec(1); codec <= LastCodec; codec++ {
		if !taken[codec] {
			t.Errorf("no page is %v", codec)
		}
	}
}

func FuzzIntegerRoundTrip(f *testing.F) {
	f.Add([]byte("a few bytes that become differences"), uint8(0), uint8(3))
	f.Add([]byte{1, 1, 1, 0, 1, 1, 255, 1}, uint8(Huffman), uint8(0))
	f.Add([]byte{1, 1, 1, 0, 1, 1, 255, 1}, uint8(ValueDictionary), uint8(40))
	f.Fuzz(func(t *testing.T, steps []byte, codec, spread uint8) {
		c := Choice{Codec: Codec(codec % uint8(LastCodec+1))}
		values := make([]int64, min(len(steps), fuzzRows))
		level := int64(0)
		for i := range values {
			level += int64(int8(steps[i])) << (spread % 64)
			values[i] = level
			if spread >= 128 {
				values[i] = int64(steps[i]) << (spread % 64)
			}
		}
		for range 3 {
			got, err := DecodeIntegers(nil, c.AppendIntegers(nil, values), len(values))
			if err != nil || !slices.Equal(got, values) {
				t.Fatalf("%v: %v, got %v, want %v", c.Codec, err, got, values)
			}
			if got, err = DecodeTimestamps(got, c.AppendTimestamps(nil, values), len(values)); err != nil || !slices.Equal(got, values) {
				t.Fatalf("timestamps, %v: %v, got %v, want %v", c.Codec, err, got, values)
			}
			c.Codec = 0
		}
	})
}
