package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/bench"
	"github.com/timberlinedb/timberline/test/blackbox"
)

// TestTurn runs Timberline through all that a turn measures.
func TestTurn(t *testing.T) {
	o := options{binary: blackbox.Binary(t), workers: 2, questions: 3, perType: time.Second, seed: 1}
	r := row{name: "tiny", spec: bench.Spec{Workload: "cpu", Hosts: 10, Duration: 30 * time.Minute, Seed: 1}}
	r.spec.EnsureDefaults()
	load, err := bench.Pregenerate(t.Context(), r.spec, 500, false)
	if err != nil {
		t.Fatal(err)
	}
	got := turn{options: o, row: r, load: load, peer: peers[timberline], dir: filepath.Join(t.TempDir(), "data")}.run(t.Context())
	if got.Failure != "" {
		t.Fatal(got.Failure)
	}
	if got.AckedKilled != 1800 || got.FoundKilled != 1800 {
		t.Errorf("found %d of %d lines after kill -9", got.FoundKilled, got.AckedKilled)
	}
	if got.LinesPerS <= 0 || got.LoadCPU <= 0 || got.SettledCPU < got.LoadCPU || got.PeakMemory < 1<<20 || got.Disk <= 0 || got.StartClean <= 0 || got.StartKilled <= 0 {
		t.Errorf("figures %+v", got)
	}
	for _, kind := range bench.QuestionTypes("cpu") {
		if q := got.Questions[kind]; q.Failure != "" || q.Count != 3 || q.P50 <= 0 || q.CPU <= 0 {
			t.Errorf("%s: %+v", kind, q)
		}
	}
}

// TestFailureIsNoted: a server that does not start ends its turn, not the row.
func TestFailureIsNoted(t *testing.T) {
	r := row{spec: bench.Spec{Workload: "cpu", Hosts: 1, Rows: 10}}
	r.spec.EnsureDefaults()
	load, err := bench.Pregenerate(t.Context(), r.spec, 10, false)
	if err != nil {
		t.Fatal(err)
	}
	got := turn{options: options{binary: "/bin/false"}, row: r, load: load, peer: peers[timberline], dir: filepath.Join(t.TempDir(), "data")}.run(t.Context())
	if got.Failure == "" {
		t.Errorf("no failure: %+v", got)
	}
}
