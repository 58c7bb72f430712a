package query_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/query"
)

// TestLimitedRowsAreTheFirst compares statements with a limit over many series, whose first rows are fetched beforehand,
// with the same ones without a limit. Many rows are simultaneous: their order must be the same too.
func TestLimitedRowsAreTheFirst(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 9))
	b := newBench(t, query.Options{Workers: 3})
	var lines strings.Builder
	for range 3000 {
		fmt.Fprintf(&lines, "m,host=h%d,dc=d%d ", rng.IntN(60), rng.IntN(3))
		var fields []string
		for _, f := range []string{fmt.Sprintf("f=%d", rng.IntN(9)), fmt.Sprintf("i=%di", rng.IntN(9)), fmt.Sprintf("s=%q", string(rune('a'+rng.IntN(3))))} {
			if len(fields) == 0 || rng.IntN(2) == 0 {
				fields = append(fields, f)
			}
		}
		fmt.Fprintf(&lines, "%s %d\n", strings.Join(fields[rng.IntN(len(fields)):], ","), 10*rng.IntN(30))
	}
	b.load(t, "", lines.String())
	b.storage.Store.BatchRows = 1 + rng.IntN(5)
	columns := []string{"*", "f", "i, f", "s, host", "host, i", "s"}
	wheres := []string{"", "", "WHERE i > 6", "WHERE time >= 70s AND time < 200s", "WHERE f > 100", "WHERE s = 'a' OR dc = 'd1'"}
	for range 150 {
		text := fmt.Sprintf("SELECT %s FROM m %s %s", columns[rng.IntN(len(columns))], wheres[rng.IntN(len(wheres))],
			[]string{"", "ORDER BY time DESC"}[rng.IntN(2)])
		all := b.ask(t, query.Request{Text: text})
		limited := fmt.Sprintf("%s LIMIT %d", text, 1+rng.IntN(40))
		got := b.ask(t, query.Request{Text: limited})
		rows, _, found := strings.Cut(got, "]]")
		if !strings.HasPrefix(all, rows) || !found && got != all {
			t.Fatalf("%s\n got %s\nof %s", limited, got, all)
		}
	}
}
