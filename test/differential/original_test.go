package differential

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

// original is a running InfluxDB 1.x.
type original struct {
	url string
	log string // file
}

// startOriginal runs the influxd of the machine on a directory and ports of its own; it is killed when the test ends.
func startOriginal(t *testing.T) *original {
	t.Helper()
	program, err := exec.LookPath("influxd")
	if err != nil {
		t.Skip("no influxd to compare with: the Debian package influxdb is not installed")
	}
	dir := t.TempDir()
	address := freeAddress(t)
	file := filepath.Join(dir, "influxdb.conf")
	if err := os.WriteFile(file, []byte(originalConfig(dir, address)), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &original{url: "http://" + address, log: filepath.Join(dir, "log")}
	log, err := os.Create(o.log)
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
		cmd.Process.Kill()
		<-ended
		log.Close()
	})
	o.waitReady(t, ended)
	return o
}

// readyTimeout bounds the wait for the first answer.
const readyTimeout = time.Minute

func (o *original) waitReady(t *testing.T, ended chan error) {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < readyTimeout; time.Sleep(10 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			text, _ := os.ReadFile(o.log)
			t.Fatalf("influxd ended at start: %v\n%s", err, text)
		default:
		}
		resp, err := http.Get(o.url + "/ping")
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

// originalConfig is the default configuration on other paths, without its own statistics.
func originalConfig(dir, address string) string {
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
