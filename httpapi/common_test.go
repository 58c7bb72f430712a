package httpapi

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/query"
)

// TestEveryAnswer is rules G1, G2, G4, G11 on answers of all kinds.
func TestEveryAnswer(t *testing.T) {
	h := newHouse(t)
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for _, c := range []struct{ method, target string }{
		{"GET", "/ping"}, {"HEAD", "/ping"}, {"POST", "/ping"}, {"GET", "/query"}, {"GET", "/query?q=x"}, {"POST", "/write"},
		{"POST", "/write?db=d"}, {"GET", "/nope"}, {"OPTIONS", "/write"}, {"POST", "/api/v2/write"}, {"GET", "/api/v2/nope"},
		{"GET", "/health"}, {"GET", "/ready"}, {"GET", "/metrics"}, {"GET", "/debug/vars"}, {"GET", "/debug/pprof/cmdline"},
	} {
		w := h.ask(c.method, c.target, "")
		wantHeaders(t, w, "X-Influxdb-Version", "1.8.10", "X-Influxdb-Build", "OSS")
		id := w.Header().Get("X-Request-Id")
		if !uuid.MatchString(id) || w.Header().Get("Request-Id") != id || seen[id] {
			t.Errorf("%s %s: request id %q, %q", c.method, c.target, id, w.Header().Get("Request-Id"))
		}
		seen[id] = true
	}
	wantHeaders(t, h.ask("GET", "/ping", "", "X-Request-Id", "mine", "Request-Id", "other"), "X-Request-Id", "mine", "Request-Id", "mine")
	wantHeaders(t, h.ask("GET", "/ping", "", "Request-Id", "other"), "X-Request-Id", "other", "Request-Id", "other")
}

func TestVersionIsASetting(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Version = "2.7.1" })
	wantHeaders(t, h.ask("GET", "/ping", ""), "X-Influxdb-Version", "2.7.1")
	want(t, h.ask("GET", "/ping?verbose=true", ""), 200, `{"version":"2.7.1"}`+"\n")
	for _, bad := range []string{"v1.8.10", "1.8-community", "1.8.10-ci.3", "4.0", "1.8-relay", "1.8\n"} {
		if _, err := New(Options{Version: bad}); err == nil {
			t.Errorf("version %q was taken", bad)
		}
	}
}

func TestPathsAndMethods(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		method, target string
		status         int
		body           string
		headers        []string
	}{
		{"GET", "/nope", 404, "404 page not found\n", []string{"Content-Type", "text/plain; charset=utf-8"}},
		{"GET", "/", 404, "404 page not found\n", nil},
		{"OPTIONS", "/nope", 404, "404 page not found\n", nil},
		{"PUT", "/query", 405, "Method Not Allowed\n", []string{"Content-Type", "text/plain; charset=utf-8", "Allow", "GET, OPTIONS, POST"}},
		{"HEAD", "/query", 405, "Method Not Allowed\n", nil},
		{"GET", "/write", 405, "Method Not Allowed\n", []string{"Allow", "OPTIONS, POST"}},
		{"POST", "/ping", 405, "Method Not Allowed\n", []string{"Allow", "GET, HEAD, OPTIONS"}},
		{"GET", "/api/v2/nope", 404, `{"code":"not found","message":"path not found","error":"path not found"}` + "\n",
			[]string{"Content-Type", "application/json; charset=utf-8", "X-Platform-Error-Code", "not found"}},
		{"GET", "/api/v2/write", 405, `{"code":"method not allowed","message":"allow: OPTIONS, POST","error":"allow: OPTIONS, POST"}` + "\n",
			[]string{"Allow", "OPTIONS, POST"}},
	} {
		t.Run(c.method+c.target, func(t *testing.T) {
			w := h.ask(c.method, c.target, "")
			want(t, w, c.status, c.body)
			wantHeaders(t, w, c.headers...)
		})
	}
}

// TestRoutesCoverTable checks that each row of the table is served and answers
// OPTIONS.
func TestRoutesCoverTable(t *testing.T) {
	h := newHouse(t)
	h.clock.Advance(0)
	for _, row := range h.Endpoints() {
		target := strings.ReplaceAll(strings.TrimSuffix(row.Path, "*"), ":id", organizationID)
		w := h.ask("OPTIONS", target, "", "Origin", "http://site")
		want(t, w, 200, "")
		if row.Path == "/debug/requests" {
			target += "?seconds=0"
		}
		if w := h.ask(row.Method, target, ""); w.Code == 404 && row.Path != "/api/v2/write" || w.Code == 405 {
			t.Errorf("%s %s: %d %s", row.Method, row.Path, w.Code, w.Body)
		}
	}
}

func TestCORS(t *testing.T) {
	h := newHouse(t)
	for _, target := range []string{"/ping", "/query", "/nope"} {
		wantHeaders(t, h.ask("GET", target, "", "Origin", "http://site:3000"),
			"Access-Control-Allow-Origin", "http://site:3000",
			"Access-Control-Allow-Methods", "DELETE, GET, OPTIONS, POST, PUT, PATCH",
			"Access-Control-Allow-Headers", "Accept, Accept-Encoding, Authorization, Content-Length, Content-Type, User-Agent, X-CSRF-Token, X-HTTP-Method-Override",
			"Access-Control-Expose-Headers", "Date, X-InfluxDB-Version, X-InfluxDB-Build")
	}
	wantHeaders(t, h.ask("GET", "/ping", ""), "Access-Control-Allow-Origin", "", "Access-Control-Allow-Methods", "")
}

// TestStarting is rule G12.
func TestStarting(t *testing.T) {
	h := newHouse(t)
	h.Detach()
	want(t, h.ask("GET", "/ping", ""), 204, "")
	want(t, h.ask("GET", "/health", ""), 503, `{"checks":[],"durability":"durable","message":"starting","name":"influxdb","status":"fail","version":"1.8.10"}`+"\n")
	for _, target := range []string{"/ready", "/query?q=x", "/metrics", "/debug/vars", "/nope"} {
		w := h.ask("GET", target, "")
		want(t, w, 503, `{"status":"starting"}`+"\n")
		wantHeaders(t, w, "Retry-After", "1", "X-Influxdb-Version", "1.8.10")
	}
	want(t, h.ask("POST", "/write?db=d", "m f=1"), 503, `{"status":"starting"}`+"\n")
	if len(h.writer.requests) > 0 {
		t.Error("a write went through")
	}
}

// TestCredentialsAreIgnored sends what clients send by default to servers
// without authentication.
func TestCredentialsAreIgnored(t *testing.T) {
	h := newHouse(t)
	for _, header := range []string{"Basic cm9vdDpyb290", "Token", "Token a:b", "Token abc", "Bearer x.y.z", "Basic !!", "nonsense"} {
		for _, target := range []string{"/write?db=d", "/write?db=d&u=a&p=b", "/api/v2/write?bucket=d"} {
			want(t, h.ask("POST", target, "m f=1", "Authorization", header), 204, "")
		}
		want(t, h.ask("GET", "/query?q=x", "", "Authorization", header), 200, "{}\n")
	}
}

func TestPanic(t *testing.T) {
	h := newHouse(t)
	h.engine.results = []*query.Result{{Series: []*query.Series{{Columns: []string{"time"}, Values: []query.Column{{Kind: query.FloatColumn}}, Rows: 1}}}}
	w := h.ask("GET", "/query?q=x&chunked=true", "", "X-Request-Id", "r1")
	if w.Code != 500 || !strings.Contains(w.Body.String(), `{"error":"internal error`) || !strings.Contains(w.Body.String(), "r1") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	wantHeaders(t, w, "Content-Type", "application/json", "X-Influxdb-Version", "1.8.10", "Content-Encoding", "")
	if !strings.Contains(h.log.String(), "request panicked") || !strings.Contains(h.log.String(), "index out of range") {
		t.Errorf("log is %s", h.log)
	}
	s := h.Statistics()
	if s.RecoveredPanics != 1 || s.ServerErrors != 1 || s.ActiveRequests != 0 {
		t.Errorf("statistics are %+v", s)
	}
}

func TestPanicAfterTheHeader(t *testing.T) {
	h := newHouse(t)
	good := &query.Result{Series: []*query.Series{{Columns: []string{"f"}, Values: []query.Column{{Kind: query.FloatColumn, Floats: []float64{1}}}, Rows: 1}}}
	bad := &query.Result{Series: []*query.Series{nil}}
	h.engine.results = []*query.Result{good, bad}
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // net/http knows the value itself
			t.Errorf("recovered %v, want the connection to be broken", p)
		}
	}()
	h.ask("GET", "/query?q=x&chunked=true", "")
	t.Error("the answer looks complete")
}

func TestAccessLogHasNoPasswords(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.AccessLog = true })
	h.ask("POST", "/query?u=ann&p=hunter2&q=CREATE+USER+x+WITH+PASSWORD+'hunter2'+WITH+ALL+PRIVILEGES", "")
	h.ask("POST", "/query?q=SET+PASSWORD+FOR+%22x%22+=+'hun\\'ter2'", "")
	log := h.log.String()
	if strings.Contains(log, "hunter2") || strings.Contains(log, "ter2") {
		t.Errorf("log has a password: %s", log)
	}
	for _, part := range []string{"user=ann", "method=POST", "status=200", "/query?p=", "request_id="} {
		if !strings.Contains(log, part) {
			t.Errorf("log lacks %s: %s", part, log)
		}
	}
	quiet := newHouse(t)
	quiet.ask("GET", "/ping", "")
	if quiet.log.Len() > 0 {
		t.Errorf("log is %s, want none", quiet.log)
	}
}

func TestStatistics(t *testing.T) {
	h := newHouse(t)
	h.ask("GET", "/ping", "")
	h.ask("GET", "/status", "")
	h.ask("GET", "/nope", "")
	h.ask("POST", "/write?db=d", "m f=1")
	h.ask("POST", "/write", "m f=1")
	h.ask("GET", "/query?q=x", "")
	s := h.Statistics()
	if s.Requests != 6 || s.PingRequests != 1 || s.StatusRequests != 1 || s.ClientErrors != 2 || s.WriteRequests != 2 ||
		s.WriteBytes != 5 || s.QueryRequests != 1 || s.QueryResponseBytes != 3 || s.ActiveRequests != 0 || s.ActiveWrites != 0 {
		t.Errorf("statistics are %+v", s)
	}
	total := int64(0)
	for _, n := range s.WriteLatency.Counts {
		total += n
	}
	if total != 2 || len(s.WriteLatency.Counts) != len(s.WriteLatency.Bounds)+1 {
		t.Errorf("write latency is %+v", s.WriteLatency)
	}
}
