package hostile

import (
	"net/url"
	"strings"
	"testing"
)

func escaped(text string) string { return url.QueryEscape(text) }

// longStatements sends statements that are made to cost their parser.
func longStatements(t *testing.T, g *target) {
	const megabyte = 1 << 20
	nested := func(open, inner, shut string, depth int) string {
		return strings.Repeat(open, depth) + inner + strings.Repeat(shut, depth)
	}
	for name, statement := range map[string]string{
		"1 MB of letters":          "SELECT " + strings.Repeat("v", megabyte) + " FROM work",
		"30,000 fields":            "SELECT v" + strings.Repeat(",v", 30_000) + " FROM work LIMIT 1",
		"1 MB of conditions":       "SELECT v FROM work WHERE v = 1" + strings.Repeat(" OR v=1", megabyte/7) + " LIMIT 1",
		"1 MB of sums":             "SELECT v" + strings.Repeat("+v", megabyte/2) + " FROM work LIMIT 1",
		"1 MB of minus":            "SELECT " + strings.Repeat("-", megabyte) + "v FROM work",
		"1 MB of text":             "SELECT v FROM work WHERE k = '" + strings.Repeat("x", megabyte) + "'",
		"text without end":         "SELECT v FROM work WHERE k = '" + strings.Repeat("x", megabyte),
		"1 MB of comment":          "SELECT v FROM work /*" + strings.Repeat("/*", megabyte/2),
		"1 MB of statements":       strings.Repeat("SHOW SERVERS;", megabyte/13),
		"1 MB of semicolons":       strings.Repeat(";", megabyte),
		"1 MB of sources":          "SELECT v FROM work" + strings.Repeat(",w", megabyte/2) + " LIMIT 1",
		"1 MB of dimensions":       "SELECT max(v) FROM work GROUP BY k" + strings.Repeat(",k", megabyte/2) + " LIMIT 1",
		"10,000 parentheses":       "SELECT v FROM work WHERE " + nested("(", "v = 1", ")", 10_000) + " LIMIT 1",
		"9,990 parentheses":        "SELECT v FROM work WHERE " + nested("(", "v = 1", ")", 9_990) + " LIMIT 1",
		"1,000,000 parentheses":    "SELECT v FROM work WHERE " + nested("(", "", "", megabyte),
		"10,000 parentheses, sums": "SELECT " + nested("(", "v", "+1)", 9_990) + " FROM work LIMIT 1",
		"10,000 calls":             "SELECT " + nested("abs(", "v", ")", 10_000) + " FROM work LIMIT 1",
		"100,000 calls":            "SELECT " + nested("f(", "", "", 100_000),
		"250 subqueries":           nested("SELECT max(v) FROM (", "SELECT v FROM work", ")", 250),
		"10,000 subqueries":        nested("SELECT v FROM (", "SELECT v FROM work", ")", 10_000),
	} {
		g.ask(t, name, statement)
	}
}

// costlyExpressions sends regular expressions that grow or backtrack in other engines.
func costlyExpressions(t *testing.T, g *target) {
	for _, expression := range []string{
		"(a{1000}){1000}", "((((a{99}){99}){99}){99}){99}", "(a+)+$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(h|h?)+$", "(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)x",
		"(x+x+)+y", strings.Repeat("(h?)", 1000) + strings.Repeat("h", 1000), strings.Repeat("(", 1001) + strings.Repeat(")", 1001),
		strings.Repeat("h|", 100_000), strings.Repeat("(", 100_000), "[" + strings.Repeat("a-z", 100_000) + "]", `\pL{1000}`, "(?i)" + strings.Repeat("ſ", 50_000),
		"((h{0,30}){0,30})", ".{1,1000}.{1,1000}",
	} {
		for _, statement := range []string{
			"SELECT v FROM sensor WHERE host =~ /" + expression + "/ LIMIT 1",
			"SELECT v FROM sensor WHERE host !~ /" + expression + "/ AND room =~ /" + expression + "/ LIMIT 1",
			"SELECT max(v) FROM /" + expression + "/ LIMIT 1",
			"SHOW TAG VALUES WITH KEY =~ /" + expression + "/ LIMIT 1",
		} {
			g.ask(t, expression[:min(len(expression), 60)], statement)
		}
	}
}

// costlyQueries asks for much in little time.
func costlyQueries(t *testing.T, g *target) {
	for _, statement := range []string{
		"SELECT count(v), mean(v), stddev(v), percentile(v, 90), spread(v) FROM sensor GROUP BY host",
		"SELECT mean(v) FROM sensor WHERE host =~ /.*1.*2.*|.*3.*/ AND v > 10 GROUP BY host, room",
		"SELECT top(v, host, 100) FROM sensor",
		"SELECT distinct(v) FROM sensor",
		"SELECT max(m) FROM (SELECT mean(v) AS m FROM (SELECT v * 2 AS v FROM sensor GROUP BY *) GROUP BY host) GROUP BY host",
		"SHOW TAG VALUES WITH KEY =~ /.*/", "SHOW SERIES", "SHOW SERIES EXACT CARDINALITY",
	} {
		g.ask(t, statement, statement)
	}
}

// extremeNumbers asks with numbers at the ends of what 64 bits hold, and beyond.
func extremeNumbers(t *testing.T, g *target) {
	numbers := []string{"0", "-1", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "18446744073709551616", strings.Repeat("9", 1000)}
	for _, n := range numbers {
		for _, statement := range []string{
			"SELECT v FROM work LIMIT " + n, "SELECT v FROM work LIMIT 1 OFFSET " + n, "SELECT v FROM work LIMIT " + n + " OFFSET " + n,
			"SELECT v FROM sensor GROUP BY host LIMIT 1 SLIMIT " + n + " SOFFSET " + n,
			"SELECT max(v) FROM sensor GROUP BY host LIMIT " + n + " OFFSET " + n + " SLIMIT 1 SOFFSET " + n,
			"SELECT v FROM work WHERE time > " + n + " LIMIT 1", "SELECT v FROM work WHERE time < " + n + " AND time > -" + n + " LIMIT 1",
			"SELECT top(v, " + n + ") FROM sensor", "SELECT percentile(v, " + n + ") FROM sensor", "SELECT sample(v, " + n + ") FROM sensor",
			"SELECT moving_average(v, " + n + ") FROM sensor LIMIT 1", "SELECT max(v) FROM work WHERE time > now() - " + n + "w GROUP BY time(" + n + "ns) LIMIT 1",
			"SELECT v + " + n + " FROM work LIMIT 1", "SELECT v % " + n + " FROM work LIMIT 1", "SELECT holt_winters(max(v), " + n + ", " + n + ") FROM work GROUP BY time(1m)",
			"SHOW SERIES LIMIT " + n + " OFFSET " + n, "SHOW TAG VALUES WITH KEY = host LIMIT " + n + " OFFSET " + n, "KILL QUERY " + n, "DROP SHARD " + n,
			"CREATE RETENTION POLICY p ON calm DURATION " + n + "w REPLICATION " + n,
		} {
			g.ask(t, statement, statement)
		}
	}
	for _, size := range numbers {
		g.ask(t, "chunk size "+size, "SELECT v FROM sensor LIMIT 10", "chunked", "true", "chunk_size", size)
	}
}
