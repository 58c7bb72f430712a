package index

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
)

// spelling returns the fingerprint of number i of a test.
func spelling(i int) model.Fingerprint {
	return model.Fingerprint{Hi: uint64(i) * hashMul1, Lo: uint64(i)*hashMul2 | 1}
}

func TestFingerprintTableForgets(t *testing.T) {
	var table fingerprintTable
	table.forget(roaring.BitmapOf(1)) // nothing to forget
	const n = 30_000
	for i := 1; i <= n; i++ {
		table.teach([]model.Fingerprint{spelling(i)}, []model.SeriesID{model.SeriesID(i)}, n)
	}
	gone := roaring.New()
	for i := 1; i <= n; i += 3 {
		gone.Add(uint32(i))
	}
	_, before := table.stats()
	for range 20 { // segments are used again: the memory does not grow
		table.forget(gone)
		for i := 1; i <= n; i++ {
			id, ok := table.lookup(spelling(i))
			if ok == (i%3 == 1) || ok && int(id) != i {
				t.Fatalf("lookup(%d) = %d, %v", i, id, ok)
			}
		}
		checkLookupAll(t, &table, n)
		if entries, _ := table.stats(); entries != n-n/3 {
			t.Fatalf("%d entries, want %d", entries, n-n/3)
		}
		for i := 1; i <= n; i += 3 {
			table.teach([]model.Fingerprint{spelling(i)}, []model.SeriesID{model.SeriesID(i)}, n)
		}
	}
	if _, after := table.stats(); after > before+8*fingerprintSegSize {
		t.Errorf("%d bytes before, %d after", before, after)
	}
}

// checkLookupAll compares lookupAll with lookup, for numbers of fingerprints around
// its batch size.
func checkLookupAll(t *testing.T, table *fingerprintTable, n int) {
	t.Helper()
	fps := make([]model.Fingerprint, 0, n)
	for i := range n {
		fps = append(fps, spelling(i)) // that of 0 is not in the table
	}
	ids := make([]model.SeriesID, n)
	for _, size := range []int{0, 1, 2, lookupBatch - 1, lookupBatch, lookupBatch + 1, n} {
		for i := range ids {
			ids[i] = 77
		}
		table.lookupAll(ids[:size], fps[:size])
		for i, id := range ids {
			want := model.SeriesID(77)
			if i < size {
				want, _ = table.lookup(fps[i])
			}
			if id != want {
				t.Fatalf("lookupAll of %d: id %d of spelling %d, want %d", size, id, i, want)
			}
		}
	}
}

// TestLookupAllOfNothing: a table that never had an entry knows no spelling.
func TestLookupAllOfNothing(t *testing.T) {
	var table fingerprintTable
	checkLookupAll(t, &table, 2*lookupBatch)
}

// TestFingerprintTableReaders looks up what is never forgotten and what comes and
// goes, while segments are split, copied and used again.
func TestFingerprintTableReaders(t *testing.T) {
	var table fingerprintTable
	const n = 20_000
	teach := func(from, step int) {
		for i := from; i <= n; i += step {
			table.teach([]model.Fingerprint{spelling(i)}, []model.SeriesID{model.SeriesID(i)}, 2*n)
		}
	}
	teach(2, 2)
	odd := roaring.New()
	for i := 1; i <= n; i += 2 {
		odd.Add(uint32(i))
	}
	var stop atomic.Bool
	var readers sync.WaitGroup
	for r := range 2 {
		readers.Go(func() {
			for i := r; !stop.Load(); i = (i + 7) % n {
				if id, ok := table.lookup(spelling(i)); ok && int(id) != i {
					t.Errorf("lookup(%d) = %d", i, id)
					return
				}
			}
		})
	}
	for range 8 {
		teach(1, 2)
		table.forget(odd)
	}
	stop.Store(true)
	readers.Wait()
	for i := 1; i <= n; i++ {
		if id, ok := table.lookup(spelling(i)); ok != (i%2 == 0) || ok && int(id) != i {
			t.Fatalf("lookup(%d) = %d, %v", i, id, ok)
		}
	}
}
