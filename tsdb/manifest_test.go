package tsdb

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

func testEntry(n uint64) fileEntry {
	return fileEntry{Number: n, Generation: n, Level: uint8(n % 3), Size: int64(n) * 1000,
		Range: model.TimeRange{Min: -int64(n), Max: int64(n)}}
}

func mustApply(t *testing.T, m *manifest, e manifestEdit) {
	t.Helper()
	if err := m.apply(e); err != nil {
		t.Fatal(err)
	}
}

func TestManifestKeepsItsEdits(t *testing.T) {
	fs := vfs.NewMem()
	m, err := openManifest(fs, "/MANIFEST")
	if err != nil {
		t.Fatal(err)
	}
	mustApply(t, m, manifestEdit{Flushed: 10, Next: 2, Added: []fileEntry{testEntry(1)}, Series: 900})
	mustApply(t, m, manifestEdit{Flushed: 20, Next: 3, Added: []fileEntry{testEntry(2)}, Series: 70})
	merged := fileEntry{Number: 3, Generation: 2, Level: 1, Size: 5}
	mustApply(t, m, manifestEdit{Next: 4, Removed: []uint64{1, 2}, Added: []fileEntry{merged}, Series: 80})
	want := manifestState{flushed: 20, next: 4, files: []fileEntry{merged}, series: 900}
	if !reflect.DeepEqual(m.state, want) {
		t.Errorf("state is %+v, want %+v", m.state, want)
	}
	m.close()
	again, err := openManifest(fs, "/MANIFEST")
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	if !reflect.DeepEqual(again.state, want) {
		t.Errorf("reopened state is %+v, want %+v", again.state, want)
	}
}

// TestManifestSeries reads edits with and without the greatest id of a series.
func TestManifestSeries(t *testing.T) {
	for _, c := range []struct {
		edits []manifestEdit
		known bool
	}{
		{[]manifestEdit{{Next: 2}}, true},
		{[]manifestEdit{{Next: 2, Added: []fileEntry{testEntry(1)}}}, false},
		{[]manifestEdit{{Next: 2, Added: []fileEntry{testEntry(1)}, Series: 1<<32 - 2}}, true},
		{[]manifestEdit{{Next: 2, Added: []fileEntry{testEntry(1)}}, {Next: 3, Added: []fileEntry{testEntry(2)}, Series: 7}}, false},
		{[]manifestEdit{{Next: 2, Added: []fileEntry{testEntry(1)}}, {Next: 3, Removed: []uint64{1}}}, true},
	} {
		b := []byte(manifestMagic)
		for _, e := range c.edits {
			b = appendManifestRecord(b, e)
		}
		for range 2 {
			state, _, err := readManifest("m", b)
			if err != nil || state.seriesKnown() != c.known {
				t.Errorf("%+v: known %v, %v", c.edits, state.seriesKnown(), err)
			}
			b = appendManifestRecord([]byte(manifestMagic), state.snapshot()) // and as it is written anew
		}
	}
}

func TestManifestDropsTornTail(t *testing.T) {
	full := []byte(manifestMagic)
	var ends []int
	for i := range uint64(4) {
		full = appendManifestRecord(full, manifestEdit{Flushed: i + 1, Next: i + 2, Added: []fileEntry{testEntry(i + 1)}})
		ends = append(ends, len(full))
	}
	for cut := len(manifestMagic); cut <= len(full); cut++ {
		whole := 0
		for whole < len(ends) && ends[whole] <= cut {
			whole++
		}
		state, _, err := readManifest("m", full[:cut])
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if len(state.files) != whole {
			t.Fatalf("cut at %d: %d files, want %d", cut, len(state.files), whole)
		}
	}
}

func TestManifestNamesDamageBeforeWholeRecords(t *testing.T) {
	b := appendManifestRecord([]byte(manifestMagic), manifestEdit{Flushed: 1, Next: 2, Added: []fileEntry{testEntry(1)}})
	b = appendManifestRecord(b, manifestEdit{Flushed: 2, Next: 3, Added: []fileEntry{testEntry(2)}})
	b[len(manifestMagic)+manifestRecord+1] ^= 4
	_, _, err := readManifest("dir/MANIFEST", b)
	var damage *CorruptError
	if !errors.As(err, &damage) || damage.Offset != int64(len(manifestMagic)) || !errors.Is(err, cursor.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
}

// Every file operation of an edit fails once. An edit that failed for sure must
// not be there after a crash, one that succeeded must.
func TestManifestEditFails(t *testing.T) {
	for _, op := range []vfs.Op{vfs.OpWrite, vfs.OpSync, vfs.OpSyncData, vfs.OpCreate, vfs.OpRename, vfs.OpSyncDir, vfs.OpOpen} {
		for nth := int64(1); ; nth++ {
			mem := vfs.NewMem()
			fault := vfs.NewFault(mem)
			m, err := openManifest(fault, "/MANIFEST")
			if err != nil {
				t.Fatal(err)
			}
			rule := fault.Add(vfs.Rule{Ops: op, Nth: nth})
			must, may := map[uint64]bool{}, map[uint64]bool{}
			for n := uint64(1); n <= 4; n++ {
				switch err := m.apply(manifestEdit{Next: n + 1, Added: []fileEntry{testEntry(n)}}); {
				case err == nil:
					must[n] = true
				case errors.Is(err, errManifestUnsure):
					may[n] = true
				}
			}
			hits := rule.Hits()
			fault.Clear()
			m.close()
			for _, crashed := range []vfs.FS{mem, mem.Crash(vfs.CrashOptions{})} {
				again, err := openManifest(crashed, "/MANIFEST")
				if err != nil {
					t.Fatalf("%v %d: %v", op, nth, err)
				}
				got := map[uint64]bool{}
				for _, f := range again.state.files {
					got[f.Number] = true
					if !must[f.Number] && !may[f.Number] {
						t.Errorf("%v %d: failed edit %d counts", op, nth, f.Number)
					}
				}
				for n := range must {
					if !got[n] {
						t.Errorf("%v %d: edit %d is lost", op, nth, n)
					}
				}
				again.close()
			}
			if hits == 0 {
				break
			}
		}
	}
}

func FuzzReadManifest(f *testing.F) {
	b := appendManifestRecord([]byte(manifestMagic), manifestEdit{Flushed: 7, Next: 9, Removed: []uint64{3}, Added: []fileEntry{testEntry(5)}})
	f.Add(b)
	f.Add(b[:len(b)-3])
	f.Add(appendManifestRecord(b, manifestEdit{Flushed: 8, Next: 10, Added: []fileEntry{testEntry(6)}, Series: 12345}))
	f.Add([]byte(manifestMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		state, size, err := readManifest("m", b)
		if err != nil {
			if !errors.Is(err, cursor.ErrCorrupt) {
				t.Fatalf("error of another class: %v", err)
			}
			return
		}
		again, _, err := readManifest("m", b[:size])
		if err != nil || !reflect.DeepEqual(again, state) {
			t.Fatalf("whole records read as %+v, then %+v, %v", state, again, err)
		}
	})
}

func TestFieldTableKeepsTypes(t *testing.T) {
	fs := vfs.NewMem()
	ft := newFieldTable()
	var defs []fieldDef
	for i := range uint32(50) {
		defs = append(defs, fieldDef{Number: i + 1, Type: model.FieldType(1 + i%5),
			Measurement: fmt.Sprintf("m%d", i%7), Name: fmt.Sprintf("f%d", i)})
	}
	ft.define(5, defs)
	ft.forget(9, "m3")
	if lsn, err := ft.save(fs, "/fields", func(uint64) error { return nil }); err != nil || lsn != 9 {
		t.Fatalf("save: %d, %v", lsn, err)
	}
	again, err := openFieldTable(fs, "/fields")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range defs {
		got, ok := again.lookup([]byte(d.Measurement), []byte(d.Name))
		if ok != (d.Measurement != "m3") || ok && got != d {
			t.Errorf("%s.%s is %+v, %v, want %+v", d.Measurement, d.Name, got, ok, d)
		}
	}
	if again.reserve() != 51 {
		t.Errorf("next number is %d, want 51", again.reserve())
	}
	if !again.covers(9) || again.covers(10) {
		t.Errorf("file says that it covers up to %d", again.saved)
	}
}

func FuzzDecodeFieldTable(f *testing.F) {
	ft := newFieldTable()
	ft.define(3, []fieldDef{{1, model.Float, "cpu", "user"}, {2, model.String, "cpu", "host"}, {4, model.Boolean, "mem", "swap"}})
	f.Add(ft.appendFile(nil))
	f.Add([]byte(fieldsMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		ft, err := decodeFieldTable("f", b)
		if err != nil {
			if !errors.Is(err, cursor.ErrCorrupt) {
				t.Fatalf("error of another class: %v", err)
			}
			return
		}
		if _, err := decodeFieldTable("f", ft.appendFile(nil)); err != nil {
			t.Fatalf("written again it does not read: %v", err)
		}
	})
}
