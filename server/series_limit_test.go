package server

import (
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/config"
)

func TestMaxSeriesPerDatabase(t *testing.T) {
	w := newWidening(t, t.TempDir(), func(c *config.Config) { c.Data.MaxSeriesPerDatabase = 2 })
	w.ask("CREATE DATABASE d")
	w.write("m,h=a f=1 1\nm,h=b f=1 1\nm,h=c f=1 1\nm,h=a f=2 2\nn,h=d f=1 3", 400, "partial write: max-series-per-database limit exceeded: (2) dropped=2")
	w.write("m,h=a f=3 3\nm,h=b f=3 3", 204, "")
	w.write("m,h=z f=3 3", 400, "partial write: max-series-per-database limit exceeded: (2) dropped=1")
	w.expect("SELECT count(f) FROM m GROUP BY h", `"tags":{"h":"a"},"columns":["time","count"],"values":[["1970-01-01T00:00:00Z",3]]`, `"tags":{"h":"b"}`)
	if got := w.ask("SHOW SERIES"); strings.Contains(got, "h=c") || strings.Contains(got, "n,h=d") {
		t.Errorf("series are %s", got)
	}
	w.expect("SHOW DIAGNOSTICS FOR 'refusals'", `["max_series",3,"max-series-per-database limit exceeded: (2)","127.0.0.1","d"`)
	w.ask("CREATE DATABASE e")
	w.expect("SHOW DATABASES", `"e"`)
}
