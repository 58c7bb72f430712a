package influxql

import (
	"encoding/json"
	"testing"
)

func TestBoundParameters(t *testing.T) {
	object := func(kind string, value any) map[string]any { return map[string]any{kind: value} }
	for _, c := range []struct {
		value any
		text  string
		want  string
	}{
		{"it's", "SELECT a FROM m WHERE b = $p", `SELECT a FROM m WHERE b = 'it\'s'`},
		{1.5, "SELECT a FROM m WHERE b = $p", "SELECT a FROM m WHERE b = 1.5"},
		{json.Number("2"), "SELECT a FROM m WHERE b = $p LIMIT $p", "SELECT a FROM m WHERE b = 2 LIMIT 2"},
		{json.Number("-2"), "SELECT a FROM m LIMIT $p", "error: LIMIT must be >= 0 at line 1, char 23"},
		{json.Number("2.50"), "SELECT a + $p FROM m", "SELECT a + 2.5 FROM m"},
		{true, "SELECT a FROM m WHERE b = $p", "SELECT a FROM m WHERE b = true"},
		{object("ident", "my field"), "SELECT $p FROM $p", `SELECT "my field" FROM "my field"`},
		{object("identifier", "f"), "SELECT $p(a)::x FROM m", "error: found ::, expected FROM at line 1, char 13"},
		{object("regex", "^a/b$"), "SELECT $p FROM $p WHERE h =~ $p", `SELECT /^a\/b$/ FROM /^a\/b$/ WHERE h =~ /^a\/b$/`},
		{object("regex", "("), "SELECT a FROM $p", "error: error parsing regexp: missing closing ): `(` at line 1, char 15"},
		{object("string", "s"), "SHOW STATS FOR $p", "SHOW STATS FOR 's'"},
		{object("float", int64(3)), "SELECT a * $p FROM m", "SELECT a * 3.0 FROM m"},
		{object("number", 0.5), "SELECT -$p FROM m", "SELECT -0.5 FROM m"},
		{object("int", json.Number("7")), "KILL QUERY $p", "KILL QUERY 7"},
		{object("integer", int64(7)), "DROP SHARD $p", "DROP SHARD 7"},
		{object("duration", "90m"), "SELECT mean(a) FROM m GROUP BY time($p)", "SELECT mean(a) FROM m GROUP BY time(90m)"},
		{object("duration", int64(1e9)), "SELECT mean(a) FROM m GROUP BY time($p)", "SELECT mean(a) FROM m GROUP BY time(1s)"},
		{"x", `SELECT a FROM m WHERE b = $"p"`, "SELECT a FROM m WHERE b = 'x'"},

		{"x", "SELECT a FROM m WHERE b = $q", "error: missing parameter: q"},
		{"x", "SELECT a FROM m WHERE b = $", "error: empty bound parameter"},
		{"x", "SELECT a FROM m WHERE $p", "SELECT a FROM m WHERE 'x'"},
		{"x", "DROP DATABASE $p", "error: found x, expected identifier at line 1, char 15"},
		{nil, "SELECT a FROM m WHERE b = $p", "error: missing parameter: unable to bind parameter with type <nil>"},
		{7, "SELECT a FROM m WHERE b = $p", "error: missing parameter: unable to bind parameter with type int"},
		{json.Number("1e3"), "SELECT $p FROM m", `error: missing parameter: strconv.ParseInt: parsing "1e3": invalid syntax`},
		{map[string]any{}, "SELECT $p FROM m", "error: missing parameter: bound object parameter value must have exactly one entry"},
		{object("time", "x"), "SELECT $p FROM m", "error: missing parameter: unknown bind object type: time"},
		{object("ident", 1.0), "SELECT $p FROM m", "error: missing parameter: identifier must be a string value"},
		{object("regex", 1.0), "SELECT $p FROM m", "error: missing parameter: regex literal must be a string value"},
		{object("string", 1.0), "SELECT $p FROM m", "error: missing parameter: string literal must be a string value"},
		{object("float", "x"), "SELECT $p FROM m", "error: missing parameter: number literal must be a float value"},
		{object("int", 1.5), "SELECT $p FROM m", "error: missing parameter: integer literal must be an integer value"},
		{object("duration", 1.5), "SELECT $p FROM m", "error: missing parameter: duration literal must be a string or integer value"},
		{object("duration", json.Number("1x")), "SELECT $p FROM m", `error: missing parameter: strconv.ParseInt: parsing "1x": invalid syntax`},
		{object("ident", nil), "DROP DATABASE $p", "error: found identifier must be a string value, expected identifier at line 1, char 15"},
	} {
		p := NewParser(c.text)
		p.SetParams(map[string]any{"p": c.value})
		q, err := p.ParseQuery()
		got := ""
		if err != nil {
			got = "error: " + err.Error()
		} else {
			got = q.String()
		}
		if got != c.want {
			t.Errorf("%s with %#v:\n got %s\nwant %s", c.text, c.value, got, c.want)
		}
	}
}
