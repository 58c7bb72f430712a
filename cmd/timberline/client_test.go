package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startServe runs serve in this process until the test ends and returns its address.
func startServe(t *testing.T) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var out, log lockedBuffer
	done, dir := make(chan error, 1), t.TempDir() // removed behind the clean-up below
	go func() { done <- runTo(ctx, &out, &log, "serve", "--data-dir", dir, "--http-addr", "127.0.0.1:0") }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serve ended with %v", err)
		}
	})
	for {
		if m := address.FindStringSubmatch(out.String()); m != nil {
			return m[1]
		}
		select {
		case err := <-done:
			done <- err
			t.Fatalf("serve ended: %v\n%s", err, log.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// runIn is run with a standard input.
func runIn(ctx context.Context, in string, args ...string) (out, errOut string, err error) {
	var stdout, stderr bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(strings.NewReader(in))
	root.SetOut(&stdout)
	root.SetErr(&stderr)
	err = root.ExecuteContext(ctx)
	return stdout.String(), stderr.String(), err
}

func TestScriptsSpeakToAServer(t *testing.T) {
	t.Setenv("INFLUX_USERNAME", "")
	t.Setenv("INFLUX_TOKEN", "")
	url := startServe(t)
	dir := t.TempDir()
	packed := filepath.Join(dir, "points.gz")
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write([]byte("m v=3 3\nm v=4 4\n")); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	export := filepath.Join(dir, "export.txt")
	wrong := filepath.Join(dir, "wrong.txt")
	for name, text := range map[string]string{packed: z.String(), export: "# DDL\nCREATE DATABASE e\n# DML\n# CONTEXT-DATABASE: e\nm v=1 1\n",
		wrong: "# DML\n# CONTEXT-DATABASE: e\nm v=2 2\nm\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		in, args              string
		out, errOut, mistaken string // mistaken: part of the error; empty for success
	}{
		{"", "query|CREATE DATABASE d", "", "", ""},
		{"m v=1 1\nm v=2 2\n", "write|-d|d", "", "2 points written\n", ""},
		{"", "write|-d|d|--gzip=false|--batch|1|" + packed, "", "2 points written\n", ""},
		{"m v=\"text\" 9\nm v=5 5\n", "write|-d|d|-", "", "timberline: lines 1 to 2: partial write: field type conflict", "1 points written, 1 refused: not everything went well"},
		{"m v=1 1", "write|-d|none", "", "", "0 points written, 1 refused: line 1: database not found"},
		{"m v=1 1", "write", "", "", "--database"},
		{"", "query|-d|d|-p|ns|-f|csv|SELECT * FROM m", "name,time,v\nm,1,1\nm,2,2\nm,3,3\nm,4,4\nm,5,5\n", "", ""},
		{"SELECT v FROM m LIMIT 1", "query|-d|d", "name: m\ntime                           v\n----                           -\n1970-01-01T00:00:00.000000001Z 1\n", "", ""},
		{"", "query|-d|d|-f|json|-p|s|SELECT v FROM m LIMIT 1", `{"results":[{"statement_id":0,"series":[{"name":"m","columns":["time","v"],"values":[[0,1]]}]}]}` + "\n", "", ""},
		{"", "query|-d|d|SELECT nope(v) FROM m", "", "", "undefined function nope()"},
		{"", "query|SELECT", "", "", "error parsing query"},
		{" ", "query", "", "", "no statements"},
		{"", "query|-f|jpeg|SHOW DATABASES", "", "", `unknown format "jpeg"`},
		{"", "query|-p|fortnight|SHOW DATABASES", "", "", "unknown precision"},
		{"", "shell|--import|--path|" + export, "1 statement and 1 point taken\n", "", ""},
		{"", "shell|--import|--path|" + wrong, "0 statements and 1 point taken, 0 statements and 1 point refused\n", "timberline: lines 3 to 4: ", "not everything went well"},
		{"", "shell|--import", "", "", "--path"},
		{"use e\nformat csv\nprecision ns\nSELECT v\nFROM m\n", "shell", "name,time,v\nm,1,1\nm,2,2\n", "", ""},
		{"use nowhere\n", "shell", "", "ERR: there is no database", "not everything went well"},
		{"", "shell|-d|e|-f|csv|-p|ns|-e|SELECT v FROM m LIMIT 1", "name,time,v\nm,1,1\n", "", ""},
	} {
		args := strings.Split(c.args, "|")
		args = append([]string{args[0], "--url", url}, args[1:]...)
		out, errOut, err := runIn(t.Context(), c.in, args...)
		good := (err == nil) == (c.mistaken == "") && out == c.out && strings.HasPrefix(errOut, c.errOut) && (c.errOut != "" || errOut == "")
		if !good || err != nil && !strings.Contains(err.Error(), c.mistaken) {
			t.Errorf("%s gave %v,\nout %q\nerr %q", c.args, err, out, errOut)
		}
	}
}

func TestClientFlags(t *testing.T) {
	t.Setenv("INFLUX_USERNAME", "")
	t.Setenv("INFLUX_TOKEN", "")
	notCertificate := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notCertificate, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"--url http://x --port 1":           "give either",
		"--port 0":                          "--port is 0",
		"--url ftp://x":                     "want http://",
		"--username u --token t":            "want one of them",
		"--ca-cert /nowhere.pem":            "/nowhere.pem",
		"--ca-cert " + notCertificate:       "has no certificate",
		"--host 127.0.0.1 --port 1":         "cannot be reached at http://127.0.0.1:1",
		"--host ::1 --port 1 --ssl":         "cannot be reached at https://[::1]:1",
		"--url 127.0.0.1:1 --precision ns ": "cannot be reached at http://127.0.0.1:1",
	} {
		_, _, err := runIn(t.Context(), "", append(append([]string{"query"}, strings.Fields(args)...), "SHOW DATABASES")...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", args, err, want)
		}
	}
}

func TestHistoryFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "history")
	var want []string
	for i := range 3 * maxHistory {
		line := strings.Repeat("x", i%7+1)
		if err := appendLine(name, line); err != nil {
			t.Fatal(err)
		}
		want = append(want, line)
	}
	got, total, err := readHistory(name)
	if err != nil || total != 3*maxHistory || strings.Join(got, " ") != strings.Join(want[2*maxHistory:], " ") {
		t.Errorf("%d entries of %d, %v", len(got), total, err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
}
