package httpapi

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/query"
)

// fakeWriter keeps what it was asked to write and answers with err or do.
type fakeWriter struct {
	mu       sync.Mutex
	requests []ingest.Request
	err      error
	do       func(ctx context.Context, req ingest.Request) error
}

func (f *fakeWriter) Write(ctx context.Context, req ingest.Request) error {
	f.mu.Lock()
	req.Body = append([]byte{}, req.Body...)
	f.requests = append(f.requests, req)
	f.mu.Unlock()
	if f.do != nil {
		return f.do(ctx, req)
	}
	return f.err
}

func (f *fakeWriter) WriteBatch(_ context.Context, req ingest.Request, b *model.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var text []byte
	var w lineproto.BatchWriter
	for _, t := range b.Tables {
		text, _ = w.AppendTable(text, t, lineproto.Nanosecond, func(row int) []byte { return t.NewKeys[row].Key })
	}
	req.Body = text
	f.requests = append(f.requests, req)
	return f.err
}

func (f *fakeWriter) last(t *testing.T) ingest.Request {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.requests) == 0 {
		t.Fatal("nothing was written")
	}
	return f.requests[len(f.requests)-1]
}

// fakeEngine emits results, then returns err. It keeps the last request.
type fakeEngine struct {
	mu       sync.Mutex
	requests []query.Request
	results  []*query.Result
	err      error
	do       func(ctx context.Context, req query.Request, emit func(*query.Result) error) error
}

func (f *fakeEngine) Run(ctx context.Context, req query.Request, emit func(*query.Result) error) error {
	f.mu.Lock()
	f.requests = append(f.requests, req)
	f.mu.Unlock()
	if f.do != nil {
		return f.do(ctx, req, emit)
	}
	for _, r := range f.results {
		if err := emit(r); err != nil {
			return err
		}
	}
	return f.err
}

func (f *fakeEngine) Check(query.Request) error { return f.err }

func (f *fakeEngine) last(t *testing.T) query.Request {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.requests) == 0 {
		t.Fatal("nothing was queried")
	}
	return f.requests[len(f.requests)-1]
}

type fakeText string

func (f fakeText) WriteMetrics(w io.Writer) error { _, err := io.WriteString(w, string(f)); return err }
func (f fakeText) WriteVars(w io.Writer) error    { _, err := io.WriteString(w, string(f)); return err }

type fakeHealth []HealthCheck

func (f fakeHealth) Health(context.Context) []HealthCheck { return f }

// fakeData keeps what it was asked to delete and drops from the catalog alone.
type fakeData struct {
	catalog *catalog.Catalog
	deletes []query.Delete
}

func (f *fakeData) Delete(_ context.Context, d query.Delete) error {
	f.deletes = append(f.deletes, d)
	return nil
}

func (f *fakeData) DropDatabase(_ context.Context, name string) error {
	_, err := f.catalog.DropDatabase(name)
	return err
}

func (f *fakeData) DropPolicy(_ context.Context, database, policy string) error {
	_, err := f.catalog.DropPolicy(database, policy)
	return err
}

// house is a handler with everything behind it faked.
type house struct {
	*Handler
	writer *fakeWriter
	engine *fakeEngine
	data   *fakeData // nil: none
	clock  *clock.Manual
	log    *strings.Builder
}

func newHouse(t *testing.T, change ...func(*Options)) *house {
	t.Helper()
	h := &house{writer: &fakeWriter{}, engine: &fakeEngine{}, clock: clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), log: new(strings.Builder)}
	opt := Options{Clock: h.clock, Pprof: true, Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, c := range change {
		c(&opt)
	}
	var err error
	if h.Handler, err = New(opt); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Handler.Close)
	h.Attach(Backend{Writer: h.writer, Engine: h.engine, Metrics: fakeText("timberline_up 1\n"), Vars: fakeText(`{"a":1}`)})
	return h
}

// ask sends a request with headers given as pairs.
func (h *house) ask(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	var r *http.Request
	if body == "" {
		r = httptest.NewRequest(method, target, nil)
	} else {
		r = httptest.NewRequest(method, target, strings.NewReader(body))
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// want compares status and body.
func want(t *testing.T, w *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	if w.Code != status || w.Body.String() != body {
		t.Errorf("got  %d %q\nwant %d %q", w.Code, w.Body.String(), status, body)
	}
}

func wantHeaders(t *testing.T, w *httptest.ResponseRecorder, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := strings.Join(w.Header().Values(pairs[i]), "|"); got != pairs[i+1] {
			t.Errorf("header %s is %q, want %q", pairs[i], got, pairs[i+1])
		}
	}
}

// askReader is ask with a body whose length is not told.
func (h *house) askReader(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, io.MultiReader(strings.NewReader(body)))
	r.ContentLength = -1
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

type discardWriter struct{}

func (discardWriter) WriteBatch(context.Context, ingest.Request, *model.Batch) error { return nil }

func (discardWriter) Write(context.Context, ingest.Request) error { return nil }
