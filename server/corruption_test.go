package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/tsdb"
)

// corruptionOptions leave all work to the test.
func corruptionOptions() tsdb.Options {
	opt := smallOptions()
	opt.CompactionWorkers = -1
	opt.ShardCacheBytes = 16 << 20
	return opt
}

// damagedWorld builds a directory with every kind of file: several block files,
// a tombstone, a checkpoint of the index and series that it has not, field types
// that are in the log only, and rows and a delete that are in the log only.
func damagedWorld(t *testing.T) *vfs.Mem {
	t.Helper()
	files := vfs.NewMem()
	s := mustOpen(t, files, clock.NewManual(testNow), corruptionOptions())
	write := func(database, policy string, from, to int) {
		t.Helper()
		var b strings.Builder
		for i := from; i < to; i++ {
			at := testNow.Add(-time.Duration(i%40) * 6 * time.Hour).UnixNano()
			fmt.Fprintf(&b, "m%d,host=h%d,region=r%d f=%g,i=%di,u=%du,s=\"text %d\",b=%t,x%d=1 %d\n",
				i%3, i%7, i/100, float64(i)/4, i, i, i%5, i%2 == 0, i/100, at+int64(i))
		}
		if err := s.put(database, policy, b.String()); err != nil {
			t.Fatal(err)
		}
	}
	flush := func() {
		t.Helper()
		if err := s.store.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"one", "two"} {
		s.mustAsk(t, "", "CREATE DATABASE "+name)
		write(name, "", 0, 100)
	}
	s.mustAsk(t, "", "CREATE RETENTION POLICY days ON one DURATION INF REPLICATION 1 SHARD DURATION 5d")
	write("one", "days", 0, 50)
	flush()
	if err := s.store.Compact(context.Background()); err != nil { // writes checkpoints too
		t.Fatal(err)
	}
	write("one", "", 80, 200)
	flush()
	s.mustAsk(t, "one", "DELETE FROM m1 WHERE host = 'h2' AND time > now() - 5d")
	write("one", "", 150, 300)
	s.mustAsk(t, "one", "DELETE FROM m2 WHERE host = 'h3' AND time > now() - 2d")
	image := files.Crash(vfs.CrashOptions{Unsynced: vfs.All})
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	return image
}

// filesBelow returns the names of all files in a directory.
func filesBelow(t testing.TB, files vfs.FS, dir string) (names []string) {
	t.Helper()
	list, err := files.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range list {
		path := filepath.Join(dir, n)
		info, err := files.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Dir {
			names = append(names, filesBelow(t, files, path)...)
		} else if info.Size > 0 {
			names = append(names, path)
		}
	}
	return names
}

// flip changes one byte of a file.
func flip(t testing.TB, files vfs.FS, name string, offset int64, mask byte) {
	t.Helper()
	f, err := files.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], offset); err != nil {
		t.Fatal(err)
	}
	b[0] ^= mask
	if _, err := f.WriteAt(b[:], offset); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}

// questions ask for all that is stored, in several ways.
func questions() (list []statement) {
	for _, where := range []statement{{database: "one"}, {database: "one", policy: "days"}, {database: "two"}} {
		for _, text := range []string{
			"SELECT * FROM /./ GROUP BY *", "SELECT * FROM /./ WHERE host =~ /h[23]/", "SHOW SERIES", "SHOW FIELD KEYS", "SHOW TAG VALUES WITH KEY = host",
			"SELECT count(f), sum(i), min(u), max(f), last(s) FROM /./ WHERE time > '2023-12-01T00:00:00Z' AND time < now() GROUP BY time(1d), region fill(none)",
			"SELECT last(*) FROM /./",
		} {
			where.text = text
			list = append(list, where)
		}
	}
	return list
}

// TestEveryByte flips single bytes of a data directory. Whatever is answered
// then is what was stored, or the damage is named: at the start, in the events of
// storage, or in the answer. TIMBERLINE_CORRUPT_ALL=1 flips every byte of every
// file; otherwise some of each.
func TestEveryByte(t *testing.T) {
	rng, _ := newRand(t)
	world := damagedWorld(t)
	open := func(files vfs.FS) (*system, error) {
		return openSystem(files, clock.NewManual(testNow), corruptionOptions())
	}
	image := func() *vfs.Mem { return world.Crash(vfs.CrashOptions{Unsynced: vfs.All}) }
	s, err := open(image())
	if err != nil {
		t.Fatal(err)
	}
	if damage := s.news.list(); len(damage) > 0 {
		t.Fatalf("damage without a flip: %q", damage)
	}
	asked := questions()
	want := make([]string, len(asked))
	for i, q := range asked {
		want[i] = s.ask(q)
		if errorIn(want[i]) != "" || !strings.Contains(want[i], "series") {
			t.Fatalf("%s: %s", q, want[i])
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	c := &corruption{t: t, open: open, asked: asked, want: want}
	for _, name := range filesBelow(t, world, dataDir) {
		info, err := world.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		c.outcomes = [4]int{}
		for _, offset := range c.offsets(rng, info.Size) {
			files := image()
			mask := byte(1) << rng.IntN(8)
			if oneIn(rng, 3) {
				mask = 0xff
			}
			flip(t, files, name, offset, mask)
			c.check(files, name, offset, mask)
		}
		t.Logf("%-45s %6d bytes: %d harmless, %d reported, %d in an answer, %d at the start", strings.TrimPrefix(name, dataDir+"/"), info.Size,
			c.outcomes[harmless], c.outcomes[reported], c.outcomes[answered], c.outcomes[refused])
	}
}

// What became of a flip.
const (
	harmless = iota
	reported // by storage, when it was opened or read
	answered // in place of an answer
	refused  // at the start
)

type corruption struct {
	t        *testing.T
	open     func(vfs.FS) (*system, error)
	asked    []statement
	want     []string
	outcomes [4]int
}

// offsets chooses the bytes of a file to flip.
func (c *corruption) offsets(rng *rand.Rand, size int64) (list []int64) {
	if envInt(c.t, "TIMBERLINE_CORRUPT_ALL", 0) > 0 {
		for o := range size {
			list = append(list, o)
		}
		return list
	}
	for range envInt(c.t, "TIMBERLINE_CORRUPT_SAMPLES", 6) {
		o := rng.Int64N(size)
		if oneIn(rng, 3) { // headers and ends of small parts are worth more
			o = min(rng.Int64N(64), size-1)
		}
		list = append(list, o)
	}
	return list
}

// check opens the directory and asks.
func (c *corruption) check(files vfs.FS, name string, offset int64, mask byte) {
	s, err := c.open(files)
	if err != nil {
		c.outcomes[refused]++
		if !strings.Contains(err.Error(), name) {
			c.t.Errorf("%s offset %d mask %02x: the start fails without naming the file: %v", name, offset, mask, err)
		}
		return
	}
	defer s.close() // what cannot be flushed or closed because of the damage stays as it is
	outcome := harmless
	different := ""
	for i, q := range c.asked {
		got := s.ask(q)
		switch {
		case got == c.want[i]:
		case errorIn(got) != "":
			outcome = max(outcome, answered)
			if elsewhere(q, name) {
				c.t.Errorf("%s offset %d mask %02x: %s: %s", name, offset, mask, q, clip(got, c.want[i]))
			}
		default:
			different = fmt.Sprintf("%s\ngot  %s\nwant %s", q, clip(got, c.want[i]), clip(c.want[i], got))
			if elsewhere(q, name) {
				c.t.Errorf("%s offset %d mask %02x: damage spreads: %s", name, offset, mask, different)
			}
		}
	}
	if len(s.news.list()) > 0 {
		outcome = max(outcome, reported)
	}
	if different != "" && outcome == harmless {
		c.t.Errorf("%s offset %d mask %02x: silently different: %s", name, offset, mask, different)
	}
	c.outcomes[outcome]++
}

// elsewhere reports whether a file has nothing to do with what a statement asks
// for.
func elsewhere(q statement, name string) bool {
	if rest, ok := strings.CutPrefix(name, dataDir+"/db/"); ok {
		id, rest, _ := strings.Cut(rest, "/")
		policy, _, _ := strings.Cut(rest, "/")
		switch {
		case q.database == "two":
			return id != "2"
		case id != "1":
			return true
		case policy == "series" || policy == "index":
			return false
		}
		if strings.HasPrefix(q.text, "SHOW") {
			return false // looks at every policy of the database
		}
		return (policy == "3") != (q.policy == "days")
	}
	return false
}
