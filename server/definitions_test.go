package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
)

// crowd runs writers, queries, changes of the catalog and housekeeping on one
// system at the same time. Every row is tagged with the database and policy that
// it was written to, and carries a number that is used once.
type crowd struct {
	t      *testing.T
	seed   uint64
	system *system
	stop   atomic.Bool
	late   atomic.Bool // the power is cut: what is acknowledged now does not count
	number atomic.Int64
	wrong  atomic.Int64

	mu    sync.Mutex
	acked map[string]map[int64]bool // numbers by database, of those that are never dropped
}

// passingPolicy is a policy of all databases that comes and goes.
const passingPolicy = "passing"

var (
	keptDatabases  = []string{"kept a", "kept b"}
	passingOnes    = []string{"passing a", "passing b"} // dropped and made again
	everyDatabases = slices.Concat(keptDatabases, passingOnes)
)

// TestConcurrentDefinitions changes databases, policies, shards and series while
// they are written, read, flushed and merged, through restarts and power cuts.
func TestConcurrentDefinitions(t *testing.T) {
	_, seed := newRand(t)
	c := &crowd{t: t, seed: seed, acked: map[string]map[int64]bool{}}
	files, clk := vfs.NewMem(), clock.NewManual(testNow)
	for round := range envInt(t, "TIMBERLINE_CROWD_ROUNDS", 6) {
		c.system = mustOpen(t, files, clk, smallOptions())
		c.checkKept()
		for _, name := range keptDatabases {
			c.system.mustAsk(t, "", "CREATE DATABASE "+quoteName(name))
		}
		files = c.run(uint64(round), files, round%2 == 1)
		if t.Failed() {
			return
		}
	}
	c.system = mustOpen(t, files, clk, smallOptions())
	c.checkKept()
	c.checkRecreated(files)
	if damage := c.system.news.list(); len(damage) > 0 {
		t.Errorf("damage in files that nobody touched: %q", damage)
	}
	if err := c.system.close(); err != nil {
		t.Error(err)
	}
}

// run lets the crowd work for a while and ends the system under it; it returns
// the files to go on with.
func (c *crowd) run(round uint64, files *vfs.Mem, cut bool) *vfs.Mem {
	c.stop.Store(false)
	c.late.Store(false)
	var crew sync.WaitGroup
	work := func(n int, f func(rng *rand.Rand)) {
		for i := range n {
			rng := rand.New(rand.NewPCG(c.seed, round<<32|uint64(n)<<16|uint64(i)))
			crew.Go(func() {
				for !c.stop.Load() {
					f(rng)
				}
			})
		}
	}
	work(4, c.write)
	work(2, c.define)
	work(3, c.query)
	work(1, c.keepHouse)
	time.Sleep(time.Duration(envInt(c.t, "TIMBERLINE_CROWD_MILLIS", 500)) * time.Millisecond)
	if cut {
		c.late.Store(true)
		files = files.Crash(vfs.CrashOptions{Unsynced: vfs.Random, Seed: c.seed + round})
	}
	done := make(chan error, 1)
	go func() {
		err := c.system.close()
		c.stop.Store(true)
		crew.Wait()
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			c.t.Errorf("close: %v", err)
		}
	case <-time.After(60 * time.Second):
		buf := make([]byte, 1<<20)
		c.t.Fatalf("the system does not end:\n%s", buf[:runtime.Stack(buf, true)])
	}
	return files
}

// complain reports what no client should see; few times, the rest is like it.
func (c *crowd) complain(format string, args ...any) {
	if c.wrong.Add(1) <= 10 {
		c.t.Errorf(format, args...)
	}
}

// write writes some rows and notes those that are acknowledged.
func (c *crowd) write(rng *rand.Rand) {
	database, policy := pick(rng, everyDatabases...), ""
	if oneIn(rng, 3) {
		policy = passingPolicy
	}
	var body strings.Builder
	var numbers []int64
	for range 1 + rng.IntN(20) {
		n := c.number.Add(1)
		numbers = append(numbers, n)
		at := testNow.Add(-time.Duration(rng.IntN(30*24)) * time.Hour).UnixNano()
		fmt.Fprintf(&body, "%s,home=%s,rp=p%s,host=h%d n=%di %d\n", pick(rng, "m", "m", "tmp"), escapeKey.Replace(database), policy, rng.IntN(5), n, at+n)
	}
	lines := body.String()
	err := c.system.put(database, policy, lines)
	var noDatabase *ingest.DatabaseNotFoundError
	var noPolicy *ingest.PolicyNotFoundError
	switch {
	case err == nil:
		c.noteAcked(database, policy, lines, numbers)
	case errors.As(err, &noDatabase), errors.As(err, &noPolicy) && (policy != "" || strings.HasPrefix(database, passingPolicy)), errors.Is(err, ingest.ErrUnavailable), errors.Is(err, ingest.ErrBusy):
	case (policy != "" || strings.HasPrefix(database, passingPolicy)) && strings.HasPrefix(err.Error(), "partial write: points beyond retention policy dropped="):
	default:
		c.complain("write to %q.%q: %v", database, policy, err)
	}
}

func (c *crowd) noteAcked(database, policy, lines string, numbers []int64) {
	if policy != "" || !strings.HasPrefix(database, "kept") || c.late.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.acked[database] == nil {
		c.acked[database] = map[int64]bool{}
	}
	for i, l := range strings.Split(strings.TrimSpace(lines), "\n") {
		if strings.HasPrefix(l, "m,") { // tmp is dropped now and then
			c.acked[database][numbers[i]] = true
		}
	}
}

// define changes what is there, except for the kept databases themselves.
func (c *crowd) define(rng *rand.Rand) {
	kept, passing := quoteName(pick(rng, keptDatabases...)), quoteName(pick(rng, passingOnes...))
	either := pick(rng, kept, passing)
	s := statement{database: pick(rng, everyDatabases...)}
	s.text = pick(rng,
		"CREATE DATABASE "+passing, "CREATE DATABASE "+passing, "CREATE DATABASE "+passing+" WITH DURATION 90d NAME passing",
		"DROP DATABASE "+passing,
		"CREATE RETENTION POLICY passing ON "+either+" DURATION INF REPLICATION 1",
		"CREATE RETENTION POLICY passing ON "+either+" DURATION 60d REPLICATION 1",
		"DROP RETENTION POLICY passing ON "+either,
		"ALTER RETENTION POLICY passing ON "+either+" DURATION "+pick(rng, "60d", "90d", "INF"),
		"DROP MEASUREMENT tmp", "DROP SERIES FROM tmp", "DELETE FROM tmp WHERE host = 'h1'", "DELETE FROM tmp",
		c.dropPassingShard(rng),
	)
	answer := c.system.ask(s)
	if text := errorIn(answer); text != "" && !expectedOfQuery(text) {
		c.complain("%s: %s", s, answer)
	}
}

// dropPassingShard drops a shard of a database or policy that comes and goes.
func (c *crowd) dropPassingShard(rng *rand.Rand) string {
	var ids []uint64
	for _, d := range c.system.catalog.Snapshot().Databases {
		for _, p := range d.Policies {
			if strings.HasPrefix(d.Name, "kept") && p.Name != passingPolicy {
				continue
			}
			for _, g := range p.Groups {
				ids = append(ids, g.Shard)
			}
		}
	}
	if len(ids) == 0 {
		return "SHOW SHARDS"
	}
	return fmt.Sprintf("DROP SHARD %d", pick(rng, ids...))
}

// query reads and looks for rows of other databases.
func (c *crowd) query(rng *rand.Rand) {
	s := statement{database: pick(rng, everyDatabases...), policy: pick(rng, "", "", passingPolicy)}
	s.text = pick(rng, "SELECT * FROM /./ LIMIT 500", "SELECT count(n) FROM m GROUP BY *", "SELECT last(n), host FROM tmp GROUP BY home",
		"SHOW SERIES", "SHOW TAG VALUES WITH KEY = home", "SHOW FIELD KEYS", "SELECT max(n) FROM m WHERE host =~ /h[12]/ GROUP BY home")
	answer := c.system.ask(s)
	if text := errorIn(answer); text != "" && !expectedOfQuery(text) {
		c.complain("%s: %s", s, answer)
	}
	for _, other := range everyDatabases {
		if other != s.database && (strings.Contains(answer, quoteName(other)) || strings.Contains(answer, escapeKey.Replace(other))) {
			c.complain("%s: rows of %q: %s", s, other, clip(answer, ""))
		}
	}
	wrong := "rp=p,"
	if s.policy == "" {
		wrong = "rp=p" + passingPolicy
	}
	if strings.Contains(answer, wrong) && s.text != "SHOW SERIES" && s.text != "SHOW TAG VALUES WITH KEY = home" {
		c.complain("%s: rows of another policy: %s", s, clip(answer, ""))
	}
}

// keepHouse does what happens in the background anyway, more often.
func (c *crowd) keepHouse(rng *rand.Rand) {
	ctx := context.Background()
	switch rng.IntN(4) {
	case 0:
		c.system.manual.Advance(time.Second)
	case 1:
		c.system.enforceRetention()
	case 2:
		if err := c.system.store.Flush(ctx); err != nil && !c.ending(err) {
			c.complain("flush: %v", err)
		}
	case 3:
		if err := c.system.store.Compact(ctx); err != nil && !c.ending(err) {
			c.complain("compact: %v", err)
		}
	}
	c.system.store.Metrics()
	time.Sleep(time.Millisecond)
}

func (c *crowd) ending(err error) bool { return expectedOfQuery(err.Error()) }

// errorIn returns the text of an answer that has an error.
func errorIn(answer string) string {
	if strings.Contains(answer, `"error"`) || strings.HasPrefix(answer, "status") {
		return answer
	}
	return ""
}

// expectedOfQuery reports whether an error can be when others drop what a
// statement is about, or when the system ends.
func expectedOfQuery(text string) bool {
	for _, part := range []string{
		"database not found", "retention policy not found", "shard not found", "it was dropped", "store is closed", "log is closed",
		"retention policy already exists", "retention policy conflicts", "context canceled",
	} {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// checkKept looks for every acknowledged row of the databases that were not
// dropped.
func (c *crowd) checkKept() {
	c.t.Helper()
	for _, d := range keptDatabases {
		got := c.numbers(d, "", "m")
		lost := 0
		for n := range c.acked[d] {
			if !got[n] {
				lost++
			}
		}
		if lost > 0 {
			c.t.Errorf("%q: %d of %d acknowledged rows are lost", d, lost, len(c.acked[d]))
		}
	}
}

// numbers returns the numbers of the rows of a measurement.
func (c *crowd) numbers(database, policy, measurement string) map[int64]bool {
	c.t.Helper()
	var answer struct {
		Results []struct {
			Series []struct{ Values [][]json.Number }
			Error  string
		}
	}
	text := c.system.ask(statement{database: database, policy: policy, text: "SELECT n FROM " + measurement})
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		c.t.Fatalf("%v: %s", err, text)
	}
	got := map[int64]bool{}
	for _, r := range answer.Results {
		for _, s := range r.Series {
			for _, v := range s.Values {
				n, err := v[1].Int64()
				if err != nil {
					c.t.Fatal(err)
				}
				got[n] = true
			}
		}
	}
	return got
}

// checkRecreated writes to every policy that came and went, and looks for the
// rows after a restart: they must have gone to the newest one of the name.
func (c *crowd) checkRecreated(files *vfs.Mem) *vfs.Mem {
	type place struct{ database, policy string }
	written := map[place][]int64{}
	for _, d := range c.system.catalog.Snapshot().Databases {
		for _, p := range d.Policies {
			for hours := 0; hours < 30*24; hours += 5 {
				n := c.number.Add(1)
				line := fmt.Sprintf("last n=%di %d", n, testNow.Add(-time.Duration(hours)*time.Hour).UnixNano())
				if err := c.system.put(d.Name, p.Name, line); err != nil {
					c.t.Fatal(err)
				}
				written[place{d.Name, p.Name}] = append(written[place{d.Name, p.Name}], n)
			}
		}
	}
	if err := c.system.close(); err != nil {
		c.t.Error(err)
	}
	c.system = mustOpen(c.t, files, c.system.manual, smallOptions())
	for where, numbers := range written {
		got := c.numbers(where.database, where.policy, "last")
		if len(got) != len(numbers) {
			c.t.Errorf("%q.%q: %d of %d rows are left after a restart", where.database, where.policy, len(got), len(numbers))
		}
	}
	return files
}
