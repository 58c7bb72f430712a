package index

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// TestConcurrent runs creators, searchers, syncs and checkpoints together. A
// series that a creator has seen is found by every search that begins later,
// and negative filters never select what their positive twin selects.
func TestConcurrent(t *testing.T) {
	x := openTest(t, "/", Options{FS: vfs.NewMem(), SegmentBytes: 8000})
	const creators, perCreator = 3, 400
	var done atomic.Bool
	var created atomic.Int64 // ids up to here exist
	var next model.SeriesID = 1
	var wg, background sync.WaitGroup
	for c := range creators {
		wg.Go(func() {
			for i := range perCreator {
				key := seriesKey("m", "host", fmt.Sprint(i), "creator", fmt.Sprint(c%2))
				fp := []model.Fingerprint{{Hi: uint64(c%2 + 1), Lo: uint64(i)}}
				ids := make([]model.SeriesID, 1)
				err := x.Resolve([][]byte{key}, fp, ids, func(first model.SeriesID, keys [][]byte) error {
					if first != next {
						t.Errorf("journal got id %d, want %d", first, next)
					}
					next += model.SeriesID(len(keys))
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
				if id, ok := x.Lookup(fp[0]); !ok || id != ids[0] {
					t.Errorf("Lookup = %d, %v, want %d", id, ok, ids[0])
				}
				x.MarkPresent(uint64(c), ids)
				for {
					was := created.Load()
					if was >= int64(ids[0]) || created.CompareAndSwap(was, int64(ids[0])) {
						break
					}
				}
			}
		})
	}
	for _, f := range []*model.TagFilter{equal("creator", "1"), match("host", "[13579]$"), match("host", "^1"), equal("creator", "")} {
		background.Go(func() {
			for !done.Load() {
				checkComplement(t, x, f, &created)
			}
		})
	}
	background.Go(func() {
		for i := 0; !done.Load(); i++ {
			if err := errors.Join(x.Sync(), x.Merge()); err != nil {
				t.Error(err)
				return
			}
			if i%16 == 0 {
				if err := x.Checkpoint(); err != nil {
					t.Error(err)
					return
				}
			}
			x.NeedsMerge()
			x.Metrics()
		}
	})
	background.Go(func() {
		for !done.Load() {
			if err := x.WriteLayer(); err != nil {
				t.Error(err)
				return
			}
			x.NeedsLayer()
		}
	})
	background.Go(func() {
		for !done.Load() {
			bm := x.MeasurementSeries("m")
			if _, err := x.SortedSeries(bm); err != nil {
				t.Error(err)
			}
			if _, err := x.TagValues("m", "host", x.Present([]uint64{0, 1})); err != nil {
				t.Error(err)
			}
			if _, err := x.TagKeys("m", bm); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	done.Store(true)
	background.Wait()
	if n := x.SeriesCount(); n != 2*perCreator {
		t.Errorf("%d series, want %d", n, 2*perCreator)
	}
}

func checkComplement(t *testing.T, x *Index, f *model.TagFilter, created *atomic.Int64) {
	least := created.Load()
	with, err := x.Search("m", f, nil)
	if err != nil {
		t.Error(err)
		return
	}
	without, err := x.Search("m", &model.TagFilter{Op: model.TagNot, Args: []*model.TagFilter{f}}, nil)
	if err != nil {
		t.Error(err)
		return
	}
	if with.Intersects(without) {
		t.Error("a series is in a filter and in its negation")
	}
	with.Or(without)
	// Ids up to the largest one that was returned exist: creation is in order.
	if n := with.CardinalityInRange(1, uint64(least)+1); n != uint64(least) {
		t.Errorf("%d of %d series found", n, least)
	}
}

// TestCloseWhileReading closes under the hands of readers.
func TestCloseWhileReading(t *testing.T) {
	fs, keys := sampleIndex(t, true)
	x := openTest(t, "/", Options{FS: fs})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				bm, err := x.Search("cpu", match("host", "7"), nil)
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil || bm.IsEmpty() {
					t.Errorf("%d series, %v", bm.GetCardinality(), err)
				}
			}
		})
	}
	if err := x.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	err := x.Resolve(keys[:1], make([]model.Fingerprint, 1), make([]model.SeriesID, 1), nil)
	for _, err := range []error{err, x.Sync(), x.Checkpoint(), x.Replay(1, keys)} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
	if n := x.MeasurementSeries("cpu").GetCardinality(); n != 0 || x.NeedsLayer() || x.Metrics() != (Metrics{}) {
		t.Error("a closed index answers")
	}
}
