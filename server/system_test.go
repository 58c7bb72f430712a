package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/config"
	"github.com/timberlinedb/timberline/httpapi"
	"github.com/timberlinedb/timberline/index"
	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/tsdb"
	"github.com/timberlinedb/timberline/wal"
)

// testNow is where the clocks of tests begin.
var testNow = time.Date(2024, 1, 10, 12, 0, 0, 0, time.UTC)

// answers runs statements and returns what a client would get.
type answers struct{ handler *httpapi.Handler }

func newAnswers(clk clock.Clock, b httpapi.Backend) (answers, error) {
	h, err := httpapi.New(httpapi.Options{Version: "1.8.10", Clock: clk, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return answers{}, err
	}
	h.Attach(b)
	return answers{h}, nil
}

// statement is one request to /query.
type statement struct {
	database, policy, text string
	chunk                  int
}

func (s statement) String() string {
	return fmt.Sprintf("db=%q rp=%q chunk=%d %s", s.database, s.policy, s.chunk, s.text)
}

func (a answers) ask(s statement) string {
	form := url.Values{"q": {s.text}, "db": {s.database}, "rp": {s.policy}, "epoch": {"ns"}}
	if s.chunk > 0 {
		form.Set("chunked", "true")
		form.Set("chunk_size", fmt.Sprint(s.chunk))
	}
	req := httptest.NewRequest(http.MethodPost, "/query", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	a.handler.ServeHTTP(rec, req)
	if rec.Code >= 500 {
		return fmt.Sprintf("status %d: %s", rec.Code, rec.Body)
	}
	return rec.Body.String()
}

// system is the real thing without a listener, on files and a clock of the test.
type system struct {
	answers
	*Server
	files  vfs.FS
	manual *clock.Manual
	news   *news
}

// news keeps the damage that storage reports.
type news struct {
	mu     sync.Mutex
	damage []string
}

func (n *news) corrupted(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.damage = append(n.damage, err.Error())
}

func (n *news) list() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.damage...)
}

// smallOptions make flushes, merges, checkpoints and new segments happen all
// the time.
func smallOptions() tsdb.Options {
	return tsdb.Options{
		Budget:          budget.New(0),
		WAL:             wal.Options{SegmentBytes: 16 << 10},
		Index:           index.Options{CheckpointSeries: 8, RebuildSeries: 16, SegmentBytes: 1 << 10},
		CacheLimit:      32 << 20,
		CacheFlushBytes: 4 << 20,
		ShardCacheBytes: 48 << 10,
		FlushAge:        time.Hour,
		FrameBytes:      2 << 10,
	}
}

const dataDir = "/data"

func openSystem(files vfs.FS, clk *clock.Manual, opt tsdb.Options) (*system, error) {
	return openSystemIn(dataDir, files, clk, opt)
}

func openSystemIn(dir string, files vfs.FS, clk *clock.Manual, opt tsdb.Options) (*system, error) {
	s := &system{files: files, manual: clk, news: &news{}}
	opt.Events.Corrupted = s.news.corrupted
	s.Server = &Server{
		log: slog.New(slog.DiscardHandler),
		cfg: config.Config{Data: config.Data{Dir: dir}}, fs: files, clock: clk,
	}
	err := s.openStorage(context.Background(), opt)
	if err == nil {
		s.answers, err = newAnswers(clk, httpapi.Backend{Writer: s.writer, Engine: s.engine})
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *system) close() error {
	if s.answers.handler != nil {
		s.answers.handler.Close()
	}
	return s.Server.Close(context.Background())
}

func mustOpen(t testing.TB, files vfs.FS, clk *clock.Manual, opt tsdb.Options) *system {
	t.Helper()
	s, err := openSystem(files, clk, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// put writes line protocol in nanoseconds.
func (s *system) put(database, policy, lines string) error {
	return s.writer.Write(context.Background(), ingest.Request{
		Database: database, Policy: policy, Precision: lineproto.Nanosecond, Body: []byte(lines), Client: "192.0.2.1",
	})
}

func (s *system) enforceRetention() {
	r := &retention{catalog: s.catalog, storage: s.storage, clock: s.clock, log: s.log}
	r.enforce(context.Background())
}

// mustAsk fails the test when an answer has an error.
func (s *system) mustAsk(t testing.TB, database, text string) string {
	t.Helper()
	a := s.ask(statement{database: database, text: text})
	if strings.Contains(a, `"error"`) || strings.HasPrefix(a, "status") {
		t.Fatalf("%s: %s", text, a)
	}
	return a
}
