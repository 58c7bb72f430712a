package influxqlref

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	ref "github.com/influxdata/influxql"
	"github.com/timberlinedb/timberline/influxql"
)

// params are the bound parameters the generated statements use.
var params = map[string]any{
	"id": map[string]any{"ident": "host"}, "idq": map[string]any{"identifier": "a b"}, "name": map[string]any{"ident": "time"},
	"str": "text", "re": map[string]any{"regex": "^a/b$"},
	"int": int64(42), "negint": json.Number("-7"), "num": 2.5, "negnum": json.Number("-0.5"), "bool": true,
	"dur": map[string]any{"duration": "90m"}, "durint": map[string]any{"duration": json.Number("60000000000")},
	"bad": []any{1}, "nil": nil, "two": map[string]any{"ident": "a", "regex": "b"}, "big": json.Number("99999999999999999999"),
	"sp ace": map[string]any{"string": "spaced"},
}

// count returns how many random cases to try: TIMBERLINE_CASES, or the given number.
func count(t *testing.T, usual int) int {
	text := os.Getenv("TIMBERLINE_CASES")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// seed returns TIMBERLINE_SEED, or a new seed, and logs it.
func seed(t *testing.T) int64 {
	s := time.Now().UnixNano()
	if text := os.Getenv("TIMBERLINE_SEED"); text != "" {
		var err error
		if s, err = strconv.ParseInt(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("TIMBERLINE_SEED=%d", s)
	return s
}

// outcome is what a library made of a text.
type outcome struct {
	failure string // "" if accepted
	beyond  []influxql.Form
	printed string
	tree    string
	demands string
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return "error: " + err.Error()
}

func ours(text string, bound map[string]any) outcome {
	p := influxql.NewParser(text)
	p.SetParams(bound)
	q, err := p.ParseQuery()
	if err != nil {
		return outcome{failure: errText(err), beyond: p.Extensions()}
	}
	o := outcome{printed: q.String(), tree: dump(q), beyond: p.Extensions()}
	for _, stmt := range q.Statements {
		database := "-"
		if d, ok := stmt.(influxql.HasDefaultDatabase); ok {
			database = d.DefaultDatabase()
		}
		o.demands += fmt.Sprint(stmt.RequiredPrivileges(), database, ";")
	}
	return o
}

func theirs(text string, bound map[string]any) (o outcome, panicked any) {
	defer func() { panicked = recover() }()
	p := ref.NewParser(strings.NewReader(text))
	p.SetParams(bound)
	q, err := p.ParseQuery()
	if err != nil {
		return outcome{failure: errText(err)}, nil
	}
	o = outcome{printed: q.String(), tree: dump(q)}
	for _, stmt := range q.Statements {
		database := "-"
		if d, ok := stmt.(ref.HasDefaultDatabase); ok {
			database = d.DefaultDatabase()
		}
		needed, err := stmt.RequiredPrivileges()
		if err != nil {
			needed = nil
		}
		o.demands += fmt.Sprint([]ref.ExecutionPrivilege(needed), database, ";")
	}
	return o, nil
}

// beyond are the forms that the reference does not have. Of a text in one of them only that is compared that the reference
// refuses it; a text that it accepts must have none.
var beyond = []influxql.Form{
	influxql.OrderByColumn, influxql.HavingClause, influxql.DistinctTag, influxql.CalendarTime, influxql.FillWithAge,
	influxql.JoinedSources, influxql.DropField, influxql.AlterField, influxql.RenameAny, influxql.AnyConflicts,
}

func known(forms []influxql.Form) bool {
	for _, f := range forms {
		if !slices.Contains(beyond, f) {
			return false
		}
	}
	return true
}

// differences lists how the two libraries disagree about a text.
func differences(text string, bound map[string]any) []string {
	want, panicked := theirs(text, bound)
	if panicked != nil {
		return nil
	}
	got := ours(text, bound)
	if want.failure != "" && len(got.beyond) > 0 && known(got.beyond) {
		return nil
	}
	var all []string
	compare := func(what, got, want string) {
		if got != want {
			all = append(all, fmt.Sprintf("%s\n   ours: %s\n theirs: %s", what, got, want))
		}
	}
	compare("verdict", got.failure, want.failure)
	compare("printed", strings.ReplaceAll(got.printed, " WITH SHARD DURATION 0s", " WITH"), want.printed)
	compare("tree", got.tree, want.tree)
	compare("demands", got.demands, want.demands)
	return all
}

func check(t *testing.T, text string, bound map[string]any) {
	t.Helper()
	if all := differences(text, bound); len(all) > 0 {
		t.Errorf("%q\n%s", text, strings.Join(all, "\n"))
	}
}

func TestGeneratedStatements(t *testing.T) {
	g := &generator{Rand: rand.New(rand.NewSource(seed(t)))}
	accepted, panics := 0, 0
	n := count(t, 15_000)
	for range n {
		text := g.query()
		check(t, text, params)
		if o, panicked := theirs(text, params); panicked != nil {
			panics++
		} else if o.failure == "" {
			accepted++
		}
		check(t, g.mutate(text), params)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d statements and as many mutants; %d accepted, reference panicked on %d", n, accepted, panics)
	if accepted < n/5 {
		t.Errorf("only %d of %d generated statements are accepted", accepted, n)
	}
}

func TestConformanceCommands(t *testing.T) {
	dir := os.Getenv("TIMBERLINE_CONFORMANCE")
	if dir == "" {
		t.Skip("TIMBERLINE_CONFORMANCE names no directory of recorded commands")
	}
	files, err := filepath.Glob(filepath.Join(dir, "influxql", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	g := &generator{Rand: rand.New(rand.NewSource(seed(t)))}
	n := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var content any
		if err := json.Unmarshal(data, &content); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, command := range commands(content) {
			n++
			check(t, command, nil)
			for range 20 {
				check(t, g.mutate(command), nil)
			}
		}
	}
	for _, command := range dashboardStatements(t, dir) {
		n++
		check(t, command, nil)
		check(t, g.mutate(command), nil)
	}
	t.Logf("%d commands and mutants of each", n)
}

// dashboardStatements returns the lines of dashboards/*.txt below the directory.
func dashboardStatements(t *testing.T, dir string) []string {
	files, err := filepath.Glob(filepath.Join(dir, "dashboards", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Split(string(data), "\n")...)
	}
	return lines
}

// commands collects the texts under the keys command and commands at any depth.
func commands(content any) []string {
	var all []string
	switch c := content.(type) {
	case []any:
		for _, element := range c {
			all = append(all, commands(element)...)
		}
	case map[string]any:
		for key, value := range c {
			all = append(all, commandTexts(key, value)...)
			all = append(all, commands(value)...)
		}
	}
	return all
}

func commandTexts(key string, value any) []string {
	switch v := value.(type) {
	case string:
		if key == "command" {
			return []string{v}
		}
	case []any:
		var all []string
		for _, element := range v {
			if text, ok := element.(string); ok && key == "commands" {
				all = append(all, text)
			}
		}
		return all
	}
	return nil
}

func TestBindings(t *testing.T) {
	values := []any{"s", "", "a b", 1.5, 1e21, -0.0, int64(-3), 7, int32(1), uint64(2), true, false, nil, []any{}, json.Number("1"), json.Number("1.5"),
		json.Number("1e5"), json.Number("x"), json.Number("99999999999999999999"), json.Number("1e999.0")}
	all := append([]any{map[string]any{}}, values...)
	for _, kind := range []string{"ident", "identifier", "regex", "string", "float", "number", "int", "integer", "duration", "boolean", "Ident", "", "time"} {
		for _, value := range values {
			all = append(all, map[string]any{kind: value})
		}
		all = append(all, map[string]any{kind: "a", "second": "b"}, map[string]any{kind: map[string]any{"ident": "x"}}, map[string]any{kind: "("}, map[string]any{kind: "5m"})
	}
	for _, value := range all {
		for _, text := range []string{
			"SELECT $p FROM m", "SELECT f($p, $p) FROM m", "SELECT -$p FROM $p", "SELECT a AS $p FROM x.$p", "SELECT a FROM m WHERE $p = $p", "SELECT a FROM m WHERE a =~ $p",
			"SELECT a FROM m WHERE a =~$p AND b", "SELECT a FROM m GROUP BY $p, $p", "SELECT a FROM m GROUP BY time($p)", "SELECT a FROM m fill($p)", "SELECT a FROM m LIMIT $p", "SELECT a FROM m tz($p)",
			"SHOW TAG VALUES WITH KEY = $p", "SHOW TAG VALUES WITH KEY =~ $p", "SHOW TAG VALUES WITH KEY IN ($p, $p)", "SHOW STATS FOR $p", "CREATE DATABASE $p WITH DURATION $p REPLICATION $p NAME $p",
			"KILL QUERY $p ON $p", "CREATE USER $p WITH PASSWORD $p", "$p", "SELECT $p.$p::$p FROM m", "SELECT $p(a) FROM m", "SELECT DISTINCT $p FROM m", "DELETE FROM $p WHERE $p", "SELECT a INTO $p.$p FROM m",
			`SELECT $"p" FROM m WHERE $ = 1`, "SELECT a FROM m ORDER BY $p $p",
		} {
			if all := differences(text, map[string]any{"p": value}); len(all) > 0 {
				t.Errorf("%q with %#v\n%s", text, value, strings.Join(all, "\n"))
			}
		}
	}
}

// TestScripts checks that the recorded answers of the language's own tests are those of the reference.
func TestScripts(t *testing.T) {
	n := 0
	for _, name := range []string{"select", "show", "schema", "errors"} {
		data, err := os.ReadFile(filepath.Join("..", "..", "influxql", "testdata", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(data), "\n\n")
		for block := range strings.SplitSeq(rest, "\n\n") {
			text, answer, ok := strings.Cut(block, "\n----\n")
			if !ok {
				t.Fatalf("%s: no divider in %q", name, block)
			}
			n++
			want, _ := theirs(text, nil)
			recorded := strings.ReplaceAll(strings.TrimSpace(answer), " WITH SHARD DURATION 0s", " WITH")
			if recorded != want.failure+want.printed {
				t.Errorf("%s: %q\n recorded: %s\n   theirs: %s", name, text, recorded, want.failure+want.printed)
			}
		}
	}
	t.Logf("%d recorded answers", n)
}
