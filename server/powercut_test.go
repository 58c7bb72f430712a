package server

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/crashledger"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/tsdb"
)

// deed is one step of a workload: line protocol, a statement, or housekeeping.
type deed struct {
	database, policy string
	lines            string
	statement        string
	keep             func(*system) error
}

func (d *deed) String() string {
	switch {
	case d.lines != "":
		return fmt.Sprintf("write to %s.%s:\n%s", d.database, d.policy, d.lines)
	case d.statement != "":
		return d.statement
	}
	return "housekeeping"
}

// do carries the step out; a refusal of single rows is no error.
func (d *deed) do(s *system) error {
	switch {
	case d.lines != "":
		if err := s.put(d.database, d.policy, d.lines); err != nil && !strings.HasPrefix(err.Error(), "partial write") {
			return err
		}
		return nil
	case d.statement != "":
		if a := s.ask(statement{database: d.database, text: d.statement}); strings.HasPrefix(a, "status") {
			return fmt.Errorf("%s: %s", d.statement, a)
		}
		return nil
	}
	return d.keep(s)
}

// notFound reports whether a step only asked for what is not there.
func notFound(err error) bool { return strings.Contains(err.Error(), "not found") }

// workload makes the steps: writes of five types into several shards and
// policies, deletes, definitions of every kind, flushes, merges, retention.
func workload(rng *rand.Rand, steps int) []deed {
	bg := func(f func(*system) error) deed { return deed{keep: f} }
	flush := bg(func(s *system) error { return s.store.Flush(context.Background()) })
	merge := bg(func(s *system) error { return s.store.Compact(context.Background()) })
	retire := bg(func(s *system) error {
		s.manual.Advance(30 * time.Minute)
		s.enforceRetention()
		return nil
	})
	list := []deed{
		{statement: `CREATE DATABASE a`},
		{statement: `CREATE DATABASE b`},
		{statement: `CREATE RETENTION POLICY short ON a DURATION 2h REPLICATION 1`},
	}
	number := 0
	for range steps {
		switch rng.IntN(14) {
		case 0, 1:
			list = append(list, flush)
		case 2:
			list = append(list, merge)
		case 3:
			list = append(list, retire)
		case 4:
			list = append(list, deed{database: "a", statement: fmt.Sprintf(`DELETE FROM m%d WHERE host = 'h%d' AND time > %d`,
				rng.IntN(2), rng.IntN(3), testNow.UnixNano()-rng.Int64N(int64(time.Hour)))})
		case 5:
			list = append(list, deed{database: "a", statement: fmt.Sprintf(pick(rng, `DROP SERIES FROM m%d WHERE host = 'h1'`, `DROP MEASUREMENT m%d`), rng.IntN(2))})
		case 6:
			list = append(list, deed{statement: pick(rng, `DROP DATABASE b`, `CREATE DATABASE b`, `DROP RETENTION POLICY short ON a`,
				`CREATE RETENTION POLICY short ON a DURATION 2h REPLICATION 1`, `ALTER RETENTION POLICY autogen ON a SHARD DURATION 1d`)})
		default:
			list = append(list, deed{
				database: pick(rng, "a", "a", "b"), policy: pick(rng, "autogen", "autogen", "short"),
				lines: rowsOf(rng, &number),
			})
		}
	}
	return list
}

// rowsOf returns some lines; the values say which write they are from.
func rowsOf(rng *rand.Rand, number *int) string {
	var b strings.Builder
	for range 1 + rng.IntN(24) {
		*number++
		n := *number
		at := testNow.UnixNano() - rng.Int64N(int64(100*time.Minute)) - int64(rng.IntN(2))*int64(9*24*time.Hour)
		host := fmt.Sprint("h", rng.IntN(3))
		if oneIn(rng, 6) {
			host = fmt.Sprint("new", n) // a series of its own
		}
		fmt.Fprintf(&b, "m%d,host=%s f=%d.5", rng.IntN(2), host, n)
		if oneIn(rng, 2) {
			fmt.Fprintf(&b, ",i=%di,b=%t", n, n%2 == 0)
		}
		if oneIn(rng, 3) {
			fmt.Fprintf(&b, ",u=%du,s=\"text %d%s\"", n, n, strings.Repeat(".", rng.IntN(200)))
		}
		fmt.Fprintf(&b, " %d\n", at)
	}
	return b.String()
}

// contents maps everything that a system has to its text: definitions, and
// every row by series and time.
type contents map[string]string

func (s *system) contents() (contents, error) {
	c := contents{}
	for _, d := range s.catalog.Snapshot().Databases {
		c["database "+d.Name] = "default " + d.DefaultPolicy
		for _, p := range d.Policies {
			c["policy "+d.Name+"."+p.Name] = fmt.Sprint(p.Duration, p.ShardDuration, p.ReplicaN)
			if err := s.rowsInto(c, d.Name, p.Name); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// answer is what the tests need of an answer's JSON.
type answer struct {
	Error   string
	Results []struct {
		Error  string
		Series []struct {
			Name    string
			Tags    map[string]string
			Columns []string
			Values  [][]any
		}
	}
}

func (s *system) rowsInto(c contents, database, policy string) error {
	text := s.ask(statement{database: database, text: fmt.Sprintf(`SELECT * FROM %q.%q./.*/ GROUP BY *`, database, policy)})
	var a answer
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&a); err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	if a.Error != "" || len(a.Results) == 0 || a.Results[0].Error != "" {
		return fmt.Errorf("read %s.%s: %s", database, policy, text)
	}
	for _, series := range a.Results[0].Series {
		for _, row := range series.Values {
			var cells []string
			for i, v := range row[1:] {
				if v != nil {
					cells = append(cells, fmt.Sprint(series.Columns[i+1], "=", v))
				}
			}
			slices.Sort(cells)
			c[fmt.Sprint(database, ".", policy, ".", series.Name, series.Tags, " ", row[0])] = strings.Join(cells, " ")
		}
	}
	return nil
}

// between reports what is wrong with found, taken while a system went from
// before to after: what both have must be there, and nothing that neither has.
func between(found, before, after contents) error {
	for k, v := range before {
		if w, both := after[k]; both {
			if got, ok := found[k]; !ok || got != v && got != w {
				return fmt.Errorf("%s is %q, want %q or %q", k, got, v, w)
			}
		}
	}
	for k, got := range found {
		v, was := before[k]
		w, is := after[k]
		if !(was && got == v) && !(is && got == w) {
			return fmt.Errorf("%s is %q, was %q (%t), becomes %q (%t)", k, got, v, was, w, is)
		}
	}
	return nil
}

// remains is what a power cut left, with the number of steps that were done.
type remains struct {
	files *vfs.Mem
	done  int
	now   time.Time
	at    string
}

// maxImages bounds the images that are held at a time.
const maxImages = 900

// Power is cut at operations of whole systems, with none, all and a random part
// of what was not synced kept. Each must come up by itself with what was
// acknowledged, and with nothing that nobody wrote or that was deleted.
func TestPowerCut(t *testing.T) {
	rng, seed := newRand(t)
	want := crashledger.Recoveries(t, 6000)
	done := 0
	for done < want && !t.Failed() {
		done += cutWorkload(t, rng)
	}
	t.Logf("%d recoveries", done)
	crashledger.Note(t, seed, done)
}

// cutWorkload runs one workload and recovers from all of its images.
func cutWorkload(t *testing.T, rng *rand.Rand) (recoveries int) {
	steps := workload(rng, 30)
	states := referenceStates(t, steps)
	images := cutImages(t, rng, steps)
	for _, im := range images {
		s, err := openSystem(im.files, clock.NewManual(im.now), cutOptions())
		if err != nil {
			t.Errorf("power cut %s, %d steps done: does not open: %v", im.at, im.done, err)
			return recoveries
		}
		found, err := s.contents()
		if err == nil {
			err = between(found, states[im.done], states[min(im.done+1, len(steps))])
		}
		if err == nil && len(s.news.list()) > 0 {
			err = fmt.Errorf("damage reported: %v", s.news.list())
		}
		if cerr := s.close(); err == nil {
			err = cerr
		}
		if err != nil {
			next := "the end"
			if im.done < len(steps) {
				next = steps[im.done].String()
			}
			t.Errorf("power cut %s, %d steps done, then %s: %v", im.at, im.done, next, err)
			return recoveries
		}
		recoveries++
	}
	return recoveries
}

// cutOptions make segments of the log so small that they are let go all the
// time: then the log does not make up for what the files have lost.
func cutOptions() tsdb.Options {
	o := smallOptions()
	o.WAL.SegmentBytes = 4 << 10
	o.WAL.SpareSegments = 1
	o.ShardCacheBytes = 16 << 10
	return o
}

// referenceStates returns what a system has after each number of steps.
func referenceStates(t *testing.T, steps []deed) []contents {
	t.Helper()
	s := mustOpen(t, vfs.NewMem(), clock.NewManual(testNow), cutOptions())
	defer s.close()
	states := []contents{{}}
	for i := range steps {
		if err := steps[i].do(s); err != nil && !notFound(err) {
			t.Errorf("step %d: %v", i, err)
		}
		c, err := s.contents()
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, c)
	}
	return states
}

// cutImages runs the steps and takes images of the files at random operations.
func cutImages(t *testing.T, rng *rand.Rand, steps []deed) []remains {
	t.Helper()
	mem := vfs.NewMem()
	manual := clock.NewManual(testNow)
	var images []remains
	progress := make(chan int, 1) // steps done; held while an image is taken
	progress <- 0
	luck, rarity := rand.New(rand.NewPCG(rng.Uint64(), 2)), 3+rng.IntN(10)
	mem.OnOp(func(n int64, op vfs.Op, name string) {
		k := <-progress
		if luck.IntN(rarity) == 0 && len(images) < maxImages {
			for _, mode := range []vfs.CrashOptions{{Unsynced: vfs.None}, {Unsynced: vfs.All}, {Unsynced: vfs.Random, Seed: uint64(n)}} {
				images = append(images, remains{mem.Crash(mode), k, manual.Now(), fmt.Sprintf("at operation %d (%v %s), %v kept", n, op, name, mode.Unsynced)})
			}
		}
		progress <- k
	})
	s := mustOpen(t, mem, manual, cutOptions())
	for i := range steps {
		if err := steps[i].do(s); err != nil && !notFound(err) {
			t.Errorf("step %d: %v", i, err)
		}
		<-progress
		progress <- i + 1
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	mem.OnOp(nil)
	return images
}
