package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/query"
)

// Catalog knows the continuous queries and how far they have come.
type Catalog interface {
	Snapshot() *catalog.Snapshot
	SetLastRuns([]catalog.Run) error
}

// Engine runs statements.
type Engine interface {
	RunParsed(ctx context.Context, q *influxql.Query, req query.Request, emit func(*query.Result) error) error
}

// Options are the settings of a runner.
type Options struct {
	Clock clock.Clock   // nil: clock.System
	Every time.Duration // how often to look for what is due; 0: 1 s
	// SaveEvery is how often it is stored how far queries have come; 0: a minute. What was not stored is computed again
	// after a crash.
	SaveEvery time.Duration
	Log       *slog.Logger // nil: slog.Default
	LogRuns   bool         // tell of runs that succeed, too
}

// EnsureDefaults fills in what is empty.
func (o *Options) EnsureDefaults() {
	if o.Clock == nil {
		o.Clock = clock.System
	}
	if o.Every == 0 {
		o.Every = time.Second
	}
	if o.SaveEvery == 0 {
		o.SaveEvery = time.Minute
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
}

// Runner runs continuous queries when they are due, one after the other.
type Runner struct {
	catalog Catalog
	engine  Engine
	opt     Options

	succeeded, failed atomic.Int64

	// What follows belongs to the goroutine that calls Run.

	states map[key]*state
	saved  time.Time // when progress was stored last
}

// key names a continuous query. A database that was made anew is another one.
type key struct {
	database uint32
	name     string
}

// state is what a runner knows of a continuous query.
type state struct {
	query    string // its text
	stmt     *influxql.CreateContinuousQueryStatement
	schedule schedule
	broken   error // why it can never run

	tried time.Time // the edge of the last run; zero: none
	done  time.Time // the edge of the last run that succeeded
	dirty bool      // done is not stored yet
}

// Metrics are the counters of a runner since it was made.
type Metrics struct {
	Succeeded, Failed int64 // runs
}

// NewRunner returns a runner.
func NewRunner(cat Catalog, engine Engine, opt Options) *Runner {
	opt.EnsureDefaults()
	return &Runner{catalog: cat, engine: engine, opt: opt, states: map[key]*state{}, saved: opt.Clock.Now()}
}

// Metrics returns the counters.
func (r *Runner) Metrics() Metrics {
	return Metrics{Succeeded: r.succeeded.Load(), Failed: r.failed.Load()}
}

// Run runs what is due until ctx ends. It is the body of one goroutine.
func (r *Runner) Run(ctx context.Context) {
	ticker := r.opt.Clock.NewTicker(r.opt.Every)
	defer ticker.Stop()
	defer r.save()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
			r.tick(ctx)
		}
	}
}

// tick runs what is due now.
func (r *Runner) tick(ctx context.Context) {
	now := r.opt.Clock.Now()
	seen := map[key]bool{}
	for _, db := range r.catalog.Snapshot().Databases {
		for _, q := range db.ContinuousQueries {
			if ctx.Err() != nil {
				return
			}
			k := key{db.ID, q.Name}
			seen[k] = true
			r.runIfDue(ctx, db.Name, r.state(k, db.Name, q), now)
		}
	}
	if now.Sub(r.saved) >= r.opt.SaveEvery {
		r.save()
	}
	for k := range r.states {
		if !seen[k] {
			delete(r.states, k)
		}
	}
}

// state returns what is known of a continuous query, and begins anew when its text is another one.
func (r *Runner) state(k key, database string, q catalog.ContinuousQuery) *state {
	if s := r.states[k]; s != nil && s.query == q.Query {
		return s
	}
	s := &state{query: q.Query}
	r.states[k] = s
	if q.LastRun != 0 {
		s.tried = time.Unix(0, q.LastRun).UTC()
		s.done = s.tried
	}
	s.stmt, s.broken = parse(q.Query)
	if s.broken == nil {
		s.schedule, s.broken = newSchedule(s.stmt)
	}
	if s.broken != nil {
		r.failed.Add(1)
		r.opt.Log.Warn("continuous query cannot be run", "database", database, "name", q.Name, "error", s.broken)
	}
	return s
}

func parse(text string) (*influxql.CreateContinuousQueryStatement, error) {
	q, err := influxql.NewParser(text).ParseQuery()
	if err != nil {
		return nil, err
	}
	if len(q.Statements) == 1 {
		if stmt, ok := q.Statements[0].(*influxql.CreateContinuousQueryStatement); ok {
			return stmt, nil
		}
	}
	return nil, fmt.Errorf("%q is not a continuous query", text)
}

// runIfDue runs a continuous query if its time has come. A run that fails is made up for by the next one.
func (r *Runner) runIfDue(ctx context.Context, database string, s *state, now time.Time) {
	if s.broken != nil {
		return
	}
	if s.tried.After(now) { // the clock was wrong, then or now
		s.tried, s.done = time.Time{}, time.Time{}
	}
	if !s.schedule.due(now, s.tried) {
		return
	}
	start, end := s.schedule.times(now, s.done)
	s.tried = s.schedule.edge(now)
	if !end.After(start) {
		s.succeed()
		return
	}
	log := r.opt.Log.With("database", database, "name", s.stmt.Name, "start", start.UTC(), "end", end.UTC())
	began := r.opt.Clock.Now()
	written, err := r.execute(ctx, database, s.stmt.Source, start, end)
	if err != nil {
		if ctx.Err() == nil {
			r.failed.Add(1)
			log.Warn("continuous query failed", "error", err)
		}
		return
	}
	s.succeed()
	r.succeeded.Add(1)
	if r.opt.LogRuns {
		log.Info("continuous query was run", "written", written, "took", r.opt.Clock.Now().Sub(began))
	}
}

func (s *state) succeed() {
	s.done, s.dirty = s.tried, true
}

// execute computes a statement over a time and returns the number of points that it wrote.
func (r *Runner) execute(ctx context.Context, database string, source *influxql.SelectStatement, start, end time.Time) (written int64, err error) {
	stmt := source.Clone()
	stmt.SetTimeRange(start, end)
	q := &influxql.Query{Statements: influxql.Statements{stmt}}
	var failures []error
	err = r.engine.RunParsed(ctx, q, query.Request{Text: stmt.String(), Database: database}, func(res *query.Result) error {
		if res.Err != nil {
			failures = append(failures, res.Err)
		}
		for _, s := range res.Series {
			written += lastInteger(s)
		}
		return nil
	})
	return written, errors.Join(append(failures, err)...)
}

// lastInteger returns the number in the last column of the answer to SELECT … INTO.
func lastInteger(s *query.Series) int64 {
	if len(s.Values) > 0 {
		if c := s.Values[len(s.Values)-1]; c.Kind == query.IntegerColumn && len(c.Integers) > 0 {
			return c.Integers[0]
		}
	}
	return 0
}

// save stores how far queries have come. What cannot be stored stays for the next time.
func (r *Runner) save() {
	r.saved = r.opt.Clock.Now()
	var runs []catalog.Run
	for _, db := range r.catalog.Snapshot().Databases {
		for _, q := range db.ContinuousQueries {
			if s := r.states[key{db.ID, q.Name}]; s != nil && s.dirty && s.query == q.Query {
				runs = append(runs, catalog.Run{Database: db.Name, Name: q.Name, Query: s.query, LastRun: s.done.UnixNano()})
			}
		}
	}
	if len(runs) == 0 {
		return
	}
	if err := r.catalog.SetLastRuns(runs); err != nil {
		r.opt.Log.Error("progress of continuous queries was not stored", "error", err)
		return
	}
	for _, s := range r.states {
		s.dirty = false
	}
}
