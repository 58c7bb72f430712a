package tsdb

import (
	"context"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

func hostPoint(host string, t int64) point {
	return point{m: "m", tags: "host=" + host, t: t, fields: map[string]any{"f": float64(t)}}
}

// upkeep does what the background would do, and returns how many series were
// freed since the store was opened.
func upkeep(t *testing.T, s *Store) int64 {
	t.Helper()
	for range 2 {
		if err := s.flushAll(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := s.Compact(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	return s.Metrics().SeriesFreed
}

// A write that has looked up its series keeps them, whatever happens before it
// stores its rows.
func TestHeldSeriesAreNotFreed(t *testing.T) {
	s := openTest(t, vfs.NewMem(), testOptions(vfs.NewMem()))
	defer func() { closeTest(t, s) }()
	mustWrite(t, s, hostPoint("a", 1), hostPoint("b", 1))
	ctx := context.Background()

	hold := s.HoldSeries(1)
	b := batchOf(s.Series(1), []point{hostPoint("a", 1001)})
	if b.Tables[0].Series[0] == 0 {
		t.Fatal("the series is not known")
	}
	if err := s.DropShard(1, 11); err != nil {
		t.Fatal(err)
	}
	if n := upkeep(t, s); n != 0 {
		t.Fatalf("%d series were freed under the writer", n)
	}
	res, err := s.Write(ctx, 1, 12, b)
	if err == nil {
		err = s.Commit(ctx, res.LSN)
	}
	if err != nil {
		t.Fatal(err)
	}
	hold.Release()
	if n := upkeep(t, s); n != 1 {
		t.Fatalf("%d series were freed, want only that of host b", n)
	}
	want := memory{}
	want.put(12, hostPoint("a", 1001))
	checkStore(t, s, want, model.AllTime, false)

	// What is freed can come back, under another number.
	mustWrite(t, s, hostPoint("b", 1002), hostPoint("a", 1003))
	want.put(12, hostPoint("b", 1002))
	want.put(12, hostPoint("a", 1003))
	checkStore(t, s, want, model.AllTime, false)
	s.HoldSeries(99).Release() // of a database that does not exist
}

// A view that is open keeps the names of its series.
func TestViewKeepsSeries(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, fs, testOptions(fs))
	defer func() { closeTest(t, s) }()
	mustWrite(t, s, hostPoint("a", 1), hostPoint("b", 1))
	v, err := s.View(context.Background(), 1, allShards(), model.AllTime)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DropShard(1, 11); err != nil {
		t.Fatal(err)
	}
	if n := upkeep(t, s); n != 0 {
		t.Fatalf("%d series were freed under the reader", n)
	}
	rows, err := readAll(v, model.AllTime, false)
	if err != nil || len(rows["m"]["host=a"]) != 1 || len(rows["m"]["host=b"]) != 1 {
		t.Fatalf("the view has %v, %v", rows, err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if n := upkeep(t, s); n != 2 {
		t.Fatalf("%d series were freed, want 2", n)
	}
}

// A series whose rows were deleted goes when no file and no tombstone has its
// number any more.
func TestDeletedSeriesAreFreed(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, fs, testOptions(fs))
	defer func() { closeTest(t, s) }()
	mustWrite(t, s, hostPoint("a", 1), hostPoint("b", 1), hostPoint("b", 1001))
	if err := s.flushAll(context.Background()); err != nil {
		t.Fatal(err)
	}
	filter := &model.TagFilter{Op: model.TagEqual, Key: "host", Value: "a"}
	if err := s.Delete(context.Background(), DeleteRequest{Database: 1, Shards: allShards(), Measurement: "m", Filter: filter, Whole: true}); err != nil {
		t.Fatal(err)
	}
	db, err := s.database(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.freeSeries(); err != nil {
		t.Fatal(err)
	}
	if n := s.Metrics().SeriesFreed; n != 0 {
		t.Fatalf("%d series were freed that a file names", n)
	}
	if n := upkeep(t, s); n != 1 {
		t.Fatalf("%d series were freed after the merge, want 1", n)
	}
	var v cursor.View
	if v, err = s.View(context.Background(), 1, allShards(), model.AllTime); err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if n, err := v.Cardinality("m", nil); n != 1 || err != nil {
		t.Errorf("%d series left, %v", n, err)
	}
}

func TestGate(t *testing.T) {
	var g gate
	if !g.settled() {
		t.Error("an empty gate is not settled")
	}
	a := g.enter()
	if !g.turn() {
		t.Fatal("the first turn waits for those who came before")
	}
	if g.settled() {
		t.Error("settled, although one is inside from before the turn")
	}
	if g.turn() {
		t.Error("a second turn does not wait")
	}
	b := g.enter()
	g.leave(a)
	if !g.settled() {
		t.Error("who came after the turn keeps it from settling")
	}
	if !g.turn() || g.settled() {
		t.Error("the next turn does not count who is inside")
	}
	g.leave(b)
	if !g.settled() {
		t.Error("not settled when all have left")
	}
}

// A tag that is full takes new values when series with its values are freed.
func TestFreedTagValuesMakeRoom(t *testing.T) {
	fs := vfs.NewMem()
	opt := testOptions(fs)
	opt.Index.MaxTagValues = 2
	s := openTest(t, fs, opt)
	defer func() { closeTest(t, s) }()
	mustWrite(t, s, hostPoint("a", 1), hostPoint("b", 1001))
	refused := func(p point) int {
		t.Helper()
		res, err := s.Write(context.Background(), 1, 12, batchOf(s.Series(1), []point{p}))
		if err == nil {
			err = s.Commit(context.Background(), res.LSN)
		}
		if err != nil || res.Rows+res.ValuesRefused != 1 {
			t.Fatalf("%+v, %v", res, err)
		}
		return res.ValuesRefused
	}
	if refused(hostPoint("c", 1001)) != 1 || refused(hostPoint("a", 1001)) != 0 {
		t.Fatal("of two values more a new one was not refused, or a known one was")
	}
	if err := s.DropShard(1, 12); err != nil {
		t.Fatal(err)
	}
	if n := upkeep(t, s); n != 1 {
		t.Fatalf("%d series were freed, want that of b", n)
	}
	if err := s.EnsureShard(1, ShardSpec{ID: 13, Policy: 1, Range: model.TimeRange{Min: 1000, Max: 1999}}); err != nil {
		t.Fatal(err)
	}
	res, err := s.Write(context.Background(), 1, 13, batchOf(s.Series(1), []point{hostPoint("c", 1002), hostPoint("d", 1003)}))
	if err != nil || res.Rows != 1 || res.ValuesRefused != 1 || res.ValuesReason != `max-values-per-tag limit exceeded (2/2): measurement="m" tag="host" value="d"` {
		t.Fatalf("%+v, %v", res, err)
	}
}
