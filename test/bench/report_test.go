package main

import (
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/bench"
)

func TestRenderRow(t *testing.T) {
	latency := func(p50 float64, values int) map[string]asked {
		return map[string]asked{"lastpoint": {Latencies: bench.Latencies{P50: p50, P99: 2 * p50}, CPU: p50 / 2, Contents: bench.Contents{Values: values}}}
	}
	turn := func(lines, p50 float64, found int64, values int) *result {
		return &result{LinesPerS: lines, LoadCPU: 1e9 / lines, PeakLoad: 4e6, PeakMemory: 5e6, Disk: 1e6, BytesPerVal: 0.5, StartClean: time.Second,
			StartKilled: 2 * time.Second, AckedKilled: 10, FoundKilled: found, Settled: true, Questions: latency(p50, values), whole: true}
	}
	results := map[string][]*result{
		timberline:      {turn(3e6, 1, 10, 40), turn(1e6, 3, 10, 40), turn(2e6, 2, 10, 40)},
		influxdb:        {turn(1e6, 8, 10, 40), {Failure: "no memory"}, turn(1e6, 8, 10, 40)},
		victoriaMetrics: {turn(5e5, 4, 0, 39), turn(5e5, 4, 3, 39), turn(5e5, 4, 0, 39)},
	}
	r := rows(true)[0]
	r.spec.EnsureDefaults()
	got := renderRow(r, []string{timberline, influxdb, victoriaMetrics}, results)
	for _, want := range []string{
		"### long: cpu, few hosts over a long time\n",
		"|  | timberline | influxdb | victoria-metrics | × influxdb | × victoria-metrics |\n|---|---:|---:|---:|---:|---:|\n",
		"| lines/s | 2000000 | 1000000 | 500000 | 2.00 | 4.00 |\n",
		"| server CPU, ns per value, load | 500 | 1000 | 2000 | 2.00 | 4.00 |\n",
		"| start, clean, s | 1.000 | 1.000 | 1.000 | 1.00 | 1.00 |\n",
		"| lines lost by kill -9 | 0 of 30 | 0 of 20 | 27 of 30 | | |\n",
		"| lastpoint | 2.00 / 4.00 / 1.00 | 8.00 / 16.0 / 4.00 | 4.00 / 8.00 / 2.00 ≠ 39 values | 4.00 | 2.00 |\n",
		"| geometric mean of p50 | | | | 4.00 | 2.00 |\n",
		"influxdb failed in a round: no memory\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("report lacks\n%s\nin\n%s", want, got)
		}
	}
	r.gzip = true
	if got := renderRow(r, []string{timberline, influxdb}, results); strings.Contains(got, "kill") || strings.Contains(got, "lastpoint") || !strings.Contains(got, "peak memory") {
		t.Errorf("a row that is only loaded:\n%s", got)
	}
}

func TestMedian(t *testing.T) {
	if median([]int{3, 1, 2}) != 2 || median([]int{4, 1, 2, 3}) != 2 || median([]float64(nil)) != 0 {
		t.Error("medians of 1 to 3, 1 to 4 and nothing are wrong")
	}
}

func TestBetter(t *testing.T) {
	for _, c := range []struct {
		ours, theirs float64
		higher       bool
		want         string
	}{{200, 100, true, "2.00"}, {50, 100, false, "2.00"}, {0, 100, false, "–"}, {1, 0, true, "–"}} {
		if got := better(c.ours, c.theirs, c.higher); got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}

func TestChooseRows(t *testing.T) {
	got, err := chooseRows(options{rows: "series-gzip,long", seed: 4})
	if err != nil || len(got) != 2 || got[0].name != "long" || !got[1].gzip || got[1].spec.Lines() != 2_000_000 || got[0].spec.Lines() != 864_000 || got[0].spec.Seed != 4 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := chooseRows(options{rows: "tall"}); err == nil || !strings.Contains(err.Error(), `no row "tall"`) {
		t.Errorf("unknown row: %v", err)
	}
	if all, err := chooseRows(options{}); err != nil || len(all) != 8 {
		t.Errorf("%d rows, %v", len(all), err)
	}
}

func TestAnswers(t *testing.T) {
	if n, err := influxNumber([]byte(`{"results":[{"statement_id":0,"series":[{"name":"cpu","columns":["time","count"],"values":[[0,864000]]}]}]}`)); n != 864000 || err != nil {
		t.Errorf("count %d, %v", n, err)
	}
	if n, err := influxNumber([]byte(`{"results":[{"statement_id":0}]}`)); n != 0 || err != nil {
		t.Errorf("count of nothing %d, %v", n, err)
	}
	if n, err := promNumber([]byte(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"2160"]}]}}`)); n != 2160 || err != nil {
		t.Errorf("count %d, %v", n, err)
	}
	if n, err := promNumber([]byte(`{"status":"success","data":{"resultType":"vector","result":[]}}`)); n != 0 || err != nil {
		t.Errorf("count of nothing %d, %v", n, err)
	}
	for _, f := range []func([]byte) (int64, error){influxNumber, promNumber} {
		if _, err := f([]byte(`{"res`)); err == nil {
			t.Error("half an answer was counted")
		}
	}
	c, err := countMetricsQL([]byte(`{"data":{"result":[{"values":[[1,"2"],[2,"3"]]},{"value":[1,"4"]}]}}`))
	if err != nil || c != (bench.Contents{Series: 2, Values: 3}) {
		t.Errorf("contents %+v, %v", c, err)
	}
}

func TestHighWater(t *testing.T) {
	if got := highWater("Name:\tx\nVmPeak:\t  99 kB\nVmHWM:\t   1234 kB\nVmRSS:\t 5 kB\n"); got != 1234<<10 {
		t.Errorf("got %d", got)
	}
	if got := highWater("Name:\tx\n"); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
}
