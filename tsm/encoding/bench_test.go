package encoding

import (
	"math"
	"math/rand/v2"
	"testing"
)

const benchRows = 1000

// cpuWalk is the clamped random walk that TSBS writes for cpu usage.
func cpuWalk(r *rand.Rand, n int) []int64 {
	out := make([]int64, n)
	level := 100 * r.Float64()
	for i := range out {
		level = math.Max(0, math.Min(100, level+r.NormFloat64()))
		out[i] = int64(level)
	}
	return out
}

// noisyCounter grows by about 1,000 each time.
func noisyCounter(r *rand.Rand, n int) []int64 {
	out := make([]int64, n)
	level := int64(1 << 40)
	for i := range out {
		level += 1000 + int64(100*r.NormFloat64())
		out[i] = level
	}
	return out
}

// noisyGauge stays around a level.
func noisyGauge(r *rand.Rand, n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = 50_000 + int64(300*r.NormFloat64())
	}
	return out
}

// standsStill jumps once in forty values or so.
func standsStill(r *rand.Rand, n int) []int64 {
	out := make([]int64, n)
	level := int64(1 << 30)
	for i := range out {
		if r.IntN(40) == 0 {
			level += r.Int64N(100_000)
		}
		out[i] = level
	}
	return out
}

func report(b *testing.B, values, size int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(values), "ns/value")
	b.ReportMetric(float64(size)/float64(values), "B/value")
	b.ReportMetric(0, "ns/op")
}

// benchPages is how many pages of a shape take turns, so that neither the choice of
// a codec nor the processor's memory of branches is that of a single page.
const benchPages = 8

func BenchmarkIntegers(b *testing.B) {
	shapes := map[string][][]int64{}
	r := rand.New(rand.NewPCG(1, 2))
	for range benchPages {
		for name, values := range integerShapes(r, benchRows) {
			shapes[name] = append(shapes[name], values)
		}
		shapes["tsbs cpu"] = append(shapes["tsbs cpu"], cpuWalk(r, benchRows))
		shapes["noisy counter"] = append(shapes["noisy counter"], noisyCounter(r, benchRows))
		shapes["noisy gauge"] = append(shapes["noisy gauge"], noisyGauge(r, benchRows))
		shapes["stands still"] = append(shapes["stands still"], standsStill(r, benchRows))
	}
	type run struct {
		name   string
		choice Choice
	}
	for _, run := range []run{{"tsbs cpu", Choice{}}, {"tsbs cpu", Choice{Codec: Packed}}, {"noisy counter", Choice{}},
		{"noisy counter", Choice{Codec: Packed}}, {"noisy gauge", Choice{}}, {"noisy gauge", Choice{Codec: Packed}},
		{"quadratic", Choice{}}, {"random", Choice{}}, {"stands still", Choice{Codec: Runs}},
		{"stands still", Choice{Codec: ValueDictionary}}, {"tsbs cpu", Choice{Codec: ValueDictionary}}} {
		values := shapes[run.name]
		var pages [benchPages][]byte
		size := 0
		for i := range pages {
			pages[i] = run.choice.AppendIntegers(nil, values[i])
			size += len(pages[i])
		}
		name := run.name + "/" + Codec(pages[0][0]).String()
		b.Run("encode/"+name, func(b *testing.B) {
			var page []byte
			for i := 0; b.Loop(); i++ {
				page = run.choice.AppendIntegers(page[:0], values[i%benchPages])
			}
			report(b, benchRows, size/benchPages)
		})
		b.Run("decode/"+name, func(b *testing.B) {
			dst := make([]int64, benchRows)
			for i := 0; b.Loop(); i++ {
				dst, _ = DecodeIntegers(dst, pages[i%benchPages], benchRows)
			}
			report(b, benchRows, size/benchPages)
		})
	}
}

func BenchmarkFloats(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	shapes := floatShapes(r, benchRows)
	for _, name := range []string{"two decimals", "whole", "full walk", "repeats"} {
		values := shapes[name]
		page := AppendFloats(nil, values)
		b.Run("encode/"+name, func(b *testing.B) {
			for b.Loop() {
				page = AppendFloats(page[:0], values)
			}
			report(b, benchRows, len(page))
		})
		b.Run("decode/"+name, func(b *testing.B) {
			dst := make([]float64, benchRows)
			for b.Loop() {
				dst, _ = DecodeFloats(dst, page, benchRows)
			}
			report(b, benchRows, len(page))
		})
	}
}

func BenchmarkTimestamps(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, jitter := range map[string]int64{"grid": 1, "ms jitter": 50} {
		times := make([]int64, benchRows)
		for i := range times {
			times[i] = int64(i)*10_000_000_000 + r.Int64N(jitter)*1_000_000
		}
		page := AppendTimestamps(nil, times)
		b.Run("encode/"+name, func(b *testing.B) {
			for b.Loop() {
				page = AppendTimestamps(page[:0], times)
			}
			report(b, benchRows, len(page))
		})
		b.Run("decode/"+name, func(b *testing.B) {
			for b.Loop() {
				times, _ = DecodeTimestamps(times, page, benchRows)
			}
			report(b, benchRows, len(page))
		})
	}
}
