package conformance

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/test/blackbox"
)

// excepted are the cases that are answered otherwise on purpose; docs/influxql.md has the list with reasons.
var excepted = map[string]bool{
	"probe_select#04": true, "probe_delete#05": true, "probe_delete#07": true, "probe_delete#12": true,
}

var failures = regexp.MustCompile(`(?m)^FAIL (\S+)`)

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
	out, err := exec.Command(runner, "-url", s.URL, "-cases", filepath.Join(dir, "influxql"), "-with", "uint64-support=true").CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
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
	if passed == 0 {
		t.Errorf("corpus: %s\n%s", m[0], tail(string(out)))
	}
	named := failures.FindAllStringSubmatch(string(out), -1)
	if len(named) != failed {
		t.Errorf("the runner names %d failures and counts %d", len(named), failed)
	}
	for _, f := range named {
		if !excepted[f[1]] {
			t.Errorf("%s fails", f[1])
		}
	}
	if failed < len(excepted) {
		t.Errorf("%d cases are excepted, only %d fail", len(excepted), failed)
	}
}

// tail returns the last lines of a report, which hold the table by topic.
func tail(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-45):], "\n")
}
