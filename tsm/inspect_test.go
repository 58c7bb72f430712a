package tsm

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files of the inspect printers anew")

// goldenRows has every type, every kind of page and a shared block.
func goldenRows() (rows []*SeriesRows) {
	for series := model.SeriesID(1); series <= 6; series++ {
		n := 2
		if series == 3 {
			n = 70
		}
		r := &SeriesRows{Series: series * 10, Times: make([]int64, n)}
		for i := range r.Times {
			r.Times[i] = 1_700_000_000_000_000_000 + int64(i)*10_000_000_000
			if series == 3 {
				r.Times[i] += int64(i*i%7) * 1_000_000
			}
		}
		float := FieldColumn{Field: 0, Type: model.Float, Floats: make([]float64, n)}
		full := FieldColumn{Field: 15, Type: model.Float, Floats: make([]float64, n)}
		integer := FieldColumn{Field: 3, Type: model.Integer, Integers: make([]int64, n)}
		unsigned := FieldColumn{Field: 6, Type: model.Unsigned, Unsigneds: make([]uint64, n)}
		boolean := FieldColumn{Field: 9, Type: model.Boolean, Booleans: make([]bool, n)}
		text := FieldColumn{Field: 12, Type: model.String, Strings: make([][]byte, n)}
		text.Present = make([]uint64, words(n))
		for i := range n {
			float.Floats[i] = float64(i*i%37) / 4
			full.Floats[i] = 1 / float64(i+int(series)+2)
			integer.Integers[i] = int64(i*i*7%100) - 40
			unsigned.Unsigneds[i] = 1<<63 + uint64(i)
			boolean.Booleans[i] = i%3 == 0
			text.Strings[i] = []byte([]string{"ok", "late"}[i%2])
			if i%5 < 3 {
				text.Present[i>>6] |= 1 << (i & 63)
			}
		}
		r.Columns = []FieldColumn{float, integer, unsigned, boolean, text, full}
		if series == 5 {
			r.Columns = r.Columns[:1]
		}
		rows = append(rows, r)
	}
	return rows
}

func goldenFile(t testing.TB, fs vfs.FS, path string) {
	writeFile(t, fs, path, WriterOptions{Generation: 3, Level: 1, MinLSN: 100, MaxLSN: 220, AppliedDeletes: 2, SparseRows: 8}, goldenRows()...)
}

// checkGolden compares a file and its printout with those kept. The kept file
// was written by the first version of the format and must stay readable.
func checkGolden(t *testing.T, name string, written []byte, inspect func(w *bytes.Buffer, name string) error) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, written, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	checkPrinted(t, path, inspect)
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, written) {
		t.Errorf("%s: this program writes %d bytes that differ from the %d kept", name, len(written), len(kept))
	}
}

// checkPrinted compares the printout of a kept file with that kept.
func checkPrinted(t *testing.T, path string, inspect func(w *bytes.Buffer, name string) error) {
	t.Helper()
	var out bytes.Buffer
	if err := inspect(&out, path); err != nil {
		t.Fatal(err)
	}
	if *rewrite {
		if err := os.WriteFile(path+".txt", out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("%s prints as\n%s\nwant\n%s", path, out.String(), want)
	}
}

func TestGoldenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tsm")
	goldenFile(t, vfs.OS(), path)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	inspect := func(w *bytes.Buffer, name string) error { return Inspect(w, vfs.OS(), name) }
	checkGolden(t, "v1-huffman.tsm", b, inspect)
	// Before there were huffman and value-dictionary pages.
	const packed = "testdata/v1.tsm"
	checkPrinted(t, packed, inspect)
	want := make(naive)
	for _, r := range goldenRows() {
		want.add(r)
	}
	for _, path := range []string{packed, "testdata/v1-huffman.tsm"} {
		got, err := readAll(openFile(t, vfs.OS(), path))
		if err == nil {
			err = got.equal(want)
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestGoldenTombstones(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tomb")
	log := openTombstones(t, vfs.OS(), path)
	for _, d := range []Delete{
		{MaxGeneration: 7, Series: roaring.BitmapOf(1, 2, 3, 70000), Range: model.AllTime},
		{MaxGeneration: 9, Series: roaring.BitmapOf(5), Range: model.TimeRange{Min: -5, Max: 1e18}, OneField: true, Field: 12},
	} {
		if _, err := log.Append(d); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	checkGolden(t, "v1.tomb", b, func(w *bytes.Buffer, name string) error { return InspectTombstones(w, vfs.OS(), name) })
}

// Inspect prints damaged files too, and says what is damaged.
func TestInspectDamage(t *testing.T) {
	fs := vfs.NewMem()
	goldenFile(t, fs, "/a.tsm")
	whole := readBytes(t, fs, "/a.tsm")
	for at := range whole {
		b := bytes.Clone(whole)
		b[at] ^= 0x10
		putFile(t, fs, "/b.tsm", b)
		var out bytes.Buffer
		if err := Inspect(&out, fs, "/b.tsm"); !errors.Is(err, ErrCorrupt) || !strings.Contains(out.String(), "DAMAGED") {
			t.Fatalf("byte %d: %v\n%s", at, err, out.String())
		}
	}
}

func readBytes(t testing.TB, fs vfs.FS, path string) []byte {
	t.Helper()
	b, err := vfs.ReadFile(fs, path, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
