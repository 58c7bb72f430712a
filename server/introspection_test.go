package server

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/config"
)

type shown struct {
	Results []struct {
		Series []struct {
			Name    string
			Tags    map[string]string
			Columns []string
			Values  [][]any
		}
	}
}

func (s *running) shown(q string) shown {
	s.t.Helper()
	var a shown
	text := s.ask("", q)
	if err := json.Unmarshal([]byte(text), &a); err != nil || len(a.Results) != 1 {
		s.t.Fatalf("%s: %s %v", q, text, err)
	}
	for _, series := range a.Results[0].Series {
		if !slices.IsSorted(series.Columns) || len(series.Values) != 1 || len(series.Values[0]) != len(series.Columns) {
			s.t.Errorf("%s: %+v", q, series)
		}
	}
	return a
}

// value returns the value of a column in the first series of a name.
func (a shown) value(name, column string) any {
	for _, s := range a.Results[0].Series {
		if i := slices.Index(s.Columns, column); s.Name == name && i >= 0 {
			return s.Values[0][i]
		}
	}
	return nil
}

func TestShowStats(t *testing.T) {
	s := serve(t, t.TempDir(), func(c *config.Config) { c.HTTP.SharedSecret = "c4n4ryc4n4ryc4n4ryc4n4ryc4n4ryc4n4ry" })
	s.ask("", "CREATE DATABASE d")
	if status, answer := s.do("POST", "/write?db=d", "", "m,host=a v=1 1\nm,host=b v=1 1\nn v=1 1"); status != 204 {
		t.Fatal(status, answer)
	}
	a := s.shown("SHOW STATS")
	var names []string
	for _, series := range a.Results[0].Series {
		names = append(names, series.Name)
	}
	if got, want := strings.Join(names, " "), "runtime queryExecutor database shard tsm1_engine tsm1_cache tsm1_filestore write subscriber tsm1_wal cq httpd refusals fieldConflicts"; got != want {
		t.Errorf("modules %s, want %s", got, want)
	}
	for _, c := range []struct {
		name, column string
		want         float64
	}{
		{"database", "numSeries", 3}, {"database", "numMeasurements", 2}, {"tsm1_cache", "cachedRows", 3}, {"tsm1_filestore", "numFiles", 0},
		{"write", "pointReq", 3}, {"queryExecutor", "queriesActive", 1}, {"queryExecutor", "queriesExecuted", 2}, {"httpd", "writeReq", 1},
	} {
		if got := a.value(c.name, c.column); got != c.want {
			t.Errorf("%s of %s: %v, want %v", c.column, c.name, got, c.want)
		}
	}
	one := s.shown("SHOW STATS FOR 'shard'")
	if n := len(one.Results[0].Series); n != 1 || one.Results[0].Series[0].Tags["database"] != "d" || one.Results[0].Series[0].Tags["retentionPolicy"] != "autogen" {
		t.Errorf("for a module: %+v", one)
	}
	if n := len(s.shown("SHOW STATS FOR 'nothing'").Results[0].Series); n != 0 {
		t.Errorf("%d series for a module that is not there", n)
	}
	if got, ok := s.shown("SHOW STATS FOR 'indexes'").value("indexes", "memoryBytes").(float64); !ok {
		t.Errorf("the index takes %v bytes", got)
	}

	d := s.shown("SHOW DIAGNOSTICS")
	for _, c := range []struct {
		name, column string
		want         any
	}{
		{"build", "Version", "1.8.10"}, {"config-coordinator", "query-timeout", "0s"}, {"config-data", "dir", s.cfg.Data.Dir},
		{"config-cqs", "enabled", true}, {"config-httpd", "max-row-limit", 0.0}, {"config-httpd", "shared-secret", "[REDACTED]"},
		{"runtime", "GOOS", "linux"},
	} {
		if got := d.value(c.name, c.column); got != c.want {
			t.Errorf("%s of %s: %v, want %v", c.column, c.name, got, c.want)
		}
	}
	if pid, _ := d.value("system", "PID").(float64); pid <= 0 {
		t.Errorf("process %v", pid)
	}
	if one := s.shown("SHOW DIAGNOSTICS FOR 'network'"); len(one.Results[0].Series) != 1 || one.Results[0].Series[0].Name != "network" {
		t.Errorf("for a module: %+v", one)
	}
}
