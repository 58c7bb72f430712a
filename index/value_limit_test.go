package index

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// resolveOne resolves a key as an owner does that wants what fits.
func resolveOne(x *Index, key []byte) (model.SeriesID, error) {
	ids := make([]model.SeriesID, 1)
	err := x.Resolve([][]byte{key}, make([]model.Fingerprint, 1), ids, nil)
	return ids[0], err
}

func TestMaxTagValues(t *testing.T) {
	fs := vfs.NewMem()
	opt := Options{FS: fs, HashSeed: 1, MaxTagValues: 3, OverflowValue: "other"}
	x := openTest(t, "/", opt)
	for _, key := range [][]byte{seriesKey("m", "host", "a", "k", "1"), seriesKey("m", "host", "b", "k", "1"), seriesKey("m", "host", "a", "k", "2")} {
		resolveTest(t, x, key)
	}
	refused := func(key []byte, text string) {
		t.Helper()
		id, err := resolveOne(x, key)
		var limit *TagValuesError
		if !errors.Is(err, ErrMaxValues) || !errors.As(err, &limit) || id != 0 || err.Error() != text {
			t.Fatalf("%s has id %d, %v, want %s", key, id, err, text)
		}
	}
	const full = `max-values-per-tag limit exceeded (3/3): measurement="m" tag="host" value="d"`
	check := func() {
		t.Helper()
		resolveTest(t, x, seriesKey("m", "host", "c", "k", "2"))
		refused(seriesKey("m", "host", "d"), full)
		for _, key := range [][]byte{seriesKey("m", "host", "b", "k", "2"), seriesKey("n", "host", "x"), seriesKey("m", "host", "other")} {
			resolveTest(t, x, key)
		}
	}
	check()
	if err := x.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	check()
	resolveTest(t, x, seriesKey("n", "host", "y")) // a delta beside the checkpoint
	check()
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = openTest(t, "/", opt)
	check()
	ids := make([]model.SeriesID, 2) // together they do not fit
	err := x.Resolve([][]byte{seriesKey("n", "host", "z"), seriesKey("n", "host", "q")}, make([]model.Fingerprint, 2), ids, nil)
	if !errors.Is(err, ErrMaxValues) || ids[0] != 0 || ids[1] != 0 {
		t.Fatalf("ids %v, %v", ids, err)
	}
	// Of "host" the value "c" goes with its only series, "a" stays with one of two.
	c, err := resolveOne(x, seriesKey("m", "host", "c", "k", "2"))
	if err != nil {
		t.Fatal(err)
	}
	freeTest(t, x, roaring.BitmapOf(1, uint32(c)))
	resolveTest(t, x, seriesKey("m", "host", "d"))
	refused(seriesKey("m", "host", "e"), `max-values-per-tag limit exceeded (3/3): measurement="m" tag="host" value="e"`)
}

// TestTagValuesAgreeWithModel creates, frees and checkpoints at random beside a
// plain count of values.
func TestTagValuesAgreeWithModel(t *testing.T) {
	r := rand.New(rand.NewPCG(testSeed(t), 7))
	opt := Options{FS: vfs.NewMem(), HashSeed: 1, MaxTagValues: 40}
	x := openTest(t, "/", opt)
	type series struct{ measurement, a, b string }
	ids := make(map[series]model.SeriesID)
	count := func(measurement string, value func(series) string, of string) (n int, has bool) {
		seen := make(map[string]bool)
		for s := range ids {
			if s.measurement == measurement {
				seen[value(s)] = true
			}
		}
		return len(seen), seen[of]
	}
	valueA, valueB := func(s series) string { return s.a }, func(s series) string { return s.b }
	refusals := 0
	for step := range 6000 {
		switch n := r.IntN(1000); {
		case n == 0:
			if err := x.Checkpoint(); err != nil {
				t.Fatal(err)
			}
		case n == 1:
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			x = openTest(t, "/", opt)
		case n < 5:
			dead := roaring.New()
			for s, id := range ids {
				if r.IntN(3) == 0 {
					dead.Add(uint32(id))
					delete(ids, s)
				}
			}
			freeTest(t, x, dead)
			if err := x.Checkpoint(); err != nil { // else an open brings them back
				t.Fatal(err)
			}
		default:
			s := series{fmt.Sprint("m", r.IntN(2)), fmt.Sprint(r.IntN(80)), fmt.Sprint(r.IntN(45))}
			want := true
			if _, there := ids[s]; !there {
				na, hasA := count(s.measurement, valueA, s.a)
				nb, hasB := count(s.measurement, valueB, s.b)
				want = (hasA || na < 40) && (hasB || nb < 40)
			}
			id, err := resolveOne(x, seriesKey(s.measurement, "a", s.a, "b", s.b))
			if (err == nil) != want {
				t.Fatalf("step %d: %v: %v, want it taken: %t", step, s, err, want)
			}
			if err == nil {
				ids[s] = id
			} else {
				refusals++
			}
		}
	}
	if refusals == 0 {
		t.Error("no series was refused")
	}
}

// TestTagValuesAtTheBoundary has many writers compete for the last values.
func TestTagValuesAtTheBoundary(t *testing.T) {
	const limit, writers = 500, 8
	x := openTest(t, "/", Options{FS: vfs.NewMem(), HashSeed: 1, MaxTagValues: limit})
	var taken, refused atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for i := range limit {
				if w == 0 && i%100 == 50 {
					if err := x.Checkpoint(); err != nil {
						t.Error(err)
					}
				}
				if i%7 == 0 { // several at once, of which none or all are made
					var keys [][]byte
					for range 3 {
						keys = append(keys, seriesKey("m", "host", fmt.Sprint(r.IntN(2*limit)), "w", fmt.Sprint(w)))
					}
					err := x.Resolve(keys, make([]model.Fingerprint, 3), make([]model.SeriesID, 3), nil)
					if err != nil && !errors.Is(err, ErrMaxValues) {
						t.Error(err)
					}
					continue
				}
				_, err := resolveOne(x, seriesKey("m", "host", fmt.Sprint(r.IntN(2*limit)), "w", fmt.Sprint(w)))
				switch {
				case err == nil:
					taken.Add(1)
				case errors.Is(err, ErrMaxValues):
					refused.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	all, err := x.Search("m", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := x.CountTagValues("m", []string{"host"}, all)
	if err != nil || n != limit || taken.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d values, %v, want %d; %d taken, %d refused", n, err, limit, taken.Load(), refused.Load())
	}
}

// BenchmarkCreateAtValueLimit creates series of known values in an index whose
// tag key is full.
func BenchmarkCreateAtValueLimit(b *testing.B) {
	for _, limit := range []int{0, 10_000} {
		b.Run(fmt.Sprint(limit), func(b *testing.B) {
			x := openTest(b, "/", Options{FS: vfs.NewMem(), HashSeed: 1, MaxTagValues: limit})
			for i := range 10_000 {
				resolveTest(b, x, seriesKey("m", "host", fmt.Sprint(i)))
			}
			if err := x.Checkpoint(); err != nil {
				b.Fatal(err)
			}
			for i := 0; b.Loop(); i++ {
				if _, err := resolveOne(x, seriesKey("m", "host", fmt.Sprint(i%10_000), "n", fmt.Sprint(i/10_000))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
