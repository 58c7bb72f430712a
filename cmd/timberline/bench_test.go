package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/bench"
)

// startServer runs serve in this process until the test ends and returns its address.
func startServer(t *testing.T, flags ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var out, log lockedBuffer
	done := make(chan error, 1)
	dir := t.TempDir()
	go func() {
		done <- runTo(ctx, &out, &log, append([]string{"serve", "--data-dir", dir, "--http-addr", "127.0.0.1:0"}, flags...)...)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serve ended with %v", err)
		}
	})
	for range 4000 {
		if m := address.FindStringSubmatch(out.String()); m != nil {
			return m[1]
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("serve did not start: %s", log.String())
	return ""
}

// TestBench writes every workload to a server, over both endpoints, and asks
// every type of question: all lines are taken and all answers hold something.
func TestBench(t *testing.T) {
	url := startServer(t)
	for _, workload := range bench.Workloads() {
		for _, api := range []string{"v1", "v2"} {
			args := []string{"bench", "run", "--url", url, "--workload", workload, "--hosts", "9", "--duration", "2h", "--interval", "1m", "--queries", "2",
				"--batch", "500", "--query-workers", "2", "--api", api, "--db", workload + api, "--json"}
			if api == "v2" {
				args = append(args, "--gzip", "--pregenerate")
			}
			out, errOut, err := run(t.Context(), args...)
			if err != nil {
				t.Fatalf("%v: %v\n%s", args, err, errOut)
			}
			var report struct {
				Spec  bench.Spec
				Write bench.WriteReport
				Query bench.QueryReport
			}
			if err := json.Unmarshal([]byte(out), &report); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if report.Write.Lines != report.Spec.Lines() || report.Write.RefusedLines != 0 || report.Write.Server.Durability == "" {
				t.Errorf("%s over %s: %+v, want %d lines", workload, api, report.Write, report.Spec.Lines())
			}
			for _, q := range report.Query.Types {
				// Whether a processor of nine is above 90 percent is chance, and the values of a tag are texts, which do not count.
				holds := q.First.Values > 0 || strings.HasPrefix(q.Type, "high-cpu") || q.Type == "sensor-devices" && q.First.Series == 1
				if q.Queries.Count != 2 || q.Failed != 0 || !holds {
					t.Errorf("%s over %s: %+v", workload, api, q)
				}
			}
			if len(report.Query.Types) != len(bench.QuestionTypes(workload)) {
				t.Errorf("%s: %d types of questions", workload, len(report.Query.Types))
			}
		}
	}
}

func TestBenchPrintsTables(t *testing.T) {
	url := startServer(t)
	out, errOut, err := run(t.Context(), "bench", "write", "--url", url, "--workload", "sensor", "--hosts", "50", "--rows", "120", "--start", "1h")
	if err != nil {
		t.Fatalf("%v\n%s", err, errOut)
	}
	for _, want := range []string{"workload sensor: 50 hosts, 50 series, every 10s from ", ", seed 1\n", "| lines acknowledged ", " 120 |", "| durability, as the server says "} {
		if !strings.Contains(out, want) {
			t.Errorf("report lacks %q:\n%s", want, out)
		}
	}
	out, _, err = run(t.Context(), "bench", "query", "--url", url, "--workload", "sensor", "--hosts", "50", "--rows", "120", "--start", "1h", "--queries", "1", "--types", "sensor-last-site")
	if err != nil || !strings.Contains(out, "| sensor-last-site |") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestBenchErrors(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + free.Addr().String()
	free.Close()
	url := startServer(t)
	for _, c := range []struct{ args, want string }{
		{"write --hostz 3", "unknown flag: --hostz"},
		{"write --url " + nobody, "the server cannot be reached at " + nobody + ": dial tcp"},
		{"write --url localhost:8086", `url "localhost:8086", want http://host:port`},
		{"write --workload gpu", `no workload "gpu", want one of: cpu, devops, sensor, telegraf`},
		{"write --rows 0", "--rows is 0, want at least 1"},
		{"write --batch 0", "--batch is 0"},
		{"write --workers 0", "--workers is 0"},
		{"write --start yesterday", `--start is "yesterday"`},
		{"write --api v3", `api "v3", want v1 or v2`},
		{"write --bucket b", "--bucket belongs to --api v2"},
		{"query --types nonsense", `no queries of type "nonsense" about the workload cpu`},
		{"query --url " + url + " --db missing --queries 1 --types lastpoint --token x --username y", "a token and a username are given"},
		{"write --create=false --db missing --rows 10 --url " + url, `404 Not Found: database not found: "missing" (is there a database`},
	} {
		_, _, err := run(t.Context(), append([]string{"bench"}, strings.Fields(c.args)...)...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.args, err, c.want)
		}
	}
}

// TestBenchCredentials: a server with users takes those who may write.
func TestBenchCredentials(t *testing.T) {
	file := filepath.Join(t.TempDir(), "t.toml")
	if err := os.WriteFile(file, []byte("[http]\nauth-enabled = true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	address := startServer(t, "--config", file)
	statement := func(user, q string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, address+"/query", strings.NewReader(url.Values{"q": {q}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if user != "" {
			r.SetBasicAuth(user, "pw")
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", q, answer.Status)
		}
	}
	statement("", "CREATE USER root WITH PASSWORD 'pw' WITH ALL PRIVILEGES")
	statement("root", "CREATE DATABASE bench; CREATE USER writer WITH PASSWORD 'pw'; GRANT WRITE ON bench TO writer; CREATE USER stranger WITH PASSWORD 'pw'")
	defer http.DefaultClient.CloseIdleConnections()
	for _, c := range []struct{ args, want string }{
		{"--username root --password pw --db other", ""},
		{"--username writer --password pw", ""},
		{"--username root --password wrong", "the server refuses the credentials: 401 Unauthorized: authorization failed (give --token, or"},
		{"--username stranger --password pw", "the server refuses the credentials: 403 Forbidden"},
		{"", "the server refuses the credentials: 401"},
	} {
		_, _, err := run(t.Context(), append([]string{"bench", "write", "--rows", "100", "--url", address}, strings.Fields(c.args)...)...)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.args, err, c.want)
		}
	}
}

// TestBenchEnds: what was done until an interrupt is reported.
func TestBenchEnds(t *testing.T) {
	url := startServer(t)
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	out, _, err := run(ctx, "bench", "write", "--url", url, "--rows", "1000000000")
	if err == nil || !strings.Contains(err.Error(), "interrupted") || !strings.Contains(out, "| lines acknowledged ") {
		t.Errorf("%v\n%s", err, out)
	}
}
