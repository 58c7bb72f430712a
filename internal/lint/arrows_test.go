package lint

import (
	"strings"
	"testing"
)

// rows is the house from the bottom up. A room may import rooms of lower rows
// and what `within` allows it, never its own row or a higher one.
var rows = [][]string{
	{"lineproto", "influxql", "model", "internal"},
	{"wal", "tsm", "tsm/encoding", "index", "tsdb/cursor", "remote"},
	{"catalog", "tsdb", "conflict"},
	{"ingest", "query", "cluster"},
	{"httpapi", "listen", "ui", "monitor", "task", "alert", "bench", "shell"},
	{"config", "server"},
	{"cmd"},
}

// within lists the arrows inside a row, each with its reason.
var within = map[string]string{
	"lineproto > model":              "the leaves use model",
	"influxql > model":               "the leaves use model",
	"internal > model":               "the leaves use model",
	"internal > internal":            "helpers build on vfs and clock",
	"lineproto > internal":           "fingerprint of a raw key",
	"tsm > tsm/encoding":             "a room and its subfolder",
	"server > config":                "server turns the configuration into the options of the rooms",
	"internal/testmodel > query":     "the naive storage answers the query engine",
	"internal/testmodel > catalog":   "the naive storage answers the query engine",
	"internal/testmodel > cursor":    "the naive storage answers the query engine",
	"internal/testmodel > lineproto": "the naive storage is loaded with line protocol",
	"ingest > tsdb":                  "state below services",
}

// onlyIn names the one place that may know a library.
var onlyIn = map[string][]string{
	"github.com/labstack/echo/v4":       {"httpapi/routes.go"},
	"github.com/spf13/viper":            {"config/"},
	"github.com/schollz/progressbar/v3": {"cmd/"},
	"github.com/peterh/liner":           {"cmd/"},
	"github.com/spf13/cobra":            {"cmd/"},
}

func rowOf(room string) (name string, row int) {
	best := -1
	for i, names := range rows {
		for _, n := range names {
			if (room == n || strings.HasPrefix(room, n+"/")) && len(n) > len(name) {
				name, best = n, i
			}
		}
	}
	return name, best
}

func TestArrows(t *testing.T) {
	for _, f := range sources(t) {
		if f.test || strings.HasPrefix(f.room, "test/") || strings.HasPrefix(f.room, "internal/testmodel") {
			continue
		}
		from, fromRow := rowOf(f.room)
		if fromRow < 0 {
			t.Errorf("%s: the room %q stands in no row of the house", f.path, f.room)
			continue
		}
		for _, imp := range f.imports() {
			if imp == module || !strings.HasPrefix(imp, module+"/") {
				continue
			}
			room := strings.TrimPrefix(imp, module+"/")
			to, toRow := rowOf(room)
			if room == f.room || toRow < fromRow && toRow >= 0 {
				continue
			}
			if _, ok := within[from+" > "+to]; !ok {
				t.Errorf("%s imports %s: no arrow from %q to %q", f.path, room, from, to)
			}
		}
	}
}

func TestQueryDoesNotKnowTheEngine(t *testing.T) {
	for _, f := range sources(t) {
		if f.room != "query" || f.test {
			continue
		}
		for _, imp := range f.imports() {
			if imp == module+"/tsdb" || imp == module+"/wal" || imp == module+"/tsm" || imp == module+"/index" {
				t.Errorf("%s imports %s: query reads through tsdb/cursor", f.path, imp)
			}
		}
	}
}

func TestLibrariesStayInTheirRoom(t *testing.T) {
	for _, f := range sources(t) {
		for _, imp := range f.imports() {
			for lib, places := range onlyIn {
				if imp != lib && !strings.HasPrefix(imp, lib+"/") {
					continue
				}
				ok := f.test
				for _, p := range places {
					ok = ok || strings.HasPrefix(f.path, p)
				}
				if !ok {
					t.Errorf("%s imports %s, which only %v may know", f.path, imp, places)
				}
			}
		}
	}
}
