package index

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
)

// TestEstimateTagValues compares estimates with counts while series come, go and
// move into the checkpoint.
func TestEstimateTagValues(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	r := rand.New(rand.NewPCG(testSeed(t), 2))
	const values = 3 * estimateValues / 2
	var ids []model.SeriesID
	create := func(from, to int) {
		keys := make([][]byte, 0, 2*(to-from))
		for i := from; i < to; i++ { // each container is in two places
			keys = append(keys, seriesKey("m", "container", fmt.Sprint("c", i), "place", "a"),
				seriesKey("m", "container", fmt.Sprint("c", i), "place", fmt.Sprint("b", i%7)))
		}
		ids = append(ids, resolveTest(t, x, keys...)...)
	}
	check := func(shards ...uint64) {
		t.Helper()
		for _, keys := range [][]string{{"container"}, {"container", "place"}, {"place"}, {"none"}} {
			want, err := x.CountTagValues("m", keys, x.Present(shards))
			if err != nil {
				t.Fatal(err)
			}
			got, err := x.EstimateTagValues("m", keys, shards)
			if err != nil || math.Abs(float64(got-want)) > 0.041*float64(want) {
				t.Fatalf("estimate of %q in %d is %d, %v, want about %d", keys, shards, got, err, want)
			}
		}
	}
	create(0, values)
	for shard := uint64(1); shard <= 3; shard++ {
		from := r.IntN(len(ids) / 2)
		x.MarkPresent(shard, ids[from:from+len(ids)/2])
	}
	x.MarkPresent(4, ids[:10])
	if err := x.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	check(1)
	check(1, 2, 3, 4)
	if x.Metrics().SketchBytes == 0 {
		t.Error("no sketches are kept")
	}
	create(values, values+100) // few: their keys are read
	x.MarkPresent(1, ids[2*values:])
	check(1, 3)
	x.RemovePresent(2, roaring.BitmapOf(x.Present([]uint64{2}).ToArray()[:values/2]...))
	check(2)
	x.DropShard(3)
	check(1, 3, 4)
	for key := range x.sketches.byKey {
		if key.shard == 3 {
			t.Errorf("%v is kept of a dropped shard", key)
		}
	}
	if s := x.sketches.byKey[sketchKey{1, "m", "container"}]; s == nil || !s.seen.Contains(uint32(ids[2*values])) {
		t.Error("the sketch of shard 1 has not caught up")
	}
}

// BenchmarkEstimateTagValues counts values of two series each, half of which are in
// eight shards.
func BenchmarkEstimateTagValues(b *testing.B) {
	x := openTest(b, b.TempDir(), Options{})
	const n = 200_000
	keys := make([][]byte, 2*n)
	for i := range keys {
		keys[i] = seriesKey("m", "container", fmt.Sprint("c", i/2), "place", fmt.Sprint(i%2))
	}
	ids := resolveTest(b, x, keys...)
	shards := []uint64{1, 2, 3, 4, 5, 6, 7, 8}
	for i, shard := range shards {
		x.MarkPresent(shard, ids[i*n/100:n])
	}
	if err := x.Checkpoint(); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		count func() (int64, error)
	}{
		{"exact", func() (int64, error) { return x.CountTagValues("m", []string{"container"}, x.Present(shards)) }},
		{"first", func() (int64, error) {
			x.sketches.byKey = nil
			return x.EstimateTagValues("m", []string{"container"}, shards)
		}},
		{"again", func() (int64, error) { return x.EstimateTagValues("m", []string{"container"}, shards) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if got, err := c.count(); err != nil || got < n/2*96/100 || got > n/2*104/100 {
					b.Fatal(got, err)
				}
			}
		})
	}
}
