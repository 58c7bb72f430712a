package bench

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serve runs a handler and returns a client of it.
func serve(t *testing.T, target Target, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	target.URL = s.URL
	c, err := NewClient(target, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func small(workload string, rows int64) Spec {
	s := Spec{Workload: workload, Hosts: 10, Rows: rows, Seed: 1}
	s.EnsureDefaults()
	return s
}

// TestWriteSendsEveryLineOnce: over both endpoints, plain and compressed, made
// before and during the run, by one connection and by several.
func TestWriteSendsEveryLineOnce(t *testing.T) {
	spec := small("cpu", 1003)
	whole, _, _ := NewGenerator(spec).Append(nil, 1<<20)
	for _, api := range []API{V1, V2} {
		for _, compress := range []bool{false, true} {
			for _, before := range []bool{false, true} {
				for _, workers := range []int{1, 3} {
					var mu sync.Mutex
					lines, requests := map[string]int{}, 0
					c := serve(t, Target{API: api, Database: "d/p", Org: "o", Token: "secret"}, func(w http.ResponseWriter, r *http.Request) {
						want := "/write?db=d%2Fp&precision=ns"
						if api == V2 {
							want = "/api/v2/write?bucket=d%2Fp&org=o&precision=ns"
						}
						if r.URL.RequestURI() != want || r.Header.Get("Authorization") != "Token secret" {
							t.Errorf("got %s with %q, want %s", r.URL.RequestURI(), r.Header.Get("Authorization"), want)
						}
						body := readBody(t, r)
						mu.Lock()
						defer mu.Unlock()
						requests++
						for _, line := range strings.SplitAfter(body, "\n") {
							lines[line]++
						}
						delete(lines, "")
						w.WriteHeader(http.StatusNoContent)
					})
					report, err := Write(t.Context(), c, source(t, spec, compress, before), WriteOptions{Workers: workers, Gzip: compress})
					if err != nil {
						t.Fatal(err)
					}
					for _, line := range strings.SplitAfter(strings.TrimSuffix(string(whole), "\n"), "\n") {
						if line = strings.TrimSuffix(line, "\n") + "\n"; lines[line] != 1 {
							t.Fatalf("%s was sent %d times", line, lines[line])
						}
					}
					if report.Lines != 1003 || report.Values != 10030 || report.Requests != 11 || requests != 11 || report.PlainBytes != int64(len(whole)) ||
						(report.SentBytes < report.PlainBytes) != compress || len(lines) != 1003 {
						t.Errorf("report %+v of %d requests with %d lines", report, requests, len(lines))
					}
				}
			}
		}
	}
}

func source(t *testing.T, spec Spec, compress, before bool) Source {
	if !before {
		return NewStream(spec, 100, compress)
	}
	load, err := Pregenerate(t.Context(), spec, 100, compress)
	if err != nil || load.Lines != spec.Lines() {
		t.Fatalf("%d lines made, %v", load.Lines, err)
	}
	return load
}

func readBody(t *testing.T, r *http.Request) string {
	var from io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if from, err = gzip.NewReader(r.Body); err != nil {
			t.Error(err)
			return ""
		}
	}
	body, err := io.ReadAll(from)
	if err != nil {
		t.Error(err)
	}
	return string(body)
}

// TestLoadCanBeSentAgain: every peer is given the same bodies.
func TestLoadCanBeSentAgain(t *testing.T) {
	load, err := Pregenerate(t.Context(), small("sensor", 500), 50, false)
	if err != nil {
		t.Fatal(err)
	}
	c := serve(t, Target{}, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for range 2 {
		load.Rewind()
		report, err := Write(t.Context(), c, load, WriteOptions{})
		if err != nil || report.Lines != 500 {
			t.Errorf("%d lines, %v", report.Lines, err)
		}
	}
}

// TestBusyServerIsAskedAgain counts what a server that is sometimes busy answers.
func TestBusyServerIsAskedAgain(t *testing.T) {
	var n atomic.Int64
	c := serve(t, Target{}, func(w http.ResponseWriter, r *http.Request) {
		switch n.Add(1) % 3 {
		case 1:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	var told []Progress
	report, err := Write(t.Context(), c, NewStream(small("cpu", 300), 100, false), WriteOptions{Workers: 1, Progress: func(p Progress) { told = append(told, p) }})
	if err != nil || report.Lines != 300 || report.Retries != 6 || report.Requests != 3 || report.Request.Count != 3 {
		t.Errorf("report %+v, %v; want 300 lines with 6 retries", report, err)
	}
	if last := told[len(told)-1]; last.Done != 300 || last.Retries != 6 {
		t.Errorf("progress ends with %+v", last)
	}
}

func TestBusyForTooLong(t *testing.T) {
	c := serve(t, Target{RetryFor: 50 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, `{"error":"engine: cache is full"}`)
	})
	report, err := Write(t.Context(), c, NewStream(small("cpu", 300), 100, false), WriteOptions{Workers: 1})
	if !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "503 Service Unavailable: engine: cache is full") {
		t.Errorf("got %v", err)
	}
	if report.Lines != 0 || report.UnansweredLines != 100 || report.Retries == 0 || report.Ended == "" {
		t.Errorf("report %+v", report)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{"": time.Second, "3": 3 * time.Second, "0": firstWait, "soon": time.Second, "-4": time.Second,
		now.Add(7 * time.Second).Format(http.TimeFormat): 7 * time.Second} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, time.Second, now); got != want {
			t.Errorf("Retry-After %q: %s, want %s", text, got, want)
		}
	}
}

// TestRefusals: what a server refuses is counted, and ends the run when it
// cannot become better.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		status              int
		text                string
		want                error
		wantText            string
		lines, refused, req int64
	}{
		{400, `{"error":"partial write: points beyond retention policy dropped=30"}`, nil, "", 140, 60, 2},
		{400, `{"error":"partial write: field type conflict: x dropped=100"}`, nil, "", 0, 200, 2},
		{400, `{"error":"unable to parse 'x': missing fields"}`, nil, "", 0, 200, 2},
		{500, `oops`, nil, "", 0, 200, 2},
		{401, `{"error":"authorization failed"}`, ErrCredentials, "401 Unauthorized: authorization failed (give --token", 0, 100, 1},
		{403, `{"code":"forbidden","message":"not \"yours\""}`, ErrCredentials, `403 Forbidden: not "yours"`, 0, 100, 1},
		{404, `{"error":"database not found: \"bench\""}`, ErrRefused, `database not found: "bench" (is there a database`, 0, 100, 1},
		{413, ``, ErrRefused, "413 Request Entity Too Large (try fewer lines", 0, 100, 1},
	} {
		client := serve(t, Target{Username: "u", Password: "p"}, func(w http.ResponseWriter, r *http.Request) {
			if u, p, ok := r.BasicAuth(); !ok || u != "u" || p != "p" {
				t.Errorf("credentials %q %q", u, p)
			}
			w.WriteHeader(c.status)
			io.WriteString(w, c.text)
		})
		report, err := Write(t.Context(), client, NewStream(small("cpu", 200), 100, false), WriteOptions{Workers: 1})
		if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.wantText) {
			t.Errorf("%d %s: got %v, want %q", c.status, c.text, err, c.wantText)
		}
		if report.Lines != c.lines || report.RefusedLines != c.refused || report.Requests != c.req || len(report.Errors) != 1 {
			t.Errorf("%d %s: report %+v", c.status, c.text, report)
		}
	}
}

// TestEndlessRefusalsEnd: a server that takes nothing is not sent everything.
func TestEndlessRefusalsEnd(t *testing.T) {
	c := serve(t, Target{}, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	report, err := Write(t.Context(), c, NewStream(small("cpu", 100000), 100, false), WriteOptions{Workers: 2})
	if !errors.Is(err, ErrRefused) || report.Requests > maxFailuresInARow+2 {
		t.Errorf("%d requests, %v", report.Requests, err)
	}
}

func TestUnreachable(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	c, err := NewClient(Target{URL: s.URL, RetryFor: time.Millisecond}, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ping(t.Context()); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), s.URL) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("ping: %v", err)
	}
	report, err := Write(t.Context(), c, NewStream(small("cpu", 300), 100, false), WriteOptions{Workers: 1})
	if !errors.Is(err, ErrUnreachable) || report.UnansweredLines != 100 {
		t.Errorf("write: %+v, %v", report, err)
	}
}

// TestInterruptedRunReports: the request under way is finished and counted.
func TestInterruptedRunReports(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var n atomic.Int64
	c := serve(t, Target{}, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 3 {
			cancel()
		}
		w.WriteHeader(http.StatusNoContent)
	})
	report, err := Write(ctx, c, NewStream(small("cpu", 100000), 100, false), WriteOptions{Workers: 1})
	if !errors.Is(err, ErrInterrupted) || report.Lines != 300 || report.Ended != "interrupted" {
		t.Errorf("%d lines, ended %q, %v", report.Lines, report.Ended, err)
	}
}

func TestTargetIsChecked(t *testing.T) {
	for want, target := range map[string]Target{
		`url "127.0.0.1:8086"`:     {URL: "127.0.0.1:8086"},
		`url "localhost"`:          {URL: "localhost"},
		`api "v3"`:                 {API: "v3"},
		"a token and a username":   {Token: "t", Username: "u"},
		"want neither below zero":  {Timeout: -1},
		"first path segment in UR": {URL: "1:2"},
	} {
		if _, err := NewClient(target, 1); err == nil || !strings.Contains(err.Error(), want) && want[:3] != "url" {
			t.Errorf("%+v: %v, want %q", target, err, want)
		}
	}
}

func TestCreate(t *testing.T) {
	var seen []string
	c := serve(t, Target{Database: `a"b`}, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.URL.Path+" "+r.FormValue("q"))
		io.WriteString(w, `{"results":[{"statement_id":0}]}`)
	})
	if err := c.Create(t.Context()); err != nil || fmt.Sprint(seen) != `[POST /query CREATE DATABASE "a\"b"]` {
		t.Errorf("sent %q, %v", seen, err)
	}
	for _, answer := range []struct {
		status int
		text   string
		want   error
	}{{200, `{"results":[{"error":"no"}]}`, ErrRefused}, {401, `{"error":"who?"}`, ErrCredentials}, {403, `{"error":"not you"}`, nil}, {404, "", nil}} {
		c := serve(t, Target{}, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(answer.status)
			io.WriteString(w, answer.text)
		})
		if err := c.Create(t.Context()); !errors.Is(err, answer.want) {
			t.Errorf("%d %s: %v", answer.status, answer.text, err)
		}
	}
}

// TestCreateBucket goes through the API of 2.x, and without it falls back to the statement.
func TestCreateBucket(t *testing.T) {
	var made map[string]any
	c := serve(t, Target{API: V2, Database: "b", Org: "second"}, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet && r.URL.Path == "/api/v2/buckets":
			w.WriteHeader(http.StatusNotFound)
		case r.URL.Path == "/api/v2/orgs":
			io.WriteString(w, `{"orgs":[{"id":"01","name":"first"},{"id":"02","name":"second"}]}`)
		case r.Method == http.MethodPost && r.URL.Path == "/api/v2/buckets":
			if err := json.NewDecoder(r.Body).Decode(&made); err != nil {
				t.Error(err)
			}
			w.WriteHeader(http.StatusCreated)
		default:
			t.Errorf("asked for %s", r.URL)
		}
	})
	if err := c.Create(t.Context()); err != nil || made["orgID"] != "02" || made["name"] != "b" {
		t.Errorf("made %v, %v", made, err)
	}
	var statement string
	c = serve(t, Target{API: V2, Database: "b/p"}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/query" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		statement = r.FormValue("q")
		io.WriteString(w, `{"results":[{"statement_id":0}]}`)
	})
	if err := c.Create(t.Context()); err != nil || statement != `CREATE DATABASE "b"` {
		t.Errorf("sent %q, %v", statement, err)
	}
}
