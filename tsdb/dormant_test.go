package tsdb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/index"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// dormantLayout has shards 1 to n of a thousand nanoseconds each.
func dormantLayout(n int) Layout {
	d := DatabaseLayout{ID: 1}
	for i := range n {
		from := int64(i) * 1000
		d.Shards = append(d.Shards, ShardSpec{ID: uint64(i + 1), Policy: 1, Range: model.TimeRange{Min: from, Max: from + 999}})
	}
	return Layout{d}
}

// restingStore makes a store of n shards with one file each, in which shard i has the
// series host=0 to host=i, and closes it.
func restingStore(t *testing.T, mem *vfs.Mem, n int) (Layout, Options) {
	t.Helper()
	layout, opt := dormantLayout(n), testOptions(mem)
	s := openLayout(t, layout, opt)
	for i := range n {
		for host := range i + 1 {
			putRow(t, s, uint64(i+1), host, int64(i)*1000+int64(host))
		}
	}
	closeTest(t, s)
	return layout, opt
}

func openLayout(t *testing.T, layout Layout, opt Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), "/data", layout, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func putRow(t *testing.T, s *Store, shard uint64, host int, at int64) {
	t.Helper()
	ctx := context.Background()
	p := point{m: "cpu", tags: fmt.Sprintf("host=%d", host), t: at, fields: map[string]any{"v": float64(at)}}
	res, err := s.Write(ctx, 1, shard, batchOf(s.Series(1), []point{p}))
	if err == nil {
		err = s.Commit(ctx, res.LSN)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// restingRows returns how many rows a time range has.
func restingRows(t *testing.T, s *Store, layout Layout, r model.TimeRange) (rows int) {
	t.Helper()
	var ids []uint64
	for _, spec := range layout[0].Shards {
		ids = append(ids, spec.ID)
	}
	v, err := s.View(context.Background(), 1, ids, r)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	got, err := readAll(v, r, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, series := range got["cpu"] {
		rows += len(series)
	}
	return rows
}

// TestShardsRest opens a store of shards that nobody needs: none is opened before it
// is asked for, and only those are that the question, the write or the delete is
// about.
func TestShardsRest(t *testing.T) {
	const n = 8
	mem := vfs.NewMem()
	layout, opt := restingStore(t, mem, n)
	s := openLayout(t, layout, opt)
	dormant := func(want int) {
		t.Helper()
		if m := s.Metrics(); m.DormantShards != want || m.Shards != n || m.Files != n {
			t.Fatalf("%d of %d shards rest, %d files, want %d", m.DormantShards, m.Shards, m.Files, want)
		}
	}
	dormant(n)
	if err := s.EnsureShard(1, layout[0].Shards[3]); err != nil {
		t.Fatal(err)
	}
	dormant(n)
	if rows := restingRows(t, s, layout, layout[0].Shards[2].Range); rows != 3 {
		t.Errorf("%d rows, want 3", rows)
	}
	dormant(n - 1)
	putRow(t, s, 5, 77, 4500)
	dormant(n - 2)
	req := DeleteRequest{Database: 1, Shards: []uint64{1, 2, 3, 4, 5, 6, 7, 8}, Range: model.TimeRange{Min: 6000, Max: 6002}}
	if err := s.Delete(context.Background(), req); err != nil {
		t.Fatal(err)
	}
	dormant(n - 3)
	if rows := restingRows(t, s, layout, layout[0].Shards[6].Range); rows != 7-3 {
		t.Errorf("%d rows are left, want 4", rows)
	}
	if err := s.DropShard(1, 8); err != nil {
		t.Fatal(err)
	}
	if _, err := mem.Stat("/data/db/1/1/8"); err == nil {
		t.Error("the directory of a dropped shard is there")
	}
	if rows := restingRows(t, s, layout, model.AllTime); rows != 1+2+3+4+5+1+6+4 {
		t.Errorf("%d rows in all", rows)
	}
	if m := s.Metrics(); m.DormantShards != 0 || m.Shards != n-1 {
		t.Errorf("%d of %d shards rest after a question about all", m.DormantShards, m.Shards)
	}
	closeTest(t, s)
}

// TestDormantAwakensOnce asks for one shard from many sides at once.
func TestDormantAwakensOnce(t *testing.T) {
	mem := vfs.NewMem()
	layout, opt := restingStore(t, mem, 3)
	s := openLayout(t, layout, opt)
	db := s.list()[0]
	opened := make([]*shard, 8)
	var all sync.WaitGroup
	for i := range opened {
		all.Go(func() {
			sh, err := db.awaken(2)
			if err != nil {
				t.Error(err)
			}
			opened[i] = sh
			if rows := restingRows(t, s, layout, layout[0].Shards[1].Range); rows != 2 {
				t.Errorf("%d rows", rows)
			}
		})
	}
	all.Wait()
	for _, sh := range opened {
		if sh == nil || sh != db.shard(2) {
			t.Errorf("shard %p was opened, %p counts", sh, db.shard(2))
		}
	}
	closeTest(t, s)
}

// TestReplayAwakens crashes a store with rows in the log: the shards that have them
// are open after the start, those whose rows are in files rest.
func TestReplayAwakens(t *testing.T) {
	mem := vfs.NewMem()
	layout, opt := restingStore(t, mem, 6)
	s := openLayout(t, layout, opt)
	putRow(t, s, 2, 100, 1500) // flushed below, although the log still has it
	putRow(t, s, 4, 101, 3500)
	if err := s.list()[0].shard(2).flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	opt.FS = mem.Crash(vfs.CrashOptions{})
	closeTest(t, s)
	s = openLayout(t, layout, opt)
	if m := s.Metrics(); m.DormantShards != 5 || m.Replay.Rows != 1 || m.Replay.RowsSkipped == 0 {
		t.Errorf("%d shards rest, replay %+v", m.DormantShards, m.Replay)
	}
	if rows := restingRows(t, s, layout, model.AllTime); rows != 21+2 {
		t.Errorf("%d rows", rows)
	}
	closeTest(t, s)
}

// TestSurvey has the survey of a start find damage, leave shards closed that are in
// order, and open those that have something to merge.
func TestSurvey(t *testing.T) {
	mem := vfs.NewMem()
	layout, opt := restingStore(t, mem, 5)
	s := openLayout(t, layout, opt)
	putRow(t, s, 3, 50, 2999)
	broken := s.list()[0].dormantShard(5)
	path := filepath.Join(s.list()[0].shardDir(broken.spec), fmt.Sprintf("%016x.tsm", broken.state.files[0].Number))
	closeTest(t, s)
	overwriteAt(t, mem, path, -20, []byte{0xff, 0xff})

	clk := clock.NewManual(time.Unix(1_700_000_000, 0))
	opt.CompactionWorkers, opt.CompactionInterval, opt.Clock = 1, time.Hour, clk
	s = openLayout(t, layout, opt)
	db := s.list()[0]
	if n := s.Metrics().DormantShards; n != 5 {
		t.Errorf("%d shards rest before the survey", n)
	}
	for deadline := time.Now().Add(10 * time.Second); db.unsurveyed(); clk.Advance(flushTick) {
		if time.Now().After(deadline) {
			t.Fatal("the survey does not end")
		}
		time.Sleep(time.Millisecond)
	}
	m := s.Metrics()
	if m.DormantShards != 3 || m.LostFiles != 1 || m.QuarantinedFiles != 1 || m.CorruptionsFound == 0 {
		t.Errorf("after the survey: %+v", m)
	}
	if db.shard(3) == nil || db.shard(5) == nil {
		t.Error("a shard with two files or a lost one is closed")
	}
	if _, err := s.View(context.Background(), 1, []uint64{5}, model.AllTime); !errors.Is(err, cursor.ErrCorrupt) {
		t.Errorf("a view over the lost file: %v", err)
	}
	if rows := restingRows(t, s, layout, model.TimeRange{Min: 0, Max: 3999}); rows != 1+2+3+1+4 {
		t.Errorf("%d rows", rows)
	}
	closeTest(t, s)
}

func overwriteAt(t *testing.T, mem *vfs.Mem, path string, at int64, b []byte) {
	t.Helper()
	f, err := mem.OpenReadWrite(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if at < 0 {
		size, err := f.Size()
		if err != nil {
			t.Fatal(err)
		}
		at += size
	}
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// TestDormantDamage damages what a start reads of a dormant shard, and what it does
// not read: either way the shard fails alone and says so.
func TestDormantDamage(t *testing.T) {
	for _, name := range []string{manifestName, fieldsName, "tombstones.tomb"} {
		mem := vfs.NewMem()
		layout, opt := restingStore(t, mem, 3)
		overwriteAt(t, mem, filepath.Join("/data/db/1/1/2", name), 0, []byte("broken"))
		s := openLayout(t, layout, opt)
		if rows := restingRows(t, s, layout, layout[0].Shards[2].Range); rows != 3 {
			t.Errorf("%s: %d rows beside it", name, rows)
		}
		for range 2 {
			if _, err := s.View(context.Background(), 1, []uint64{1, 2, 3}, model.AllTime); !errors.Is(err, cursor.ErrCorrupt) {
				t.Errorf("%s: a view over the shard: %v", name, err)
			}
		}
		if m := s.Metrics(); m.FailedShards != 1 {
			t.Errorf("%s: %d failed shards", name, m.FailedShards)
		}
		closeTest(t, s)
	}
}

// TestDormantFileFails has the file system fail when a shard is awakened: the
// question fails, and the next one is answered.
func TestDormantFileFails(t *testing.T) {
	mem := vfs.NewMem()
	layout, opt := restingStore(t, mem, 2)
	fault := vfs.NewFault(mem)
	opt.FS = fault
	s := openLayout(t, layout, opt)
	rule := fault.Add(vfs.Rule{Ops: vfs.OpRead | vfs.OpOpen, Path: manifestName, Sticky: true})
	if _, err := s.View(context.Background(), 1, []uint64{1, 2}, model.AllTime); !errors.Is(err, vfs.ErrInjected) {
		t.Errorf("a view while the disk fails: %v", err)
	}
	rule.Clear()
	if rows := restingRows(t, s, layout, model.AllTime); rows != 3 {
		t.Errorf("%d rows", rows)
	}
	if m := s.Metrics(); m.FailedShards != 0 || m.DormantShards != 0 {
		t.Errorf("%+v", m)
	}
	closeTest(t, s)
}

// TestDormantIDsAreNotGivenOut loses the end of the series log without a trace: ids
// that files of dormant shards name are not given to other series.
func TestDormantIDsAreNotGivenOut(t *testing.T) {
	mem := vfs.NewMem()
	layout, opt := restingStore(t, mem, 4) // host=0 … host=3 have the ids 1 … 4
	for _, name := range []string{"/data/db/1/series/00000001.series", "/data/db/1/index/checkpoint"} {
		if err := mem.Remove(name); err != nil && name != "/data/db/1/index/checkpoint" {
			t.Fatal(err)
		}
	}
	s := openLayout(t, layout, opt)
	if m := s.Metrics(); m.DormantShards != 4 {
		t.Errorf("%d shards rest", m.DormantShards)
	}
	putRow(t, s, 1, 99, 900)
	if id := s.list()[0].index.Metrics().NextID; id != 6 {
		t.Errorf("the next id is %d, want 6", id)
	}
	closeTest(t, s)
}

// TestNoneFreedUnsurveyed has no series freed as long as nobody knows what dormant
// shards name, and frees them after the survey.
func TestNoneFreedUnsurveyed(t *testing.T) {
	mem := vfs.NewMem()
	layout, opt := restingStore(t, mem, 4)
	opt.Index = index.Options{CheckpointSeries: 1}
	s := openLayout(t, layout, opt)
	if err := s.DropShard(1, 4); err != nil { // the only one with host=3
		t.Fatal(err)
	}
	db := s.list()[0]
	for range 3 {
		if err := db.freeSeries(); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Metrics().SeriesFreed; n != 0 {
		t.Fatalf("%d series freed before the survey", n)
	}
	if s.surveySome(2) {
		t.Error("all are surveyed after two of three")
	}
	if err := db.freeSeries(); err != nil || s.Metrics().SeriesFreed != 0 {
		t.Fatalf("%v, %d series freed in the middle of the survey", err, s.Metrics().SeriesFreed)
	}
	if !s.surveySome(2) {
		t.Fatal("the survey fails")
	}
	if n := s.Metrics().DormantShards; n != 3 {
		t.Errorf("%d shards rest after the survey", n)
	}
	for range 3 {
		if err := db.freeSeries(); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Metrics().SeriesFreed; n != 1 {
		t.Errorf("%d series freed after the survey, want 1", n)
	}
	if rows := restingRows(t, s, layout[:1], model.TimeRange{Min: 0, Max: 2999}); rows != 6 {
		t.Errorf("%d rows", rows)
	}
	closeTest(t, s)
}
