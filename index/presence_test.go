package index

import (
	"math/rand/v2"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
)

// TestSharedPresence compares the shared union with one of its own after every kind of change; what was handed out
// stays as it was.
func TestSharedPresence(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var p presence
	some := func() *roaring.Bitmap {
		bm := roaring.New()
		for range rng.IntN(20) {
			bm.Add(1 + rng.Uint32N(300))
		}
		return bm
	}
	type handed struct{ shared, then *roaring.Bitmap }
	var before []handed
	for range 3000 {
		shard := 1 + rng.Uint64N(4)
		switch rng.IntN(12) {
		case 0:
			p.mark(shard, []model.SeriesID{model.SeriesID(1 + rng.IntN(300)), model.SeriesID(1 + rng.IntN(300))})
		case 1:
			p.remove(shard, some())
		case 2:
			p.set(shard, some())
		case 3:
			p.drop(shard)
		case 4:
			p.load(map[uint64]*roaring.Bitmap{1: some(), 2: some()})
		}
		shards := [][]uint64{{1}, {1, 2}, {2, 3, 4}, nil}[rng.IntN(4)]
		got, _ := p.shared(shards)
		want := p.union(shards)
		if !got.Equals(want) {
			t.Fatalf("shards %v: got %v, want %v", shards, got, want)
		}
		if before = append(before, handed{got, want}); len(before) > 20 {
			before = before[1:]
		}
		for _, h := range before {
			if !h.shared.Equals(h.then) {
				t.Fatalf("a bitmap that was handed out changed from %v to %v", h.then, h.shared)
			}
		}
	}
}
