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
// offset inside of a window, the window becomes longer or shorter.
func (w *windows) of(t int64) (start, end int64) {
	if w.interval == 0 {
		return w.start, w.end + 1
	}
	t -= w.offset
	zone := w.zone(t)
	into := (t + zone) % w.interval
	if into < 0 {
		into += w.interval
	}

	start = int64(influxql.MinTime)
	if influxql.MinTime+into < t {
		start = t - into
	}
	start = w.alignZone(start+w.offset, zone)

	end = int64(influxql.MaxTime)
	if left := w.interval - into; influxql.MaxTime-left > t {
		end = t + left
	}
	end = w.alignZone(end+w.offset, zone)
	return start, end
}

// alignZone moves an edge of a window that lies in another offset of the zone than the time the window was asked for.
func (w *windows) alignZone(edge, zone int64) int64 {
	if w.location == nil {
		return edge
	}
	if d := zone - w.zone(edge); d != 0 && abs(d) < w.interval {
		edge += d
	}
	return edge
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}
