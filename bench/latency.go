package bench

import (
	"math"
	"slices"
	"time"
)

// Latencies describe how long requests took, in milliseconds.
type Latencies struct {
	Count int     `json:"count"`
	Min   float64 `json:"min_ms"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// Summarize describes durations; it sorts them.
func Summarize(all []time.Duration) Latencies {
	if len(all) == 0 {
		return Latencies{}
	}
	slices.Sort(all)
	var sum time.Duration
	for _, d := range all {
		sum += d
	}
	return Latencies{Count: len(all), Min: milliseconds(all[0]), Mean: milliseconds(sum) / float64(len(all)),
		P50: milliseconds(Percentile(all, 50)), P90: milliseconds(Percentile(all, 90)), P99: milliseconds(Percentile(all, 99)),
		Max: milliseconds(all[len(all)-1])}
}

// Percentile returns the smallest of the sorted values that at least p percent
// of them do not exceed (the nearest rank).
func Percentile[T any](sorted []T, p float64) T {
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
