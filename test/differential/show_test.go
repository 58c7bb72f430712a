package differential

import "fmt"

// showStatement returns a SHOW statement about the shape of the data.
func (g *generator) showStatement() string {
	g.m = &measurements[g.IntN(len(measurements))]
	on := pick(g, "", "", "", " ON d")
	switch g.IntN(12) {
	case 0:
		return "SHOW MEASUREMENTS" + on + pick(g, "", "", " WITH MEASUREMENT = cpu", " WITH MEASUREMENT =~ /m/", " WITH MEASUREMENT =~ /x$/") + g.showWhere(false) + g.showLimits()
	case 1, 2:
		return "SHOW TAG KEYS" + on + g.showFrom() + g.withKey(30) + g.showWhere(false) + g.showLimits()
	case 3, 4, 5:
		return "SHOW TAG VALUES" + on + g.showFrom() + g.withKey(100) + g.showWhere(true) + g.showLimits()
	case 6:
		return "SHOW FIELD KEYS" + on + g.showFrom() + g.showLimits()
	case 7, 8:
		return "SHOW SERIES" + on + g.showFrom() + g.showWhere(false) + g.showLimits()
	case 9:
		return "SHOW " + pick(g, "SERIES", "MEASUREMENT") + " EXACT CARDINALITY" + on + g.showFrom() + g.showWhere(false)
	case 10:
		return "SHOW TAG KEY " + pick(g, "", "EXACT ") + "CARDINALITY" + on + g.showFrom() + g.showWhere(false)
	}
	return pick(g, "SHOW DATABASES", "SHOW RETENTION POLICIES ON d", "SHOW RETENTION POLICIES", "SHOW CONTINUOUS QUERIES", "SHOW USERS", "SHOW RETENTION POLICIES ON nothing",
		"SHOW FIELD KEY CARDINALITY", "SHOW FIELD KEY EXACT CARDINALITY FROM cpu", "SHOW TAG VALUES EXACT CARDINALITY WITH KEY = host", "SHOW TAG VALUES EXACT CARDINALITY FROM cpu WITH KEY = host WHERE region = 'eu'",
		"SHOW SERIES CARDINALITY ON nothing", "SHOW TAG KEYS ON nothing", "SHOW MEASUREMENTS ON nothing")
}

func (g *generator) showFrom() string {
	switch n := g.IntN(10); {
	case n < 4:
		return ""
	case n < 8:
		return " FROM " + g.m.name
	}
	return " FROM " + pick(g, "cpu, mem", "/m/", "/^(cpu|old)$/", "nothing", "cpu, nothing")
}

func (g *generator) withKey(percent int) string {
	if !g.chance(percent) {
		return ""
	}
	return " WITH KEY " + pick(g, "= host", "= region", "!= host", "=~ /h/", "!~ /h/", "IN (host, region)", `= "data center"`, "= nothing", "IN (rack)")
}

func (g *generator) showWhere(values bool) string {
	if !g.chance(50) {
		return ""
	}
	if values && g.chance(20) {
		return pick(g, " WHERE value = 'h0'", " WHERE value =~ /h/", " WHERE value != 'h0' AND host =~ /./")
	}
	return " WHERE " + g.tagCondition(2)
}

func (g *generator) tagCondition(depth int) string {
	if depth > 0 && g.chance(35) {
		s := g.tagCondition(depth-1) + " " + pick(g, "AND", "OR") + " " + g.tagCondition(depth-1)
		if g.chance(50) {
			return "(" + s + ")"
		}
		return s
	}
	tag := pick(g, "host", "host", "region", "rack", `"data center"`, "missing", pick(g, g.m.fields...))
	if g.chance(50) {
		return tag + " " + pick(g, "=", "=", "!=") + " " + pick(g, "'h0'", "'h1'", "'eu'", "'us-east'", "''", "'r0'")
	}
	return tag + " " + pick(g, "=~", "!~") + " " + pick(g, "/h[01]/", "/us/", "/^$/", "/.*/", "/.+/", "/0/", "/^(h0|eu)$/")
}

func (g *generator) showLimits() string {
	s := ""
	if g.chance(25) {
		s += fmt.Sprint(" LIMIT ", pick(g, 1, 2, 5))
	}
	if g.chance(15) {
		s += fmt.Sprint(" OFFSET ", pick(g, 1, 2, 50))
	}
	return s
}
