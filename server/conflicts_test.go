package server

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/config"
)

// widening is a server with a database that keeps its conflicts.
type widening struct {
	*running
	t *testing.T
}

func newWidening(t *testing.T, dir string, change func(*config.Config)) *widening {
	w := &widening{t: t}
	w.running = serve(t, dir, func(c *config.Config) {
		c.Monitor.StoreEnabled = false
		if change != nil {
			change(c)
		}
	})
	return w
}

func (w *widening) ask(q string) string {
	w.t.Helper()
	_, answer := w.do(http.MethodPost, "/query?db=d&q="+url.QueryEscape(q), "", "")
	return answer
}

func (w *widening) expect(q string, want ...string) {
	w.t.Helper()
	got := w.ask(q)
	for _, s := range want {
		if !strings.Contains(got, s) {
			w.t.Errorf("%s\n\tis answered %s\n\tlacks       %s", q, got, s)
		}
	}
}

func (w *widening) write(lines string, status int, text string) {
	w.t.Helper()
	if got, answer := w.do(http.MethodPost, "/write?db=d", "", lines); got != status || !strings.Contains(answer, text) {
		w.t.Errorf("%q: %d %s", lines, got, answer)
	}
}

const none = `{"results":[{"statement_id":0}]}`

func TestFieldConflictsWiden(t *testing.T) {
	dir := t.TempDir()
	w := newWidening(t, dir, nil)
	w.ask("CREATE DATABASE d")
	w.write("m,host=a f=1.5,i=1i 1", 204, "")
	w.write("m,host=a f=2i 2", 400, "partial write: field type conflict")
	if got := w.ask("ALTER DATABASE d WITH FIELD CONFLICTS WIDEN"); got != none {
		t.Errorf("ALTER DATABASE: %q", got)
	}
	w.write("m,host=a f=2i,i=3 2", 204, "")
	w.write("m,host=a f=9007199254740992i 3\nm,host=b f=9007199254740993i,i=4i 4\nm,host=a i=1.5 5\nm,host=a f=3.5 6", 204, "")
	w.write(`m,host=a f="12.5",i=7i 7`+"\n"+`m,host=a i=t 8`+"\n"+`m,host=a f="x y" 9`, 204, "")
	w.expect("SELECT f, i FROM m", `"values":[["1970-01-01T00:00:00.000000001Z",1.5,1],["1970-01-01T00:00:00.000000002Z",2,3],`+
		`["1970-01-01T00:00:00.000000003Z",9007199254740992,null],["1970-01-01T00:00:00.000000004Z",null,4],["1970-01-01T00:00:00.000000006Z",3.5,null],["1970-01-01T00:00:00.000000007Z",null,7]]`)
	w.expect("SHOW FIELD CONFLICTS", `"columns":["id","received","policy","measurement","field","reason","client","line"]`,
		`"autogen","m","f","is type integer, already exists as type float","127.0.0.1","m,host=b f=9007199254740993i 4"]`,
		`"autogen","m","i","is type float, already exists as type integer","127.0.0.1","m,host=a i=1.5 5"]`,
		`m,host=a f=\"12.5\" 7`, `m,host=a i=true 8`, `m,host=a f=\"x y\" 9`)
	if got := w.ask("SHOW FIELD CONFLICTS ON d LIMIT 1"); strings.Count(got, "host=a") != 1 || !strings.Contains(got, "x y") {
		t.Errorf("LIMIT 1: %s", got)
	}
	w.expect("SHOW DIAGNOSTICS FOR 'refusals'", `["field_conflict_kept",5,`)
	w.expect("REPLAY FIELD CONFLICTS ON d FROM m FIELD f AS float", `"columns":["left","written"],"values":[[1,2]]`) // the text "x y" is no number
	w.expect("REPLAY FIELD CONFLICTS ON d FROM other AS float", `[[0,0]]`)
	w.expect("REPLAY FIELD CONFLICTS ON d FIELD i AS string", `[[2,0]]`) // still another type
	w.expect("REPLAY FIELD CONFLICTS ON d FIELD f INTO f_text", `[[0,1]]`)
	w.expect("SELECT f, f_text FROM m WHERE time >= 7", `00007Z",12.5,null]`, `00009Z",null,"x y"]`)

	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	w = newWidening(t, dir, nil)
	if got := w.ask("SHOW FIELD CONFLICTS"); strings.Count(got, "is type") != 2 || !strings.Contains(got, "i=1.5 5") || !strings.Contains(got, "i=true 8") {
		t.Errorf("after a restart: %s", got)
	}
	w.expect("REPLAY FIELD CONFLICTS ON d AS integer", `[[0,2]]`)
	w.expect("SELECT i FROM m WHERE time >= 5", `00005Z",1]`, `00008Z",1]`)
	if got := w.ask("SHOW FIELD CONFLICTS"); got != none {
		t.Errorf("after all were replayed: %s", got)
	}
	w.ask("ALTER DATABASE d WITH FIELD CONFLICTS REJECT")
	w.write("m,host=a f=2i 2", 400, "partial write: field type conflict")
	w.expect("ALTER DATABASE nowhere WITH FIELD CONFLICTS WIDEN", "database not found: nowhere")
	w.expect("SHOW FIELD CONFLICTS ON nowhere", "database not found: nowhere")
	w.expect("REPLAY FIELD CONFLICTS ON nowhere AS float", "database not found")
}

// TestConflictsInOneBody: rows that were refused define new fields with several types.
func TestConflictsInOneBody(t *testing.T) {
	w := newWidening(t, t.TempDir(), nil)
	w.ask("CREATE DATABASE d")
	w.ask("ALTER DATABASE d WITH FIELD CONFLICTS WIDEN")
	w.write("m f=1 1\n"+`m f=2i,g=1i 2`+"\n"+`m f=3i,g=2.5 3`+"\n"+`m f=4i,g="a",h="b" 4`, 204, "")
	w.expect("SELECT * FROM m", `00001Z",1,null,null]`, `00002Z",2,1,null]`, `00003Z",3,null,null]`, `00004Z",4,null,"b"]`)
	w.expect("SHOW FIELD CONFLICTS", "m g=2.5 3", `m g=\"a\" 4`)
}

func TestConflictStoreIsBounded(t *testing.T) {
	w := newWidening(t, t.TempDir(), func(c *config.Config) { c.Data.MaxFieldConflictSize = 400 })
	w.ask("CREATE DATABASE d")
	w.ask("ALTER DATABASE d WITH FIELD CONFLICTS WIDEN")
	w.write("m f=1 1", 204, "")
	w.write(`m f="a" 2`, 204, "")
	w.write(`m f="`+strings.Repeat("x", 300)+`" 3`+"\nm f=4i 4", 400, `partial write: field type conflict: input field \"f\" on measurement \"m\" is type string, already exists as type float dropped=1`)
	w.expect("SELECT f FROM m", `[["1970-01-01T00:00:00.000000001Z",1],["1970-01-01T00:00:00.000000004Z",4]]`)
	w.expect("SHOW STATS FOR 'fieldConflicts'", `"valuesWithoutRoom"`)
	w.ask("DROP DATABASE d")
	w.ask("CREATE DATABASE d")
	if got := w.ask("SHOW FIELD CONFLICTS"); got != none {
		t.Errorf("in a new database of the name: %s", got)
	}
}
