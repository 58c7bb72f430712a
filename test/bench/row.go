package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/bench"
)

// row is one set of data that all servers are given.
type row struct {
	name  string
	about string
	spec  bench.Spec
	gzip  bool // such rows are only loaded
}

// rows are those of the benchmark, with gzip after plain.
func rows(short bool) []row {
	pick := func(long, brief bench.Spec) bench.Spec {
		if short {
			return brief
		}
		return long
	}
	plain := []row{
		{name: "long", about: "cpu, few hosts over a long time", spec: pick(
			bench.Spec{Workload: "cpu", Hosts: 100, Duration: 24 * time.Hour},
			bench.Spec{Workload: "cpu", Hosts: 20, Duration: 4 * time.Hour})},
		{name: "short", about: "cpu, many hosts over a short time", spec: pick(
			bench.Spec{Workload: "cpu", Hosts: 4000, Duration: 20 * time.Minute},
			bench.Spec{Workload: "cpu", Hosts: 400, Duration: 10 * time.Minute})},
		{name: "series", about: "sensor, every series new, two points each", spec: pick(
			bench.Spec{Workload: "sensor", Hosts: 1_000_000, Rows: 2_000_000},
			bench.Spec{Workload: "sensor", Hosts: 50_000, Rows: 100_000})},
		{name: "devops", about: "devops, nine measurements per host", spec: pick(
			bench.Spec{Workload: "devops", Hosts: 100, Duration: 2 * time.Hour},
			bench.Spec{Workload: "devops", Hosts: 20, Duration: 20 * time.Minute})},
	}
	all := slices.Clone(plain)
	for _, r := range plain {
		r.name, r.about, r.gzip = r.name+"-gzip", r.about+", bodies compressed with gzip", true
		all = append(all, r)
	}
	return all
}

func rowNames() []string {
	var names []string
	for _, r := range rows(false) {
		names = append(names, r.name)
	}
	return names
}

// chooseRows returns the rows that the flags ask for, ready to be made.
func chooseRows(o options) ([]row, error) {
	wanted := rowNames()
	if o.rows != "" {
		wanted = strings.Split(o.rows, ",")
	}
	for _, name := range wanted {
		if !slices.Contains(rowNames(), name) {
			return nil, fmt.Errorf("no row %q, want one of: %s", name, strings.Join(rowNames(), ", "))
		}
	}
	var chosen []row
	for _, r := range rows(o.short) {
		if !slices.Contains(wanted, r.name) {
			continue
		}
		r.spec.Seed = o.seed
		r.spec.EnsureDefaults()
		if err := r.spec.Validate(); err != nil {
			return nil, fmt.Errorf("row %s: %w", r.name, err)
		}
		chosen = append(chosen, r)
	}
	return chosen, nil
}
