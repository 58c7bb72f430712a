package model

import "math"

// The range of timestamps that can be stored, in nanoseconds since the epoch.
// The outermost values of int64 are left free for sentinels.
const (
	MinTime = math.MinInt64 + 2 // -9223372036854775806
	MaxTime = math.MaxInt64 - 1 // 9223372036854775806
)

// TimeRange is a range of timestamps in nanoseconds since the epoch, both ends
// included. It is empty when Min > Max.
type TimeRange struct {
	Min, Max int64
}

// AllTime contains every timestamp that can be stored.
var AllTime = TimeRange{Min: MinTime, Max: MaxTime}

// Contains reports whether t lies in r.
func (r TimeRange) Contains(t int64) bool { return r.Min <= t && t <= r.Max }

// Overlaps reports whether r and o share a timestamp.
func (r TimeRange) Overlaps(o TimeRange) bool { return r.Min <= o.Max && o.Min <= r.Max }

// Covers reports whether every timestamp of o lies in r.
func (r TimeRange) Covers(o TimeRange) bool { return r.Min <= o.Min && o.Max <= r.Max }

// Intersect returns the timestamps that r and o share; it may be empty.
func (r TimeRange) Intersect(o TimeRange) TimeRange {
	return TimeRange{Min: max(r.Min, o.Min), Max: min(r.Max, o.Max)}
}

// Union returns the smallest range that covers r and o.
func (r TimeRange) Union(o TimeRange) TimeRange {
	return TimeRange{Min: min(r.Min, o.Min), Max: max(r.Max, o.Max)}
}

// Empty reports whether r contains no timestamp.
func (r TimeRange) Empty() bool { return r.Min > r.Max }
