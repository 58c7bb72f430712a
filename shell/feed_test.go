package shell

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
)

// sink is a server that keeps bodies of writes and answers from a list, then with 204.
type sink struct {
	*httptest.Server
	mu      sync.Mutex // guards the fields below
	answers []func(http.ResponseWriter)
	bodies  []string // of writes that were answered with 204
	targets []string
	tries   int
}

func newSink(t *testing.T, answers ...func(http.ResponseWriter)) *sink {
	s := &sink{answers: answers}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) serve(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = z
	}
	text, err := io.ReadAll(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries++
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if len(s.answers) > 0 {
		answer := s.answers[0]
		s.answers = s.answers[1:]
		answer(w)
		return
	}
	s.bodies, s.targets = append(s.bodies, string(text)), append(s.targets, r.URL.RawQuery)
	w.WriteHeader(http.StatusNoContent)
}

func status(code int, header, value, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		if header != "" {
			w.Header().Set(header, value)
		}
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

func lines(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, "m v=%d %d\n", i, i)
	}
	return b.String()
}

func TestWriteLinesInBatches(t *testing.T) {
	for _, packed := range []bool{false, true} {
		s := newSink(t)
		text := "# a comment\n\n" + lines(1, 7) + "m v=\"two\nlines\" 8"
		report, err := WriteLines(t.Context(), connect(t, s.URL), strings.NewReader(text), Points{Database: "d b", Policy: "p", Precision: Seconds}, FeedOptions{BatchPoints: 3, Gzip: packed})
		if err != nil || report != (FeedReport{Points: 8, Batches: 3}) {
			t.Fatalf("got %+v, %v", report, err)
		}
		if got, want := strings.Join(s.bodies, "|"), lines(1, 3)+"|"+lines(4, 6)+"|"+lines(7, 7)+"m v=\"two\nlines\" 8\n"; got != want {
			t.Errorf("bodies are %q, want %q", got, want)
		}
		if s.targets[0] != "db=d+b&precision=s&rp=p" {
			t.Errorf("written to %s", s.targets[0])
		}
	}
}

func TestBatchesEndByBytes(t *testing.T) {
	s := newSink(t)
	if _, err := WriteLines(t.Context(), connect(t, s.URL), strings.NewReader(lines(1, 4)), Points{Database: "d"}, FeedOptions{BatchBytes: 20}); err != nil {
		t.Fatal(err)
	}
	if len(s.bodies) != 2 || s.bodies[0] != lines(1, 2) {
		t.Errorf("bodies are %q", s.bodies)
	}
}

func TestBusyServerGetsTheBatchAgain(t *testing.T) {
	busy := []func(http.ResponseWriter){
		status(503, "Retry-After", "0", `{"error":"timeout"}`), status(429, "", "", ""), status(502, "", "", "<html>bad gateway"),
		func(w http.ResponseWriter) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				conn.Close()
			}
		},
	}
	s := newSink(t, busy...)
	report, err := WriteLines(t.Context(), connect(t, s.URL), strings.NewReader(lines(1, 4)), Points{Database: "d"}, FeedOptions{BatchPoints: 2})
	if err != nil || report.Points != 4 || report.Lost != 0 || report.Retries < 3 || strings.Join(s.bodies, "") != lines(1, 4) {
		t.Errorf("got %+v, %v, bodies %q", report, err, s.bodies)
	}
	s = newSink(t, busy[0])
	report, err = WriteLines(t.Context(), connect(t, s.URL), strings.NewReader(lines(1, 4)), Points{Database: "d"}, FeedOptions{RetryFor: -1})
	if !errors.Is(err, ErrBusy) || report.Lost != 4 || s.tries != 1 {
		t.Errorf("without retries: %+v, %v after %d tries", report, err, s.tries)
	}
}

func TestRefusalsAreToldAndTheRestGoesOn(t *testing.T) {
	s := newSink(t, status(400, "", "", `{"error":"partial write: unable to parse 'x': missing fields\nbeyond retention policy dropped=1"}`), status(500, "", "", ""))
	var told []string
	report, err := WriteLines(t.Context(), connect(t, s.URL), strings.NewReader(lines(1, 10)), Points{Database: "d"},
		FeedOptions{BatchPoints: 4, Refused: func(r Refusal) { told = append(told, r.Error()) }})
	if err != nil || report != (FeedReport{Points: 4, Lost: 6, Batches: 3}) || strings.Join(s.bodies, "") != lines(9, 10) {
		t.Errorf("got %+v, %v, bodies %q", report, err, s.bodies)
	}
	if len(told) != 2 || !strings.HasPrefix(told[0], "lines 1 to 4: partial write") || !strings.HasPrefix(told[1], "lines 5 to 8: 500 ") {
		t.Errorf("told %q", told)
	}
}

func TestHopelessWriteEnds(t *testing.T) {
	for _, code := range []int{401, 403, 404} {
		s := newSink(t, status(code, "", "", `{"error":"no"}`))
		report, err := WriteLines(t.Context(), connect(t, s.URL), strings.NewReader(lines(1, 10)), Points{Database: "d"}, FeedOptions{BatchPoints: 2})
		var e *StatusError
		if !errors.As(err, &e) || e.Status != code || e.Message != "no" || s.tries != 1 && report.Points > 0 {
			t.Errorf("%d: %+v, %v after %d tries", code, report, err, s.tries)
		}
		if len(s.bodies) > 0 {
			t.Errorf("%d: points were written behind the refusal: %q", code, s.bodies)
		}
	}
}

func TestPointsPerSecond(t *testing.T) {
	s := newSink(t)
	begin := time.Unix(0, 0)
	manual := clock.NewManual(begin)
	slow := &waiting{Manual: manual}
	report, err := WriteLines(t.Context(), connect(t, s.URL), strings.NewReader(lines(1, 50)), Points{Database: "d"},
		FeedOptions{BatchPoints: 10, PointsPerSecond: 20, Clock: slow})
	if took := manual.Now().Sub(begin); err != nil || report.Points != 50 || took != 2*time.Second {
		t.Errorf("50 points at 20 per second in batches of 10 took %s, want 2s: %+v, %v", took, report, err)
	}
}

// waiting is a clock whose waits are over at once, their time passed.
type waiting struct{ *clock.Manual }

func (w *waiting) After(d time.Duration) <-chan time.Time {
	c := w.Manual.After(d)
	w.Advance(d)
	return c
}

func TestInterruptedWriteSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := newSink(t, func(w http.ResponseWriter) { cancel(); w.WriteHeader(http.StatusServiceUnavailable) })
	_, err := WriteLines(ctx, connect(t, s.URL), strings.NewReader(lines(1, 5)), Points{Database: "d"}, FeedOptions{})
	if !errors.Is(err, ErrInterrupted) {
		t.Errorf("got %v", err)
	}
}

func TestRefusedPoints(t *testing.T) {
	for message, want := range map[string]int64{
		"partial write: field type conflict: x dropped=3":                           3,
		"unable to parse 'a': x\nunable to parse 'b': y":                            2,
		"partial write: unable to parse 'a': x dropped=0":                           1,
		"partial write: points beyond retention policy dropped=9223372036854775808": 10,
		"something else": 10,
	} {
		if got := refusedPoints(message, 10); got != want {
			t.Errorf("%q: %d, want %d", message, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": time.Second, "3": 3 * time.Second, "0": firstWait, "-1": time.Second, "x": time.Second,
		now.Add(7 * time.Second).Format(http.TimeFormat): 7 * time.Second,
	} {
		if got := retryAfter(text, time.Second, now); got != want {
			t.Errorf("Retry-After %q waits %s, want %s", text, got, want)
		}
	}
}
