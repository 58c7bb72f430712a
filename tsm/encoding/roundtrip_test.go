package encoding

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// integerShapes are columns of n integers as users and adversaries write them.
func integerShapes(r *rand.Rand, n int) map[string][]int64 {
	fill := func(f func(i int) int64) []int64 {
		out := make([]int64, n)
		for i := range out {
			out[i] = f(i)
		}
		return out
	}
	level, speed := int64(50), int64(0)
	extremes := []int64{math.MinInt64, math.MaxInt64, 0, -1, 1, math.MinInt64 + 1}
	return map[string][]int64{
		"constant":   fill(func(int) int64 { return -7 }),
		"linear":     fill(func(i int) int64 { return int64(i)*-13 + 5 }),
		"wrapping":   fill(func(i int) int64 { return int64(i) * (math.MaxInt64 / 3) }),
		"walk":       fill(func(int) int64 { level += int64(r.NormFloat64()); return level }),
		"quadratic":  fill(func(i int) int64 { speed += int64(r.IntN(3)); level += speed; return level }),
		"extremes":   fill(func(int) int64 { return extremes[r.IntN(len(extremes))] }),
		"random":     fill(func(int) int64 { return int64(r.Uint64()) }),
		"mostly one": fill(func(int) int64 { return int64(r.IntN(50)/49) << 40 }),
		"wide":       fill(func(int) int64 { return int64(r.Uint64() >> r.IntN(64)) }),
	}
}

var lengths = []int{1, 2, 3, 4, 5, 8, 63, 64, 65, 127, 128, 129, 200, 1000, 1003}

func TestIntegersRoundTrip(t *testing.T) {
	r := newRandom(t)
	for _, n := range lengths {
		for name, values := range integerShapes(r, n) {
			page := AppendIntegers(nil, values)
			got, err := DecodeIntegers(nil, page, n)
			if err != nil || !slices.Equal(got, values) {
				t.Fatalf("%s, %d values: %v, got %v, want %v", name, n, err, got, values)
			}
			unsigned := make([]uint64, n)
			for i, v := range values {
				unsigned[i] = uint64(v)
			}
			if twin := AppendUnsigneds(nil, unsigned); !bytes.Equal(twin, page) {
				t.Fatalf("%s, %d values: unsigned page differs from integer page", name, n)
			}
			back, err := DecodeUnsigneds(make([]uint64, 3), page, n)
			if err != nil || !slices.Equal(back, unsigned) {
				t.Fatalf("%s, %d values: unsigned: %v", name, n, err)
			}
			if limit := 1 + 8*n; n > 2 && len(page) > limit {
				t.Errorf("%s, %d values: %d bytes, raw is %d", name, n, len(page), limit)
			}
		}
	}
}

// Each order must be exact by itself, whatever chooseOrder would take.
func TestEveryOrderRoundTrips(t *testing.T) {
	r := newRandom(t)
	for _, n := range lengths {
		for name, values := range integerShapes(r, n) {
			for order := 0; order <= min(maxOrder, n-1); order++ {
				p, h := new(planner), huffmanHead{order: order}
				fill(p, values, &h)
				page := appendPackedPage(nil, p.residuals[:n], order, h.prev, h.delta, p.ranges)
				if want := packedPageLen(n, order, h.prev, h.delta, p.ranges); len(page) != want {
					t.Fatalf("%s, %d values, order %d: %d bytes, planned %d", name, n, order, len(page), want)
				}
				got, err := DecodeIntegers(nil, page, n)
				if err != nil || !slices.Equal(got, values) {
					t.Fatalf("%s, %d values, order %d: %v, got %v, want %v", name, n, order, err, got, values)
				}
			}
		}
	}
}

func TestTimestampsRoundTrip(t *testing.T) {
	r := newRandom(t)
	start := int64(1700000000_000000000)
	shapes := map[string]func(i int) int64{
		"grid":         func(i int) int64 { return start + int64(i)*10_000_000_000 },
		"jitter ns":    func(i int) int64 { return start + int64(i)*10_000_000_000 + r.Int64N(1000_000) },
		"jitter ms":    func(i int) int64 { return start + int64(i)*10_000_000_000 + r.Int64N(50)*1_000_000 },
		"before epoch": func(i int) int64 { return -start + int64(i*i)*1000 },
		"far apart":    func(i int) int64 { return math.MinInt64 + 2 + int64(i)*(math.MaxInt64/1100)*2 },
		"two series":   func(i int) int64 { return start + int64(i%2)*10_000_000_000 + int64(i%3)*1_000_000 },
	}
	for _, n := range lengths {
		for name, f := range shapes {
			times := make([]int64, n)
			for i := range times {
				times[i] = f(i)
			}
			page := AppendTimestamps(nil, times)
			got, err := DecodeTimestamps(nil, page, n)
			if err != nil || !slices.Equal(got, times) {
				t.Fatalf("%s, %d timestamps: %v, got %v, want %v", name, n, err, got, times)
			}
			if name == "grid" && len(page) > 20 {
				t.Errorf("a grid of %d timestamps takes %d bytes", n, len(page))
			}
			if name == "jitter ms" && n == 1000 && len(page) > 1100 {
				t.Errorf("1000 timestamps of 50 ms jitter take %d bytes: not scaled", len(page))
			}
		}
	}
}

func floatShapes(r *rand.Rand, n int) map[string][]float64 {
	fill := func(f func(i int) float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = f(i)
		}
		return out
	}
	level := 50.0
	odd := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), math.Float64frombits(0x7ff8dead00000001),
		math.MaxFloat64, math.SmallestNonzeroFloat64, 1 << 53, 1<<53 + 2, -(1 << 53), 0.1, 1e22, 1e-18, 123456789.123456789}
	return map[string][]float64{
		"constant":      fill(func(int) float64 { return 1.5 }),
		"constant NaN":  fill(func(int) float64 { return math.NaN() }),
		"two decimals":  fill(func(int) float64 { level += r.NormFloat64(); return math.Round(level*100) / 100 }),
		"whole":         fill(func(i int) float64 { return float64(i % 7) }),
		"with outliers": fill(func(i int) float64 { return []float64{float64(i) / 10, math.Pi}[r.IntN(40)/39] }),
		"minus zero":    fill(func(i int) float64 { return []float64{1.25, math.Copysign(0, -1)}[r.IntN(60)/59] }),
		"full walk":     fill(func(int) float64 { level += r.NormFloat64(); return level }),
		"repeats":       fill(func(int) float64 { return []float64{math.Pi, math.E}[r.IntN(2)] }),
		"odd":           fill(func(int) float64 { return odd[r.IntN(len(odd))] }),
		"random bits":   fill(func(int) float64 { return math.Float64frombits(r.Uint64()) }),
		"growing power": fill(func(i int) float64 { return float64(i) / decimalPowers[i%12] }),
	}
}

func sameFloats(a, b []float64) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d values, want %d", len(a), len(b))
	}
	for i := range a {
		if math.Float64bits(a[i]) != math.Float64bits(b[i]) {
			return fmt.Errorf("value %d is %x, want %x", i, math.Float64bits(a[i]), math.Float64bits(b[i]))
		}
	}
	return nil
}

func TestFloatsRoundTrip(t *testing.T) {
	r := newRandom(t)
	for _, n := range lengths {
		for name, values := range floatShapes(r, n) {
			page := AppendFloats(nil, values)
			got, err := DecodeFloats(nil, page, n)
			if err == nil {
				err = sameFloats(got, values)
			}
			if err != nil {
				t.Fatalf("%s, %d values, %v: %v", name, n, Codec(page[0]), err)
			}
			if len(page) > 1+8*n {
				t.Errorf("%s, %d values: %d bytes, raw is %d", name, n, len(page), 1+8*n)
			}
			got, err = DecodeFloats(nil, appendXOR(nil, values), n)
			if err == nil {
				err = sameFloats(got, values)
			}
			if err != nil {
				t.Fatalf("xor of %s, %d values: %v", name, n, err)
			}
			if bits, page := xorBits(values), appendXOR(nil, values); len(page) != 1+(bits+7)/8 {
				t.Fatalf("xor of %s, %d values: cost says %d bits, page has %d bytes", name, n, bits, len(page))
			}
		}
	}
}

func TestFloatCodecChoice(t *testing.T) {
	// Shapes that lie between two codecs may go either way; these do not.
	shapes := floatShapes(rand.New(rand.NewPCG(1, 2)), 1000)
	for name, want := range map[string]Codec{
		"constant": Constant, "two decimals": Decimal, "whole": Decimal, "with outliers": Decimal,
		"minus zero": Decimal, "random bits": Raw,
	} {
		if got := Codec(AppendFloats(nil, shapes[name])[0]); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestBooleansRoundTrip(t *testing.T) {
	r := newRandom(t)
	for _, n := range lengths {
		for _, f := range []func() bool{func() bool { return true }, func() bool { return false }, func() bool { return r.IntN(2) == 0 }} {
			values := make([]bool, n)
			for i := range values {
				values[i] = f()
			}
			got, err := DecodeBooleans(nil, AppendBooleans(nil, values), n)
			if err != nil || !slices.Equal(got, values) {
				t.Fatalf("%d values: %v, got %v, want %v", n, err, got, values)
			}
		}
	}
}

func TestStringsRoundTrip(t *testing.T) {
	r := newRandom(t)
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	words := [][]byte{[]byte("ok"), []byte("warning"), nil, random(300), bytes.Repeat([]byte("long "), 1000)}
	shapes := map[string]func(i int) []byte{
		"empty":    func(int) []byte { return nil },
		"constant": func(int) []byte { return []byte("the same text for every row of the block") },
		"few":      func(int) []byte { return words[r.IntN(len(words))] },
		"numbered": func(i int) []byte { return fmt.Appendf(nil, "message number %d of the log", i) },
		"random":   func(int) []byte { return random(r.IntN(40)) },
	}
	var dst [][]byte
	var arena []byte
	for _, n := range lengths {
		for name, f := range shapes {
			values := make([][]byte, n)
			for i := range values {
				values[i] = f(i)
			}
			page := AppendStrings(nil, values)
			var err error
			dst, arena, err = DecodeStrings(dst, arena, page, n)
			if err != nil || !slices.EqualFunc(dst, values, bytes.Equal) {
				t.Fatalf("%s, %d values, %v: %v", name, n, Codec(page[0]), err)
			}
		}
	}
	huge := [][]byte{random(1 << 20), bytes.Repeat([]byte{'x'}, 1<<20), nil, []byte("x")}
	got, _, err := DecodeStrings(nil, nil, AppendStrings(nil, huge), len(huge))
	if err != nil || !slices.EqualFunc(got, huge, bytes.Equal) {
		t.Fatalf("huge strings: %v", err)
	}
}

func TestPresenceRoundTrip(t *testing.T) {
	r := newRandom(t)
	for _, n := range lengths {
		for _, share := range []int{0, 1, 50, 99, 100} {
			bitmap := make([]uint64, PresenceWords(n))
			count := 0
			for i := range n {
				if r.IntN(100) < share {
					bitmap[i>>6] |= 1 << (i & 63)
					count++
				}
			}
			src := append(AppendPresence(nil, bitmap, n), 0xab)
			got, gotCount, rest, err := CutPresence(nil, src, n)
			if err != nil || !slices.Equal(got, bitmap) || gotCount != count || !bytes.Equal(rest, []byte{0xab}) {
				t.Fatalf("%d rows, %d%%: %v, %x, want %x", n, share, err, got, bitmap)
			}
		}
	}
}

func TestDecodersDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("needs a build without the race detector, under which pools drop what they hold")
	}
	r := newRandom(t)
	const n = 1000
	ints := AppendIntegers(nil, integerShapes(r, n)["walk"])
	floats := AppendFloats(nil, floatShapes(r, n)["two decimals"])
	full := appendXOR(nil, floatShapes(r, n)["full walk"])
	values := make([][]byte, n)
	for i := range values {
		values[i] = []byte{'a' + byte(i%7)}
	}
	text := AppendStrings(nil, values)
	di, df, ds, arena := make([]int64, n), make([]float64, n), make([][]byte, n), make([]byte, 0, 4096)
	allocs := testing.AllocsPerRun(100, func() {
		di, _ = DecodeIntegers(di, ints, n)
		df, _ = DecodeFloats(df, floats, n)
		df, _ = DecodeFloats(df, full, n)
		ds, arena, _ = DecodeStrings(ds, arena, text, n)
	})
	if allocs >= 1 {
		t.Errorf("%v allocations per run", allocs)
	}
}
