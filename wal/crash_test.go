package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
)

// history is what a workload did with a log, as far as it knows.
type history struct {
	mu        sync.Mutex
	payloads  map[uint64]string // of every frame that Append took
	confirmed uint64            // highest LSN that Wait confirmed
	released  uint64            // frames below may be gone
}

func newHistory() *history { return &history{payloads: map[uint64]string{}} }

// snapshot returns what must hold for a crash from now on.
func (h *history) snapshot() (confirmed, released uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.confirmed, h.released
}

// check compares a recovery with the history: frames from released to confirmed
// are all there, in order, and none is invented.
func (h *history) check(got []replayed, confirmed, released uint64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := map[uint64]bool{}
	for i, f := range got {
		if i > 0 && f.lsn <= got[i-1].lsn {
			return fmt.Errorf("LSN %d follows %d", f.lsn, got[i-1].lsn)
		}
		// A frame may have reached the disk before its Append has returned.
		if payload, known := h.payloads[f.lsn]; known && payload != f.payload || f.kind != KindRows {
			return fmt.Errorf("LSN %d has payload %.10q…, want %.10q…", f.lsn, f.payload, payload)
		}
		at[f.lsn] = true
	}
	for lsn := range h.payloads {
		if lsn >= released && lsn <= confirmed && !at[lsn] {
			return fmt.Errorf("LSN %d of %d to %d was confirmed and is lost", lsn, released, confirmed)
		}
	}
	return nil
}

// work appends, waits, releases and reopens at random until it is through or
// the file system fails.
func (h *history) work(fs vfs.FS, rnd *rand.Rand, steps int) error {
	opt := Options{FS: fs, SegmentBytes: 4096, SpareSegments: 1, MaxPendingBytes: 6000}
	l, _, err := Open(ctx, testDir, opt, nil)
	if err != nil {
		return err
	}
	defer func() { l.Close() }()
	for range steps {
		switch p := rnd.IntN(20); {
		case p < 13:
			payload := strings.Repeat(string(rune('a'+rnd.IntN(26))), rnd.IntN(20)*rnd.IntN(80))
			if rnd.IntN(40) == 0 {
				payload = strings.Repeat("L", 5000)
			}
			if err := h.append(l, payload); err != nil {
				return err
			}
		case p < 18:
			lsn := l.LastLSN()
			if err := l.Wait(ctx, lsn); err != nil {
				return err
			}
			h.mu.Lock()
			h.confirmed = max(h.confirmed, lsn)
			h.mu.Unlock()
		case p < 19:
			low := l.DurableLSN() - min(l.DurableLSN(), uint64(rnd.IntN(10)))
			h.mu.Lock()
			h.released = max(h.released, low)
			h.mu.Unlock()
			if err := l.Release(low); err != nil {
				return err
			}
		default:
			if err := l.Close(); err != nil {
				return err
			}
			next, _, err := Open(ctx, testDir, opt, nil)
			if err != nil {
				return err
			}
			l = next
		}
	}
	return l.Close()
}

// append takes a frame. Its LSN is known for sure only afterwards, so that the
// payload of one that is on its way when a crash comes is not checked.
func (h *history) append(l *Log, payload string) error {
	lsn, err := l.Append(KindRows, []byte(payload))
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.payloads[lsn] = payload
	return nil
}

// recoverImage opens an image, checks it, writes on, crashes again and checks that.
func recoverImage(h *history, image *vfs.Mem, confirmed, released uint64) error {
	opt := Options{FS: image, SegmentBytes: 4096}
	l, rec, got, err := tryOpen(opt)
	if err != nil {
		return err
	}
	if len(rec.Holes)+len(rec.Unreadable)+len(rec.Blemishes) > 0 {
		l.Close()
		return fmt.Errorf("a power cut looks like damage: %+v", rec)
	}
	if err := h.check(got, confirmed, released); err != nil {
		l.Close()
		return err
	}
	lsn, err := l.Append(KindRows, []byte("after"))
	if err == nil {
		err = l.Wait(ctx, lsn)
	}
	again := image.Crash(vfs.CrashOptions{Unsynced: vfs.None})
	if err := errors.Join(err, l.Close()); err != nil {
		return err
	}
	opt.FS = again
	l, rec, more, err := tryOpen(opt)
	if err != nil {
		return err
	}
	if err := l.Close(); err != nil {
		return err
	}
	if len(rec.Holes)+len(rec.Unreadable)+len(rec.Blemishes) > 0 || rec.TornSegment != "" {
		return fmt.Errorf("the second recovery is not clean: %+v", rec)
	}
	if len(more) != len(got)+1 || more[len(got)].payload != "after" {
		return fmt.Errorf("%d frames, after one more and a second crash %d", len(got), len(more))
	}
	return nil
}

// TestCrashAtEveryOp cuts the power before every file operation of random
// histories, with nothing, all and random parts of what was not synced kept.
func TestCrashAtEveryOp(t *testing.T) {
	rnd := random(t)
	rounds := 40
	if testing.Short() {
		rounds = 3
	}
	recoveries, failed := 0, 0
	for range rounds {
		m, h := vfs.NewMem(), newHistory()
		seed := rnd.Uint64()
		var mu sync.Mutex
		m.OnOp(func(n int64, op vfs.Op, name string) {
			confirmed, _ := h.snapshot()
			for _, opt := range []vfs.CrashOptions{{Unsynced: vfs.None}, {Unsynced: vfs.All},
				{Unsynced: vfs.Random, Seed: seed + uint64(n)}, {Unsynced: vfs.Random, Seed: seed - uint64(n)}} {
				image := m.Crash(opt)
				_, released := h.snapshot() // other goroutines may have released meanwhile
				err := recoverImage(h, image, confirmed, released)
				mu.Lock()
				recoveries++
				if err != nil && failed < 5 {
					failed++
					t.Errorf("cut before operation %d (%s %s), unsynced %s, seed %d: %v", n, op, name, opt.Unsynced, opt.Seed, err)
				}
				mu.Unlock()
			}
		})
		must(t, h.work(m, rand.New(rand.NewPCG(seed, 2)), 60))
	}
	t.Logf("%d recoveries", recoveries)
}

// TestCrashInRecovery cuts the power before every file operation of a
// recovery, and recovers again.
func TestCrashInRecovery(t *testing.T) {
	rnd := random(t)
	recoveries := 0
	for range 60 {
		m, h := vfs.NewMem(), newHistory()
		must(t, h.work(m, rand.New(rand.NewPCG(rnd.Uint64(), 3)), 40))
		m.CrashAfter(m.Ops() + 5 + int64(rnd.IntN(40)))
		if err := h.work(m, rand.New(rand.NewPCG(rnd.Uint64(), 4)), 60); err != nil && !errors.Is(err, vfs.ErrCrashed) {
			t.Fatal(err)
		}
		confirmed, released := h.snapshot()
		seed := rnd.Uint64()
		first := m.Crash(vfs.CrashOptions{Unsynced: vfs.Random, Seed: seed})
		first.OnOp(func(n int64, op vfs.Op, name string) {
			for i, u := range []vfs.Unsynced{vfs.None, vfs.All, vfs.Random} {
				opt := vfs.CrashOptions{Unsynced: u, Seed: seed + uint64(n)*3 + uint64(i)}
				recoveries++
				if err := recoverImage(h, first.Crash(opt), confirmed, released); err != nil {
					t.Errorf("cut before operation %d (%s %s) of the recovery, unsynced %s: %v", n, op, name, u, err)
				}
			}
		})
		l, _, _, err := tryOpen(Options{FS: first, SegmentBytes: 4096})
		must(t, err)
		first.OnOp(nil)
		must(t, l.Close())
	}
	t.Logf("%d recoveries", recoveries)
}

// TestProcessDeath ends only the process, which had handed frames to the system
// without a sync. The next one replays them, and from then on a power cut must
// not take them away, because later frames build on them.
func TestProcessDeath(t *testing.T) {
	m := vfs.NewMem()
	l, _, _ := openLog(t, Options{FS: m, SyncMode: Interval, Clock: clock.NewManual(time.Unix(0, 0))})
	lsn := appendWait(t, l, KindSeries, "series")
	if l.DurableLSN() >= lsn {
		t.Fatal("synced although the clock stands still")
	}
	second, _, got := openLog(t, Options{FS: m})
	if len(got) != 1 {
		t.Fatalf("replayed %v", got)
	}
	image := m.Crash(vfs.CrashOptions{Unsynced: vfs.None})
	appendWait(t, second, KindRows, "rows")
	for _, fs := range []*vfs.Mem{image, m.Crash(vfs.CrashOptions{Unsynced: vfs.None})} {
		_, rec, got := openLog(t, Options{FS: fs})
		if len(got) == 0 || got[0].payload != "series" || len(rec.Holes) != 0 {
			t.Errorf("replayed %v, %+v", got, rec)
		}
	}
}

// TestFaultEveryCall makes the n-th file operation fail, n = 1, 2, 3 …, until a
// history runs through. Whatever failed, what was confirmed is there after a
// power cut; files that the fault has made unreadable are told.
func TestFaultEveryCall(t *testing.T) {
	rnd := random(t)
	seed := rnd.Uint64()
	for _, class := range []struct {
		ops vfs.Op
		err error
	}{
		{vfs.OpAny &^ vfs.OpRead, vfs.ErrIO}, {vfs.OpRead, vfs.ErrIO}, {vfs.OpAnySync, vfs.ErrIO}, {vfs.OpWrite, vfs.ErrNoSpace},
		{vfs.OpAny, vfs.ErrInjected},
	} {
		t.Run(fmt.Sprintf("%s %v", class.ops, class.err), func(t *testing.T) {
			for n := int64(1); ; n++ {
				m, h := vfs.NewMem(), newHistory()
				fault := vfs.NewFault(m)
				rule := fault.Add(vfs.Rule{Ops: class.ops, Err: class.err, Nth: n, Short: int(n*37) % 600})
				err := h.work(fault, rand.New(rand.NewPCG(seed, 5)), 50)
				if rule.Hits() == 0 {
					must(t, err)
					t.Logf("through after %d faults", n-1)
					return
				}
				if n > 5000 {
					t.Fatal("never through")
				}
				confirmed, released := h.snapshot()
				for _, opt := range []vfs.CrashOptions{{Unsynced: vfs.None}, {Unsynced: vfs.All}, {Unsynced: vfs.Random, Seed: uint64(n)}} {
					l, rec, got, err := tryOpen(Options{FS: m.Crash(opt), SegmentBytes: 4096})
					if err != nil {
						t.Fatalf("fault %d, unsynced %s: %v", n, opt.Unsynced, err)
					}
					must(t, l.Close())
					if class.ops == vfs.OpRead && errors.Is(class.err, vfs.ErrIO) {
						continue // a segment may be in the quarantine
					}
					if err := h.check(got, confirmed, released); err != nil && !setAsideByFault(m) {
						t.Fatalf("fault %d, unsynced %s: %v, %+v", n, opt.Unsynced, err, rec)
					}
				}
			}
		})
	}
}

// setAsideByFault reports whether an I/O error has made a recovery set a
// segment aside.
func setAsideByFault(fs vfs.FS) bool {
	names, err := fs.List(testDir + "/quarantine")
	return err == nil && len(names) > 0
}
