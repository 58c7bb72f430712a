package query_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/timberlinedb/timberline/query"
)

// TestSelectedRowsAgree asks for rows that meet a condition, with room for all selected rows, for some and for none. Many
// rows are simultaneous, and their order must be the same too.
func TestSelectedRowsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 12))
	b := newSimultaneous(t, rng)
	columns := []string{"*", "f", "i, f", "s, host", "host, i", "s", "f + i", "*::field"}
	wheres := []string{"i > 6", "i > 3 AND f < 5", "f > 100", "s = 'a' OR dc = 'd1'", "s =~ /b/ AND host != 'h7'", "i >= 2 AND time >= 70s AND time < 200s", "f = i"}
	tails := []string{"", " ORDER BY time DESC", " GROUP BY dc", " GROUP BY host", " GROUP BY host ORDER BY time DESC", " SLIMIT 1", " GROUP BY dc SLIMIT 2 SOFFSET 1"}
	for range 60 {
		text := fmt.Sprintf("SELECT %s FROM m WHERE %s%s", columns[rng.IntN(len(columns))], wheres[rng.IntN(len(wheres))], tails[rng.IntN(len(tails))])
		want := ""
		for _, room := range []int64{0, 500, 5000, 1 << 20} {
			undo := query.SetMaxSelectedBytes(room)
			got := b.ask(t, query.Request{Text: text})
			undo()
			if room == 0 {
				want = got
			} else if got != want {
				t.Fatalf("%s, room for %d bytes\n got %s\nwant %s", text, room, got, want)
			}
		}
	}
}
