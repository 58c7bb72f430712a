package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/timberlinedb/timberline/catalog"
)

// Handler serves the endpoints. It is an http.Handler; its methods may be
// called concurrently.
//
// Its goroutines are the queries that clients asked to be run without waiting
// for the answer; Close stops them.
type Handler struct {
	opt      Options
	started  time.Time
	router   http.Handler
	backend  atomic.Pointer[Backend]
	bodies   *bodyReader
	throttle *throttle
	ids      *requestIDs
	counters counters
	tracker  requestTracker
	doorman  *doorman

	background context.Context // of asynchronous queries
	stop       context.CancelFunc
	async      sync.WaitGroup
}

// New returns a handler that answers 503 until a backend is attached.
func New(opt Options) (*Handler, error) {
	opt.EnsureDefaults()
	if err := opt.Validate(); err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	h := &Handler{
		opt:      opt,
		started:  opt.Clock.Now(),
		bodies:   &bodyReader{limits: opt.Limits, memory: opt.Memory},
		throttle: newThrottle(opt.Limits, opt.Clock),
		ids:      newRequestIDs(),
		doorman:  newDoorman(&opt),
	}
	table := h.Endpoints()
	if err := checkTable(table); err != nil {
		return nil, fmt.Errorf("http: %w", err)
	}
	h.background, h.stop = context.WithCancel(context.Background())
	h.router = newRouter(table, h.guard)
	return h, nil
}

// Attach begins to serve b.
func (h *Handler) Attach(b Backend) { h.backend.Store(&b) }

// snapshot returns what there is of databases and users now, nil when nothing is attached that knows.
func (h *Handler) snapshot() *catalog.Snapshot {
	b := h.attached()
	switch {
	case b.Catalog != nil:
		return b.Catalog.Snapshot()
	case b.Users != nil:
		return b.Users.Snapshot()
	}
	return nil
}

// Detach ends serving: requests that come later are answered 503.
func (h *Handler) Detach() { h.backend.Store(nil) }

// Close stops asynchronous queries and waits for them.
func (h *Handler) Close() {
	h.stop()
	h.async.Wait()
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := h.opt.Clock.Now()
	rec := &recorder{ResponseWriter: w}
	h.counters.begin()
	id := h.ids.of(r, start)
	h.setCommonHeaders(rec.Header(), r, id)
	defer func() {
		if p := recover(); p != nil {
			h.panicked(rec, r, id, p)
		}
		took := h.opt.Clock.Now().Sub(start)
		h.counters.finish(rec.statusCode(), took)
		if h.opt.AccessLog {
			h.logRequest(r, rec, id, took)
		}
	}()
	if h.backend.Load() == nil && r.URL.Path != "/ping" && r.URL.Path != "/health" {
		serveStarting(rec)
		return
	}
	if idle := h.opt.Limits.ReadIdle; idle > 0 && r.ContentLength != 0 {
		// For requests that are refused before their body is read: net/http reads
		// it before it answers. Connections without deadlines go without.
		http.NewResponseController(w).SetReadDeadline(time.Now().Add(idle))
	}
	h.router.ServeHTTP(rec, r)
}

// setCommonHeaders sets what every answer carries.
func (h *Handler) setCommonHeaders(to http.Header, r *http.Request, id string) {
	to["X-Influxdb-Version"] = []string{h.opt.Version}
	to["X-Influxdb-Build"] = []string{"OSS"}
	to["X-Request-Id"] = []string{id}
	to["Request-Id"] = []string{id}
	if origin := r.Header.Get("Origin"); origin != "" {
		to.Set("Access-Control-Allow-Origin", origin)
		to.Set("Access-Control-Allow-Methods", "DELETE, GET, OPTIONS, POST, PUT, PATCH")
		to.Set("Access-Control-Allow-Headers", "Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, User-Agent, X-CSRF-Token, X-HTTP-Method-Override")
		to.Set("Access-Control-Expose-Headers", "Date, X-InfluxDB-Version, X-InfluxDB-Build")
		to.Set("Vary", "Origin")
	}
}

// panicked logs a bug and answers 500 when nothing was sent yet. Otherwise it
// breaks the connection, so that the client does not take the answer for whole.
func (h *Handler) panicked(rec *recorder, r *http.Request, id string, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint // net/http knows the value itself
		panic(p)
	}
	h.counters.panics.Add(1)
	h.opt.Log.Error("request panicked", "method", r.Method, "path", r.URL.Path, "request_id", id,
		"panic", fmt.Sprint(p), "stack", string(bytes.TrimSpace(debug.Stack())))
	if rec.status != 0 {
		panic(http.ErrAbortHandler)
	}
	clear(rec.Header())
	h.setCommonHeaders(rec.Header(), r, id)
	f := failure{status: http.StatusInternalServerError, text: "internal error: the request failed by a fault of the server, see its log for request " + id}
	if speaksV2(r.URL.Path) {
		writeFailureV2(rec, f)
		return
	}
	writeFailure(rec, f)
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int // 0: nothing yet
	bytes  int64
}

// WriteHeader sends the status and remembers it.
func (rec *recorder) WriteHeader(status int) {
	if rec.status == 0 && status >= 200 {
		rec.status = status
	}
	rec.ResponseWriter.WriteHeader(status)
}

// Write sends a piece of the answer.
func (rec *recorder) Write(p []byte) (int, error) {
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	n, err := rec.ResponseWriter.Write(p)
	rec.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

func (rec *recorder) statusCode() int {
	if rec.status == 0 {
		return http.StatusOK
	}
	return rec.status
}

// clientAddress returns the address that a request came from, without the port.
func clientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
