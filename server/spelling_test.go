package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
)

// post writes line protocol over HTTP and returns the status.
func (a answers) post(target, body string) int {
	rec := httptest.NewRecorder()
	a.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, target, strings.NewReader(body)))
	return rec.Code
}

// TestSpellingsOfOneSeries: tags in another order, escapes that need not be and
// the absence of escapes that need not be make no other series, whichever way a
// line is read: first of a body or not, new or known, after a restart too.
func TestSpellingsOfOneSeries(t *testing.T) {
	spellings := []string{
		`my\ cpu,host=a,path=/x\,y,zone=\=1`,
		`my\ cpu,path=/x\,y,host=a,zone=\=1`,
		`my\ cpu,zone==1,path=/x\,y,host=a`,
		`my\ cpu,zone==1,host=a,path=/x\,y`,
		`my\ cpu,host=a,zone=\=1,path=/x\,y`,
	}
	files, manual := vfs.NewMem(), clock.NewManual(testNow)
	s := mustOpen(t, files, manual, smallOptions())
	s.mustAsk(t, "", "CREATE DATABASE d")
	const series = `{"results":[{"statement_id":0,"series":[{"columns":["key"],"values":[["my\\ cpu,host=a,path=/x\\,y,zone=\\=1"]]}]}]}`
	written := 0
	write := func(target string, spellings ...string) {
		t.Helper()
		var body strings.Builder
		for _, key := range spellings {
			written++
			body.WriteString(key + fmt.Sprintf(" v=1i %d\n", testNow.UnixNano()+int64(written)))
		}
		if status := s.post(target, body.String()); status != http.StatusNoContent {
			t.Fatalf("status %d for\n%s", status, body.String())
		}
	}
	check := func() {
		t.Helper()
		if got := strings.TrimSpace(s.mustAsk(t, "d", "SHOW SERIES")); got != series {
			t.Errorf("SHOW SERIES: %s", got)
		}
		for _, by := range []string{"", " GROUP BY *"} {
			got := s.mustAsk(t, "d", `SELECT count(v) FROM "my cpu"`+by)
			if n := strings.Count(got, `"values"`); n != 1 || !strings.Contains(got, fmt.Sprintf(",%d]]", written)) {
				t.Errorf("count%s of %d rows: %s", by, written, got)
			}
		}
	}
	write("/write?db=d", spellings...) // all new, in one body
	check()
	for _, key := range spellings {
		write("/write?db=d", key)
		write("/api/v2/write?bucket=d", key, spellings[0], key)
	}
	write("/write?db=d", append(spellings, spellings...)...)
	check()
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, files, manual, smallOptions())
	defer s.close()
	write("/write?db=d", spellings[3], spellings[1])
	write("/write?db=d", spellings[2])
	check()
}
