package tsm

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// TestBlocksNearAgrees looks series up with and without the block of another
// one at hand, in a file with shared blocks and with blocks of one series.
func TestBlocksNearAgrees(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(t.TempDir(), "near.tsm")
	w, err := Create(vfs.OS(), path, WriterOptions{
		Generation: 1, BlockRows: 100, SparseRows: 16, Fields: []FieldDef{{Number: 1, Measurement: "m", Name: "f", Type: model.Integer}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var ids []model.SeriesID
	for id := model.SeriesID(1); id < 3000; id += model.SeriesID(1 + rng.IntN(3)) {
		n := 1 + rng.IntN(5)
		if rng.IntN(20) == 0 {
			n = 30
		}
		rows := SeriesRows{Series: id, Columns: []FieldColumn{{Field: 1, Type: model.Integer, Integers: make([]int64, n)}}}
		for i := range n {
			rows.Times = append(rows.Times, int64(id)*10+int64(i))
		}
		if err := w.Add(&rows); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
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
	defer r.Close()
	var near BlockRef
	shared := 0
	for range 4000 {
		id := model.SeriesID(rng.IntN(3010))
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
			return a.Series == b.Series && a.Range == b.Range && a.Rows == b.Rows && a.offset == b.offset && a.firstRow == b.firstRow
		}
		if !slices.EqualFunc(got, want, same) {
			t.Fatalf("series %d in %v: got %+v, want %+v", id, tr, got, want)
		}
		if len(want) > 0 {
			if near = want[0]; near.Shared() {
				shared++
			}
		}
	}
	if shared == 0 || len(ids) == 0 {
		t.Error("no shared block was found")
	}
}
