package query_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/query"
)

func manyRows(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "m,host=h%d v=%d,w=%di %d\n", i%3, i%17, i, i)
	}
	return b.String()
}

func TestLimits(t *testing.T) {
	tests := []struct {
		opt  query.Options
		text string
		want string
	}{
		{query.Options{MaxSelectSeries: 2}, "SELECT v FROM m", "max-select-series limit exceeded: (3/2)"},
		{query.Options{MaxSelectSeries: 3}, "SELECT v FROM m", ""},
		{query.Options{MaxSelectPoints: 50}, "SELECT v FROM m", "max-select-point limit exceeded: ("},
		{query.Options{MaxSelectPoints: 50}, "SELECT mean(v) FROM m", "max-select-point limit exceeded: ("},
		{query.Options{MaxSelectBuckets: 5}, "SELECT mean(v) FROM m WHERE time >= 0s AND time < 60s GROUP BY time(10s)", "max-select-buckets limit exceeded: (6/5)"},
		{query.Options{MaxSelectBuckets: 6}, "SELECT mean(v) FROM m WHERE time >= 0s AND time < 60s GROUP BY time(10s)", ""},
		{query.Options{MaxQueryBytes: 100}, "SELECT v FROM m", "memory limit exceeded"},
		{query.Options{Memory: budget.New(0).Account("queries", 200)}, "SELECT sum(v) FROM m GROUP BY time(1s)", "memory limit exceeded"},
		{query.Options{MaxQueryBytes: 50_000}, "SELECT median(v) FROM (SELECT v FROM m)", "memory limit exceeded"},
	}
	for _, tt := range tests {
		b := newBench(t, tt.opt)
		b.load(t, "", manyRows(2000))
		var err error
		rerr := b.engine.Run(context.Background(), query.Request{Text: tt.text, Database: "db0"}, func(r *query.Result) error {
			if r.Err != nil {
				err = r.Err
			}
			return nil
		})
		switch {
		case rerr != nil:
			t.Errorf("%s: %v", tt.text, rerr)
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: got error %v, want %q", tt.text, err, tt.want)
		}
		if tt.opt.Memory != nil && tt.opt.Memory.Used() != 0 {
			t.Errorf("%s: %d bytes are still held", tt.text, tt.opt.Memory.Used())
		}
	}
}

// endless is a statement whose answer has no end that a test could wait for.
const endless = "SELECT mean(v) FROM m WHERE time >= 0s AND time < 2000000000s GROUP BY time(1u) fill(1)"

func TestKillAndShowQueries(t *testing.T) {
	b := newBench(t, query.Options{})
	b.load(t, "", manyRows(10))
	var end error
	pieces := 0
	err := b.engine.Run(context.Background(), query.Request{Text: endless, Database: "db0"}, func(r *query.Result) error {
		if r.Err != nil {
			end = r.Err
			return nil
		}
		if pieces++; pieces == 1 {
			running := b.engine.Running()
			if len(running) != 1 || running[0].Text != endless || running[0].Database != "db0" {
				t.Errorf("running: %+v", running)
			}
			return b.engine.Kill(running[0].ID)
		}
		return nil
	})
	if err != nil || !errors.Is(end, query.ErrInterrupted) {
		t.Fatalf("got %v, %v", err, end)
	}
	if n := len(b.engine.Running()); n != 0 {
		t.Errorf("%d queries still run", n)
	}
	if err := b.engine.Kill(1); err == nil || err.Error() != "no such query id: 1" {
		t.Errorf("kill of a query that ended: %v", err)
	}
}

func TestTimeout(t *testing.T) {
	b := newBench(t, query.Options{Timeout: time.Minute})
	b.load(t, "", manyRows(10))
	var end error
	err := b.engine.Run(context.Background(), query.Request{Text: endless, Database: "db0"}, func(r *query.Result) error {
		if r.Err != nil {
			end = r.Err
			return nil
		}
		b.clock.Advance(time.Minute)
		return nil
	})
	if err != nil || !errors.Is(end, query.ErrTimeout) {
		t.Fatalf("got %v, %v", err, end)
	}
}

func TestConcurrencyLimit(t *testing.T) {
	b := newBench(t, query.Options{MaxConcurrent: 1})
	b.load(t, "", manyRows(10))
	run := func(emit func(*query.Result) error) error {
		return b.engine.Run(context.Background(), query.Request{Text: "SELECT v FROM m", Database: "db0"}, emit)
	}
	var inner error
	if err := run(func(*query.Result) error {
		return run(func(r *query.Result) error { inner = r.Err; return nil })
	}); err != nil {
		t.Fatal(err)
	}
	if want := "max-concurrent-queries limit exceeded(1, 1)"; inner == nil || inner.Error() != want {
		t.Errorf("got %v, want %s", inner, want)
	}
	if err := run(func(r *query.Result) error { return r.Err }); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
}

// TestEmitErrorEndsRun checks that what emit returns comes back and that nothing is emitted behind it.
func TestEmitErrorEndsRun(t *testing.T) {
	b := newBench(t, query.Options{})
	b.load(t, "", manyRows(20))
	gone := errors.New("client is gone")
	calls := 0
	err := b.engine.Run(context.Background(), query.Request{Text: "SELECT v FROM m; SELECT v FROM m", Database: "db0", ChunkSize: 3}, func(*query.Result) error {
		calls++
		return gone
	})
	if !errors.Is(err, gone) || calls != 1 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

func TestCancelledContext(t *testing.T) {
	b := newBench(t, query.Options{})
	b.load(t, "", manyRows(20))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var end error
	if err := b.engine.Run(ctx, query.Request{Text: "SELECT v FROM m", Database: "db0"}, func(r *query.Result) error {
		end = r.Err
		return nil
	}); err != nil || !errors.Is(end, query.ErrInterrupted) {
		t.Errorf("got %v, %v", err, end)
	}
}

// TestPieces checks that long series come in pieces that continue each other.
func TestPieces(t *testing.T) {
	b := newBench(t, query.Options{})
	b.load(t, "", manyRows(12_345))
	rows, results, continued := 0, 0, 0
	if err := b.engine.Run(context.Background(), query.Request{Text: "SELECT v, w FROM m", Database: "db0"}, func(r *query.Result) error {
		results++
		for _, s := range r.Series {
			rows += s.Rows
			if s.Continued {
				continued++
			}
			if last := rows == 12_345; s.Partial == last || r.Partial == last {
				t.Errorf("after %d rows: partial %v, %v", rows, s.Partial, r.Partial)
			}
		}
		return r.Err
	}); err != nil {
		t.Fatal(err)
	}
	if rows != 12_345 || results < 2 || continued != results-1 {
		t.Errorf("%d rows in %d results, %d continued", rows, results, continued)
	}
}
