package tsdb

import (
	"context"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// countRows counts the rows of some series in a view of shard 1.
func countRows(t testing.TB, s *Store, ids []model.SeriesID) (rows int) {
	t.Helper()
	ctx := context.Background()
	v, err := s.View(ctx, 1, []uint64{1}, model.AllTime)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	fields, err := v.Fields("cpu")
	if err != nil {
		t.Fatal(err)
	}
	if len(fields) == 0 {
		return 0
	}
	cur, err := v.Read(ctx, cursor.Request{Measurement: "cpu", Series: ids, Fields: fields[:1], Range: model.AllTime})
	if err != nil {
		t.Fatal(err)
	}
	defer cur.Close()
	for {
		if _, ok := cur.NextSeries(); !ok {
			break
		}
		for b := cur.Next(); b != nil; b = cur.Next() {
			rows += len(b.Times)
		}
	}
	if cur.Err() != nil {
		t.Fatal(cur.Err())
	}
	return rows
}

// Deletes answer soon however much they delete, the next view sees nothing of it,
// and the space comes back with the next merge. TIMBERLINE_DELETE_VALUES changes
// the scale; the full one is 100000000.
func TestDeletesAtScale(t *testing.T) {
	values := scaleOf(t, "TIMBERLINE_DELETE_VALUES", 1_000_000)
	rng, _ := newRand(t)
	series := min(4000, max(values/5_000, 10))
	ticks := values / series / walkFields
	layout := Layout{{ID: 1, Shards: []ShardSpec{{ID: 1, Policy: 1, Range: model.AllTime}}}}
	ctx := context.Background()
	s, err := Open(ctx, t.TempDir(), layout, Options{FS: vfs.OS(), CompactionWorkers: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w := newWalker(t, s, series, rng)
	from := w.tick
	for range ticks {
		w.write(t, 1, true)
	}
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	w.write(t, 1, true) // some rows are in the cache alone
	before := s.Metrics().FileBytes
	span := func(first, last int) model.TimeRange {
		return model.TimeRange{Min: from + int64(first)*10_000_000_000, Max: from + int64(last)*10_000_000_000 - 1}
	}
	remove := func(name string, req DeleteRequest, left int) {
		t.Helper()
		req.Database, req.Shards = 1, []uint64{1}
		started := time.Now()
		if err := s.Delete(ctx, req); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		took := time.Since(started)
		if got := countRows(t, s, w.ids); got != left {
			t.Errorf("%s: %d rows are left, want %d", name, got, left)
		}
		t.Logf("%s of %d values: %s", name, values, took)
		if took > time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
	half := ticks / 2
	remove("DELETE of half the time", DeleteRequest{Measurement: "cpu", Range: span(0, half)}, series*(ticks+1-half))
	one := &model.TagFilter{Op: model.TagEqual, Key: "region", Value: "eu-0"}
	inRegion := (series + 8) / 9
	remove("DROP SERIES of a ninth", DeleteRequest{Measurement: "cpu", Filter: one, Range: model.AllTime, Whole: true},
		(series-inRegion)*(ticks+1-half))
	if err := s.Compact(ctx); err != nil {
		t.Fatal(err)
	}
	after := s.Metrics().FileBytes
	if got := countRows(t, s, w.ids); got != (series-inRegion)*(ticks+1-half) {
		t.Errorf("%d rows are left after the merge", got)
	}
	if after > before*6/10 {
		t.Errorf("%d of %d bytes are left after the merge", after, before)
	}
	remove("DROP MEASUREMENT", DeleteRequest{Measurement: "cpu", Range: model.AllTime, Whole: true}, 0)
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.Compact(ctx); err != nil {
		t.Fatal(err)
	}
	m := s.Metrics()
	t.Logf("files: %d bytes, %d after the first deletes and a merge, %d at the end", before, after, m.FileBytes)
	if m.FileBytes != 0 || m.Tombstones != 0 {
		t.Errorf("%d bytes and %d tombstones are left of a measurement that was dropped", m.FileBytes, m.Tombstones)
	}
}
