package tsm

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// sameRowsIn compares the rows of two blocks that lie in a range.
func sameRowsIn(got, want *SeriesRows, in model.TimeRange) error {
	bounds := func(times []int64) (lo, hi int) {
		lo, _ = slices.BinarySearch(times, in.Min)
		hi, _ = slices.BinarySearch(times, in.Max+1)
		return lo, max(lo, hi)
	}
	from, to := bounds(got.Times)
	lo, hi := bounds(want.Times)
	if !slices.Equal(got.Times[from:to], want.Times[lo:hi]) {
		return fmt.Errorf("times are %v, want %v", got.Times[from:to], want.Times[lo:hi])
	}
	for c := range want.Columns {
		a, b := &got.Columns[c], &want.Columns[c]
		for i := range hi - lo {
			if a.Field != b.Field || a.Type != b.Type || a.Has(from+i) != b.Has(lo+i) || b.Has(lo+i) && a.value(from+i) != b.value(lo+i) {
				return fmt.Errorf("field %d, row %d: %v, want %v", b.Field, lo+i, a.value(from+i), b.value(lo+i))
			}
		}
	}
	return nil
}

// value returns the value of a row for comparison.
func (c *FieldColumn) value(i int) any {
	switch c.Type {
	case model.Float:
		return math.Float64bits(c.Floats[i])
	case model.Integer:
		return c.Integers[i]
	case model.Unsigned:
		return c.Unsigneds[i]
	case model.Boolean:
		return c.Booleans[i]
	}
	return string(c.Strings[i])
}

// Some rows of a block are those that the whole block has there, whatever was read
// from the same block or others before.
func TestReadRows(t *testing.T) {
	r := newRandom(t)
	path := filepath.Join(t.TempDir(), "a.tsm")
	var series []*SeriesRows
	for id := range model.SeriesID(6) {
		rows := randomRows(r, id+1, r.Int64N(1000), 1500+r.IntN(3000))
		if id%2 == 0 { // a grid
			for i := range rows.Times {
				rows.Times[i] = int64(i) * 10
			}
		}
		for i := range rows.Columns { // long pages of narrow differences
			if c := &rows.Columns[i]; c.Type == model.Integer {
				for k := range c.Integers {
					c.Integers[k] = int64(k) + r.Int64N(5)
				}
			}
		}
		series = append(series, rows)
	}
	writeFile(t, vfs.OS(), path, WriterOptions{BlockRows: 2500}, series...)
	file := openFile(t, vfs.OS(), path)
	var whole, some Block
	for range 300 {
		rows := series[r.IntN(len(series))]
		refs, err := file.Blocks(rows.Series, model.AllTime, nil)
		if err != nil {
			t.Fatal(err)
		}
		ref := &refs[r.IntN(len(refs))]
		fields, err := ref.Fields(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := file.ReadBlock(ref, fields, &whole); err != nil {
			t.Fatal(err)
		}
		for range 1 + r.IntN(3) {
			in := model.TimeRange{Min: ref.Range.Min - 5 + r.Int64N(ref.Range.Max-ref.Range.Min+10)}
			in.Max = in.Min + r.Int64N(ref.Range.Max-ref.Range.Min)
			if err := file.ReadRows(ref, fields, in, &some); err != nil {
				t.Fatal(err)
			}
			if err := sameRowsIn(&some.SeriesRows, &whole.SeriesRows, in); err != nil {
				t.Fatalf("series %d, rows from %d to %d: %v", rows.Series, in.Min, in.Max, err)
			}
		}
	}
}

// Series that are said to be long have long blocks, which merges copy; others have
// short ones.
func TestExpectedRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tsm")
	w, err := Create(vfs.OS(), path, WriterOptions{Generation: 1, Fields: testFields})
	if err != nil {
		t.Fatal(err)
	}
	rows := &SeriesRows{Times: make([]int64, 9000), Columns: []FieldColumn{{Field: 0, Type: model.Float, Floats: make([]float64, 9000)}}}
	for i := range rows.Times {
		rows.Times[i] = int64(i)
	}
	want := map[model.SeriesID][]int{
		1: {1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000},
		2: {4096, 4904},
		3: {1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000},
		4: {1000, 1000, 1000},
	}
	for id := range model.SeriesID(4) {
		rows.Series = id + 1
		switch rows.Series {
		case 2:
			w.Expect(2, 9000)
		case 4:
			w.Expect(4, 3000)
			rows.Times, rows.Columns[0].Floats = rows.Times[:3000], rows.Columns[0].Floats[:3000]
		}
		if err := w.Add(rows); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if err := Publish(vfs.OS(), path); err != nil {
		t.Fatal(err)
	}
	file := openFile(t, vfs.OS(), path)
	for id, rows := range want {
		refs, err := file.Blocks(id, model.AllTime, nil)
		var got []int
		for i := range refs {
			got = append(got, refs[i].Rows)
		}
		if err != nil || !slices.Equal(got, rows) {
			t.Errorf("series %d has blocks of %v rows (%v), want %v", id, got, err, rows)
		}
	}
}
