package index

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

func freeTest(t testing.TB, x *Index, ids *roaring.Bitmap) int {
	t.Helper()
	x.Condemn(ids)
	return x.Free(roaring.New())
}

func TestFree(t *testing.T) {
	fs := vfs.NewMem()
	opt := Options{FS: fs, SegmentBytes: 2000, HashSeed: 1}
	x := openTest(t, "/", opt)
	key := func(i int) []byte {
		return seriesKey("m", "host", fmt.Sprintf("host-%d", i), "site", fmt.Sprint(i%7))
	}
	const n = 1000
	var keys [][]byte
	for i := range n {
		keys = append(keys, key(i))
	}
	resolveTest(t, x, keys...)
	x.MarkPresent(1, []model.SeriesID{5, 6, 7, n})
	unused, err := x.Unused()
	if err != nil || unused.GetCardinality() != n-4 || unused.Contains(5) {
		t.Fatalf("%d series are unused, %v", unused.GetCardinality(), err)
	}
	x.Condemn(unused)
	if id := resolveTest(t, x, key(99))[0]; id != 100 { // asked for: acquitted
		t.Fatalf("a condemned series has id %d", id)
	}
	if freed := x.Free(roaring.BitmapOf(200)); freed != n-6 {
		t.Fatalf("%d series freed, want %d", freed, n-6)
	}
	check := func() {
		t.Helper()
		if got := x.SeriesCount(); got != 6 {
			t.Fatalf("%d series left", got)
		}
		bm, err := x.Search("m", nil, nil)
		if err != nil || fmt.Sprint(bm.ToArray()) != fmt.Sprint([]uint32{5, 6, 7, 100, 200, n}) {
			t.Fatalf("left are %v, %v", bm, err)
		}
		values, err := x.TagValues("m", "host", nil)
		if want := "[host-199 host-4 host-5 host-6 host-99 host-999]"; err != nil || fmt.Sprint(values) != want {
			t.Fatalf("hosts %v, %v, want %s", values, err, want)
		}
		for _, id := range []int{5, 6, 7, 100, 200, n} {
			if got := resolveTest(t, x, key(id-1))[0]; got != model.SeriesID(id) {
				t.Fatalf("series %d is found as %d", id, got)
			}
		}
	}
	check()
	if !x.NeedsMerge() {
		t.Error("no merge is wanted although most series are dead")
	}
	before := x.Metrics()
	if err := x.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	check()
	m := x.Metrics()
	if m.Dead != 0 || m.Freed != n-6 || m.RewrittenSegments == 0 || m.CheckpointBytes > 4096 {
		t.Errorf("after the checkpoint: %+v", m)
	}
	files, err := listSegments(fs, "/series")
	if err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	for _, f := range files {
		st, err := fs.Stat(f.path("/series"))
		if err != nil {
			t.Fatal(err)
		}
		size += st.Size
	}
	if size*4 > before.SeriesLogBytes {
		t.Errorf("series log has %d bytes, before %d", size, before.SeriesLogBytes)
	}
	for _, rebuilt := range []bool{false, true} {
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		if rebuilt {
			if err := fs.Remove("/index/checkpoint"); err != nil {
				t.Fatal(err)
			}
		}
		x = openTest(t, "/", opt)
		if damage := x.Damage(); len(damage) > 0 {
			t.Fatalf("rebuilt %v: damage %v", rebuilt, damage)
		}
		check()
	}
	if id := resolveTest(t, x, key(0))[0]; id != n+1 {
		t.Errorf("a freed key comes back as series %d, want a new one", id)
	}
}

// TestFreedKeyComesBack has a key under two ids when a crash comes before the
// checkpoint that drops the first.
func TestFreedKeyComesBack(t *testing.T) {
	fs := vfs.NewMem()
	opt := Options{FS: fs, HashSeed: 1}
	x := openTest(t, "/", opt)
	a, b := seriesKey("m", "host", "a"), seriesKey("m", "host", "b")
	resolveTest(t, x, a, b)
	if err := x.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	freeTest(t, x, roaring.BitmapOf(1))
	if id := resolveTest(t, x, a)[0]; id != 3 {
		t.Fatalf("id %d", id)
	}
	image := fs.Crash(vfs.CrashOptions{}) // id 3 is in the journal alone
	if err := x.Sync(); err != nil {
		t.Fatal(err)
	}
	for _, image := range []vfs.FS{image, fs.Crash(vfs.CrashOptions{})} {
		opt.FS = image
		for range 2 {
			x := openTest(t, "/", opt)
			if err := x.Replay(3, [][]byte{a}); err != nil {
				t.Fatal(err)
			}
			if ids := resolveTest(t, x, a, b); ids[0] != 3 || ids[1] != 2 || x.SeriesCount() != 2 {
				t.Fatalf("ids %v, %d series", ids, x.SeriesCount())
			}
			if err := x.Checkpoint(); err != nil {
				t.Fatal(err)
			}
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// freeHistory creates and frees until the file system crashes.
type freeHistory struct {
	r      *rand.Rand
	keys   []string // of ids 1, 2, …, as the journal has them
	last   map[string]uint32
	freed  *roaring.Bitmap
	frames []frame
	steps  int
}

func (h *freeHistory) run(x *Index) error {
	for range h.steps {
		switch h.r.IntN(9) {
		case 0:
			if err := x.Sync(); err != nil {
				return err
			}
			h.frames = nil
		case 1, 2:
			if err := x.Checkpoint(); err != nil {
				return err
			}
			h.frames = nil
		case 7:
			if err := x.WriteLayer(); err != nil {
				return err
			}
			h.frames = nil
		case 8:
			if err := x.mergeSome(func(sizes []int) (int, bool) { // any of them
				return h.r.IntN(max(len(sizes), 1)), len(sizes) > 0
			}); err != nil {
				return err
			}
		case 3, 4:
			ids, err := x.Unused()
			if err != nil {
				return err
			}
			if h.r.IntN(2) == 0 { // of old ones only: whole segments go
				ids.RemoveRange(uint64(h.r.IntN(len(h.keys)+1)), 1<<32)
			}
			for _, id := range ids.ToArray() {
				if h.r.IntN(8) == 0 {
					ids.Remove(id)
				}
			}
			x.Condemn(ids)
			x.Free(roaring.New())
			h.freed.Or(ids)
		default:
			var keys [][]byte
			for range 1 + h.r.IntN(70) {
				keys = append(keys, seriesKey("m", "host", fmt.Sprintf("host-%d", h.r.IntN(300)), "region", fmt.Sprint(h.r.IntN(9))))
			}
			err := x.Resolve(keys, make([]model.Fingerprint, len(keys)), make([]model.SeriesID, len(keys)), h.journal)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *freeHistory) journal(first model.SeriesID, created [][]byte) error {
	f := frame{first: first}
	for i, key := range created {
		f.keys = append(f.keys, append([]byte(nil), key...))
		h.keys = append(h.keys, string(key))
		h.last[string(key)] = uint32(first) + uint32(i)
	}
	h.frames = append(h.frames, f)
	return nil
}

// verify opens the image, replays the journal and compares everything. What was
// freed may have come back to life.
func (h *freeHistory) verify(t *testing.T, fs vfs.FS, opt Options) {
	t.Helper()
	opt.FS = fs
	x := openTest(t, "/db", opt)
	defer x.Close()
	if damage := x.Damage(); len(damage) > 0 {
		t.Fatalf("a crash is no damage: %v", damage)
	}
	for _, f := range h.frames {
		if err := x.Replay(f.first, f.keys); err != nil {
			t.Fatal(err)
		}
	}
	found, err := x.Search("m", nil, nil)
	if err != nil || int(found.GetCardinality()) != x.SeriesCount() {
		t.Fatalf("search finds %d of %d series, %v", found.GetCardinality(), x.SeriesCount(), err)
	}
	for i, key := range h.keys {
		id := uint32(i + 1)
		got, err := x.AppendKey(nil, model.SeriesID(id))
		lost := h.freed.Contains(id) && errors.Is(err, ErrCorrupt)
		if !lost && (err != nil || string(got) != key) {
			t.Fatalf("key of %d is %q, %v, want %q", id, got, err, key)
		}
		if !h.freed.Contains(id) && !found.Contains(id) {
			t.Fatalf("series %d is not found", id)
		}
		if found.Contains(id) && h.last[key] != id {
			t.Fatalf("series %d is found, its key is that of %d", id, h.last[key])
		}
		if !h.freed.Contains(h.last[key]) {
			if ids := resolveTest(t, x, []byte(key)); uint32(ids[0]) != h.last[key] {
				t.Fatalf("series %d is resolved as %d", h.last[key], ids[0])
			}
		}
	}
}

// TestFreeingPowerCut cuts the power after every file operation of histories in
// which series are freed and come back, and segments are rewritten.
func TestFreeingPowerCut(t *testing.T) {
	seed := testSeed(t)
	opt := Options{SegmentBytes: 3000, RebuildSeries: 300, HashSeed: 1}
	cuts, rewritten := 0, int64(0)
	for round := range uint64(3) {
		for n := int64(1); ; n++ {
			mem := vfs.NewMem()
			mem.CrashAfter(n)
			h := &freeHistory{r: rand.New(rand.NewPCG(seed, round)), last: map[string]uint32{}, freed: roaring.New(), steps: 40}
			crashOpt := opt
			crashOpt.FS = mem
			x, err := Open(t.Context(), "/db/series", "/db/index", crashOpt)
			if err == nil {
				err = h.run(x)
				rewritten = max(rewritten, x.Metrics().RewrittenSegments)
				x.Close()
			}
			if err != nil && !errors.Is(err, vfs.ErrCrashed) {
				t.Fatal(err)
			}
			cuts++
			for _, unsynced := range []vfs.Unsynced{vfs.None, vfs.All, vfs.Random} {
				h.verify(t, mem.Crash(vfs.CrashOptions{Unsynced: unsynced, Seed: seed + uint64(n)}), opt)
			}
			if err == nil {
				break
			}
		}
	}
	if rewritten == 0 {
		t.Error("no segment was rewritten")
	}
	t.Logf("%d power cuts, up to %d segments rewritten", cuts, rewritten)
}
