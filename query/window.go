package query

import (
	"time"

	"github.com/timberlinedb/timberline/influxql"
)

// windows cuts time into the groups of GROUP BY time(interval, offset) in a zone. Without an interval there is one
// window, from start to end.
type windows struct {
	start, end int64 // both included
	interval   int64 // nanoseconds; 0: none
	offset     int64
	months     int64 // of calendar intervals, whose interval is only the average; 0: all windows are of one length
	location   *time.Location
}

// zone returns the offset of the zone at a time, in nanoseconds.
func (w *windows) zone(t int64) int64 {
	if w.location == nil {
		return 0
	}
	_, seconds := time.Unix(0, t).In(w.location).Zone()
	return int64(seconds) * int64(time.Second)
}

// of returns the window that t lies in: from its start up to, but not including, its end. Where the zone changes its
// offset inside of a window, the window becomes longer or shorter. The first and the last window end with time itself.
func (w *windows) of(t int64) (start, end int64) {
	if w.interval == 0 {
		return w.start, w.end + 1
	}
	if w.months > 0 {
		group := w.group(t)
		return w.groupStart(group), w.groupStart(group + 1)
	}
	start, end, moved := w.shifted(t)
	if !moved {
		return start, end
	}
	return w.acrossChange(t, start, end)
}

// acrossChange returns the window of a time near a change of the clocks, where an edge that is moved may pass by times that
// belong to the window: these lie in it up to where the next one begins.
func (w *windows) acrossChange(t, start, end int64) (int64, int64) {
	const (
		step  = int64(15 * time.Minute) // zones change by multiples of it
		reach = int64(26 * time.Hour)   // and by a day at most
	)
	if start > t {
		for edge := t - modulo(t, step); edge > t-w.interval-reach; edge -= step {
			if before, _, _ := w.shifted(edge); before <= t {
				return before, start
			}
		}
		return t, start
	}
	if behind, _, _ := w.shifted(end); t >= end && behind > start { // t lies between the window and another one
		if start = end; behind <= t {
			start = behind
		}
	}
	edge := end - modulo(end, step)
	for edge < end+reach {
		next, _, _ := w.shifted(max(edge, end))
		if next > start && edge <= end && t < end {
			return start, end
		}
		if next > start && edge >= t {
			return start, max(next, t+1)
		}
		edge += step
	}
	return start, max(end, t+1)
}

// shifted returns the window that t lies in as it is counted from the zone's offset at t, and whether an edge of it was
// moved because the zone has another offset there.
func (w *windows) shifted(t int64) (start, end int64, moved bool) {
	into := modulo(t, w.interval)
	if w.offset != 0 {
		into = modulo(into-modulo(w.offset, w.interval), w.interval)
	}
	zone := int64(0)
	if w.location != nil {
		zone = w.zone(saturatingSum(t, -w.offset))
		into = modulo(into-w.interval+modulo(zone, w.interval), w.interval)
	}

	start = influxql.MinTime
	if start+into < t {
		start = w.alignZone(t-into, zone)
		moved = start != t-into
	}
	end = influxql.MaxTime
	if left := w.interval - into; end-left > t {
		end = w.alignZone(t+left, zone)
		moved = moved || end != t+left
	}
	return start, end, moved
}

// near is of for a time that mostly lies in a known window or in one beside it.
func (w *windows) near(t, start, end int64) (int64, int64) {
	if w.interval == 0 || w.months > 0 || w.location != nil || end-start != w.interval {
		return w.of(t)
	}
	switch {
	case start <= t && t < end:
		return start, end
	case t >= end && end <= influxql.MaxTime-w.interval && t-w.interval < end:
		return end, end + w.interval
	case t < start && start >= influxql.MinTime+w.interval && t >= start-w.interval && start-w.interval > influxql.MinTime:
		return start - w.interval, start
	}
	return w.of(t)
}

// count returns about how many windows there are, at most most; 1 when the range has no beginning or no end.
func (w *windows) count(most int) int {
	if w.interval == 0 || w.start == influxql.MinTime || w.end >= influxql.MaxTime {
		return 1
	}
	if w.end < w.start {
		return 1
	}
	span := uint64(w.end) - uint64(w.start) // may not fit an int64
	return int(min(span/uint64(w.interval)+2, uint64(most)))
}

// modulo returns the remainder of n by m that is not negative.
func modulo(n, m int64) int64 {
	if n %= m; n < 0 {
		n += m
	}
	return n
}

// saturatingSum returns t moved by d, but not beyond the ends of time.
func saturatingSum(t, d int64) int64 {
	switch {
	case d > 0 && t > influxql.MaxTime-d:
		return influxql.MaxTime
	case d < 0 && t < influxql.MinTime-d:
		return influxql.MinTime
	}
	return t + d
}

// alignZone moves an edge of a window that lies in another offset of the zone than the time the window was asked for.
func (w *windows) alignZone(edge, zone int64) int64 {
	if w.location == nil {
		return edge
	}
	if d := zone - w.zone(edge); d != 0 && abs(d) < w.interval {
		edge = saturatingSum(edge, d)
	}
	return edge
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}
