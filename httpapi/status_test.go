package httpapi

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestPing(t *testing.T) {
	h := newHouse(t)
	for _, target := range []string{"/ping", "/ping?verbose=", "/ping?verbose=0", "/ping?verbose=false", "/ping?wait_for_leader=3s", "/status"} {
		for _, method := range []string{"GET", "HEAD"} {
			w := h.ask(method, target, "", "Accept-Encoding", "gzip")
			want(t, w, 204, "")
			wantHeaders(t, w, "Content-Type", "application/json", "Content-Encoding", "")
		}
	}
	want(t, h.ask("GET", "/ping?verbose=1", ""), 200, `{"version":"1.8.10"}`+"\n")
}

func TestHealth(t *testing.T) {
	h := newHouse(t)
	w := h.ask("GET", "/health", "")
	want(t, w, 200, `{"checks":[],"durability":"durable","message":"ready for queries and writes","name":"influxdb","status":"pass","version":"1.8.10"}`+"\n")
	if ct := w.Header().Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
		t.Errorf("content type is %s", ct)
	}
	h.Attach(Backend{Health: fakeHealth{{"disk", "pass", ""}, {"log", "fail", "fsync failed"}}})
	want(t, h.ask("GET", "/health", ""), 503, `{"checks":[{"name":"disk","status":"pass"},{"name":"log","status":"fail","message":"fsync failed"}],`+
		`"durability":"durable","message":"log: fsync failed","name":"influxdb","status":"fail","version":"1.8.10"}`+"\n")
	h = newHouse(t, func(o *Options) { o.Commit, o.Durability = "abc", "interval" })
	want(t, h.ask("GET", "/health", ""), 200, `{"checks":[],"commit":"abc","durability":"interval","message":"ready for queries and writes","name":"influxdb","status":"pass","version":"1.8.10"}`+"\n")
}

func TestReady(t *testing.T) {
	h := newHouse(t)
	h.clock.Advance(90 * time.Second)
	want(t, h.ask("GET", "/ready", ""), 200, `{"status":"ready","started":"2026-01-02T03:04:05Z","up":"1m30s"}`+"\n")
}

func TestMetricsAndVars(t *testing.T) {
	h := newHouse(t)
	w := h.ask("GET", "/metrics", "")
	want(t, w, 200, "timberline_up 1\n")
	wantHeaders(t, w, "Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w = h.ask("GET", "/debug/vars", "")
	want(t, w, 200, `{"a":1}`+"\n")
	wantHeaders(t, w, "Content-Type", "application/json; charset=utf-8")
	h.Attach(Backend{Vars: brokenVars{}})
	want(t, h.ask("GET", "/debug/vars", ""), 500, `{"error":"no numbers"}`+"\n")
	want(t, h.ask("GET", "/metrics", ""), 200, "")
}

type brokenVars struct{}

func (brokenVars) WriteVars(io.Writer) error { return errors.New("no numbers") }

func TestDebugRequests(t *testing.T) {
	h := newHouse(t)
	done := make(chan string)
	go func() { done <- h.ask("GET", "/debug/requests?seconds=5", "").Body.String() }()
	for h.tracker.watched.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	h.ask("POST", "/write?db=d", "m f=1")
	h.ask("POST", "/write?db=d", "m f=1")
	h.ask("GET", "/query?q=x", "")
	var got string
	for got == "" { // the watcher may not have asked the clock yet
		h.clock.Advance(5 * time.Second)
		select {
		case got = <-done:
		case <-time.After(time.Millisecond):
		}
	}
	if want := "{\n\"192.0.2.1\": {\"writes\":2,\"queries\":1}\n}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := h.tracker.watched.Load(); n != 0 {
		t.Errorf("%d watches are left", n)
	}
	want(t, h.ask("GET", "/debug/requests?seconds=0", ""), 200, "{\n\n}\n")
	w := h.ask("GET", "/debug/requests?seconds=x", "")
	want(t, w, 400, `{"error":"strconv.ParseInt: parsing \"x\": invalid syntax"}`+"\n")
}

func TestPprof(t *testing.T) {
	h := newHouse(t)
	if w := h.ask("GET", "/debug/pprof/", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "goroutine") {
		t.Errorf("index: %d", w.Code)
	}
	if w := h.ask("GET", "/debug/pprof/heap?debug=1", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "heap profile") {
		t.Errorf("heap: %d %.100s", w.Code, w.Body)
	}
	z, err := gzip.NewReader(h.ask("GET", "/debug/pprof/all", "").Body)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for archive := tar.NewReader(z); ; {
		head, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names[head.Name] = true
	}
	if !names["heap.txt"] || !names["goroutine.txt"] {
		t.Errorf("archive has %v", names)
	}
	closed := newHouse(t, func(o *Options) { o.Pprof = false })
	if w := closed.ask("GET", "/debug/pprof/", ""); w.Code != 404 {
		t.Errorf("switched off: %d", w.Code)
	}
}
