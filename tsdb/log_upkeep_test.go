package tsdb

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// logBytes adds up the files of the log.
func logBytes(t *testing.T, fs vfs.FS) (total int64) {
	t.Helper()
	names, err := fs.List("/data/wal")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		info, err := fs.Stat(filepath.Join("/data/wal", name))
		if err != nil {
			t.Fatal(err)
		}
		total += info.Size
	}
	return total
}

// After a load the caches are flushed and the log gives its space back, in a
// bounded time and at the latest at Close.
func TestIdleStoreGivesSpaceBack(t *testing.T) {
	mem, clk := vfs.NewMem(), clock.NewManual(time.Unix(1_700_000_000, 0))
	opt := testOptions(mem)
	opt.Clock, opt.FlushAge = clk, 10*time.Minute
	opt.ShardCacheBytes, opt.CacheFlushBytes, opt.CacheLimit = 64<<20, 128<<20, 256<<20
	opt.WAL.SegmentBytes = 1 << 20
	s := openTest(t, mem, opt)
	want := memory{}
	rng, _ := newRand(t)
	noise := func() map[string]any {
		b := make([]byte, 100_000)
		for i := range b {
			b[i] = ' ' + byte(rng.IntN(90))
		}
		return map[string]any{"text": string(b)}
	}
	for i := range 40 {
		p := point{m: "cpu", tags: fmt.Sprint("host=", i), t: 5, fields: noise()}
		mustWrite(t, s, p)
		want.put(shardOf(p.t), p)
	}
	if got := logBytes(t, mem); got < 3<<20 || s.Metrics().Flushes != 0 {
		t.Fatalf("the load left %d bytes of log after %d flushes", got, s.Metrics().Flushes)
	}
	// A tenth of FlushAge until the flush, as long until spares are of no use, and
	// some ticks.
	deadline := time.Now().Add(20 * time.Second)
	for logBytes(t, mem) > 300<<10 && time.Now().Before(deadline) {
		clk.Advance(time.Second)
		time.Sleep(time.Millisecond) // lets flushLoop take its tick
	}
	if got := logBytes(t, mem); got > 300<<10 || s.Metrics().CacheRows != 0 {
		t.Errorf("an idle store keeps %d bytes of log and %d rows in caches", got, s.Metrics().CacheRows)
	}
	checkStore(t, s, want, model.AllTime, false)
	last := point{m: "cpu", tags: "host=last", t: 6, fields: noise()}
	mustWrite(t, s, last)
	want.put(shardOf(last.t), last)
	closeTest(t, s)
	if got := logBytes(t, mem); got > 4<<10 {
		t.Errorf("a closed store keeps %d bytes of log", got)
	}
	opt.FS = mem.Crash(vfs.CrashOptions{})
	s = openTest(t, opt.FS, opt)
	defer closeTest(t, s)
	if got := s.Metrics().Replay; got.Rows+got.RowsSkipped > 0 {
		t.Errorf("after a clean end %+v was replayed", got)
	}
	checkStore(t, s, want, model.AllTime, false)
}
