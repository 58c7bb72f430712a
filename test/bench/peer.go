package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/timberlinedb/timberline/bench"
)

// The names of the peers.
const (
	timberline      = "timberline"
	influxdb        = "influxdb"
	victoriaMetrics = "victoria-metrics"
)

// peer is a kind of server.
type peer struct {
	name    string
	program func(options) string
	// arguments of the program on a directory and an address; cold asks for
	// settings under which all background work is done at once.
	arguments func(dir, addr string, cold bool) ([]string, error)
	// environment is added to this process's own; no server records its own statistics.
	environment []string
	// coldStart says that the background work wants such a start.
	coldStart bool
	// statements says that it has databases to create.
	statements bool
	// flush and merge are paths to ask for before questions and before the
	// disk is measured; empty: none.
	flush, merge string
	// ask turns a question into a request; false: it cannot be asked.
	ask func(bench.Question, bench.Spec) (request, bool)
	// count says what is in an answer.
	count func([]byte) (bench.Contents, error)
	// lines asks how many lines are stored.
	lines func(context.Context, *bench.Client, bench.Spec) (int64, error)
}

// request is a GET.
type request struct {
	path       string
	parameters url.Values
}

const database = "bench"

var peers = map[string]*peer{
	timberline: {
		name:    timberline,
		program: func(o options) string { return o.binary },
		arguments: func(dir, addr string, _ bool) ([]string, error) {
			return []string{"serve", "--data-dir", dir, "--http-addr", addr}, nil
		},
		environment: []string{"TIMBERLINE_MONITOR_STORE_ENABLED=false"},
		statements:  true,
		ask:         askInfluxQL, count: bench.Count, lines: linesByInfluxQL,
	},
	influxdb: {
		name:       influxdb,
		program:    func(options) string { return "influxd" },
		arguments:  influxArguments,
		coldStart:  true,
		statements: true,
		ask:        askInfluxQL, count: bench.Count, lines: linesByInfluxQL,
	},
	victoriaMetrics: {
		name:    victoriaMetrics,
		program: func(options) string { return "victoria-metrics" },
		arguments: func(dir, addr string, _ bool) ([]string, error) {
			return []string{"-storageDataPath=" + dir, "-httpListenAddr=" + addr, "-retentionPeriod=100y",
				"-search.maxUniqueTimeseries=5000000", "-search.maxQueryDuration=2m"}, nil
		},
		flush: "/internal/force_flush", merge: "/internal/force_merge",
		ask: askMetricsQL, count: countMetricsQL, lines: linesByMetricsQL,
	},
}

// influxArguments writes the default configuration on other paths, without
// reports, bounds on series and a log line per request.
func influxArguments(dir, addr string, cold bool) ([]string, error) {
	var durations string
	if cold {
		durations = "  cache-snapshot-write-cold-duration = \"1s\"\n  compact-full-write-cold-duration = \"1s\"\n"
	}
	text := fmt.Sprintf(`reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
  dir = %q
[data]
  dir = %q
  wal-dir = %q
  index-version = "tsi1"
  max-series-per-database = 0
  max-values-per-tag = 0
  query-log-enabled = false
%s[monitor]
  store-enabled = false
[http]
  bind-address = %q
  log-enabled = false
`, dir+"/meta", dir+"/data", dir+"/wal", durations, addr)
	name := filepath.Clean(dir) + ".conf"
	return []string{"-config", name}, os.WriteFile(name, []byte(text), 0o600)
}

// start runs the peer on a directory.
func (p *peer) start(o options, dir string, cold bool) (*process, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	arguments, err := p.arguments(dir, addr, cold)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(p.program(o), arguments...)
	cmd.Env = append(os.Environ(), p.environment...)
	return startProcess(cmd, addr, filepath.Clean(dir)+".log")
}

func askInfluxQL(q bench.Question, _ bench.Spec) (request, bool) {
	return request{"/query", url.Values{"db": {database}, "epoch": {"ns"}, "q": {q.Text}}}, true
}

// linesByInfluxQL counts one field of every kind of line.
func linesByInfluxQL(ctx context.Context, c *bench.Client, spec bench.Spec) (int64, error) {
	var total int64
	for _, f := range bench.FirstFields(spec.Workload) {
		answer, err := c.Ask(ctx, fmt.Sprintf(`SELECT count(%q) FROM %q`, f.Field, f.Measurement))
		if err != nil {
			return 0, err
		}
		n, err := influxNumber(answer.Text)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
