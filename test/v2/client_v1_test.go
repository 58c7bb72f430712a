package v2

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	client "github.com/influxdata/influxdb1-client/v2"

	"github.com/timberlinedb/timberline/test/blackbox"
)

// values returns the parameters of a URL, given as pairs.
func values(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "timberline.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func newV1(t *testing.T, config client.HTTPConfig) client.Client {
	t.Helper()
	c, err := client.NewHTTPClient(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// run runs statements and returns the answer as text.
func run(t *testing.T, c client.Client, q client.Query) (string, error) {
	t.Helper()
	resp, err := c.Query(q)
	if err != nil {
		return "", err
	}
	var out []string
	for _, r := range resp.Results {
		for _, s := range r.Series {
			out = append(out, fmt.Sprint(s.Name, " ", s.Columns, s.Values))
		}
		if r.Err != "" {
			out = append(out, r.Err)
		}
	}
	return strings.Join(out, ";"), resp.Error()
}

func TestVersion1Client(t *testing.T) {
	s := blackbox.Start(t, t.TempDir())
	c := newV1(t, client.HTTPConfig{Addr: s.URL})
	if _, version, err := c.Ping(time.Second); err != nil || version != "1.8.10" {
		t.Errorf("ping: %q, %v", version, err)
	}
	if _, err := run(t, c, client.NewQuery("CREATE DATABASE d", "", "")); err != nil {
		t.Fatal(err)
	}
	points, err := client.NewBatchPoints(client.BatchPointsConfig{Database: "d", Precision: "s"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		p, err := client.NewPoint("m", map[string]string{"k": fmt.Sprint(i % 2)}, map[string]any{"f": float64(i) + 0.5, "i": i}, time.Unix(int64(1700000000+i), 0))
		if err != nil {
			t.Fatal(err)
		}
		points.AddPoint(p)
	}
	if err := c.Write(points); err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct {
		query client.Query
		want  string
	}{
		{client.NewQuery("SELECT f, i FROM m", "d", "s"), "m [time f i] [[1700000000 0.5 0] [1700000001 1.5 1] [1700000002 2.5 2]]"},
		{client.NewQueryWithParameters("SELECT i FROM m WHERE k = $k", "d", "s", client.Params{"k": client.StringValue("1")}), "m [time i] [[1700000001 1]]"},
		{client.Query{Command: "SELECT i FROM m", Database: "d", Precision: "s", Chunked: true, ChunkSize: 1}, "m [time i] [[1700000000 0]];m [time i] [[1700000001 1]];m [time i] [[1700000002 2]]"},
		{client.NewQuery("SHOW DATABASES", "", ""), "databases [name] [[d]]"},
	} {
		if got, err := run(t, c, q.query); err != nil || got != q.want {
			t.Errorf("%s: got %q, %v, want %q", q.query.Command, got, err, q.want)
		}
	}
	for command, want := range map[string]string{
		"SELECT":                 "error parsing query: found EOF, expected identifier",
		"SELECT * FROM nodb..m":  "database not found: nodb",
		"DROP MEASUREMENT m; x;": "error parsing query",
	} {
		if _, err := run(t, c, client.NewQuery(command, "d", "")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", command, err, want)
		}
	}
	missing, err := client.NewBatchPoints(client.BatchPointsConfig{Database: "nodb"})
	if err != nil {
		t.Fatal(err)
	}
	missing.AddPoints(points.Points())
	if err := c.Write(missing); err == nil || !strings.Contains(err.Error(), `database not found: \"nodb\"`) {
		t.Errorf("a write to nowhere: %v", err)
	}
}

// TestVersion1ClientWithAuthentication logs in by name and password, and by an API token in place of the password.
func TestVersion1ClientWithAuthentication(t *testing.T) {
	s := blackbox.Start(t, t.TempDir(), "--config", writeConfig(t, "[http]\n  auth-enabled = true\n"))
	nobody := newV1(t, client.HTTPConfig{Addr: s.URL})
	if _, err := run(t, nobody, client.NewQuery("CREATE USER root WITH PASSWORD 'secret' WITH ALL PRIVILEGES", "", "")); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, nobody, client.NewQuery("SHOW DATABASES", "", "")); err == nil || !strings.Contains(err.Error(), "unable to parse authentication credentials") {
		t.Errorf("nobody: %v", err)
	}
	wrong := newV1(t, client.HTTPConfig{Addr: s.URL, Username: "root", Password: "wrong"})
	if _, err := run(t, wrong, client.NewQuery("SHOW DATABASES", "", "")); err == nil || !strings.Contains(err.Error(), "authorization failed") {
		t.Errorf("wrong password: %v", err)
	}
	root := newV1(t, client.HTTPConfig{Addr: s.URL, Username: "root", Password: "secret"})
	if _, err := run(t, root, client.NewQuery("CREATE DATABASE d; CREATE USER rd WITH PASSWORD 'pw'; GRANT READ ON d TO rd", "", "")); err != nil {
		t.Fatal(err)
	}
	rd := newV1(t, client.HTTPConfig{Addr: s.URL, Username: "rd", Password: "pw"})
	if got, err := run(t, rd, client.NewQuery("SHOW DATABASES", "", "")); err != nil || got != "databases [name] [[d]]" {
		t.Errorf("rd: %q, %v", got, err)
	}
	points, err := client.NewBatchPoints(client.BatchPointsConfig{Database: "d"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := client.NewPoint("m", nil, map[string]any{"f": 1}, time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	points.AddPoint(p)
	if err := rd.Write(points); err == nil || !strings.Contains(err.Error(), `\"rd\" user is not authorized to write to database \"d\"`) {
		t.Errorf("rd writes: %v", err)
	}
	if err := root.Write(points); err != nil {
		t.Error(err)
	}
}
