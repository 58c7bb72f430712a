package encoding

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// fuzzRows bounds what a page may claim; the file's index bounds it in use.
const fuzzRows = 2000

func FuzzDecode(f *testing.F) {
	r := newRandom(f)
	for name, values := range integerShapes(r, 70) {
		_ = name
		f.Add(AppendIntegers(nil, values), uint16(70))
		f.Add(Choice{Codec: Huffman}.AppendIntegers(nil, values), uint16(70))
		f.Add(Choice{Codec: Huffman, groups: 1}.AppendIntegers(nil, append(slices.Clone(values), values...)), uint16(140))
		f.Add(Choice{Codec: Runs}.AppendIntegers(nil, values), uint16(70))
		f.Add(Choice{Codec: ValueDictionary}.AppendIntegers(nil, values), uint16(70))
		f.Add(AppendTimestamps(nil, values), uint16(70))
	}
	for _, values := range floatShapes(r, 70) {
		f.Add(AppendFloats(nil, values), uint16(70))
	}
	f.Add(AppendStrings(nil, [][]byte{[]byte("a"), []byte("b"), []byte("a"), []byte("a")}), uint16(4))
	f.Add(AppendStrings(nil, [][]byte{make([]byte, 100), []byte("b")}), uint16(2))
	f.Add(AppendBooleans(nil, []bool{true, false, true}), uint16(3))
	f.Add(AppendPresence(nil, []uint64{0b1011}, 4), uint16(4))
	f.Fuzz(func(t *testing.T, src []byte, rows uint16) {
		n := int(rows) % fuzzRows
		check := func(what string, got int, err error) {
			if err == nil && got != n {
				t.Fatalf("%s: %d values, want %d", what, got, n)
			}
			if err != nil && !errors.Is(err, ErrMalformed) {
				t.Fatalf("%s: %v is not ErrMalformed", what, err)
			}
		}
		integers, whole := DecodeIntegers(nil, src, n)
		check("integers", len(integers), whole)
		from, to := n/3, n-n/5
		part, err := DecodeIntegersRange(nil, src, n, from, to)
		check("part of integers", len(part), err)
		if whole == nil && n > 0 && (err != nil || !slices.Equal(part[from:to], integers[from:to])) {
			t.Fatalf("rows %d to %d are %v (%v), of all %v", from, to, part, err, integers)
		}
		part, _, _, err = DecodeTimestampsIn(nil, src, n, -1000, 1000)
		check("part of timestamps", len(part), err)
		unsigneds, err := DecodeUnsigneds(nil, src, n)
		check("unsigneds", len(unsigneds), err)
		times, err := DecodeTimestamps(nil, src, n)
		check("timestamps", len(times), err)
		floats, whole := DecodeFloats(nil, src, n)
		check("floats", len(floats), whole)
		booleans, err := DecodeBooleans(nil, src, n)
		check("booleans", len(booleans), err)
		strings, arena, err := DecodeStrings(nil, nil, src, n)
		check("strings", len(strings), err)
		if len(arena) > maxSnappyRatio*len(src) {
			t.Fatalf("%d bytes of page became an arena of %d", len(src), len(arena))
		}
		some, err := DecodeFloatsRange(nil, src, n, from, to)
		check("part of floats", len(some), err)
		if whole == nil && n > 0 {
			if err == nil {
				err = sameFloats(some[from:to], floats[from:to])
			}
			if err != nil {
				t.Fatalf("floats %d to %d of %d: %v", from, to, n, err)
			}
		}
		_, count, _, err := CutPresence(nil, src, n)
		if err == nil && count > n {
			t.Fatalf("%d of %d rows are present", count, n)
		}
	})
}

func FuzzFloatRoundTrip(f *testing.F) {
	f.Add(1.5, 2.25, math.Copysign(0, -1), uint8(3))
	f.Add(math.NaN(), 0.1, 1e300, uint8(200))
	f.Fuzz(func(t *testing.T, a, b, c float64, n uint8) {
		values := make([]float64, int(n)+1)
		for i := range values {
			values[i] = []float64{a, b, c, a + b, b - c}[i%5]
		}
		got, err := DecodeFloats(nil, AppendFloats(nil, values), len(values))
		if err == nil {
			err = sameFloats(got, values)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}
