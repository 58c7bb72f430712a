package original

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// program is what is looked for in the path.
const program = "influxd"

// Installed says that there is one.
func Installed() bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// Start runs it on a directory and ports of its own and returns its address; it is killed when the test ends. Without one
// the test is skipped.
func Start(t *testing.T) string {
	t.Helper()
	if !Installed() {
		t.Skip("no influxd to compare with: the Debian package influxdb is not installed")
	}
	dir := t.TempDir()
	address := freeAddress(t)
	file := filepath.Join(dir, "influxdb.conf")
	if err := os.WriteFile(file, []byte(configuration(dir, address)), 0o600); err != nil {
		t.Fatal(err)
	}
	logFile := filepath.Join(dir, "log")
	log, err := os.Create(logFile)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-config", file)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1") // the order in which it adds floats hangs on it
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended //nolint:errcheck // it was killed
		log.Close()
	})
	url := "http://" + address
	waitReady(t, url, logFile, ended)
	return url
}

// readyTimeout bounds the wait for the first answer.
const readyTimeout = time.Minute

func waitReady(t *testing.T, url, logFile string, ended chan error) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < readyTimeout; time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			text, _ := os.ReadFile(logFile)
			t.Fatalf("influxd ended at start: %v\n%s", err, text)
		default:
		}
		resp, err := http.Get(url + "/ping")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode < 300 {
			return
		}
	}
	t.Fatalf("influxd was not ready in %s", readyTimeout)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// configuration is the default configuration on other paths, without its own statistics.
func configuration(dir, address string) string {
	return fmt.Sprintf(`reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
  dir = %q
[data]
  dir = %q
  wal-dir = %q
  index-version = "tsi1"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = %q
  log-enabled = false
`, filepath.Join(dir, "meta"), filepath.Join(dir, "data"), filepath.Join(dir, "wal"), address)
}
