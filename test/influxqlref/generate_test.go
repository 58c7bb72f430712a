package influxqlref

import (
	"math/rand"
	"strconv"
	"strings"
)

// generator writes random statements of the grammar. Most of them are right; mutate makes wrong ones of them.
type generator struct {
	*rand.Rand
	depth int
}

func (g *generator) one(choices ...string) string { return choices[g.Intn(len(choices))] }

// maybe returns the text with a chance of 1 in n.
func (g *generator) maybe(n int, text func() string) string {
	if g.Intn(n) > 0 {
		return ""
	}
	return text()
}

// join puts a random amount of white space between parts.
func (g *generator) join(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		if part == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(g.space())
		}
		b.WriteString(part)
	}
	return b.String()
}

func (g *generator) space() string {
	if g.Intn(20) > 0 {
		return " "
	}
	return g.one("  ", "\n", "\t", "\r\n", "\r", " /* note */ ", " -- note\n", "/**/", " \n\t ", "", " /* a * b **/")
}

// keyword varies the case of words.
func (g *generator) keyword(words string) string {
	switch g.Intn(12) {
	case 0:
		words = strings.ToLower(words)
	case 1:
		words = strings.ToUpper(words[:1]) + strings.ToLower(words[1:])
	}
	return g.join(strings.Fields(words)...)
}

func (g *generator) list(most int, element func() string) string {
	n := 1 + g.Intn(most)
	parts := make([]string, n)
	for i := range parts {
		parts[i] = element()
	}
	return strings.Join(parts, g.one(",", ", ", ", ", " , ", ",\n"))
}

func (g *generator) ident() string {
	switch g.Intn(14) {
	case 0:
		return `"` + g.one("a b", "select", "x.y", `q\"q`, `b\\s`, "ünï", "", "1a", "line\\n", "from", "a'b") + `"`
	case 1:
		return `"` + g.one("cpu", "host", "value", "db0", "rp0") + `"`
	case 2:
		return g.one("_internal", "time", "TIME", "fill", "tz", "null", "none", "previous", "linear", "Time", "f2")
	case 3:
		return g.one("$id", "$idq", "$name")
	}
	return g.one("cpu", "mem", "host", "region", "value", "usage_idle", "a", "b", "x1", "db0", "rp0", "autogen")
}

func (g *generator) str() string {
	if g.Intn(12) == 0 {
		return g.one("$str", "'it\\'s'", "'a\\nb'", "'\\\\'", "''", "'µ \"x\" /y/'", "'a;b'", "'--no'")
	}
	return "'" + g.one("server01", "a", "eu-west", "2020-01-01", "2020-01-01T00:00:00Z", "2020-01-01 10:00:00", "x y", "2020-01-01T00:00:00.123456789+02:00", "2020-13-01", "cpu") + "'"
}

func (g *generator) integer() string {
	if g.Intn(10) == 0 {
		return g.one("9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "007", "$int", "$negint", "2147483648")
	}
	return strconv.Itoa(g.Intn(1000))
}

func (g *generator) number() string {
	return g.one("1.5", ".5", "0.25", "100.0", "3.", "123456789.123456789", "$num", "$negnum", "1e6", "0.0000001", "100000000000000000000000.5")
}

func (g *generator) duration() string {
	if g.Intn(8) == 0 {
		return g.one("1h30m", "2w3d", "15µ", "90s", "1500ms", "7ns", "10000w", "300000w", "1y", "1", "5mm", "1n", "10m5", "$dur", "$durint", "0s", "1d12h30m10s5ms3u7ns", "1M")
	}
	return strconv.Itoa(g.Intn(100)) + g.one("ns", "u", "µ", "ms", "s", "m", "h", "d", "w")
}

func (g *generator) regex() string {
	return g.one("/cpu.*/", "/^a$/", "/^(a|b)$/", `/a\/b/`, "/[a-z]+/", "/(?i)x/", "/server0[1-3]/", "/(/", "/a\\.b/", "//", "/é+/", "$re", "/a\\\\b/", "/^abc$/")
}

func (g *generator) literal() string {
	switch g.Intn(9) {
	case 0, 1, 2:
		return g.integer()
	case 3:
		return g.number()
	case 4, 5:
		return g.str()
	case 6:
		return g.duration()
	case 7:
		return g.one("true", "false", "TRUE", "$bool")
	}
	return g.one("$missing", "$bad", "$", "$nil", "$two", "now()", `$"sp ace"`, "$str", "$big")
}

func (g *generator) cast() string {
	return g.maybe(12, func() string {
		return "::" + g.one("float", "integer", "unsigned", "string", "boolean", "field", "tag", "FLOAT", "Tag", "time", "x")
	})
}

func (g *generator) varRef() string {
	name := g.ident()
	if g.Intn(20) == 0 {
		name += "." + g.ident()
	}
	return name + g.cast()
}

var functions = []string{"mean", "count", "sum", "max", "min", "first", "last", "derivative", "top", "bottom", "percentile",
	"DISTINCT", "MEAN", "non_negative_derivative", "now", "holt_winters", "abs", "time", "sample", "distinct", "difference", "floor", "pow"}

func (g *generator) call() string {
	args := ""
	if g.Intn(10) > 0 {
		args = g.list(3, func() string {
			switch g.Intn(8) {
			case 0:
				return g.regex()
			case 1:
				return g.one("*", "*::field", "*::tag")
			case 2:
				return g.duration()
			case 3:
				return g.integer()
			}
			return g.expr()
		})
	}
	return g.one(functions...) + g.one("(", "(", "(", "( ") + args + g.one(")", ")", ")", " )")
}

// expr writes an arithmetic expression.
func (g *generator) expr() string {
	if g.depth > 4 {
		return g.varRef()
	}
	g.depth++
	defer func() { g.depth-- }()
	switch g.Intn(14) {
	case 0, 1:
		return g.join(g.expr(), g.one("+", "-", "*", "/", "%", "&", "|", "^"), g.expr())
	case 2:
		return g.expr() + g.one("+", "-", "*", "/", "%") + g.expr()
	case 3:
		return "(" + g.expr() + ")"
	case 4, 5:
		return g.call()
	case 6:
		return g.literal()
	case 7:
		return g.one("-", "+", "- ") + g.one(g.varRef(), g.integer(), g.number(), g.duration(), "("+g.expr()+")", g.call(), g.str())
	}
	return g.varRef()
}

// condition writes an expression that yields a boolean.
func (g *generator) condition() string {
	if g.depth > 5 {
		return g.comparison()
	}
	g.depth++
	defer func() { g.depth-- }()
	switch g.Intn(8) {
	case 0, 1:
		return g.join(g.condition(), g.keyword("AND"), g.condition())
	case 2:
		return g.join(g.condition(), g.keyword("OR"), g.condition())
	case 3:
		return "(" + g.condition() + ")"
	case 4:
		return g.timeComparison()
	}
	return g.comparison()
}

func (g *generator) comparison() string {
	switch g.Intn(6) {
	case 0:
		return g.join(g.varRef(), g.one("=~", "!~"), g.regex())
	case 1, 2:
		return g.join(g.varRef(), g.one("=", "!=", "<>"), g.str())
	case 3:
		return g.one("true", "false", g.varRef())
	}
	return g.join(g.expr(), g.one("=", "!=", "<>", "<", "<=", ">", ">="), g.expr())
}

func (g *generator) timeComparison() string {
	value := g.one("now()", "now() - 1h", "now() + "+g.duration(), g.str(), g.integer(), g.duration(), "'2020-01-01T00:00:00Z' - 1d",
		g.duration()+" + now()", "'2020-01-01' + 1w", "1.5", "a", "'x'", "true", "9223372036854775807", "-9223372036854775808",
		"'1600-01-01'", "'2300-01-01'", "now() - 9223372036854775807ns", "("+g.duration()+" * 2)", "'2020-06-01 00:00:00'",
		"'1677-09-21T00:12:43.145224194Z'", "'1677-09-21T00:12:43.145224195Z'", "'2262-04-11T23:47:16.854775806Z'", "'2262-04-11T23:47:16.854775807Z'", `'2020-01-01\nx'`)
	op := g.one("=", "<", "<=", ">", ">=", ">=", "<", "!=", "=~", "+")
	if g.Intn(5) == 0 {
		return g.join(value, op, "time")
	}
	return g.join(g.one("time", "time", "TIME", "\"time\""), op, value)
}

func (g *generator) measurement() string {
	switch g.Intn(10) {
	case 0:
		return g.regex()
	case 1:
		return g.ident() + "." + g.ident()
	case 2:
		return g.ident() + "." + g.ident() + "." + g.ident()
	case 3:
		return g.ident() + ".." + g.ident()
	case 4:
		return g.ident() + "." + g.one("", ".", g.ident()+".") + g.regex()
	case 5:
		return g.maybe(4, func() string { return g.ident() + "." }) + g.ident() + "." + g.ident() + "." + g.ident()
	}
	return g.ident()
}

func (g *generator) field() string {
	var expr string
	switch g.Intn(12) {
	case 0:
		expr = g.one("*", "*::field", "*::tag", "*::x")
	case 1:
		expr = g.regex()
	case 2:
		expr = g.join("DISTINCT", g.ident())
	case 3:
		expr = g.condition()
	default:
		expr = g.expr()
	}
	if g.Intn(5) == 0 {
		return g.join(expr, g.keyword("AS"), g.ident())
	}
	return expr
}

func (g *generator) dimension() string {
	switch g.Intn(8) {
	case 0, 1, 2:
		return "time(" + g.duration() + g.maybe(4, func() string {
			return ", " + g.one(g.duration(), "-"+g.duration(), "now()", "'2020-01-01'", g.integer())
		}) + ")"
	case 3:
		return g.one("*", g.regex(), "time()", "time(1)", "*::tag")
	}
	return g.varRef()
}

func (g *generator) groupBy() string {
	return g.join(g.keyword("GROUP BY"), g.list(3, g.dimension))
}

func (g *generator) where() string { return g.join(g.keyword("WHERE"), g.condition()) }

func (g *generator) orderBy() string {
	return g.join(g.keyword("ORDER BY"), g.one("time", "time DESC", "time ASC", "ASC", "DESC", "host", "time, host", "time desc, a asc", "1"))
}

func (g *generator) limits() string {
	count := func(word string) func() string {
		return func() string { return g.join(g.keyword(word), g.one(g.integer(), "-1", "1.5", "$int", "$negint", "x")) }
	}
	return g.join(g.maybe(4, count("LIMIT")), g.maybe(6, count("OFFSET")))
}

func (g *generator) seriesLimits() string {
	return g.join(g.maybe(8, func() string { return g.keyword("SLIMIT") + " " + g.integer() }),
		g.maybe(10, func() string { return g.keyword("SOFFSET") + " " + g.integer() }))
}

func (g *generator) fill() string {
	return g.one("fill", "FILL", "fill", "Fill") + g.one("(", "( ") + g.one("null", "none", "previous", "linear", "0", "-1", "1.5", "1000000.0", "100000000000000000000000.5", "x", "NULL", "'0'", "1, 2", "", "1+1", "1h", "0.00000001") + g.one(")", " )", ") - 1", "")
}

func (g *generator) zone() string {
	return g.one("tz", "TZ", "Tz") + "(" + g.one("'UTC'", "'America/New_York'", "'Europe/Berlin'", "'No/Where'", "''", "'Local'", "x", "'UTC', 1", "1", "'../etc/passwd'") + ")"
}

func (g *generator) selectStatement(into bool) string {
	g.depth++
	defer func() { g.depth-- }()
	target := ""
	if into || g.Intn(12) == 0 {
		target = g.join(g.keyword("INTO"), g.one(g.measurement(), g.ident(), g.ident()+".:MEASUREMENT", g.ident()+"."+g.ident()+".:MEASUREMENT", ":MEASUREMENT", g.ident()+"..:MEASUREMENT"))
	}
	return g.join(g.keyword("SELECT"), g.list(3, g.field), target, g.keyword("FROM"), g.list(2, g.source),
		g.maybe(2, g.where), g.maybe(3, g.groupBy), g.maybe(6, g.fill), g.maybe(6, g.orderBy), g.limits(), g.seriesLimits(), g.maybe(10, g.zone))
}

func (g *generator) source() string {
	if g.depth < 4 && g.Intn(6) == 0 {
		return g.one("(", "( ") + g.selectStatement(false) + ")"
	}
	return g.measurement()
}

func (g *generator) onDatabase() string {
	return g.maybe(3, func() string { return g.join(g.keyword("ON"), g.ident()) })
}

func (g *generator) from() string {
	return g.maybe(2, func() string { return g.join(g.keyword("FROM"), g.list(3, g.measurement)) })
}

func (g *generator) withKey() string {
	return g.join(g.keyword("WITH KEY"), g.one("= "+g.ident(), "!= "+g.ident(), "=~ "+g.regex(), "!~ "+g.regex(),
		g.keyword("IN")+" ("+g.list(3, g.ident)+")", "<> host", "> host", "IN host", "= /a/", "=~ host"))
}

func (g *generator) cardinality(words string) string {
	key := ""
	if words == "SHOW TAG VALUES" {
		key = g.withKey()
	}
	return g.join(g.keyword(words), g.maybe(2, func() string { return g.keyword("EXACT") }), g.keyword("CARDINALITY"), g.onDatabase(), g.from(), key,
		g.maybe(2, g.where), g.maybe(4, g.groupBy), g.limits())
}

func (g *generator) show() string {
	switch g.Intn(9) {
	case 0:
		return g.cardinality(g.one("SHOW SERIES", "SHOW MEASUREMENT", "SHOW TAG KEY", "SHOW FIELD KEY", "SHOW TAG VALUES"))
	case 1:
		return g.join(g.keyword("SHOW SERIES"), g.maybe(10, func() string { return "EXACT" }), g.onDatabase(), g.from(), g.maybe(2, g.where), g.maybe(3, g.orderBy), g.limits())
	case 2:
		return g.join(g.keyword("SHOW TAG KEYS"), g.onDatabase(), g.from(), g.maybe(3, g.withKey), g.maybe(2, g.where), g.maybe(4, g.orderBy), g.limits(), g.seriesLimits())
	case 3:
		return g.join(g.keyword("SHOW TAG VALUES"), g.onDatabase(), g.from(), g.withKey(), g.maybe(2, g.where), g.maybe(4, g.orderBy), g.limits())
	case 4:
		return g.join(g.keyword("SHOW FIELD KEYS"), g.onDatabase(), g.from(), g.maybe(4, g.orderBy), g.limits())
	case 5:
		return g.join(g.keyword("SHOW MEASUREMENTS"), g.maybe(2, func() string {
			return g.join("ON", g.one(g.ident(), "*", g.ident()+"."+g.ident(), "*.*", g.ident()+".*", "* . a", "1"))
		}), g.maybe(3, func() string {
			return g.join(g.keyword("WITH MEASUREMENT"), g.one("=", "=~", "!="), g.measurement())
		}), g.maybe(2, g.where), g.maybe(4, g.orderBy), g.limits())
	case 6:
		return g.join(g.keyword("SHOW"), g.one("STATS", "DIAGNOSTICS"), g.maybe(2, func() string { return "FOR " + g.str() }))
	case 7:
		return g.join(g.keyword("SHOW RETENTION POLICIES"), g.onDatabase())
	}
	return g.one("SHOW DATABASES", "SHOW USERS", "SHOW QUERIES", "SHOW CONTINUOUS QUERIES", "SHOW SHARDS", "SHOW SHARD GROUPS", "SHOW SUBSCRIPTIONS", "SHOW GRANTS FOR "+g.ident())
}

func (g *generator) writeLimits() string {
	return g.join(g.maybe(4, func() string { return g.keyword("FUTURE LIMIT") + " " + g.one(g.duration(), "INF", "0s") }),
		g.maybe(4, func() string { return g.keyword("PAST LIMIT") + " " + g.one(g.duration(), "inf") }))
}

func (g *generator) span() string { return g.one(g.duration(), g.duration(), "INF", "inf", "1") }

func (g *generator) schema() string {
	part := func(words string, value string) func() string {
		return func() string { return g.join(g.keyword(words), value) }
	}
	switch g.Intn(8) {
	case 0, 1:
		with := g.maybe(2, func() string {
			return g.join(g.keyword("WITH"), g.maybe(2, part("DURATION", g.span())), g.maybe(3, part("REPLICATION", g.integer())), g.maybe(3, part("SHARD DURATION", g.span())), g.writeLimits(), g.maybe(2, part("NAME", g.ident())))
		})
		return g.join(g.keyword("CREATE DATABASE"), g.ident(), with)
	case 2, 3:
		return g.join(g.keyword("CREATE RETENTION POLICY"), g.ident(), g.keyword("ON"), g.ident(), g.keyword("DURATION"), g.span(), g.keyword("REPLICATION"), g.integer(),
			g.maybe(2, part("SHARD DURATION", g.span())), g.maybe(3, part("DEFAULT", "")), g.writeLimits())
	case 4, 5:
		options := ""
		for range 1 + g.Intn(4) {
			options = g.join(options, g.one("DURATION "+g.span(), "REPLICATION "+g.integer(), "SHARD DURATION "+g.span(), "DEFAULT", "FUTURE LIMIT "+g.span(), "PAST LIMIT "+g.span()))
		}
		return g.join(g.keyword("ALTER RETENTION POLICY"), g.one(g.ident(), "DEFAULT"), g.keyword("ON"), g.ident(), options)
	}
	return g.join(g.one("DROP DATABASE "+g.ident(), "DROP RETENTION POLICY "+g.ident()+" ON "+g.ident(), "DROP MEASUREMENT "+g.ident(), "DROP SHARD "+g.integer(),
		"DROP USER "+g.ident(), "DROP CONTINUOUS QUERY "+g.ident()+" ON "+g.ident(), "DROP SUBSCRIPTION "+g.ident()+" ON "+g.ident()+"."+g.ident(),
		"KILL QUERY "+g.integer(), "KILL QUERY "+g.integer()+" ON "+g.ident(),
		"CREATE SUBSCRIPTION "+g.ident()+" ON "+g.ident()+"."+g.ident()+" DESTINATIONS "+g.one("ALL", "ANY", "any")+" "+g.list(3, g.str)))
}

func (g *generator) user() string {
	privilege := g.one("READ", "WRITE", "ALL", "ALL PRIVILEGES", "NONE")
	return g.join(g.one("CREATE USER "+g.ident()+" WITH PASSWORD "+g.str()+g.one("", " WITH ALL PRIVILEGES", " WITH ALL"),
		"SET PASSWORD FOR "+g.ident()+" = "+g.str(),
		"GRANT "+privilege+g.one("", " ON "+g.ident())+" TO "+g.ident(),
		"REVOKE "+privilege+g.one("", " ON "+g.ident())+" FROM "+g.ident()))
}

func (g *generator) continuous() string {
	resample := g.maybe(2, func() string {
		return g.join(g.keyword("RESAMPLE"), g.maybe(2, func() string { return "EVERY " + g.span() }), g.maybe(2, func() string { return "FOR " + g.span() }))
	})
	body := g.selectStatement(true)
	if g.Intn(2) == 0 {
		body = g.join("SELECT", g.call(), "INTO", g.measurement(), "FROM", g.measurement(), "GROUP BY", "time("+g.duration()+")", g.maybe(3, g.zone))
	}
	return g.join(g.keyword("CREATE CONTINUOUS QUERY"), g.ident(), g.keyword("ON"), g.ident(), resample, g.keyword("BEGIN"), body, g.keyword("END"))
}

func (g *generator) statement() string {
	switch g.Intn(16) {
	case 0, 1, 2, 3:
		return g.show()
	case 4, 5:
		return g.schema()
	case 6:
		return g.user()
	case 7:
		return g.continuous()
	case 8:
		return g.join(g.keyword("EXPLAIN"), g.maybe(2, func() string { return g.keyword("ANALYZE") }), g.maybe(2, func() string { return g.keyword("VERBOSE") }), g.selectStatement(false))
	case 9:
		return g.join(g.one(g.keyword("DELETE"), g.keyword("DROP SERIES")), g.from(), g.maybe(2, g.where))
	}
	return g.selectStatement(false)
}

func (g *generator) query() string {
	if g.Intn(8) > 0 {
		return g.statement()
	}
	text := g.statement()
	for range 1 + g.Intn(2) {
		text += g.one(";", "; ", ";;", " ", ";\n") + g.statement()
	}
	return text + g.one("", ";", " ", ";;", "\n")
}
