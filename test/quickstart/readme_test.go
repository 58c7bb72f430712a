package quickstart

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/test/blackbox"
)

// readmeAddress is the address that the README's commands name.
const readmeAddress = "http://127.0.0.1:8086"

// step is one command of the README and the answer that is shown below it.
type step struct {
	command, answer string
}

// steps reads the README's blocks that are marked as console sessions: lines
// that begin with "$ " are commands (going on after a backslash or inside quotes),
// the others are what is answered.
func steps(t *testing.T) []step {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(blackbox.Root(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all []step
	inside, goesOn := false, false
	for _, line := range strings.Split(string(b), "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```console"
		case !inside:
		case strings.HasPrefix(line, "$ "):
			all = append(all, step{command: strings.TrimPrefix(line, "$ ")})
			goesOn = unfinished(all[len(all)-1].command)
		case len(all) == 0:
			t.Fatalf("an answer stands before the first command: %q", line)
		case goesOn:
			all[len(all)-1].command += "\n" + line
			goesOn = unfinished(all[len(all)-1].command)
		default:
			all[len(all)-1].answer += line + "\n"
		}
	}
	return all
}

// unfinished reports whether a shell command goes on in the next line.
func unfinished(command string) bool {
	return strings.HasSuffix(command, `\`) || strings.Count(command, "'")%2 == 1
}

func TestReadmeQuickStart(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	s := blackbox.Start(t, t.TempDir())
	asked := 0
	for _, step := range steps(t) {
		if !strings.Contains(step.command, "curl ") {
			continue
		}
		cmd := exec.Command("sh", "-c", strings.ReplaceAll(step.command, readmeAddress, s.URL))
		cmd.Dir = t.TempDir()
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", step.command, err, out)
		}
		if got := string(out); got != step.answer {
			t.Errorf("%s\ngot  %q\nwant %q", step.command, got, step.answer)
		}
		asked++
	}
	if asked < 4 {
		t.Errorf("the README shows only %d commands", asked)
	}
}

// TestReadmeCommands holds the README against the two commands that scripts and
// newcomers rely on.
func TestReadmeCommands(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(blackbox.Root(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"go run ./cmd/timberline serve", "make test"} {
		if !strings.Contains(string(b), command) {
			t.Errorf("the README does not tell of %q", command)
		}
	}
}
