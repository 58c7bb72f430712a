package query_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/query"
)

// seed returns the seed of a random test, which TIMBERLINE_SEED may set.
func seed(t *testing.T) uint64 {
	t.Helper()
	s := uint64(time.Now().UnixNano())
	if env := os.Getenv("TIMBERLINE_SEED"); env != "" {
		var err error
		if s, err = strconv.ParseUint(env, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("TIMBERLINE_SEED=%d", s)
	return s
}

// randomLines returns points of a few series with gaps, equal times and equal values. Floats are quarters, so that their
// sums are exact in any order.
func randomLines(rng *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		fmt.Fprintf(&b, "m,host=h%d,dc=d%d ", rng.IntN(4), rng.IntN(2))
		var fields []string
		if rng.IntN(5) > 0 {
			fields = append(fields, fmt.Sprintf("f=%v", float64(rng.IntN(41)-20)/4))
		}
		if rng.IntN(3) > 0 {
			fields = append(fields, fmt.Sprintf("i=%di", rng.IntN(21)-10))
		}
		if rng.IntN(3) == 0 {
			fields = append(fields, fmt.Sprintf("u=%du", rng.IntN(9)))
		}
		if rng.IntN(3) == 0 || len(fields) == 0 {
			fields = append(fields, fmt.Sprintf("s=%q,b=%v", string(rune('a'+rng.IntN(3))), rng.IntN(2) == 0))
		}
		fmt.Fprintf(&b, "%s %d\n", strings.Join(fields, ","), rng.IntN(120))
	}
	return b.String()
}

// TestColumnsAgreeWithPoints compares functions computed from columns with the same functions over the rows of a
// subquery, which are computed point by point.
func TestColumnsAgreeWithPoints(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 1))
	b := newBench(t, query.Options{Workers: 1 + rng.IntN(4)})
	b.load(t, "", randomLines(rng, 600))
	functions := map[string][]string{
		"f": {"count", "sum", "mean", "min", "max", "first", "last", "spread"},
		"i": {"count", "sum", "mean", "min", "max", "first", "last", "spread"},
		"u": {"count", "sum", "min", "max", "first", "last", "spread"},
		"s": {"count", "first", "last"},
		"b": {"count", "min", "max", "first", "last"},
	}
	wheres := []string{"", "i > 0", "f <= 2.5 AND host != 'h1'", "host = 'h2' OR f > 1", "s = 'a' OR s =~ /b/", "i + f > 3"}
	groups := []string{"", "GROUP BY host", "GROUP BY host, dc", "GROUP BY time(7s)", "GROUP BY time(30s, 5s), dc", "GROUP BY time(20s), host, dc ORDER BY time DESC"}
	for _, field := range slices.Sorted(maps.Keys(functions)) {
		for _, name := range functions[field] {
			b.storage.Store.BatchRows = 1 + rng.IntN(100)
			where, group := wheres[rng.IntN(len(wheres))], groups[rng.IntN(len(groups))]
			if (name == "first" || name == "last") && !strings.Contains(group, "time(") {
				// Over several series InfluxDB looks at two simultaneous rows at most, but at
				// all rows of a subquery: only single series must agree.
				group = "GROUP BY host, dc"
			}
			inner := ""
			if where != "" {
				inner = " WHERE " + where
			}
			call := fmt.Sprintf("%s(%s)", name, field)
			if name == "mean" { // joined over series by weight, the last digit may differ
				call = fmt.Sprintf("round(mean(%s) * 1000000)", field)
			}
			times := "time >= 3s AND time < 110s"
			direct := fmt.Sprintf("SELECT %s FROM m WHERE %s %s", call, times, group)
			if where != "" {
				direct = fmt.Sprintf("SELECT %s FROM m WHERE (%s) AND %s %s", call, where, times, group)
			}
			plain := fmt.Sprintf("SELECT %s FROM (SELECT %s FROM m%s) WHERE %s %s", call, field, inner, times, group)
			if got, want := b.ask(t, query.Request{Text: direct}), b.ask(t, query.Request{Text: plain}); got != want {
				t.Errorf("%s\n got %s\nwant %s\nas of %s", direct, got, want, plain)
			}
		}
	}
}

// TestWorkersDoNotChangeAnswers runs statements with different numbers of workers and sizes of batches.
func TestWorkersDoNotChangeAnswers(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 2))
	lines := randomLines(rng, 400)
	statements := []string{
		"SELECT mean(f), sum(f), max(i) FROM m", "SELECT sum(f) / 3, mean(i) FROM m GROUP BY host", "SELECT max(f), host, s FROM m",
		"SELECT last(f) FROM m WHERE time < 120s GROUP BY time(10s)", "SELECT * FROM m", "SELECT top(f, host, 3), i FROM m", "SELECT first(*) FROM m GROUP BY dc",
	}
	var want []string
	for _, workers := range []int{1, 2, 7} {
		b := newBench(t, query.Options{Workers: workers})
		b.storage.Store.BatchRows = workers * 5
		b.load(t, "", lines)
		for i, text := range statements {
			got := b.ask(t, query.Request{Text: text})
			if workers == 1 {
				want = append(want, got)
			} else if got != want[i] {
				t.Errorf("%d workers: %s\n got %s\nwant %s", workers, text, got, want[i])
			}
		}
	}
}
