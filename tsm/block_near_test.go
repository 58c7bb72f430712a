package tsm

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// TestBlocksNearAgrees looks series up with and without the place of another one
// at hand, at random and on walks in both directions, in files with shared blocks,
// with blocks of one series, and with many blocks of some series.
func TestBlocksNearAgrees(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, shape := range []struct{ sparse, most, deep int }{{16, 5, 30}, {1, 5, 30}, {2, 30, 4000}} {
		r := nearFile(t, rng, shape.sparse, shape.most, shape.deep)
		var near Near
		shared, single := 0, 0
		look := func(id model.SeriesID) {
			tr := model.AllTime
			if rng.IntN(4) == 0 {
				tr.Min = rng.Int64N(30_000)
				tr.Max = tr.Min + rng.Int64N(3000)
			}
			want, err := r.Blocks(id, tr, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.BlocksNear(&near, id, tr, nil)
			if err != nil {
				t.Fatal(err)
			}
			same := func(a, b BlockRef) bool {
				return a.Series == b.Series && a.Range == b.Range && a.Rows == b.Rows && a.offset == b.offset && a.firstRow == b.firstRow &&
					a.leafAt == b.leafAt && a.entryAt == b.entryAt && a.endsLeaf == b.endsLeaf
			}
			if !slices.EqualFunc(got, want, same) {
				t.Fatalf("%+v: series %d in %v: got %+v, want %+v", shape, id, tr, got, want)
			}
			for i := range want {
				if want[i].Shared() {
					shared++
				} else {
					single++
				}
			}
		}
		for range 2000 {
			look(model.SeriesID(1 + rng.IntN(3010)))
		}
		for range 3 {
			for id := 1; id < 3010; id += 1 + rng.IntN(4) {
				look(model.SeriesID(id))
			}
			for id := 3010; id > 0; id -= 1 + rng.IntN(4) {
				look(model.SeriesID(id))
			}
		}
		if shared == 0 && shape.sparse > 1 || single == 0 {
			t.Errorf("%+v: %d shared blocks and %d others were found", shape, shared, single)
		}
	}
}

// nearFile writes series of up to most rows, and every twentieth with deep rows.
func nearFile(t *testing.T, rng *rand.Rand, sparse, most, deep int) *Reader {
	t.Helper()
	path := filepath.Join(t.TempDir(), "near.tsm")
	w, err := Create(vfs.OS(), path, WriterOptions{
		Generation: 1, BlockRows: 20, SparseRows: sparse, Fields: []FieldDef{{Number: 1, Measurement: "m", Name: "f", Type: model.Integer}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for id := model.SeriesID(1); id < 3000; id += model.SeriesID(1 + rng.IntN(3)) {
		n := 1 + rng.IntN(most)
		if rng.IntN(20) == 0 {
			n = deep
		}
		rows := SeriesRows{Series: id, Columns: []FieldColumn{{Field: 1, Type: model.Integer, Integers: make([]int64, n)}}}
		for i := range n {
			rows.Times = append(rows.Times, int64(id)*10+int64(i))
		}
		if err := w.Add(&rows); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := Publish(vfs.OS(), path); err != nil {
		t.Fatal(err)
	}
	r, err := Open(vfs.OS(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}
