package tsm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsm/encoding"
)

// remove applies a delete to an oracle and returns how many values it took.
func (o naive) remove(d Delete) (n int64) {
	for series, fields := range o {
		if !d.Series.Contains(uint32(series)) {
			continue
		}
		for field, values := range fields {
			if d.OneField && d.Field != field {
				continue
			}
			for t := range values {
				if d.Range.Contains(t) {
					delete(values, t)
					n++
				}
			}
		}
	}
	return n
}

// over puts the values of a newer oracle over those of o.
func (o naive) over(newer naive) (overwritten int64) {
	for series, fields := range newer {
		for field, values := range fields {
			for t, v := range values {
				if o.set(series, field, t, v) {
					overwritten++
				}
			}
		}
	}
	return overwritten
}

// drop removes all values of fields and returns how many there were.
func (o naive) drop(fields []uint32) (n int64) {
	for _, values := range o {
		for _, f := range fields {
			n += int64(len(values[f]))
			delete(values, f)
		}
	}
	return n
}

// someFields takes some of the fields of tests in every third round, once all.
func someFields(r *rand.Rand, round int) (numbers []uint32) {
	for _, f := range testFields {
		if round%3 == 2 && r.IntN(2) == 0 || round == 9 {
			numbers = append(numbers, f.Number)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// forcedCodec takes every codec in turn, and every other round the cheapest.
func forcedCodec(round int) encoding.Codec {
	if round%2 == 0 {
		return 0
	}
	return encoding.Codec(round/2)%LastCodec + 1
}

func TestMergeAgainstOracle(t *testing.T) {
	r := newRandom(t)
	ctx := context.Background()
	for round := range 28 {
		dir := t.TempDir()
		files := 1 + r.IntN(5)
		want := make(naive)
		dropped := someFields(r, round)
		var overwritten, deleted, rewritten int64
		var inputs []Input
		for i := range files {
			one := make(naive)
			var rows []*SeriesRows
			for series := model.SeriesID(1); series < 12; series++ {
				if r.IntN(3) == 0 {
					continue
				}
				n := 1 + r.IntN(12)
				if series%2 == 0 {
					n = 1 + r.IntN(400)
				}
				// Starts far apart make blocks that stand alone, near ones overlap.
				add := randomRows(r, series, r.Int64N(3)*100_000+r.Int64N(300), n)
				one.add(add)
				rows = append(rows, add)
			}
			path := filepath.Join(dir, fmt.Sprintf("%d.tsm", i))
			opt := WriterOptions{Generation: uint64(10 + i), BlockRows: 20 + r.IntN(80), SparseRows: 1 + r.IntN(20), MinLSN: uint64(i), MaxLSN: uint64(i + 1)}
			opt.Codecs.Codec = forcedCodec(round)
			writeFile(t, vfs.OS(), path, opt, rows...)
			in := Input{Reader: openFile(t, vfs.OS(), path)}
			for range r.IntN(3) {
				d := Delete{Series: roaring.BitmapOf(uint32(1+r.IntN(12)), uint32(1+r.IntN(12))), OneField: r.IntN(2) == 0, Field: uint32(r.IntN(10) * 3)}
				d.Range.Min = r.Int64N(3)*100_000 + r.Int64N(300)
				d.Range.Max = d.Range.Min + r.Int64N(100_000)
				in.Deletes = append(in.Deletes, d)
				deleted += one.remove(d)
			}
			deleted += one.drop(dropped)
			overwritten += want.over(one)
			inputs = append(inputs, in)
		}
		path := filepath.Join(dir, "out.tsm")
		opt := MergeOptions{BlockRows: 40 + r.IntN(60), AppliedDeletes: 5, Verify: true, DroppedFields: dropped}
		opt.SparseRows = 1 + r.IntN(20)
		opt.Codecs.Codec = forcedCodec(round)
		var paced int
		opt.Pace = func(_ context.Context, n int) error { paced += n; return nil }
		result, err := Merge(ctx, vfs.OS(), path, opt, inputs...)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		want.prune()
		if result.Overwritten != overwritten || result.Deleted != deleted || result.Values != want.values() {
			t.Errorf("round %d: %d overwritten, %d deleted, %d values; want %d, %d, %d", round,
				result.Overwritten, result.Deleted, result.Values, overwritten, deleted, want.values())
		}
		if result.Generation != uint64(10+files-1) || result.Level != 1 || result.MinLSN != 0 || result.MaxLSN != uint64(files) || result.AppliedDeletes != 5 {
			t.Errorf("round %d: %+v", round, result.Info)
		}
		if paced == 0 && len(want) > 0 {
			t.Errorf("round %d: Pace was not called", round)
		}
		if err := Publish(vfs.OS(), path); err != nil {
			t.Fatal(err)
		}
		out := openFile(t, vfs.OS(), path)
		got, err := readAll(out)
		if err == nil {
			err = got.equal(want)
		}
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if out.HasField(dropped) {
			t.Errorf("round %d: %v, dropped were %v", round, out.Fields(), dropped)
		}
		rewritten += result.Values
		if t.Failed() {
			return
		}
	}
}

func TestMergeCopiesDisjointBlocks(t *testing.T) {
	dir := t.TempDir()
	var inputs []Input
	for i := range 3 {
		rows := &SeriesRows{Series: 7, Times: make([]int64, 100), Columns: []FieldColumn{{Field: 0, Type: model.Float, Floats: make([]float64, 100)}}}
		for k := range rows.Times {
			rows.Times[k] = int64(i*1000 + k)
			rows.Columns[0].Floats[k] = float64(k)
		}
		path := filepath.Join(dir, fmt.Sprintf("%d.tsm", i))
		writeFile(t, vfs.OS(), path, WriterOptions{Generation: uint64(i + 1), BlockRows: 100}, rows)
		inputs = append(inputs, Input{Reader: openFile(t, vfs.OS(), path)})
	}
	out := filepath.Join(dir, "out.tsm")
	result, err := Merge(context.Background(), vfs.OS(), out, MergeOptions{BlockRows: 100, Verify: true}, inputs...)
	if err != nil || result.Copied != 3 || result.Blocks != 3 || result.Rows != 300 {
		t.Errorf("%+v, %v", result, err)
	}
	// Small blocks for the target are put together.
	result, err = Merge(context.Background(), vfs.OS(), out, MergeOptions{BlockRows: 1000, Verify: true}, inputs...)
	if err != nil || result.Copied != 0 || result.Blocks != 1 || result.Rows != 300 {
		t.Errorf("%+v, %v", result, err)
	}
	// A delete inside of a block makes it be decoded.
	inputs[1].Deletes = []Delete{{Series: roaring.BitmapOf(7), Range: model.TimeRange{Min: 1010, Max: 1019}}}
	result, err = Merge(context.Background(), vfs.OS(), out, MergeOptions{BlockRows: 100, Verify: true}, inputs...)
	if err != nil || result.Copied != 2 || result.Rows != 290 || result.Deleted != 10 {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestMergeRefuses(t *testing.T) {
	dir := t.TempDir()
	rows := randomRows(newRandom(t), 1, 0, 10)
	open := func(name string, opt WriterOptions) Input {
		writeFile(t, vfs.OS(), filepath.Join(dir, name), opt, rows)
		return Input{Reader: openFile(t, vfs.OS(), filepath.Join(dir, name))}
	}
	a, b := open("a.tsm", WriterOptions{Generation: 1}), open("b.tsm", WriterOptions{Generation: 2})
	out := filepath.Join(dir, "out.tsm")
	if _, err := Merge(context.Background(), vfs.OS(), out, MergeOptions{}, b, a); !errors.Is(err, ErrOrder) {
		t.Errorf("generations descend: %v", err)
	}
	renamed := append([]FieldDef(nil), testFields...)
	for i := range renamed {
		renamed[i].Name += "!"
	}
	c := open("c.tsm", WriterOptions{Generation: 3, Fields: renamed})
	if _, err := Merge(context.Background(), vfs.OS(), out, MergeOptions{}, a, c); err != nil {
		t.Errorf("fields have new names: %v", err)
	}
	fields := openFile(t, vfs.OS(), out+vfs.TempSuffix).Fields()
	if len(fields) == 0 || slices.ContainsFunc(fields, func(f FieldDef) bool { return !slices.Contains(renamed, f) }) {
		t.Errorf("fields are %+v, want the newest names", fields)
	}
	if err := vfs.OS().Remove(out + vfs.TempSuffix); err != nil {
		t.Fatal(err)
	}
	for i := range renamed {
		renamed[i].Measurement += "!"
	}
	c = open("c.tsm", WriterOptions{Generation: 3, Fields: renamed})
	if _, err := Merge(context.Background(), vfs.OS(), out, MergeOptions{}, a, c); !errors.Is(err, ErrConflict) {
		t.Errorf("other fields: %v", err)
	}
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Merge(cancelled, vfs.OS(), out, MergeOptions{}, a, b); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if names, _ := vfs.OS().List(dir); len(names) != 3 {
		t.Errorf("%v are left", names)
	}
}

// RowMerger against maps, with spans and all kinds of gaps.
func TestRowMergerAgainstOracle(t *testing.T) {
	r := newRandom(t)
	var m RowMerger
	for round := range 300 {
		want := make(naive)
		var inputs []MergeInput
		var overwritten int64
		for range r.IntN(5) {
			rows := randomRows(r, 9, r.Int64N(50), r.IntN(200))
			in := MergeInput{Rows: rows, From: r.IntN(len(rows.Times) + 1)}
			in.To = in.From + r.IntN(len(rows.Times)+1-in.From)
			inputs = append(inputs, in)
			span := &SeriesRows{Series: 9, Times: rows.Times[in.From:in.To]}
			for i := range rows.Columns {
				c := FieldColumn{Field: rows.Columns[i].Field, Type: rows.Columns[i].Type}
				c.slice(&rows.Columns[i], in.From, in.To)
				if rows.Columns[i].Present != nil {
					c.Present = sliceBits(nil, rows.Columns[i].Present, in.From, in.To)
				}
				span.Columns = append(span.Columns, c)
			}
			overwritten += want.add(span)
		}
		rows, n := m.Merge(inputs)
		got := make(naive)
		got.add(rows)
		if err := got.prune().equal(want.prune()); err != nil || n != overwritten {
			t.Fatalf("round %d: %v; %d overwritten, want %d", round, err, n, overwritten)
		}
		for i, at := range rows.Times {
			if i > 0 && at <= rows.Times[i-1] {
				t.Fatalf("round %d: timestamp %d after %d", round, at, rows.Times[i-1])
			}
			has := false
			for k := range rows.Columns {
				has = has || rows.Columns[k].Has(i)
			}
			if !has {
				t.Fatalf("round %d: row %d has no value", round, i)
			}
		}
	}
}

func TestPlan(t *testing.T) {
	file := func(generation uint64, level int) FileInfo {
		return FileInfo{Info: Info{Generation: generation, Level: level}}
	}
	span := func(generation uint64, level int, hour int64) FileInfo {
		f := file(generation, level)
		f.Size, f.Range = 1000, model.TimeRange{Min: hour * 3600, Max: hour*3600 + 3700} // the next one begins before
		return f
	}
	busy := func(f FileInfo) FileInfo { f.Busy = true; return f }
	deletes := func(f FileInfo) FileInfo { f.Deletes = true; return f }
	cases := []struct {
		name  string
		files []FileInfo
		opt   PlanOptions
		want  string
	}{
		{"nothing", nil, PlanOptions{}, "[]"},
		{"too few", []FileInfo{file(1, 0), file(2, 0), file(3, 0)}, PlanOptions{}, "[]"},
		{"four flushes in any order", []FileInfo{file(4, 0), file(2, 0), file(3, 0), file(1, 0)}, PlanOptions{}, "[1 2 3 4 → 1]"},
		{"level 1 lies between", []FileInfo{file(1, 0), file(2, 0), file(3, 1), file(4, 0), file(5, 0)}, PlanOptions{}, "[]"},
		{"a busy file lies between", []FileInfo{file(1, 0), file(2, 0), busy(file(3, 0)), file(4, 0), file(5, 0)}, PlanOptions{}, "[]"},
		{"after a busy file", []FileInfo{busy(file(1, 0)), file(2, 0), file(3, 0), file(4, 0), file(5, 0)}, PlanOptions{}, "[2 3 4 5 → 1]"},
		{"level 1 waits", []FileInfo{file(1, 1), file(2, 1), file(3, 1), file(4, 1)}, PlanOptions{}, "[]"},
		{"level 1 overflows", []FileInfo{file(1, 1), file(2, 1), file(3, 1)}, PlanOptions{TierFiles: 3}, "[1 2 3 → 2]"},
		{"bounded", []FileInfo{file(1, 0), file(2, 0), file(3, 0), file(4, 0), file(5, 0)}, PlanOptions{MaxFiles: 2, FlushFiles: 2}, "[1 2 → 1 3 4 → 1]"},
		{"closed", []FileInfo{file(1, 1), file(2, 0), file(3, 0)}, PlanOptions{Closed: true}, "[1 2 3 → 2 final]"},
		{"flushes in order wait", []FileInfo{span(1, 0, 1), span(2, 0, 2), span(3, 0, 3), span(4, 0, 4), span(5, 0, 5)}, PlanOptions{}, "[]"},
		{"but not for ever", []FileInfo{span(1, 0, 1), span(2, 0, 2), span(3, 0, 3), span(4, 0, 4)}, PlanOptions{FlushFiles: 2}, "[1 2 3 4 → 1]"},
		{"flushes of the same time do not", []FileInfo{span(1, 0, 1), span(2, 0, 2), span(3, 0, 1), span(4, 0, 2)}, PlanOptions{}, "[1 2 3 4 → 1]"},
		{"closed, in order", []FileInfo{span(1, 1, 1), span(2, 1, 2), span(3, 0, 3), span(4, 0, 4)}, PlanOptions{Closed: true}, "[3 4 → 1]"},
		{"closed, in order, done", []FileInfo{span(1, 1, 1), span(2, 1, 2)}, PlanOptions{Closed: true}, "[]"},
		{"closed, in order, deletes", []FileInfo{span(1, 1, 1), deletes(span(2, 1, 2)), span(3, 1, 3)}, PlanOptions{Closed: true}, "[2 3 → 1]"},
		{"closed, same time", []FileInfo{span(1, 1, 1), span(2, 1, 1)}, PlanOptions{Closed: true}, "[1 2 → 2 final]"},
		{"whole, in order", []FileInfo{span(1, 1, 1), span(2, 1, 2), span(3, 0, 3)}, PlanOptions{Whole: true}, "[1 2 3 → 2 final]"},
		{"closed, busy", []FileInfo{file(1, 1), busy(file(2, 0))}, PlanOptions{Closed: true}, "[]"},
		{"closed, one flush", []FileInfo{file(1, 0)}, PlanOptions{Closed: true}, "[1 → 1 final]"},
		{"closed, done", []FileInfo{file(1, 1)}, PlanOptions{Closed: true}, "[]"},
		{"closed, done but for deletes", []FileInfo{deletes(file(1, 1))}, PlanOptions{Closed: true}, "[1 → 2 final]"},
	}
	for _, c := range cases {
		got := "["
		for i, job := range Plan(c.files, c.opt) {
			if i > 0 {
				got += " "
			}
			for _, f := range job.Inputs {
				got += fmt.Sprint(f.Generation, " ")
			}
			got += fmt.Sprint("→ ", job.Level)
			if job.Final {
				got += " final"
			}
		}
		if got += "]"; got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
