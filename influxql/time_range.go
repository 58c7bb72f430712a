package influxql

import (
	"math"
	"time"
)

// The bounds of time, in nanoseconds since the epoch. The values beyond them are free for internal use.
const (
	MinTime = int64(math.MinInt64) + 2 // 1677-09-21T00:12:43.145224194Z
	MaxTime = int64(math.MaxInt64) - 1 // 2262-04-11T23:47:16.854775806Z
)

// TimeRange is the time from Min to Max, both included. A zero Min or Max is no bound.
type TimeRange struct {
	Min, Max time.Time
}

// Intersect returns the time in both ranges.
func (t TimeRange) Intersect(other TimeRange) TimeRange {
	if !other.Min.IsZero() && (t.Min.IsZero() || other.Min.After(t.Min)) {
		t.Min = other.Min
	}
	if !other.Max.IsZero() && (t.Max.IsZero() || other.Max.Before(t.Max)) {
		t.Max = other.Max
	}
	return t
}

// IsZero reports whether the range has no bound at all.
func (t TimeRange) IsZero() bool { return t.Min.IsZero() && t.Max.IsZero() }

// MinTime returns the first moment of the range.
func (t TimeRange) MinTime() time.Time {
	if t.Min.IsZero() {
		return time.Unix(0, MinTime)
	}
	return t.Min
}

// MaxTime returns the last moment of the range.
func (t TimeRange) MaxTime() time.Time {
	if t.Max.IsZero() {
		return time.Unix(0, MaxTime)
	}
	return t.Max
}

// MinTimeNano returns the first moment of the range in nanoseconds since the epoch.
func (t TimeRange) MinTimeNano() int64 {
	if t.Min.IsZero() {
		return MinTime
	}
	return t.Min.UnixNano()
}

// MaxTimeNano returns the last moment of the range in nanoseconds since the epoch.
func (t TimeRange) MaxTimeNano() int64 {
	if t.Max.IsZero() {
		return MaxTime
	}
	return t.Max.UnixNano()
}
