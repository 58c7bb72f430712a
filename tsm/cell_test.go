package tsm

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// hourRows makes rows that are some seconds apart, with gaps of hours.
func hourRows(r *rand.Rand, series model.SeriesID, start int64, n int) *SeriesRows {
	rows := randomRows(r, series, 0, n)
	t, step := start, 1+r.Int64N(90)
	for i := range rows.Times {
		rows.Times[i] = t
		if t += step * 1e9; r.IntN(60) == 0 {
			t += r.Int64N(5 * CellWidth)
		}
	}
	return rows
}

// columnsByHour returns the values of a file of one series, hour by hour and field by field, with their timestamps.
func columnsByHour(t *testing.T, r *Reader, series model.SeriesID) (map[int64]map[uint32]*FieldColumn, map[int64]map[uint32][]int64, map[int64]int) {
	t.Helper()
	columns, times, rows := make(map[int64]map[uint32]*FieldColumn), make(map[int64]map[uint32][]int64), make(map[int64]int)
	refs, err := r.Blocks(series, model.AllTime, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range refs {
		var block Block
		fields, err := refs[i].Fields(nil)
		if err == nil {
			err = r.ReadBlock(&refs[i], fields, &block)
		}
		if err != nil {
			t.Fatal(err)
		}
		for row, at := range block.Times {
			hour := int64(math.Floor(float64(at) / float64(CellWidth)))
			if columns[hour] == nil {
				columns[hour], times[hour] = make(map[uint32]*FieldColumn), make(map[uint32][]int64)
			}
			rows[hour]++
			for k := range block.Columns {
				src := &block.Columns[k]
				if !src.Has(row) {
					continue
				}
				c := columns[hour][src.Field]
				if c == nil {
					c = &FieldColumn{Field: src.Field, Type: src.Type}
					columns[hour][src.Field] = c
				}
				n := len(times[hour][src.Field])
				times[hour][src.Field] = append(times[hour][src.Field], at)
				c.resize(n + 1)
				c.copyRows(n, src, row, row+1)
			}
		}
	}
	return columns, times, rows
}

// checkCells compares the cells of a series with its rows and returns how many slots there are.
func checkCells(t *testing.T, r *Reader, series model.SeriesID) int {
	t.Helper()
	var set CellSet
	ok, err := r.Cells(series, nil, model.AllTime, &set)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return 0
	}
	columns, times, rows := columnsByHour(t, r, series)
	if len(rows) != len(set.Slots) {
		t.Fatalf("series %d: %d slots for rows of %d hours", series, len(set.Slots), len(rows))
	}
	for i := range set.Slots {
		s := &set.Slots[i]
		if s.Rows != rows[s.Hour] {
			t.Fatalf("series %d, hour %d: slot of %d rows, want %d", series, s.Hour, s.Rows, rows[s.Hour])
		}
		for k, field := range set.fields {
			got, known, whole := set.Stats(i, k)
			c := columns[s.Hour][field]
			if c == nil {
				if got.Count != 0 || !known {
					t.Fatalf("series %d, hour %d, field %d: %+v without values", series, s.Hour, field, got)
				}
				continue
			}
			want := statsOf(c, times[s.Hour][field])
			if !known {
				if nan := c.Type == model.Float && math.IsNaN(want.Floats.Sum); !nan && len(want.FirstBytes) <= maxStatString && len(want.LastBytes) <= maxStatString {
					t.Fatalf("series %d, hour %d, field %d: no statistics", series, s.Hour, field)
				}
				continue
			}
			if got, want := fmt.Sprintf("%+v", *got), fmt.Sprintf("%+v", want); got != want {
				t.Fatalf("series %d, hour %d, field %d:\n got %s\nwant %s", series, s.Hour, field, got, want)
			}
			if whole {
				for _, v := range c.Floats {
					if v != math.Trunc(v) {
						t.Fatalf("series %d, hour %d, field %d: %v is not whole", series, s.Hour, field, v)
					}
				}
			}
		}
	}
	return len(set.Slots)
}

// TestCellsAgreeWithRows writes and merges files whose blocks are decoded and copied in all mixtures, with and without
// cells and deletes, and compares the cells of each with its rows.
func TestCellsAgreeWithRows(t *testing.T) {
	r := newRandom(t)
	ctx := context.Background()
	slots, copied := 0, 0
	for round := range 12 {
		dir := t.TempDir()
		var inputs []Input
		for i := range 2 + r.IntN(4) {
			var rows []*SeriesRows
			for series := model.SeriesID(1); series < 6; series++ {
				start := 1_700_000_000_000_000_000 + int64(i)*int64(10+r.IntN(30))*CellWidth + r.Int64N(CellWidth)
				if r.IntN(4) == 0 {
					start -= 25 * CellWidth
				}
				rows = append(rows, hourRows(r, series, start, 1+r.IntN(1500)))
			}
			path := filepath.Join(dir, fmt.Sprintf("%d.tsm", i))
			opt := WriterOptions{Generation: uint64(i + 1), BlockRows: 60 + r.IntN(300), SparseRows: 10, CellPercent: []int{-1, 0, 0, 1000}[r.IntN(4)]}
			writeFile(t, vfs.OS(), path, opt, rows...)
			inputs = append(inputs, Input{Reader: openFile(t, vfs.OS(), path)})
		}
		for level := 0; len(inputs) > 1; level++ {
			for _, in := range inputs {
				if err := in.Reader.Verify(ctx); err != nil {
					t.Fatal(err)
				}
				for series := model.SeriesID(1); series < 6; series++ {
					slots += checkCells(t, in.Reader, series)
				}
			}
			n := min(len(inputs), 2+r.IntN(2))
			if r.IntN(3) == 0 {
				at := 1_700_000_000_000_000_000 + r.Int64N(60)*CellWidth
				inputs[0].Deletes = []Delete{{Series: roaring.BitmapOf(1, 2, 3), Range: model.TimeRange{Min: at, Max: at + r.Int64N(3*CellWidth)}}}
			}
			path := filepath.Join(dir, fmt.Sprintf("merged-%d.tsm", level))
			opt := MergeOptions{BlockRows: 60 + r.IntN(200), SparseRows: 10, Verify: true}
			result, err := Merge(ctx, vfs.OS(), path, opt, inputs[:n]...)
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			copied += result.Copied
			if err := Publish(vfs.OS(), path); err != nil {
				t.Fatal(err)
			}
			inputs = append([]Input{{Reader: openFile(t, vfs.OS(), path)}}, inputs[n:]...)
		}
		for series := model.SeriesID(1); series < 6; series++ {
			slots += checkCells(t, inputs[0].Reader, series)
		}
	}
	if slots < 1000 || copied < 100 {
		t.Errorf("only %d slots, %d blocks copied", slots, copied)
	}
}

// walkRows are rows of whole days as collectors write them: ten integers every ten seconds.
func walkRows(r *rand.Rand, series model.SeriesID, days int) *SeriesRows {
	n := days * 8640
	rows := &SeriesRows{Series: series, Times: make([]int64, n)}
	for i := range rows.Times {
		rows.Times[i] = 1_700_006_400_000_000_000 + int64(i)*10_000_000_000
	}
	for range 10 {
		c := FieldColumn{Field: uint32(3 + 30*len(rows.Columns)), Type: model.Integer, Integers: make([]int64, n)}
		level := r.Float64() * 100
		for i := range c.Integers {
			level = min(max(level+r.NormFloat64(), 0), 100)
			c.Integers[i] = int64(level)
		}
		rows.Columns = append(rows.Columns, c)
	}
	return rows
}

func walkFields() (fields []FieldDef) {
	for i := range 10 {
		fields = append(fields, FieldDef{Number: uint32(3 + 30*i), Measurement: "cpu", Name: fmt.Sprint("usage_", i), Type: model.Integer})
	}
	return fields
}

// TestCellsAreSmall holds cells to a tenth of the values at ten seconds, and to nothing for series of few rows.
func TestCellsAreSmall(t *testing.T) {
	r := newRandom(t)
	dir := t.TempDir()
	size := func(percent int, rows ...*SeriesRows) float64 {
		opt := WriterOptions{Generation: 1, Fields: walkFields(), BlockRows: CompactedBlockRows, CellPercent: percent}
		info := writeFile(t, vfs.OS(), filepath.Join(dir, "a.tsm"), opt, rows...)
		return float64(info.Size) / float64(info.Values)
	}
	rows := walkRows(r, 1, 3)
	plain, with := size(-1, rows), size(0, rows)
	t.Logf("%.4f bytes per value, %.4f with cells", plain, with)
	if with == plain || with-plain > 0.03 || with > 1.1*plain {
		t.Errorf("cells take %.4f bytes per value, %.1f %% of %.4f", with-plain, 100*(with-plain)/plain, plain)
	}
	sparse := walkRows(r, 1, 1)
	for i := range sparse.Times {
		sparse.Times[i] += int64(i) * 590_000_000_000 // one row in ten minutes
	}
	if plain, with := size(-1, sparse), size(0, sparse); plain != with {
		t.Errorf("sparse rows take %.4f bytes per value, %.4f with cells", plain, with)
	}
}

func FuzzCellRecord(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	var b cellBuilder
	for series := range 4 {
		rows := hourRows(r, model.SeriesID(series+1), 1_700_000_000_000_000_000, 400)
		b.buffer.append(rows, 0, len(rows.Times))
		b.buffer.finish()
		b.add(&b.buffer, model.AllTime)
		b.size = maxCellBytes
		f.Add(append([]byte(nil), b.finish(100)...))
		b.reset()
		b.buffer.reset()
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		var set CellSet
		fields, err := recordFields(record, &set)
		if err != nil {
			return
		}
		if len(fields) > 100 {
			fields = fields[:100]
		}
		if !set.decode(record, fields, model.AllTime) {
			return
		}
		for i := range set.Slots {
			if s := &set.Slots[i]; s.First > s.Last || cellHour(s.First) != s.Hour || cellHour(s.Last) != s.Hour {
				t.Fatalf("slot %+v", *s)
			}
			for k := range fields {
				if s, _, _ := set.Stats(i, k); s.Count < 0 || s.Count > int64(set.Slots[i].Rows) {
					t.Fatalf("%+v in %+v", *s, set.Slots[i])
				}
			}
		}
	})
}
