package monitor

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
)

// Keeper stores what a Recorder records.
type Keeper interface {
	// Prepare makes the database and its retention policy when they are not
	// there. It is called before every write, since people drop databases.
	Prepare(database, policy string) error
	// Keep stores lines of line protocol with timestamps in nanoseconds. The
	// lines are not kept after it returns.
	Keep(ctx context.Context, database, policy string, lines []byte) error
}

// RecorderOptions configures a Recorder.
type RecorderOptions struct {
	Database string        // required
	Policy   string        // required
	Every    time.Duration // positive; also the time that one recording may take
	Hostname string        // value of the tag hostname; empty: no such tag
	Clock    clock.Clock   // required
	Log      *slog.Logger  // required
}

// maxRecordedPoints bounds what one recording writes, whatever the number of
// shards is.
const maxRecordedPoints = 50_000

// maxRecordedBytes is the size from which on lines are handed over.
const maxRecordedBytes = 1 << 20

// Recorder writes the statistics of a monitor to a database, as InfluxDB 1.x
// does with its _internal: a point a statistic, measurement, tags and fields as
// in /debug/vars, at the even times of its interval.
//
// It never tries again and holds nothing back: what a full disk or a busy
// server refuses is counted, and the next recording is of its own time.
type Recorder struct {
	monitor *Monitor
	keeper  Keeper
	opt     RecorderOptions

	points, failures, dropped atomic.Int64
	failing                   bool // of the goroutine of Run: a recording failed, and there were not calmRecordings behind it
	calm                      int  // of the same: recordings that worked since one failed
}

// NewRecorder returns a recorder of the statistics of m.
func NewRecorder(m *Monitor, keeper Keeper, opt RecorderOptions) *Recorder {
	r := &Recorder{monitor: m, keeper: keeper, opt: opt}
	m.Register(r)
	return r
}

// Collect tells how many points were recorded. It implements Source.
func (r *Recorder) Collect(c *Collector) {
	c.Counter("recorded_points_total", "Statistics that were written to the database of the monitor.", float64(r.points.Load()))
	c.Counter("recording_failures_total", "Recordings of statistics that were not stored, or only in part.", float64(r.failures.Load()))
	c.Counter("recorded_points_dropped_total", "Statistics that were not written, because of a failure or because they are too many.", float64(r.dropped.Load()))
}

// Run records at every even time of the interval until ctx ends. It is the body
// of one goroutine.
func (r *Recorder) Run(ctx context.Context) {
	for {
		now := r.opt.Clock.Now()
		next := now.Truncate(r.opt.Every).Add(r.opt.Every)
		select {
		case <-ctx.Done():
			return
		case <-r.opt.Clock.After(next.Sub(now)):
			r.told(r.Record(ctx, next))
		}
	}
}

// Record writes the statistics of now with the timestamp at. It tries to write
// all of them and returns the first error.
func (r *Recorder) Record(ctx context.Context, at time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, r.opt.Every)
	defer cancel()
	statistics := r.monitor.Statistics()
	if len(statistics) > maxRecordedPoints {
		r.dropped.Add(int64(len(statistics) - maxRecordedPoints))
		statistics = statistics[:maxRecordedPoints]
	}
	err := r.keeper.Prepare(r.opt.Database, r.opt.Policy)
	if err != nil {
		r.failures.Add(1)
		r.dropped.Add(int64(len(statistics)))
		return err
	}
	var lines []byte
	points := 0
	flush := func() {
		failed := r.keeper.Keep(ctx, r.opt.Database, r.opt.Policy, lines)
		if failed == nil {
			r.points.Add(int64(points))
		} else {
			r.dropped.Add(int64(points))
		}
		if err == nil {
			err = failed
		}
		lines, points = lines[:0], 0
	}
	for i := range statistics {
		before := len(lines)
		if lines = statistics[i].appendLine(lines, r.opt.Hostname, at.UnixNano()); len(lines) > before {
			points++
		}
		if len(lines) >= maxRecordedBytes {
			flush()
		}
	}
	if points > 0 {
		flush()
	}
	if err != nil {
		r.failures.Add(1)
	}
	return err
}

// calmRecordings is how many recordings in a row must work until failures count as over.
const calmRecordings = 30

// told logs when recording begins or ceases to fail, not every failure: a full
// disk lasts, and while it does what is small may still find room now and then.
func (r *Recorder) told(err error) {
	switch {
	case err != nil && !r.failing:
		r.opt.Log.Warn("statistics of the server are not recorded", "database", r.opt.Database, "error", err)
		r.failing, r.calm = true, 0
	case err != nil:
		r.calm = 0
	case r.failing:
		if r.calm++; r.calm >= calmRecordings {
			r.opt.Log.Info("statistics of the server are recorded again", "database", r.opt.Database)
			r.failing = false
		}
	}
}
