package query_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/query"
)

// TestNewestWindowsAreTheFirst compares statements that want the newest windows with the same ones without a limit. The
// calls of a statement are of one field: the limit counts the windows of each call on its own.
func TestNewestWindowsAreTheFirst(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 11))
	for range 3 {
		b := newBench(t, query.Options{Workers: 3})
		var lines strings.Builder
		for range 50 + rng.IntN(3000) {
			fmt.Fprintf(&lines, "m,host=h%d i=%di %d\n", rng.IntN(4), rng.IntN(90), rng.IntN(2000))
			if rng.IntN(2) == 0 {
				fmt.Fprintf(&lines, "m,host=h%d f=%v %d\n", rng.IntN(4), rng.NormFloat64(), rng.IntN(2000))
			}
		}
		b.load(t, "", lines.String())
		b.storage.Store.BatchRows = 1 + rng.IntN(50)
		for range 80 {
			text := fmt.Sprintf("SELECT %s FROM m WHERE time < %ds %s GROUP BY time(%ds) %s ORDER BY time DESC",
				pickOne(rng, "max(i)", "mean(f)", "count(f), min(f)", "sum(f)", "last(i)", "cumulative_sum(max(i))", "derivative(mean(f), 1s)", "percentile(i, 50)", "max(i) - min(i)"),
				rng.IntN(2500), pickOne(rng, "", "AND time >= 100s", "AND i > 40", "AND host = 'h1'"), 10+rng.IntN(60),
				pickOne(rng, "", "fill(none)", "fill(previous)", "fill(7)", "fill(linear)"))
			all := b.ask(t, query.Request{Text: text})
			limited := fmt.Sprintf("%s LIMIT %d", text, 1+rng.IntN(12))
			got := b.ask(t, query.Request{Text: limited})
			rows, _, found := strings.Cut(got, "]]")
			if !strings.HasPrefix(all, rows) || !found && got != all {
				t.Fatalf("%s\n got %s\nof %s", limited, got, all)
			}
		}
	}
}

func pickOne(rng *rand.Rand, texts ...string) string { return texts[rng.IntN(len(texts))] }
