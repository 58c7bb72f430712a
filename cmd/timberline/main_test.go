package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// run executes the program in this process and returns what it printed.
func run(ctx context.Context, args ...string) (out, errOut string, err error) {
	var stdout, stderr lockedBuffer
	err = runTo(ctx, &stdout, &stderr, args...)
	return stdout.String(), stderr.String(), err
}

func runTo(ctx context.Context, stdout, stderr io.Writer, args ...string) error {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return root.ExecuteContext(ctx)
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestVersion(t *testing.T) {
	out, _, err := run(t.Context(), "version")
	if err != nil || !regexp.MustCompile(`^timberline \S+\ncommit \S+.*\ngo1\.\S+ \w+/\w+\n$`).MatchString(out) {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "t.toml")
	if err := os.WriteFile(file, []byte("[http]\nbind-address = \":1\"\n[data]\ndir = \"/a\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TIMBERLINE_DATA_DIR", "/b")
	out, _, err := run(t.Context(), "config", "--config", file, "--http-addr", ":2")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# From: command line. Default: \"127.0.0.1:8086\"\n  bind-address = \":2\"", "# From: TIMBERLINE_DATA_DIR. Default: \"timberline-data\"\n  dir = \"/b\""} {
		if !strings.Contains(out, want) {
			t.Errorf("configuration lacks %q in\n%s", want, out)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"serve", "--config", "/nowhere.toml"}, "/nowhere.toml"},
		{[]string{"serve", "--http-addr", "8086"}, `http.bind-address: "8086" cannot be used: want host:port or :port (command line)`},
		{[]string{"serve", "here"}, `unknown command "here"`},
		{[]string{"inspect", "photo", "x"}, `cannot inspect "photo", want one of: index, series, tombstones, tsm, wal`},
		{[]string{"inspect", "tsm"}, "accepts 2 arg(s)"},
		{[]string{"inspect", "tsm", "/nowhere.tsm"}, "/nowhere.tsm"},
		{[]string{"inspect", "rebuild-index"}, "accepts 1 arg(s)"},
		{[]string{"inspect", "rebuild-index", "/nowhere"}, "/nowhere"},
		{[]string{"nonsense"}, `unknown command "nonsense"`},
	} {
		_, _, err := run(t.Context(), c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: got error %v, want one with %q", c.args, err, c.want)
		}
	}
	if got := oneLine(errors.Join(errors.New("a"), errors.New("b"))); got != "a; b" {
		t.Errorf("two errors in one line are %q", got)
	}
}

var address = regexp.MustCompile(`listens on  (http://127\.0\.0\.1:\d+)\n`)

// TestServe starts the database on a free port, writes and reads, and ends it.
func TestServe(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var out, log lockedBuffer
	done := make(chan error, 1)
	go func() {
		done <- runTo(ctx, &out, &log, "serve", "--data-dir", t.TempDir(), "--http-addr", "127.0.0.1:0")
	}()
	var url string
	for url == "" {
		select {
		case err := <-done:
			t.Fatalf("serve ended: %v\n%s", err, log.String())
		case <-time.After(5 * time.Millisecond):
		}
		if m := address.FindStringSubmatch(out.String()); m != nil {
			url = m[1]
		}
	}
	for _, want := range []string{"stores in", "curl -XPOST '" + url + "/query'"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("greeting lacks %q:\n%s", want, out.String())
		}
	}
	if !strings.Contains(log.String(), "msg=listening addr="+strings.TrimPrefix(url, "http://")) {
		t.Errorf("log lacks the address: %s", log.String())
	}
	resp, err := http.Post(url+"/query?q=CREATE+DATABASE+d", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || string(body) != `{"results":[{"statement_id":0}]}`+"\n" {
		t.Errorf("got %s, %v", body, err)
	}
	http.DefaultClient.CloseIdleConnections()
	stop()
	if err := <-done; err != nil {
		t.Errorf("serve ended with %v", err)
	}
	if !strings.Contains(log.String(), "msg=stopped") {
		t.Errorf("log lacks the end: %s", log.String())
	}
}

func TestReachable(t *testing.T) {
	for addr, want := range map[string]string{"127.0.0.1:1": "127.0.0.1:1", "[::]:1": "127.0.0.1:1", "0.0.0.0:1": "127.0.0.1:1", "10.0.0.1:2": "10.0.0.1:2", "[::1]:3": "[::1]:3"} {
		if got := reachable(addr); got != want {
			t.Errorf("reachable(%s) = %s, want %s", addr, got, want)
		}
	}
}
