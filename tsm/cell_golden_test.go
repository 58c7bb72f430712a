package tsm

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// cellRows are rows of two series over some hours with fields of all types, the same ones at all times.
func cellRows() (rows []*SeriesRows) {
	for series := model.SeriesID(7); series <= 9; series += 2 {
		n := 90
		r := &SeriesRows{Series: series, Times: make([]int64, n)}
		for i := range r.Times {
			r.Times[i] = 1_700_000_000_000_000_000 + int64(i)*120_000_000_000
		}
		for _, f := range testFields {
			c := FieldColumn{Field: f.Number, Type: f.Type}
			c.resize(n)
			for i := range n {
				switch f.Type {
				case model.Float:
					c.Floats[i] = float64(i*i*int(f.Number+3)%97) / 8
				case model.Integer:
					c.Integers[i] = int64(i*i*7%100) - 40
				case model.Unsigned:
					c.Unsigneds[i] = 1<<63 + uint64(i/40)
				case model.Boolean:
					c.Booleans[i] = i%3 == 0
				case model.String:
					c.Strings[i] = []byte([]string{"ok", "late"}[i%2])
				}
			}
			if series == 9 && f.Number%2 == 0 {
				c.Present = make([]uint64, words(n))
				setBits(c.Present, 10, 55)
			}
			r.Columns = append(r.Columns, c)
		}
		rows = append(rows, r)
	}
	return rows
}

func cellFile(t testing.TB, fs vfs.FS, path string) {
	writeFile(t, fs, path, WriterOptions{Generation: 3, MinLSN: 1, MaxLSN: 2, SparseRows: 8, BlockRows: 40, CellPercent: 1000}, cellRows()...)
}

// TestGoldenCells reads the cells of a file that the first version with cells wrote.
func TestGoldenCells(t *testing.T) {
	const path = "testdata/v1-cells.tsm"
	if *rewrite {
		cellFile(t, vfs.OS(), path)
	}
	checkPrinted(t, path, func(w *bytes.Buffer, name string) error { return Inspect(w, vfs.OS(), name) })
	kept := openFile(t, vfs.OS(), path)
	if err := kept.Verify(context.Background()); err != nil {
		t.Fatal(err)
	}
	written := filepath.Join(t.TempDir(), "a.tsm")
	cellFile(t, vfs.OS(), written)
	now := openFile(t, vfs.OS(), written)
	for series := model.SeriesID(7); series <= 9; series += 2 {
		if n := checkCells(t, kept, series); n != 4 {
			t.Errorf("series %d has %d slots", series, n)
		}
		var old, fresh CellSet
		for r, set := range map[*Reader]*CellSet{kept: &old, now: &fresh} {
			if ok, err := r.Cells(series, nil, model.AllTime, set); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		if !slices.Equal(old.Slots, fresh.Slots) {
			t.Errorf("series %d: slots %v, kept %v", series, fresh.Slots, old.Slots)
		}
	}
}

// TestFlippedCells changes bits of leaves of cells: reading them and verifying the file must notice, while the rows stay
// readable.
func TestFlippedCells(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	fs := vfs.OS()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.tsm")
	cellFile(t, fs, path)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	top := openFile(t, fs, path).cells
	if top.leaves() != 1 {
		t.Fatalf("%d leaves", top.leaves())
	}
	want := make(naive)
	for _, r := range cellRows() {
		want.add(r)
	}
	leaf := top.at(0)
	bad := filepath.Join(dir, "bad.tsm")
	for at := leaf.offset; at < leaf.offset+int64(leaf.length); at += 1 + rng.Int64N(5) {
		b := slices.Clone(good)
		b[at] ^= 1 << rng.IntN(8)
		if err := os.WriteFile(bad, b, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Open(fs, bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Cells(7, nil, model.AllTime, new(CellSet)); err == nil {
			t.Errorf("byte %d: cells are read as if nothing was", at)
		}
		if err := r.Verify(context.Background()); err == nil {
			t.Errorf("byte %d: the file is found whole", at)
		}
		got, err := readAll(r)
		if err == nil {
			err = got.equal(want)
		}
		if err != nil {
			t.Errorf("byte %d: %v", at, err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
