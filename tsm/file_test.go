package tsm

import (
	"bytes"
	"errors"
	"math"
	"path/filepath"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// writeFile writes rows to a new published file.
func writeFile(t testing.TB, fs vfs.FS, path string, opt WriterOptions, rows ...*SeriesRows) Info {
	t.Helper()
	if opt.Fields == nil {
		opt.Fields = testFields
	}
	w, err := Create(fs, path, opt)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if err := w.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	info, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if err := Publish(fs, path); err != nil {
		t.Fatal(err)
	}
	return info
}

func openFile(t testing.TB, fs vfs.FS, path string) *Reader {
	t.Helper()
	r, err := Open(fs, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func TestFileRoundTrip(t *testing.T) {
	r := newRandom(t)
	for round := range 12 {
		path := filepath.Join(t.TempDir(), "a.tsm")
		opt := WriterOptions{
			Generation: r.Uint64(), Level: r.IntN(5), MinLSN: 7, MaxLSN: 9, Fields: testFields,
			BlockRows: 1 + r.IntN(300), SparseRows: 1 + r.IntN(40),
		}
		opt.SparseRows = min(opt.SparseRows, opt.BlockRows)
		most := min(700, 20*opt.BlockRows)
		want := make(naive)
		var rows int64
		w, err := Create(vfs.OS(), path, opt)
		if err != nil {
			t.Fatal(err)
		}
		series := model.SeriesID(0)
		for range 60 {
			series += model.SeriesID(1 + r.IntN(3)*r.IntN(1000))
			start := r.Int64N(1 << 40)
			for range 1 + r.IntN(3) {
				n := 1 + r.IntN(20)
				if r.IntN(4) == 0 {
					n = r.IntN(most)
				}
				add := randomRows(r, series, start, n)
				want.add(add)
				rows += int64(n)
				if err := w.Add(add); err != nil {
					t.Fatal(err)
				}
				if n > 0 {
					start = add.Times[n-1] + 1
				}
			}
		}
		info, err := w.Finish()
		if err != nil {
			t.Fatal(err)
		}
		if err := Publish(vfs.OS(), path); err != nil {
			t.Fatal(err)
		}
		f := openFile(t, vfs.OS(), path)
		want.prune()
		if got := f.Info(); got != info || info.Rows != rows || info.Values != want.values() || info.Series != len(want) {
			t.Fatalf("round %d: info %+v, writer's %+v; want %d rows, %d values, %d series", round, got, info, rows, want.values(), len(want))
		}
		got, err := readAll(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := got.equal(want); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
}

func TestExtremes(t *testing.T) {
	huge := bytes.Repeat([]byte("0123456789abcdef"), model.MaxStringBytes/16)
	for i := range huge {
		huge[i] ^= byte(i * i >> 7)
	}
	n := 9
	rows := &SeriesRows{Series: math.MaxUint32, Times: []int64{model.MinTime, -1, 0, 1, 2, 3, 4, 5, model.MaxTime}}
	floats := FieldColumn{Field: 0, Type: model.Float, Floats: []float64{math.Inf(1), math.Inf(-1), math.NaN(), math.Copysign(0, -1), 0, math.MaxFloat64, math.SmallestNonzeroFloat64, 1, 2}}
	integers := FieldColumn{Field: 3, Type: model.Integer, Integers: []int64{math.MinInt64, math.MaxInt64, 0, -1, 1, math.MinInt64, math.MinInt64, math.MaxInt64, math.MaxInt64}}
	unsigneds := FieldColumn{Field: 6, Type: model.Unsigned, Unsigneds: []uint64{math.MaxUint64, 0, 1, math.MaxUint64, 1 << 63, 0, 0, 5, math.MaxUint64}}
	texts := FieldColumn{Field: 12, Type: model.String, Strings: make([][]byte, n)}
	for i := range texts.Strings {
		texts.Strings[i] = huge[i:]
	}
	rows.Columns = []FieldColumn{floats, integers, unsigneds, texts}
	path := filepath.Join(t.TempDir(), "a.tsm")
	for _, sparse := range []int{1, 64} {
		info := writeFile(t, vfs.OS(), path, WriterOptions{SparseRows: sparse}, rows)
		f := openFile(t, vfs.OS(), path)
		want := make(naive)
		want.add(rows)
		got, err := readAll(f)
		if err == nil {
			err = got.equal(want)
		}
		if err != nil {
			t.Fatal(err)
		}
		if want := (model.TimeRange{Min: model.MinTime, Max: model.MaxTime}); info.Range != want {
			t.Errorf("range is %v, want %v", info.Range, want)
		}
		if sparse == 1 && info.Blocks < 2 {
			t.Errorf("9 MiB of strings are in %d block", info.Blocks)
		}
	}
}

func TestSparseSeriesCostFewBytes(t *testing.T) {
	const series = 100_000
	path := filepath.Join(t.TempDir(), "a.tsm")
	w, err := Create(vfs.OS(), path, WriterOptions{Fields: testFields})
	if err != nil {
		t.Fatal(err)
	}
	value := func(id, row int) int64 { return int64(id*7%90 + row) }
	rows := &SeriesRows{Times: []int64{1e18, 1e18 + 10e9}, Columns: []FieldColumn{{Field: 3, Type: model.Integer, Integers: make([]int64, 2)}}}
	for id := 1; id <= series; id++ {
		rows.Series = model.SeriesID(3 * id)
		rows.Columns[0].Integers[0], rows.Columns[0].Integers[1] = value(id, 0), value(id, 1)
		if err := w.Add(rows); err != nil {
			t.Fatal(err)
		}
	}
	info, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if err := Publish(vfs.OS(), path); err != nil {
		t.Fatal(err)
	}
	if per := float64(info.Size) / series; per > 4 {
		t.Errorf("%.2f bytes per series of two points", per)
	}
	r := openFile(t, vfs.OS(), path)
	var refs []BlockRef
	var block Block
	for id := 1; id <= series; id++ {
		refs, err = r.Blocks(model.SeriesID(3*id), model.AllTime, refs[:0])
		if err != nil || len(refs) != 1 {
			t.Fatalf("series %d has %d blocks: %v", 3*id, len(refs), err)
		}
		if err := r.ReadBlock(&refs[0], []uint32{3}, &block); err != nil {
			t.Fatal(err)
		}
		if c := &block.Columns[0]; len(c.Integers) != 2 || c.Integers[0] != value(id, 0) || c.Integers[1] != value(id, 1) {
			t.Fatalf("series %d: %v", 3*id, c.Integers)
		}
	}
	for _, id := range []model.SeriesID{0, 1, 2, 4, 3*series + 1, math.MaxUint32} {
		if refs, err := r.Blocks(id, model.AllTime, nil); err != nil || len(refs) != 0 {
			t.Errorf("series %d, which is not there, has %d blocks: %v", id, len(refs), err)
		}
	}
}

// Blocks must return exactly the blocks that overlap the range, also where a
// series spans many leaves.
func TestBlocksByTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tsm")
	const n = 20000
	var all []*SeriesRows
	for series := model.SeriesID(1); series <= 3; series++ {
		rows := &SeriesRows{Series: series, Times: make([]int64, n), Columns: []FieldColumn{{Field: 0, Type: model.Float, Floats: make([]float64, n)}}}
		for i := range rows.Times {
			rows.Times[i] = int64(i) * 10
		}
		all = append(all, rows)
	}
	info := writeFile(t, vfs.OS(), path, WriterOptions{BlockRows: 10, SparseRows: 1}, all...)
	if info.Blocks != 3*n/10 {
		t.Fatalf("%d blocks, want %d", info.Blocks, 3*n/10)
	}
	r := openFile(t, vfs.OS(), path)
	if r.single.leaves() < 10 {
		t.Fatalf("%d leaves are too few for this test", r.single.leaves())
	}
	random := newRandom(t)
	for range 2000 {
		tr := model.TimeRange{Min: random.Int64N(n*10+100) - 50}
		tr.Max = tr.Min + random.Int64N(2000)
		series := model.SeriesID(1 + random.IntN(3))
		refs, err := r.Blocks(series, tr, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for b := range n / 10 {
			if (model.TimeRange{Min: int64(b) * 100, Max: int64(b)*100 + 90}).Overlaps(tr) {
				want++
			}
		}
		if len(refs) != want {
			t.Fatalf("series %d, %v: %d blocks, want %d", series, tr, len(refs), want)
		}
		for i := range refs {
			if refs[i].Series != series || !refs[i].Range.Overlaps(tr) || i > 0 && refs[i].Range.Min <= refs[i-1].Range.Max {
				t.Fatalf("series %d, %v: block %+v", series, tr, refs[i])
			}
		}
	}
}

func TestFieldsOfBlock(t *testing.T) {
	r := newRandom(t)
	path := filepath.Join(t.TempDir(), "a.tsm")
	rows := randomRows(r, 5, 100, 300)
	writeFile(t, vfs.OS(), path, WriterOptions{}, rows)
	f := openFile(t, vfs.OS(), path)
	refs, err := f.Blocks(5, model.AllTime, nil)
	if err != nil || len(refs) != 1 {
		t.Fatalf("%d blocks: %v", len(refs), err)
	}
	present := map[uint32]bool{}
	numbers, err := refs[0].Fields(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range numbers {
		present[n] = true
	}
	// Any selection in any order, unknown numbers included.
	var block Block
	for range 50 {
		var fields []uint32
		for range r.IntN(6) {
			n := uint32(r.IntN(32))
			fields = append(fields, n)
			for _, before := range fields[:len(fields)-1] {
				if before == n {
					fields = fields[:len(fields)-1]
					break
				}
			}
		}
		if err := f.ReadBlock(&refs[0], fields, &block); err != nil {
			t.Fatal(err)
		}
		if len(block.Columns) != len(fields) || len(block.Times) != 300 {
			t.Fatalf("%d columns and %d rows for %v", len(block.Columns), len(block.Times), fields)
		}
		for i, n := range fields {
			c := &block.Columns[i]
			if c.Field != n || c.Absent == present[n] {
				t.Fatalf("fields %v: column %d is field %d, absent %v", fields, i, c.Field, c.Absent)
			}
			if !c.Absent && c.rows() != 300 {
				t.Fatalf("field %d has %d entries", n, c.rows())
			}
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	one := func(series model.SeriesID, times ...int64) *SeriesRows {
		return &SeriesRows{Series: series, Times: times, Columns: []FieldColumn{{Field: 3, Type: model.Integer, Integers: make([]int64, len(times))}}}
	}
	wrongType := one(3, 1)
	wrongType.Columns[0] = FieldColumn{Field: 3, Type: model.Float, Floats: []float64{1}}
	short := one(3, 1, 2)
	short.Columns[0].Integers = short.Columns[0].Integers[:1]
	cases := map[string]struct {
		first, second *SeriesRows
		order         bool
	}{
		"series zero":         {one(0, 1), nil, true},
		"series descends":     {one(5, 1), one(4, 2), true},
		"time repeats":        {one(5, 1, 1), nil, true},
		"time descends later": {one(5, 1, 2), one(5, 2), true},
		"type":                {wrongType, nil, false},
		"column length":       {short, nil, false},
	}
	for name, c := range cases {
		path := filepath.Join(t.TempDir(), "a.tsm")
		w, err := Create(vfs.OS(), path, WriterOptions{Fields: testFields})
		if err != nil {
			t.Fatal(err)
		}
		err = w.Add(c.first)
		if err == nil && c.second != nil {
			err = w.Add(c.second)
		}
		if err == nil || errors.Is(err, ErrOrder) != c.order {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := w.Finish(); err == nil {
			t.Errorf("%s: Finish after an error succeeds", name)
		}
		if names, _ := vfs.OS().List(filepath.Dir(path)); len(names) != 0 {
			t.Errorf("%s: %v are left", name, names)
		}
	}
	if _, err := Create(vfs.OS(), filepath.Join(t.TempDir(), "a"), WriterOptions{BlockRows: MaxBlockRows}); err == nil {
		t.Error("a block of MaxBlockRows rows may grow beyond it")
	}
}

func TestEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tsm")
	info := writeFile(t, vfs.OS(), path, WriterOptions{Generation: 4})
	r := openFile(t, vfs.OS(), path)
	if r.Info() != info || !info.Range.Empty() || info.Rows != 0 || !r.SeriesIDs().IsEmpty() {
		t.Errorf("%+v", r.Info())
	}
}

// A file in use survives its removal and the Close of its opener.
func TestReferences(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tsm")
	rows := randomRows(newRandom(t), 5, 100, 300)
	writeFile(t, vfs.OS(), path, WriterOptions{}, rows)
	r := openFile(t, vfs.OS(), path)
	if !r.Ref() {
		t.Fatal("no reference to an open file")
	}
	if err := errors.Join(r.Close(), r.Close(), vfs.OS().Remove(path)); err != nil {
		t.Fatal(err)
	}
	want := make(naive)
	want.add(rows)
	got, err := readAll(r)
	if err == nil {
		err = got.equal(want)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Unref(); err != nil {
		t.Fatal(err)
	}
	if r.Ref() {
		t.Error("a reference to a closed file")
	}
	if err := r.Unref(); !errors.Is(err, ErrClosed) {
		t.Errorf("one Unref too many: %v", err)
	}
}
