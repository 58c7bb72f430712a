package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
)

// namedCase is a statement that changes names, and what shows that no value has gone.
type namedCase struct {
	statement string
	value     string // selects all values under the old names or the new ones
	after     string // asked when the statement has been acknowledged
	want      string
}

// names writes to two shards, one of which is flushed.
func writeNames(s *system) error {
	day := 8 * 24 * time.Hour
	lines := fmt.Sprintf("m,host=a v=1,w=1i %d\nm,host=b v=2 %d\n", testNow.Add(-day).UnixNano(), testNow.Add(-day).UnixNano())
	if err := s.put("d", "", lines); err != nil {
		return err
	}
	if err := s.store.Flush(context.Background()); err != nil {
		return err
	}
	return s.put("d", "", fmt.Sprintf("m,host=a v=3 %d\nm,host=b v=4,w=2i %d\n", testNow.UnixNano(), testNow.UnixNano()))
}

// TestPowerCutsInRenames cuts the power at every file operation of a statement that changes names. No value is lost, and
// the same statement brings the rest about.
func TestPowerCutsInRenames(t *testing.T) {
	rng, _ := newRand(t)
	for _, c := range []namedCase{
		{"DROP FIELD w FROM m", "SELECT count(v) FROM m", "SELECT count(w), count(v) FROM m", `[null,4]`},
		{"RENAME FIELD v TO u FROM m", "SELECT count(v), count(u) FROM m", "SELECT count(u), count(v) FROM m", `[4,null]`},
		{"ALTER FIELD v FROM m TYPE integer", `SELECT count(v), count("v before ALTER") FROM m`, "SELECT sum(v::integer) FROM m", `[10]`},
		{"RENAME TAG KEY host TO h FROM m", "SELECT count(v) FROM m GROUP BY h, host", "SELECT count(v) FROM m WHERE h != ''", `[4]`},
		{"RENAME MEASUREMENT m TO n", "SELECT count(v) FROM m, n", "SELECT count(v) FROM n", `[4]`},
	} {
		t.Run(c.statement, func(t *testing.T) {
			cuts := 0
			for calls := int64(0); cutRename(t, &c, calls, rng); calls += 1 + rng.Int64N(2) {
				cuts++
			}
			if t.Logf("%d power cuts", cuts); cuts == 0 {
				t.Error("the power was never cut")
			}
		})
	}
}

// cutRename runs a case whose power is cut after a number of calls behind its writes; false when there are not so many.
func cutRename(t *testing.T, c *namedCase, calls int64, rng *rand.Rand) bool {
	t.Helper()
	mem := vfs.NewMem()
	s := mustOpen(t, mem, clock.NewManual(testNow), smallOptions())
	s.mustAsk(t, "", "CREATE DATABASE d WITH DURATION INF SHARD DURATION 1d NAME p")
	if err := writeNames(s); err != nil {
		t.Fatal(err)
	}
	limit := mem.Ops() + calls
	mem.CrashAfter(limit)
	answer := s.ask(statement{database: "d", text: c.statement})
	acknowledged := answer == done
	cut := mem.Ops() > limit
	files := mem.Crash(vfs.CrashOptions{Unsynced: pick(rng, vfs.None, vfs.All, vfs.Random), Seed: rng.Uint64()})
	_ = s.close() // fails: the power is off

	s = mustOpen(t, files, clock.NewManual(testNow), smallOptions())
	defer s.close()
	for again := range 3 {
		if got := s.mustAsk(t, "d", c.value); counted(got) < 4 {
			t.Fatalf("cut after %d calls, acknowledged %v, run again %d times: values are lost: %s", calls, acknowledged, again, got)
		}
		if acknowledged || again > 0 {
			if got := s.mustAsk(t, "d", c.after); !strings.Contains(got, strings.TrimSuffix(strings.TrimPrefix(c.want, "["), "]")+"]") {
				t.Fatalf("cut after %d calls, acknowledged %v, run again %d times: %s: %s", calls, acknowledged, again, c.after, got)
			}
		}
		if again == 0 {
			_ = s.ask(statement{database: "d", text: c.statement}) // an error where nothing is left to be done
			continue
		}
		// Merges keep what the statement kept, and leave out what it dropped.
		ctx := context.Background()
		if err := errors.Join(s.store.Flush(ctx), s.store.Compact(ctx)); err != nil {
			t.Fatalf("cut after %d calls, acknowledged %v: %v", calls, acknowledged, err)
		}
	}
	return cut
}

// counted returns the sum of all counts in an answer.
func counted(answer string) (sum int) {
	var a struct {
		Results []struct{ Series []struct{ Values [][]any } }
	}
	if json.Unmarshal([]byte(answer), &a) != nil {
		return 0
	}
	for _, r := range a.Results {
		for _, s := range r.Series {
			for _, row := range s.Values {
				for _, v := range row[1:] {
					n, _ := v.(float64)
					sum += int(n)
				}
			}
		}
	}
	return sum
}
