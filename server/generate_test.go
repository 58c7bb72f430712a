package server

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/internal/testmodel"
	"github.com/timberlinedb/timberline/lineproto"
)

// generator draws bodies and statements.
type generator struct {
	rng *rand.Rand
	now time.Time

	passing string // name of a float that some points have beside other fields; "" for none
}

var (
	testDatabases    = []string{"alpha", "beta", "odd name"}
	testPolicies     = []string{"", "autogen", "day", "days"}
	testMeasurements = []string{"cpu", "mem", "disk,io", "net traffic", "rare"}
	testHosts        = []string{"a", "b", "c", "d d", "e=e", "f,f", `g\g`, "ünï"}
	testFields       = []string{"f", "g", "i", "u", "s", "b", "x"}
)

// missingShards is how many numbers DROP SHARD tries above those of the catalog.
const missingShards = 6

// body draws the lines of a body and its unit of time.
func (g *generator) body() ([]line, lineproto.Precision) {
	unit := lineproto.Nanosecond
	if oneIn(g.rng, 4) {
		unit = pick(g.rng, lineproto.Microsecond, lineproto.Millisecond, lineproto.Second)
	}
	base := g.now.Add(-time.Duration(g.rng.Int64N(int64(20 * 24 * time.Hour))))
	if oneIn(g.rng, 2) {
		base = g.now.Add(-time.Duration(g.rng.Int64N(int64(26 * time.Hour))))
	}
	base = base.Truncate(10 * time.Minute)
	n := 1 + g.rng.IntN(12)
	if oneIn(g.rng, 6) {
		n = 100 + g.rng.IntN(300)
	}
	spread := pick(g.rng, 30, 200, 2000)
	m := pick(g.rng, testMeasurements...)
	var lines []line
	for range n {
		if oneIn(g.rng, 6) {
			m = pick(g.rng, testMeasurements...)
		}
		if oneIn(g.rng, 40) {
			lines = append(lines, g.malformed())
			continue
		}
		l := line{Point: g.point(m, base.Add(time.Duration(g.rng.IntN(spread))*10*time.Second))}
		withTime := !oneIn(g.rng, 60)
		if !withTime {
			l.Time = g.now.UnixNano()
		}
		l.Time -= l.Time % int64(unit)
		l.text = g.text(&l.Point, unit, withTime)
		lines = append(lines, l)
	}
	return lines, unit
}

func (g *generator) malformed() line {
	return pick(g.rng,
		line{text: "cpu", reason: "missing fields"},
		line{text: "cpu,host=a", reason: "missing fields"},
		line{text: "cpu,host= f=1", reason: "missing tag value"},
		line{text: "cpu,host=a,host=b f=1", reason: "duplicate tags"},
		line{text: "cpu,=a f=1", reason: "missing tag key"},
		line{text: ",host=a f=1", reason: "missing measurement"},
		line{text: "cpu f=", reason: "missing field value"},
		line{text: "cpu f=1 12x", reason: "bad timestamp"},
		line{text: "cpu f=1.2.3", reason: "invalid number"},
		line{text: "cpu b=tralse", reason: "invalid boolean"},
	)
}

// point draws a point, some with names that are reserved.
func (g *generator) point(m string, t time.Time) testmodel.Point {
	p := testmodel.Point{Measurement: m, Time: t.UnixNano(), Tags: map[string]string{}, Fields: map[string]any{}}
	if !oneIn(g.rng, 8) {
		p.Tags["host"] = pick(g.rng, testHosts[:1+g.rng.IntN(len(testHosts))]...)
	}
	if oneIn(g.rng, 2) {
		p.Tags["region"] = pick(g.rng, "west", "east")
	}
	if oneIn(g.rng, 200) {
		p.Tags["once"] = strconv.Itoa(g.rng.IntN(1000))
	}
	for range 1 + g.rng.IntN(3) {
		name := pick(g.rng, testFields...)
		p.Fields[name] = g.value(name)
	}
	if g.passing != "" && oneIn(g.rng, 3) {
		p.Fields[g.passing] = g.value("f")
	}
	switch g.rng.IntN(300) {
	case 0:
		p.Tags["time"] = "now"
	case 1:
		p.Fields["time"] = 1.0
	case 2:
		p.Fields = map[string]any{"time": 1.0}
	}
	return p
}

func (g *generator) value(field string) any {
	switch field {
	case "f", "g":
		return float64(g.rng.IntN(8000)-4000) / 4
	case "i":
		return g.rng.Int64N(2000) - 1000
	case "u":
		return g.rng.Uint64N(1000)
	case "s":
		return pick(g.rng, "", "on", "off", `say "hi"`, "two\nlines", `back\slash`, strings.Repeat("long ", 30))
	case "b":
		return oneIn(g.rng, 2)
	}
	if oneIn(g.rng, 25) {
		return pick[any](g.rng, int64(7), "seven", true, uint64(7))
	}
	return float64(g.rng.IntN(100))
}

var (
	escapeName  = strings.NewReplacer(",", `\,`, " ", `\ `)
	escapeKey   = strings.NewReplacer(",", `\,`, " ", `\ `, "=", `\=`)
	escapeValue = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
)

// text spells a point, its tags and fields in any order.
func (g *generator) text(p *testmodel.Point, unit lineproto.Precision, withTime bool) string {
	var b strings.Builder
	b.WriteString(escapeName.Replace(p.Measurement))
	for _, k := range g.shuffled(slices.Sorted(maps.Keys(p.Tags))) {
		b.WriteString("," + escapeKey.Replace(k) + "=" + escapeKey.Replace(p.Tags[k]))
	}
	for i, k := range g.shuffled(slices.Sorted(maps.Keys(p.Fields))) {
		b.WriteByte(" ,"[min(i, 1)])
		b.WriteString(escapeKey.Replace(k) + "=" + g.valueText(p.Fields[k]))
	}
	if withTime {
		b.WriteString(" " + strconv.FormatInt(p.Time/int64(unit), 10))
	}
	return b.String()
}

func (g *generator) shuffled(list []string) []string {
	if oneIn(g.rng, 5) {
		g.rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	return list
}

func (g *generator) valueText(v any) string {
	switch v := v.(type) {
	case float64:
		return strconv.FormatFloat(v, pick[byte](g.rng, 'f', 'g'), -1, 64)
	case int64:
		return strconv.FormatInt(v, 10) + "i"
	case uint64:
		return strconv.FormatUint(v, 10) + "u"
	case bool:
		return pick(g.rng, map[bool][]string{true: {"t", "T", "true", "True", "TRUE"}, false: {"f", "F", "false", "False", "FALSE"}}[v]...)
	}
	return `"` + escapeValue.Replace(v.(string)) + `"`
}

func bodyOf(lines []line) string {
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.text
	}
	return strings.Join(texts, "\n")
}

// database and policy draw where a request goes; sometimes that is nowhere.
func (g *generator) database() string {
	if oneIn(g.rng, 60) {
		return "nowhere"
	}
	return pick(g.rng, "alpha", "alpha", "alpha", "beta", "odd name")
}

func (g *generator) policy() string {
	if oneIn(g.rng, 60) {
		return "nope"
	}
	return pick(g.rng, testPolicies...)
}

func quoteName(s string) string { return strconv.Quote(s) }

func quoteText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// measurement draws what stands behind FROM.
func (g *generator) measurement() string {
	switch g.rng.IntN(12) {
	case 0:
		return "/c|m/"
	case 1:
		return quoteName(pick(g.rng, testMeasurements...)) + ", " + quoteName(pick(g.rng, testMeasurements...))
	case 2, 3:
		return quoteName(pick(g.rng, testPolicies[1:]...)) + "." + quoteName(pick(g.rng, testMeasurements...))
	case 4:
		return "nothing"
	}
	return quoteName(pick(g.rng, testMeasurements...))
}

// times draws a condition on time with both ends.
func (g *generator) times() string {
	from := g.now.Add(-time.Duration(g.rng.Int64N(int64(22 * 24 * time.Hour))))
	if oneIn(g.rng, 2) {
		from = g.now.Add(-time.Duration(g.rng.Int64N(int64(26 * time.Hour))))
	}
	from = from.Truncate(10 * time.Second)
	to := from.Add(pick(g.rng, time.Minute, time.Hour, 12*time.Hour, 8*24*time.Hour))
	return fmt.Sprintf("time %s %s AND time %s %d", pick(g.rng, ">", ">="), quoteText(from.Format(time.RFC3339Nano)),
		pick(g.rng, "<", "<="), to.UnixNano())
}

func (g *generator) tagCondition() string {
	switch g.rng.IntN(8) {
	case 0:
		return "host =~ /^[abx]/"
	case 1:
		return "host !~ /a|f,f/"
	case 2:
		return "host != 'b'"
	case 3:
		return "(host = 'a' OR region = 'west')"
	case 4:
		return "region = ''"
	case 5:
		return "host = 'nobody'"
	case 6:
		return "region = 'east' AND host != ''"
	}
	return "host = " + quoteText(pick(g.rng, testHosts...))
}

func (g *generator) fieldCondition() string {
	return pick(g.rng, "f > 0", "i < 500", "b = true", "s = 'on'", "s =~ /l/", "(f > 100 OR i > 0)", "u >= 500", "x > 50", "f > g", "nothere = 1")
}

// where draws a condition, with or without time.
func (g *generator) where(withTime, withFields bool) string {
	var parts []string
	if withTime {
		parts = append(parts, g.times())
	}
	if oneIn(g.rng, 2) {
		parts = append(parts, g.tagCondition())
	}
	if withFields && oneIn(g.rng, 3) {
		parts = append(parts, g.fieldCondition())
	}
	if len(parts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(parts, " AND ")
}

func (g *generator) tail() string {
	s := ""
	if oneIn(g.rng, 3) {
		s += " ORDER BY time DESC"
	}
	if oneIn(g.rng, 3) {
		s += fmt.Sprintf(" LIMIT %d", 1+g.rng.IntN(20))
		if oneIn(g.rng, 3) {
			s += fmt.Sprintf(" OFFSET %d", g.rng.IntN(10))
		}
	}
	if oneIn(g.rng, 8) {
		s += fmt.Sprintf(" SLIMIT %d SOFFSET %d", 1+g.rng.IntN(4), g.rng.IntN(3))
	}
	return s
}

// selection draws a SELECT.
func (g *generator) selection() string {
	switch g.rng.IntN(6) {
	case 0, 1:
		return g.rawSelection()
	case 2:
		return "SELECT " + pick(g.rng, "max(v)", "mean(v)", "sum(v)", "count(v)", "first(v)", "last(v)") +
			" FROM (SELECT " + pick(g.rng, "sum(f)", "max(i)", "count(s)", "last(f)") + " AS v FROM " + g.measurement() +
			g.where(true, true) + " GROUP BY time(" + pick(g.rng, "1m", "10m", "1h") + "), host fill(none))" + pick(g.rng, "", " GROUP BY host")
	}
	return g.aggregateSelection()
}

func (g *generator) rawSelection() string {
	fields := pick(g.rng, "*", "*", "f", "f, i", "s, b", "x", "f, host", "*::field", "u + 1, f * 2", "f - g", "host, region, s", "/^[fi]$/", "i::float", "x::integer")
	group := pick(g.rng, "", "", " GROUP BY *", " GROUP BY host", " GROUP BY region, host", " GROUP BY nothere")
	return "SELECT " + fields + " FROM " + g.measurement() + g.where(oneIn(g.rng, 2), true) + group + g.tail()
}

func (g *generator) aggregateSelection() string {
	f := pick(g.rng, "f", "f", "i", "u", "x", "g")
	call := func() string {
		switch g.rng.IntN(14) {
		case 0:
			return "count(" + pick(g.rng, testFields...) + ")"
		case 1:
			return "first(" + pick(g.rng, testFields...) + ")"
		case 2:
			return "last(" + pick(g.rng, testFields...) + ")"
		case 3:
			return "mean(" + f + ")"
		case 4:
			return "min(" + f + ")"
		case 5:
			return "max(" + f + ")"
		case 6:
			return "spread(" + f + ")"
		case 7:
			return "median(" + f + ")"
		case 8:
			return "percentile(" + f + ", 90)"
		case 9:
			return "mode(" + pick(g.rng, "s", "b", f) + ")"
		case 10:
			return "count(distinct(" + pick(g.rng, "s", f) + "))"
		case 11:
			return "last(*)"
		case 12:
			return "sum(" + f + ") + count(" + f + ")"
		}
		return "sum(" + f + ")"
	}
	if oneIn(g.rng, 6) {
		text := "SELECT " + pick(g.rng, "top(f, 3)", "bottom(i, host, 2)", "distinct(s)", "elapsed(f, 1s)", "derivative(f, 1m)", "difference(i)",
			"cumulative_sum(f)", "moving_average(f, 3)", "max(f), host, s", "sample(f, 1000000)") + " FROM " + g.measurement() + g.where(true, true)
		return text + pick(g.rng, "", " GROUP BY host") + pick(g.rng, "", " LIMIT 5")
	}
	calls := call()
	for oneIn(g.rng, 2) {
		calls += ", " + call()
	}
	text := "SELECT " + calls + " FROM " + g.measurement()
	if oneIn(g.rng, 2) {
		return text + g.where(oneIn(g.rng, 2), true) + pick(g.rng, "", " GROUP BY host", " GROUP BY *")
	}
	text += g.where(true, true) + " GROUP BY time(" + pick(g.rng, "10m", "1h", "7m", "1d", "1h, 5m") + ")" + pick(g.rng, "", ", host", ", *")
	return text + pick(g.rng, "", " fill(none)", " fill(0)", " fill(previous)", " fill(linear)") + g.tail()
}

// show draws a statement about what there is.
func (g *generator) show() string {
	from := pick(g.rng, "", " FROM "+quoteName(pick(g.rng, testMeasurements...)))
	where := ""
	if oneIn(g.rng, 2) {
		where = " WHERE " + g.tagCondition()
	} else if oneIn(g.rng, 3) {
		where = " WHERE " + g.times()
	}
	page := pick(g.rng, "", "", " LIMIT 3", " LIMIT 2 OFFSET 1")
	return pick(g.rng,
		"SHOW DATABASES",
		"SHOW RETENTION POLICIES ON "+quoteName(pick(g.rng, testDatabases...)),
		"SHOW SHARDS", "SHOW SHARD GROUPS",
		"SHOW MEASUREMENTS"+pick(g.rng, "", " WITH MEASUREMENT =~ /c|e/")+where+page,
		"SHOW SERIES"+from+where+page,
		"SHOW TAG KEYS"+from+where+page,
		"SHOW TAG VALUES"+from+" WITH KEY "+pick(g.rng, "= host", "IN (host, region)", "=~ /o/", "!= host")+where+page,
		"SHOW FIELD KEYS"+from+page,
		"SHOW SERIES EXACT CARDINALITY"+from,
		"SHOW SERIES CARDINALITY",
		"SHOW MEASUREMENT EXACT CARDINALITY",
		"SHOW TAG VALUES EXACT CARDINALITY"+from+" WITH KEY = host",
		"SHOW FIELD KEY EXACT CARDINALITY"+from,
	)
}

// removal draws a DELETE or DROP of rows and series.
func (g *generator) removal() string {
	m := pick(g.rng, quoteName(pick(g.rng, testMeasurements...)), quoteName(pick(g.rng, testMeasurements...)), "/[cm]/")
	switch g.rng.IntN(8) {
	case 0:
		return "DELETE FROM " + m
	case 1, 2:
		return "DELETE FROM " + m + " WHERE " + g.times()
	case 3:
		return "DELETE FROM " + m + " WHERE " + g.times() + " AND " + g.tagCondition()
	case 4:
		return "DELETE WHERE " + g.times()
	case 5:
		return "DROP SERIES FROM " + m + " WHERE " + g.tagCondition()
	case 6:
		return "DROP SERIES " + pick(g.rng, "FROM "+m, "WHERE "+g.tagCondition())
	}
	return "DROP MEASUREMENT " + quoteName(pick(g.rng, testMeasurements...))
}

// definition draws a change of databases and policies.
func (g *generator) definition() string {
	db := quoteName(pick(g.rng, testDatabases...))
	switch g.rng.IntN(12) {
	case 0:
		return "DROP DATABASE " + db
	case 1:
		return "DROP RETENTION POLICY day ON " + db
	case 2:
		return "DROP RETENTION POLICY days ON " + db
	case 3:
		return fmt.Sprintf("ALTER RETENTION POLICY days ON %s DURATION %s%s", db, pick(g.rng, "3d", "10d", "INF"), pick(g.rng, "", " DEFAULT", " SHARD DURATION 2d"))
	case 4:
		return "ALTER RETENTION POLICY autogen ON " + db + " DEFAULT"
	case 5, 6, 7, 8:
		return "CREATE DATABASE " + db
	case 9:
		return "CREATE RETENTION POLICY day ON " + db + " DURATION 1d REPLICATION 1"
	case 10:
		return "CREATE RETENTION POLICY days ON " + db + " DURATION 3d REPLICATION 1 SHARD DURATION 1d"
	}
	return "CREATE DATABASE " + db + " WITH DURATION 2d NAME day"
}
