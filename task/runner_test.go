package task

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/query"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeEngine keeps the statements that it is given and fails when told to.
type fakeEngine struct {
	ran  []string
	err  error // of the statement
	fail error // of the request
}

func (f *fakeEngine) RunParsed(_ context.Context, q *influxql.Query, req query.Request, emit func(*query.Result) error) error {
	if req.User != nil || req.Database != "db" {
		return fmt.Errorf("asked by %v in %q", req.User, req.Database)
	}
	f.ran = append(f.ran, q.Statements[0].String())
	if f.fail != nil {
		return f.fail
	}
	return emit(&query.Result{Err: f.err, Series: []*query.Series{{Name: "result", Columns: []string{"time", "written"}, Rows: 1,
		Values: []query.Column{{Kind: query.TimeColumn, Integers: []int64{0}}, {Kind: query.IntegerColumn, Integers: []int64{7}}}}}})
}

// workshop is a runner with what is around it.
type workshop struct {
	*Runner
	t       *testing.T
	files   vfs.FS
	catalog *catalog.Catalog
	engine  *fakeEngine
	clock   *clock.Manual
	log     *strings.Builder
}

const minutely = "CREATE CONTINUOUS QUERY q ON db BEGIN SELECT mean(v) INTO db.autogen.x FROM db.autogen.m WHERE host = 'a' OR host = 'b' GROUP BY time(1m) END"

func newWorkshop(t *testing.T, queries ...string) *workshop {
	t.Helper()
	w := &workshop{t: t, files: vfs.NewMem(), engine: &fakeEngine{}, log: new(strings.Builder),
		clock: clock.NewManual(time.Date(2024, 1, 10, 12, 0, 30, 0, time.UTC))}
	w.start()
	if _, err := w.catalog.CreateDatabase("db", nil); err != nil {
		t.Fatal(err)
	}
	for i, q := range queries {
		if err := w.catalog.CreateContinuousQuery("db", fmt.Sprint("q", i), q); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// start opens the catalog anew, with a runner that knows nothing.
func (w *workshop) start() {
	w.t.Helper()
	var err error
	if w.catalog, err = catalog.Open("/catalog", catalog.Options{FS: w.files}); err != nil {
		w.t.Fatal(err)
	}
	w.Runner = NewRunner(w.catalog, w.engine, Options{Clock: w.clock, LogRuns: true, Log: slog.New(slog.NewTextHandler(w.log, nil))})
}

// after moves the clock and returns what was run then.
func (w *workshop) after(d time.Duration) []string {
	w.clock.Advance(d)
	w.engine.ran = nil
	w.tick(context.Background())
	return w.engine.ran
}

func (w *workshop) want(got []string, spans ...string) {
	w.t.Helper()
	if len(got) != len(spans) {
		w.t.Fatalf("ran %v, want %v", got, spans)
	}
	for i, span := range spans {
		start, end, _ := strings.Cut(span, " ")
		want := fmt.Sprintf("time >= '2024-01-10T%sZ' AND time < '2024-01-10T%sZ'", start, end)
		if !strings.Contains(got[i], want) {
			w.t.Errorf("ran %s, want %s", got[i], want)
		}
	}
}

func TestRuns(t *testing.T) {
	w := newWorkshop(t, minutely)
	w.want(w.after(0))
	w.want(w.after(29 * time.Second))
	got := w.after(time.Second)
	w.want(got, "12:00:00 12:01:00")
	if want := "SELECT mean(v) INTO db.autogen.x FROM db.autogen.m WHERE (host = 'a' OR host = 'b') AND time"; !strings.HasPrefix(got[0], want) {
		t.Errorf("ran %s", got[0])
	}
	w.want(w.after(time.Second))
	w.want(w.after(59*time.Second), "12:01:00 12:02:00")
	w.want(w.after(3*time.Minute), "12:02:00 12:05:00")
	if m := w.Metrics(); m.Succeeded != 3 || m.Failed != 0 {
		t.Errorf("metrics are %+v", m)
	}
	if log := w.log.String(); !strings.Contains(log, "written=7") || !strings.Contains(log, "name=q ") {
		t.Errorf("log is %s", log)
	}
}

// TestAfterAFailure checks that the next run makes up for it.
func TestAfterAFailure(t *testing.T) {
	for _, kind := range []string{"statement", "request"} {
		w := newWorkshop(t, minutely)
		w.after(0)
		if kind == "statement" {
			w.engine.err = errors.New("disk on fire")
		} else {
			w.engine.fail = errors.New("disk on fire")
		}
		w.want(w.after(30*time.Second), "12:00:00 12:01:00")
		w.want(w.after(time.Second))
		w.engine.err, w.engine.fail = nil, nil
		w.want(w.after(59*time.Second), "12:00:00 12:02:00")
		w.want(w.after(time.Minute), "12:02:00 12:03:00")
		if m := w.Metrics(); m.Succeeded != 2 || m.Failed != 1 || !strings.Contains(w.log.String(), "disk on fire") {
			t.Errorf("metrics are %+v, log %s", m, w.log)
		}
	}
}

// TestAfterARestart checks that it goes on where it was, or a little before.
func TestAfterARestart(t *testing.T) {
	w := newWorkshop(t, minutely)
	w.after(0)
	w.want(w.after(30*time.Second), "12:00:00 12:01:00")
	w.save()
	w.start()
	w.want(w.after(10 * time.Second))
	w.start()
	w.want(w.after(50*time.Second), "12:01:00 12:02:00")
	w.start() // that was not stored
	w.want(w.after(0), "12:01:00 12:02:00")
	w.want(w.after(5*time.Minute), "12:02:00 12:07:00")
	w.start() // that was, for a minute had passed
	w.want(w.after(time.Minute), "12:07:00 12:08:00")
}

func TestQueriesComeAndGo(t *testing.T) {
	w := newWorkshop(t, minutely)
	w.after(0)
	w.want(w.after(30*time.Second), "12:00:00 12:01:00")
	if err := w.catalog.DropContinuousQuery("db", "q0"); err != nil {
		t.Fatal(err)
	}
	w.want(w.after(time.Minute))
	if len(w.states) > 0 {
		t.Errorf("%d states are kept", len(w.states))
	}
	if err := w.catalog.CreateContinuousQuery("db", "q0", strings.Replace(minutely, "mean", "max", 1)); err != nil {
		t.Fatal(err)
	}
	w.want(w.after(30 * time.Second))
	if got := w.after(30 * time.Second); len(got) != 1 || !strings.Contains(got[0], "max(v)") {
		t.Errorf("ran %v", got)
	}
}

// TestClockGoesBack checks that a time in the future does not stop a query.
func TestClockGoesBack(t *testing.T) {
	w := newWorkshop(t, minutely)
	w.after(0)
	w.after(24 * time.Hour)
	w.want(w.after(-24 * time.Hour))
	w.want(w.after(30*time.Second), "12:00:00 12:01:00")
}

func TestWhatCannotRun(t *testing.T) {
	w := newWorkshop(t,
		"CREATE CONTINUOUS QUERY r ON db BEGIN SELECT v INTO x FROM m GROUP BY time(1m) END",
		"CREATE CONTINUOUS QUERY n ON db BEGIN SELECT mean(v) INTO x FROM m GROUP BY time(1m, now()) END",
		"SELECT 1", "nonsense", minutely)
	w.after(0)
	w.want(w.after(30*time.Second), "12:00:00 12:01:00")
	if m := w.Metrics(); m.Failed != 4 || m.Succeeded != 1 {
		t.Errorf("metrics are %+v, log %s", m, w.log)
	}
	if !strings.Contains(w.log.String(), "continuous queries must be aggregate queries") {
		t.Errorf("log is %s", w.log)
	}
}

// TestRunEnds runs the goroutine: it works at ticks and stores how far it has come at its end.
func TestRunEnds(t *testing.T) {
	w := newWorkshop(t, minutely)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run(ctx) }()
	for w.Metrics().Succeeded < 2 {
		w.clock.Advance(time.Minute)
		time.Sleep(time.Millisecond)
	}
	stop()
	<-ended
	w.start()
	if q := w.catalog.Snapshot().Database("db").ContinuousQuery("q0"); q.LastRun == 0 {
		t.Error("progress was not stored")
	}
}
