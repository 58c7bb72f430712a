package tsdb

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// A shard whose fields are damaged fails by itself: the other shards answer, its
// own range says what is wrong, and what the log has for it waits for repair.
func TestDamagedShardFailsAlone(t *testing.T) {
	ctx := context.Background()
	mem := vfs.NewMem()
	s := openTest(t, mem, testOptions(mem))
	first, second := testLayout[0].Shards[0], testLayout[0].Shards[1]
	points := []point{
		{m: "m", tags: "host=a", t: first.Range.Min + 1, fields: map[string]any{"f": 1.5}},
		{m: "m", tags: "host=a", t: second.Range.Min + 1, fields: map[string]any{"f": 2.5}},
	}
	if _, err := writePoints(s, points); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	closeTest(t, s)

	db := &database{dir: (&Store{dir: "/data"}).databaseDir(1)}
	path := filepath.Join(db.shardDir(first), fieldsName)
	whole, err := vfs.ReadFile(mem, path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, mem, path, append([]byte("broken"), whole[6:]...))

	s = openTest(t, mem, testOptions(mem))
	if n := s.Metrics().FailedShards; n != 1 {
		t.Errorf("%d failed shards, want 1", n)
	}
	if _, err := s.View(ctx, 1, allShards(), model.AllTime); !errors.Is(err, cursor.ErrCorrupt) {
		t.Errorf("a view over the failed shard: %v", err)
	}
	v, err := s.View(ctx, 1, allShards(), second.Range)
	if err != nil {
		t.Fatalf("a view beside the failed shard: %v", err)
	}
	if got, err := readAll(v, second.Range, false); err != nil || len(got["m"]) != 1 {
		t.Errorf("rows beside the failed shard: %v, %v", got, err)
	}
	v.Close()
	if _, err := writePoints(s, points[:1]); !errors.Is(err, cursor.ErrCorrupt) {
		t.Errorf("a write to the failed shard: %v", err)
	}
	closeTest(t, s)

	overwrite(t, mem, path, whole)
	s = openTest(t, mem, testOptions(mem))
	v, err = s.View(ctx, 1, allShards(), model.AllTime)
	if err != nil {
		t.Fatalf("after repair: %v", err)
	}
	if got, err := readAll(v, model.AllTime, false); err != nil || len(got["m"]["host=a"]) != 2 {
		t.Errorf("rows after repair: %v, %v", got, err)
	}
	v.Close()
	closeTest(t, s)
}

func overwrite(t *testing.T, fs vfs.FS, path string, b []byte) {
	t.Helper()
	f, err := fs.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
