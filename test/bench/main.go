// Command bench loads Timberline and, side by side, other servers with the
// write and query endpoints of InfluxDB 1.x, and prints what each of them did:
// lines per second, processor time of the server per value, memory, disk and
// the latency of queries. Servers take turns within a round, so that a noisy
// machine is noisy for all of them.
//
//	go run ./test/bench -peers timberline,influxdb -series 4000 -rows 2000000
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/tabwriter"
	"time"
)

// options are the flags.
type options struct {
	peers    string
	binary   string
	workload string
	series   int
	rows     int
	batch    int
	workers  int
	rounds   int
	queries  int
	dir      string
}

func main() {
	var o options
	flag.StringVar(&o.peers, "peers", "timberline,influxdb", "servers, in order of turns: timberline, influxdb, victoria-metrics")
	flag.StringVar(&o.binary, "binary", "./timberline", "Timberline's program")
	flag.StringVar(&o.workload, "workload", "sensor", "sensor (3 tags, one float field) or cpu (10 tags, 10 integer fields)")
	flag.IntVar(&o.series, "series", 4000, "series (tag sets)")
	flag.IntVar(&o.rows, "rows", 2_000_000, "lines to write")
	flag.IntVar(&o.batch, "batch", 5000, "lines per request")
	flag.IntVar(&o.workers, "workers", 4, "connections")
	flag.IntVar(&o.rounds, "rounds", 3, "turns of every server")
	flag.IntVar(&o.queries, "queries", 20, "repetitions of every query, 0 for none")
	flag.StringVar(&o.dir, "dir", "", "where the servers store (default: a temporary directory)")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "timberline-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		o.dir = dir
	}
	load, err := newWorkload(o)
	if err != nil {
		return err
	}
	fmt.Printf("workload %s: %d series, %d lines, %d values, %.1f bytes per line; batches of %d, %d connections\n",
		o.workload, o.series, load.lines, load.values, float64(load.bytes)/float64(load.lines), o.batch, o.workers)
	results := map[string][]result{}
	names := strings.Split(o.peers, ",")
	for round := range o.rounds {
		for _, name := range names {
			r, err := turn(o, load, name, filepath.Join(o.dir, fmt.Sprintf("%s-%d", name, round)))
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			fmt.Printf("round %d: %s\n", round+1, r)
			results[name] = append(results[name], r)
		}
	}
	report(names, results, load)
	return nil
}

// result is what one server did in one turn.
type result struct {
	name         string
	linesPerS    float64
	cpuPerValue  float64 // ns of the server's processor time
	rss, disk    int64   // bytes
	bytesPerVal  float64
	restart      time.Duration
	queryLatency map[string]time.Duration // median
}

func (r result) String() string {
	return fmt.Sprintf("%s: %.0f lines/s, %.0f ns CPU/value, %d MB resident, %.2f B/value on disk, restart %s",
		r.name, r.linesPerS, r.cpuPerValue, r.rss>>20, r.bytesPerVal, r.restart.Round(time.Millisecond))
}

// turn runs one server from an empty directory.
func turn(o options, load *workload, name, dir string) (result, error) {
	r := result{name: name, queryLatency: map[string]time.Duration{}}
	s, err := start(o, name, dir)
	if err != nil {
		return r, err
	}
	defer func() { s.stop() }()
	if err := s.createDatabase(); err != nil {
		return r, err
	}
	before, sendBegin := s.cpu(), time.Now()
	if err := load.send(s, o.workers); err != nil {
		return r, err
	}
	took := time.Since(sendBegin)
	r.linesPerS = float64(load.lines) / took.Seconds()
	r.cpuPerValue = float64((s.cpu() - before).Nanoseconds()) / float64(load.values)
	for _, q := range load.queries {
		if o.queries == 0 {
			break
		}
		var all []time.Duration
		for i := range o.queries {
			d, err := s.ask(q.text(i))
			if err != nil {
				return r, fmt.Errorf("%s: %w", q.name, err)
			}
			all = append(all, d)
		}
		r.queryLatency[q.name] = median(all)
	}
	r.rss = s.rss()
	if err := s.stop(); err != nil {
		return r, err
	}
	if r.disk, err = diskUsage(dir); err != nil {
		return r, err
	}
	r.bytesPerVal = float64(r.disk) / float64(load.values)
	begin := time.Now()
	if s, err = start(o, name, dir); err != nil {
		return r, err
	}
	if _, err := s.ask(load.probe); err != nil {
		return r, err
	}
	r.restart = time.Since(begin)
	return r, s.stop()
}

func median[T int64 | float64 | time.Duration](all []T) T {
	if len(all) == 0 {
		return 0
	}
	sorted := append([]T(nil), all...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
	return sorted[len(sorted)/2]
}

func pick[T int64 | float64 | time.Duration](rs []result, f func(result) T) T {
	var all []T
	for _, r := range rs {
		all = append(all, f(r))
	}
	return median(all)
}

// report prints the medians over the rounds as a Markdown table.
func report(names []string, results map[string][]result, load *workload) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	defer w.Flush()
	row := func(what string, cell func([]result) string) {
		fmt.Fprintf(w, "| %s", what)
		for _, n := range names {
			fmt.Fprintf(w, "\t| %s", cell(results[n]))
		}
		fmt.Fprintln(w, "\t|")
	}
	row("median of rounds", func(rs []result) string { return rs[0].name })
	row("---", func([]result) string { return "---" })
	row("lines/s", func(rs []result) string {
		return fmt.Sprintf("%.0f", pick(rs, func(r result) float64 { return r.linesPerS }))
	})
	row("server CPU, ns per value", func(rs []result) string {
		return fmt.Sprintf("%.0f", pick(rs, func(r result) float64 { return r.cpuPerValue }))
	})
	row("resident, MB", func(rs []result) string {
		return fmt.Sprint(pick(rs, func(r result) int64 { return r.rss }) >> 20)
	})
	row("disk, bytes per value", func(rs []result) string {
		return fmt.Sprintf("%.2f", pick(rs, func(r result) float64 { return r.bytesPerVal }))
	})
	row("restart to first answer, ms", func(rs []result) string {
		return fmt.Sprint(pick(rs, func(r result) time.Duration { return r.restart }).Milliseconds())
	})
	for _, q := range load.queries {
		row(q.name+", ms", func(rs []result) string {
			return fmt.Sprintf("%.2f", pick(rs, func(r result) time.Duration { return r.queryLatency[q.name] }).Seconds()*1000)
		})
	}
}
