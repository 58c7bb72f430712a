package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/test/blackbox"
)

// minShare is the part of the corpus that must pass, in percent.
const minShare = 50

var totals = regexp.MustCompile(`(\d+) passed, (\d+) failed, (\d+) skipped`)

func TestCorpus(t *testing.T) {
	dir := os.Getenv("TIMBERLINE_CONFORMANCE")
	if dir == "" {
		t.Skip("no corpus at hand: TIMBERLINE_CONFORMANCE names no directory")
	}
	runner := filepath.Join(t.TempDir(), "runner")
	build := exec.Command("go", "build", "-o", runner, ".")
	build.Dir = filepath.Join(dir, "runner")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the runner: %v\n%s", err, out)
	}
	s := blackbox.Start(t, t.TempDir())
	out, err := exec.Command(runner, "-url", s.URL, "-cases", filepath.Join(dir, "influxql"), "-with", "uint64-support=true", "-q").CombinedOutput()
	if _, failed := err.(*exec.ExitError); err != nil && !failed {
		t.Fatal(err)
	}
	m := totals.FindStringSubmatch(string(out))
	if m == nil {
		t.Fatalf("the runner printed no totals:\n%s", tail(string(out)))
	}
	passed, _ := strconv.Atoi(m[1])
	failed, _ := strconv.Atoi(m[2])
	t.Logf("corpus: %s", m[0])
	if os.Getenv("CI") != "" || testing.Verbose() {
		t.Log(tail(string(out)))
	}
	if passed == 0 || passed*100 < minShare*(passed+failed) {
		t.Errorf("corpus: %s, want at least %d %% to pass\n%s", m[0], minShare, tail(string(out)))
	}
}

// tail returns the last lines of a report, which hold the table by topic.
func tail(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-45):], "\n")
}
