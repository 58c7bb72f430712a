package tsdb

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/timberlinedb/timberline/index"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// damage flips a byte of a file.
func damage(t *testing.T, fs vfs.FS, name string, off int64) {
	t.Helper()
	f, err := fs.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	if _, err := f.ReadAt(b[:], off); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x41
	if _, err := f.WriteAt(b[:], off); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// salvageStore makes a closed store with two shards and files, of whose series log
// a part was rewritten.
func salvageStore(t *testing.T) (fs *vfs.Mem, opt Options, want memory, series int) {
	t.Helper()
	fs = vfs.NewMem()
	opt = testOptions(fs)
	opt.Index = index.Options{SegmentBytes: 2000, HashSeed: 1}
	s := openTest(t, fs, opt)
	want = memory{}
	put := func(points ...point) {
		mustWrite(t, s, points...)
		for _, p := range points {
			want.put(shardOf(p.t), p)
		}
	}
	for i := range 150 {
		p := hostPoint(fmt.Sprintf("h%03d", i), 1)
		mustWrite(t, s, p)
		if i%10 == 0 {
			p.t = 1000 + int64(i)
			put(p)
		}
	}
	if err := s.DropShard(1, 11); err != nil {
		t.Fatal(err)
	}
	if n := upkeep(t, s); n != 135 {
		t.Fatalf("%d series were freed", n)
	}
	for i := range 70 {
		put(hostPoint(fmt.Sprintf("new-%d", i), 1200), point{m: fmt.Sprintf("m%d", i%3), tags: fmt.Sprintf("k=%d", i), t: 1300, fields: map[string]any{"s": "x"}})
	}
	closeTest(t, s)
	checkSalvaged(t, fs, opt, want)
	return fs, opt, want, 15 + 140
}

// checkSalvaged opens the store and looks for everything.
func checkSalvaged(t *testing.T, fs vfs.FS, opt Options, want memory) {
	t.Helper()
	opt.FS = fs
	s, err := Open(context.Background(), "/data", Layout{{ID: 1, Shards: testShards[1:]}}, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer closeTest(t, s)
	checkStore(t, s, want, model.AllTime, false)
}

// TestRebuildIndex flips bytes in everything that the index has on disk. After a
// rebuild all series are found again; those whose keys were hit are told.
func TestRebuildIndex(t *testing.T) {
	fs, opt, want, series := salvageStore(t)
	rebuild := func(image vfs.FS) RebuiltIndex {
		t.Helper()
		o := opt
		o.FS = image
		all, err := RebuildIndexes(context.Background(), "/data", o)
		if err != nil || len(all) != 1 {
			t.Fatalf("rebuilt %d indexes, %v", len(all), err)
		}
		return all[0]
	}
	step := func(name string, steps int64) (size, step int64) {
		st, err := fs.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return st.Size, max(st.Size/steps, 1) | 1
	}
	const checkpoint = "/data/db/1/index/checkpoint"
	for off, by := step(checkpoint, 150); off > 0; off -= by {
		image := fs.Crash(vfs.CrashOptions{Unsynced: vfs.All})
		damage(t, image, checkpoint, off-1)
		if r := rebuild(image); r.Series != series || len(r.Damage) > 0 || r.Shards != 1 || r.Files == 0 || r.Nameless != 0 {
			t.Fatalf("offset %d of the checkpoint: %+v", off-1, r)
		}
		checkSalvaged(t, image, opt, want)
	}
	names, err := fs.List("/data/db/1/series")
	if err != nil || len(names) < 2 {
		t.Fatalf("segments %q, %v", names, err)
	}
	hit := 0
	for _, name := range names {
		name = "/data/db/1/series/" + name
		for off, by := step(name, 40); off > 0; off -= by {
			image := fs.Crash(vfs.CrashOptions{Unsynced: vfs.All})
			damage(t, image, name, off-1)
			r := rebuild(image)
			lost := series - r.Series
			if lost < 0 || lost > 64 || lost > 0 && len(r.Damage) == 0 && r.CutBytes == 0 || r.Nameless != lost {
				t.Fatalf("offset %d of %s: %+v", off-1, name, r)
			}
			if lost == 0 {
				checkSalvaged(t, image, opt, want)
			} else {
				hit++
			}
		}
	}
	if hit == 0 {
		t.Error("no flip has cost a key")
	}
	for _, name := range append(names, "") {
		if name == "" {
			name = checkpoint
		} else {
			name = "/data/db/1/series/" + name
		}
		image := fs.Crash(vfs.CrashOptions{Unsynced: vfs.All})
		if err := image.Remove(name); err != nil {
			t.Fatal(err)
		}
		if r := rebuild(image); name == checkpoint && r.Series != series || r.Nameless != series-r.Series {
			t.Errorf("without %s: %+v", name, r)
		}
	}
}

func TestRebuildIndexRefuses(t *testing.T) {
	fs := vfs.NewMem()
	opt := testOptions(fs)
	if _, err := RebuildIndexes(context.Background(), "/nowhere", opt); err == nil {
		t.Error("a directory that does not exist is rebuilt")
	}
	s := openTest(t, fs, opt)
	defer closeTest(t, s)
	if _, err := RebuildIndexes(context.Background(), "/data", opt); err == nil {
		t.Error("the index of an open store is rebuilt")
	}
}
