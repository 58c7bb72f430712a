// Command bench runs Timberline and other servers in turns on the same data and
// prints what each of them did as Markdown tables: lines per second, processor
// time per value, peak memory, disk, start-up time, what a kill -9 loses, and
// the latency and processor time of questions. docs/bench.md says how each
// figure comes about. Data and questions are those of timberline bench.
//
//	go run ./test/bench [-short] [-rows long,series] [-peers timberline,influxdb]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/timberlinedb/timberline/bench"
)

// options are the flags.
type options struct {
	peers, rows, binary, dir, json    string
	batch, workers, rounds, questions int
	perType                           time.Duration
	seed                              uint64
	short                             bool
}

func main() {
	var o options
	flag.StringVar(&o.peers, "peers", "timberline,influxdb,victoria-metrics", "servers, in order of turns")
	flag.StringVar(&o.rows, "rows", "", "rows to run, with commas between (default: all): "+strings.Join(rowNames(), ", "))
	flag.StringVar(&o.binary, "binary", "./timberline", "Timberline's program")
	flag.StringVar(&o.dir, "dir", "", "where the servers store (default: a temporary directory)")
	flag.StringVar(&o.json, "json", "", "also write every round's figures to this file")
	flag.IntVar(&o.batch, "batch", 5000, "lines per request")
	flag.IntVar(&o.workers, "workers", 2, "connections that write")
	flag.IntVar(&o.rounds, "rounds", 3, "turns of every server")
	flag.IntVar(&o.questions, "queries", 50, "questions of every type, 0 for none")
	flag.DurationVar(&o.perType, "per-type", 3*time.Second, "time after which no more questions of a type are asked")
	flag.Uint64Var(&o.seed, "seed", 1, "what all data and questions follow from")
	flag.BoolVar(&o.short, "short", false, "small rows, one round: to see that it works")
	flag.Parse()
	os.Exit(started(o))
}

// started runs the rounds until they end or a signal does, and returns the status to end with.
func started(o options) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

func run(ctx context.Context, o options) error {
	if o.short {
		o.rounds, o.questions = 1, min(o.questions, 5)
	}
	chosen, err := chooseRows(o)
	if err != nil {
		return err
	}
	names, err := choosePeers(o)
	if err != nil {
		return err
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "timberline-bench-"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(o.dir) }()
	}
	all := map[string]map[string][]*result{}
	for _, r := range chosen {
		begin := time.Now()
		results, err := runRow(ctx, o, r, names)
		if err != nil {
			return fmt.Errorf("row %s: %w", r.name, err)
		}
		fmt.Printf("\n%s\nThe row took %s.\n", renderRow(r, names, results), time.Since(begin).Round(time.Second))
		all[r.name] = results
	}
	if o.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, text, 0o644)
}

// choosePeers returns the names of the peers that are installed.
func choosePeers(o options) ([]string, error) {
	var names []string
	for _, name := range strings.Split(o.peers, ",") {
		p, known := peers[name]
		if !known {
			return nil, fmt.Errorf("no peer %q", name)
		}
		if _, err := exec.LookPath(p.program(o)); err != nil {
			if name == timberline {
				return nil, fmt.Errorf("the program of %s: %w (run make build)", name, err)
			}
			fmt.Printf("%s is left out: %v\n", name, err)
			continue
		}
		names = append(names, name)
	}
	return names, nil
}

// runRow gives every peer its turns. What goes wrong with one of them is noted
// in its result and does not end the row.
func runRow(ctx context.Context, o options, r row, names []string) (map[string][]*result, error) {
	fmt.Printf("\nrow %s: making %d lines\n", r.name, r.spec.Lines())
	load, err := bench.Pregenerate(ctx, r.spec, o.batch, r.gzip)
	if err != nil {
		return nil, err
	}
	results := map[string][]*result{}
	for round := range o.rounds {
		for _, name := range names {
			t := turn{options: o, row: r, load: load, peer: peers[name], dir: filepath.Join(o.dir, fmt.Sprintf("%s-%s-%d", r.name, name, round))}
			begin := time.Now()
			got := t.run(ctx)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			fmt.Printf("round %d, %s: %s (%s)\n", round+1, name, got, time.Since(begin).Round(100*time.Millisecond))
			results[name] = append(results[name], got)
			if err := os.RemoveAll(t.dir); err != nil {
				return nil, err
			}
		}
	}
	return results, nil
}
