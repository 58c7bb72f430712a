package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/config"
)

func TestRefusals(t *testing.T) {
	s := serve(t, t.TempDir(), func(c *config.Config) { c.Monitor.StoreEnabled = false })
	post := func(path, body string) { s.do(http.MethodPost, path, "", body) }
	ask := func(q string) string {
		_, answer := s.do(http.MethodGet, "/query?q="+strings.ReplaceAll(q, " ", "%20"), "", "")
		return answer
	}
	post("/query?q=CREATE%20DATABASE%20d%20WITH%20DURATION%201d", "")
	now := time.Now().UnixNano()
	post("/write?db=d", fmt.Sprintf("m f=1 %d\nm f=2 %d\nm f=3 %d", now, now, now)) // two values are overwritten
	post("/write?db=d", fmt.Sprintf("m f=true %d\nm f=1 5\nm f", now))
	post("/write?db=nowhere", "# a comment\nm f=1\n\nm f=2")
	if err := s.store.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	diagnostics := ask("SHOW DIAGNOSTICS FOR 'refusals'")
	for _, want := range []string{
		`"columns":["reason","points","last","client","database","time"]`,
		`["malformed",1,"unable to parse 'm f': `, `["beyond_retention",1,"point of measurement \"m\" at 1970-01-01T00:00:00.000000005Z is older`,
		`["field_conflict",1,"field type conflict: input field \"f\" on measurement \"m\" is type boolean, already exists as type float","127.0.0.1"`,
		`["not_found",2,"database not found: \"nowhere\"","127.0.0.1"`, `["values_overwritten",2,"database 1, shard 1: flush: series 1 of measurement \"m\" has two values at `,
	} {
		if !strings.Contains(diagnostics, want) {
			t.Errorf("diagnostics lack %s:\n%s", want, diagnostics)
		}
	}
	if strings.Contains(diagnostics, "no_space") {
		t.Errorf("diagnostics tell what never happened:\n%s", diagnostics)
	}
	if got := ask("SHOW DIAGNOSTICS"); !strings.Contains(got, `"name":"refusals"`) || !strings.Contains(got, `"name":"build"`) {
		t.Errorf("all diagnostics: %s", got)
	}
	if got := ask("SHOW STATS FOR 'refusals'"); !strings.Contains(got, `"no_space","not_found"`) || !strings.Contains(got, `"values_overwritten"`) {
		t.Errorf("statistics: %s", got)
	}
	_, metrics := s.do(http.MethodGet, "/metrics", "", "")
	for _, want := range []string{
		`timberline_points_refused_total{reason="not_found"} 2`, `timberline_points_refused_total{reason="field_conflict"} 1`,
		"timberline_values_overwritten_total 2", "timberline_rows_overwritten_total 2",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}
