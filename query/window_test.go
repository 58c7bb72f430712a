package query

import (
	"testing"
	"time"
)

// TestWindowsHaveTheirTimes: whatever the zone does, a time lies in its window.
func TestWindowsHaveTheirTimes(t *testing.T) {
	const (
		begin, end = 978307200e9, 1009843200e9 // the year 2001
		around     = int64(24 * time.Hour)     // a change of the clocks
	)
	for _, zone := range []string{"Australia/Lord_Howe", "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kolkata"} {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, interval := range []time.Duration{10 * time.Minute, time.Hour, 2 * time.Hour, 7 * time.Hour, 24 * time.Hour} {
			for _, offset := range []time.Duration{0, -6 * time.Hour} {
				w := windows{start: begin, end: end, interval: int64(interval), offset: int64(offset), location: location}
				for at := int64(begin); at < end; at += int64(10 * time.Minute) {
					if w.zone(at-around) == w.zone(at+around) {
						at += around
						continue
					}
					start, next := w.of(at)
					if at < start || at >= next || next-start > 2*w.interval {
						t.Fatalf("%s in groups of %s moved by %s: %s lies in %s to %s", zone, interval, offset, time.Unix(0, at).In(location),
							time.Unix(0, start).In(location), time.Unix(0, next).In(location))
					}
					if s, n := w.near(at, start, next); s != start || n != next {
						t.Fatalf("%s in groups of %s moved by %s: near(%d) is %d to %d, of is %d to %d", zone, interval, offset, at, s, n, start, next)
					}
				}
			}
		}
	}
}
