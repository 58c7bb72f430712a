package tsm

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// cpuFields are the ten integer fields of the TSBS cpu measurement.
func cpuFields() (fields []FieldDef) {
	for i := range 10 {
		fields = append(fields, FieldDef{Number: uint32(i), Measurement: "cpu", Name: fmt.Sprint("usage_", i), Type: model.Integer})
	}
	return fields
}

// cpuRows fills rows with random walks, as TSBS writes them.
func cpuRows(r *rand.Rand, series model.SeriesID, start int64, n int) *SeriesRows {
	rows := &SeriesRows{Series: series, Times: make([]int64, n)}
	for i := range rows.Times {
		rows.Times[i] = 1_700_000_000_000_000_000 + (start+int64(i))*10_000_000_000
	}
	for f := range 10 {
		level := 100 * r.Float64()
		values := make([]int64, n)
		for i := range values {
			level = math.Max(0, math.Min(100, level+r.NormFloat64()))
			values[i] = int64(level)
		}
		rows.Columns = append(rows.Columns, FieldColumn{Field: uint32(f), Type: model.Integer, Integers: values})
	}
	return rows
}

const (
	benchSeries = 100
	benchRows   = 2000
	benchValues = benchSeries * benchRows * 10
)

func benchFile(b *testing.B, path string, generation uint64) Info {
	r := rand.New(rand.NewPCG(1, generation))
	var all []*SeriesRows
	for s := range benchSeries {
		all = append(all, cpuRows(r, model.SeriesID(s+1), int64(generation)*benchRows, benchRows))
	}
	return writeFile(b, vfs.OS(), path, WriterOptions{Generation: generation, Fields: cpuFields()}, all...)
}

func report(b *testing.B, values int64, size int64) {
	perValue := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / float64(values)
	b.ReportMetric(perValue, "ns/value")
	b.ReportMetric(1e3/perValue, "Mvalues/s")
	b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds()/1e6, "MB/s")
	b.ReportMetric(float64(size)/float64(values), "B/value")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkWrite(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	var all []*SeriesRows
	for s := range benchSeries {
		all = append(all, cpuRows(r, model.SeriesID(s+1), 0, benchRows))
	}
	path := filepath.Join(b.TempDir(), "a.tsm")
	var info Info
	for b.Loop() {
		info = writeFile(b, vfs.OS(), path, WriterOptions{Fields: cpuFields()}, all...)
	}
	report(b, benchValues, info.Size)
}

func BenchmarkReadAll(b *testing.B) {
	path := filepath.Join(b.TempDir(), "a.tsm")
	info := benchFile(b, path, 1)
	r := openFile(b, vfs.OS(), path)
	var refs []BlockRef
	var block Block
	fields := []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	for b.Loop() {
		for s := range benchSeries {
			refs, _ = r.Blocks(model.SeriesID(s+1), model.AllTime, refs[:0])
			for i := range refs {
				if err := r.ReadBlock(&refs[i], fields, &block); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	report(b, benchValues, info.Size)
}

func BenchmarkReadStats(b *testing.B) {
	path := filepath.Join(b.TempDir(), "a.tsm")
	benchFile(b, path, 1)
	r := openFile(b, vfs.OS(), path)
	var refs []BlockRef
	for b.Loop() {
		refs, _ = r.Blocks(model.SeriesID(50), model.AllTime, refs[:0])
		for i := range refs {
			if _, ok, err := r.PageStats(&refs[i], 5); !ok || err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkMerge(b *testing.B) {
	for name, generations := range map[string][]uint64{"append": {1, 2, 3, 4}, "overlap": {1, 1, 1, 1}} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			var inputs []Input
			for i, g := range generations {
				path := filepath.Join(dir, fmt.Sprint(i, ".tsm"))
				r := rand.New(rand.NewPCG(1, uint64(i)))
				var all []*SeriesRows
				for s := range benchSeries {
					all = append(all, cpuRows(r, model.SeriesID(s+1), int64(g)*benchRows, benchRows))
				}
				writeFile(b, vfs.OS(), path, WriterOptions{Generation: uint64(i + 1), Fields: cpuFields()}, all...)
				inputs = append(inputs, Input{Reader: openFile(b, vfs.OS(), path)})
			}
			var result MergeResult
			for b.Loop() {
				var err error
				if result, err = Merge(context.Background(), vfs.OS(), filepath.Join(dir, "out.tsm"), MergeOptions{}, inputs...); err != nil {
					b.Fatal(err)
				}
			}
			report(b, int64(len(generations))*benchValues, result.Size)
		})
	}
}

func BenchmarkSparse(b *testing.B) {
	const series = 100_000
	dir := b.TempDir()
	path := filepath.Join(dir, "a.tsm")
	r := rand.New(rand.NewPCG(1, 2))
	template := cpuRows(r, 1, 0, 2)
	var info Info
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			w, err := Create(vfs.OS(), path, WriterOptions{Fields: cpuFields()})
			if err != nil {
				b.Fatal(err)
			}
			for s := range series {
				template.Series = model.SeriesID(s + 1)
				for f := range template.Columns {
					template.Columns[f].Integers[0] = int64(r.Uint32() % 100)
				}
				if err := w.Add(template); err != nil {
					b.Fatal(err)
				}
			}
			if info, err = w.Finish(); err != nil {
				b.Fatal(err)
			}
			if err := Publish(vfs.OS(), path); err != nil {
				b.Fatal(err)
			}
		}
		report(b, 20*series, info.Size)
	})
	b.Run("read", func(b *testing.B) {
		f := openFile(b, vfs.OS(), path)
		var refs []BlockRef
		var block Block
		for b.Loop() {
			for s := range series {
				refs, _ = f.Blocks(model.SeriesID(s+1), model.AllTime, refs[:0])
				if err := f.ReadBlock(&refs[0], []uint32{0, 1}, &block); err != nil {
					b.Fatal(err)
				}
			}
		}
		report(b, 4*series, info.Size)
	})
}
