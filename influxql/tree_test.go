package influxql

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func mustSelect(t *testing.T, text string) *SelectStatement {
	t.Helper()
	stmt, err := ParseStatement(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return stmt.(*SelectStatement)
}

func TestWalkVisitsInOrder(t *testing.T) {
	stmt := mustSelect(t, "SELECT f(a) + b INTO x FROM (SELECT c FROM m), n WHERE d = 1 GROUP BY e ORDER BY time")
	var seen []string
	WalkFunc(stmt, func(n Node) {
		switch n.(type) {
		case *VarRef, *Call, *Measurement, *SortField, *IntegerLiteral:
			seen = append(seen, n.String())
		}
	})
	want := []string{"f(a)", "a", "b", "x", "e", "c", "m", "n", "d", "1", "time ASC"}
	if !slices.Equal(seen, want) {
		t.Errorf("got %q, want %q", seen, want)
	}
}

func TestInspectStopsBelowFalse(t *testing.T) {
	var seen []string
	Inspect(MustParseExpr("f(a) + b"), func(n Node) bool {
		seen = append(seen, n.String())
		_, call := n.(*Call)
		return !call
	})
	if want := []string{"f(a) + b", "f(a)", "b"}; !slices.Equal(seen, want) {
		t.Errorf("got %q, want %q", seen, want)
	}
}

func TestRewrite(t *testing.T) {
	stmt := mustSelect(t, "SELECT a + f(a) FROM m WHERE a = 1 GROUP BY a")
	RewriteFunc(stmt, func(n Node) Node {
		if ref, ok := n.(*VarRef); ok && ref.Name == "a" {
			return &VarRef{Name: "z"}
		}
		return n
	})
	if got, want := stmt.String(), "SELECT z + f(z) FROM m WHERE z = 1 GROUP BY z"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	expr := RewriteExpr(MustParseExpr("(a = 1) AND b = 2 AND c = 3"), func(e Expr) Expr {
		if e.String() == "a = 1" || e.String() == "c = 3" {
			return nil
		}
		return e
	})
	if expr.String() != "b = 2" {
		t.Errorf("got %s", expr)
	}
}

func TestCloneSharesNothing(t *testing.T) {
	const text = "SELECT f(a, /x/, 1h) AS b INTO y FROM m, (SELECT c FROM n) WHERE d = 'e' GROUP BY time(1m), g ORDER BY time DESC"
	stmt := mustSelect(t, text)
	clone := stmt.Clone()
	if clone.String() != stmt.String() || !clone.Target.Measurement.IsTarget {
		t.Fatalf("the clone is %s", clone)
	}
	before := stmt.String()
	RewriteFunc(clone, func(n Node) Node {
		switch n := n.(type) {
		case *VarRef:
			n.Name = "changed"
		case *DurationLiteral:
			n.Value = time.Hour
		}
		return n
	})
	clone.Sources.Measurements()[1].Name = "changed"
	clone.Target.Measurement.Name = "changed"
	clone.SortFields[0].Ascending = true
	if stmt.String() != before {
		t.Errorf("the original changed to %s", stmt)
	}
}

func TestNilNodesPrintAsNothing(t *testing.T) {
	var target *Target
	var stmt *SelectStatement
	var ref *VarRef
	if target.String() != "" || stmt.String() != "" || ref.String() != "" {
		t.Error("a nil node prints as something")
	}
}

func TestColumnNames(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"SELECT a, b AS c, mean(d) FROM m", "time a c mean"},
		{"SELECT mean(a), mean(b), mean(c) FROM m", "time mean mean_1 mean_2"},
		{"SELECT a AS mean, mean(b), mean(c) AS mean_1 FROM m", "time mean mean_2 mean_1"},
		{"SELECT top(a, host, region, 2) FROM m", "time top host region"},
		{"SELECT top(a, host, 2) INTO x FROM m", "time top"},
		{"SELECT a + b * f(c), (d), 1 FROM m", "time a_b_f d "},
	} {
		if got := strings.Join(mustSelect(t, c.text).ColumnNames(), " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.text, got, c.want)
		}
	}
	stmt := mustSelect(t, "SELECT time AS t, a, bottom(b, host, 1) FROM m")
	stmt.RewriteTimeFields()
	if got := strings.Join(stmt.ColumnNames(), " "); got != "t a bottom host" {
		t.Errorf("got %q", got)
	}
	if i, expr := stmt.FieldExprByName("host"); i != 1 || expr.String() != "host" {
		t.Errorf("host is %d, %v", i, expr)
	}
}

// schema is a FieldMapper of one kind of measurement.
type schema struct{}

func (schema) MapType(m *Measurement, name string) DataType {
	return map[string]DataType{"f": Float, "i": Integer, "u": Unsigned, "s": String, "b": Boolean, "host": Tag, "region": Tag}[name]
}

func (s schema) FieldDimensions(m *Measurement) (map[string]DataType, map[string]struct{}, error) {
	if m.Name == "missing" {
		return nil, nil, errors.New("measurement is missing")
	}
	return map[string]DataType{"f": Float, "i": Integer, "u": Unsigned, "s": String, "b": Boolean},
		map[string]struct{}{"host": {}, "region": {}}, nil
}

func TestRewriteFields(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"SELECT * FROM m", "SELECT b::boolean, f::float, host::tag, i::integer, region::tag, s::string, u::unsigned FROM m"},
		{"SELECT *::field FROM m", "SELECT b::boolean, f::float, i::integer, s::string, u::unsigned FROM m"},
		{"SELECT *::tag, f FROM m", "SELECT host::tag, region::tag, f::float FROM m"},
		{"SELECT * FROM m GROUP BY host", "SELECT b::boolean, f::float, i::integer, region::tag, s::string, u::unsigned FROM m GROUP BY host"},
		{"SELECT f FROM m GROUP BY *", "SELECT f::float FROM m GROUP BY host, region"},
		{"SELECT f FROM m GROUP BY /^h/", "SELECT f::float FROM m GROUP BY host"},
		{"SELECT /^[fi]$/ FROM m WHERE s = 'x'", "SELECT f::float, i::integer FROM m WHERE s::string = 'x'"},
		{"SELECT mean(*) FROM m", "SELECT mean(f::float) AS mean_f, mean(i::integer) AS mean_i, mean(u::unsigned) AS mean_u FROM m"},
		{"SELECT max(*) AS x FROM m", "SELECT max(b::boolean) AS x_b, max(f::float) AS x_f, max(i::integer) AS x_i, max(u::unsigned) AS x_u FROM m"},
		{"SELECT derivative(last(/^[fs]$/)) FROM m", "SELECT derivative(last(f::float)) AS derivative_f, derivative(last(s::string)) AS derivative_s FROM m"},
		{"SELECT holt_winters(*, 1, 2) FROM m", "SELECT holt_winters(f::float, 1, 2) AS holt_winters_f, holt_winters(i::integer, 1, 2) AS holt_winters_i FROM m"},
		{"SELECT * FROM (SELECT mean(f) FROM m GROUP BY host)", "SELECT host::tag, mean FROM (SELECT mean(f::float) FROM m GROUP BY host)"},
		{"SELECT * + 1 FROM m", "error: unsupported expression with wildcard: * + 1"},
		{"SELECT a + count(/x/) FROM m", "error: unsupported expression with regex field: a + count(/x/)"},
		{"SELECT mean(*::tag) FROM m", "error: unable to use tag wildcard in mean()"},
		{"SELECT * FROM missing", "error: measurement is missing"},
	} {
		got := ""
		if stmt, err := mustSelect(t, c.text).RewriteFields(schema{}); err != nil {
			got = "error: " + err.Error()
		} else {
			got = stmt.String()
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

func TestEvalType(t *testing.T) {
	sources := Sources{&Measurement{Name: "m"}}
	for _, c := range []struct{ expr, want string }{
		{"f + i", "float"}, {"i + 1", "integer"}, {"i / i", "integer"}, {"u + 1", "unsigned"}, {"u > 1", "boolean"},
		{"s = 'x'", "boolean"}, {"host", "tag"}, {"nowhere", "unknown"}, {"nowhere::float + i", "float"}, {"nowhere + i", "integer"},
		{"u + i", "error: type error: u + i: cannot use + between an integer and unsigned, an explicit cast is required"},
		{"i + 18446744073709551615", "error: type error: i + 18446744073709551615: cannot use + with an integer and unsigned literal"},
		{"s + i", "error: type error: s + i: incompatible types: string and integer"},
	} {
		v := TypeValuerEval{TypeMapper: schema{}, Sources: sources}
		typ, err := v.EvalType(MustParseExpr(c.expr))
		got := typ.String()
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s", c.expr, got, c.want)
		}
	}
}

func TestEval(t *testing.T) {
	values := map[string]any{"f": 2.5, "i": int64(7), "z": int64(0), "u": uint64(9), "s": "web01", "t": true}
	for _, c := range []struct{ expr, want string }{
		{"f * 2", "float64 5"}, {"i / 2", "int64 3"}, {"i / z", "int64 0"}, {"i % 4", "int64 3"}, {"f / z", "float64 0"}, {"i + u", "uint64 16"},
		{"-1 < u", "bool true"}, {"u - 10", "uint64 18446744073709551615"}, {"i & 3", "int64 3"}, {"s =~ /^web/", "bool true"}, {"s !~ /^web/", "bool false"},
		{"s = 'x' OR t", "bool true"}, {"missing AND t", "bool false"}, {"missing = 1", "bool false"}, {"missing + 1", "<nil> <nil>"},
		{"s < 'x'", "bool false"}, {"s = 1", "bool false"}, {"t = true", "bool true"}, {"(i)", "int64 7"}, {"f(i)", "<nil> <nil>"},
	} {
		got := Eval(MustParseExpr(c.expr), values)
		if text := fmt.Sprintf("%T %v", got, got); text != c.want {
			t.Errorf("%s: got %s, want %s", c.expr, text, c.want)
		}
	}
	v := ValuerEval{Valuer: MapValuer(values), IntegerFloatDivision: true}
	if got := v.Eval(MustParseExpr("i / 2")); got != 3.5 {
		t.Errorf("integer quotient as float: got %v", got)
	}
}

func TestRewriteRegexConditions(t *testing.T) {
	for _, c := range []struct{ condition, want string }{
		{"h =~ /^a$/", "h = 'a'"}, {"h !~ /^a$/", "h != 'a'"}, {"h =~ /^$/", "h = ''"},
		{"h =~ /^(a|bc)$/", "h = 'a' OR h = 'bc'"}, {"h !~ /^(a|bc)$/", "h != 'a' AND h != 'bc'"},
		{"h =~ /^x[1-3]y$/ AND b = 1", "(h = 'x1y' OR h = 'x2y' OR h = 'x3y') AND b = 1"},
		{"h =~ /^(a|b)(c|d)$/", "h = 'ac' OR h = 'ad' OR h = 'bc' OR h = 'bd'"},
		{"h =~ /a/", "h =~ /a/"}, {"h =~ /^a.*$/", "h =~ /^a.*$/"}, {"h =~ /(?i)^a$/", "h =~ /(?i)^a$/"},
		{`h =~ /^\d\d\d$/`, `h =~ /^\d\d\d$/`}, {"h =~ /(?m)^a$/", "h =~ /(?m)^a$/"}, {"h =~ /^[a]|b$/", "h =~ /^[a]|b$/"},
	} {
		stmt := &SelectStatement{Condition: MustParseExpr(c.condition)}
		stmt.RewriteRegexConditions()
		if got := stmt.Condition.String(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.condition, got, c.want)
		}
	}
}

func TestSetTimeRange(t *testing.T) {
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	const bounds = "time >= '2020-01-01T00:00:00Z' AND time < '2020-01-01T01:00:00Z'"
	for _, c := range []struct{ text, want string }{
		{"SELECT a FROM m", bounds},
		{"SELECT a FROM m WHERE b = 1", "(b = 1) AND " + bounds},
		{"SELECT a FROM m WHERE time > now() - 1h AND b = 1", "(b = 1) AND " + bounds},
		{"SELECT a FROM m WHERE b = 1 OR c = 2", "(b = 1 OR c = 2) AND " + bounds},
		{"SELECT a FROM m WHERE time > 5", bounds},
	} {
		stmt := mustSelect(t, c.text)
		for range 2 {
			stmt.SetTimeRange(start, start.Add(time.Hour))
		}
		if got := stmt.Condition.String(); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

func TestRewriteDistinct(t *testing.T) {
	stmt := mustSelect(t, "SELECT DISTINCT a FROM m")
	stmt.RewriteDistinct()
	if stmt.String() != "SELECT distinct(a) FROM m" || stmt.IsRawQuery {
		t.Errorf("got %s, raw %v", stmt, stmt.IsRawQuery)
	}
	stmt = mustSelect(t, "SELECT count(DISTINCT a) FROM m")
	stmt.RewriteDistinct()
	if stmt.String() != "SELECT count(distinct(a)) FROM m" {
		t.Errorf("got %s", stmt)
	}
}

func TestGroupByTime(t *testing.T) {
	for _, c := range []struct{ dimensions, want string }{
		{"host", "0s 0s <nil>"}, {"host, time(5m)", "5m0s 0s <nil>"}, {"time(5m, 7m)", "5m0s 2m0s <nil>"}, {"time(5m, -7m)", "5m0s -2m0s <nil>"},
		{"time(0s, 1m)", "0s 0s <nil>"}, {"time()", "0s 0s time dimension expected 1 or 2 arguments"},
		{"time(x)", "0s 0s time dimension must have duration argument"}, {"time(1m, x)", "1m0s 0s invalid time dimension offset: x"},
	} {
		stmt := mustSelect(t, "SELECT mean(a) FROM m GROUP BY "+c.dimensions)
		width, _ := stmt.GroupByInterval()
		offset, err := stmt.GroupByOffset()
		if got := fmt.Sprint(width, offset, err); got != c.want {
			t.Errorf("%s: got %s, want %s", c.dimensions, got, c.want)
		}
	}
}
