package query_test

import (
	"encoding/json"
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
	b := newSimultaneous(t, rng)
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

// newSimultaneous fills a storage with rows of many series, of which many are simultaneous.
func newSimultaneous(t *testing.T, rng *rand.Rand) *bench {
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
	return b
}

// TestFirstRowsOfGroups compares the first rows of groups, which statistics of blocks may tell, with those of the same
// statement without a limit and without statistics.
func TestFirstRowsOfGroups(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 10))
	plain := newSimultaneous(t, rng)
	summing := &summingStorage{Storage: plain.storage, rng: rand.New(rand.NewPCG(rng.Uint64(), 6))}
	other := *plain
	other.engine = query.New(plain.storage.Catalog, summing, query.Options{Workers: 3, Clock: plain.clock})
	columns := []string{"*", "f", "i, f", "s", "s, dc, i"}
	wheres := []string{"", "", "WHERE i > 6", "WHERE time >= 70s AND time < 200s", "WHERE s = 'a' OR host = 'h7'"}
	groups := []string{"GROUP BY host", "GROUP BY *", "GROUP BY host, dc", "GROUP BY dc", ""}
	for range 60 {
		text := fmt.Sprintf("SELECT %s FROM m %s %s %s", columns[rng.IntN(len(columns))], wheres[rng.IntN(len(wheres))],
			groups[rng.IntN(len(groups))], []string{"", "ORDER BY time DESC"}[rng.IntN(2)])
		limit := 1 + rng.IntN(4)/2*rng.IntN(4)
		want := cutSeries(t, plain.ask(t, query.Request{Text: text}), limit)
		limited := fmt.Sprintf("%s LIMIT %d", text, limit)
		for _, b := range []*bench{plain, &other} {
			if got := cutSeries(t, b.ask(t, query.Request{Text: limited}), limit+1); got != want {
				t.Fatalf("%s\n got %s\nwant %s", limited, got, want)
			}
		}
	}
	if summing.accepted == 0 {
		t.Error("no summary was accepted")
	}
}

// cutSeries leaves the first rows of every series of an answer.
func cutSeries(t *testing.T, text string, rows int) string {
	t.Helper()
	var a struct {
		Results []struct {
			Series []struct {
				Tags    map[string]string
				Columns []string
				Values  [][]any
			}
			Error string
		}
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatal(err)
	}
	for i := range a.Results {
		for k := range a.Results[i].Series {
			s := &a.Results[i].Series[k]
			s.Values = s.Values[:min(rows, len(s.Values))]
		}
	}
	out, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
