package task

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func mustSchedule(t *testing.T, resample, dimension, rest string) *schedule {
	t.Helper()
	stmt, err := parse("CREATE CONTINUOUS QUERY q ON db " + resample + " BEGIN SELECT mean(v) INTO x FROM m GROUP BY time(" + dimension + ") " + rest + " END")
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSchedule(stmt)
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

// TestTimes has the runs of the examples in the documentation of InfluxDB 1.x, on one morning.
func TestTimes(t *testing.T) {
	at := func(clock string) time.Time {
		if clock == "" {
			return time.Time{}
		}
		at, err := time.Parse("15:04:05", clock+":00"[:8-len(clock)])
		if err != nil {
			t.Fatal(err)
		}
		return at.AddDate(2024, 0, 0)
	}
	for _, c := range []struct {
		what, resample, dimension string
		now, last                 string
		start, end                string // empty: nothing yet
		edge                      string
	}{
		{"basic", "", "1h", "08:00", "07:00", "07:00", "08:00", "08:00"},
		{"a little late", "", "1h", "08:00:07", "07:00", "07:00", "08:00", "08:00"},
		{"first, between", "", "1h", "08:20", "", "", "", "08:00"},
		{"first, on the hour", "", "1h", "08:00", "", "07:00", "08:00", "08:00"},
		{"missed runs", "", "1h", "08:10", "05:00", "05:00", "08:00", "08:00"},
		{"offset", "", "1h,15m", "08:15", "07:15", "07:15", "08:15", "08:15"},
		{"offset, before it", "", "1h,15m", "08:20", "", "", "", "08:15"},
		{"EVERY below, in the group", "RESAMPLE EVERY 30m", "1h", "08:30", "08:00", "08:00", "09:00", "08:30"},
		{"EVERY below, at its end", "RESAMPLE EVERY 30m", "1h", "09:00", "08:30", "08:00", "09:00", "09:00"},
		{"EVERY above", "RESAMPLE EVERY 2h", "1h", "08:00", "06:00", "06:00", "08:00", "08:00"},
		{"FOR", "RESAMPLE FOR 1h", "30m", "08:00", "07:30", "07:00", "08:00", "08:00"},
		{"FOR, not a multiple", "RESAMPLE FOR 45m", "30m", "08:00", "07:30", "07:30", "08:00", "08:00"},
		{"EVERY and FOR", "RESAMPLE EVERY 1h FOR 90m", "30m", "08:00", "07:00", "06:30", "08:00", "08:00"},
		{"EVERY below and FOR", "RESAMPLE EVERY 15m FOR 1h", "30m", "08:15", "08:00", "07:30", "08:30", "08:15"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := mustSchedule(t, c.resample, c.dimension, "")
			now := at(c.now)
			if !s.due(now, at(c.last)) {
				t.Fatal("not due")
			}
			start, end := s.times(now, at(c.last))
			if c.end == "" {
				if end.After(start) {
					t.Errorf("runs from %v to %v", start, end)
				}
			} else if !start.Equal(at(c.start)) || !end.Equal(at(c.end)) {
				t.Errorf("runs from %v to %v, want %s to %s", start, end, c.start, c.end)
			}
			edge := s.edge(now)
			if !edge.Equal(at(c.edge)) {
				t.Errorf("counts as done at %v, want %s", edge, c.edge)
			}
			if s.due(now, edge) || s.due(edge.Add(s.every-1), edge) || !s.due(edge.Add(s.every), edge) {
				t.Error("is not due next at the next edge")
			}
		})
	}
}

// TestTimesInAZone crosses both changes of the clock in Berlin: each day is computed once, from midnight to midnight.
func TestTimesInAZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	s := mustSchedule(t, "", "1d", "tz('Europe/Berlin')")
	for _, from := range []time.Time{time.Date(2024, 3, 28, 0, 0, 0, 0, berlin), time.Date(2024, 10, 24, 0, 0, 0, 0, berlin)} {
		last := from
		for i := range 7 {
			now := s.next(last)
			if want := from.AddDate(0, 0, i+1); !now.Equal(want) {
				t.Fatalf("run %d is at %v, want %v", i, now, want)
			}
			start, end := s.times(now, last)
			if !start.Equal(from.AddDate(0, 0, i)) || !end.Equal(now) || !s.edge(now).Equal(now) {
				t.Errorf("run at %v computes %v to %v, edge %v", now, start, end, s.edge(now))
			}
			last = s.edge(now)
		}
	}
}

// TestCatchUpIsBounded comes back after a year.
func TestCatchUpIsBounded(t *testing.T) {
	s := mustSchedule(t, "", "1m", "")
	now := time.Date(2024, 1, 10, 12, 0, 0, 0, time.UTC)
	start, end := s.times(now, now.AddDate(-1, 0, 0))
	if !end.Equal(now) || end.Sub(start) != maxCatchUp*time.Minute {
		t.Errorf("runs from %v to %v", start, end)
	}
	s = mustSchedule(t, "RESAMPLE FOR 3d", "1m", "")
	if start, end = s.times(now, now.Add(-time.Minute)); end.Sub(start) != 72*time.Hour {
		t.Errorf("with FOR it runs from %v to %v", start, end)
	}
}

// TestEveryGroupIsComputed looks at random times, and checks that all complete groups are covered, in order.
func TestEveryGroupIsComputed(t *testing.T) {
	for i := range 300 {
		seed := uint64(i)
		r := rand.New(rand.NewPCG(seed, 0))
		interval := time.Duration(1+r.IntN(120)) * time.Minute
		s := mustSchedule(t, "", fmt.Sprintf("%dm,%dm", interval/time.Minute, r.IntN(200)-100), "")
		now := time.Date(2024, 1, 10, 0, r.IntN(1000), r.IntN(60), 0, time.UTC)
		var last, covered time.Time
		for range 50 {
			if s.due(now, last) {
				start, end := s.times(now, last)
				last = s.edge(now)
				if end.After(start) {
					if !covered.IsZero() && start.After(covered) {
						t.Fatalf("seed %d: nobody computes %v to %v", seed, covered, start)
					}
					if end.After(now) || now.Sub(end) >= s.interval {
						t.Fatalf("seed %d: at %v the end is %v", seed, now, end)
					}
					covered = end
				}
			}
			now = now.Add(time.Duration(r.IntN(int(3 * interval))))
		}
		if covered.IsZero() {
			t.Fatalf("seed %d: nothing was computed", seed)
		}
	}
}
