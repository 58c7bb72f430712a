package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/test/blackbox"
)

const guide = "docs/clients.md"

// TestGuideCommands runs the shell commands of the guide.
func TestGuideCommands(t *testing.T) {
	need(t, "curl", "curl")
	_, fill := blackbox.ClientsGuide(t)
	scripts := blackbox.Snippets(t, guide, "sh")
	out := run(t, "sh", "-e", "-c", fill(scripts[1]))
	if want := `{"results":[{"statement_id":0,"series":[{"name":"weather","columns":["time","mean"],"values":[["1970-01-01T00:00:00Z",20]]}]}]}`; strings.TrimSpace(out) != want {
		t.Errorf("got  %s\nwant %s", out, want)
	}
	if len(scripts) != 2 {
		t.Errorf("%d scripts, of which 2 are run", len(scripts))
	}
}

// TestGuidePython runs the program of the guide in Python.
func TestGuidePython(t *testing.T) {
	python := "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import influxdb").Run(); err != nil {
		t.Skip("the Python library (Debian package python3-influxdb) is not installed")
	}
	need(t, "curl", "curl")
	_, fill := blackbox.ClientsGuide(t)
	for _, program := range blackbox.Snippets(t, guide, "python") {
		if out := run(t, python, "-c", fill(program)); strings.TrimSpace(out) != "9.5" {
			t.Errorf("%s\nprints %s", program, out)
		}
	}
}

// TestGuideJavaScript runs the programs of the guide in JavaScript.
func TestGuideJavaScript(t *testing.T) {
	node := need(t, "node", "nodejs")
	need(t, "curl", "curl")
	dir := filepath.Join(blackbox.Root(), "test", "clients", "js")
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		t.Skip("the npm packages are not installed (npm ci in test/clients/js)")
	}
	_, fill := blackbox.ClientsGuide(t)
	for _, program := range blackbox.Snippets(t, guide, "js") {
		cmd := exec.Command(node, "--input-type=module", "-e", fill(program))
		cmd.Dir = dir // where it finds the packages
		if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "9.5" {
			t.Errorf("%s\nprints %s, %v", program, out, err)
		}
	}
}

// TestGuideRequests makes the requests of those programs of the guide that are not run.
func TestGuideRequests(t *testing.T) {
	need(t, "curl", "curl")
	s, fill := blackbox.ClientsGuide(t)
	token := map[string][]string{"Authorization": {fill("Token MY-TOKEN")}}
	for _, c := range []struct {
		who, method, path, body string
		header                  map[string][]string
		status                  int
	}{
		{"Proxmox tests", "GET", "/health", "", token, 200},
		{"Proxmox writes", "POST", "/api/v2/write?org=any&bucket=telegraf", "system,host=pve uptime=1 1700000000000000000", token, 204},
		{"Home Assistant tests", "POST", "/write?db=telegraf&precision=ms", "", token, 204},
		{"Home Assistant lists", "GET", "/query?q=SHOW+DATABASES%3B&db=telegraf", "", token, 200},
		{"Grafana tests", "POST", "/query?db=telegraf&epoch=ms", "q=SHOW+measurements", map[string][]string{"Authorization": token["Authorization"], "Content-Type": {"application/x-www-form-urlencoded"}}, 200},
		{"Grafana asks", "GET", "/query?db=telegraf&epoch=ms&q=" + `SELECT+mean("uptime")+FROM+"system"+WHERE+time+>=+1600000000000ms+GROUP+BY+time(10s)+fill(null)+limit+1`, "", token, 200},
	} {
		r, err := s.Do(c.method, c.path, c.header, []byte(c.body))
		if err != nil || r.Status != c.status || strings.Contains(r.Body, `"error"`) {
			t.Errorf("%s: %d %s, %v", c.who, r.Status, r.Body, err)
		}
	}
}
