package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// shelf is a Keeper in memory.
type shelf struct {
	mu       sync.Mutex
	prepared []string
	lines    []string
	writes   int
	refuse   error
	kept     chan struct{} // gets one a write, when it is not nil
}

func (s *shelf) Prepare(database, policy string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prepared = append(s.prepared, database+"."+policy)
	return nil
}

func (s *shelf) Keep(_ context.Context, _, _ string, lines []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	if s.kept != nil {
		s.kept <- struct{}{}
	}
	if s.refuse != nil {
		return s.refuse
	}
	s.lines = append(s.lines, strings.Split(strings.TrimSuffix(string(lines), "\n"), "\n")...)
	return nil
}

func newTestRecorder(t *testing.T, s *shelf, log *slog.Logger, sources ...Source) *Recorder {
	m, c := testMonitor(t, sources...)
	return NewRecorder(m, s, RecorderOptions{
		Database: "_internal", Policy: "monitor", Every: 10 * time.Second, Hostname: "box one", Clock: c, Log: log,
	})
}

func TestRecordedLines(t *testing.T) {
	s := &shelf{}
	r := newTestRecorder(t, s, slog.New(slog.DiscardHandler), SourceFunc(func(c *Collector) {
		c.Statistic(Statistic{Name: "httpd", Tags: map[string]string{"bind": ":8086", "empty": "", "hostname": "other"}, Values: map[string]any{
			"req": int64(3), "size": uint64(math.MaxUint64), "share": 0.5, "on": true, "text": `a"b`, "none": nil, "nan": math.NaN(),
		}})
		c.Statistic(Statistic{Name: "empty", Values: map[string]any{"nan": math.Inf(1)}})
	}))
	at := time.Unix(1700000000, 0)
	if err := r.Record(context.Background(), at); err != nil {
		t.Fatal(err)
	}
	want := `httpd,bind=:8086,hostname=box\ one on=true,req=3i,share=0.5,size=9223372036854775807i,text="a\"b" 1700000000000000000`
	if !slices.Contains(s.lines, want) {
		t.Errorf("lines lack\n%s\nin\n%s", want, strings.Join(s.lines, "\n"))
	}
	if len(s.lines) != 2 || !strings.HasPrefix(s.lines[0], `runtime,hostname=box\ one Alloc=`) {
		t.Errorf("lines are\n%s", strings.Join(s.lines, "\n"))
	}
	if !slices.Equal(s.prepared, []string{"_internal.monitor"}) || r.points.Load() != 2 {
		t.Errorf("prepared %v, %d points", s.prepared, r.points.Load())
	}
}

func TestRecordingIsBounded(t *testing.T) {
	s := &shelf{}
	r := newTestRecorder(t, s, slog.New(slog.DiscardHandler), SourceFunc(func(c *Collector) {
		for i := range maxRecordedPoints + 10 {
			c.Statistic(Statistic{Name: "shard", Tags: map[string]string{"id": fmt.Sprint(i)}, Values: map[string]any{"diskBytes": int64(i)}})
		}
	}))
	if err := r.Record(context.Background(), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if len(s.lines) != maxRecordedPoints || r.points.Load() != maxRecordedPoints || r.dropped.Load() != 11 { // the runtime's is one more
		t.Errorf("%d lines, %d points, %d dropped", len(s.lines), r.points.Load(), r.dropped.Load())
	}
	if s.writes < 2 {
		t.Errorf("all lines in %d write", s.writes)
	}
}

// TestRecordingOnAFullDisk: nothing waits, nothing is tried again, one line in the log for the whole time.
func TestRecordingOnAFullDisk(t *testing.T) {
	var log strings.Builder
	s := &shelf{refuse: errors.New("no space left for writes")}
	r := newTestRecorder(t, s, slog.New(slog.NewTextHandler(&log, nil)))
	for range 3 {
		r.told(r.Record(context.Background(), time.Unix(1, 0)))
	}
	if s.writes != 3 || r.failures.Load() != 3 || r.dropped.Load() != 3 || r.points.Load() != 0 {
		t.Errorf("%d writes, %d failures, %d dropped, %d points", s.writes, r.failures.Load(), r.dropped.Load(), r.points.Load())
	}
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("log has %d lines:\n%s", n, log.String())
	}
	s.refuse = nil
	r.told(r.Record(context.Background(), time.Unix(1, 0)))
	if len(s.lines) != 1 || strings.Contains(log.String(), "recorded again") {
		t.Errorf("lines %q, log\n%s", s.lines, log.String())
	}
	for range calmRecordings - 2 {
		r.told(nil)
	}
	if strings.Contains(log.String(), "recorded again") {
		t.Errorf("it is over too soon:\n%s", log.String())
	}
	r.told(nil)
	if len(s.lines) != 1 || !strings.Contains(log.String(), "recorded again") {
		t.Errorf("lines %q, log\n%s", s.lines, log.String())
	}
}

func TestRecordingAtEvenTimes(t *testing.T) {
	s := &shelf{kept: make(chan struct{}, 8)}
	m, c := testMonitor(t) // 03:04:05
	r := NewRecorder(m, s, RecorderOptions{Database: "d", Policy: "p", Every: 10 * time.Second, Clock: c, Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }()
	for i := 0; len(s.kept) == 0 && i < 2000; i++ { // the goroutine may not wait yet when the clock moves
		c.Advance(5 * time.Second)
		time.Sleep(time.Millisecond)
	}
	stop()
	<-done
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == 0 {
		t.Fatal("nothing was recorded")
	}
	for _, line := range s.lines {
		if !strings.HasSuffix(line, "0000000000") {
			t.Errorf("line has an odd time: %s", line)
		}
	}
}
