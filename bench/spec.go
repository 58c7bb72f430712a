package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Spec says what is written: its bytes follow from these values alone.
type Spec struct {
	// Workload names what a host writes, one of Workloads. Empty: cpu.
	Workload string `json:"workload"`
	// Hosts is the number of sources, of sensors for the workload sensor; zero: 100.
	Hosts int `json:"hosts"`
	// Interval is the time between two points of a series; zero: 10 s.
	Interval time.Duration `json:"interval_ns"`
	// Duration is the time that the points cover; zero: 24 h. It is not looked
	// at when Rows is set.
	Duration time.Duration `json:"duration_ns"`
	// Rows is the number of lines; zero: as many as Duration needs.
	Rows int64 `json:"rows"`
	// Start is the time of the first points; zero: DefaultStart.
	Start time.Time `json:"start"`
	// Seed of all that is drawn; every value is one.
	Seed uint64 `json:"seed"`
}

// DefaultStart is the time of the first points: fixed, so that a run can be
// repeated to the byte, and at the start of a day, so that hours are whole.
var DefaultStart = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// Bounds of a Spec. Hosts is bounded by the memory that the keys and the state
// of all hosts take.
const (
	maxHosts = 20_000_000
	maxRows  = 1 << 40
)

// EnsureDefaults fills in what is zero.
func (s *Spec) EnsureDefaults() {
	if s.Workload == "" {
		s.Workload = "cpu"
	}
	if s.Hosts == 0 {
		s.Hosts = 100
	}
	if s.Interval == 0 {
		s.Interval = 10 * time.Second
	}
	if s.Duration == 0 {
		s.Duration = 24 * time.Hour
	}
	if s.Start.IsZero() {
		s.Start = DefaultStart
	}
}

// Validate reports the first value that cannot be used.
func (s Spec) Validate() error {
	switch {
	case !slices.Contains(Workloads(), s.Workload):
		return fmt.Errorf("no workload %q, want one of: %s", s.Workload, strings.Join(Workloads(), ", "))
	case s.Hosts < 1 || s.Hosts > maxHosts:
		return fmt.Errorf("%d hosts, want 1 to %d", s.Hosts, maxHosts)
	case s.Interval < time.Microsecond:
		return fmt.Errorf("interval %s, want at least 1µs", s.Interval)
	case s.Rows < 0 || s.Rows > maxRows:
		return fmt.Errorf("%d rows, want 0 to %d", s.Rows, int64(maxRows))
	case s.Rows == 0 && s.Duration < s.Interval:
		return fmt.Errorf("duration %s is less than the interval %s", s.Duration, s.Interval)
	case s.Lines() > maxRows:
		return fmt.Errorf("%d lines, want at most %d: fewer hosts or a shorter duration", s.Lines(), int64(maxRows))
	case s.endsBeyondTime():
		return fmt.Errorf("points from %s on would reach beyond the year 2262", s.Start.Format(time.RFC3339))
	}
	return nil
}

func (s Spec) endsBeyondTime() bool {
	span := float64(s.steps()) * float64(s.Interval)
	first := float64(s.Start.Unix()) * 1e9
	return first < math.MinInt64 || first+span > math.MaxInt64
}

// linesPerStep returns how many lines all hosts write at one timestamp.
func (s Spec) linesPerStep() int64 {
	return int64(s.Hosts) * int64(len(workloads[s.Workload].lines))
}

// steps returns the number of timestamps, a last incomplete one included.
func (s Spec) steps() int64 {
	if s.Rows > 0 {
		per := s.linesPerStep()
		return (s.Rows + per - 1) / per
	}
	return int64(s.Duration / s.Interval)
}

// Lines returns the number of lines that the Spec stands for.
func (s Spec) Lines() int64 {
	if s.Rows > 0 {
		return s.Rows
	}
	if s.steps() > maxRows/s.linesPerStep() {
		return maxRows + 1
	}
	return s.steps() * s.linesPerStep()
}

// End returns the first time after all points that a further step would have.
func (s Spec) End() time.Time { return s.Start.Add(time.Duration(s.steps()) * s.Interval) }

// Series returns the number of series (tag sets) that are written; a host may
// write several lines of one series.
func (s Spec) Series() int64 {
	type key struct{ measurement, lead, tail string }
	distinct := map[key]bool{}
	for _, l := range workloads[s.Workload].lines {
		distinct[key{l.measurement, l.lead, l.tail}] = true
	}
	return min(int64(s.Hosts)*int64(len(distinct)), s.Lines())
}
