package tsm

import (
	"context"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// TestLiveInShared compares the series that have rows in a range with what reading
// the rows of each tells.
func TestLiveInShared(t *testing.T) {
	rng := newRandom(t)
	fs := vfs.NewMem()
	w, err := Create(fs, "l.tsm", WriterOptions{Generation: 1, BlockRows: 60, SparseRows: 12, Fields: testFields})
	if err != nil {
		t.Fatal(err)
	}
	last := model.SeriesID(0)
	for range 1500 {
		last += model.SeriesID(1 + rng.IntN(4))
		rows := randomSeriesRows(rng, last, 1+rng.IntN(5))
		if rng.IntN(30) == 0 {
			rows = randomSeriesRows(rng, last, 40)
		}
		shift := rng.Int64N(200)
		for i := range rows.Times {
			rows.Times[i] += shift
		}
		if err := w.Add(rows); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := Publish(fs, "l.tsm"); err != nil {
		t.Fatal(err)
	}
	r := openFile(t, fs, "l.tsm")
	for range 60 {
		ids := roaring.New()
		for id := range uint32(last) + 5 {
			if rng.IntN(3) > 0 {
				ids.Add(id)
			}
		}
		tr := model.TimeRange{Min: rng.Int64N(300) - 30}
		tr.Max = tr.Min + rng.Int64N(120)
		live, known := roaring.New(), roaring.New()
		if err := r.LiveInShared(context.Background(), ids, tr, live, known); err != nil {
			t.Fatal(err)
		}
		wantLive, wantKnown := roaring.New(), roaring.New()
		var block Block
		for it := ids.Iterator(); it.HasNext(); {
			id := it.Next()
			blocks, err := r.Blocks(model.SeriesID(id), model.AllTime, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(blocks) == 0 || !blocks[0].Shared() {
				continue
			}
			wantKnown.Add(id)
			if err := r.ReadBlock(&blocks[0], nil, &block); err != nil {
				t.Fatal(err)
			}
			for _, at := range block.Times {
				if tr.Contains(at) {
					wantLive.Add(id)
				}
			}
		}
		if !live.Equals(wantLive) || !known.Equals(wantKnown) {
			t.Fatalf("%v: %d of %d series are live, want %d of %d", tr, live.GetCardinality(), known.GetCardinality(), wantLive.GetCardinality(), wantKnown.GetCardinality())
		}
	}
}
