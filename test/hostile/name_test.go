package hostile

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/timberlinedb/timberline/test/blackbox"
)

// mark is in every hostile name, so that a file that one of them has made is found by its name.
const mark = "hostile-name-29b1"

// pathNames look like paths to somewhere else.
var pathNames = []string{
	"../" + mark, "../../../../../../../../../../tmp/" + mark, "/tmp/" + mark, "./" + mark, mark + "/../../" + mark, "..", ".", "/", "~/" + mark,
	`..\..\` + mark, `C:\` + mark, "%2e%2e%2f" + mark, "..%00" + mark, "\x00" + mark, mark + "\x00/../x", "..;/" + mark, "....//" + mark, mark + "\n", "-rf " + mark,
	"$(touch " + mark + ")", "`touch " + mark + "`", strings.Repeat("../", 1000) + mark, strings.Repeat(mark, 300), "catalog", "wal", "CON", "․․/" + mark, "\xff" + mark,
}

// TestNamesThatLookLikePaths gives databases, policies, users, measurements, tags and continuous queries such names. What the
// server takes must work and be there after a restart, and nothing outside of its directory changes.
func TestNamesThatLookLikePaths(t *testing.T) {
	parent := t.TempDir()
	data := filepath.Join(parent, "a", "b", "data")
	for _, dir := range []string{data, filepath.Join(parent, "a", "catalog"), filepath.Join(parent, "tmp")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"sentinel", "a/sentinel", "a/b/sentinel", "a/catalog/sentinel"} {
		if err := os.WriteFile(filepath.Join(parent, filepath.FromSlash(file)), []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := listing(t, parent, data)
	s := blackbox.Start(t, data)
	g := &target{Server: s, client: &http.Client{}}
	s.Query(t, "", "CREATE DATABASE calm")
	var taken []string
	for _, name := range pathNames {
		if g.useName(t, name) {
			taken = append(taken, name)
		}
	}
	for _, path := range []string{"/../../etc/passwd", "/debug/pprof/../../../etc/passwd", "/debug/pprof/..%2f..%2fetc%2fpasswd", "/api/v2/buckets/..%2f..%2f" + mark, "//etc/passwd"} {
		if r, err := s.Do("GET", path, nil, nil); err != nil || r.Status < 400 && !strings.Contains(path, "pprof") || strings.Contains(r.Body, "root:") {
			t.Errorf("%s: %d %.200s, %v", path, r.Status, r.Body, err)
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	g.Server = blackbox.Start(t, data)
	for _, name := range taken {
		g.readBack(t, name)
		g.ask(t, name, "DROP DATABASE "+quoted(name))
	}
	if len(taken) < 5 {
		t.Errorf("only %d of %d names were taken: %q", len(taken), len(pathNames), taken)
	}
	if err := g.Stop(); err != nil {
		t.Fatal(err)
	}
	if after := listing(t, parent, data); !slices.Equal(before, after) {
		t.Errorf("outside of the data directory there was\n%s\nand now there is\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	checkNoMark(t, ".", os.TempDir(), "/tmp", "/", data)
}

// useName makes things of a name. It reports whether a database of that name was made.
func (g *target) useName(t *testing.T, name string) bool {
	t.Helper()
	made := g.ask(t, name, "CREATE DATABASE "+quoted(name))
	for _, statement := range []string{
		"CREATE RETENTION POLICY " + quoted(name) + " ON calm DURATION 0s REPLICATION 1", "CREATE USER " + quoted(name) + " WITH PASSWORD 'secret'",
		"CREATE SUBSCRIPTION " + quoted(name) + " ON calm.autogen DESTINATIONS ALL 'file://" + strings.ReplaceAll(name, "'", "") + "'",
		"CREATE CONTINUOUS QUERY " + quoted(name) + " ON calm BEGIN SELECT max(v) INTO " + quoted(name) + " FROM m GROUP BY time(1h) END",
		"SELECT v INTO " + quoted(name) + "." + quoted(name) + "." + quoted(name) + " FROM m", "SHOW MEASUREMENTS ON " + quoted(name),
	} {
		g.ask(t, statement, statement)
	}
	g.send(t, "bucket", request{method: "POST", path: "/api/v2/buckets", body: fmt.Appendf(nil, `{"name":%s,"orgID":"x","retentionRules":[]}`, jsonText(name))})
	g.send(t, "policy", request{method: "POST", path: "/write?db=calm&rp=" + escaped(name), body: []byte("m v=1 1"), want: []int{http.StatusNoContent, http.StatusBadRequest, http.StatusNotFound, http.StatusInternalServerError}})
	if strings.Contains(made, `"error"`) || made == "" || !utf8.ValidString(name) { // then the name is another one
		return false
	}
	line := "m,t=" + strings.NewReplacer(" ", `\ `, ",", `\,`, "=", `\=`, "\n", "", `\`, `/`).Replace(name) + " v=7 1"
	g.send(t, name, request{method: "POST", path: "/write?db=" + escaped(name), body: []byte(line), want: []int{http.StatusNoContent, http.StatusBadRequest}})
	g.send(t, name, request{method: "POST", path: "/write?db=" + escaped(name), body: []byte("m v=7 2"), want: []int{http.StatusNoContent}})
	g.readBack(t, name)
	return true
}

func (g *target) readBack(t *testing.T, name string) {
	t.Helper()
	r, err := g.Do("POST", "/query?epoch=ns&db="+escaped(name)+"&q="+escaped("SELECT v FROM m WHERE time = 2"), nil, nil)
	if err != nil || !strings.Contains(r.Body, "[[2,7]]") {
		t.Errorf("%.60q: %s, %v", name, r.Body, err)
	}
}

// quoted is a name as an identifier of a statement.
func quoted(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(name) + `"`
}

func jsonText(text string) []byte {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return b
}

// listing tells what is below a directory, without what is below another one.
func listing(t *testing.T, dir, without string) (lines []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if path == without {
			return filepath.SkipDir
		}
		content := ""
		if e.Type().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(b)
		}
		lines = append(lines, fmt.Sprintf("%s %s %q", info.Mode(), path, content))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// checkNoMark fails when a directory has a file with a hostile name.
func checkNoMark(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Error(err)
		}
		for _, e := range entries {
			if strings.Contains(e.Name(), mark) {
				t.Errorf("%s has %q", dir, e.Name())
			}
		}
	}
}
