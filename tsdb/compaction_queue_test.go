package tsdb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// manyShards is a layout of n shards of one hour each.
func manyShards(n int) Layout {
	d := DatabaseLayout{ID: 1}
	for i := range n {
		hour := model.TimeRange{Min: int64(i) * int64(time.Hour), Max: int64(i+1)*int64(time.Hour) - 1}
		d.Shards = append(d.Shards, ShardSpec{ID: uint64(i + 1), Policy: 1, Range: hour})
	}
	return Layout{d}
}

// fillShards writes rows of every series to every shard and flushes, so often.
func fillShards(t testing.TB, s *Store, layout Layout, series, flushes int) {
	t.Helper()
	ctx := context.Background()
	for f := range flushes {
		for _, spec := range layout[0].Shards {
			points := make([]point, series)
			for i := range points {
				points[i] = point{m: "cpu", tags: fmt.Sprintf("host=h%d", i), t: spec.Range.Min + int64(f), fields: map[string]any{"v": float64(i)}}
			}
			res, err := s.Write(ctx, 1, spec.ID, batchOf(s.Series(1), points))
			if err == nil {
				err = s.Commit(ctx, res.LSN)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// outputs counts the files that are being written.
type outputs struct {
	mu        sync.Mutex
	open      map[string]bool
	most, all int
}

func (o *outputs) note(_ int64, op vfs.Op, name string) {
	created := strings.HasSuffix(name, tempSuffix)
	name, _, _ = strings.Cut(name, ".tsm")
	o.mu.Lock()
	defer o.mu.Unlock()
	switch op {
	case vfs.OpCreate:
		if !created {
			return
		}
		o.open[name] = true
		o.most = max(o.most, len(o.open))
		o.all++
	case vfs.OpRename, vfs.OpRemove:
		delete(o.open, name)
	}
}

// A start that finds hundreds of shards to merge keeps within the workers and the
// bytes per second that merges may take.
func TestNoStormAfterStart(t *testing.T) {
	const shards, workers, rate, burst, blockMost = 200, 2, 40_000, 4_000, 1_000
	mem, clk := vfs.NewMem(), clock.NewManual(time.Unix(1_700_000_000, 0))
	opt := testOptions(mem)
	opt.Clock = clk
	layout := manyShards(shards)
	s, err := Open(context.Background(), "/data", layout, opt)
	if err != nil {
		t.Fatal(err)
	}
	fillShards(t, s, layout, 20, 8)
	waiting := s.Metrics()
	closeTest(t, s)
	if waiting.CompactionBacklog != shards || waiting.CompactionDebt == 0 || waiting.CompactionQueuedBytes != waiting.FileBytes {
		t.Fatalf("%d merges of %d bytes wait with a debt of %d, want %d of %d bytes", waiting.CompactionBacklog,
			waiting.CompactionQueuedBytes, waiting.CompactionDebt, shards, waiting.FileBytes)
	}

	out := &outputs{open: map[string]bool{}}
	opt.CompactionWorkers, opt.CompactionInterval, opt.CompactionBytes, opt.CompactionBurst = workers, time.Second, rate, burst
	if s, err = Open(context.Background(), "/data", layout, opt); err != nil {
		t.Fatal(err)
	}
	defer closeTest(t, s)
	mem.OnOp(out.note)
	defer mem.OnOp(nil)
	began := clk.Now()
	deadline := time.Now().Add(15 * time.Second)
	const step = 20 * time.Millisecond
	for s.counters.compactions.Load() < shards {
		if time.Now().After(deadline) {
			t.Fatalf("merges do not come to an end: %+v", s.Metrics())
		}
		// Time goes on when the workers do not: on a slow machine, too, they are
		// held back by the clock alone.
		before, _ := s.compactor.disk.totals()
		time.Sleep(time.Millisecond)
		if now, _ := s.compactor.disk.totals(); now == before {
			clk.Advance(step)
		}
		// Every worker may have taken a block that is not paid for yet.
		passed := clk.Now().Sub(began)
		read, _ := s.compactor.disk.totals()
		if most := rate*passed.Seconds() + burst + workers*blockMost; float64(read) > most {
			t.Fatalf("after %s merges have read %d bytes of blocks, at most %.0f are allowed", passed, read, most)
		}
	}
	m := settled(t, s)
	if took := clk.Now().Sub(began); took < time.Second || m.CompactionDelayed == 0 {
		t.Errorf("%d merges took %s and waited for %s: they were not held back", m.Compactions, took, m.CompactionDelayed)
	}
	if out.most > workers || out.all != shards {
		t.Errorf("%d files were written, up to %d at once; want %d, at most %d", out.all, out.most, shards, workers)
	}
	if m.CompactionReadBytes < shards*100 {
		t.Errorf("merges have read %d bytes, which is less than there are", m.CompactionReadBytes)
	}
	if m.Files != shards || m.CompactionQueuedBytes != 0 || m.CompactionDebt != 0 || m.CompactionsRunning != 0 {
		t.Errorf("%d files are left, %d bytes wait, debt %d, %d run", m.Files, m.CompactionQueuedBytes, m.CompactionDebt, m.CompactionsRunning)
	}
}

// The shard whose files make reads pay most comes first.
func TestWorstShardIsMergedFirst(t *testing.T) {
	mem := vfs.NewMem()
	var order []uint64
	opt := testOptions(mem)
	opt.Events.Compacted = func(sh ShardRef, _ int, _ int64, _ time.Duration) { order = append(order, sh.Shard) }
	layout := manyShards(3)
	s, err := Open(context.Background(), "/data", layout, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTest(t, s)
	for i, series := range []int{5, 400, 60} {
		one := Layout{{ID: 1, Shards: layout[0].Shards[i : i+1]}}
		fillShards(t, s, one, series, 8)
	}
	s.compactDue(context.Background())
	if fmt.Sprint(order) != "[2 3 1]" {
		t.Errorf("merged in the order %v", order)
	}
}

// Merges take the memory that they hold, not a flat sum, and none that is not there.
func TestMergeMemoryIsCharged(t *testing.T) {
	mem := vfs.NewMem()
	opt := testOptions(mem)
	opt.Budget = budget.New(64 << 20)
	opt.CompactionMemory = 2 << 20 // eight inputs took 32 MiB when they had 4 each
	var during int64
	s := openTest(t, mem, opt)
	defer closeTest(t, s)
	fillShards(t, s, Layout{{ID: 1, Shards: testShards[:1]}}, 50, 8)
	mem.OnOp(func(int64, vfs.Op, string) { during = max(during, s.mergeAccount.Used()) })
	err := s.Compact(context.Background())
	mem.OnOp(nil)
	if err != nil || s.Metrics().Compactions != 1 {
		t.Fatalf("%d merges, %v", s.Metrics().Compactions, err)
	}
	if during <= 0 || during > 2<<20 || s.mergeAccount.Used() != 0 {
		t.Errorf("a merge of small files held %d bytes, %d are still charged", during, s.mergeAccount.Used())
	}
}

func TestThrottle(t *testing.T) {
	clk := clock.NewManual(time.Unix(1_700_000_000, 0))
	th := newThrottle(clk, 1000, 500)
	if owed := th.book(500); owed != 0 {
		t.Errorf("the burst waits for %s", owed)
	}
	if owed := th.book(250); owed != 250*time.Millisecond {
		t.Errorf("250 bytes beyond the burst wait for %s", owed)
	}
	clk.Advance(500 * time.Millisecond)
	if owed := th.book(1000); owed != 750*time.Millisecond {
		t.Errorf("1000 bytes wait for %s with 250 saved", owed)
	}
	clk.Advance(time.Hour)
	if owed := th.book(600); owed != 100*time.Millisecond {
		t.Errorf("after a pause 600 bytes wait for %s: the burst is 500", owed)
	}
	if passed, waited := th.totals(); passed != 2350 || waited != 1100*time.Millisecond {
		t.Errorf("%d bytes have passed and waited for %s", passed, waited)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := th.take(ctx, 10_000); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait that is given up: %v", err)
	}
	if err := newThrottle(clk, 0, 0).take(ctx, 1<<40); err != nil {
		t.Errorf("without a limit: %v", err)
	}
}
