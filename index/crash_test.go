package index

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// frame is what a journal keeps of one creation.
type frame struct {
	first model.SeriesID
	keys  [][]byte
}

// crashHistory runs creations, syncs, layers, merges and checkpoints until the file system
// crashes. It keeps the frames of the journal that were not synced away.
type crashHistory struct {
	r      *rand.Rand
	keys   []string // of ids 1, 2, …, as the journal has them
	frames []frame  // since the last sync
	synced int      // ids that a sync has acknowledged
	steps  int
}

func (h *crashHistory) run(x *Index) error {
	for range h.steps {
		switch h.r.IntN(9) {
		case 0:
			if err := x.Sync(); err != nil {
				return err
			}
			h.synced, h.frames = len(h.keys), nil
		case 1:
			if err := x.Checkpoint(); err != nil {
				return err
			}
			h.synced, h.frames = len(h.keys), nil
		case 2, 3, 4:
			if err := x.WriteLayer(); err != nil {
				return err
			}
			h.synced, h.frames = len(h.keys), nil
		case 5:
			if err := x.Merge(); err != nil {
				return err
			}
		default:
			var keys [][]byte
			for range 1 + h.r.IntN(70) {
				keys = append(keys, seriesKey("m", "host", fmt.Sprintf("host-%d", h.r.IntN(5000)), "region", fmt.Sprint(h.r.IntN(9))))
			}
			err := x.Resolve(keys, make([]model.Fingerprint, len(keys)), make([]model.SeriesID, len(keys)), h.journal)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *crashHistory) journal(first model.SeriesID, created [][]byte) error {
	f := frame{first: first}
	for _, key := range created {
		f.keys = append(f.keys, append([]byte(nil), key...))
		h.keys = append(h.keys, string(key))
	}
	h.frames = append(h.frames, f)
	return nil
}

// verify opens the image, replays the journal and compares everything.
func (h *crashHistory) verify(t *testing.T, fs vfs.FS, opt Options) *Index {
	t.Helper()
	opt.FS = fs
	x := openTest(t, "/db", opt)
	if damage := x.Damage(); len(damage) > 0 {
		t.Fatalf("a crash is no damage: %v", damage)
	}
	if n := x.SeriesCount(); n < h.synced {
		t.Fatalf("%d series after a crash, %d were synced", n, h.synced)
	}
	h.compare(t, x)
	for _, f := range h.frames {
		if err := x.Replay(f.first, f.keys); err != nil {
			t.Fatal(err)
		}
	}
	if n := x.SeriesCount(); n != len(h.keys) {
		t.Fatalf("%d series after replay, want %d", n, len(h.keys))
	}
	h.compare(t, x)
	return x
}

func (h *crashHistory) compare(t *testing.T, x *Index) {
	t.Helper()
	for id := 1; id <= x.SeriesCount(); id++ {
		key, err := x.AppendKey(nil, model.SeriesID(id))
		if err != nil || string(key) != h.keys[id-1] {
			t.Fatalf("key of %d is %q, %v, want %q", id, key, err, h.keys[id-1])
		}
	}
	bm, err := x.Search("m", nil, nil)
	if err != nil || int(bm.GetCardinality()) != x.SeriesCount() {
		t.Fatalf("search finds %d of %d series, %v", bm.GetCardinality(), x.SeriesCount(), err)
	}
}

// TestPowerCut cuts the power after every file operation of some histories.
func TestPowerCut(t *testing.T) {
	seed := testSeed(t)
	rounds := 8
	if s := os.Getenv("TIMBERLINE_ROUNDS"); s != "" {
		rounds, _ = strconv.Atoi(s)
	}
	cuts := 0
	for round := range rounds {
		cuts += cutPower(t, seed+uint64(round)<<32)
	}
	t.Logf("%d power cuts", cuts)
}

func cutPower(t *testing.T, seed uint64) (cuts int) {
	opt := Options{SegmentBytes: 6000, RebuildSeries: 300, HashSeed: 1}
	for n := int64(1); ; n++ {
		mem := vfs.NewMem()
		mem.CrashAfter(n)
		h := &crashHistory{r: rand.New(rand.NewPCG(seed, uint64(n))), steps: 30}
		crashOpt := opt
		crashOpt.FS = mem
		x, err := Open(t.Context(), "/db/series", "/db/index", crashOpt)
		if err == nil {
			err = h.run(x)
			x.Close()
		}
		if err != nil && !errors.Is(err, vfs.ErrCrashed) {
			t.Fatal(err)
		}
		cuts++
		for _, unsynced := range []vfs.Unsynced{vfs.None, vfs.All, vfs.Random} {
			image := mem.Crash(vfs.CrashOptions{Unsynced: unsynced, Seed: seed + uint64(n)})
			g := &crashHistory{r: h.r, keys: h.keys, frames: h.frames, synced: h.synced, steps: 10}
			x := g.verify(t, image, opt)
			if n%5 == 0 { // life goes on, and so do power cuts
				if err := g.run(x); err != nil {
					t.Fatal(err)
				}
				g.verify(t, image.Crash(vfs.CrashOptions{Unsynced: vfs.Random, Seed: seed}), opt)
			}
		}
		if err == nil {
			return cuts
		}
	}
}

// TestFailingCalls lets every file operation fail once. What was acknowledged
// stays, and after the failure is over another open has it all.
func TestFailingCalls(t *testing.T) {
	opt := Options{SegmentBytes: 6000, RebuildSeries: 300, HashSeed: 1}
	seed := testSeed(t)
	for n := int64(1 + seed%2); ; n += 2 {
		mem := vfs.NewMem()
		fault := vfs.NewFault(mem)
		rule := fault.Add(vfs.Rule{Nth: n})
		h := &crashHistory{r: rand.New(rand.NewPCG(seed, 7)), steps: 10}
		faulty := opt
		faulty.FS = fault
		x, err := Open(t.Context(), "/db/series", "/db/index", faulty)
		if err == nil {
			for range 3 {
				if err = h.run(x); err != nil && !errors.Is(err, vfs.ErrInjected) {
					t.Fatal(err)
				}
			}
			h.compare(t, x)
			x.Close()
		}
		h.verify(t, mem.Crash(vfs.CrashOptions{Unsynced: vfs.All}), opt)
		if rule.Hits() == 0 {
			t.Logf("%d calls", n)
			return
		}
	}
}
