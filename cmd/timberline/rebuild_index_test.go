package main

import (
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/tsdb"
)

func TestRebuildIndex(t *testing.T) {
	dir := t.TempDir()
	s, err := tsdb.Open(t.Context(), dir, tsdb.Layout{{ID: 7}}, tsdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := run(t.Context(), "inspect", "rebuild-index", dir); err == nil {
		t.Error("the index of an open directory is rebuilt")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	out, _, err := run(t.Context(), "inspect", "rebuild-index", dir)
	if err != nil || !strings.Contains(out, "database 7: 0 series; 0 files in 0 shards") || !strings.Contains(out, "1 databases in ") {
		t.Errorf("printed %q, %v", out, err)
	}
}
