package server

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/easyproto"
	"github.com/golang/snappy"

	"github.com/timberlinedb/timberline/config"
)

// promSamples is a remote write of three samples of up, one of which marks the end of a series.
func promSamples() string {
	var pool easyproto.MarshalerPool
	m := pool.Get()
	series := m.MessageMarshaler().AppendMessage(1)
	for _, l := range [][2]string{{"__name__", "up"}, {"job", "node"}} {
		label := series.AppendMessage(1)
		label.AppendString(1, l[0])
		label.AppendString(2, l[1])
	}
	nan := 0.0
	for i, v := range []float64{1, 0.5, nan / nan} {
		sample := series.AppendMessage(2)
		sample.AppendDouble(1, v)
		sample.AppendInt64(2, 1_700_000_000_000+int64(i)*1000)
	}
	return string(snappy.Encode(nil, m.Marshal(nil)))
}

// promMany is a remote write of some samples of one series.
func promMany(samples int) string {
	var pool easyproto.MarshalerPool
	m := pool.Get()
	series := m.MessageMarshaler().AppendMessage(1)
	label := series.AppendMessage(1)
	label.AppendString(1, "__name__")
	label.AppendString(2, "up")
	for i := range samples {
		sample := series.AppendMessage(2)
		sample.AppendDouble(1, 1)
		sample.AppendInt64(2, 1_700_000_000_000+int64(i)*1000)
	}
	return string(snappy.Encode(nil, m.Marshal(nil)))
}

func promQuery(queries int, job string) string {
	var pool easyproto.MarshalerPool
	m := pool.Get()
	top := m.MessageMarshaler()
	for range queries {
		q := top.AppendMessage(1)
		q.AppendInt64(1, 1_700_000_000_000)
		q.AppendInt64(2, 1_700_000_000_500)
		for _, x := range [][2]string{{"__name__", "up"}, {"job", job}} {
			matcher := q.AppendMessage(3)
			matcher.AppendString(2, x[0])
			matcher.AppendString(3, x[1])
		}
	}
	return string(snappy.Encode(nil, m.Marshal(nil)))
}

// TestPrometheus writes as Prometheus does, and reads the same back in both languages.
func TestPrometheus(t *testing.T) {
	r := serve(t, t.TempDir(), nil)
	r.do("POST", "/query?q=CREATE+DATABASE+prom", "", "")
	for _, c := range []struct {
		target, body string
		status       int
		want         string
	}{
		{"/api/v1/prom/write?db=prom", promSamples(), 204, ""},
		{"/api/v1/prom/write", promSamples(), 400, `{"error":"database is required"}`},
		{"/api/v1/prom/write?db=prom", "hello", 400, "snappy: corrupt input"},
		{"/api/v1/prom/write?db=prom", string(snappy.Encode(nil, []byte("hello"))), 400, "malformed message"},
		{"/api/v1/prom/write?db=none", promSamples(), 404, "database not found"},
		{"/api/v1/prom/read?db=prom", promQuery(2, "node"), 400, "Prometheus read endpoint currently only supports one query at a time"},
		{"/api/v1/prom/read", promQuery(1, "node"), 400, "database is required"},
		{"/query?db=prom&q=SELECT+*+FROM+up", "", 200, `["2023-11-14T22:13:20Z","up","node",1],["2023-11-14T22:13:21Z","up","node",0.5]]`},
	} {
		if status, answer := r.do("POST", c.target, "", c.body); status != c.status || !strings.Contains(answer, c.want) {
			t.Errorf("%s: %d %s, want %d %s", c.target, status, answer, c.status, c.want)
		}
	}
	for job, want := range map[string]string{"node": "\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\x80\xd0\x95\xff\xbc\x31", "other": ""} {
		status, answer := r.do("POST", "/api/v1/prom/read?db=prom", "", promQuery(1, job))
		body, err := snappy.Decode(nil, []byte(answer))
		if status != 200 || err != nil || !strings.Contains(string(body), want) || want == "" && len(body) > 2 {
			t.Errorf("read of %s: %d %v %q", job, status, err, body)
		}
	}
	_, metrics := r.do("GET", "/metrics", "", "")
	if !strings.Contains(metrics, "remote_samples_not_numbers_total 1\n") {
		t.Error("the end of a series is not counted")
	}
}

// TestOTLP writes metrics in JSON, with the database in the configuration and in the request.
func TestOTLP(t *testing.T) {
	r := serve(t, t.TempDir(), func(c *config.Config) { c.HTTP.OTLPDatabase = "otlp" })
	r.do("POST", "/query?q=CREATE+DATABASE+otlp", "", "")
	r.do("POST", "/query?q=CREATE+DATABASE+other", "", "")
	gauge := func(name, more string) string {
		return `{"resourceMetrics":[{"resource":{"attributes":[{"key":"host","value":{"stringValue":"a"}}]},"scopeMetrics":[{"metrics":[` +
			`{"name":"` + name + `","gauge":{"dataPoints":[{"timeUnixNano":"1700000000000000000","asDouble":1.5}]}}` + more + `]}]}]}`
	}
	for _, c := range []struct {
		target, body string
		status       int
		want         string
	}{
		{"/v1/metrics", gauge("m", ""), 200, "{}"},
		{"/v1/metrics?db=other", gauge("m", `,{"name":"x"}`), 200, `"rejectedDataPoints":1`},
		{"/v1/metrics?db=none", gauge("m", ""), 404, `database not found`},
		{"/v1/metrics", "{", 400, `malformed message`},
	} {
		if status, answer := r.doAs("POST", c.target, "application/json", c.body); status != c.status || !strings.Contains(answer, c.want) {
			t.Errorf("%s: %d %s, want %d %s", c.target, status, answer, c.status, c.want)
		}
	}
	if status, _ := r.doAs("POST", "/v1/metrics", "text/plain", "x"); status != 415 {
		t.Errorf("text: %d, want 415", status)
	}
	for _, db := range []string{"otlp", "other"} {
		if _, answer := r.do("GET", "/query?db="+db+"&q=SELECT+*+FROM+m", "", ""); !strings.Contains(answer, `["2023-11-14T22:13:20Z",1.5,"a"]`) {
			t.Errorf("%s: %s", db, answer)
		}
	}
}

// doAs sends a body of a type.
func (r *running) doAs(method, target, contentType, body string) (status int, answer string) {
	r.t.Helper()
	req, err := http.NewRequest(method, "http://"+r.Addr()+target, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
