package differential

import (
	"fmt"
	"strings"
)

// wideStatement returns a statement of a corner of the language that the plain generator does not reach. n is its number.
func (g *generator) wideStatement(n int) string {
	g.m = &measurements[g.IntN(len(measurements))]
	switch g.IntN(12) {
	case 0:
		return g.zoned()
	case 1:
		return g.selectorInside()
	case 2:
		return g.into(n)
	case 3:
		return g.castOrMath()
	case 4:
		return g.severalTags()
	case 5:
		return g.betweenAggregates()
	case 6:
		return g.edgeNumbers()
	case 7:
		return g.orOfTime()
	case 8:
		return g.deepSubquery()
	case 9:
		return g.gaps()
	case 10:
		return g.wildcards()
	}
	return g.explainOrMixedSources()
}

// zoned groups by hours and days of a zone around the days on which its clocks are changed.
func (g *generator) zoned() string {
	from := pick(g, spring, autumn)
	a := from + g.Int64N(day)
	g.m = &measurement{"clock", []string{"host"}, []string{"v", "n", "s"}, from, from + 4*day, hour}
	bounds := fmt.Sprintf("time >= %s AND time < %s", g.zoneTime(a), g.zoneTime(a+day+g.Int64N(2*day)))
	width := pick(g, "1d", "1d", "12h", "6h", "3h", "1h", "2h", "1w", "7h", "90m", "2d")
	if g.chance(25) {
		width += pick(g, ", 1h", ", -6h", ", 30m", ", 6h")
	}
	s := "SELECT " + g.call(pick(g, g.m.fields...)) + " FROM clock WHERE " + bounds + " GROUP BY time(" + width + ")" + pick(g, "", "", ", host")
	s += pick(g, "", "", " fill(none)", " fill(0)", " fill(previous)", " fill(linear)") + pick(g, "", "", " ORDER BY time DESC", " LIMIT 3")
	return s + " tz('" + pick(g, "Europe/Berlin", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC") + "')"
}

// zoneTime is a time that the zone of the statement gives a meaning, or not.
func (g *generator) zoneTime(t int64) string {
	text := formatTime(t)
	switch g.IntN(4) {
	case 0:
		return "'" + text[:10] + "'"
	case 1:
		return "'" + text[:10] + " " + text[11:19] + "'"
	case 2:
		return "'" + text + "'"
	}
	return fmt.Sprint(t)
}

// selectorInside reads the rows that selectors of a subquery have picked, with their tags and fields.
func (g *generator) selectorInside() string {
	m := g.m
	f, other, tag := pick(g, m.fields...), pick(g, m.fields...), pick(g, m.tags...)
	inner := fmt.Sprintf("%s(%s) AS a, %s AS b, %s", pick(g, "max", "min", "first", "last"), f, other, tag)
	if g.chance(30) {
		inner = fmt.Sprintf("%s(%s, %s, %d) AS a, %s AS b", pick(g, "top", "bottom"), f, tag, 1+g.IntN(3), other)
	}
	s := "SELECT " + inner + " FROM " + m.name + g.where(true) + pick(g, "", " GROUP BY "+pick(g, m.tags...), " GROUP BY *")
	outer := pick(g, "a, b", "a, b, "+tag, "sum(a)", "mean(a), count(b)", "max(a), b", "count(a)", "last(b), "+tag, "a * 2, b", "*")
	return "SELECT " + outer + " FROM (" + s + ")" + pick(g, "", "", " GROUP BY "+tag, " WHERE a > 0", " LIMIT 3")
}

// into writes what it selects to the other database and reads it again.
func (g *generator) into(n int) string {
	target := pick(g, fmt.Sprintf(`"e".."t%d"`, n), fmt.Sprintf(`e.autogen.t%d`, n))
	fields, sh := g.callField(), shape{interval: true}
	if g.chance(40) {
		fields, sh = pick(g, "*", pick(g, g.m.fields...), pick(g, g.m.fields...)+", "+pick(g, g.m.tags...)), shape{}
	}
	s := "SELECT " + fields + " INTO " + target + " FROM " + g.m.name + g.where(true) + g.groupBy(sh)
	return s + separator + fmt.Sprintf(`SELECT * FROM e..t%d GROUP BY *`, n) + separator + fmt.Sprintf("SHOW FIELD KEYS ON e FROM t%d", n)
}

// castOrMath casts, shifts bits and compares.
func (g *generator) castOrMath() string {
	f := func() string {
		return pick(g, g.m.fields...) + pick(g, "", "::float", "::integer", "::string", "::boolean", "::field")
	}
	e := f()
	for range 1 + g.IntN(3) {
		e = pick(g, "("+e+")", e) + " " + pick(g, "+", "-", "*", "/", "%", "&", "|", "^") + " " + pick(g, f(), "2", "-1", "0.5", "true", "3", "(1 + 2)", "7 % 4")
	}
	s := "SELECT " + e + pick(g, "", " AS a", ", "+f()) + " FROM " + g.m.name
	if g.chance(60) {
		s += " WHERE " + f() + " " + pick(g, "&", "|", "^", "%", "+") + " " + pick(g, "1", "3", "2.5") + " " + pick(g, "=", "!=", ">", "<=") + " " + pick(g, "0", "1", "2")
		if g.chance(40) {
			s += pick(g, " AND ", " OR ") + g.condition(1)
		}
	}
	return s + pick(g, "", " GROUP BY *", " ORDER BY time DESC") + pick(g, "", " LIMIT 5", " LIMIT 3 OFFSET 2")
}

// severalTags ranks by several tags.
func (g *generator) severalTags() string {
	s := pick(g, "top", "bottom") + "(" + pick(g, g.m.fields...)
	for _, tag := range g.m.tags {
		if g.chance(60) {
			s += ", " + tag
		}
	}
	s += fmt.Sprintf(", %d)", 1+g.IntN(5))
	sh := shape{interval: g.chance(50)}
	return "SELECT " + s + pick(g, "", "", ", "+pick(g, g.m.fields...), ", "+pick(g, g.m.tags...)) + " FROM " + g.m.name + g.where(sh.interval) + g.groupBy(sh)
}

// betweenAggregates calculates with the results of calls.
func (g *generator) betweenAggregates() string {
	sh := shape{interval: g.chance(60)}
	call := func() string { return g.call(pick(g, g.m.fields...)) }
	e := call() + " " + pick(g, "+", "-", "*", "/", "%") + " " + call()
	if g.chance(40) {
		e = "(" + e + ") " + pick(g, "*", "/", "+") + " " + pick(g, "100", "0.5", call())
	}
	if g.chance(20) {
		e = "-" + call() + " + " + call()
	}
	if g.chance(30) {
		e += ", " + call()
	}
	return "SELECT " + e + " FROM " + g.m.name + g.where(sh.interval) + g.groupBy(sh) + pick(g, "", "", " ORDER BY time DESC") + g.limits()
}

// edgeNumbers adds, compares and prints numbers near the ends of their ranges.
func (g *generator) edgeNumbers() string {
	f := pick(g, "f", "i", "f", "i", "s")
	e := pick(g, f, "f, i", "i + 1", "i * 2", "-i", "i - 1", "f * 10", "f / 0", "i / 3", "i % 10", "i | 1", "i ^ -1", "f + i", "i::float", "f::integer",
		"sum("+f+")", "mean("+f+")", "max("+f+")", "min("+f+")", "spread(i)", "difference(i)", "cumulative_sum("+f+")", "median("+f+")", "percentile("+f+", 50)",
		"count("+f+")", "mode("+f+")", "distinct("+f+")", "stddev(i)", "moving_average("+f+", 2)", "first("+f+"), last("+f+")", "sample("+f+", 100)", "derivative(i, 1h)")
	s := "SELECT " + e + " FROM edge"
	if g.chance(50) {
		s += " WHERE " + pick(g, "i", "f") + " " + pick(g, "=", "!=", "<", ">", "<=", ">=") + " " +
			pick(g, "9223372036854775807", "-9223372036854775808", "9223372036854775808", "-0", "0", "1e308", "9007199254740993", "9007199254740992.0", "5e-324", "0.1")
	}
	return s + pick(g, "", "", " GROUP BY host") + pick(g, "", "", " ORDER BY time DESC") + pick(g, "", " LIMIT 4")
}

// orOfTime has bounds of time in places where they are no bounds.
func (g *generator) orOfTime() string {
	t := "time " + pick(g, "<", ">", "=", ">=", "!=") + " " + g.timeText(g.m.from+g.Int64N(g.m.to-g.m.from))
	c := pick(g, t+" OR "+g.condition(1), g.condition(1)+" AND ("+t+" OR "+g.condition(0)+")", "("+t+" AND "+g.condition(1)+")", t+" AND "+t,
		"time > 0 AND "+t, g.condition(0)+" OR "+g.condition(0)+" AND "+t, "("+t+") AND ("+g.condition(1)+")", g.timeText(g.m.from)+" < time", "NOT "+t,
		"time = '"+formatTime(g.m.from)+"' OR time = '"+formatTime(g.m.from+g.m.step)+"'")
	return "SELECT " + pick(g, "*", pick(g, g.m.fields...), "count("+pick(g, g.m.fields...)+")") + " FROM " + g.m.name + " WHERE " + c + pick(g, "", " LIMIT 4")
}

// deepSubquery nests aggregates by windows in aggregates by windows.
func (g *generator) deepSubquery() string {
	m := g.m
	from, to := g.timeText(m.from), g.timeText(m.from+day)
	tag := pick(g, m.tags...)
	s := fmt.Sprintf("SELECT %s AS a FROM %s WHERE time >= %s AND time < %s GROUP BY time(%s), %s", g.call(pick(g, m.fields...)), m.name, from, to, pick(g, "1h", "2h"), tag)
	s += pick(g, "", " fill(none)", " fill(0)")
	for i := range 1 + g.IntN(3) {
		s = fmt.Sprintf("SELECT %s AS a FROM (%s)", pick(g, "max", "min", "mean", "sum", "count", "last", "first", "spread")+"(a)", s)
		if i == 0 || g.chance(50) {
			s += fmt.Sprintf(" WHERE time >= %s AND time < %s GROUP BY time(%s)%s", from, to, pick(g, "4h", "6h", "12h"), pick(g, "", ", "+tag))
			s += pick(g, "", " fill(none)", " fill(previous)")
		}
	}
	return s + pick(g, "", "", " ORDER BY time DESC")
}

// gaps fills windows where little is.
func (g *generator) gaps() string {
	s := "SELECT " + pick(g, g.call(pick(g, g.m.fields...)), g.call(pick(g, g.m.fields...))+", "+g.call(pick(g, g.m.fields...)),
		pick(g, "derivative", "difference", "moving_average", "cumulative_sum", "non_negative_derivative")+"("+g.call(pick(g, g.m.fields...))+pick(g, ")", ", 2)"))
	a := g.m.from + g.Int64N((g.m.to-g.m.from)/2)
	s += fmt.Sprintf(" FROM %s WHERE time >= %s AND time < %s AND %s", g.m.name, g.timeText(a), g.timeText(a+12*hour), g.condition(1))
	s += " GROUP BY time(" + pick(g, "10m", "20m", "17m", "1h") + ")" + pick(g, "", ", "+pick(g, g.m.tags...), ", *")
	return s + " fill(" + pick(g, "linear", "linear", "previous", "null", "7", "0.5") + ")" + pick(g, "", " ORDER BY time DESC") + pick(g, "", " LIMIT 20", " SLIMIT 1")
}

// wildcards calls functions with patterns of fields.
func (g *generator) wildcards() string {
	sh := shape{interval: g.chance(50)}
	a := pick(g, "*", "/n|v/", "/^u/", "/./", "/zzz/", "/^(i|f|s)$/")
	c := pick(g, "count(%s)", "mean(%s)", "max(%s)", "first(%s)", "last(%s)", "sum(%s)", "spread(%s)", "median(%s)", "stddev(%s)", "percentile(%s, 90)", "distinct(%s)",
		"difference(%s)", "derivative(%s, 1h)", "elapsed(%s)", "cumulative_sum(%s)", "mode(%s)", "top(%s, 2)", "sample(%s, 100)", "count(distinct(%s))", "moving_average(%s, 2)")
	if sh.interval && g.chance(30) {
		c = pick(g, "difference(mean(%s))", "derivative(last(%s), 1h)", "cumulative_sum(sum(%s))", "elapsed(first(%s))", "moving_average(max(%s), 2)")
	}
	c = fmt.Sprintf(c, a)
	if g.chance(20) {
		c += pick(g, " AS x", ", "+g.call(pick(g, g.m.fields...)), ", *")
	}
	return "SELECT " + c + " FROM " + g.m.name + g.where(sh.interval) + g.groupBy(sh)
}

// explainOrMixedSources reads measurements, patterns and subqueries together.
func (g *generator) explainOrMixedSources() string {
	f := pick(g, g.m.fields...)
	one := "(SELECT " + f + " FROM " + g.m.name + pick(g, "", " GROUP BY *", " LIMIT 5") + ")"
	sources := []string{g.m.name, one, pick(g, "cpu", "mem", "ties", "/^(cpu|old)$/", "other.cpu")}
	g.Shuffle(len(sources), func(i, j int) { sources[i], sources[j] = sources[j], sources[i] })
	sources = sources[:1+g.IntN(2)]
	e := pick(g, f, "*", "count("+f+")", "max("+f+")", f+", host", "mean("+f+")", "first("+f+")", "last("+f+")")
	return "SELECT " + e + " FROM " + strings.Join(sources, ", ") + g.where(false) + pick(g, "", " GROUP BY host", " GROUP BY *", " ORDER BY time DESC", " LIMIT 3")
}
