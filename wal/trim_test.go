package wal

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
)

// diskBytes adds up the files of the log.
func diskBytes(t *testing.T, fs vfs.FS) (total int64, names []string) {
	t.Helper()
	names, err := fs.List(testDir)
	must(t, err)
	for _, name := range names {
		info, err := fs.Stat(filepath.Join(testDir, name))
		must(t, err)
		total += info.Size
	}
	return total, names
}

// trimLog returns a log that has gone through several segments, the frames of
// which are all released.
func trimLog(t *testing.T, m *vfs.Mem, clk clock.Clock) *Log {
	t.Helper()
	l, _, _ := openLog(t, Options{FS: m, Clock: clk, SegmentBytes: 1 << 20})
	for range 70 {
		appendWait(t, l, KindRows, strings.Repeat("r", 64<<10))
		must(t, l.Release(l.DurableLSN()+1))
	}
	if got := l.Metrics(); got.Spares == 0 || got.Recycled == 0 {
		t.Fatalf("the load has left %d spares, %d segments were recycled", got.Spares, got.Recycled)
	}
	return l
}

func TestTrimGivesIdleSpaceBack(t *testing.T) {
	m, clk := vfs.NewMem(), clock.NewManual(time.Unix(1_700_000_000, 0))
	l := trimLog(t, m, clk)
	before, _ := diskBytes(t, m)
	must(t, l.Trim(ctx))
	if now, _ := diskBytes(t, m); now != before {
		t.Errorf("a log in use was trimmed from %d to %d bytes", before, now)
	}
	clk.Advance(time.Minute)
	must(t, l.Trim(ctx)) // sees that no frame came since before
	must(t, l.Trim(ctx))
	total, names := diskBytes(t, m)
	if total > minAheadBytes || len(names) != 1 {
		t.Errorf("an idle log keeps %d bytes in %v", total, names)
	}
	last := appendWait(t, l, KindRows, "after")
	must(t, l.Close())
	l, rec, frames := openLog(t, Options{FS: m.Crash(vfs.CrashOptions{}), SegmentBytes: 1 << 20})
	if len(frames) != 1 || frames[0].payload != "after" || frames[0].lsn != last || len(rec.Holes) > 0 || len(rec.Blemishes) > 0 {
		t.Errorf("recovery after a trim: %v, %+v", frames, rec)
	}
	if l.LastLSN() < last {
		t.Errorf("LSN %d is given out again", l.LastLSN())
	}
}

// Nothing that is still needed goes, however idle the log is.
func TestTrimKeepsWhatIsNeeded(t *testing.T) {
	m, clk := vfs.NewMem(), clock.NewManual(time.Unix(1_700_000_000, 0))
	l := trimLog(t, m, clk)
	appendWait(t, l, KindRows, "needed")
	for range 3 {
		clk.Advance(time.Hour)
		must(t, l.Trim(ctx))
	}
	must(t, l.Close())
	_, _, frames := openLog(t, Options{FS: m, SegmentBytes: 1 << 20})
	if n := len(frames); n == 0 || frames[n-1].payload != "needed" {
		t.Errorf("of %d frames the last is not the one that is needed", n)
	}
}

func TestCloseLeavesNoIdleSpace(t *testing.T) {
	for _, needed := range []bool{false, true} {
		t.Run(fmt.Sprint("needed ", needed), func(t *testing.T) {
			m := vfs.NewMem()
			l := trimLog(t, m, clock.System)
			want := 0
			if needed {
				appendWait(t, l, KindRows, "needed")
				want = 1
			}
			must(t, l.Close())
			total, names := diskBytes(t, m)
			if len(names) != 1 || !needed && total > 4<<10 {
				t.Errorf("a closed log keeps %d bytes in %v", total, names)
			}
			_, rec, frames := openLog(t, Options{FS: m.Crash(vfs.CrashOptions{}), SegmentBytes: 1 << 20})
			found := 0
			for _, f := range frames {
				if f.payload == "needed" {
					found++
				}
			}
			if found != want || rec.TornSegment != "" || len(rec.Holes)+len(rec.Blemishes) > 0 {
				t.Errorf("found %d of %d frames, %+v", found, want, rec)
			}
		})
	}
}

// Power is cut at every operation of a trim and of the close after it: what is
// needed is there, and what is there is in order.
func TestTrimSurvivesPowerCuts(t *testing.T) {
	clk := clock.NewManual(time.Unix(1_700_000_000, 0))
	m := vfs.NewMem()
	l := trimLog(t, m, clk)
	var images []*vfs.Mem
	m.OnOp(func(n int64, _ vfs.Op, _ string) {
		for _, mode := range []vfs.CrashOptions{{Unsynced: vfs.None}, {Unsynced: vfs.All}, {Unsynced: vfs.Random, Seed: uint64(n)}} {
			images = append(images, m.Crash(mode))
		}
	})
	for range 2 {
		clk.Advance(time.Minute)
		must(t, l.Trim(ctx))
	}
	trimmed := len(images)
	kept := appendWait(t, l, KindRows, "kept")
	written := len(images)
	must(t, l.Close())
	m.OnOp(nil)
	if trimmed == 0 {
		t.Fatal("the trim has done nothing")
	}
	for i, im := range images {
		l, rec, frames := openLog(t, Options{FS: im, SegmentBytes: 1 << 20})
		if len(rec.Holes)+len(rec.Unreadable) > 0 {
			t.Errorf("image %d: %+v", i, rec)
		}
		if n := len(frames); i >= written && (n == 0 || frames[n-1].lsn != kept) {
			t.Errorf("image %d: the frame after the trim is lost", i)
		}
		if i >= written && l.LastLSN() < kept || l.LastLSN() < 70 {
			t.Errorf("image %d: LSN %d would be given out again", i, l.LastLSN()+1)
		}
		must(t, l.Close())
	}
}
