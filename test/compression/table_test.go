package compression

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/timberlinedb/timberline/tsm/encoding"
)

// sizes are the bytes that a column takes in each coding.
type sizes struct {
	values                             int
	timberline, gorilla, zstd, simple8 int
}

// measure encodes a column, checks that it comes back, and computes the sizes that
// others take.
func measure(t *testing.T, c *column) sizes {
	t.Helper()
	switch {
	case c.times != nil:
		page := encoding.AppendTimestamps(nil, c.times)
		got, err := encoding.DecodeTimestamps(nil, page, len(c.times))
		if err != nil || !slices.Equal(got, c.times) {
			t.Fatalf("timestamps do not come back: %v", err)
		}
		return sizes{len(c.times), len(page), gorillaTimes(c.times), deltaZstd(c.times), simple8b(c.times)}
	case c.floats != nil:
		return measureFloats(t, c.floats)
	case c.booleans != nil:
		page := encoding.AppendBooleans(nil, c.booleans)
		got, err := encoding.DecodeBooleans(nil, page, len(c.booleans))
		if err != nil || !slices.Equal(got, c.booleans) {
			t.Fatalf("booleans do not come back: %v", err)
		}
		numbers := make([]int64, len(c.booleans))
		floats := make([]float64, len(c.booleans))
		for i, v := range c.booleans {
			if v {
				numbers[i], floats[i] = 1, 1
			}
		}
		return sizes{len(numbers), len(page), gorillaFloats(floats), deltaZstd(numbers), simple8b(numbers)}
	}
	page := encoding.AppendIntegers(nil, c.integers)
	got, err := encoding.DecodeIntegers(nil, page, len(c.integers))
	if err != nil || !slices.Equal(got, c.integers) {
		t.Fatalf("integers do not come back: %v", err)
	}
	floats := make([]float64, len(c.integers))
	for i, v := range c.integers {
		floats[i] = float64(v)
	}
	return sizes{len(floats), len(page), gorillaFloats(floats), deltaZstd(c.integers), simple8b(c.integers)}
}

func measureFloats(t *testing.T, values []float64) sizes {
	t.Helper()
	page := encoding.AppendFloats(nil, values)
	got, err := encoding.DecodeFloats(nil, page, len(values))
	same := slices.EqualFunc(got, values, func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) })
	if err != nil || !same {
		t.Fatalf("floats do not come back: %v", err)
	}
	s := sizes{len(values), len(page), gorillaFloats(values), rawZstd(values), 8 * len(values)}
	if m, ok := mantissasOf(values); ok {
		s.zstd, s.simple8 = deltaZstd(m), simple8b(m)
	}
	return s
}

// TestTable prints bytes per value, in pages of at most 1,000 values. What was
// generated is held to bounds; nothing that others take there may be less than 95 %
// of what Timberline takes, and three bytes a page.
func TestTable(t *testing.T) {
	fmt.Println("| | values | Timberline | Gorilla | delta + zstd | simple8b |")
	fmt.Println("|---|---|---|---|---|---|")
	for _, s := range generated() {
		own, others := row(t, s)
		if own > s.most {
			t.Errorf("%s: %.3f bytes per value, want at most %.3f", s.name, own, s.most)
		}
		if others+0.003 < 0.95*own {
			t.Errorf("%s: %.3f bytes per value, another coding takes %.3f", s.name, own, others)
		}
	}
	for _, s := range collect(t) {
		if len(s.columns) > 0 {
			row(t, s)
		}
	}
}

// row prints a set and returns what Timberline and the best of the others take.
func row(t *testing.T, s set) (own, others float64) {
	t.Helper()
	var sum sizes
	for i := range s.columns {
		m := measure(t, &s.columns[i])
		sum.values += m.values
		sum.timberline += m.timberline
		sum.gorilla += m.gorilla
		sum.zstd += m.zstd
		sum.simple8 += m.simple8
	}
	per := func(bytes int) float64 { return float64(bytes) / float64(sum.values) }
	fmt.Printf("| %s | %d | **%.3f** | %.3f | %.3f | %.3f |\n", s.name, sum.values,
		per(sum.timberline), per(sum.gorilla), per(sum.zstd), per(sum.simple8))
	return per(sum.timberline), min(per(sum.gorilla), per(sum.zstd), per(sum.simple8))
}
