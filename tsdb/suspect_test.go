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
