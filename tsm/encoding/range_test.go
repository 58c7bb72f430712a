package encoding

import (
	"slices"
	"testing"
)

// Ranges of rows decode to what the whole page has there, in every codec.
func TestRangesAgreeWithPages(t *testing.T) {
	r := newRandom(t)
	for _, n := range []int{1, 3, 64, 65, 200, 1003, 2600} {
		for codec := range LastCodec + 1 {
			c := Choice{Codec: codec}
			for _, values := range integerShapes(r, n) {
				page := c.AppendIntegers(nil, values)
				checkRange(t, r.IntN, page, values)
				from := r.IntN(n + 1)
				unsigneds := make([]uint64, n)
				for i, v := range values {
					unsigneds[i] = uint64(v)
				}
				got, err := DecodeUnsignedsRange(nil, page, n, from, n)
				if err != nil || !slices.Equal(got[from:], unsigneds[from:]) {
					t.Fatalf("%v, rows from %d of %d: %v, got %v", codec, from, n, err, got)
				}
			}
			for name, values := range floatShapes(r, n) {
				page := c.AppendFloats(nil, values)
				from := r.IntN(n + 1)
				to := from + r.IntN(n-from+1)
				got, err := DecodeFloatsRange(nil, page, n, from, to)
				if err == nil {
					err = sameFloats(got[from:to], values[from:to])
				}
				if err != nil {
					t.Fatalf("%s, %v, rows %d to %d of %d: %v", name, codec, from, to, n, err)
				}
			}
		}
	}
}

// Timestamps in a range are found whatever the codec.
func TestTimestampsInRange(t *testing.T) {
	r := newRandom(t)
	for range 400 {
		n := 1 + r.IntN(3000)
		times := make([]int64, n)
		at := int64(r.Uint64() >> (3 + r.IntN(50)))
		step := 1 + r.Int64N(1_000_000)
		jitter := r.IntN(2) == 0
		for i := range times {
			times[i] = at
			at += step
			if jitter {
				at += r.Int64N(1000)
			}
		}
		page := AppendTimestamps(nil, times)
		least := times[r.IntN(n)] + r.Int64N(3) - 1
		most := least + r.Int64N(times[n-1]-times[0]+2)
		got, from, to, err := DecodeTimestampsIn(nil, page, n, least, most)
		if err != nil || len(got) != n || got[0] != times[0] || got[n-1] != times[n-1] {
			t.Fatalf("%v, %d timestamps: %v, from %d to %d", Codec(page[0]), n, err, got[0], got[n-1])
		}
		wantFrom, _ := slices.BinarySearch(times, least)
		wantTo, _ := slices.BinarySearch(times, most+1)
		if from != wantFrom || to != max(wantTo, wantFrom) || !slices.Equal(got[from:to], times[from:to]) {
			t.Fatalf("%v, %d timestamps between %d and %d: rows %d to %d, want %d to %d", Codec(page[0]), n, least, most, from, to, wantFrom, wantTo)
		}
	}
}
