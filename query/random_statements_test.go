package query_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/query"
)

// statementWords are what random statements are made of; %s is a place for another word.
var statementWords = struct{ fields, calls, sources, conditions, tails []string }{
	fields: []string{"v", "w", "s", "b", "host", "*", "/v|w/", "v::integer", "s::float", "missing", "v + w", "v / 0", "-v", "v % 2"},
	calls: []string{"count(%s)", "sum(%s)", "mean(%s)", "median(%s)", "mode(%s)", "spread(%s)", "stddev(%s)", "min(%s)", "max(%s)", "first(%s)", "last(%s)",
		"percentile(%s, 50)", "distinct(%s)", "count(distinct(%s))", "top(%s, 3)", "bottom(%s, host, 2)", "sample(%s, 2)", "integral(%s)",
		"derivative(%s)", "difference(%s)", "elapsed(%s)", "moving_average(%s, 2)", "cumulative_sum(%s)", "derivative(mean(%s), 1m)",
		"holt_winters(mean(%s), 2, 2)", "exponential_moving_average(%s, 3)", "relative_strength_index(%s, 2)", "kaufmans_adaptive_moving_average(%s, 2)",
		"abs(%s)", "ln(%s)", "pow(%s, 2)", "%s"},
	sources: []string{"m", "m, n", "/./", "nothing", "(SELECT v, w, s, b FROM m)", "(SELECT mean(v) AS v, max(w) AS w FROM m GROUP BY time(10s), host)",
		"(SELECT top(v, host, 2) AS v FROM m)", "(SELECT v FROM (SELECT last(v) AS v FROM m GROUP BY host))", "m, (SELECT v FROM n)"},
	conditions: []string{"v > 3", "host = 'h1'", "host =~ /h/", "s = 'x' OR b = true", "v = w", "time > 5s", "time < 50s", "missing = ''", "v + w > 3", "w::float < 2", "s !~ /x/", "host = v"},
	tails: []string{" GROUP BY host", " GROUP BY *", " GROUP BY time(10s)", " GROUP BY time(7s, 2s), host fill(previous)", " GROUP BY time(5s) fill(linear)", " GROUP BY time(10s) fill(none)",
		" ORDER BY time DESC", " LIMIT 2", " LIMIT 3 OFFSET 1", " SLIMIT 1 SOFFSET 1", " tz('Europe/Berlin')", " GROUP BY /h/ fill(3)"},
}

func randomStatement(rng *rand.Rand) string {
	pick := func(list []string) string { return list[rng.IntN(len(list))] }
	w := &statementWords
	var fields []string
	for range 1 + rng.IntN(3) {
		fields = append(fields, strings.Replace(pick(w.calls), "%s", pick(w.fields), 1))
	}
	text := "SELECT " + strings.Join(fields, ", ") + " FROM " + pick(w.sources)
	conditions := []string{"time >= 0s AND time < 60s"}
	for range rng.IntN(3) {
		conditions = append(conditions, pick(w.conditions))
	}
	text += " WHERE " + strings.Join(conditions, " AND ")
	for range rng.IntN(3) {
		text += pick(w.tails)
	}
	for rng.IntN(8) == 0 { // break it
		from := rng.IntN(len(text))
		to := min(len(text), from+rng.IntN(6))
		text = text[:from] + []string{"", "(", "'", " , ", "1", "time"}[rng.IntN(6)] + text[to:]
	}
	return text
}

// TestRandomStatementsEnd runs random statements, whole and broken ones: none may panic, and a cancelled one ends soon.
func TestRandomStatementsEnd(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 11))
	b := newBench(t, query.Options{MaxSelectBuckets: 10_000})
	var lines strings.Builder
	for i := range 300 {
		fmt.Fprintf(&lines, "%s,host=h%d v=%v,w=%di", []string{"m", "n"}[rng.IntN(2)], rng.IntN(3), rng.IntN(9), rng.IntN(9))
		if rng.IntN(2) == 0 {
			fmt.Fprintf(&lines, ",s=%q,b=%v", []string{"x", "y"}[rng.IntN(2)], rng.IntN(2) == 0)
		}
		fmt.Fprintf(&lines, " %d\n", i%60)
	}
	b.load(t, "", lines.String())
	for i := range 3000 {
		text := randomStatement(rng)
		ctx, cancel := context.WithCancel(context.Background())
		begin := time.Now()
		emits := 0
		err := b.engine.Run(ctx, query.Request{Text: text, Database: "db0", ChunkSize: 1 + rng.IntN(3)}, func(*query.Result) error {
			if emits++; emits == 2 && i%2 == 0 {
				cancel()
			}
			return nil
		})
		cancel()
		var parse *query.ParseError
		if err != nil && !errors.As(err, &parse) {
			t.Errorf("%s: %v", text, err)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s: took %s", text, took)
		}
	}
}
