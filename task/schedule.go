package task

import (
	"errors"
	"time"

	"github.com/timberlinedb/timberline/influxql"
)

// errNotAggregate says that a continuous query has nothing to do at intervals.
var errNotAggregate = errors.New("continuous queries must be aggregate queries")

// maxCatchUp is how many groups a run makes up for at most. What is older was
// missed for good; a run over any length of time would not end.
const maxCatchUp = 1000

// schedule says when a continuous query runs and over which time.
type schedule struct {
	interval time.Duration  // of GROUP BY time(interval, offset)
	offset   time.Duration  // less than interval
	every    time.Duration  // between runs
	span     time.Duration  // how far back from a run its groups are computed again
	zone     *time.Location // of tz()
}

// newSchedule returns the schedule of a statement.
func newSchedule(stmt *influxql.CreateContinuousQueryStatement) (schedule, error) {
	s := schedule{zone: time.UTC}
	if stmt.Source.Location != nil {
		s.zone = stmt.Source.Location
	}
	if stmt.Source.IsRawQuery {
		return s, errNotAggregate
	}
	var err error
	if s.interval, err = stmt.Source.GroupByInterval(); err != nil {
		return s, err
	}
	if s.interval <= 0 {
		return s, errNotAggregate
	}
	if s.offset, err = stmt.Source.GroupByOffset(); err != nil {
		return s, err
	}
	s.every = s.interval
	if stmt.ResampleEvery > 0 {
		s.every = stmt.ResampleEvery
	}
	s.span = max(s.interval, s.every)
	if stmt.ResampleFor > 0 {
		s.span = stmt.ResampleFor
	}
	return s, nil
}

// due reports whether a run is due at now when the last one was at last; zero
// says that there was none.
func (s *schedule) due(now, last time.Time) bool {
	return last.IsZero() || !s.next(last).After(now)
}

// next returns the time of the run after the one at last. Where the clock of
// the zone is changed, it keeps to the hour.
func (s *schedule) next(last time.Time) time.Time {
	last = last.In(s.zone)
	next := last.Add(s.every)
	_, before := last.Add(-1).Zone()
	_, after := next.Add(-1).Zone()
	if moved := time.Duration(before-after) * time.Second; moved.Abs() < s.every {
		next = next.Add(moved)
	}
	return next
}

// edge returns the time at which a run at now counts as done.
func (s *schedule) edge(now time.Time) time.Time {
	return truncate(now.In(s.zone).Add(-s.offset), s.every).Add(s.offset)
}

// times returns what a run at now computes, from start up to but not at end,
// when the last one that succeeded was at last. There may be nothing yet: end
// is not after start then.
func (s *schedule) times(now, last time.Time) (start, end time.Time) {
	from := now.In(s.zone)
	if !last.IsZero() {
		from = s.next(last)
	}
	ahead := s.interval - min(s.every, s.interval) // a group that has begun is computed, too, when runs are more frequent
	start = truncate(from.Add(s.interval-s.span-s.offset-1), s.interval).Add(s.offset)
	end = truncate(now.In(s.zone).Add(ahead-s.offset), s.interval).Add(s.offset)
	if oldest := end.Add(-max(s.span, maxCatchUp*s.interval)); start.Before(oldest) {
		start = truncate(oldest.Add(-s.offset), s.interval).Add(s.offset)
	}
	return start, end
}

// truncate returns the last multiple of d, counted from the epoch on the clock
// of t's zone, that is not after t.
func truncate(t time.Time, d time.Duration) time.Time {
	zone := zoneOf(t)
	rest := (t.UnixNano() + int64(zone)) % int64(d)
	if rest < 0 {
		rest += int64(d)
	}
	down := time.Unix(0, t.UnixNano()-rest).In(t.Location())
	if moved := zone - zoneOf(down); moved != 0 && moved.Abs() < d {
		down = down.Add(moved)
	}
	return down
}

func zoneOf(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}
