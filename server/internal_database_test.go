package server

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/config"
)

func TestInternalDatabase(t *testing.T) {
	s := serve(t, t.TempDir(), func(c *config.Config) { c.Monitor.StoreInterval = 50 * time.Millisecond })
	ask := func(q string) string {
		_, answer := s.do(http.MethodGet, "/query?db=_internal&q="+strings.ReplaceAll(q, " ", "%20"), "", "")
		return answer
	}
	deadline := time.Now().Add(10 * time.Second)
	for !strings.Contains(ask(`SELECT count(req) FROM httpd`), "count") {
		if time.Now().After(deadline) {
			t.Fatalf("nothing is recorded: %s", ask("SHOW MEASUREMENTS"))
		}
		time.Sleep(10 * time.Millisecond)
	}
	for q, want := range map[string]string{
		"SHOW DATABASES":                       `"_internal"`,
		"SHOW RETENTION POLICIES ON _internal": `["monitor","168h0m0s","24h0m0s",1,true]`,
		"SHOW TAG KEYS FROM httpd":             `["bind"],["hostname"]`,
		"SHOW FIELD KEYS FROM runtime":         `["HeapAlloc","integer"]`,
		"SHOW MEASUREMENTS":                    `["queryExecutor"],["refusals"],["runtime"]`,
	} {
		if got := ask(q); !strings.Contains(got, want) {
			t.Errorf("%s: %s lacks %s", q, got, want)
		}
	}
	if _, answer := s.do(http.MethodPost, "/query?q=DROP%20DATABASE%20_internal", "", ""); strings.Contains(answer, "error") {
		t.Fatal(answer)
	}
	for !strings.Contains(ask("SHOW DATABASES"), "_internal") {
		if time.Now().After(deadline) {
			t.Fatal("the database is not made again")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestNoInternalDatabase(t *testing.T) {
	s := serve(t, t.TempDir(), func(c *config.Config) {
		c.Monitor.StoreInterval, c.Monitor.StoreEnabled = 20*time.Millisecond, false
	})
	time.Sleep(100 * time.Millisecond)
	if _, answer := s.do(http.MethodGet, "/query?q=SHOW%20DATABASES", "", ""); strings.Contains(answer, "_internal") {
		t.Errorf("databases are %s", answer)
	}
}
