package encoding

import (
	"slices"
	"testing"
)

// partsOf is a choice of huffman pages of parts of one or some groups.
func partsOf(groups int) Choice { return Choice{Codec: Huffman, groups: groups} }

// Pages of parts have the planned length, decode whole and in ranges, and are what
// the same page without parts is but for the marks.
func TestPartsAgreeWithWhole(t *testing.T) {
	r := newRandom(t)
	for _, n := range []int{127, 128, 129, 191, 192, 193, 640, 1003, 4096} {
		for name, values := range residualShapes(r, n) {
			groups := 1 + r.IntN(n/(2*groupSize)+1)
			c := partsOf(groups)
			page := c.AppendIntegers(nil, values)
			if wide := pageOf(values); n < 2*groups*groupSize && page[2]&partsFlag != 0 ||
				n >= 2*groups*groupSize && page[2]&partsFlag == 0 {
				t.Fatalf("%s, %d values in parts of %d groups, %d wide: shift byte is %x", name, n, groups, wide, page[2])
			}
			got, err := DecodeIntegers(nil, page, n)
			if err != nil || !slices.Equal(got, values) {
				t.Fatalf("%s, %d values in parts of %d groups: %v, got %v, want %v", name, n, groups, err, got, values)
			}
			inner, rest, err := CutIntegers(nil, append(page, 1, 2, 3), n)
			if err != nil || len(rest) != 3 || !slices.Equal(inner, values) {
				t.Fatalf("%s, %d values in parts of %d groups before others: %v, %d bytes are left", name, n, groups, err, len(rest))
			}
			for range 4 {
				checkRange(t, r.IntN, page, values)
			}
		}
	}
}

// pageOf returns the greatest distance of values, for messages.
func pageOf(values []int64) uint64 { return uint64(slices.Max(values)) - uint64(slices.Min(values)) }

// checkRange decodes some rows of a page.
func checkRange(t *testing.T, intn func(int) int, page []byte, values []int64) {
	t.Helper()
	n := len(values)
	from := intn(n + 1)
	to := from + intn(n-from+1)
	switch intn(4) {
	case 0:
		from = 0
	case 1:
		to = n
	}
	got, err := DecodeIntegersRange(make([]int64, intn(n)), page, n, from, to)
	if err != nil || len(got) != n || !slices.Equal(got[from:to], values[from:to]) {
		t.Fatalf("%v, rows %d to %d of %d: %v, got %v, want %v", Codec(page[0]), from, to, n, err, got[from:to], values[from:to])
	}
}

// Marks that do not fit the tokens are damage.
func TestDamagedParts(t *testing.T) {
	values := make([]int64, 200)
	for i := range values {
		values[i] = int64(i*i) % 17
	}
	page := partsOf(1).AppendIntegers(nil, values)
	head, rest, ok := cutHuffmanHead(page[1:])
	if !ok || head.groups == 0 {
		t.Fatalf("%+v, %v", head, ok)
	}
	at := len(page) - len(rest)
	for i := at; i < at+8; i++ {
		damaged := slices.Clone(page)
		damaged[i]++
		if got, err := DecodeIntegers(nil, damaged, len(values)); err == nil && !slices.Equal(got, values) {
			t.Errorf("byte %d of the parts is another, the values are too, and there is no error", i-at)
		}
	}
}
