package compression

import (
	"math"
	"math/rand/v2"
)

// column is one column of a set: of integers, floats, booleans or timestamps.
type column struct {
	integers []int64
	floats   []float64
	booleans []bool
	times    []int64
}

// set is columns of one kind.
type set struct {
	name    string
	columns []column
	// most is what Timberline may take at most, in bytes per value; zero is not
	// checked.
	most float64
}

const (
	columnsPerSet = 20
	pageRows      = 1000
)

// generated are columns that are the same in every run.
func generated() []set {
	r := rand.New(rand.NewPCG(20, 26))
	var sets []set
	add := func(name string, most float64, f func() column) {
		s := set{name: name, most: most}
		for range columnsPerSet {
			s.columns = append(s.columns, f())
		}
		sets = append(sets, s)
	}
	integers := func(f func(i int) int64) func() column {
		return func() column {
			out := make([]int64, pageRows)
			for i := range out {
				out[i] = f(i)
			}
			return column{integers: out}
		}
	}
	floats := func(f func(i int) float64) func() column {
		return func() column {
			out := make([]float64, pageRows)
			for i := range out {
				out[i] = f(i)
			}
			return column{floats: out}
		}
	}
	level := 50.0
	walk := func(step float64) float64 {
		level = math.Max(0, math.Min(100, level+step*r.NormFloat64()))
		return level
	}
	round := func(v float64, digits int) float64 {
		p := math.Pow10(digits)
		return math.Round(v*p) / p
	}
	add("TSBS cpu, integers", 0.29, integers(func(int) int64 { return int64(walk(1)) }))
	counter := int64(1 << 40)
	add("counter, noise of 40", 0.95, integers(func(int) int64 { counter += 1000 + int64(40*r.NormFloat64()); return counter }))
	add("counter, bursts", 1.2, integers(func(int) int64 { counter += int64(math.Exp(3 + 2*r.NormFloat64())); return counter }))
	still := int64(1 << 33)
	add("stands still, jumps", 0.11, integers(func(int) int64 {
		if r.IntN(40) == 0 {
			still += 4096 * r.Int64N(500)
		}
		return still
	}))
	add("status, four states", 0.20, integers(func(i int) int64 { return []int64{0, 0, 0, 0, 0, 0, 0, 1, 2, 7}[r.IntN(10)] }))
	add("HTTP codes", 0.205, integers(func(i int) int64 { return []int64{200, 200, 200, 200, 200, 200, 200, 304, 404, 503}[r.IntN(10)] }))
	add("walk, 1 decimal", 0.48, floats(func(int) float64 { return round(walk(0.25), 1) }))
	add("walk, 2 decimals", 0.90, floats(func(int) float64 { return round(walk(0.25), 2) }))
	add("walk, 4 decimals", 1.75, floats(func(int) float64 { return round(walk(0.25), 4) }))
	add("walk, full precision", 6.3, floats(func(int) float64 { return walk(0.25) }))
	price := 40_000.0
	add("prices, cents", 1.5, floats(func(int) float64 { price *= math.Exp(0.0002 * r.NormFloat64()); return round(price, 2) }))
	add("sensor, 0.1 steps, noise", 0.40, floats(func(i int) float64 { return round(20+5*math.Sin(float64(i)/100)+0.1*r.NormFloat64(), 1) }))
	second := int64(1_000_000_000)
	times := func(f func(i int) int64) func() column {
		fill := integers(f)
		return func() column { return column{times: fill().integers} }
	}
	start := 1_700_000_000 * second
	add("timestamps, every 10 s", 0.02, times(func(i int) int64 { return start + int64(i)*10*second }))
	add("timestamps, jitter of ms", 1.0, times(func(i int) int64 { return start + int64(i)*10*second + int64(20*r.NormFloat64())*1_000_000 }))
	add("timestamps, jitter of ns", 3.4, times(func(i int) int64 { return start + int64(i)*10*second + int64(20e6*r.NormFloat64()) }))
	add("booleans, 5 % true", 0.126, func() column {
		out := make([]bool, pageRows)
		for i := range out {
			out[i] = r.IntN(20) == 0
		}
		return column{booleans: out}
	})
	return sets
}
