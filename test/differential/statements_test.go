package differential

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// measurement is what statements know of the points.
type measurement struct {
	name   string // as statements write it
	tags   []string
	fields []string // as statements write them
	from   int64
	to     int64
	step   int64 // between points, about
}

var measurements = []measurement{
	{"cpu", []string{"host", "region"}, []string{"usage", "idle", "n", "on", "state"}, epoch, epoch + days*day, hour},
	{"mem", []string{"host", `"data center"`, "zone"}, []string{"used", "free", "label", "n", "usage"}, epoch, epoch + days*day, hour},
	{"single", []string{"host"}, []string{"v", "w"}, epoch, epoch + 2*day, hour},
	{"mixed", []string{"host"}, []string{"x", "y", "z"}, epoch, epoch + days*day, 3 * hour},
	{"old", []string{"host", "region"}, []string{"v", "n", "s", "b"}, -2 * day, day, 2 * hour},
	{"ties", []string{"host", "rack"}, []string{"v", "n", "b", "s"}, epoch + 20*hour, epoch + 28*hour, 30 * minute},
	{"clock", []string{"host"}, []string{"v", "n", "s"}, spring, autumn + 4*day, 6 * hour},
	{"edge", []string{"host"}, []string{"f", "i", "s"}, epoch, epoch + day, hour},
	{`"my \"disk\""`, []string{"host", `"pa,th"`}, []string{`"free bytes"`, `"time,out"`}, epoch, epoch + 2*day, 2 * hour},
}

// separator stands between the statements of a text.
const separator = "; "

// generator makes statements.
type generator struct {
	*rand.Rand
	m     *measurement // of the innermost source at hand
	depth int          // of subqueries
}

// statementAt returns statement i of a seed.
func statementAt(seed uint64, i int) string {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, uint64(i)))}
	switch n := g.IntN(100); {
	case n < 50:
		return g.selectStatement()
	case n < 72:
		return g.wideStatement(i)
	case n < 84:
		return g.showStatement()
	case n < 90:
		return g.invalidStatement()
	case n < 97:
		return g.broken()
	default:
		return g.selectStatement() + separator + g.selectStatement()
	}
}

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g *generator, list ...T) T { return list[g.IntN(len(list))] }

func (g *generator) field() string {
	switch n := g.IntN(100); {
	case n < 92:
		return pick(g, g.m.fields...)
	case n < 95:
		return pick(g, "missing", `"no such field"`)
	case n < 97:
		return pick(g, g.m.tags...)
	default:
		return pick(g, "usage", "v", "n")
	}
}

// castField is a field, sometimes with a type.
func (g *generator) castField() string {
	if g.chance(8) {
		return g.field() + "::" + pick(g, "float", "integer", "string", "boolean", "field", "tag")
	}
	return g.field()
}

// selectStatement returns a SELECT; the measurement is chosen unless a subquery has been.
func (g *generator) selectStatement() string {
	source := g.source()
	fields, shape := g.fields()
	s := "SELECT " + fields + " FROM " + source
	s += g.where(shape.interval)
	s += g.groupBy(shape)
	if g.chance(35) {
		s += " ORDER BY time " + pick(g, "DESC", "DESC", "ASC")
	}
	s += g.limits()
	if g.chance(5) {
		s += pick(g, " tz('Europe/Berlin')", " tz('America/New_York')", " tz('Asia/Kolkata')", " tz('UTC')")
	}
	return s
}

// shape says what GROUP BY suits the fields of a statement.
type shape struct {
	interval bool
}

func (g *generator) source() string {
	if g.depth < 3 && g.chance(18) {
		g.depth++
		s := "(" + g.subquery() + ")"
		g.depth--
		if g.chance(10) {
			s += ", (" + g.subquery() + ")"
		}
		return s
	}
	g.m = &measurements[g.IntN(len(measurements))]
	switch n := g.IntN(100); {
	case n < 75:
		return g.m.name
	case n < 82:
		g.m = &measurements[0]
		return pick(g, "cpu, mem", "mem, cpu", "/cpu|mem/", "/^m/", "cpu, ties", "ties, old, cpu")
	case n < 88:
		g.m = &measurements[0]
		return pick(g, `"d".."cpu"`, `"d"."other"."cpu"`, `other.cpu`, `autogen.cpu`, `d.autogen.cpu`, "other.cpu, autogen.cpu", "other./.*/")
	case n < 90:
		return pick(g, "nothing", "/nothing/", "cpu, nothing")
	default:
		return g.m.name
	}
}

// subquery returns a statement whose columns have names that the statement around may use.
func (g *generator) subquery() string {
	source := g.source()
	m := *g.m
	var fields []string
	var names []string
	sh := shape{}
	switch g.IntN(3) {
	case 0: // raw
		for range 1 + g.IntN(3) {
			f := pick(g, m.fields...)
			fields, names = append(fields, f), append(names, f)
		}
	case 1: // aggregates
		sh.interval = g.chance(60)
		for i := range 1 + g.IntN(2) {
			name := fmt.Sprint("c", i)
			fields, names = append(fields, g.call(pick(g, m.fields...))+" AS "+name), append(names, name)
		}
	case 2: // arithmetic and renamed
		f := pick(g, m.fields...)
		fields = append(fields, f+" "+pick(g, "+", "-", "*", "/")+" "+pick(g, "2", "1.5", pick(g, m.fields...))+" AS c0", pick(g, m.fields...)+" AS c1")
		names = append(names, "c0", "c1")
		if g.chance(30) {
			fields, names = append(fields, pick(g, m.tags...)), append(names, m.tags[0])
		}
	}
	s := "SELECT " + strings.Join(fields, ", ") + " FROM " + source + g.where(sh.interval)
	s += g.groupBy(sh)
	if g.chance(8) {
		s += " ORDER BY time DESC"
	}
	if g.chance(10) {
		s += g.limits()
	}
	m.fields = names
	g.m = &m
	return s
}

// fields returns the fields of a statement.
func (g *generator) fields() (string, shape) {
	switch n := g.IntN(100); {
	case n < 25:
		return g.rawFields(), shape{}
	case n < 75:
		var list []string
		for range 1 + g.IntN(2)*g.IntN(3) {
			list = append(list, g.alias(g.callField()))
		}
		return strings.Join(list, ", "), shape{interval: g.chance(65)}
	case n < 90:
		return g.transformFields()
	default:
		f := pick(g, "top", "bottom") + "(" + g.field()
		if g.chance(40) {
			f += ", " + pick(g, g.m.tags...)
		}
		f += ", " + fmt.Sprint(1+g.IntN(4)) + ")"
		if g.chance(30) {
			f += ", " + g.field()
		}
		return f, shape{interval: g.chance(40)}
	}
}

func (g *generator) alias(f string) string {
	if g.chance(12) {
		return f + " AS " + pick(g, "a", `"b c"`, "mean", "host")
	}
	return f
}

func (g *generator) rawFields() string {
	if g.chance(15) {
		return pick(g, "*", "*::field", "*, usage", "/u/", "*::tag, n", "/^(n|v|x)$/, host", "*, *")
	}
	var list []string
	for range 1 + g.IntN(3) {
		f := g.castField()
		if g.chance(20) {
			f = g.arithmetic(f)
		}
		list = append(list, g.alias(f))
	}
	return strings.Join(list, ", ")
}

// arithmetic returns an expression around an operand.
func (g *generator) arithmetic(f string) string {
	other := pick(g, "1", "2", "0", "2.5", "-3", "1e3", f, g.field())
	op := pick(g, "+", "-", "*", "/", "%", "&", "|", "^")
	switch g.IntN(4) {
	case 0:
		return other + " " + op + " " + f
	case 1:
		return "(" + f + " " + op + " " + other + ") * " + pick(g, "2", "0.1")
	case 2:
		return "-" + f
	}
	return f + " " + op + " " + other
}

// callField is an aggregate or selector, sometimes with others, sometimes with arithmetic.
func (g *generator) callField() string {
	f := g.castField()
	if g.chance(7) {
		f = pick(g, "*", "/n|v|u/", "*::field")
	}
	c := g.call(f)
	switch {
	case g.chance(10) && !strings.Contains(f, "*") && !strings.Contains(f, "/"):
		return c + " " + pick(g, "+", "-", "*", "/", "%") + " " + pick(g, "2", "0.5", "0", g.call(f))
	case g.chance(4):
		return g.field()
	}
	return c
}

func (g *generator) call(f string) string {
	switch name := pick(g, "count", "sum", "mean", "min", "max", "first", "last", "spread", "median", "mode", "stddev",
		"percentile", "distinct", "count distinct", "count", "mean", "sum", "integral"); name {
	case "percentile":
		return fmt.Sprintf("percentile(%s, %s)", f, pick(g, "50", "90", "0", "100", "33.3", "1"))
	case "count distinct":
		return "count(distinct(" + f + "))"
	case "integral":
		return "integral(" + f + pick(g, "", ", 1m", ", 2h") + ")"
	default:
		return name + "(" + f + ")"
	}
}

func (g *generator) transformFields() (string, shape) {
	interval := g.chance(70)
	arg := g.field()
	if interval {
		arg = g.call(arg)
	}
	name := pick(g, "derivative", "non_negative_derivative", "difference", "non_negative_difference", "elapsed",
		"moving_average", "cumulative_sum", "holt_winters", "holt_winters_with_fit")
	f := ""
	switch name {
	case "derivative", "non_negative_derivative":
		f = name + "(" + arg + pick(g, "", ", 1h", ", 10s") + ")"
	case "elapsed":
		f = name + "(" + arg + pick(g, "", ", 1m", ", 1h") + ")"
	case "moving_average":
		f = name + "(" + arg + ", " + pick(g, "2", "3", "5") + ")"
	case "holt_winters", "holt_winters_with_fit":
		if g.chance(70) { // seldom: its digits hang on the machine
			name = "difference"
			f = name + "(" + arg + ")"
			break
		}
		f = name + "(" + arg + ", " + pick(g, "2", "5") + ", " + pick(g, "0", "2", "4") + ")"
	default:
		f = name + "(" + arg + ")"
	}
	if g.chance(12) {
		f += " " + pick(g, "*", "+") + " 2"
	}
	if g.chance(15) {
		f += ", " + g.callField()
	}
	return f, shape{interval: interval}
}

// where returns a condition. With an interval the time is bounded, so that groups are few and end at the same time
// whenever the statement is run.
func (g *generator) where(interval bool) string {
	var parts []string
	if interval || g.chance(40) {
		parts = append(parts, g.times(interval))
	}
	for range g.IntN(3) * g.IntN(2) {
		parts = append(parts, g.condition(2))
	}
	if len(parts) == 0 {
		return ""
	}
	g.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return " WHERE " + strings.Join(parts, " AND ")
}

func (g *generator) times(bounded bool) string {
	span := g.m.to - g.m.from
	a := g.m.from + g.Int64N(span) - g.m.step
	b := a + hour + g.Int64N(span/2)
	if g.chance(30) {
		a, b = a/hour*hour, b/hour*hour
	}
	if g.chance(10) {
		a, b = g.m.from, g.m.to
	}
	lower := "time " + pick(g, ">=", ">=", ">") + " " + g.timeText(a)
	upper := "time " + pick(g, "<", "<", "<=") + " " + g.timeText(b)
	if !bounded {
		switch g.IntN(6) {
		case 0:
			return lower
		case 1:
			return upper
		case 2:
			return "time = " + g.timeText(a/hour*hour)
		case 3:
			return pick(g, "time < now()", "time > now() - 1h", "time >= 0", "time <= "+g.timeText(a)+" + 90m")
		}
	} else if g.chance(5) {
		return upper
	}
	return lower + " AND " + upper
}

// timeText writes a time in one of the ways of the language.
func (g *generator) timeText(t int64) string {
	switch g.IntN(4) {
	case 0:
		return fmt.Sprintf("%ds", t/second)
	case 1:
		return "'" + formatTime(t) + "'"
	case 2:
		return fmt.Sprintf("%dms", t/1e6)
	}
	return fmt.Sprint(t)
}

// condition returns a comparison or several.
func (g *generator) condition(depth int) string {
	if depth > 0 && g.chance(25) {
		return "(" + g.condition(depth-1) + " " + pick(g, "OR", "OR", "AND") + " " + g.condition(depth-1) + ")"
	}
	if g.chance(50) {
		tag := pick(g, g.m.tags...)
		switch g.IntN(6) {
		case 0, 1:
			return tag + " " + pick(g, "=", "=", "!=", "<>") + " " + pick(g, "'h0'", "'h1'", "'us-east'", "'eu'", "'a'", "''", "'z1'", "'r1'")
		case 2, 3:
			return tag + " " + pick(g, "=~", "=~", "!~") + " " + pick(g, "/h[01]/", "/us/", "/^$/", "/.*/", "/.+/", "/^h0$/", "/^(eu|a|h1)$/", "/0/")
		case 4:
			return pick(g, g.m.tags...) + " = " + tag
		}
		return pick(g, "missing = ''", "missing = 'a'", "missing != 'a'", "host > 'h1'", "missing =~ /a/", "missing !~ /a/", "host = 1", "_name = 'cpu'")
	}
	f := g.castField()
	switch g.IntN(8) {
	case 0:
		return f + " " + pick(g, "=", "!=") + " " + pick(g, "'ok'", "'warn'", "''", "true", "false")
	case 1:
		return f + " " + pick(g, "=~", "!~") + " " + pick(g, "/o/", "/^$/", "/warn|error/")
	case 2:
		return f + " " + pick(g, "=", "!=", ">", "<") + " " + g.field()
	case 3:
		return f + " " + pick(g, "+", "-", "*", "/", "%") + " " + pick(g, "2", "0.5", g.field()) + " " + pick(g, ">", "<=") + " " + pick(g, "5", "20.5")
	case 4:
		return pick(g, "5", "10.5", "'ok'", "true", "-2") + " " + pick(g, "<", ">=", "=", "!=") + " " + f
	}
	return f + " " + pick(g, "=", "!=", "<", "<=", ">", ">=") + " " + pick(g, "0", "3", "5", "10.5", "-4", "20", "3.0")
}

func (g *generator) groupBy(sh shape) string {
	var dims []string
	if sh.interval {
		span := g.m.to - g.m.from
		width := pick(g, "1h", "2h", "3h", "6h", "12h", "1d", "7h", "90m", "1w")
		if span < 12*hour {
			width = pick(g, "30m", "1h", "10m", "2h")
		}
		t := "time(" + width
		if g.chance(15) {
			t += ", " + pick(g, "15m", "-15m", "7m", "1d", "'2000-01-01T00:20:00Z'")
		}
		dims = append(dims, t+")")
	}
	switch n := g.IntN(100); {
	case n < 55:
	case n < 80:
		dims = append(dims, pick(g, g.m.tags...))
	case n < 86:
		dims = append(dims, g.m.tags...)
	case n < 92:
		dims = append(dims, "*")
	case n < 96:
		dims = append(dims, pick(g, "/h/", "/./", "/zzz/"))
	default:
		dims = append(dims, pick(g, "missing", "host, missing", g.field()))
	}
	if len(dims) == 0 {
		return ""
	}
	g.Shuffle(len(dims), func(i, j int) { dims[i], dims[j] = dims[j], dims[i] })
	s := " GROUP BY " + strings.Join(dims, ", ")
	if g.chance(60) || sh.interval && g.chance(60) {
		s += " fill(" + pick(g, "none", "none", "null", "0", "100", "-1.5", "previous", "linear") + ")"
	}
	return s
}

// limits returns limits of rows and series. Offsets stand behind limits: without, 1.x ends too early in each shard.
func (g *generator) limits() string {
	s := ""
	if g.chance(20) {
		s += fmt.Sprint(" LIMIT ", pick(g, 1, 2, 5, 10, 30))
		if g.chance(40) {
			s += fmt.Sprint(" OFFSET ", pick(g, 1, 2, 7, 100))
		}
	}
	if g.chance(10) {
		s += fmt.Sprint(" SLIMIT ", pick(g, 1, 2, 3))
		if g.chance(50) {
			s += fmt.Sprint(" SOFFSET ", pick(g, 1, 2, 9))
		}
	}
	return s
}

// broken returns a statement that is likely an error.
func (g *generator) broken() string {
	s := g.selectStatement()
	if g.chance(30) {
		s = g.showStatement()
	}
	words := strings.Fields(s)
	for range 1 + g.IntN(2) {
		i := g.IntN(len(words))
		switch g.IntN(4) {
		case 0:
			words = append(words[:i:i], words[i+1:]...)
		case 1:
			words[i] = pick(g, "(", ")", ",", "mean()", "mean(usage, 2)", "percentile(usage)", "time(1h)", "'", "1", "GROUP", "*", "top(usage)", "foo(usage)",
				"moving_average(usage, 1)", "derivative(mean(usage))", "sum(time)", "fill(none)", "time(0s)", "SLIMIT", "LIMIT -1", "distinct(usage), n", "=~", "/(/")
		case 2:
			words = append(words[:i:i], append([]string{words[g.IntN(len(words))]}, words[i:]...)...)
		case 3:
			j := g.IntN(len(words))
			words = append([]string(nil), words...)
			words[i], words[j] = words[j], words[i]
		}
		if len(words) == 0 {
			return "SELECT"
		}
	}
	return strings.Join(words, " ")
}
