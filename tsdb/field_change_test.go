package tsdb

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// change changes field w of m in all shards.
func changeW(s *Store, c FieldChange) error {
	c.Database, c.Shards, c.Measurement, c.Field = 1, allShards(), "m", "w"
	_, err := s.ChangeField(context.Background(), c)
	return err
}

// fieldNames returns the names and types of the fields in the files of a store.
func fieldNames(t *testing.T, s *Store) map[string]model.FieldType {
	t.Helper()
	d, err := s.database(1)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]model.FieldType{}
	for _, sh := range d.list() {
		for _, f := range sh.files {
			for _, def := range f.reader.Fields() {
				names[def.Name] = def.Type
			}
		}
	}
	return names
}

// storedBytes returns the bytes of all files of a store, and how many there are.
func storedBytes(t *testing.T, s *Store) (bytes int64, files int) {
	t.Helper()
	d, err := s.database(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, sh := range d.list() {
		for _, f := range sh.files {
			bytes += f.Size
			files++
		}
	}
	return bytes, files
}

// expect compares all rows of host a with what is wanted.
func expectRows(t *testing.T, s *Store, want map[int64]map[string]any) {
	t.Helper()
	v, err := s.View(context.Background(), 1, allShards(), model.AllTime)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	got, err := readAll(v, model.AllTime, false)
	if err != nil {
		t.Fatal(err)
	}
	if rows := got["m"]["host=a"]; !maps.EqualFunc(rows, want, sameRow) {
		t.Fatalf("%d rows are %v,\nwant %d: %v", len(rows), rows, len(want), want)
	}
}

// The values of a dropped field leave the files with the next merge, rows of
// nothing else with them, also of a file that would not be merged otherwise; those
// of a new field of the same name and another type stay. All of that outlasts
// restarts at any place.
func TestDroppedFieldsLeaveFiles(t *testing.T) {
	ctx := context.Background()
	rng, _ := newRand(t)
	for _, reopen := range []bool{false, true} {
		mem := vfs.NewMem()
		s := openTest(t, mem, testOptions(mem))
		again := func() {
			if reopen {
				closeTest(t, s)
				s = openTest(t, mem, testOptions(mem))
			}
		}
		want := map[int64]map[string]any{}
		var points []point
		for i := range int64(900) {
			fields := map[string]any{"w": rng.Float64()}
			if i%3 > 0 {
				fields["v"] = i
				want[i] = map[string]any{"v": i}
			}
			points = append(points, point{"m", "host=a", i, fields})
		}
		mustWrite(t, s, points...)
		if err := errors.Join(s.Flush(ctx), s.Compact(ctx)); err != nil {
			t.Fatal(err)
		}
		before, _ := storedBytes(t, s)
		again()
		if err := changeW(s, FieldChange{}); err != nil {
			t.Fatal(err)
		}
		again()
		expectRows(t, s, want)
		if names := fieldNames(t, s); names["w"] != model.Float {
			t.Fatalf("files have %v before the merge", names)
		}
		if err := s.Compact(ctx); err != nil {
			t.Fatal(err)
		}
		again()
		expectRows(t, s, want)
		after, files := storedBytes(t, s)
		if names := fieldNames(t, s); len(names) != 1 || names["v"] != model.Integer {
			t.Errorf("files have %v after the merge", names)
		}
		if after*5 > before || files != 1 {
			t.Errorf("%d bytes before, %d in %d files after", before, after, files)
		}
		// A string of the old name in some of the rows, and of rows of its own.
		points = points[:0]
		for i := int64(100); i < 950; i += 2 {
			points = append(points, point{"m", "host=a", i, map[string]any{"w": "text"}})
			row := maps.Clone(want[i])
			if row == nil {
				row = map[string]any{}
			}
			row["w"] = "text"
			want[i] = row
		}
		mustWrite(t, s, points...)
		again()
		if err := errors.Join(s.Flush(ctx), s.Compact(ctx)); err != nil {
			t.Fatal(err)
		}
		again()
		expectRows(t, s, want)
		if names := fieldNames(t, s); len(names) != 2 || names["w"] != model.String {
			t.Errorf("files have %v after the field was there again", names)
		}
		closeTest(t, s)
	}
}

// A file that has nothing but values of a dropped field goes.
func TestFilesOfDroppedFieldsGo(t *testing.T) {
	ctx := context.Background()
	mem := vfs.NewMem()
	s := openTest(t, mem, testOptions(mem))
	defer func() { closeTest(t, s) }()
	for i := range int64(200) {
		mustWrite(t, s, point{"m", "host=a", i, map[string]any{"w": float64(i)}})
	}
	mustWrite(t, s, point{"m", "host=b", 1500, map[string]any{"v": int64(1)}})
	if err := errors.Join(s.Flush(ctx), s.Compact(ctx), changeW(s, FieldChange{}), s.Compact(ctx)); err != nil {
		t.Fatal(err)
	}
	if names := fieldNames(t, s); len(names) != 1 {
		t.Errorf("files have %v", names)
	}
	if _, files := storedBytes(t, s); files != 1 {
		t.Errorf("%d files are left, want that of host b", files)
	}
}

// Files from before and after a field was renamed become one.
func TestRenamedFieldsMerge(t *testing.T) {
	ctx := context.Background()
	mem := vfs.NewMem()
	s := openTest(t, mem, testOptions(mem))
	mustWrite(t, s, point{"m", "host=a", 1, map[string]any{"w": 1.5}})
	if err := errors.Join(s.Flush(ctx), changeW(s, FieldChange{NewName: "x"})); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, point{"m", "host=a", 2, map[string]any{"x": 2.5, "w": true}})
	want := map[int64]map[string]any{1: {"x": 1.5}, 2: {"x": 2.5, "w": true}}
	if err := errors.Join(s.Flush(ctx), s.Compact(ctx)); err != nil {
		t.Fatal(err)
	}
	expectRows(t, s, want)
	closeTest(t, s)
	s = openTest(t, mem, testOptions(mem))
	defer func() { closeTest(t, s) }()
	expectRows(t, s, want)
	if names := fieldNames(t, s); !maps.Equal(names, map[string]model.FieldType{"x": model.Float, "w": model.Boolean}) {
		t.Errorf("files have %v", names)
	}
}

// The numbers of dropped fields are the same after the table was read back.
func TestDroppedNumbers(t *testing.T) {
	ft := newFieldTable()
	if list, _ := ft.dropped(); len(list) != 0 {
		t.Errorf("an empty table has dropped %v", list)
	}
	def := func(n uint32, m, name string) fieldDef { return fieldDef{n, model.Float, m, name} }
	ft.define(10, []fieldDef{def(1, "m", "a"), def(2, "m", "b"), def(3, "n", "a"), def(4, "o", "a")})
	ft.define(11, []fieldDef{def(2, "m", "")})
	ft.define(12, []fieldDef{def(5, "m", "b"), def(1, "m", "c")})
	ft.forget(13, "n")
	for range 2 {
		if list, lsn := ft.dropped(); !slices.Equal(list, []uint32{2, 3}) || lsn != 13 {
			t.Errorf("dropped are %v as of %d", list, lsn)
		}
		var err error
		if ft, err = decodeFieldTable("fields", ft.appendFile(nil)); err != nil {
			t.Fatal(err)
		}
	}
}
