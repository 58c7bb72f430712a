package index

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the files under testdata")

// goldenIndex makes the index whose files are under testdata. Names of a version
// never change once they are committed; a new format gets new names.
func goldenIndex(t *testing.T, fs vfs.FS) {
	t.Helper()
	x := openTest(t, "/", Options{FS: fs, HashSeed: 12345})
	var keys [][]byte
	for i := range 40 {
		keys = append(keys, seriesKey("cpu", "host", fmt.Sprintf("host-%02d", i), "region", []string{"eu", "us"}[i%40/36]))
	}
	resolveTest(t, x, keys...)
	resolveTest(t, x, seriesKey("mem"), seriesKey("a b", "k,", "v=1"))
	x.MarkPresent(3, []model.SeriesID{1, 2, 3, 42})
	x.MarkPresent(1<<40, []model.SeriesID{5})
	if err := x.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	resolveTest(t, x, seriesKey("mem", "host", "later"))
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

// goldenFreed makes an index of which a segment was rewritten.
func goldenFreed(t *testing.T, fs vfs.FS) {
	t.Helper()
	x := openTest(t, "/freed", Options{FS: fs, HashSeed: 12345, SegmentBytes: 600})
	dead := roaring.New()
	for i := range 60 {
		id := resolveTest(t, x, seriesKey("cpu", "host", fmt.Sprintf("host-%02d", i), "region", []string{"eu", "us"}[i/30]))[0]
		if i%20 > 2 {
			dead.Add(uint32(id))
		}
		if i%10 == 9 {
			if err := x.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	freeTest(t, x, dead)
	if err := errors.Join(x.Checkpoint(), x.Close()); err != nil {
		t.Fatal(err)
	}
}

// goldenLayer makes an index whose second layer tells of a freed series.
func goldenLayer(t *testing.T, fs vfs.FS) {
	t.Helper()
	x := openTest(t, "/layered", Options{FS: fs, HashSeed: 12345})
	for i := range 6 {
		id := resolveTest(t, x, seriesKey("cpu", "host", fmt.Sprintf("host-%02d", i), "region", "eu"))[0]
		x.MarkPresent(9, []model.SeriesID{id})
		if i == 4 {
			x.RemovePresent(9, roaring.BitmapOf(2))
			freeTest(t, x, roaring.BitmapOf(2))
		}
		if i == 3 || i == 5 {
			if err := x.WriteLayer(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestGolden compares what is written today, byte by byte, with the files of
// version 1, and what the inspect printers make of those.
func TestGolden(t *testing.T) {
	mem := vfs.NewMem()
	goldenIndex(t, mem)
	goldenFreed(t, mem)
	goldenLayer(t, mem)
	for _, c := range []struct {
		name, file string
		inspect    func(w io.Writer, fs vfs.FS, name string) error
	}{
		{segmentName("/series", 1), "v1.series", InspectSeries},
		{"/index/" + checkpointName, "v1.checkpoint", InspectIndex},
		{segmentFile{1, 1}.path("/freed/series"), "v2.series", InspectSeries},
		{"/freed/index/" + checkpointName, "v2.checkpoint", InspectIndex},
		{"/layered/index/" + layerFile{4, 6}.name(), "v1.layer", InspectIndex},
	} {
		got, err := vfs.ReadFile(mem, c.name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, c.file, got)
		var out bytes.Buffer
		if err := c.inspect(&out, vfs.OS(), "testdata/"+c.file); err != nil {
			t.Fatal(err)
		}
		golden(t, c.file+".txt", out.Bytes())
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	name = "testdata/" + name
	if *rewrite {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs:\n%s", name, got)
	}
}

// TestGoldenFreedOpens reads the files of a rewritten log with today's code.
func TestGoldenFreedOpens(t *testing.T) {
	mem := vfs.NewMem()
	goldenFreed(t, mem)
	for to, from := range map[string]string{segmentFile{1, 1}.path("/freed/series"): "v2.series", "/freed/index/checkpoint": "v2.checkpoint"} {
		b, err := os.ReadFile("testdata/" + from)
		if err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFile(mem, to, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
			t.Fatal(err)
		}
	}
	x := openTest(t, "/freed", Options{FS: mem, SegmentBytes: 600})
	if m := x.Metrics(); m.Series != 9 || m.NextID != 61 || m.DamagedPlaces != 0 {
		t.Errorf("%+v %v", m, x.Damage())
	}
	if key, err := x.AppendKey(nil, 22); err != nil || !bytes.Equal(key, seriesKey("cpu", "host", "host-21", "region", "eu")) {
		t.Errorf("key of series 22 is %q, %v", key, err)
	}
}

// TestGoldenLayerOpens reads a layer of version 1 with today's code.
func TestGoldenLayerOpens(t *testing.T) {
	mem := vfs.NewMem()
	goldenLayer(t, mem)
	b, err := os.ReadFile("testdata/v1.layer")
	if err != nil {
		t.Fatal(err)
	}
	name := "/layered/index/" + layerFile{4, 6}.name()
	if err := vfs.WriteFile(mem, name, func(w io.Writer) error { _, err := w.Write(b); return err }); err != nil {
		t.Fatal(err)
	}
	x := openTest(t, "/layered", Options{FS: mem})
	if m := x.Metrics(); m.Series != 5 || m.Layers != 2 || m.Dead != 1 || m.DamagedPlaces != 0 {
		t.Errorf("%+v %v", m, x.Damage())
	}
	bm, err := x.Search("cpu", equal("region", "eu"), nil)
	if err != nil || fmt.Sprint(bm.ToArray()) != "[1 3 4 5 6]" {
		t.Errorf("%v, %v", bm, err)
	}
}

// TestGoldenOpens reads the files of version 1 with today's code.
func TestGoldenOpens(t *testing.T) {
	mem := vfs.NewMem()
	for to, from := range map[string]string{"/series/00000001.series": "v1.series", "/index/checkpoint": "v1.checkpoint"} {
		b, err := os.ReadFile("testdata/" + from)
		if err != nil {
			t.Fatal(err)
		}
		if err := mem.MkdirAll(filepath.Dir(to)); err != nil {
			t.Fatal(err)
		}
		f, err := mem.Create(to)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(b)
		f.Close()
	}
	x := openTest(t, "/", Options{FS: mem})
	m := x.Metrics()
	if m.Series != 43 || m.CheckpointID != 42 || m.DamagedPlaces != 0 || m.PresenceLost {
		t.Errorf("%+v %v", m, x.Damage())
	}
	bm, err := x.Search("cpu", equal("region", "us"), x.Present([]uint64{3, 1 << 40}))
	if err != nil || bm.GetCardinality() != 0 {
		t.Errorf("%v, %v", bm, err)
	}
	bm, err = x.Search("mem", equal("host", "later"), nil)
	if err != nil || !bm.Contains(43) {
		t.Errorf("%v, %v", bm, err)
	}
}

// TestInspectDamage prints what is left of damaged files.
func TestInspectDamage(t *testing.T) {
	fs, _ := sampleIndex(t, true)
	name := segmentName("/series", 1)
	st, err := fs.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	for off := range st.Size {
		image := fs.Crash(vfs.CrashOptions{Unsynced: vfs.All})
		flipByte(t, image, name, off, 1)
		var out bytes.Buffer
		if err := InspectSeries(&out, image, name); err == nil {
			t.Fatalf("offset %d: no error:\n%s", off, out.String())
		}
	}
}
