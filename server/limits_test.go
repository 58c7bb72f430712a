package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/config"
)

// told checks that a reason is found in /metrics, SHOW STATS and SHOW DIAGNOSTICS, with a number and an example.
func (w *widening) told(metric, reason string, points int, example string) {
	w.t.Helper()
	w.expect("SHOW DIAGNOSTICS FOR 'refusals'", fmt.Sprintf("[%q,%d,%s", reason, points, example))
	w.expect("SHOW STATS FOR 'refusals'", fmt.Sprintf("%q", reason))
	if _, metrics := w.do(http.MethodGet, "/metrics", "", ""); !strings.Contains(metrics, fmt.Sprintf("%s %d\n", metric, points)) {
		w.t.Errorf("metrics lack %s %d", metric, points)
	}
}

func TestMaxValuesPerTag(t *testing.T) {
	dir := t.TempDir()
	set := func(c *config.Config) { c.Data.MaxValuesPerTag = 2 }
	w := newWidening(t, dir, set)
	w.ask("CREATE DATABASE d")
	w.write("m,h=a f=1 1\nm,h=b f=1 1\nm,h=c f=1 1\nm,h=c f=2 2\nm,h=a,r=1 f=1 1\nn,h=c f=1 1", 400,
		`partial write: max-values-per-tag limit exceeded (2/2): measurement=\"m\" tag=\"h\" value=\"c\" dropped=2`)
	w.write("m,h=a f=3 3\nm,h=b,r=2 f=3 3\nn,h=d f=3 3", 204, "")
	w.write("m,h=z f=3 3", 400, `(2/2): measurement=\"m\" tag=\"h\" value=\"z\" dropped=1`)
	if status, answer := w.do("POST", "/api/v2/write?bucket=d", "", "m,h=z f=3 3"); status != 400 || !strings.Contains(answer, "max-values-per-tag") {
		t.Errorf("v2: %d %s", status, answer)
	}
	w.expect("SHOW TAG VALUES WITH KEY = h", `["h","a"],["h","b"]]`, `["h","c"],["h","d"]]`)
	w.told(`timberline_points_refused_total{reason="max_values"}`, "max_values", 4,
		`"max-values-per-tag limit exceeded (2/2): measurement=\"m\" tag=\"h\" value=\"z\"","127.0.0.1","d"`)
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	w = newWidening(t, dir, set)
	w.write("m,h=z f=3 3", 400, `(2/2): measurement=\"m\" tag=\"h\" value=\"z\" dropped=1`)
	w.write("m,h=a,r=3 f=3 3", 400, `(2/2): measurement=\"m\" tag=\"r\" value=\"3\" dropped=1`)
}

func TestOverflowTagValues(t *testing.T) {
	w := newWidening(t, t.TempDir(), func(c *config.Config) {
		c.Data.MaxValuesPerTag, c.Data.OverflowTagValues = 2, true
	})
	w.ask("CREATE DATABASE d")
	w.write("m,h=a,r=x f=1 1\nm,h=b,r=x f=2 1\nm,h=c,r=x f=3 1\nm,h=c,r=y f=4 2\nm,h=d,r=z f=5 3", 204, "")
	w.write("m,h=c,r=x f=6 4\nm,h=__overflow__,r=x f=7 5\nm,h=d,r=x f=8 4", 204, "") // two of one series and timestamp
	w.expect("SELECT f FROM m GROUP BY h, r",
		`"tags":{"h":"__overflow__","r":"__overflow__"},"columns":["time","f"],"values":[["1970-01-01T00:00:00.000000003Z",5]]`,
		`"tags":{"h":"__overflow__","r":"x"},"columns":["time","f"],"values":[["1970-01-01T00:00:00.000000001Z",3],["1970-01-01T00:00:00.000000004Z",8],["1970-01-01T00:00:00.000000005Z",7]]`,
		`"tags":{"h":"__overflow__","r":"y"}`, `"tags":{"h":"a","r":"x"}`)
	w.expect("SHOW TAG VALUES WITH KEY = h", `[["h","__overflow__"],["h","a"],["h","b"]]`)
	w.told(`timberline_points_noticed_total{reason="overflow"}`, "overflow", 5,
		`"max-values-per-tag limit exceeded (2/2): measurement=\"m\" tag=\"h\" value=\"c\"","127.0.0.1","d"`)
	if err := w.store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.expect("SHOW DIAGNOSTICS FOR 'refusals'", `["values_overwritten",1,`)
}

// TestMaxValuesPerTagAtTheBoundary has many clients fill a tag at once.
func TestMaxValuesPerTagAtTheBoundary(t *testing.T) {
	const limit, clients, each = 200, 8, 60
	w := newWidening(t, t.TempDir(), func(c *config.Config) { c.Data.MaxValuesPerTag = limit })
	w.ask("CREATE DATABASE d")
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for n := 0; n < each; n += 3 {
				var lines strings.Builder
				for k := range 3 {
					fmt.Fprintf(&lines, "m,h=%d-%d,client=%d f=1 %d\n", i, n+k, i, n)
				}
				if status, answer := w.do("POST", "/write?db=d", "", lines.String()); status != 204 && !strings.Contains(answer, "(200/200)") {
					t.Errorf("%d %s", status, answer)
				}
			}
		})
	}
	wg.Wait()
	w.expect("SHOW TAG VALUES EXACT CARDINALITY WITH KEY = h", fmt.Sprintf("[[%d]]", limit))
	w.told(`timberline_points_refused_total{reason="max_values"}`, "max_values", clients*each-limit, `"max-values-per-tag limit exceeded (200/200)`)
}

func TestMaxPointsPerRequest(t *testing.T) {
	w := newWidening(t, t.TempDir(), func(c *config.Config) { c.HTTP.MaxPointsPerRequest = 2; c.HTTP.OTLPDatabase = "d" })
	w.ask("CREATE DATABASE d")
	const text = "max-points-per-request limit exceeded: (3/2)"
	w.write("# a comment\n\nm f=1 1\nm f=2 2\n\n", 204, "")
	w.write("m f=1 3\nm f=2 4\nm f=3 5", 413, `{"error":"`+text+`"}`)
	w.write("m f=1 3\nm f=2 4\nm f=3 5\n", 413, text)
	if status, answer := w.do("POST", "/api/v2/write?bucket=d", "", "m f=1 3\nm f=2 4\nm f=3 5"); status != 413 ||
		!strings.Contains(answer, `"code":"request too large","message":"`+text) {
		t.Errorf("v2: %d %s", status, answer)
	}
	if status, answer := w.do("POST", "/api/v1/prom/write?db=d", "", promSamples()); status != 204 { // the third is not a number
		t.Errorf("Prometheus, two: %d %s", status, answer)
	}
	if status, answer := w.do("POST", "/api/v1/prom/write?db=d", "", promMany(5)); status != 413 || !strings.Contains(answer, "(5/2)") {
		t.Errorf("Prometheus: %d %s", status, answer)
	}
	metrics := func(n int) (int, string) {
		point := `{"timeUnixNano":"1700000000000000000","asDouble":1,"attributes":[{"key":"i","value":{"stringValue":"%d"}}]}`
		var points []string
		for i := range n {
			points = append(points, fmt.Sprintf(point, i))
		}
		return w.doAs("POST", "/v1/metrics", "application/json",
			`{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"otel","gauge":{"dataPoints":[`+strings.Join(points, ",")+`]}}]}]}]}`)
	}
	if status, answer := metrics(4); status != 413 || !strings.Contains(answer, `"message":"max-points-per-request limit exceeded: (4/2)"`) {
		t.Errorf("OTLP: %d %s", status, answer)
	}
	w.expect("SELECT count(f) FROM m", `"values":[["1970-01-01T00:00:00Z",2]]`)
	w.expect("SELECT count(value) FROM up", `,2]]`)
	if got := w.ask("SELECT * FROM otel"); got != none {
		t.Errorf("of the metrics that are too many some are stored: %s", got)
	}
	w.told(`timberline_points_refused_total{reason="too_many_points"}`, "too_many_points", 3+3+3+5+4, `"max-points-per-request limit exceeded: (4/2)","127.0.0.1","d"`)
	w.ask("SELECT f INTO n FROM m") // no request
	w.write("m f=1 3\nm f=2 4", 204, "")
	w.expect("SELECT f INTO n FROM m", `,4]]`)
}

func TestFuturePoints(t *testing.T) {
	now := time.Now()
	at := func(d time.Duration) int64 { return now.Add(d).UnixNano() }
	w := newWidening(t, t.TempDir(), nil)
	w.ask("CREATE DATABASE d")
	w.write(fmt.Sprintf("m f=1 %d\nm f=2 %d\nm f=3 %d", at(0), at(time.Minute), at(48*time.Hour)), 204, "") // 1.x stores them
	w.expect(fmt.Sprintf("SELECT count(f) FROM m WHERE time < %d", at(72*time.Hour)), ",3]]")
	w.told(`timberline_points_noticed_total{reason="future"}`, "future", 1, `"point of measurement \"m\" at `)

	w = newWidening(t, t.TempDir(), func(c *config.Config) {
		c.Coordinator.MaxFuture = time.Hour
		c.Coordinator.CountFutureAfter = time.Minute
	})
	w.ask("CREATE DATABASE d")
	w.write(fmt.Sprintf("m f=1 %d\nm f=2 %d\nm f=3 %d\nm f=4 %d", at(0), at(30*time.Minute), at(48*time.Hour), at(90*time.Minute)), 400,
		"partial write: points beyond max-future dropped=2")
	w.expect(fmt.Sprintf("SELECT count(f) FROM m WHERE time < %d", at(72*time.Hour)), ",2]]")
	w.told(`timberline_points_refused_total{reason="beyond_future"}`, "beyond_future", 2, `"point of measurement \"m\" at `)
	w.told(`timberline_points_noticed_total{reason="future"}`, "future", 1, `"point of measurement \"m\" at `)
	w.write(fmt.Sprintf("m f=4 %d", at(200*365*24*time.Hour)), 400, "points beyond max-future dropped=1")
}

// TestClientsThatAreTooMuch causes what ends requests and connections before there are points to count.
func TestClientsThatAreTooMuch(t *testing.T) {
	w := newWidening(t, t.TempDir(), func(c *config.Config) {
		c.HTTP.MaxBodySize, c.HTTP.MaxConnectionLimit = 1000, 4
		c.HTTP.BodyIdleTimeout, c.HTTP.ResponseIdleTimeout = 50*time.Millisecond, 50*time.Millisecond
	})
	w.ask("CREATE DATABASE d")
	w.write(strings.Repeat("m f=1 1\n", 200), 413, "Request Entity Too Large")
	w.told("timberline_http_bodies_too_large_total", "body_too_large", 1, `"POST /write: the body is above one of its limits","127.0.0.1"`)

	dial := func(request string) net.Conn {
		conn, err := net.Dial("tcp", w.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		conn.(*net.TCPConn).SetReadBuffer(4096)
		io.WriteString(conn, request)
		return conn
	}
	slow := dial("POST /write?db=d HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nm f")
	if answer, err := io.ReadAll(slow); err != nil || !strings.Contains(string(answer), "400 Bad Request") {
		t.Errorf("%q, %v", answer, err)
	}
	w.told("timberline_http_bodies_too_slow_total", "slow_body", 1, `"POST /write: the body stopped for 50ms: the body is too slow","127.0.0.1"`)

	w.write("m f=1 1", 204, "")
	for range 40 { // who asks for much and takes nothing
		dial("GET /query?db=d&chunked=true&q=" + url.QueryEscape("SELECT count(f) FROM m WHERE time >= 0 AND time < 1s GROUP BY time(1u) fill(0)") + " HTTP/1.1\r\nHost: x\r\n\r\n")
		time.Sleep(250 * time.Millisecond)
		if w.http.Connections().SlowReaders.Count > 0 {
			break
		}
	}
	w.told("timberline_http_slow_readers_total", "slow_reader", int(w.http.Connections().SlowReaders.Count), `"the client took nothing of an answer for 50ms","127.0.0.1"`)
	if w.http.Connections().SlowReaders.Count == 0 {
		t.Error("no slow reader was noticed")
	}

	refused := w.http.Connections().Refused.Count
	for range 100 {
		conn, err := net.Dial("tcp", w.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if w.http.Connections().Refused.Count > refused+1 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	if c := w.http.Connections(); c.Refused.Count <= refused || c.Refused.Client != "127.0.0.1" || c.Refused.Last != "there are 4 connections, as many as there may be" {
		t.Errorf("%+v", c)
	}
}

// TestListenersNameTheSender writes over UDP what the database refuses.
func TestListenersNameTheSender(t *testing.T) {
	w := newWidening(t, t.TempDir(), func(c *config.Config) {
		c.UDP = []config.UDP{{Listener: config.Listener{Enabled: true, BindAddress: "127.0.0.1:0", Database: "d", BatchSize: 2}, Precision: "ns"}}
	})
	w.ask("CREATE DATABASE d")
	w.write("m f=1 1", 204, "")
	to := w.listenerAddress(t, "udp")
	send := func(local, text string) {
		at, err := net.ResolveUDPAddr("udp", to)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(local)}, at)
		if err != nil {
			t.Skipf("this system has no %s: %v", local, err)
		}
		defer conn.Close()
		conn.Write([]byte(text))
		time.Sleep(50 * time.Millisecond)
	}
	send("127.0.0.2", "m f=2 2")
	send("127.0.0.3", "m f=true 3")
	for end := time.Now().Add(10 * time.Second); w.currentListeners()[0].Metrics().Refused == 0 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	w.told(`timberline_points_refused_total{reason="field_conflict"}`, "field_conflict", 1,
		`"field type conflict: input field \"f\" on measurement \"m\" is type boolean, already exists as type float","127.0.0.3","d"`)
	w.expect("SHOW DIAGNOSTICS FOR 'refusals'", `["udp_refused",1,`, `"127.0.0.3 at listener 127.0.0.1:`)
}
