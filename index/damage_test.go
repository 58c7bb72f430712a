package index

import (
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// sampleIndex makes a small index in which everything occurs: several blocks and
// segments, small and large postings, presence, a delta after the checkpoint.
func sampleIndex(t testing.TB, checkpoint bool) (fs *vfs.Mem, keys [][]byte) {
	t.Helper()
	fs = vfs.NewMem()
	x := openTest(t, "/", Options{FS: fs, SegmentBytes: 600, HashSeed: 1})
	add := func(from, to int) {
		for i := from; i < to; i++ {
			keys = append(keys, seriesKey("cpu", "host", fmt.Sprintf("host-%d", i), "region", []string{"eu", "us"}[i%2]))
		}
		resolveTest(t, x, keys[from:]...)
		if err := x.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	add(0, 70)
	add(70, 75)
	x.MarkPresent(7, []model.SeriesID{1, 2, 3, 70})
	if checkpoint {
		if err := x.Checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
	add(75, 80)
	add(80, 81)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	return fs, keys
}

// checkDamaged opens an index with damage and checks that every answer is
// either right or an error of the corruption class. A tail that is lost as a
// whole cannot be noticed.
func checkDamaged(t *testing.T, fs vfs.FS, keys [][]byte, tail bool) *Index {
	t.Helper()
	x, err := Open(t.Context(), "/series", "/index", Options{FS: fs, SegmentBytes: 600, HashSeed: 1})
	if err != nil {
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
			t.Fatalf("open: %v", err)
		}
		return nil
	}
	lost := 0
	for i, want := range keys {
		key, err := x.AppendKey(nil, model.SeriesID(i+1))
		switch {
		case err == nil && string(key) != string(want):
			t.Fatalf("key of %d is %q, want %q", i+1, key, want)
		case err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnknownSeries):
			t.Fatalf("key of %d: %v", i+1, err)
		case err != nil:
			lost++
		}
	}
	bm, err := x.Search("cpu", &model.TagFilter{Op: model.TagEqual, Key: "region", Value: "eu"}, nil)
	if err != nil && !errors.Is(err, ErrCorrupt) {
		t.Fatal(err)
	}
	if err == nil {
		n := 0
		bm.Iterate(func(id uint32) bool {
			n++
			if id%2 == 0 || int(id) > len(keys) {
				t.Fatalf("search finds series %d", id)
			}
			return true
		})
		if n < (len(keys)+1)/2-lost {
			t.Fatalf("search finds %d series, %d keys are lost: %v", n, lost, x.Damage())
		}
	}
	if lost > 0 && !tail && len(x.Damage()) == 0 && x.Metrics().UnreadableBlocks == 0 {
		t.Fatalf("%d keys are lost and nobody says so: %+v", lost, x.Metrics())
	}
	return x
}

func flipByte(t *testing.T, fs vfs.FS, name string, off int64, mask byte) {
	t.Helper()
	f, err := fs.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], off); err != nil {
		t.Fatal(err)
	}
	b[0] ^= mask
	if _, err := f.WriteAt(b[:], off); err != nil {
		t.Fatal(err)
	}
}

// TestFlippedSeriesLog flips every byte of a series log, with and without a
// checkpoint.
func TestFlippedSeriesLog(t *testing.T) {
	for _, checkpoint := range []bool{false, true} {
		fs, keys := sampleIndex(t, checkpoint)
		segments, err := listSegments(fs, "/series")
		if err != nil || len(segments) < 2 {
			t.Fatalf("%d segments, %v", len(segments), err)
		}
		for _, n := range segments {
			name := n.path("/series")
			st, err := fs.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			for off := range st.Size {
				image := fs.Crash(vfs.CrashOptions{Unsynced: vfs.All})
				flipByte(t, image, name, off, 0x41)
				x := checkDamaged(t, image, keys, false)
				if x == nil {
					continue
				}
				// New series never get an id that was in use.
				id := resolveTest(t, x, seriesKey("new"))[0]
				if int(id) <= len(keys) {
					t.Fatalf("%s: offset %d: new series got id %d", name, off, id)
				}
				x.Close()
			}
		}
	}
}

// TestFlippedCheckpoint flips every byte of a checkpoint; another checkpoint
// heals it.
func TestFlippedCheckpoint(t *testing.T) {
	fs, keys := sampleIndex(t, true)
	name := "/index/" + checkpointName
	st, err := fs.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	for off := range st.Size {
		image := fs.Crash(vfs.CrashOptions{Unsynced: vfs.All})
		flipByte(t, image, name, off, 0x80)
		x := checkDamaged(t, image, keys, false)
		if x == nil {
			continue
		}
		present := x.Present([]uint64{7})
		if n := present.GetCardinality(); n != 4 && !(n == 0 && x.Metrics().PresenceLost) {
			t.Fatalf("offset %d: %d series present", off, n)
		}
		if !x.Metrics().CheckpointSetAside && !x.Metrics().CheckpointDamaged {
			t.Fatalf("offset %d: nobody noticed", off)
		}
		if err := x.Checkpoint(); err != nil {
			t.Fatalf("offset %d: %v", off, err)
		}
		checkWhole(t, x, keys)
		x.Close()
		if off%50 == 0 {
			checkWhole(t, checkDamaged(t, image, keys, false), keys)
		}
	}
}

func checkWhole(t *testing.T, x *Index, keys [][]byte) {
	t.Helper()
	bm, err := x.Search("cpu", nil, nil)
	if err != nil || int(bm.GetCardinality()) != len(keys) {
		t.Fatalf("%d of %d series, %v", bm.GetCardinality(), len(keys), err)
	}
	ids := resolveTest(t, x, keys...)
	for i, id := range ids {
		if int(id) != i+1 {
			t.Fatalf("id of key %d is %d", i+1, id)
		}
	}
}

// TestCutFiles cuts the files short at every length.
func TestCutFiles(t *testing.T) {
	for _, name := range []string{"/index/" + checkpointName, "/series/00000001.series", "/series/00000002.series"} {
		fs, keys := sampleIndex(t, true)
		st, err := fs.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		for size := int64(0); size < st.Size; size += 7 {
			image := fs.Crash(vfs.CrashOptions{Unsynced: vfs.All})
			f, err := image.OpenReadWrite(name)
			if err == nil {
				err = errors.Join(f.Truncate(size), f.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
			if x := checkDamaged(t, image, keys, strings.HasSuffix(name, "2.series")); x != nil {
				if id := resolveTest(t, x, seriesKey("new"))[0]; int(id) <= 75 {
					t.Fatalf("%s of %d bytes: new series got id %d", name, size, id)
				}
				x.Close()
			}
		}
	}
}

// TestMissingSegment takes away a whole segment.
func TestMissingSegment(t *testing.T) {
	for _, checkpoint := range []bool{false, true} {
		for n := uint32(1); n <= 2; n++ {
			fs, keys := sampleIndex(t, checkpoint)
			if err := fs.Remove(segmentName("/series", n)); err != nil {
				t.Fatal(err)
			}
			checkDamaged(t, fs, keys, n == 2)
		}
	}
}

// TestLostTail has files name ids that the series log does not have any more.
func TestLostTail(t *testing.T) {
	fs, keys := sampleIndex(t, false)
	for _, n := range []uint32{1, 2} {
		fs.Remove(segmentName("/series", n))
	}
	x := openTest(t, "/", Options{FS: fs})
	bm := roaring.New()
	bm.AddRange(1, 200)
	x.SetPresence(1, bm)
	if id := resolveTest(t, x, keys[0])[0]; id != 200 {
		t.Fatalf("new series got id %d, want 200", id)
	}
	if err := errors.Join(x.Close()); err != nil {
		t.Fatal(err)
	}
	x = openTest(t, "/", Options{FS: fs})
	if id := resolveTest(t, x, keys[0], keys[1]); !slices.Equal(id, []model.SeriesID{200, 201}) {
		t.Fatalf("ids %d after reopening", id)
	}
	if _, err := x.AppendKey(nil, 150); !errors.Is(err, ErrCorrupt) {
		t.Errorf("key of a lost series: %v", err)
	}
}

func TestSections(t *testing.T) {
	change := func(fs *vfs.Mem, typ, flags uint16) error {
		name := "/index/" + checkpointName
		b, err := vfs.ReadFile(fs, name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		end := len(b) - checkpointFooterSize
		f, err := decodeCheckpointFooter(b[end:])
		if err != nil {
			t.Fatal(err)
		}
		tail := slices.Clone(b[f.dataEnd:end])
		tail = appendSection(tail, section{typ: typ, flags: flags, offset: 64, length: 0})
		f.sections++
		f.tailCRC = crc32.Checksum(tail, castagnoli)
		file, err := fs.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		file.Write(appendCheckpointFooter(append(slices.Clone(b[:f.dataEnd]), tail...), &f))
		file.Close()
		x, err := Open(t.Context(), "/series", "/index", Options{FS: fs})
		if err == nil {
			err = x.Close()
		}
		return err
	}
	fs, _ := sampleIndex(t, true)
	if err := change(fs, 99, 0); err != nil {
		t.Errorf("optional section: %v", err)
	}
	if err := change(fs, 98, sectionRequired); !errors.Is(err, ErrVersion) || !strings.Contains(err.Error(), "98") {
		t.Errorf("required section: %v", err)
	}
}
