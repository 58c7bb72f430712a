package differential

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// difference is something that the program answers otherwise than the server of the machine.
type difference struct {
	reason    string
	statement string // pattern of the statement; "": any
	theirs    string // pattern of the other answer; "": any
	ours      string // pattern of the answer of the program; "": any
	also      func(statement, theirs, ours string) bool
}

// differences are all that is explained: first what later versions of 1.x changed, then what this program means to do
// otherwise. docs/influxql.md tells users of the second kind.
var differences = []difference{
	{
		reason:    "1.7: points of one window are in the order of the statement when it is ORDER BY time DESC",
		statement: `(?i)(distinct|top|bottom|sample)\(.*DESC`,
	},
	{
		reason:    "1.8: SHOW TAG VALUES can be restricted by value",
		statement: `SHOW TAG VALUES.* WHERE .*\bvalue `,
	},
	{
		reason:    "1.8: SHOW TAG KEYS has WITH KEY",
		statement: `SHOW TAG KEYS.*WITH`,
		theirs:    `found WITH, expected`,
	},
	{
		reason:    "1.7: a missing value compared with a boolean counts as false",
		statement: `\b(true|false|b|on|b::\w+|on::\w+|x)\b`,
		also: func(s, theirs, ours string) bool {
			return strings.Contains(s, "WHERE") && !failed(theirs) && !failed(ours)
		},
	},
	{
		reason: "1.7: errors print numbers with as many digits as they have",
		theirs: `(type error: .*|found -?)\d\.\d`,
		ours:   `type error: |found -?\d`,
	},
	{
		reason: "1.7: the statement that fails tells why, also when others follow",
		theirs: `\{"statement_id":0,"error":"not executed"\}\]`,
	},
	{
		reason:    "exact cardinality counts a series once, not once a shard",
		statement: `SHOW SERIES EXACT CARDINALITY`,
		ours:      `"columns":\["count"\]`,
	},
	{
		reason:    "integral() of integers knows the value at the edges of windows",
		statement: `integral\(("free bytes"|n|w|used|usage|x|y|c0|c1|/|\*).*time\(`,
	},
	{
		reason:    "integral() ends its groups in their order, in 1.x in any, which also moves what stands beside it",
		statement: `integral\(`,
		also: func(s, theirs, ours string) bool {
			return groupsOrColumns(s, theirs, ours) && failed(theirs) == failed(ours)
		},
	},
	{
		reason:    "stddev() of a single value is a missing value, in 1.6 one that is no number",
		statement: transformation + `stddev|holt_winters(_with_fit)?\(stddev|stddev.* AS [abc]|stddev\([^)]*\) [-+*/%]`,
	},
	{
		reason:    "SHOW … ON a database that does not exist is an error in every form",
		statement: `CARDINALITY ON nothing`,
		ours:      `database not found`,
	},
	{
		reason:    "the order in which the shards of a subquery are added up shows in the last digits",
		statement: `(sum|mean|stddev|integral)\(.*FROM \(`,
		also:      nearlyEqual,
	},
	{
		reason:    "the order in which several measurements are added up shows in the last digits",
		statement: `(sum|mean|stddev|integral)\(.*FROM [^(]*,`,
		also:      nearlyEqual,
	},
	{
		reason:    "1.8: of equal values a newer sort.Sort leaves another one at the rank of percentile()",
		statement: `percentile\(`,
		also:      sameButTimes,
	},
	{
		reason:    "a row of a subquery whose window begins before the range counts; 1.x answers nothing when it is the first",
		statement: `FROM \(.*time\(.*\) WHERE .*time >`,
		theirs:    `"statement_id":\d}`,
	},
	{
		reason:    "groups of time with an offset and without a lower bound begin with the first row, in 1.x in 1677",
		statement: `time\(\w+, `,
		theirs:    `\[(-92233|"16)`,
	},
	{
		reason: "1.7: a call over several measurements without rows of its type does not panic",
		theirs: `\[panic:runtime error`,
	},
	{
		reason: "of several calls that cannot take their types 1.x names any",
		theirs: `"error":"unsupported \w+ iterator type`,
		ours:   `"error":"unsupported \w+ iterator type`,
		also:   severalCalls,
	},
	{
		reason:    "1.x looks up the fields of all policies in one shard",
		statement: `SHOW TAG VALUES .*WITH KEY.*WHERE.*\b(usage|idle|n|on|state|used|free|label|v|w|x|y|z|s|b)\b`,
	},
	{
		reason:    "a name that is a field and a tag in one condition",
		statement: `WHERE.*::tag`,
	},
	{
		reason:    "1.7: rows of several groups of a subquery come in the order of time, simultaneous ones in that of groups",
		statement: `FROM \(.*GROUP BY`,
		also: func(s, theirs, ours string) bool {
			return len(theirs) == len(ours) || sameRows(theirs, ours) || strings.Contains(s, "DESC") && !failed(theirs) && !failed(ours)
		},
	},
	{
		reason:    "1.7: the same, before a transformation, for which the first of simultaneous rows counts",
		statement: transformation + `[^ ]* FROM \(.*GROUP BY`,
		also:      func(_, theirs, ours string) bool { return !failed(theirs) && !failed(ours) },
	},
	{
		reason:    "a transformation over several policies of one measurement takes the rows in the order of time, 1.x source by source",
		statement: `(` + transformation + `|integral\().*FROM .*(other\.cpu, autogen\.cpu|autogen\.cpu, other\.cpu)`,
		also:      func(_, theirs, ours string) bool { return !failed(theirs) && !failed(ours) },
	},
	{
		reason:    "a tag that is cast to the type of a field, as the argument of a call",
		statement: `\((host|region|rack|zone)::(boolean|float|integer)\)`,
	},
	{
		reason:    "one of several subqueries lacks a field that another has: 1.x answers nothing",
		statement: `FROM \(.*\), \(`,
		theirs:    `"statement_id":\d}`,
	},
	{
		reason: "1.7: a series of more than 10,000 rows that is complete is not called partial",
		theirs: `"partial":true`,
	},
	{
		reason:    "the several rows of distinct() in a window, beside other columns",
		statement: transformation + `distinct\(`,
	},
	{
		reason:    "percentile() has nothing for a window with too few values and goes on; 1.x ends there",
		statement: `percentile\(.*time\(`,
		also:      fewerRows,
	},
	{
		reason:    "percentile() has nothing for a window with too few values; 1.x then fills windows twice or in disorder",
		statement: `percentile\(.*(time\(|fill).*(fill|DESC|FROM \()|FROM \(.*percentile\(.*time\(`,
		also:      func(_, theirs, ours string) bool { return !failed(theirs) && !failed(ours) },
	},
	{
		reason:    "a name that one condition reads as several types: 1.x takes one of them everywhere",
		statement: `WHERE`,
		also:      func(s, _, _ string) bool { return severalTypes(s) },
	},
	{
		reason: "1.7: an infinite number is told by the error of encoding it, in JSON",
		theirs: `json: error calling MarshalJSON`,
		ours:   `json: unsupported value`,
	},
	{
		reason:    "1.8: of simultaneous rows a newer sort.Sort leaves others first in sample()",
		statement: `sample\(`,
		also: func(s, theirs, ours string) bool {
			return sameRows(theirs, ours) || strings.Contains(s, "sample(/") && !failed(theirs) && !failed(ours)
		},
	},
	{
		reason: "1.11: CREATE and ALTER RETENTION POLICY take FUTURE LIMIT and PAST LIMIT",
		theirs: `expected DURATION`,
		ours:   `, FUTURE, PAST`,
	},
	{
		reason:    "ORDER BY takes columns, so that something else may be wrong first",
		statement: `ORDER BY`,
		theirs:    `only ORDER BY time supported`,
	},
	{
		reason:    "1.12: DELETE takes a policy",
		statement: `DELETE FROM`,
		theirs:    `retention policy not supported`,
	},
	{
		reason:    "a window of hours before the clocks are set forward ends with the next; 1.x loses the rows between and all behind them",
		statement: `time\(.* tz\('`,
		also:      fewerRows,
	},
	{
		reason:    "a window near a change of the clocks has all of its rows; where it is filled, 1.x goes on from where it lost them",
		statement: `FROM clock .*time\(.*fill\((previous|linear).* tz\('`,
		also:      func(_, theirs, ours string) bool { return !failed(theirs) && !failed(ours) },
	},
	{
		reason:    "1.10: SHOW MEASUREMENTS ON takes *",
		statement: `SHOW MEASUREMENTS ON`,
		ours:      `expected identifier or \*`,
	},
	{
		reason:    "series whose tags have escaped signs are in the order of their escaped keys in 1.x: simultaneous rows and last digits",
		statement: `my \\"disk`,
		also: func(s, theirs, ours string) bool {
			return nearlyEqual(s, theirs, ours) || sameRows(theirs, ours)
		},
	},
	{
		reason:    "SLIMIT counts the groups of a measurement, in 1.x those of each shard",
		statement: `SLIMIT`,
		also: func(s, theirs, ours string) bool {
			return sameColumns(s, theirs, ours) || emptyAnswer.MatchString(theirs)
		},
	},
	{
		reason:    "a transformation by windows needs no lower bound of time",
		statement: transformation,
		theirs:    `"statement_id":\d}`,
		also:      func(s, _, _ string) bool { return !lowerBound.MatchString(outermost(s)) },
	},
	{
		reason:    "LIMIT within a subquery counts the rows of each group, also where groups are interleaved by time",
		statement: `(LIMIT|OFFSET) \d+\)`,
	},
	{
		reason:    "top() and bottom() see all rows, LIMIT counts their results",
		statement: `(top|bottom)\(.* LIMIT`,
		also:      sameColumns,
	},
}

const transformation = `(derivative|difference|elapsed|moving_average|cumulative_sum)\(`

var lowerBound = regexp.MustCompile(`time >`)

var (
	integralAlone = regexp.MustCompile(`^SELECT integral\([^()]*\) FROM [^,]*( WHERE|$)`)
	groupBy       = regexp.MustCompile(`GROUP BY (time\([^)]*\))?(, )?(.*)`)
	number        = regexp.MustCompile(`-?\d+(\.\d+)?(e[-+]?\d+)?`)
)

// groupsOrColumns says that integral() has groups, several measurements, or columns beside it.
func groupsOrColumns(statement, _, _ string) bool {
	if !integralAlone.MatchString(statement) {
		return true
	}
	m := groupBy.FindStringSubmatch(statement)
	return m != nil && m[3] != ""
}

// severalCalls says that a statement has several calls.
func severalCalls(statement, _, _ string) bool { return strings.Count(statement, "(") > 1 }

// nearlyEqual says that two answers differ in the last digits of numbers only.
func nearlyEqual(_, theirs, ours string) bool {
	if number.ReplaceAllString(theirs, "0") != number.ReplaceAllString(ours, "0") {
		return false
	}
	a, b := number.FindAllString(theirs, -1), number.FindAllString(ours, -1)
	for i := range a {
		x, _ := strconv.ParseFloat(a[i], 64)
		y, _ := strconv.ParseFloat(b[i], 64)
		if math.Abs(x-y) > 1e-12*math.Max(math.Abs(x), 1) {
			return false
		}
	}
	return true
}

// failed says that an answer is an error.
func failed(answer string) bool { return strings.Contains(answer, `"error":`) }

// fewerRows says that the other answer has less in it.
func fewerRows(_, theirs, ours string) bool {
	return !failed(theirs) && !failed(ours) && len(theirs) < len(ours)
}

var (
	columnList  = regexp.MustCompile(`"columns":\[[^]]*\]`)
	emptyAnswer = regexp.MustCompile(`^200 \{"results":\[\{"statement_id":\d\}\]\}`)
)

// sameColumns says that the series of two answers have the same columns, however many series there are.
func sameColumns(_, theirs, ours string) bool {
	kinds := func(answer string) []string {
		found := columnList.FindAllString(answer, -1)
		slices.Sort(found)
		return slices.Compact(found)
	}
	a, b := kinds(theirs), kinds(ours)
	return !failed(theirs) && !failed(ours) && (slices.Equal(a, b) || len(a) == 0 || len(b) == 0)
}

var firstColumn = regexp.MustCompile(`\[("[^"]*"|-?\d+),`)

// sameButTimes says that two answers differ in times only.
func sameButTimes(_, theirs, ours string) bool {
	return firstColumn.ReplaceAllString(theirs, "[,") == firstColumn.ReplaceAllString(ours, "[,")
}

// explain returns why two answers differ, "" when they should not.
func explain(statement, theirs, ours string) string {
	for _, d := range differences {
		if matches(d.statement, statement) && matches(d.theirs, theirs) && matches(d.ours, ours) &&
			(d.also == nil || d.also(statement, theirs, ours)) {
			return d.reason
		}
	}
	return ""
}

func matches(pattern, s string) bool {
	return pattern == "" || regexp.MustCompile(pattern).MatchString(s)
}

// outermost returns a statement without what stands in parentheses.
func outermost(statement string) string {
	var b strings.Builder
	depth := 0
	for _, c := range statement {
		if c == '(' {
			depth++
		}
		if depth == 0 {
			b.WriteRune(c)
		}
		if c == ')' {
			depth--
		}
	}
	return b.String()
}

var castName = regexp.MustCompile(`(\w+)::(\w+)`)

// severalTypes says that the condition of a statement reads a name with a cast and the same name without it or with another.
func severalTypes(statement string) bool {
	_, condition, _ := strings.Cut(statement, "WHERE")
	for _, m := range castName.FindAllStringSubmatch(condition, -1) {
		all := regexp.MustCompile(`\b`+m[1]+`\b`).FindAllString(condition, -1)
		if len(all) > strings.Count(condition, m[0]) {
			return true
		}
	}
	return false
}

var oneRow = regexp.MustCompile(`\[("[0-9T:.Z-]{20,}"|-?\d+),[^]]*\]`)

// sameRows says that two answers have the same rows in another order, but for the last digits of their numbers.
func sameRows(theirs, ours string) bool {
	rows := func(answer string) []string {
		found := oneRow.FindAllString(answer, -1)
		for i := range found {
			found[i] = number.ReplaceAllStringFunc(found[i], func(n string) string {
				f, _ := strconv.ParseFloat(n, 64)
				return strconv.FormatFloat(f, 'g', 12, 64)
			})
		}
		slices.Sort(found)
		return found
	}
	return slices.Equal(rows(theirs), rows(ours))
}
