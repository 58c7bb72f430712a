package lint

import (
	"bytes"
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	described := map[string]bool{}
	rooms := map[string]string{}
	for _, f := range sources(t) {
		if f.test {
			continue
		}
		rooms[f.room] = f.path
		if f.ast.Doc != nil && len(f.ast.Doc.Text()) > 40 {
			described[f.room] = true
		}
	}
	for room, example := range rooms {
		if !described[room] {
			t.Errorf("package %s has no package comment (%s)", room, example)
		}
	}
}

func TestNoRoomForLeftovers(t *testing.T) {
	for _, f := range sources(t) {
		for _, part := range strings.Split(f.room, "/") {
			switch part {
			case "util", "utils", "common", "helpers", "pkg", "misc":
				t.Errorf("%s: %q says nothing of what is in it", f.path, part)
			}
		}
	}
}

func TestFormatted(t *testing.T) {
	for _, f := range sources(t) {
		src, err := os.ReadFile(filepath.Join("..", "..", f.path))
		if err != nil {
			t.Fatal(err)
		}
		want, err := format.Source(src)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(src, want) {
			t.Errorf("%s is not formatted: run gofmt -w", f.path)
		}
	}
}

// selfOnly lists words that the project has no use for: it speaks of itself.
var selfOnly = []string{"TO" + "DO", "FIX" + "ME", "XX" + "X:", "HA" + "CK:"}

func TestNothingUnfinished(t *testing.T) {
	for _, f := range sources(t) {
		for _, group := range f.ast.Comments {
			for _, word := range selfOnly {
				if strings.Contains(group.Text(), word) {
					t.Errorf("%s: a comment says %s", f.at(group), word)
				}
			}
		}
	}
}
