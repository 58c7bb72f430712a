package v2

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/test/blackbox"
)

// TestGuide runs the programs of docs/clients.md in Go.
func TestGuide(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl (Debian package curl) is not installed")
	}
	_, fill := blackbox.ClientsGuide(t)
	want := []string{"<nil>", "9.5 <nil>"}
	programs := blackbox.Snippets(t, "docs/clients.md", "go")
	if len(programs) != len(want) {
		t.Fatalf("%d programs, want %d", len(programs), len(want))
	}
	for i, program := range programs {
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(fill(program)), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("go", "run", file).CombinedOutput()
		if err != nil || strings.TrimSpace(string(out)) != want[i] {
			t.Errorf("%s\nprints %s, %v, want %s", program, out, err, want[i])
		}
	}
}
