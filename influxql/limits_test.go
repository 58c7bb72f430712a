package influxql

import (
	"strings"
	"testing"
)

func nested(open, inner, shut string, depth int) string {
	return strings.Repeat(open, depth) + inner + strings.Repeat(shut, depth)
}

func TestBounds(t *testing.T) {
	selectWhere := func(condition string) string { return "SELECT a FROM m WHERE " + condition }
	chain := func(n int) string { return "h = 'a'" + strings.Repeat(" OR h = 'a'", n) }
	const (
		tooDeep   = "too many levels of nesting, the limit is 10000"
		tooMany   = "too many operators, the limit is 262144"
		tooNested = "too many levels of subqueries, the limit is 250"
	)
	for _, c := range []struct {
		name, text, failure string
	}{
		{"parentheses at the bound", selectWhere(nested("(", "a = 1", ")", MaxNesting-1)), ""},
		{"parentheses beyond", selectWhere(nested("(", "a = 1", ")", MaxNesting)), tooDeep},
		{"parentheses far beyond", selectWhere(nested("(", "", "", 2_000_000)), tooDeep},
		{"signed parentheses", "SELECT " + nested("-(", "", "", 1_000_000), tooDeep},
		{"calls", "SELECT " + nested("f(", "", "", 1_000_000), tooDeep},
		{"calls at the bound", "SELECT " + nested("f(", "a", ")", MaxNesting-1) + " FROM m", ""},
		{"operators at the bound", selectWhere(chain((MaxOperators - 1) / 2)), ""},
		{"operators beyond", selectWhere(chain(MaxOperators/2 + 1)), tooMany},
		{"subqueries at the bound", nested("SELECT a FROM (", "SELECT a FROM m", ")", MaxSubqueries), ""},
		{"subqueries beyond", nested("SELECT a FROM (", "SELECT a FROM m", ")", MaxSubqueries+1), tooNested},
		{"the bounds are per statement", strings.Repeat(selectWhere(chain(MaxOperators/5))+";", 4), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := ParseQuery(c.text)
			switch {
			case c.failure == "" && err != nil:
				t.Fatalf("refused: %v", err)
			case c.failure != "" && (err == nil || !strings.HasPrefix(err.Error(), c.failure+" at line 1")):
				t.Fatalf("got error %v, want %s", err, c.failure)
			case err == nil:
				useTree(t, q)
			}
		})
	}
}

// useTree does with a large tree what the engine does with trees.
func useTree(t *testing.T, q *Query) {
	t.Helper()
	again, err := ParseQuery(q.String())
	if err != nil {
		t.Fatalf("printed form: %v", err)
	}
	if len(again.Statements) != len(q.Statements) {
		t.Errorf("%d statements printed, %d read again", len(q.Statements), len(again.Statements))
	}
	for _, stmt := range q.Statements {
		s := stmt.(*SelectStatement).Clone()
		s.RewriteRegexConditions()
		s = s.Reduce(nil)
		if _, _, err := ConditionExpr(s.Condition, nil); err != nil {
			t.Error(err)
		}
		EvalBool(s.Condition, map[string]any{"h": "b", "a": int64(1)})
		nodes := 0
		WalkFunc(s, func(Node) { nodes++ })
		if nodes == 0 {
			t.Error("nothing walked")
		}
	}
}
