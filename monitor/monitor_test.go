package monitor

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
)

func testMonitor(t *testing.T, sources ...Source) (*Monitor, *clock.Manual) {
	t.Helper()
	c := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	m := New(c)
	for _, s := range sources {
		m.Register(s)
	}
	return m, c
}

func metricsText(t *testing.T, m *Monitor) string {
	t.Helper()
	var out strings.Builder
	if err := m.WriteMetrics(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestWriteMetrics(t *testing.T) {
	m, c := testMonitor(t, SourceFunc(func(c *Collector) {
		c.Gauge("queue_length", "Jobs that wait.", 3, Label{"queue", `a"b\c` + "\n"})
		c.Counter("bytes_total", "Bytes with a \\ and\na new line.", 1.5)
		c.Gauge("queue_length", "Jobs that wait.", math.Inf(1), Label{"queue", "z"})
		c.Histogram(Histogram{Name: "latency_seconds", Help: "How long it took.", Labels: []Label{{"path", "/write"}},
			Bounds: []float64{0.005, 1}, Counts: []int64{2, 0, 5}, Sum: 12.25})
		c.Struct("wal", struct {
			WriteBytes  int64
			SyncTime    time.Duration
			Failed      bool
			Name        string
			Inner       struct{ TSMFiles uint32 }
			Share       float64
			privateOnes int
		}{WriteBytes: 7, SyncTime: 1500 * time.Millisecond, Failed: true, Inner: struct{ TSMFiles uint32 }{9}, Share: 0.25, privateOnes: 1}, Label{"log", "1"})
	}))
	c.Advance(90 * time.Second)
	got := metricsText(t, m)
	for _, want := range []string{
		"# HELP timberline_bytes_total Bytes with a \\\\ and\\na new line.\n# TYPE timberline_bytes_total counter\ntimberline_bytes_total 1.5\n",
		"# HELP timberline_queue_length Jobs that wait.\n# TYPE timberline_queue_length gauge\n" +
			"timberline_queue_length{queue=\"a\\\"b\\\\c\\n\"} 3\ntimberline_queue_length{queue=\"z\"} +Inf\n",
		"# TYPE timberline_latency_seconds histogram\n" +
			"timberline_latency_seconds_bucket{path=\"/write\",le=\"0.005\"} 2\n" +
			"timberline_latency_seconds_bucket{path=\"/write\",le=\"1\"} 2\n" +
			"timberline_latency_seconds_bucket{path=\"/write\",le=\"+Inf\"} 7\n" +
			"timberline_latency_seconds_sum{path=\"/write\"} 12.25\ntimberline_latency_seconds_count{path=\"/write\"} 7\n",
		"timberline_wal_write_bytes{log=\"1\"} 7\n", "timberline_wal_sync_time_seconds{log=\"1\"} 1.5\n",
		"timberline_wal_failed{log=\"1\"} 1\n", "timberline_wal_inner_tsm_files{log=\"1\"} 9\n", "timberline_wal_share{log=\"1\"} 0.25\n",
		"timberline_uptime_seconds 90\n", "# TYPE timberline_go_goroutines gauge\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("metrics lack\n%s\nin\n%s", want, got)
		}
	}
	if strings.Contains(got, "private") || strings.Contains(got, "wal_name") {
		t.Errorf("metrics have fields that are no numbers:\n%s", got)
	}
	for line := range strings.Lines(got) {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "timberline_") {
			t.Errorf("line %q has another prefix", line)
		}
	}
	if n := strings.Count(got, "# TYPE timberline_queue_length "); n != 1 {
		t.Errorf("the type of queue_length is told %d times, want once", n)
	}
}

func TestWriteVars(t *testing.T) {
	m, c := testMonitor(t, SourceFunc(func(c *Collector) {
		c.Statistic(Statistic{Name: "httpd", Distinct: []string{"bind"}, Tags: map[string]string{"bind": ":8086"}, Values: map[string]any{"req": int64(3)}})
		c.Statistic(Statistic{Name: "write", Values: map[string]any{"req": int64(1)}})
		c.Statistic(Statistic{Name: "write", Values: map[string]any{"req": int64(2)}})
	}))
	c.Advance(47 * time.Second)
	var out strings.Builder
	if err := m.WriteVars(&out); err != nil {
		t.Fatal(err)
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	for key, want := range map[string]string{
		"system":      `{"currentTime":"2026-01-02T03:04:52Z","started":"2026-01-02T03:04:05Z","uptime":47}`,
		"httpd::8086": `{"name":"httpd","tags":{"bind":":8086"},"values":{"req":3}}`,
		"write":       `{"name":"write","tags":null,"values":{"req":1}}`,
	} {
		if string(got[key]) != want {
			t.Errorf("%s is %s, want %s", key, got[key], want)
		}
	}
	var mem struct {
		PauseNs, PauseEnd []uint64
		BySize            []any
	}
	if err := json.Unmarshal(got["memstats"], &mem); err != nil || len(mem.PauseNs) != 256 || len(mem.PauseEnd) != 256 || len(mem.BySize) == 0 {
		t.Errorf("memstats: %v, %d pauses, %d ends, %d sizes", err, len(mem.PauseNs), len(mem.PauseEnd), len(mem.BySize))
	}
	var rt struct{ Values map[string]float64 }
	if err := json.Unmarshal(got["runtime"], &rt); err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields("Alloc Frees HeapAlloc HeapIdle HeapInUse HeapObjects HeapReleased HeapSys Lookups Mallocs NumGC NumGoroutine PauseTotalNs Sys TotalAlloc") {
		if _, ok := rt.Values[field]; !ok {
			t.Errorf("statistic runtime lacks %s", field)
		}
	}
	if !strings.HasPrefix(out.String(), "{\n\"system\": {") {
		t.Errorf("object begins %.30q", out.String())
	}
}

func TestVarsRefuseWhatIsNoJSON(t *testing.T) {
	m, _ := testMonitor(t, SourceFunc(func(c *Collector) {
		c.Statistic(Statistic{Name: "bad", Values: map[string]any{"f": math.NaN()}})
	}))
	if err := m.WriteVars(new(strings.Builder)); err == nil || !strings.Contains(err.Error(), "bad") {
		t.Errorf("got error %v, want one that names the statistic", err)
	}
}

func TestUnregister(t *testing.T) {
	m, _ := testMonitor(t)
	remove := m.Register(SourceFunc(func(c *Collector) { c.Gauge("passing", "", 1) }))
	if !strings.Contains(metricsText(t, m), "timberline_passing 1") {
		t.Error("the source was not asked")
	}
	remove()
	remove()
	if strings.Contains(metricsText(t, m), "timberline_passing") {
		t.Error("the source was asked after it was taken out")
	}
	if got := len(m.Statistics()); got != 1 {
		t.Errorf("%d statistics are left, want the runtime's", got)
	}
}

func TestSnakeCase(t *testing.T) {
	for name, want := range map[string]string{"WriteBytes": "write_bytes", "LSN": "lsn", "LastLSN": "last_lsn", "TSMFiles": "tsm_files", "Level0Files": "level0_files", "X": "x"} {
		if got := snakeCase(name); got != want {
			t.Errorf("snakeCase(%s) = %s, want %s", name, got, want)
		}
	}
}
