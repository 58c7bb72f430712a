package clients

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/test/blackbox"
)

// TestGuideCollectd gives the server and collectd the configurations of the guide, on another port, and waits for what
// collectd measures. It sends a datagram once it is full, so that it measures often here.
func TestGuideCollectd(t *testing.T) {
	snippets := blackbox.Snippets(t, guide, "conf")
	if len(snippets) != 2 {
		t.Fatalf("%d snippets of configuration, want that of the server and that of collectd", len(snippets))
	}
	probe, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(probe.LocalAddr().String())
	probe.Close()
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "25826", port)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	server := snippets[0]
	types := "/usr/share/collectd/types.db"
	if _, err := os.Stat(types); err != nil { // the configuration is taken without collectd, too
		server = strings.ReplaceAll(server, types, write("types.db", "load shortterm:GAUGE:0:5000, midterm:GAUGE:0:5000, longterm:GAUGE:0:5000\n"))
	}
	s := blackbox.Start(t, t.TempDir(), "--config", write("timberline.toml", server))
	collectd := need(t, "collectd", "collectd-core")
	conf := write("collectd.conf", "BaseDir \""+dir+"\"\nPIDFile \""+dir+"/pid\"\nInterval 0.05\nHostname \"guide\"\n"+snippets[1]+"\n")
	if out, err := exec.Command(collectd, "-t", "-C", conf).CombinedOutput(); err != nil {
		t.Fatalf("collectd does not take the configuration: %v\n%s", err, out)
	}
	cmd := exec.Command(collectd, "-f", "-C", conf)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("collectd: %s\nserver: %s", text, s.Log())
		}
	})
	await(t, s, "collectd", "SELECT last(value) FROM load_shortterm", `"name":"load_shortterm"`)
}
