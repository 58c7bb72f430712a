package tsm

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// TestDirectoryAgrees looks blocks up with and without a directory, in files whose
// ids lie together and far apart.
func TestDirectoryAgrees(t *testing.T) {
	rng := newRandom(t)
	for _, step := range []int{1, 3, 50} {
		fs := vfs.NewMem()
		w, err := Create(fs, "d.tsm", WriterOptions{Generation: 1, BlockRows: 20, SparseRows: 4, Fields: testFields})
		if err != nil {
			t.Fatal(err)
		}
		last := model.SeriesID(0)
		for range 500 {
			last += model.SeriesID(1 + rng.IntN(step))
			if err := w.Add(randomSeriesRows(rng, last, 1+rng.IntN(90))); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Finish(); err != nil {
			t.Fatal(err)
		}
		if err := Publish(fs, "d.tsm"); err != nil {
			t.Fatal(err)
		}
		plain, fast := openFile(t, fs, "d.tsm"), openFile(t, fs, "d.tsm")
		fast.Hasten(1 << 20)
		if fast.directory.Load() == nil || plain.directory.Load() != nil {
			t.Fatal("want a directory in one of the readers")
		}
		var near Near
		for range 4000 {
			id := model.SeriesID(rng.IntN(int(last) + 3))
			tr := model.AllTime
			if rng.IntN(2) == 0 {
				tr.Min = rng.Int64N(1000)
				tr.Max = tr.Min + rng.Int64N(500)
			}
			want, err := plain.Blocks(id, tr, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, look := range []func() ([]BlockRef, error){
				func() ([]BlockRef, error) { return fast.Blocks(id, tr, nil) },
				func() ([]BlockRef, error) { return fast.BlocksNear(&near, id, tr, nil) },
			} {
				got, err := look()
				if err != nil {
					t.Fatal(err)
				}
				if !slices.EqualFunc(got, want, sameBlock) {
					t.Fatalf("series %d in %v: got %+v, want %+v", id, tr, got, want)
				}
			}
		}
	}
}

func sameBlock(a, b BlockRef) bool {
	return a.Series == b.Series && a.Range == b.Range && a.Rows == b.Rows && a.offset == b.offset && a.firstRow == b.firstRow &&
		a.leafAt == b.leafAt && a.entryAt == b.entryAt && a.endsLeaf == b.endsLeaf && string(a.fields) == string(b.fields)
}

// randomSeriesRows returns rows of a series with some of the test's fields.
func randomSeriesRows(rng *rand.Rand, id model.SeriesID, n int) *SeriesRows {
	rows := &SeriesRows{Series: id}
	for i := range n {
		rows.Times = append(rows.Times, int64(10*i+rng.IntN(10)))
	}
	for _, f := range testFields {
		if rng.IntN(2) == 0 {
			continue
		}
		c := FieldColumn{Field: f.Number, Type: f.Type}
		if rng.IntN(3) == 0 {
			c.Present = make([]uint64, (n+63)/64)
			for i := range n {
				c.Present[i/64] |= uint64(rng.IntN(2)) << (i % 64)
			}
			c.Present[0] |= 1
		}
		for range n {
			c.Floats = append(c.Floats, []float64{float64(rng.IntN(1000)) / 8, rng.NormFloat64(), math.NaN()}[rng.IntN(50)/24])
			c.Integers = append(c.Integers, rng.Int64N(1000)-500)
			c.Unsigneds = append(c.Unsigneds, rng.Uint64N(1<<62))
			c.Booleans = append(c.Booleans, rng.IntN(2) == 0)
			c.Strings = append(c.Strings, []byte(strings.Repeat("x", rng.IntN(40))))
		}
		switch f.Type {
		case model.Float:
			c.Integers, c.Unsigneds, c.Booleans, c.Strings = nil, nil, nil, nil
		case model.Integer:
			c.Floats, c.Unsigneds, c.Booleans, c.Strings = nil, nil, nil, nil
		case model.Unsigned:
			c.Floats, c.Integers, c.Booleans, c.Strings = nil, nil, nil, nil
		case model.Boolean:
			c.Floats, c.Integers, c.Unsigneds, c.Strings = nil, nil, nil, nil
		default:
			c.Floats, c.Integers, c.Unsigneds, c.Booleans = nil, nil, nil, nil
		}
		rows.Columns = append(rows.Columns, c)
	}
	if len(rows.Columns) == 0 {
		rows.Columns = append(rows.Columns, FieldColumn{Field: testFields[1].Number, Type: testFields[1].Type, Integers: make([]int64, n)})
		if testFields[1].Type != model.Integer {
			return randomSeriesRows(rng, id, n)
		}
	}
	return rows
}
