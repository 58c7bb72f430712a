package lint

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDirectDependenciesAreDecided compares the modules that go.mod asks for directly with the table of the decision note:
// each has a line with its licence, its rooms and a reason.
func TestDirectDependenciesAreDecided(t *testing.T) {
	required := map[string]bool{}
	line := regexp.MustCompile(`^\s+(\S+) v\S+$`) // those of others end with a comment
	for l := range strings.Lines(read(t, "go.mod")) {
		if m := line.FindStringSubmatch(strings.TrimRight(l, "\n")); m != nil {
			required[m[1]] = true
		}
	}
	decided := map[string]bool{}
	row := regexp.MustCompile("^\\| `([^`]+)` \\| ([^|]+) \\| ([^|]+) \\| (.+) \\|$")
	for l := range strings.Lines(read(t, "docs/decisions/0001-dependencies.md")) {
		if m := row.FindStringSubmatch(strings.TrimRight(l, "\n")); m != nil {
			decided[m[1]] = true
		}
	}
	if len(required) == 0 || !maps.Equal(required, decided) {
		t.Errorf("go.mod asks for\n%s\nand docs/decisions/0001-dependencies.md has lines for\n%s",
			strings.Join(slices.Sorted(maps.Keys(required)), "\n"), strings.Join(slices.Sorted(maps.Keys(decided)), "\n"))
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
