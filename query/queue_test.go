package query_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/query"
)

// holdQuery runs a query that does not end before release is closed; it returns when the query runs.
func holdQuery(t *testing.T, b *bench, release chan struct{}) {
	t.Helper()
	began := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		first := true
		_ = b.engine.Run(context.Background(), query.Request{Text: "SELECT v FROM m", Database: "db0"}, func(*query.Result) error {
			if first {
				first = false
				close(began)
				<-release
			}
			return nil
		})
	}()
	<-began
	t.Cleanup(func() { <-ended })
}

// waitQueued returns when n queries wait.
func waitQueued(t *testing.T, b *bench, n int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); b.engine.Metrics().Queued != n; {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", b.engine.Metrics())
		}
		time.Sleep(time.Millisecond)
	}
}

func answerOf(b *bench, ctx context.Context, text string) error {
	var end error
	if err := b.engine.Run(ctx, query.Request{Text: text, Database: "db0"}, func(r *query.Result) error { end = r.Err; return nil }); err != nil {
		return err
	}
	return end
}

func TestQueue(t *testing.T) {
	b := newBench(t, query.Options{MaxConcurrent: 1, MaxQueued: 2, QueueTimeout: time.Second})
	b.load(t, "", manyRows(10))
	release := make(chan struct{})
	holdQuery(t, b, release)

	answers := make(chan error, 3)
	go func() { answers <- answerOf(b, context.Background(), "SELECT v FROM m") }()
	waitQueued(t, b, 1)
	ctx, gone := context.WithCancel(context.Background())
	go func() { answers <- answerOf(b, ctx, "SELECT v FROM m") }()
	waitQueued(t, b, 2)

	const refused = "max-concurrent-queries limit exceeded(1, 1)"
	if err := answerOf(b, context.Background(), "SELECT v FROM m"); err == nil || err.Error() != refused {
		t.Errorf("behind a full queue: %v, want %s", err, refused)
	}
	if err := answerOf(b, context.Background(), "SHOW QUERIES; SHOW QUERIES"); err != nil {
		t.Errorf("SHOW QUERIES while others run: %v", err)
	}
	gone()
	if err := <-answers; !errors.Is(err, query.ErrInterrupted) {
		t.Errorf("whose client went away: %v", err)
	}
	b.clock.Advance(time.Second)
	if err := <-answers; err == nil || err.Error() != refused {
		t.Errorf("after too long a wait: %v, want %s", err, refused)
	}

	go func() { answers <- answerOf(b, context.Background(), "SELECT v FROM m") }()
	waitQueued(t, b, 1)
	close(release)
	if err := <-answers; err != nil {
		t.Errorf("after its wait: %v", err)
	}
	for range 3 { // no place was lost
		if err := answerOf(b, context.Background(), "SELECT v FROM m"); err != nil {
			t.Error(err)
		}
	}
	if m := b.engine.Metrics(); m.Active != 0 || m.Queued != 0 || m.Refused != 3 || m.Executed != 6 || m.Finished != 6 {
		t.Errorf("metrics: %+v", m)
	}
}

// TestEndsOfTime asks for groups at the first and the last moments that there are.
func TestEndsOfTime(t *testing.T) {
	b := newBench(t, query.Options{MaxFillBuckets: 5000})
	b.load(t, "", "m v=1 -9223372036\nm v=2 9223372036")
	for _, c := range []struct{ text, want string }{
		{"SELECT sum(v) FROM m WHERE time < -9223372000s GROUP BY time(1w) fill(none)",
			`{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","sum"],"values":[[0,1]]}]}]}`},
		{"SELECT sum(v) FROM m WHERE time < -9223372000s GROUP BY time(10s, 3s) fill(none)",
			`{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","sum"],"values":[[0,1]]}]}]}`},
		{"SELECT sum(v) FROM m WHERE time >= -9223372036s AND time < -9223372000s GROUP BY time(10s) ORDER BY time DESC",
			`{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","sum"],"values":[[0,1]]}]}]}`},
		{"SELECT sum(v) FROM m WHERE time >= 9223372000s AND time <= 9223372036854775806 GROUP BY time(10s, 3s)",
			`{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","sum"],"values":[[9223371993,null],[9223372003,null],[9223372013,null],[9223372023,null],[9223372033,2]]}]}]}`},
		{"SELECT sum(v) FROM m GROUP BY time(1s)",
			`"error":"max-fill-buckets limit exceeded: (5120/5000)"}]}`},
		{"SELECT sum(v) FROM m GROUP BY time(1s) ORDER BY time DESC",
			`"error":"max-fill-buckets limit exceeded: (5120/5000)"}]}`},
	} {
		if got := b.ask(t, query.Request{Text: c.text}); !strings.HasSuffix(got, c.want) {
			t.Errorf("%s\n got %.600s\nwant %s", c.text, got, c.want)
		}
	}
}
