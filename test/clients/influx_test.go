package clients

import (
	"bytes"
	"compress/gzip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/test/blackbox"
)

// need skips the test when a program is not installed.
func need(t *testing.T, program, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s (Debian package %s) is not installed", program, pkg)
	}
	return path
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestInfluxShell(t *testing.T) {
	influx := need(t, "influx", "influxdb-client")
	s := blackbox.Start(t, t.TempDir())
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	shell := func(args ...string) string {
		return run(t, influx, append([]string{"-host", u.Hostname(), "-port", u.Port()}, args...)...)
	}
	shell("-execute", `CREATE DATABASE shop`)
	shell("-database", "shop", "-execute", `INSERT sales,city=Graz amount=12.5,count=3i 1700000000000000000`)
	shell("-database", "shop", "-execute", `INSERT sales,city=Linz amount=7,note="paid in cash" 1700000060000000000`)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-execute", "SHOW DATABASES", "-format", "csv"}, "name,name\ndatabases,shop\n"},
		{[]string{"-database", "shop", "-execute", "SELECT * FROM sales", "-format", "csv"},
			"name,time,amount,city,count,note\nsales,1700000000000000000,12.5,Graz,3,\nsales,1700000060000000000,7,Linz,,paid in cash\n"},
		{[]string{"-database", "shop", "-execute", "SELECT sum(amount) FROM sales", "-format", "json"},
			`{"results":[{"series":[{"name":"sales","columns":["time","sum"],"values":[[0,19.5]]}]}]}` + "\n"},
		{[]string{"-database", "shop", "-precision", "rfc3339", "-execute", "SELECT count FROM sales", "-format", "csv"},
			"name,time,count\nsales,2023-11-14T22:13:20Z,3\n"},
	} {
		if got := shell(c.args...); got != c.want {
			t.Errorf("influx %s\ngot  %q\nwant %q", strings.Join(c.args, " "), got, c.want)
		}
	}
	file := filepath.Join(t.TempDir(), "import.txt")
	text := "# DDL\nCREATE DATABASE imported\n# DML\n# CONTEXT-DATABASE: imported\n\nm,k=a v=1 1\n\nm,k=b v=2 2\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	shell("-import", "-path", file)
	if got := shell("-database", "imported", "-execute", "SELECT v FROM m", "-format", "csv"); got != "name,time,v\nm,1,1\nm,2,2\n" {
		t.Errorf("imported: %q", got)
	}
}

const pythonScript = `
import sys
from influxdb import InfluxDBClient
c = InfluxDBClient(host='127.0.0.1', port=int(sys.argv[1]))
assert c.ping()
c.create_database('py')
assert {'name': 'py'} in c.get_list_database(), c.get_list_database()
c.switch_database('py')
assert c.write_points([])
assert c.write_points([
    {'measurement': 'm', 'tags': {'k': 'a'}, 'time': 1000000000, 'fields': {'f': 1.5, 'i': 7, 's': 'text', 'b': True}},
    {'measurement': 'm', 'tags': {'k': 'b'}, 'time': 2000000000, 'fields': {'f': 2.5}},
])
rows = list(c.query('SELECT f, i, s, b FROM m WHERE k = $k', bind_params={'k': 'a'}).get_points())
assert rows == [{'time': '1970-01-01T00:00:01Z', 'f': 1.5, 'i': 7, 's': 'text', 'b': True}], rows
rows = list(c.query('SELECT f FROM m', epoch='s').get_points())
assert [r['time'] for r in rows] == [1, 2], rows
c.create_retention_policy('short', '2h', '1')
assert [p['name'] for p in c.get_list_retention_policies()] == ['autogen', 'short']
c.drop_database('py')
assert {'name': 'py'} not in c.get_list_database()
print('done')
`

func TestPythonLibrary(t *testing.T) {
	// Debian's package belongs to Debian's own interpreter.
	python := "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import influxdb").Run(); err != nil {
		t.Skip("the Python library (Debian package python3-influxdb) is not installed")
	}
	s := blackbox.Start(t, t.TempDir())
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if out := run(t, python, "-c", pythonScript, u.Port()); strings.TrimSpace(out) != "done" {
		t.Error(out)
	}
}

func TestCurlWithGzip(t *testing.T) {
	curl := need(t, "curl", "curl")
	s := blackbox.Start(t, t.TempDir())
	run(t, curl, "-sS", "-X", "POST", s.URL+"/query", "--data-urlencode", "q=CREATE DATABASE c")
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write([]byte("m,k=a v=1 1\nm,k=b v=2 2\n"))
	w.Close()
	file := filepath.Join(t.TempDir(), "body.gz")
	if err := os.WriteFile(file, z.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	status := run(t, curl, "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Content-Encoding: gzip",
		"--data-binary", "@"+file, s.URL+"/write?db=c")
	if status != "204" {
		t.Errorf("gzip write: %s", status)
	}
	got := run(t, curl, "-sS", "--compressed", "-G", s.URL+"/query", "--data-urlencode", "db=c", "--data-urlencode", "epoch=ns", "--data-urlencode", "q=SELECT v FROM m")
	if want := `{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","v"],"values":[[1,1],[2,2]]}]}]}` + "\n"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
