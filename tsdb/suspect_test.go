package tsdb

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// A flipped bit in the last record of a manifest must not cost the rows of the file that
// the record names: neither after a flush nor after a merge.
func TestDamagedEndOfManifestKeepsFiles(t *testing.T) {
	ctx := context.Background()
	for _, merge := range []bool{false, true} {
		mem := vfs.NewMem()
		opt := testOptions(mem)
		opt.WAL.SegmentBytes, opt.WAL.SpareSegments = 4<<10, -1
		s := openTest(t, mem, opt)
		spec := testLayout[0].Shards[0]
		want := 0
		for i := range 4 {
			var points []point
			for k := range 100 {
				points = append(points, point{m: "m", tags: "host=a", t: spec.Range.Min + int64(i*100+k), fields: map[string]any{"f": float64(k)}})
			}
			want += len(points)
			if _, err := writePoints(s, points); err != nil {
				t.Fatal(err)
			}
			if err := s.Flush(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if merge {
			if err := s.Compact(ctx); err != nil {
				t.Fatal(err)
			}
		}
		closeTest(t, s)

		db := &database{dir: (&Store{dir: "/data"}).databaseDir(1)}
		path := filepath.Join(db.shardDir(spec), manifestName)
		b, err := vfs.ReadFile(mem, path, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)-3] ^= 0x10
		overwrite(t, mem, path, b)

		s = openTest(t, mem, opt)
		if merge && s.Metrics().CorruptionsFound == 0 {
			t.Errorf("merge %t: the damage was not reported", merge)
		}
		v, err := s.View(ctx, 1, allShards(), model.AllTime)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readAll(v, model.AllTime, false)
		if err != nil || len(got["m"]["host=a"]) != want {
			t.Errorf("merge %t: %d rows, %v, want %d", merge, len(got["m"]["host=a"]), err, want)
		}
		v.Close()
		closeTest(t, s)
	}
}

// Inputs of a merge whose removal was not durable are no rows that a damaged end of
// the manifest has lost, although the log has let go of theirs.
func TestInputsOfAMergeStayGone(t *testing.T) {
	ctx := context.Background()
	mem := vfs.NewMem()
	opt := testOptions(mem)
	opt.WAL.SegmentBytes, opt.WAL.SpareSegments = 4<<10, -1
	s := openTest(t, mem, opt)
	want := memory{}
	put := func(i int) {
		p := onePoint(int64(i), map[string]any{"f": float64(i)})
		mustWrite(t, s, p)
		want.put(shardOf(p.t), p)
	}
	inputs := map[string][]byte{}
	for i := range 3 {
		put(i)
		if err := s.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	sh := s.list()[0].shard(11)
	for _, f := range sh.files {
		b, err := vfs.ReadFile(mem, f.path, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		inputs[f.path] = b
	}
	if err := s.Compact(ctx); err != nil {
		t.Fatal(err)
	}
	rng, _ := newRand(t)
	for i := range 20 { // the other shard moves the log on
		noise := make([]byte, 1000)
		for k := range noise {
			noise[k] = 'a' + byte(rng.IntN(26))
		}
		p := onePoint(int64(1000+i), map[string]any{"s": string(noise)})
		mustWrite(t, s, p)
		want.put(shardOf(p.t), p)
	}
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if first := s.Metrics().Log.FirstLSN; first < 10 {
		t.Fatalf("the log still begins with frame %d", first)
	}
	put(3) // in the log alone; the record of its flush is torn
	cut := mem.Crash(vfs.CrashOptions{})
	closeTest(t, s)
	for path, b := range inputs {
		overwrite(t, cut, path, b)
	}
	b, err := vfs.ReadFile(cut, sh.manifest.path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, cut, sh.manifest.path, append(b, 40, 0, 0, 0, 1, 2, 3))

	opt.FS = cut
	s = openTest(t, cut, opt)
	defer closeTest(t, s)
	m := s.Metrics()
	if m.CorruptionsFound > 0 || m.OrphansRemoved != int64(len(inputs)) || m.Files != 2 {
		t.Errorf("%d of %d inputs were removed, there are %d files; damage: %q", m.OrphansRemoved, len(inputs), m.Files, m.LastCorruption)
	}
	checkStore(t, s, want, model.AllTime, false)
}
