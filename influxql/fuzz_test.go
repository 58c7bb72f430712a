package influxql

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// printsLossy reports whether a tree has a part whose printed form is kept as the original has it though it cannot be
// read again, or reads as something else.
func printsLossy(q *Query) bool {
	lossy := false
	WalkFunc(q, func(n Node) {
		switch n := n.(type) {
		case *CreateUserStatement, *SetPasswordUserStatement, *CreateDatabaseStatement:
			lossy = true
		case *ShowMeasurementsStatement:
			lossy = lossy || IdentNeedsQuotes(n.Database) || IdentNeedsQuotes(n.RetentionPolicy) || n.Source != nil
		case *Distinct:
			lossy = lossy || IdentNeedsQuotes(n.Name) || n.Name == ""
		case *Call:
			lossy = lossy || IdentNeedsQuotes(n.Name) || n.Name == ""
		case *Measurement:
			nameless := n.Name == "" && n.Regex == nil
			lossy = lossy || nameless && (!n.IsTarget || n.Database == "" && n.RetentionPolicy == "")
		case *DurationLiteral:
			lossy = lossy || n.Value == math.MinInt64
		case *SelectStatement:
			lossy = lossy || n.Fill == NumberFill && strings.Contains(fmt.Sprint(n.FillValue), "e")
		}
	})
	return lossy
}

func FuzzParseQuery(f *testing.F) {
	for _, name := range []string{"select.txt", "show.txt", "schema.txt", "errors.txt"} {
		_, cases := readScript(f, name)
		for _, c := range cases {
			f.Add(c.input)
		}
	}
	f.Add("SELECT a\x00b FROM\r\nm\r WHERE \xff = '\xe2\x82' AND $\"p")
	f.Fuzz(func(t *testing.T, text string) {
		q, err := ParseQuery(text)
		Sanitize(text)
		if err != nil {
			if err.Error() == "" {
				t.Error("error without text")
			}
			return
		}
		for _, stmt := range q.Statements {
			stmt.RequiredPrivileges()
		}
		printed := q.String()
		again, err := ParseQuery(printed)
		if printsLossy(q) {
			return
		}
		if err != nil {
			t.Fatalf("%q prints as %q: %v", text, printed, err)
		}
		if twice := again.String(); twice != printed {
			t.Errorf("%q prints as %q, then as %q", text, printed, twice)
		}
	})
}

func FuzzExpr(f *testing.F) {
	for _, name := range []string{"fold.txt", "condition.txt"} {
		_, cases := readScript(f, name)
		for _, c := range cases {
			f.Add(c.input)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		expr, err := ParseExpr(text)
		if err != nil {
			return
		}
		before := expr.String()
		valuer := &NowValuer{Now: time.Unix(1590000000, 0), Location: time.UTC}
		reduced := Reduce(expr, valuer)
		if _, _, err := ConditionExpr(expr, valuer); err != nil && err.Error() == "" {
			t.Error("error without text")
		}
		Eval(expr, map[string]any{"a": 1.5, "b": int64(2), "c": "x", "d": uint64(3), "e": true})
		EvalType(expr, nil, nil)
		if after := expr.String(); after != before {
			t.Errorf("the expression changed from %q to %q", before, after)
		}
		if again := Reduce(reduced, nil).String(); again != reduced.String() {
			t.Errorf("%q reduces to %q, then to %q", text, reduced, again)
		}
	})
}

func BenchmarkParseQuery(b *testing.B) {
	const text = `SELECT mean("usage_idle") AS "idle", max("usage_user") FROM "telegraf"."autogen"."cpu" ` +
		`WHERE time > now() - 1h AND "host" =~ /^web[0-9]+$/ AND "cpu" = 'cpu-total' GROUP BY time(10s), "host" fill(null)`
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseQuery(text); err != nil {
			b.Fatal(err)
		}
	}
}
