package tsm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

func testDelete(i int) Delete {
	d := Delete{MaxGeneration: uint64(i), Series: roaring.BitmapOf(1, uint32(i)+2, 1<<31), Range: model.TimeRange{Min: int64(-i), Max: int64(i * 1000)}}
	if i%2 == 1 {
		d.OneField, d.Field = true, uint32(i)
	}
	return d
}

func describe(deletes []Delete) (s string) {
	for _, d := range deletes {
		s += fmt.Sprintf("%d: ≤%d %v %v %d/%v; ", d.Sequence, d.MaxGeneration, d.Series.ToArray(), d.Range, d.Field, d.OneField)
	}
	return s
}

func openTombstones(t testing.TB, fs vfs.FS, path string) *Tombstones {
	t.Helper()
	log, err := OpenTombstones(fs, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

func everything(generation uint64) Info { return Info{Generation: generation, Range: model.AllTime} }

func TestTombstonesReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deletes.tomb")
	log := openTombstones(t, vfs.OS(), path)
	for i := range 5 {
		if sequence, err := log.Append(testDelete(i)); err != nil || sequence != uint64(i+1) {
			t.Fatalf("sequence %d: %v", sequence, err)
		}
	}
	if _, err := log.Append(Delete{Range: model.AllTime}); err == nil {
		t.Error("a delete of no series is logged")
	}
	want := describe(log.For(everything(0)))
	if err := errors.Join(log.Close(), log.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(testDelete(1)); !errors.Is(err, ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	log = openTombstones(t, vfs.OS(), path)
	if got := describe(log.For(everything(0))); got != want || log.LastSequence() != 5 || log.Len() != 5 {
		t.Errorf("after reopening\n%s, want\n%s", got, want)
	}
	for _, c := range []struct {
		file Info
		want int
	}{
		{everything(4), 1}, {everything(5), 0}, {everything(2), 3},
		{Info{Generation: 0, AppliedDeletes: 3, Range: model.AllTime}, 2},
		{Info{Generation: 0, Range: model.TimeRange{Min: 2500, Max: 9999}}, 2},
	} {
		if got := len(log.For(c.file)); got != c.want {
			t.Errorf("%+v: %d deletes, want %d", c.file, got, c.want)
		}
	}
}

func TestTombstonesPrune(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deletes.tomb")
	log := openTombstones(t, vfs.OS(), path)
	for i := range 5 {
		if _, err := log.Append(testDelete(i)); err != nil {
			t.Fatal(err)
		}
	}
	if removed, err := log.Prune([]Info{everything(0)}); removed != 0 || err != nil {
		t.Errorf("%d removed, %v", removed, err)
	}
	if removed, err := log.Prune([]Info{everything(3)}); removed != 3 || err != nil {
		t.Errorf("%d removed, %v", removed, err)
	}
	if sequence, err := log.Append(testDelete(7)); sequence != 6 || err != nil {
		t.Errorf("sequence %d, %v", sequence, err)
	}
	want := describe(log.For(everything(0)))
	log.Close()
	log = openTombstones(t, vfs.OS(), path)
	if got := describe(log.For(everything(0))); got != want || log.Len() != 3 {
		t.Errorf("after pruning and reopening\n%s, want\n%s", got, want)
	}
	if removed, err := log.Prune(nil); removed != 3 || err != nil {
		t.Errorf("%d removed, %v", removed, err)
	}
	log.Close()
	log = openTombstones(t, vfs.OS(), path)
	if sequence, err := log.Append(testDelete(1)); sequence != 7 || err != nil {
		t.Errorf("sequences are used again after pruning: %d, %v", sequence, err)
	}
}

// Every prefix of a log must open with the deletes that are whole in it, and be
// writable after that.
func TestTombstonesTornTail(t *testing.T) {
	whole := appendTombstoneHeader(nil, 1)
	ends := []int{len(whole)}
	for i := range 3 {
		d := testDelete(i)
		d.Sequence = uint64(i + 1)
		var err error
		if whole, err = appendDeleteFrame(whole, &d); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, len(whole))
	}
	for size := ends[0]; size <= len(whole); size++ {
		for _, fill := range []int{0, 7} { // bytes of zeros that a crash may leave
			fs := vfs.NewMem()
			content := append(bytes.Clone(whole[:size]), make([]byte, fill)...)
			putFile(t, fs, "/deletes.tomb", content)
			log := openTombstones(t, fs, "/deletes.tomb")
			want, end := 0, ends[0]
			for i, e := range ends[1:] {
				if bytes.HasPrefix(content, whole[:e]) {
					want, end = i+1, e
				}
			}
			if log.Len() != want || log.CutBytes() != int64(size+fill-end) || len(log.Damage()) != 0 {
				t.Fatalf("%d bytes: %d deletes, %d cut, %v; want %d, %d", size, log.Len(), log.CutBytes(), log.Damage(), want, size+fill-end)
			}
			if _, err := log.Append(testDelete(9)); err != nil {
				t.Fatal(err)
			}
			log.Close()
			if log = openTombstones(t, fs, "/deletes.tomb"); log.Len() != want+1 || log.CutBytes() != 0 {
				t.Fatalf("%d bytes: %d deletes after another", size, log.Len())
			}
		}
	}
}

func putFile(t testing.TB, fs vfs.FS, path string, b []byte) {
	t.Helper()
	f, err := fs.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// A flipped byte must be found wherever it is; a delete that is read is right.
func TestTombstonesFlippedBytes(t *testing.T) {
	whole := appendTombstoneHeader(nil, 1)
	var want []string
	for i := range 3 {
		d := testDelete(i)
		d.Sequence = uint64(i + 1)
		var err error
		if whole, err = appendDeleteFrame(whole, &d); err != nil {
			t.Fatal(err)
		}
		want = append(want, describe([]Delete{d}))
	}
	last := bytes.LastIndex(whole, []byte{3, 0, 0, 0, 0, 0, 0, 0}) - 4 // start of the last frame
	for at := range whole {
		b := bytes.Clone(whole)
		b[at] ^= 0x41
		log, err := parseTombstones("x", b)
		if at < tombstoneHeaderSize {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("byte %d: %v", at, err)
			}
			continue
		}
		torn := at >= last
		if err != nil || len(log.damage) == 0 && !torn {
			t.Fatalf("byte %d: %v, damage %v", at, err, log.damage)
		}
		for _, d := range log.damage {
			if !errors.Is(d, ErrCorrupt) {
				t.Fatalf("byte %d: %v", at, d)
			}
		}
		for _, f := range log.frames {
			if f.err == nil && describe([]Delete{f.delete}) != want[f.sequence-1] {
				t.Fatalf("byte %d: %s, want %s", at, describe([]Delete{f.delete}), want[f.sequence-1])
			}
		}
	}
}

func TestApply(t *testing.T) {
	r := newRandom(t)
	path := filepath.Join(t.TempDir(), "a.tsm")
	for range 20 {
		var all []*SeriesRows
		for series := model.SeriesID(1); series < 6; series++ {
			all = append(all, randomRows(r, series, 0, 1+r.IntN(100)))
		}
		writeFile(t, vfs.OS(), path, WriterOptions{SparseRows: 50}, all...)
		f := openFile(t, vfs.OS(), path)
		d := Delete{Series: roaring.BitmapOf(2, 3, 4), OneField: r.IntN(2) == 0, Field: uint32(3 * r.IntN(10)), Range: model.TimeRange{Min: r.Int64N(3000)}}
		d.Range.Max = d.Range.Min + r.Int64N(20_000)
		var block Block
		var merger RowMerger
		var fields []uint32
		for _, def := range testFields {
			fields = append(fields, def.Number)
		}
		for _, rows := range all {
			want := make(naive)
			want.add(rows)
			deleted := want.remove(d)
			refs, err := f.Blocks(rows.Series, model.AllTime, nil)
			if err != nil || len(refs) != 1 {
				t.Fatalf("%d blocks, %v", len(refs), err)
			}
			for range 2 { // the second read must not see the delete of the first
				if err := f.ReadBlock(&refs[0], fields, &block); err != nil {
					t.Fatal(err)
				}
				if n := block.Apply([]Delete{d}); n != deleted {
					t.Fatalf("%d values deleted, want %d", n, deleted)
				}
				merged, _ := merger.Merge([]MergeInput{{Rows: &block.SeriesRows, To: len(block.Times)}})
				got := make(naive)
				got.add(merged)
				if err := got.equal(want.prune()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func FuzzTombstones(f *testing.F) {
	whole := appendTombstoneHeader(nil, 1)
	for i := range 2 {
		d := testDelete(i)
		d.Sequence = uint64(i + 1)
		var err error
		if whole, err = appendDeleteFrame(whole, &d); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(whole[tombstoneHeaderSize+frameHeaderSize:])
	f.Add(whole[tombstoneHeaderSize+frameHeaderSize : len(whole)-60])
	f.Fuzz(func(t *testing.T, payload []byte) {
		// A log of one intact frame whose delete may mean nothing.
		b := appendTombstoneHeader(nil, 1)
		head := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
		head = binary.LittleEndian.AppendUint64(head, 1)
		head = binary.LittleEndian.AppendUint32(head, checksum(0, payload))
		head = binary.LittleEndian.AppendUint32(head, frameSum(head, uint64(len(b))))
		log, err := parseTombstones("x", append(append(b, head...), payload...))
		if err != nil || len(log.frames) != 1 {
			t.Fatalf("%d frames, %v", len(log.frames), err)
		}
		if bad := log.frames[0].err; bad != nil && !errors.Is(bad, ErrCorrupt) {
			t.Fatal(bad)
		}
	})
}
