package clients

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/test/blackbox"
)

// patience bounds the wait for what other programs do in their own time.
const patience = 2 * time.Minute

// eventually asks until an answer is right, and fails with what it was last.
func eventually(t *testing.T, what string, ask func() (right bool, answer string)) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		right, answer := ask()
		if right {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: after %s still %s", what, patience, answer)
		}
	}
}

// freePort returns a port that nothing listens on.
func freePort(t *testing.T, network string) int {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().(*net.UDPAddr).Port
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// background runs a program until the test ends. Its output is shown when the test fails.
func background(t *testing.T, name string, args ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		log.Close()
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s says\n%.8000s", name, text)
		}
	})
}

const prometheusConfig = `
global: {scrape_interval: 500ms, external_labels: {site: here}}
scrape_configs:
  - job_name: self
    static_configs: [{targets: ["%[1]s"]}]
remote_write:
  - url: "%[2]s/api/v1/prom/write?db=prom"
    queue_config: {batch_send_deadline: 500ms}
remote_read:
  - url: "%[2]s/api/v1/prom/read?db=prom"
    read_recent: true
`

// TestPrometheus has a real Prometheus scrape itself, write to the server and read from it.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	prometheus := need(t, "prometheus", "prometheus")
	s := blackbox.Start(t, t.TempDir())
	s.Query(t, "", "CREATE DATABASE prom")
	now := time.Now().Truncate(time.Millisecond)
	// What Prometheus itself has never seen: it can only come by remote read.
	s.Write(t, "prom", fmt.Sprintf("elsewhere,__name__=elsewhere,room=a,site=here value=41.5 %d\nelsewhere,__name__=elsewhere,room=b,site=here value=7 %[1]d\n",
		now.Add(-time.Minute).UnixNano()))
	config := filepath.Join(t.TempDir(), "prometheus.yml")
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t, "tcp"))
	if err := os.WriteFile(config, fmt.Appendf(nil, prometheusConfig, address, s.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	background(t, prometheus, "--config.file="+config, "--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+address)

	eventually(t, "remote write", func() (bool, string) {
		a, err := s.TryQuery("prom", `SELECT value FROM up WHERE job = 'self' AND site = 'here' AND "__name__" = 'up'`)
		return err == nil && len(a.Rows()) >= 3, fmt.Sprint(a, err)
	})
	for _, r := range s.Query(t, "prom", "SELECT value FROM up").Rows() {
		if fmt.Sprint(r[1]) != "1" {
			t.Errorf("up is %v", r)
		}
	}
	if n := len(s.Query(t, "prom", "SHOW MEASUREMENTS").Rows()); n < 100 {
		t.Errorf("%d measurements, a Prometheus has hundreds", n)
	}
	for _, c := range []struct{ query, want string }{
		{`sum(last_over_time(elsewhere[5m]))`, "48.5"},
		{`last_over_time(elsewhere{room="a"}[5m])`, "41.5"},
		{`last_over_time(elsewhere{room!="a"}[5m])`, "7"},
		{`count(last_over_time(elsewhere{room=~"a|b"}[5m]))`, "2"},
		{`count(last_over_time(elsewhere{room!~"a|c"}[5m]))`, "1"},
		{`sum(last_over_time({__name__=~"elsewhere"}[5m]))`, "48.5"},
	} {
		eventually(t, "remote read of "+c.query, func() (bool, string) {
			got, err := instantQuery(address, c.query)
			return err == nil && got == c.want, fmt.Sprintf("%s (%v), want %s", got, err, c.want)
		})
	}
	for _, name := range []string{"prometheus_remote_storage_samples_failed_total", "prometheus_remote_storage_samples_dropped_total"} {
		if got, err := instantQuery(address, "sum("+name+")"); err != nil || got != "0" && got != "" {
			t.Errorf("%s is %q, %v", name, got, err)
		}
	}
}

// instantQuery returns the value of the only series of an answer of Prometheus, the empty text if there is none.
func instantQuery(address, query string) (string, error) {
	resp, err := http.Get("http://" + address + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var a struct {
		Status, Error string
		Data          struct {
			Result []struct{ Value [2]any }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return "", err
	}
	if a.Status != "success" {
		return "", fmt.Errorf("%s: %s", a.Status, a.Error)
	}
	var values []string
	for _, r := range a.Data.Result {
		values = append(values, fmt.Sprint(r.Value[1]))
	}
	return strings.Join(values, " "), nil
}

const collectdConfig = `
Hostname "garden"
FQDNLookup false
Interval 1
BaseDir "%[1]s"
PIDFile "%[1]s/pid"
LoadPlugin logfile
LoadPlugin load
LoadPlugin memory
LoadPlugin network
<Plugin logfile>
  LogLevel info
  File STDOUT
</Plugin>
<Plugin network>
  <Server "127.0.0.1" "%[2]d">
    %[3]s
  </Server>
</Plugin>
`

// TestCollectd has a real collectd send to the listener: plain, signed and encrypted packets.
func TestCollectd(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/usr/sbin/collectd"); err != nil {
		t.Skip("collectd (Debian package collectd-core) is not installed")
	}
	const types = "/usr/share/collectd/types.db"
	if _, err := os.Stat(types); err != nil {
		t.Skipf("collectd's types are not installed: %v", err)
	}
	for _, level := range []string{"none", "sign", "encrypt"} {
		t.Run(level, func(t *testing.T) {
			dir := t.TempDir()
			users, port := filepath.Join(dir, "users"), freePort(t, "udp")
			security := ""
			if level != "none" {
				security = fmt.Sprintf("SecurityLevel %s\n    Username \"gardener\"\n    Password \"spade\"", level)
			}
			config := filepath.Join(dir, "collectd.conf")
			files := map[string]string{
				users:  "gardener: spade\n",
				config: fmt.Sprintf(collectdConfig, dir, port, security),
				filepath.Join(dir, "timberline.toml"): fmt.Sprintf("[[collectd]]\n  enabled = true\n  bind-address = \"127.0.0.1:%d\"\n  batch-timeout = \"100ms\"\n"+
					"  typesdb = %q\n  security-level = %q\n  auth-file = %q\n", port, types, level, users),
			}
			for name, text := range files {
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s := blackbox.Start(t, t.TempDir(), "--config", filepath.Join(dir, "timberline.toml"))
			background(t, "/usr/sbin/collectd", "-f", "-C", config)
			eventually(t, "load", func() (bool, string) {
				a, err := s.TryQuery("collectd", `SELECT value FROM load_shortterm WHERE host = 'garden' AND type = 'load'`)
				return err == nil && len(a.Rows()) >= 2, fmt.Sprint(a, err)
			})
			eventually(t, "memory", func() (bool, string) {
				a, err := s.TryQuery("collectd", `SELECT value FROM memory_value WHERE host = 'garden' AND type_instance = 'used' AND value > 1000000`)
				return err == nil && len(a.Rows()) >= 1, fmt.Sprint(a, err)
			})
		})
	}
}
