package wal

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

const testDir = "/data/wal"

// replayed is what a recovery handed over.
type replayed struct {
	lsn     uint64
	kind    Kind
	payload string
}

// openLog opens a log and returns what it replayed.
func openLog(t testing.TB, opt Options) (*Log, Recovery, []replayed) {
	t.Helper()
	l, rec, frames, err := tryOpen(opt)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	return l, rec, frames
}

func tryOpen(opt Options) (*Log, Recovery, []replayed, error) {
	var frames []replayed
	l, rec, err := Open(ctx, testDir, opt, func(f Frame) error {
		frames = append(frames, replayed{f.LSN, f.Kind, string(f.Payload)})
		return nil
	})
	return l, rec, frames, err
}

func appendWait(t testing.TB, l *Log, kind Kind, payload string) uint64 {
	t.Helper()
	lsn, err := l.Append(kind, []byte(payload))
	must(t, err)
	must(t, l.Wait(ctx, lsn))
	return lsn
}

func TestAppendAndReplay(t *testing.T) {
	m := vfs.NewMem()
	l, rec, frames := openLog(t, Options{FS: m})
	if rec.Frames != 0 || len(frames) != 0 || l.DurableLSN() != 0 {
		t.Fatalf("a new log has %+v", rec)
	}
	want := []replayed{
		{1, KindSeries, "one"}, {2, KindRows, ""}, {3, 99, strings.Repeat("x", 300<<10)}, {4, KindDelete, "four"},
	}
	for _, f := range want {
		if lsn := appendWait(t, l, f.kind, f.payload); lsn != f.lsn {
			t.Fatalf("LSN %d, want %d", lsn, f.lsn)
		}
		if l.DurableLSN() < f.lsn {
			t.Fatalf("DurableLSN is %d after waiting for %d", l.DurableLSN(), f.lsn)
		}
	}
	must(t, l.Close())
	must(t, l.Close())
	if _, err := l.Append(KindRows, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	must(t, l.Wait(ctx, 4))

	l, rec, frames = openLog(t, Options{FS: m.Crash(vfs.CrashOptions{})})
	if !slices.Equal(frames, want) {
		t.Errorf("replayed %d frames, want %d", len(frames), len(want))
	}
	if rec.Frames != 4 || rec.FirstLSN != 1 || rec.LastLSN != 4 || rec.TornSegment != "" || len(rec.Holes)+len(rec.Unreadable)+len(rec.Blemishes) != 0 {
		t.Errorf("recovery %+v", rec)
	}
	if lsn := appendWait(t, l, KindRows, "five"); lsn <= 4 || l.LastLSN() != lsn {
		t.Errorf("LSN after recovery is %d, LastLSN %d", lsn, l.LastLSN())
	}
}

func TestReopenWithoutWrites(t *testing.T) {
	m := vfs.NewMem()
	for range 5 {
		l, rec, _ := openLog(t, Options{FS: m})
		must(t, l.Close())
		if rec.Frames != 0 || rec.Segments != 0 {
			t.Fatalf("recovery %+v", rec)
		}
	}
	names, err := m.List(testDir)
	must(t, err)
	if len(names) != 1 {
		t.Errorf("files %v after opening without a write", names)
	}
}

func TestAppendRefuses(t *testing.T) {
	l, _, _ := openLog(t, Options{FS: vfs.NewMem()})
	if _, err := l.Append(KindRows, make([]byte, MaxPayloadBytes+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	for _, kind := range []Kind{0, kindReserved, kindSeal} {
		if _, err := l.Append(kind, nil); err == nil {
			t.Errorf("kind %d was taken", kind)
		}
	}
	if err := l.Wait(ctx, 1); !errors.Is(err, ErrUnknownLSN) {
		t.Errorf("wait for a frame that is not there: %v", err)
	}
	for _, opt := range []Options{{SegmentBytes: 1}, {SegmentBytes: 1 << 40}, {SyncMode: 7}, {SyncInterval: -1}, {MaxPendingBytes: -1}} {
		opt.FS = vfs.NewMem()
		if _, _, err := Open(ctx, testDir, opt, nil); err == nil {
			t.Errorf("options %+v were taken", opt)
		}
	}
}

func TestReplayErrorEndsOpen(t *testing.T) {
	m := vfs.NewMem()
	l, _, _ := openLog(t, Options{FS: m})
	appendWait(t, l, KindRows, "x")
	must(t, l.Close())
	boom := errors.New("boom")
	if _, _, err := Open(ctx, testDir, Options{FS: m}, func(Frame) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("Open = %v", err)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, _, err := Open(done, testDir, Options{FS: m}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Open with a cancelled context = %v", err)
	}
}

// TestSegments rolls over many small segments, with frames that need their own
// and empty ones in between.
func TestSegments(t *testing.T) {
	m := vfs.NewMem()
	opt := Options{FS: m, SegmentBytes: 4096}
	l, _, _ := openLog(t, opt)
	var want []replayed
	for i := range 60 {
		size := []int{0, 10, 1000, 3000, 3032, 3033, 20000}[i%7]
		f := replayed{uint64(i + 1), KindRows, strings.Repeat(string(rune('a'+i%26)), size)}
		lsn, err := l.Append(f.kind, []byte(f.payload))
		must(t, err)
		if i%3 == 0 {
			must(t, l.Wait(ctx, lsn))
		}
		want = append(want, f)
	}
	must(t, l.Close())
	if n := l.Metrics().Segments; n < 20 {
		t.Errorf("%d segments", n)
	}
	_, rec, got := openLog(t, opt)
	if !slices.Equal(got, want) || len(rec.Holes) != 0 || rec.TornSegment != "" {
		t.Errorf("replayed %d frames of %d, %+v", len(got), len(want), rec)
	}
}

func TestReleaseRecycles(t *testing.T) {
	m := vfs.NewMem()
	var created, recycled, released int
	opt := Options{FS: m, SegmentBytes: 4096, SpareSegments: 2, Events: Events{
		SegmentCreated: func(name string, again bool) {
			created++
			if again {
				recycled++
			}
		},
		SegmentReleased: func(string, bool) { released++ },
	}}
	l, _, _ := openLog(t, opt)
	fill := func(mark string) uint64 {
		var lsn uint64
		for range 20 {
			lsn = appendWait(t, l, KindRows, strings.Repeat(mark, 900))
		}
		return lsn
	}
	last := fill("a")
	before := l.Metrics()
	must(t, l.Release(last)) // the last frame is still needed
	after := l.Metrics()
	if before.Segments < 4 || after.Segments != 1 && after.Segments != 2 || after.Spares != 2 || after.FirstLSN > last {
		t.Fatalf("before %+v, after %+v", before, after)
	}
	if released != before.Segments-after.Segments {
		t.Errorf("told of %d released segments, %d went", released, before.Segments-after.Segments)
	}
	fill("b")
	if recycled != 2 || l.Metrics().Recycled != 2 || l.Metrics().Spares != 0 {
		t.Errorf("%d segments recycled, %+v", recycled, l.Metrics())
	}
	must(t, l.Release(last))
	must(t, l.Close())

	_, rec, got := openLog(t, opt)
	if len(got) < 21 || got[len(got)-1].payload[0] != 'b' || len(rec.Holes) != 0 || rec.TornSegment != "" {
		t.Errorf("replayed %d frames, %+v", len(got), rec)
	}
	for _, f := range got {
		if (f.payload[0] == 'b') != (f.lsn > last) {
			t.Fatalf("LSN %d has payload %q…", f.lsn, f.payload[:1])
		}
	}
}

// TestStaleFrames cuts a recycled segment at every place and hopes in vain
// that a frame of the earlier use parses, even one at the same place.
func TestStaleFrames(t *testing.T) {
	m := vfs.NewMem()
	opt := Options{FS: m, SegmentBytes: 4096}
	l, _, _ := openLog(t, opt)
	for range 12 {
		appendWait(t, l, KindRows, strings.Repeat("o", 400))
	}
	last := l.LastLSN()
	must(t, l.Release(last))
	if l.Metrics().Spares == 0 {
		t.Fatal("nothing to recycle")
	}
	for range 12 {
		lsn, err := l.Append(KindRows, []byte(strings.Repeat("n", 400)))
		must(t, err)
		must(t, l.Wait(ctx, lsn))
		// As after kill -9 at this point, without the end mark.
		image := m.Crash(vfs.CrashOptions{Unsynced: vfs.All})
		blotEndMark(t, image, l)
		l2, rec, got, err := tryOpen(Options{FS: image, SegmentBytes: 4096})
		must(t, err)
		must(t, l2.Close())
		if len(rec.Holes) != 0 {
			t.Fatalf("stale frames make a hole: %+v", rec.Holes)
		}
		for i, f := range got {
			if i > 0 && f.lsn != got[i-1].lsn+1 || (f.payload[0] == 'n') != (f.lsn > last) {
				t.Fatalf("LSN %d after %d frames has payload %q…", f.lsn, i, f.payload[:1])
			}
		}
		if got[len(got)-1].lsn != lsn {
			t.Fatalf("replay ends at LSN %d, want %d", got[len(got)-1].lsn, lsn)
		}
	}
}

// blotEndMark overwrites the end mark with what a frame's header of the old
// use could have been.
func blotEndMark(t *testing.T, fs vfs.FS, l *Log) {
	t.Helper()
	l.mu.Lock()
	name, end := l.active.name, l.active.end
	l.mu.Unlock()
	f, err := fs.OpenReadWrite(name)
	must(t, err)
	old := appendFrame(nil, 3, KindRows, []byte("old"))
	_, err = f.WriteAt(old[:endMarkBytes], end)
	must(t, err)
	must(t, f.Close())
}

func TestMinLSN(t *testing.T) {
	m := vfs.NewMem()
	opt := Options{FS: m, MinLSN: 1000}
	l, _, _ := openLog(t, opt)
	if lsn := appendWait(t, l, KindRows, "x"); lsn != 1000 {
		t.Errorf("first LSN %d", lsn)
	}
	must(t, l.Close())
	opt.MinLSN = 5000
	l, _, _ = openLog(t, opt)
	if lsn := appendWait(t, l, KindRows, "y"); lsn != 5000 {
		t.Errorf("LSN %d, want 5000", lsn)
	}
	must(t, l.Close())
	_, rec, got := openLog(t, opt)
	if len(got) != 2 || len(rec.Holes) != 0 {
		t.Errorf("replayed %v, holes %v", got, rec.Holes)
	}
}

func TestGroupCommit(t *testing.T) {
	m := vfs.NewMem()
	l, _, _ := openLog(t, Options{FS: m, SegmentBytes: 64 << 10, MaxPendingBytes: 600})
	const writers, each = 16, 200
	var wg sync.WaitGroup
	var lsns [writers][]uint64
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				b := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(w)), uint64(i))
				b = append(b, make([]byte, (w*i)%300)...)
				lsn, err := l.Append(KindRows, b)
				if err == nil && i%2 == 0 {
					if err = l.Wait(ctx, lsn); err == nil && l.DurableLSN() < lsn {
						err = fmt.Errorf("LSN %d confirmed, %d durable", lsn, l.DurableLSN())
					}
				}
				if err != nil {
					t.Error(err)
					return
				}
				lsns[w] = append(lsns[w], lsn)
			}
		})
	}
	wg.Wait()
	for w := range writers {
		if !slices.IsSorted(lsns[w]) {
			t.Errorf("LSNs of writer %d do not ascend", w)
		}
	}
	must(t, l.Close())
	metrics := l.Metrics()
	if metrics.Frames != writers*each || metrics.PendingBytes != 0 || metrics.Blocked == 0 {
		t.Errorf("metrics %+v", metrics)
	}
	_, _, got := openLog(t, Options{FS: m, SegmentBytes: 64 << 10})
	if len(got) != writers*each {
		t.Fatalf("replayed %d frames", len(got))
	}
	var seen [writers]uint64
	for i, f := range got {
		if f.lsn != uint64(i+1) {
			t.Fatalf("frame %d has LSN %d", i, f.lsn)
		}
		w, n := binary.Uvarint([]byte(f.payload))
		k, _ := binary.Uvarint([]byte(f.payload)[n:])
		if k != seen[w] || lsns[w][k] != f.lsn {
			t.Fatalf("LSN %d is append %d of writer %d, want %d with LSN %d", f.lsn, k, w, seen[w], lsns[w][k])
		}
		seen[w]++
	}
}

func TestWaitContext(t *testing.T) {
	m := vfs.NewMem()
	fault := vfs.NewFault(m)
	l, _, _ := openLog(t, Options{FS: fault})
	hold, entered := make(chan struct{}), make(chan struct{})
	fault.Add(vfs.Rule{Ops: vfs.OpSyncData, Delay: func(vfs.Op, string) { close(entered); <-hold }})
	lsn, err := l.Append(KindRows, []byte("x"))
	must(t, err)
	<-entered
	done, cancel := context.WithCancel(ctx)
	cancel()
	if err := l.Wait(done, lsn); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait = %v", err)
	}
	// The next epoch fills while the first is synced.
	second, err := l.Append(KindRows, []byte("y"))
	must(t, err)
	if l.DurableLSN() != 0 {
		t.Errorf("DurableLSN = %d during the sync", l.DurableLSN())
	}
	close(hold)
	must(t, l.Wait(ctx, second))
}

func TestInterval(t *testing.T) {
	m := vfs.NewMem()
	clk := clock.NewManual(time.Unix(0, 0))
	synced := make(chan int64, 10)
	opt := Options{FS: m, Clock: clk, SyncMode: Interval, SyncInterval: time.Second,
		Events: Events{Synced: func(n int64, _ time.Duration) { synced <- n }}}
	l, _, _ := openLog(t, opt)
	for _, payload := range []string{"one", "two"} {
		appendWait(t, l, KindRows, payload)
	}
	if l.DurableLSN() != 0 {
		t.Errorf("DurableLSN = %d before the interval has passed", l.DurableLSN())
	}
	image := m.Crash(vfs.CrashOptions{Unsynced: vfs.None})
	if l2, _, got, err := tryOpen(Options{FS: image}); err != nil || len(got) != 0 {
		t.Errorf("after a power cut: %v, %v", got, err)
	} else {
		must(t, l2.Close())
	}
	// The ticker is made by the committer; it is there once a frame was waited for.
	clk.Advance(time.Second)
	if n := <-synced; n != 2*frameHeaderBytes+6 {
		t.Errorf("%d bytes synced", n)
	}
	if l.DurableLSN() != 2 {
		t.Errorf("DurableLSN = %d after the interval", l.DurableLSN())
	}
	appendWait(t, l, KindRows, "three")
	must(t, l.Close())
	opt.Events = Events{}
	if _, _, got := openLog(t, opt); len(got) != 3 {
		t.Errorf("replayed %v", got)
	}
}

func TestSyncErrorPoisons(t *testing.T) {
	for _, mode := range []SyncMode{Durable, Interval} {
		t.Run(mode.String(), func(t *testing.T) {
			m := vfs.NewMem()
			fault := vfs.NewFault(m)
			var told atomic.Int64
			clk := clock.NewManual(time.Unix(0, 0))
			ended := make(chan struct{})
			l, _, _ := openLog(t, Options{FS: fault, Clock: clk, SyncMode: mode, Events: Events{
				Poisoned: func(error) { told.Add(1); close(ended) }}})
			good := appendWait(t, l, KindRows, "good")
			if mode == Interval {
				clk.Advance(time.Second)
				for l.DurableLSN() < good {
					time.Sleep(time.Millisecond)
				}
			}
			rule := fault.Add(vfs.Rule{Ops: vfs.OpSyncData, Err: vfs.ErrIO})
			lsn, err := l.Append(KindRows, []byte("bad"))
			must(t, err)
			if mode == Interval {
				must(t, l.Wait(ctx, lsn)) // handed over is all it says
				clk.Advance(time.Second)
			}
			<-ended
			for what, err := range map[string]error{"wait": l.Wait(ctx, lsn), "err": l.Err(), "release": l.Release(1)} {
				if !errors.Is(err, ErrPoisoned) || !errors.Is(err, vfs.ErrIO) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if _, err := l.Append(KindRows, nil); !errors.Is(err, ErrPoisoned) {
				t.Errorf("append: %v", err)
			}
			must(t, l.Wait(ctx, good))
			if err := l.Close(); !errors.Is(err, ErrPoisoned) {
				t.Errorf("close: %v", err)
			}
			if told.Load() != 1 || rule.Hits() != 1 || rule.Seen() != 1 {
				t.Errorf("told %d times, %d syncs, %d after the failed one", told.Load(), rule.Seen(), rule.Seen()-rule.Hits())
			}
			// The page that the failed sync dropped is not durable, the one before is.
			_, _, got := openLog(t, Options{FS: m.Crash(vfs.CrashOptions{Unsynced: vfs.All})})
			if len(got) != 1 || got[0].payload != "good" {
				t.Errorf("replayed %v", got)
			}
		})
	}
}

func TestWriteErrorPoisons(t *testing.T) {
	m := vfs.NewMem()
	fault := vfs.NewFault(m)
	l, _, _ := openLog(t, Options{FS: fault})
	fault.Add(vfs.Rule{Ops: vfs.OpWrite, Short: 10, Err: vfs.ErrNoSpace}) // inside secured space even this is fatal
	lsn, err := l.Append(KindRows, []byte("payload"))
	must(t, err)
	if err := l.Wait(ctx, lsn); !errors.Is(err, ErrPoisoned) {
		t.Errorf("wait: %v", err)
	}
	if err := l.Close(); !errors.Is(err, ErrPoisoned) {
		t.Errorf("close: %v", err)
	}
	_, rec, got := openLog(t, Options{FS: m})
	if len(got) != 0 || rec.TornBytes == 0 {
		t.Errorf("replayed %v, %+v", got, rec)
	}
}

// TestFullDisk fills the disk at the first attempt to extend a segment, and at
// every later one to create the next.
func TestFullDisk(t *testing.T) {
	for _, ops := range []vfs.Op{vfs.OpWrite, vfs.OpCreate, vfs.OpRename} {
		t.Run(ops.String(), func(t *testing.T) {
			m := vfs.NewMem()
			fault := vfs.NewFault(m)
			var full, back atomic.Int64
			disk := &fullFS{FS: fault}
			opt := Options{FS: disk, SegmentBytes: 1 << 20, Events: Events{
				NoSpace: func(error) { full.Add(1) }, SpaceReturned: func() { back.Add(1) }}}
			l, _, _ := openLog(t, opt)
			payload := bytes.Repeat([]byte("p"), 50<<10)
			var taken []uint64
			for range 3 {
				taken = append(taken, appendWait(t, l, KindRows, string(payload)))
			}
			if ops == vfs.OpWrite {
				disk.full.Store(true)
			} else {
				fault.Add(vfs.Rule{Ops: ops, Err: vfs.ErrNoSpace, Sticky: true})
			}
			refused := 0
			for range 40 {
				lsn, err := l.Append(KindRows, payload)
				if err == nil {
					must(t, l.Wait(ctx, lsn))
					taken = append(taken, lsn)
				} else if errors.Is(err, ErrNoSpace) {
					refused++
				} else {
					t.Fatal(err)
				}
			}
			if refused < 5 || full.Load() != 1 || l.Metrics().Refused != uint64(refused) {
				t.Errorf("%d refused, told %d times, %+v", refused, full.Load(), l.Metrics())
			}
			fault.Clear()
			disk.full.Store(false)
			taken = append(taken, appendWait(t, l, KindRows, string(payload)))
			if back.Load() != 1 {
				t.Errorf("told %d times that space returned", back.Load())
			}
			must(t, l.Err())
			must(t, l.Close())
			_, rec, got := openLog(t, Options{FS: m})
			if len(got) != len(taken) || len(rec.Holes) != 0 {
				t.Errorf("replayed %d frames, %d were confirmed, %+v", len(got), len(taken), rec)
			}
			for i, f := range got {
				if f.lsn != uint64(i+1) {
					t.Fatalf("frame %d has LSN %d", i, f.lsn)
				}
			}
		})
	}
}

// fullFS can be full for files that are opened or created while it is; a file
// that was open before is written in space that it has.
type fullFS struct {
	vfs.FS
	full atomic.Bool
}

func (f *fullFS) OpenReadWrite(name string) (vfs.File, error) {
	return f.wrap(f.FS.OpenReadWrite(name))
}
func (f *fullFS) Create(name string) (vfs.File, error) { return f.wrap(f.FS.Create(name)) }

func (f *fullFS) wrap(file vfs.File, err error) (vfs.File, error) {
	if err != nil || !f.full.Load() {
		return file, err
	}
	return fullFile{file}, nil
}

type fullFile struct{ vfs.File }

func (fullFile) WriteAt([]byte, int64) (int, error) { return 0, vfs.ErrNoSpace }

func TestOpenOnFullDisk(t *testing.T) {
	m := vfs.NewMem()
	l, _, _ := openLog(t, Options{FS: m})
	appendWait(t, l, KindRows, "x")
	must(t, l.Close())
	fault := vfs.NewFault(m)
	fault.Add(vfs.Rule{Ops: vfs.OpCreate | vfs.OpWrite, Err: vfs.ErrNoSpace, Sticky: true})
	l, _, got := openLog(t, Options{FS: fault})
	if len(got) != 1 {
		t.Errorf("replayed %v", got)
	}
	if _, err := l.Append(KindRows, nil); !errors.Is(err, ErrNoSpace) {
		t.Errorf("append: %v", err)
	}
	fault.Clear()
	appendWait(t, l, KindRows, "y")
	must(t, l.Close())
}

// TestIdleLogIsSmall bounds what a database that nobody writes to costs.
func TestIdleLogIsSmall(t *testing.T) {
	m := vfs.NewMem()
	l, _, _ := openLog(t, Options{FS: m})
	appendWait(t, l, KindRows, "x")
	if n := l.Metrics().DiskBytes; n > 512<<10 {
		t.Errorf("%d bytes on disk", n)
	}
}

func BenchmarkReplay(b *testing.B) {
	for _, size := range []int{200, 64 << 10} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			dir := b.TempDir()
			l, _, err := Open(ctx, dir, Options{}, nil)
			must(b, err)
			payload := bytes.Repeat([]byte("p"), size)
			var last uint64
			for n := 0; n < 64<<20; n += size {
				last, err = l.Append(KindRows, payload)
				must(b, err)
			}
			must(b, l.Wait(ctx, last))
			must(b, l.Close())
			for b.Loop() {
				l, rec, err := Open(ctx, dir, Options{}, nil)
				must(b, err)
				b.SetBytes(rec.Bytes)
				must(b, l.Close())
			}
		})
	}
}
