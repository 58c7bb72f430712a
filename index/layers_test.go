package index

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// TestPlanLayers has thousands of layers of one size come and be merged: there are
// never many files, and what is written stays in proportion.
func TestPlanLayers(t *testing.T) {
	var sizes []int
	written, most := 0, 0
	const layers = 2000
	for range layers {
		sizes = append(sizes, 1)
		written++
		most = max(most, len(sizes))
		keep, ok := planLayers(sizes)
		if !ok {
			continue
		}
		if len(sizes)-keep < mergeFiles {
			t.Fatalf("a merge of %d files", len(sizes)-keep)
		}
		sum := 0
		for _, n := range sizes[keep:] {
			sum += n
		}
		sizes = append(sizes[:keep], sum)
		written += sum
	}
	t.Logf("%d layers: %.1f times written, at most %d files, now %v", layers, float64(written)/layers, most, sizes)
	if most > 12 || written > 12*layers {
		t.Errorf("at most %d files, %d series written for %d", most, written, layers)
	}
	for _, c := range []struct {
		sizes []int
		keep  int
		ok    bool
	}{
		{nil, 0, false}, {[]int{5}, 0, false}, {[]int{1, 1}, 0, false}, {[]int{1, 1, 1}, 0, false}, {[]int{1, 1, 1, 1}, 0, true},
		{[]int{100, 1, 1, 1}, 1, false}, {[]int{100, 1, 1, 1, 1}, 1, true}, {[]int{0, 0, 0, 0}, 0, true},
	} {
		if keep, ok := planLayers(c.sizes); ok != c.ok || ok && keep != c.keep {
			t.Errorf("%v: keep %d, %v", c.sizes, keep, ok)
		}
	}
}

func TestLayerNames(t *testing.T) {
	for _, l := range []layerFile{{1, 2}, {99999, 4294967294}} {
		if got, ok := parseLayerName(l.name()); !ok || got != l {
			t.Errorf("%v is read as %v, %v", l, got, ok)
		}
	}
	for _, name := range []string{"checkpoint", "1-2.layer", "0000000001-0000000002", "0000000001x0000000002.layer", "0000000001-9999999999.layer", "000000000a-0000000002.layer"} {
		if _, ok := parseLayerName(name); ok {
			t.Errorf("%q is taken for a layer", name)
		}
	}
}

// layeredIndex returns the closed files of an index with a checkpoint and two
// layers, and series after them.
func layeredIndex(t *testing.T) (fs *vfs.Mem, keys [][]byte) {
	t.Helper()
	fs = vfs.NewMem()
	x := openTest(t, "/", Options{FS: fs, SegmentBytes: 600, HashSeed: 1})
	for i, write := range []func() error{x.Checkpoint, x.WriteLayer, x.WriteLayer, x.Sync} {
		for range []int{40, 30, 50, 5}[i] {
			keys = append(keys, seriesKey("cpu", "host", fmt.Sprintf("host-%d", len(keys)), "region", []string{"eu", "us"}[len(keys)%2]))
		}
		resolveTest(t, x, keys...)
		x.MarkPresent(7, []model.SeriesID{model.SeriesID(len(keys)), model.SeriesID(len(keys) - 1)})
		if err := write(); err != nil {
			t.Fatal(err)
		}
	}
	if m := x.Metrics(); m.Layers != 3 || m.DeltaSeries != 5 || m.Series != 125 {
		t.Fatalf("%+v", m)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	return fs, keys
}

func layerNames(t *testing.T, fs vfs.FS) (names []string) {
	t.Helper()
	all, err := fs.List("/index")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if strings.HasSuffix(name, layerSuffix) {
			names = append(names, name)
		}
	}
	return names
}

// TestLayersReopened opens a chain of files: only what follows them is read.
func TestLayersReopened(t *testing.T) {
	fs, keys := layeredIndex(t)
	opt := Options{FS: fs, SegmentBytes: 600, HashSeed: 1}
	x := openTest(t, "/", opt)
	if m := x.Metrics(); m.Layers != 3 || m.DeltaSeries != 5 || m.PresenceLost || m.CheckpointID != 120 {
		t.Errorf("%+v", m)
	}
	if got := x.Present([]uint64{7}).ToArray(); !slices.Equal(got, []uint32{39, 40, 69, 70, 119, 120}) {
		t.Errorf("present are %v", got)
	}
	checkWhole(t, x, keys)
	if err := x.mergeSome(mergeAll); err != nil {
		t.Fatal(err)
	}
	if m := x.Metrics(); m.Layers != 1 || m.DeltaSeries != 5 || len(layerNames(t, fs)) != 0 {
		t.Errorf("after the merge: %+v, %v", m, layerNames(t, fs))
	}
	checkWhole(t, x, keys)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = openTest(t, "/", opt)
	if m := x.Metrics(); m.Layers != 1 || m.DeltaSeries != 5 {
		t.Errorf("after another open: %+v", m)
	}
	checkWhole(t, x, keys)
}

// TestLayerMissing takes a file of the chain away: what follows comes from the
// series log again.
func TestLayerMissing(t *testing.T) {
	whole, keys := layeredIndex(t)
	for i, name := range append(layerNames(t, whole), checkpointName) {
		fs := whole.Crash(vfs.CrashOptions{Unsynced: vfs.All})
		if err := fs.Remove(filepath.Join("/index", name)); err != nil {
			t.Fatal(err)
		}
		x := openTest(t, "/", Options{FS: fs, SegmentBytes: 600, HashSeed: 1})
		if m := x.Metrics(); m.Layers != []int{1, 2, 0}[i] || m.Series != 125 {
			t.Errorf("without %s: %+v", name, m)
		}
		checkWhole(t, x, keys)
		if left := layerNames(t, fs); len(left) != []int{0, 1, 0}[i] {
			t.Errorf("without %s: %v are left", name, left)
		}
	}
}

// TestLayersLeftBehind has a merge whose inputs could not be removed: they do not
// count at the next open, and go.
func TestLayersLeftBehind(t *testing.T) {
	for _, whole := range []bool{false, true} {
		mem, keys := layeredIndex(t)
		fs := vfs.NewFault(mem)
		opt := Options{FS: fs, SegmentBytes: 600, HashSeed: 1}
		x := openTest(t, "/", opt)
		rule := fs.Add(vfs.Rule{Ops: vfs.OpRemove, Path: "/index/"})
		err := x.mergeSome(func(sizes []int) (int, bool) {
			if whole {
				return 0, true
			}
			return 1, true
		})
		if err == nil {
			t.Error("nobody noticed that files stay")
		}
		rule.Clear()
		checkWhole(t, x, keys)
		if n := len(layerNames(t, fs)); n < 2 {
			t.Fatalf("%d layers are left", n)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		x = openTest(t, "/", opt)
		want := 1
		if !whole {
			want = 2
		}
		if m := x.Metrics(); m.Layers != want || len(layerNames(t, fs)) != want-1 || m.DeltaSeries != 5 {
			t.Errorf("%+v, %v", m, layerNames(t, fs))
		}
		checkWhole(t, x, keys)
	}
}

// TestFlippedLayer flips every byte of a layer; a merge heals it.
func TestFlippedLayer(t *testing.T) {
	whole, keys := layeredIndex(t)
	name := filepath.Join("/index", layerNames(t, whole)[0])
	st, err := whole.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	for off := range st.Size {
		fs := whole.Crash(vfs.CrashOptions{Unsynced: vfs.All})
		flipByte(t, fs, name, off, 0x80)
		x := checkDamaged(t, fs, keys, false)
		if x == nil {
			continue
		}
		if m := x.Metrics(); !m.CheckpointSetAside && !m.CheckpointDamaged {
			t.Fatalf("offset %d: nobody noticed", off)
		}
		if x.Metrics().CheckpointDamaged && !x.NeedsMerge() {
			t.Fatalf("offset %d: nobody asks for a merge", off)
		}
		if err := x.Merge(); err != nil {
			t.Fatalf("offset %d: %v", off, err)
		}
		checkWhole(t, x, keys)
		if m := x.Metrics(); m.CheckpointDamaged {
			t.Fatalf("offset %d: still damaged", off)
		}
		x.Close()
		if off%50 == 0 {
			checkWhole(t, checkDamaged(t, fs, keys, false), keys)
		}
	}
}

// TestForeignLayer puts a layer of another index into the place of one: it does not
// count.
func TestForeignLayer(t *testing.T) {
	fs, keys := layeredIndex(t)
	other := vfs.NewMem()
	x := openTest(t, "/", Options{FS: other, SegmentBytes: 600, HashSeed: 2})
	for i, n := range []int{40, 30} {
		for range n {
			resolveTest(t, x, seriesKey("disk", "n", fmt.Sprint(x.SeriesCount())))
		}
		if err := []func() error{x.Checkpoint, x.WriteLayer}[i](); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join("/index", layerFile{40, 70}.name())
	m, err := other.Map(name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := fs.Create(name)
	if err == nil {
		_, err = f.WriteAt(m.Bytes(), 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	x = openTest(t, "/", Options{FS: fs, SegmentBytes: 600, HashSeed: 1})
	if m := x.Metrics(); m.Layers != 1 || !m.CheckpointSetAside {
		t.Errorf("%+v", m)
	}
	checkWhole(t, x, keys)
}

// TestFreedInLayer frees a series, makes its key again and writes a layer: after a
// crash the old series is still freed.
func TestFreedInLayer(t *testing.T) {
	fs := vfs.NewMem()
	opt := Options{FS: fs, HashSeed: 1}
	x := openTest(t, "/", opt)
	a, b := seriesKey("m", "k", "a"), seriesKey("m", "k", "b")
	resolveTest(t, x, a, b)
	if err := x.WriteLayer(); err != nil {
		t.Fatal(err)
	}
	x.Condemn(roaring.BitmapOf(1))
	if n := x.Free(roaring.New()); n != 1 {
		t.Fatalf("%d freed", n)
	}
	if ids := resolveTest(t, x, a); ids[0] != 3 {
		t.Fatalf("ids %v", ids)
	}
	if err := x.WriteLayer(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		opt.FS = fs.Crash(vfs.CrashOptions{})
		x := openTest(t, "/", opt)
		bm, err := x.Search("m", nil, nil)
		if err != nil || !slices.Equal(bm.ToArray(), []uint32{2, 3}) || x.SeriesCount() != 2 || x.Metrics().Dead != 1 {
			t.Fatalf("%v, %v, %+v", bm, err, x.Metrics())
		}
		if ids := resolveTest(t, x, a, b); ids[0] != 3 || ids[1] != 2 {
			t.Fatalf("ids %v", ids)
		}
		if err := x.Checkpoint(); err != nil || x.Metrics().Dead != 0 || x.SeriesCount() != 2 {
			t.Fatalf("%v, %+v", err, x.Metrics())
		}
	}
}

// TestRegexesMerged has a merge take over the results of regular expressions.
func TestRegexesMerged(t *testing.T) {
	fs, _ := layeredIndex(t)
	x := openTest(t, "/", Options{FS: fs, SegmentBytes: 600, HashSeed: 1})
	re := regexp.MustCompile("^host-.*[05]$")
	want, err := x.Search("cpu", &model.TagFilter{Op: model.TagMatch, Key: "host", Regex: re}, nil)
	if err != nil || want.GetCardinality() != 25 {
		t.Fatalf("%v, %v", want, err)
	}
	if err := x.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	before := x.Metrics()
	got, err := x.Search("cpu", &model.TagFilter{Op: model.TagMatch, Key: "host", Regex: re}, nil)
	if err != nil || !got.Equals(want) {
		t.Fatalf("%v, %v, want %v", got, err, want)
	}
	if m := x.Metrics(); m.RegexHits != before.RegexHits+1 || m.RegexMisses != before.RegexMisses {
		t.Errorf("hits %d to %d, misses %d to %d", before.RegexHits, m.RegexHits, before.RegexMisses, m.RegexMisses)
	}
}
