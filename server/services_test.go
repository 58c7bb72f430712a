package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/config"
	"github.com/timberlinedb/timberline/internal/vfs"
)

// running is a server on a free port, as the program would run it.
type running struct {
	*Server
	t   *testing.T
	log *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve opens a server over a directory with settings that differ from the defaults.
func serve(t *testing.T, dir string, change func(*config.Config)) *running {
	t.Helper()
	cfg := config.Default()
	cfg.Data.Dir, cfg.HTTP.BindAddress = dir, "127.0.0.1:0"
	cfg.Data.MemoryLimit = config.MemoryLimit{Size: 1 << 30}
	if change != nil {
		change(&cfg)
	}
	r := &running{t: t, log: new(lockedBuffer)}
	var err error
	r.Server, err = Open(context.Background(), cfg, slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r
}

// do sends a request; user is "name:password" or empty.
func (r *running) do(method, target, user, body string) (status int, answer string) {
	r.t.Helper()
	req, err := http.NewRequest(method, "http://"+r.Addr()+target, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if name, password, ok := strings.Cut(user, ":"); ok {
		req.SetBasicAuth(name, password)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSuffix(string(text), "\n")
}

func (r *running) ask(user, q string) string {
	r.t.Helper()
	_, answer := r.do("POST", "/query?db=d&q="+url.QueryEscape(q), user, "")
	return answer
}

const done = `{"results":[{"statement_id":0}]}`

// TestUsersOfARunningServer goes from the first administrator to grants, through a restart.
func TestUsersOfARunningServer(t *testing.T) {
	dir := t.TempDir()
	auth := func(c *config.Config) { c.HTTP.AuthEnabled, c.HTTP.LogEnabled = true, true }
	s := serve(t, dir, auth)
	if got := s.ask("", "CREATE DATABASE d"); got != `{"error":"error authorizing query: create admin user first or disable authentication"}` {
		t.Errorf("before there is an administrator: %s", got)
	}
	if got := s.ask("", "CREATE USER ad WITH PASSWORD 'c4n4ry' WITH ALL PRIVILEGES"); got != done {
		t.Fatalf("the first administrator: %s", got)
	}
	if got := s.ask("", "CREATE USER x WITH PASSWORD 'x' WITH ALL PRIVILEGES"); got != `{"error":"unable to parse authentication credentials"}` {
		t.Errorf("the second one: %s", got)
	}
	for _, q := range []string{
		"CREATE DATABASE d", "CREATE DATABASE e", "CREATE USER rd WITH PASSWORD 'pw'", "CREATE USER wr WITH PASSWORD 'pw'",
		"GRANT READ ON d TO rd", "GRANT WRITE ON d TO wr",
	} {
		if got := s.ask("ad:c4n4ry", q); got != done {
			t.Fatalf("%s: %s", q, got)
		}
	}
	check := func(s *running) {
		t.Helper()
		for _, c := range []struct {
			method, target, user string
			status               int
			answer               string
		}{
			{"POST", "/write?db=d", "wr:pw", 204, ""},
			{"POST", "/write?db=d", "rd:pw", 403, `{"error":"\"rd\" user is not authorized to write to database \"d\""}`},
			{"POST", "/write?db=e", "wr:pw", 403, `{"error":"\"wr\" user is not authorized to write to database \"e\""}`},
			{"GET", "/query?db=d&q=SELECT+*+FROM+m", "rd:pw", 200, `{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","v"],"values":[["1970-01-01T00:00:00.000000001Z",1]]}]}]}`},
			{"GET", "/query?db=d&q=SELECT+*+FROM+m", "wr:pw", 403, `{"error":"error authorizing query: wr not authorized to execute statement 'SELECT * FROM m', requires READ on d"}`},
			{"GET", "/query?q=SELECT+*+FROM+e..m", "rd:pw", 403, `{"error":"error authorizing query: rd not authorized to execute statement 'SELECT * FROM e..m', requires READ on e"}`},
			{"GET", "/query?q=SHOW+DATABASES", "rd:pw", 200, `{"results":[{"statement_id":0,"series":[{"name":"databases","columns":["name"],"values":[["d"]]}]}]}`},
			{"GET", "/query?q=SHOW+DATABASES", "rd:nope", 401, `{"error":"authorization failed"}`},
			{"GET", "/debug/vars", "rd:pw", 403, `{"error":"error authorizing admin access"}`},
			{"GET", "/ping", "", 204, ""},
		} {
			if status, answer := s.do(c.method, c.target, c.user, "m v=1 1"); status != c.status || answer != c.answer {
				t.Errorf("%s %s by %s: %d %s, want %d %s", c.method, c.target, c.user, status, answer, c.status, c.answer)
			}
		}
	}
	check(s)
	if status, vars := s.do("GET", "/debug/vars", "ad:c4n4ry", ""); status != 200 || !strings.Contains(vars, `"authFail":2`) || strings.Contains(vars, "c4n4ry") {
		t.Errorf("statistics: %d %s", status, vars)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if log := s.log.String(); strings.Contains(log, "c4n4ry") || !strings.Contains(log, "REDACTED") {
		t.Errorf("log is %s", log)
	}
	check(serve(t, dir, auth))
	if b, err := vfs.ReadFile(vfs.OS(), filepath.Join(dir, "catalog", "catalog"), 1<<20); err != nil || bytes.Contains(b, []byte("c4n4ry")) {
		t.Errorf("catalog: %v", err)
	}
}

func TestOpenAddresses(t *testing.T) {
	try := func(address string, auth, allow bool) error {
		cfg := config.Default()
		cfg.Data.Dir, cfg.HTTP.BindAddress, cfg.HTTP.AuthEnabled, cfg.HTTP.AllowOpen = t.TempDir(), address, auth, allow
		s, err := Open(context.Background(), cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		return s.Close(context.Background())
	}
	for _, c := range []struct {
		address     string
		auth, allow bool
		refused     bool
	}{
		{"127.0.0.1:0", false, false, false}, {"localhost:0", false, false, false}, {"127.0.0.2:0", false, false, false},
		{":0", false, false, true}, {"0.0.0.0:0", false, false, true}, {"[::]:0", false, false, true},
		{"db.example.org:0", false, false, true},
		{"0.0.0.0:0", false, true, false}, {"0.0.0.0:0", true, false, true}, {"0.0.0.0:0", true, true, false}, {"127.0.0.1:0", true, false, false},
	} {
		if err := try(c.address, c.auth, c.allow); errors.Is(err, ErrExposed) != c.refused || !c.refused && err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	dir := t.TempDir()
	cat, err := catalog.Open(filepath.Join(dir, "catalog"), catalog.Options{FS: vfs.OS()})
	if err != nil {
		t.Fatal(err)
	}
	if err := cat.CreateUser("ad", "pw", true); err != nil {
		t.Fatal(err)
	}
	serve(t, dir, func(c *config.Config) { c.HTTP.AuthEnabled, c.HTTP.BindAddress = true, "0.0.0.0:0" })
}

// TestContinuousQueriesOfARunningServer waits for a run on the machine's clock.
func TestContinuousQueriesOfARunningServer(t *testing.T) {
	s := serve(t, t.TempDir(), func(c *config.Config) { c.ContinuousQueries.RunInterval = 100 * time.Millisecond })
	if got := s.ask("", "CREATE DATABASE d"); got != done {
		t.Fatal(got)
	}
	const text = "CREATE CONTINUOUS QUERY c ON d RESAMPLE EVERY 1s FOR 1m BEGIN SELECT sum(v) AS v INTO out FROM m GROUP BY time(1s), host END"
	if got := s.ask("", text); got != done {
		t.Fatal(got)
	}
	now := time.Now().Add(-5 * time.Second).Truncate(time.Second)
	body := fmt.Sprintf("m,host=a v=1 %d\nm,host=a v=2 %d\nm,host=b v=5 %d", now.UnixNano(), now.UnixNano()+1, now.UnixNano())
	if status, answer := s.do("POST", "/write?db=d", "", body); status != 204 {
		t.Fatal(answer)
	}
	at := now.UTC().Format(time.RFC3339)
	want := fmt.Sprintf(`{"results":[{"statement_id":0,"series":[{"name":"out","columns":["time","host","v"],"values":[["%s","a",3],["%s","b",5]]}]}]}`, at, at)
	got := ""
	for range 100 {
		if got = s.ask("", "SELECT * FROM out"); got == want {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	_, vars := s.do("GET", "/debug/vars", "", "")
	var statistics map[string]struct{ Values map[string]any }
	json.Unmarshal([]byte(vars), &statistics) // other members have other forms
	if v := statistics["cq"].Values; v["queryOk"] == 0.0 || v["queryFail"] != 0.0 {
		t.Errorf("statistics are %v", v)
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if q := s.catalog.Snapshot().Database("d").ContinuousQuery("c"); q.LastRun == 0 {
		t.Error("how far it has come was not stored")
	}
}

// TestSubscriptionsOfARunningServer sends on what is written, by HTTP and in datagrams.
func TestSubscriptionsOfARunningServer(t *testing.T) {
	requests := make(chan string, 10)
	taker := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- r.Method + " " + r.RequestURI + "\n" + string(body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer taker.Close()
	datagrams, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	s := serve(t, t.TempDir(), nil)
	for _, q := range []string{"CREATE DATABASE d", fmt.Sprintf("CREATE SUBSCRIPTION s ON d.autogen DESTINATIONS ALL '%s', 'udp://%s'", taker.URL, datagrams.LocalAddr())} {
		if got := s.ask("", q); got != done {
			t.Fatal(got)
		}
	}
	if status, answer := s.do("POST", "/write?db=d&precision=s", "", "m,h=a f=1 1\nm,h=a f=2i 2"); status != 400 || !strings.Contains(answer, "partial write") {
		t.Errorf("the write: %d %s", status, answer)
	}
	want := "POST /write?consistency=&db=d&precision=ns&rp=autogen\nm,h=a f=1 1000000000\nm,h=a f=2i 2000000000\n"
	select {
	case got := <-requests:
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was sent on")
	}
	for _, want := range []string{"m,h=a f=1 1000000000", "m,h=a f=2i 2000000000"} {
		buf := make([]byte, 1000)
		if err := datagrams.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, _, err := datagrams.ReadFrom(buf)
		if err != nil || string(buf[:n]) != want {
			t.Errorf("datagram %q, %v, want %q", buf[:n], err, want)
		}
	}
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if m := s.subscriber.Metrics(); m.PointsWritten != 2 || m.WriteFailures != 0 || len(m.Destinations) != 2 {
		t.Errorf("metrics are %+v", m)
	}
}
