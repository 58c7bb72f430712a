package clients

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/timberlinedb/timberline/test/blackbox"
)

// runNode runs a script of the folder js against a server, and gives it a second address behind which the first two
// writes find the server busy.
func runNode(t *testing.T, script string, settings string) {
	t.Helper()
	node := need(t, "node", "nodejs")
	dir := filepath.Join(blackbox.Root(), "test", "clients", "js")
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		t.Skip("the npm packages are not installed (npm ci in test/clients/js)")
	}
	file := filepath.Join(t.TempDir(), "timberline.toml")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	s := blackbox.Start(t, t.TempDir(), "--config", file)
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	var writes atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(target)
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if writes.Add(1) <= 2 {
			w.Header().Set("Retry-After", "1")
			http.Error(w, `{"code":"unavailable","message":"the server is busy, try again"}`, http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer busy.Close()
	cmd := exec.Command(node, script, s.URL, busy.URL)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "done") {
		t.Errorf("%s: %v\n%s", script, err, out)
	}
}

func TestJavaScriptLibraryV1(t *testing.T) { runNode(t, "client_v1.mjs", "") }

func TestJavaScriptLibraryV2(t *testing.T) {
	runNode(t, "client_v2.mjs", "[http]\n  auth-enabled = true\n")
}
