package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/tsdb"
	"github.com/timberlinedb/timberline/tsm"
)

// oracle runs one history on a system and on its twin.
type oracle struct {
	t      *testing.T
	rng    *rand.Rand
	gen    generator
	clock  *clock.Manual
	dir    string
	files  vfs.FS
	opt    tsdb.Options
	system *system
	twin   *twin
	past   []string // what was done
}

// TestOracle compares the answers of the system with those of a model over maps,
// through random writes, deletes, changes of the catalog, flushes, merges,
// restarts and power cuts. TIMBERLINE_ORACLE_OPS sets the number of operations;
// TIMBERLINE_ORACLE_COMPARE=1 compares everything after each, to find the first
// one that went wrong.
func TestOracle(t *testing.T) {
	runOracle(t, dataDir, vfs.NewMem(), smallOptions(), envInt(t, "TIMBERLINE_ORACLE_OPS", 1500))
}

// TestOracleOnDisk is TestOracle with real files and mappings, without power cuts.
func TestOracleOnDisk(t *testing.T) {
	runOracle(t, t.TempDir(), vfs.OS(), smallOptions(), envInt(t, "TIMBERLINE_ORACLE_OPS", 1500)/5)
}

// TestOracleWithEveryCodec is TestOracle with every codec wherever it can represent
// a page, and tiny pages, caches and files.
func TestOracleWithEveryCodec(t *testing.T) {
	for codec := range tsm.LastCodec + 1 {
		t.Run(codec.String(), func(t *testing.T) {
			opt := smallOptions()
			opt.Codecs.Codec, opt.Codecs.Taken = codec, new(tsm.CodecTally)
			opt.BlockRows = 30 // no less than the sparse rows that histories choose
			opt.ShardCacheBytes, opt.CacheFlushBytes = 8<<10, 64<<10
			runOracle(t, dataDir, vfs.NewMem(), opt, envInt(t, "TIMBERLINE_ORACLE_OPS", 1500)/15)
			pages := int64(0)
			for i := range opt.Codecs.Taken {
				pages += opt.Codecs.Taken[i].Load()
			}
			n := opt.Codecs.Taken[codec].Load()
			t.Logf("%d of %d pages are %v", n, pages, codec)
			if n == 0 && codec != 0 {
				t.Errorf("%v was to be taken wherever it can, and was in no page", codec)
			}
		})
	}
}

func runOracle(t *testing.T, dir string, files vfs.FS, opt tsdb.Options, ops int) {
	rng, _ := newRand(t)
	o := &oracle{t: t, rng: rng, clock: clock.NewManual(testNow), dir: dir, files: files, opt: opt}
	o.opt.SparseRows, o.opt.CellPercent = pick(rng, 0, 8, 30), pick(rng, -1, 0, 1000, 1000)
	o.gen.rng = rng
	var err error
	if o.twin, err = newTwin(o.clock); err != nil {
		t.Fatal(err)
	}
	if err := o.open(); err != nil {
		t.Fatal(err)
	}
	defer func() { o.system.close() }()
	o.define("CREATE DATABASE alpha")
	o.define("CREATE RETENTION POLICY day ON alpha DURATION 1d REPLICATION 1")
	o.define("CREATE RETENTION POLICY days ON alpha DURATION 3d REPLICATION 1 SHARD DURATION 1d")
	every := envInt(t, "TIMBERLINE_ORACLE_COMPARE", 0) // operations after which everything is compared
	for n := range ops {
		o.step()
		if every > 0 && n%every == 0 {
			o.compareAll()
		}
	}
	o.compareAll()
	if damage := o.system.news.list(); len(damage) > 0 {
		t.Errorf("damage in files that nobody touched: %q", damage)
	}
}

func (o *oracle) open() (err error) {
	o.system, err = openSystemIn(o.dir, o.files, o.clock, o.opt)
	return err
}

func (o *oracle) step() {
	o.gen.now = o.clock.Now()
	switch n := o.rng.IntN(1000); {
	case n < 400:
		o.write()
	case n < 800:
		text := o.gen.selection()
		if oneIn(o.rng, 4) {
			text = o.gen.show()
		}
		o.compare(statement{o.gen.database(), o.gen.policy(), text, pick(o.rng, 0, 0, 0, 3, 100)})
	case n < 860:
		o.define(o.gen.removal())
	case n < 880:
		o.define(o.gen.definition())
	case n < 890:
		last := o.system.catalog.Snapshot().LastShardID
		o.define(fmt.Sprintf("DROP SHARD %d", 1+o.rng.Uint64N(last+missingShards)))
	case n < 930:
		o.do("flush", func() error { return o.system.store.Flush(context.Background()) })
	case n < 945:
		o.do("compact", func() error { return o.system.store.Compact(context.Background()) })
	case n < 960:
		d := pick(o.rng, time.Second, time.Minute, time.Hour, 9*time.Hour)
		o.do("clock +"+d.String(), func() error { o.clock.Advance(d); return nil })
	case n < 970:
		o.do("retention", func() error { o.system.enforceRetention(); o.twin.enforceRetention(); return nil })
	case n < 980:
		o.copyInto()
	case n < 990:
		o.restart()
	default:
		o.crash()
	}
}

// note remembers an operation for the report of a difference.
func (o *oracle) note(format string, args ...any) {
	o.past = append(o.past, fmt.Sprintf(format, args...))
}

// fail ends the test with what led to it.
func (o *oracle) fail(format string, args ...any) {
	o.t.Helper()
	tail := o.past[max(0, len(o.past)-25):]
	for i, p := range tail {
		if len(p) > 2000 {
			tail[i] = p[:2000] + "…"
		}
	}
	o.t.Fatalf("after %d operations, the last of them:\n\t%s\n%s", len(o.past), strings.Join(tail, "\n\t"), fmt.Sprintf(format, args...))
}

func (o *oracle) do(name string, f func() error) {
	o.note("%s", name)
	if err := f(); err != nil {
		o.fail("%s: %v", name, err)
	}
}

func (o *oracle) write() {
	lines, unit := o.gen.body()
	database, policy := o.gen.database(), o.gen.policy()
	body := bodyOf(lines)
	o.note("write db=%q rp=%q unit=%d\n%s", database, policy, unit, body)
	err := o.system.writer.Write(context.Background(), ingest.Request{Database: database, Policy: policy, Precision: unit, Body: []byte(body)})
	if want := o.twin.write(database, policy, lines); !want.agrees(err) {
		o.fail("write answers\n\t%v\nwant\n\t%s%q dropped=%d", err, want.err, want.reasons, want.dropped)
	}
}

// define runs a statement that changes something.
func (o *oracle) define(text string) {
	o.compare(statement{database: o.gen.database(), text: text})
}

func (o *oracle) compare(s statement) {
	o.note("%s", s)
	want, got := o.twin.ask(s), o.system.ask(s)
	if got != want {
		o.fail("%s\ngot  %s\nwant %s", s, clip(got, want), clip(want, got))
	}
}

// clip shortens an answer to what stands around the first difference.
func clip(a, b string) string {
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	from, to := max(0, at-300), min(len(a), at+1500)
	return fmt.Sprintf("%d bytes, from %d: %s", len(a), from, a[from:to])
}

// copyInto runs SELECT … INTO with a new name, which has no types yet.
func (o *oracle) copyInto() {
	for _, d := range o.twin.catalog.Snapshot().Databases {
		if d.Policy("autogen") == nil || d.Policy("autogen").Duration != 0 {
			continue
		}
		name := fmt.Sprintf("copy%d", len(o.past))
		from := quoteName(pick(o.rng, testMeasurements...))
		s := statement{database: d.Name, policy: "autogen"}
		s.text = pick(o.rng, "SELECT * INTO autogen."+name+" FROM autogen."+from+" GROUP BY *",
			"SELECT mean(f), count(s), last(b) INTO autogen."+name+" FROM autogen."+from+" WHERE "+o.gen.times()+" GROUP BY time(1h), host")
		o.compare(s)
		s.text = "SELECT * FROM autogen." + name + " GROUP BY *"
		o.compare(s)
		s.text = "DROP MEASUREMENT " + name
		o.compare(s)
	}
}

func (o *oracle) restart() {
	o.do("restart", func() error {
		if err := o.system.close(); err != nil {
			return err
		}
		return o.open()
	})
	o.compareAll()
}

// crash cuts the power: everything is acknowledged, so nothing may be missing.
func (o *oracle) crash() {
	files, ok := o.files.(*vfs.Mem)
	if !ok {
		o.restart()
		return
	}
	cut := vfs.CrashOptions{Unsynced: pick(o.rng, vfs.None, vfs.All, vfs.Random), Seed: o.rng.Uint64()}
	o.do(fmt.Sprintf("power cut, unsynced: %v", cut.Unsynced), func() error {
		image := files.Crash(cut)
		if err := o.system.close(); err != nil {
			return err
		}
		o.files = image
		return o.open()
	})
	o.compareAll()
}

// compareAll compares everything there is.
func (o *oracle) compareAll() {
	for _, text := range []string{"SHOW DATABASES", "SHOW SHARDS"} {
		o.compare(statement{text: text})
	}
	for _, d := range o.twin.catalog.Snapshot().Databases {
		for _, text := range []string{"SHOW SERIES", "SHOW FIELD KEYS", "SHOW TAG VALUES WITH KEY =~ /./", "SHOW RETENTION POLICIES"} {
			o.compare(statement{database: d.Name, text: text})
		}
		for _, p := range d.Policies {
			o.compare(statement{database: d.Name, policy: p.Name, text: "SELECT * FROM /./ GROUP BY *"})
		}
	}
}
