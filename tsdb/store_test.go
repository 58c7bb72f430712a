package tsdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
	"github.com/timberlinedb/timberline/wal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func onePoint(t int64, fields map[string]any) point {
	return point{m: "cpu", tags: "host=a", t: t, fields: fields}
}

func TestSecondProcessIsRefused(t *testing.T) {
	mem := vfs.NewMem()
	s := openTest(t, mem, testOptions(mem))
	defer s.Close()
	if _, err := Open(context.Background(), "/data", nil, testOptions(mem)); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("second open: %v", err)
	}
}

func TestNewerVersionIsRefusedByName(t *testing.T) {
	mem := vfs.NewMem()
	closeTest(t, openTest(t, mem, testOptions(mem)))
	err := vfs.WriteFile(mem, "/data/VERSION", func(w io.Writer) error {
		_, err := io.WriteString(w, "timberline 7\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(context.Background(), "/data", nil, testOptions(mem))
	if !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "format 7") {
		t.Errorf("open: %v", err)
	}
}

func TestLeftoversAreRemovedAndStrangersStay(t *testing.T) {
	mem := vfs.NewMem()
	s := openTest(t, mem, testOptions(mem))
	mustWrite(t, s, onePoint(1, map[string]any{"v": 1.5}), onePoint(1500, map[string]any{"v": 2.5}))
	closeTest(t, s)
	for _, dir := range []string{"/data/db/77/1/5", "/data/db/1/9/3", "/data/db/1/1/99", "/data/db/1/notes", "/data/db/backup"} {
		if err := mem.MkdirAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	shard := "/data/db/1/1/11"
	for _, name := range []string{"00000000000000aa.tsm", "00000000000000ab.tsm.tmp", "fields.tmp"} {
		f, err := mem.Create(filepath.Join(shard, name))
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	s = openTest(t, mem, testOptions(mem))
	defer s.Close()
	for name, want := range map[string]bool{
		"/data/db/77": false, "/data/db/1/9": false, "/data/db/1/1/99": false, "/data/db/1/notes": true, "/data/db/backup": true,
		shard + "/00000000000000aa.tsm": false, shard + "/00000000000000ab.tsm.tmp": false, shard + "/fields.tmp": false,
		shard + "/MANIFEST": true,
	} {
		if _, err := mem.Stat(name); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", name, err == nil, want)
		}
	}
	if got := s.Metrics().OrphansRemoved; got != 6 {
		t.Errorf("%d orphans counted, want 6", got)
	}
}

func TestFieldTypeConflictDropsRows(t *testing.T) {
	mem := vfs.NewMem()
	s := openTest(t, mem, testOptions(mem))
	defer s.Close()
	mustWrite(t, s, onePoint(1, map[string]any{"f": 1.5}))
	ctx := context.Background()
	res, err := s.Write(ctx, 1, 11, batchOf(s.Series(1), []point{
		onePoint(2, map[string]any{"f": int64(1), "other": int64(7)}),
		onePoint(3, map[string]any{"f": 2.5}),
		onePoint(4, map[string]any{"new": int64(1)}),
		onePoint(5, map[string]any{"new": 1.25}),
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(ctx, res.LSN); err != nil {
		t.Fatal(err)
	}
	const reason = `field type conflict: input field "f" on measurement "cpu" is type integer, already exists as type float`
	if res.Dropped != 2 || res.Rows != 2 || res.Values != 2 || res.Reason != reason {
		t.Errorf("result is %+v", res)
	}
	want := memory{}
	want.put(11, onePoint(1, map[string]any{"f": 1.5}))
	want.put(11, onePoint(3, map[string]any{"f": 2.5}))
	want.put(11, onePoint(4, map[string]any{"new": int64(1)}))
	checkStore(t, s, want, model.AllTime, false)
	// The dropped row must not have fixed the type of its other field.
	if dropped, err := writePoints(s, []point{onePoint(6, map[string]any{"other": "text"})}); err != nil || dropped != 0 {
		t.Errorf("dropped %d, %v", dropped, err)
	}
}

func TestWholeMeasurementForgetsTypes(t *testing.T) {
	mem := vfs.NewMem()
	s := openTest(t, mem, testOptions(mem))
	ctx := context.Background()
	mustWrite(t, s, onePoint(1, map[string]any{"f": 1.5}), onePoint(1001, map[string]any{"f": 1.5}))
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, onePoint(2, map[string]any{"f": 1.5}))
	if err := s.Delete(ctx, DeleteRequest{Database: 1, Shards: allShards(), Measurement: "cpu", Range: model.AllTime, Whole: true}); err != nil {
		t.Fatal(err)
	}
	checkStore(t, s, memory{}, model.AllTime, false)
	want := memory{}
	p := onePoint(1, map[string]any{"f": "text"})
	if dropped, err := writePoints(s, []point{p}); err != nil || dropped != 0 {
		t.Fatalf("dropped %d, %v", dropped, err)
	}
	want.put(11, p)
	checkStore(t, s, want, model.AllTime, false)
	for range 2 {
		if err := errors.Join(s.Flush(ctx), s.Compact(ctx)); err != nil {
			t.Fatal(err)
		}
		checkStore(t, s, want, model.AllTime, true)
		closeTest(t, s)
		s = openTest(t, mem, testOptions(mem))
		checkStore(t, s, want, model.AllTime, false)
	}
	closeTest(t, s)
}

func TestReadersConvertNumbers(t *testing.T) {
	mem := vfs.NewMem()
	s := openTest(t, mem, testOptions(mem))
	defer s.Close()
	mustWrite(t, s, onePoint(1, map[string]any{"f": int64(-3), "g": "x"}), onePoint(1001, map[string]any{"f": 2.5, "g": uint64(8)}))
	v, err := s.View(context.Background(), 1, allShards(), model.AllTime)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for _, typ := range []model.FieldType{model.Float, model.Integer, model.Unsigned} {
		cur, err := v.Read(context.Background(), cursor.Request{
			Measurement: "cpu", Series: []model.SeriesID{1}, Range: model.AllTime,
			Fields: []cursor.Field{{Name: "f", Type: typ}, {Name: "g", Type: model.String}},
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []any
		for cur.NextSeries(); ; {
			b := cur.Next()
			if b == nil {
				break
			}
			for i := range b.Times {
				got = append(got, valueAt(&b.Columns[0], i), valueAt(&b.Columns[1], i))
			}
		}
		want := map[model.FieldType]string{
			model.Float: "[-3 x 2.5 <nil>]", model.Integer: "[-3 x 2 <nil>]", model.Unsigned: "[0 x 2 <nil>]",
		}[typ]
		if text := fmt.Sprint(got); text != want {
			t.Errorf("as %v: %s, want %s", typ, text, want)
		}
		cur.Close()
	}
}

func TestRowsAreSeenOnlyWhenDurable(t *testing.T) {
	mem := vfs.NewMem()
	fault := vfs.NewFault(mem)
	s := openTest(t, fault, testOptions(fault))
	defer s.Close()
	want := memory{}
	p := onePoint(1, map[string]any{"v": 1.5})
	mustWrite(t, s, p)
	want.put(11, p)
	fault.Add(vfs.Rule{Ops: vfs.OpAnySync, Path: "/wal/", Sticky: true})
	if _, err := writePoints(s, []point{onePoint(2, map[string]any{"v": 2.5})}); err == nil {
		t.Fatal("write is confirmed though the log cannot be synced")
	}
	checkStore(t, s, want, model.AllTime, false)
	if err := s.Flush(context.Background()); err == nil {
		t.Error("rows that are not durable were flushed")
	}
	checkStore(t, s, want, model.AllTime, false)
	fault.Clear()
}

func TestFullCacheRefusesAndRecovers(t *testing.T) {
	mem := vfs.NewMem()
	fault := vfs.NewFault(mem)
	opt := testOptions(fault)
	opt.CacheLimit, opt.WriteStall = 256<<10, -1
	s := openTest(t, fault, opt)
	defer s.Close()
	fault.Add(vfs.Rule{Ops: vfs.OpCreate, Path: "*.tsm.tmp", Sticky: true})
	var err error
	n := int64(0)
	for ; n < 1000 && err == nil; n++ {
		var points []point
		for i := range int64(200) {
			points = append(points, onePoint(i, map[string]any{"v": float64(n)}))
		}
		_, err = writePoints(s, points)
	}
	if !errors.Is(err, ErrCacheFull) {
		t.Fatalf("after %d writes: %v", n, err)
	}
	fault.Clear()
	if err := s.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, onePoint(999, map[string]any{"v": 1.0}))
	if m := s.Metrics(); m.WritesRefused != 1 {
		t.Errorf("%d writes counted as refused", m.WritesRefused)
	}
}

func TestWriteLargerThanTheCacheGetsIn(t *testing.T) {
	mem := vfs.NewMem()
	opt := testOptions(mem)
	opt.CacheLimit = 64 << 10
	s := openTest(t, mem, opt)
	defer s.Close()
	want := memory{}
	var points []point
	for i := range 20_000 {
		p := point{m: "cpu", tags: fmt.Sprintf("host=h%d", i%50), t: int64(i % 1000), fields: map[string]any{"v": int64(i)}}
		points = append(points, p)
		want.put(11, p)
	}
	mustWrite(t, s, points...)
	checkStore(t, s, want, model.AllTime, false)
}

func TestReplayKeepsWithinTheCache(t *testing.T) {
	mem := vfs.NewMem()
	s := openTest(t, mem, testOptions(mem))
	rng, _ := newRand(t)
	want := memory{}
	for range 40 {
		points := randomPoints(rng, 500)
		mustWrite(t, s, points...)
		for _, p := range points {
			want.put(shardOf(p.t), p)
		}
		if rng.IntN(8) == 0 {
			if err := s.Delete(context.Background(), randomDelete(rng, want)); err != nil {
				t.Fatal(err)
			}
		}
	}
	cut := mem.Crash(vfs.CrashOptions{})
	s.Close()
	opt := testOptions(cut)
	opt.CacheLimit = 1 << 20
	s = openTest(t, cut, opt)
	defer s.Close()
	if m := s.Metrics(); m.Flushes == 0 || m.CacheBytes > opt.CacheLimit {
		t.Errorf("%d flushes while the log was replayed, cache has %d bytes", m.Flushes, m.CacheBytes)
	}
	checkStore(t, s, want, model.AllTime, false)
}

func TestOldCachesAreFlushed(t *testing.T) {
	mem := vfs.NewMem()
	opt := testOptions(mem)
	clk := clock.NewManual(time.Unix(1_700_000_000, 0))
	opt.Clock = clk
	flushed := make(chan int64, 10)
	opt.Events.Flushed = func(_ ShardRef, rows, _ int64, _ time.Duration) { flushed <- rows }
	s := openTest(t, mem, opt)
	defer s.Close()
	mustWrite(t, s, onePoint(1, map[string]any{"v": 1.5}))
	clk.Advance(opt.FlushAge + 11*time.Minute)
	if rows := <-flushed; rows != 1 {
		t.Errorf("%d rows flushed", rows)
	}
}

// A cache that a bulk load left is flushed soon after; one with few rows for each
// series stays.
func TestDeepCachesAreFlushedSoon(t *testing.T) {
	for _, test := range []struct {
		series int
		soon   bool
	}{{10, true}, {20_000, false}} {
		mem := vfs.NewMem()
		opt := testOptions(mem)
		clk := clock.NewManual(time.Unix(1_700_000_000, 0))
		opt.Clock, opt.FlushAge = clk, time.Hour
		opt.ShardCacheBytes, opt.CacheFlushBytes, opt.CacheLimit = 64<<20, 128<<20, 256<<20
		s := openTest(t, mem, opt)
		const rows = 1000
		for from := 0; from < 200*rows; from += rows {
			var points []point
			for i := from; i < from+rows; i++ {
				points = append(points, point{m: "cpu", tags: fmt.Sprint("host=", i%test.series), t: 1 + int64(i/test.series)%900,
					fields: map[string]any{"a": 1.5, "b": 2.5, "c": 3.5}})
			}
			mustWrite(t, s, points...)
		}
		if m := s.Metrics(); m.CacheBytes < deepFlushBytes || m.Flushes > 0 {
			t.Fatalf("the load left %d bytes in the cache after %d flushes", m.CacheBytes, m.Flushes)
		}
		clk.Advance(flushTick)
		wait := 20 * time.Second
		if !test.soon {
			wait = 200 * time.Millisecond
		}
		for deadline := time.Now().Add(wait); s.Metrics().Flushes == 0 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if got := s.Metrics().Flushes > 0; got != test.soon {
			t.Errorf("%d rows of %d series: flushed after a second: %v", 200*rows, test.series, got)
		}
		closeTest(t, s)
	}
}

func TestDamagedFileIsSetAsideAndReadsSaySo(t *testing.T) {
	mem := vfs.NewMem()
	s := openTest(t, mem, testOptions(mem))
	mustWrite(t, s, onePoint(1, map[string]any{"v": 1.5}))
	if err := s.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	path := s.list()[0].shard(11).files[0].path
	mustWrite(t, s, onePoint(1500, map[string]any{"v": 1.5}))
	closeTest(t, s)
	f, err := mem.OpenReadWrite(path)
	if err != nil {
		t.Fatal(err)
	}
	size, _ := f.Size()
	f.WriteAt([]byte{0xff, 0xff}, size-20)
	f.Close()

	for round := range 2 {
		s = openTest(t, mem, testOptions(mem))
		// The view says so already: nobody knows which series the file had.
		read := func(r model.TimeRange) error {
			v, err := s.View(context.Background(), 1, allShards(), r)
			if err != nil {
				return err
			}
			defer v.Close()
			_, err = readAll(v, r, false)
			return err
		}
		if err := read(model.TimeRange{Min: 0, Max: 100}); !errors.Is(err, cursor.ErrCorrupt) || !strings.Contains(err.Error(), filepath.Base(path)) {
			t.Errorf("round %d: read over the lost file: %v", round, err)
		}
		if _, err := mem.Stat("/data/quarantine/1-11-" + filepath.Base(path)); err != nil {
			t.Errorf("round %d: quarantine: %v", round, err)
		}
		if err := read(model.TimeRange{Min: 1000, Max: 1999}); err != nil {
			t.Errorf("round %d: read beside it: %v", round, err)
		}
		if m := s.Metrics(); m.LostFiles != 1 || m.CorruptionsFound == 0 {
			t.Errorf("round %d: metrics say %d lost files, %d corruptions", round, m.LostFiles, m.CorruptionsFound)
		}
		closeTest(t, s)
	}
}

func TestDamagedBlockEndsTheReadWithItsName(t *testing.T) {
	mem := vfs.NewMem()
	fault := vfs.NewFault(mem)
	s := openTest(t, fault, testOptions(fault))
	defer s.Close()
	mustWrite(t, s, onePoint(1, map[string]any{"v": 1.5}))
	if err := s.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	fault.Add(vfs.Rule{Ops: vfs.OpRead, Path: "*.tsm", Sticky: true, FlipBit: true, Flip: 77})
	v, err := s.View(context.Background(), 1, allShards(), model.AllTime)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if _, err := readAll(v, model.AllTime, false); !errors.Is(err, cursor.ErrCorrupt) || !strings.Contains(err.Error(), ".tsm") {
		t.Errorf("read: %v", err)
	}
	if s.Metrics().CorruptionsFound == 0 {
		t.Error("the damage is not counted")
	}
	fault.Clear()
}

func TestViewsOutliveDrops(t *testing.T) {
	mem := vfs.NewMem()
	s := openTest(t, mem, testOptions(mem))
	defer s.Close()
	ctx := context.Background()
	want := memory{}
	for _, p := range []point{onePoint(1, map[string]any{"v": 1.5}), onePoint(1500, map[string]any{"v": 2.5})} {
		mustWrite(t, s, p)
		want.put(shardOf(p.t), p)
	}
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	p := onePoint(2, map[string]any{"v": 3.5})
	mustWrite(t, s, p)
	want.put(11, p)
	v, err := s.View(ctx, 1, allShards(), model.AllTime)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DropShard(1, 11); err != nil {
		t.Fatal(err)
	}
	if err := compare(v, allShards(), want, model.AllTime, false); err != nil {
		t.Errorf("view of a dropped shard: %v", err)
	}
	v.Close()
	if _, err := s.Write(ctx, 1, 11, batchOf(s.Series(1), []point{p})); !errors.Is(err, ErrShardNotFound) {
		t.Errorf("write to a dropped shard: %v", err)
	}
	delete(want, 11)
	checkStore(t, s, want, model.AllTime, false)
	if err := s.DropDatabase(1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.View(ctx, 1, allShards(), model.AllTime); !errors.Is(err, ErrDatabaseNotFound) {
		t.Errorf("view of a dropped database: %v", err)
	}
	if s.Series(1) != nil {
		t.Error("series table of a dropped database is there")
	}
	if _, err := mem.Stat("/data/db/1"); err == nil {
		t.Error("directory of a dropped database is there")
	}
}

func TestLogIsLetGo(t *testing.T) {
	mem := vfs.NewMem()
	opt := historyOptions(mem)
	s := openTest(t, mem, opt)
	defer s.Close()
	rng, _ := newRand(t)
	for range 60 {
		mustWrite(t, s, randomPoints(rng, 60)...)
	}
	before := s.Metrics().Log.Segments
	if err := s.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	if after := s.Metrics().Log.Segments; before < 4 || after > 2 {
		t.Errorf("log has %d segments before a flush and %d after", before, after)
	}
}

// Writers, flushes, merges, deletes, drops and views run together. Every writer
// owns its series, so that it knows what must be there.
func TestEverythingAtOnce(t *testing.T) {
	mem := vfs.NewMem()
	opt := testOptions(mem)
	opt.Clock = clock.System
	opt.CacheLimit, opt.ShardCacheBytes, opt.CompactionWorkers = 4<<20, 128<<10, 1
	opt.CompactionInterval = 10 * time.Millisecond
	s := openTest(t, mem, opt)
	ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
	defer cancel()
	want := make([]memory, 4)
	var wg sync.WaitGroup
	for w := range want {
		rng, _ := newRand(t)
		want[w] = memory{}
		wg.Go(func() {
			for ctx.Err() == nil {
				points := randomPoints(rng, 1+rng.IntN(80))
				for i := range points {
					points[i].tags = fmt.Sprintf("host=w%d,n=%d", w, rng.IntN(9))
				}
				if _, err := writePoints(s, points); err != nil {
					t.Errorf("writer %d: %v", w, err)
					return
				}
				for _, p := range points {
					want[w].put(shardOf(p.t), p)
				}
				if rng.IntN(10) > 0 {
					continue
				}
				host := fmt.Sprintf("w%d", w)
				lo := rng.Int64N(2000)
				req := DeleteRequest{Database: 1, Shards: allShards(), Range: model.TimeRange{Min: lo, Max: lo + 500},
					Filter: &model.TagFilter{Op: model.TagEqual, Key: "host", Value: host}}
				if err := s.Delete(context.Background(), req); err != nil {
					t.Errorf("writer %d: delete: %v", w, err)
					return
				}
				for _, shard := range allShards() {
					want[w].remove(shard, "", req.Range, func(string) bool { return true })
				}
			}
		})
	}
	wg.Go(func() {
		for ctx.Err() == nil {
			if err := errors.Join(s.Flush(context.Background()), s.Compact(context.Background())); err != nil {
				t.Errorf("flush or merge: %v", err)
			}
		}
	})
	wg.Go(func() {
		for n := uint64(100); ctx.Err() == nil; n++ {
			spec := ShardSpec{ID: n, Policy: 2, Range: model.TimeRange{Min: 5000, Max: 5999}}
			b := batchOf(s.Series(1), []point{{m: "temp", tags: "host=x", t: 5000, fields: map[string]any{"v": 1.5}}})
			if err := s.EnsureShard(1, spec); err != nil {
				t.Errorf("make shard: %v", err)
			}
			if _, err := s.Write(context.Background(), 1, n, b); err != nil {
				t.Errorf("write: %v", err)
			}
			if err := s.DropShard(1, n); err != nil {
				t.Errorf("drop shard: %v", err)
			}
		}
	})
	wg.Go(func() {
		for ctx.Err() == nil {
			v, err := s.View(context.Background(), 1, allShards(), model.AllTime)
			if err != nil {
				t.Errorf("view: %v", err)
				return
			}
			if _, err := readAll(v, model.AllTime, false); err != nil {
				t.Errorf("read: %v", err)
			}
			v.Close()
		}
	})
	wg.Wait()
	all := memory{}
	for _, m := range want {
		for shard, ms := range m.clone() {
			for name, series := range ms {
				for tags, rows := range series {
					for ts, fields := range rows {
						all.put(shard, point{name, tags, ts, fields})
					}
				}
			}
		}
	}
	checkStore(t, s, all, model.AllTime, false)
	closeTest(t, s)
	s = openTest(t, mem, opt)
	checkStore(t, s, all, model.AllTime, true)
	closeTest(t, s)
}

func TestSpecialFloatsSurvive(t *testing.T) {
	mem := vfs.NewMem()
	s := openTest(t, mem, testOptions(mem))
	defer s.Close()
	want := memory{}
	for i, v := range []float64{0, math.MaxFloat64, math.SmallestNonzeroFloat64, -1e-300, 1 << 60} {
		p := onePoint(int64(i), map[string]any{"v": v})
		mustWrite(t, s, p)
		want.put(11, p)
	}
	checkStore(t, s, want, model.AllTime, false)
	if err := s.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	checkStore(t, s, want, model.AllTime, false)
}

func TestIntervalModeShowsRowsAfterCommit(t *testing.T) {
	mem := vfs.NewMem()
	opt := testOptions(mem)
	opt.Clock = clock.System
	opt.WAL.SyncMode, opt.WAL.SyncInterval = wal.Interval, 20*time.Millisecond
	s := openTest(t, mem, opt)
	defer s.Close()
	want := memory{}
	for i := range int64(20) {
		p := onePoint(i, map[string]any{"v": float64(i)})
		mustWrite(t, s, p)
		want.put(11, p)
		checkStore(t, s, want, model.AllTime, false)
	}
	if err := s.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	if m := s.Metrics(); m.DurableLSN < m.AppendedLSN {
		t.Errorf("flushed rows up to LSN %d, durable are %d", m.AppendedLSN, m.DurableLSN)
	}
	checkStore(t, s, want, model.AllTime, false)
}

// TestDeleteOfDroppedDatabase deletes while the database goes: what is gone has nothing left to delete.
func TestDeleteOfDroppedDatabase(t *testing.T) {
	mem := vfs.NewMem()
	s := openTest(t, mem, testOptions(mem))
	defer s.Close() // which cannot flush what has no index any more
	mustWrite(t, s, onePoint(1, map[string]any{"f": 1.5}))
	d, err := s.database(1)
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.dropped = true
	d.mu.Unlock()
	if err := d.index.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(context.Background(), DeleteRequest{Database: 1, Shards: allShards(), Measurement: "cpu", Whole: true}); err != nil {
		t.Errorf("the database is gone, and the delete says %v", err)
	}
}
