package influxql

import (
	"embed"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var rewriteScripts = flag.Bool("rewrite", false, "write what the code answers into testdata/*.txt")

//go:embed testdata/*.txt
var scripts embed.FS

// scriptCase is one block of a script: an input, a line of dashes, the answer, an empty line.
type scriptCase struct {
	input, answer string
}

const scriptDivider = "\n----\n"

// readScript returns the comment at the top of a script and its cases.
func readScript(t testing.TB, name string) (comment string, cases []scriptCase) {
	data, err := scripts.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	comment, rest, _ := strings.Cut(string(data), "\n\n")
	for rest != "" {
		input, after, ok := strings.Cut("\n"+rest, scriptDivider)
		if !ok {
			t.Fatalf("%s: no divider in %q", name, rest)
		}
		answer, next, _ := strings.Cut(after, "\n\n")
		cases = append(cases, scriptCase{strings.TrimPrefix(input, "\n"), strings.TrimSuffix(answer, "\n")})
		rest = strings.TrimPrefix(next, "\n")
	}
	return comment, cases
}

// runScript compares the answers of a script with those of the code.
func runScript(t *testing.T, name string, answer func(input string) string) {
	comment, cases := readScript(t, name)
	var b strings.Builder
	b.WriteString(comment + "\n")
	for _, c := range cases {
		got := answer(c.input)
		fmt.Fprintf(&b, "\n%s%s%s\n", c.input, scriptDivider, got)
		if got != c.answer && !*rewriteScripts {
			t.Errorf("%s: %q\n got %s\nwant %s", name, c.input, got, c.answer)
		}
	}
	if *rewriteScripts {
		if err := os.WriteFile(filepath.Join("testdata", name), []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func parseAnswer(input string) string {
	q, err := ParseQuery(input)
	if err != nil {
		return "error: " + err.Error()
	}
	return q.String()
}

// scriptValuer is the moment and the names the scripts know.
type scriptValuer struct{ NowValuer }

func (v *scriptValuer) Value(name string) (any, bool) {
	switch name {
	case "three":
		return int64(3), true
	case "nothing":
		return nil, true
	}
	return nil, false
}

func newScriptValuer() Valuer {
	return &scriptValuer{NowValuer{Now: time.Date(2020, 6, 1, 12, 0, 0, 0, time.UTC)}}
}

func TestScripts(t *testing.T) {
	for _, name := range []string{"select.txt", "show.txt", "schema.txt", "errors.txt", "extensions.txt"} {
		runScript(t, name, parseAnswer)
	}
	runScript(t, "fold.txt", func(input string) string {
		return Reduce(MustParseExpr(input), newScriptValuer()).String()
	})
	runScript(t, "condition.txt", func(input string) string {
		rest, times, err := ConditionExpr(MustParseExpr(input), newScriptValuer())
		if err != nil {
			return "error: " + err.Error()
		}
		answer := "all"
		if rest != nil {
			answer = rest.String()
		}
		for _, bound := range []time.Time{times.Min, times.Max} {
			if bound.IsZero() {
				answer += "\n-"
			} else {
				answer += "\n" + bound.UTC().Format(time.RFC3339Nano)
			}
		}
		return answer
	})
}

func TestErrorScriptHasOnlyErrors(t *testing.T) {
	_, cases := readScript(t, "errors.txt")
	for _, c := range cases {
		if _, err := ParseQuery(c.input); err == nil {
			t.Errorf("%q is accepted", c.input)
		}
	}
}
