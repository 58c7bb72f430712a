package wal

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// smallLog writes frames of a few epochs to segments of 4 KiB and does not
// close the log. It returns the frames and where each is.
func smallLog(t testing.TB, frames, payloadBytes int) (m *vfs.Mem, want []replayed, places []Frame) {
	t.Helper()
	m = vfs.NewMem()
	l, _, _ := openLog(t, Options{FS: m, SegmentBytes: 4096})
	for i := range frames {
		payload := strings.Repeat(string(rune('a'+i%26)), payloadBytes)
		want = append(want, replayed{appendWait(t, l, KindRows, payload), KindRows, payload})
	}
	m = m.Crash(vfs.CrashOptions{})
	l, _, err := Open(ctx, testDir, Options{FS: m.Crash(vfs.CrashOptions{}), SegmentBytes: 4096}, func(f Frame) error {
		places = append(places, f)
		return nil
	})
	must(t, err)
	must(t, l.Close())
	return m, want, places
}

// change returns a copy of a file system in which some bytes of a file differ.
func change(t testing.TB, m *vfs.Mem, name string, edit func(b []byte) []byte) *vfs.Mem {
	t.Helper()
	m = m.Crash(vfs.CrashOptions{})
	b, err := vfs.ReadFile(m, name, 1<<30)
	must(t, err)
	f, err := m.Create(name)
	must(t, err)
	_, err = f.WriteAt(edit(b), 0)
	must(t, err)
	must(t, f.Sync())
	must(t, f.Close())
	return m
}

// TestTornTail cuts, and blots, the last frame at every byte: it is gone, all
// others are there, and the log goes on.
func TestTornTail(t *testing.T) {
	m, want, places := smallLog(t, 5, 40)
	last := places[len(places)-1]
	end := last.Offset + frameHeaderBytes + int64(len(want[0].payload))
	for at := last.Offset; at < end; at++ {
		edits := map[string]func(b []byte) []byte{
			"cut":    func(b []byte) []byte { return b[:at] },
			"zeroed": func(b []byte) []byte { clear(b[at:]); return b },
			"blot": func(b []byte) []byte {
				for i := at; i < end; i++ {
					b[i] ^= 0x55
				}
				return b
			},
			"stale behind": func(b []byte) []byte {
				for i := at; i < int64(len(b)); i++ {
					b[i] = byte(i)
				}
				return b
			},
		}
		for name, edit := range edits {
			image := change(t, m, last.Segment, edit)
			l, rec, got, err := tryOpen(Options{FS: image, SegmentBytes: 4096})
			must(t, err)
			if !slices.Equal(got, want[:4]) {
				t.Fatalf("%s at %d: replayed %d frames", name, at, len(got))
			}
			torn := at > last.Offset || name != "cut" && name != "zeroed"
			if torn != (rec.TornSegment == last.Segment && rec.TornOffset == last.Offset && rec.TornBytes > 0) {
				t.Fatalf("%s at %d: torn %q at %d, %d bytes", name, at, rec.TornSegment, rec.TornOffset, rec.TornBytes)
			}
			if len(rec.Holes) != 0 || len(rec.Quarantined) != 0 {
				t.Fatalf("%s at %d: a torn tail is no hole: %+v", name, at, rec)
			}
			if torn {
				if info, err := image.Stat(last.Segment); err != nil || info.Size != last.Offset {
					t.Fatalf("%s at %d: the segment has %d bytes after the cut, %v", name, at, info.Size, err)
				}
			}
			// A second recovery sees a clean log, with what came after.
			if lsn := appendWait(t, l, KindRows, "next"); lsn != 5 {
				t.Fatalf("%s at %d: LSN %d after the cut", name, at, lsn)
			}
			must(t, l.Close())
			l, rec, got, err = tryOpen(Options{FS: image.Crash(vfs.CrashOptions{}), SegmentBytes: 4096})
			must(t, err)
			must(t, l.Close())
			if len(got) != 5 || got[4].payload != "next" || rec.TornSegment != "" || len(rec.Holes) != 0 {
				t.Fatalf("%s at %d, opened again: %v, %+v", name, at, got, rec)
			}
		}
	}
}

// TestFlippedByte damages every byte of a log, one at a time. Each frame is
// an epoch, so that the next one proves it durable: only in the last is the
// damage taken for a torn tail. All other frames are replayed.
func TestFlippedByte(t *testing.T) {
	m, want, places := smallLog(t, 12, 500)
	bySegment := map[string][]Frame{}
	for _, p := range places {
		bySegment[p.Segment] = append(bySegment[p.Segment], p)
	}
	if len(bySegment) < 2 {
		t.Fatal("the log has one segment only")
	}
	for name, frames := range bySegment {
		end := frames[len(frames)-1].Offset + frameHeaderBytes + 500
		var step int64
		for at := int64(0); at < end; at += step {
			if at >= framesAt && (at-framesAt)%(frameHeaderBytes+500) < frameHeaderBytes+8 {
				step = 1
			} else {
				step = 7 // every byte would take seconds and shows nothing more inside payloads
			}
			image := change(t, m, name, func(b []byte) []byte { b[at] ^= 0x40; return b })
			l, rec, got, err := tryOpen(Options{FS: image, SegmentBytes: 4096})
			must(t, err)
			must(t, l.Close())
			checkFlip(t, fmt.Sprintf("%s at %d", filepath.Base(name), at), name, at, places, want, rec, got)
		}
	}
}

func checkFlip(t *testing.T, where, name string, at int64, places []Frame, want []replayed, rec Recovery, got []replayed) {
	t.Helper()
	if at < framesAt {
		if !slices.Equal(got, want) || len(rec.Blemishes) != 1 || !errors.Is(rec.Blemishes[0], ErrCorrupt) {
			t.Fatalf("%s: header damage gave %d frames, %+v", where, len(got), rec)
		}
		return
	}
	hit := slices.IndexFunc(places, func(p Frame) bool {
		return p.Segment == name && at >= p.Offset && at < p.Offset+frameHeaderBytes+500
	})
	if !slices.Equal(got, slices.Delete(slices.Clone(want), hit, hit+1)) {
		t.Fatalf("%s: frame %d is hit, %d are replayed", where, hit, len(got))
	}
	if hit == len(places)-1 {
		if rec.TornSegment != name || rec.TornOffset != places[hit].Offset || len(rec.Holes) != 0 {
			t.Fatalf("%s: %+v", where, rec)
		}
		return
	}
	if len(rec.Holes) != 1 || rec.TornSegment != "" || len(rec.Quarantined) != 1 {
		t.Fatalf("%s: %+v", where, rec)
	}
	lsn := places[hit].LSN
	if h := rec.Holes[0]; h.Segment != name || h.From != places[hit].Offset || h.FirstLSN != lsn || h.LastLSN != lsn {
		t.Fatalf("%s: hole %+v", where, h)
	}
	if rec.Salvaged != int64(len(places)-1-hit) {
		t.Fatalf("%s: %d salvaged", where, rec.Salvaged)
	}
}

func TestAfterHoleIsTold(t *testing.T) {
	m, _, places := smallLog(t, 4, 100)
	image := change(t, m, places[1].Segment, func(b []byte) []byte { b[places[1].Offset+30] ^= 1; return b })
	var after []bool
	var holes []Hole
	l, _, err := Open(ctx, testDir, Options{FS: image, Events: Events{HoleFound: func(h Hole) { holes = append(holes, h) }}},
		func(f Frame) error { after = append(after, f.AfterHole); return nil })
	must(t, err)
	must(t, l.Close())
	if !slices.Equal(after, []bool{false, true, true}) || len(holes) != 1 {
		t.Errorf("AfterHole %v, holes %v", after, holes)
	}
}

// TestQuarantine checks that the copy is made once and is exact, and that a
// segment without a copy is moved instead of recycled.
func TestQuarantine(t *testing.T) {
	m, _, places := smallLog(t, 12, 500)
	image := change(t, m, places[1].Segment, func(b []byte) []byte { b[places[1].Offset+30] ^= 1; return b })
	damaged, err := vfs.ReadFile(image, places[1].Segment, 1<<20)
	must(t, err)
	opt := Options{FS: image, SegmentBytes: 4096, QuarantineDir: "/data/quarantine"}
	for round := range 2 {
		l, rec, got, err := tryOpen(opt)
		must(t, err)
		must(t, l.Close())
		if len(got) != 11 || len(rec.Holes) != 1 || len(rec.Quarantined) != 1-round {
			t.Fatalf("round %d: %d frames, %+v", round, len(got), rec)
		}
		if round == 0 {
			copied, err := vfs.ReadFile(image, rec.Quarantined[0], 1<<20)
			must(t, err)
			if !bytes.Equal(copied, damaged) {
				t.Error("the copy differs")
			}
		}
	}

	image = change(t, m, places[1].Segment, func(b []byte) []byte { b[places[1].Offset+30] ^= 1; return b })
	fault := vfs.NewFault(image)
	fault.Add(vfs.Rule{Ops: vfs.OpCreate, Path: "quarantine", Err: vfs.ErrNoSpace})
	opt.FS = fault
	l, rec, _ := openLog(t, opt)
	if len(rec.Quarantined) != 0 || len(rec.Blemishes) != 1 {
		t.Fatalf("%+v", rec)
	}
	must(t, l.Release(l.LastLSN()+1))
	names, err := image.List(opt.QuarantineDir)
	must(t, err)
	if len(names) != 1 {
		t.Errorf("quarantine has %v", names)
	}
}

func TestMissingSegment(t *testing.T) {
	m, want, places := smallLog(t, 30, 500)
	image := m.Crash(vfs.CrashOptions{})
	gone := places[10].Segment
	must(t, image.Remove(gone))
	l, rec, got, err := tryOpen(Options{FS: image, SegmentBytes: 4096})
	must(t, err)
	must(t, l.Close())
	var left []replayed
	for i, p := range places {
		if p.Segment != gone {
			left = append(left, want[i])
		}
	}
	if !slices.Equal(got, left) {
		t.Errorf("replayed %d frames, want %d", len(got), len(left))
	}
	if len(rec.Holes) != 1 || !rec.Holes[0].Missing || rec.Holes[0].Segment != gone ||
		rec.Holes[0].LastLSN-rec.Holes[0].FirstLSN+1 != uint64(len(want)-len(left)) {
		t.Errorf("holes %+v", rec.Holes)
	}
	// The oldest one may be missing: it was released.
	image = m.Crash(vfs.CrashOptions{})
	must(t, image.Remove(places[0].Segment))
	l, rec, got, err = tryOpen(Options{FS: image, SegmentBytes: 4096})
	must(t, err)
	must(t, l.Close())
	if len(rec.Holes) != 0 || rec.FirstLSN <= 1 || len(got) == 0 {
		t.Errorf("without the oldest segment: %+v", rec)
	}
}

func TestSwappedSegments(t *testing.T) {
	m, want, places := smallLog(t, 30, 500)
	a, b := places[6].Segment, places[12].Segment
	image := m.Crash(vfs.CrashOptions{})
	must(t, image.Rename(a, "/data/x"))
	must(t, image.Rename(b, a))
	must(t, image.Rename("/data/x", b))
	l, rec, got, err := tryOpen(Options{FS: image, SegmentBytes: 4096})
	must(t, err)
	must(t, l.Close())
	if len(rec.Unreadable) != 2 || len(rec.Quarantined) != 2 || len(rec.Holes) == 0 || len(got) >= len(want) {
		t.Errorf("%d frames, %+v", len(got), rec)
	}
	if !slices.IsSortedFunc(got, func(a, b replayed) int { return int(a.lsn) - int(b.lsn) }) {
		t.Error("replay is out of order")
	}
}

// TestUnreadable covers the files that cannot be read: no header, I/O errors
// at the start and in the middle, of the newest and of an older segment.
func TestUnreadable(t *testing.T) {
	m, want, places := smallLog(t, 30, 500)
	oldest, middle, newest := places[0].Segment, places[14].Segment, places[29].Segment
	count := func(name string) (n int) {
		for _, p := range places {
			if p.Segment == name {
				n++
			}
		}
		return n
	}
	for _, name := range []string{oldest, middle, newest} {
		t.Run("header of "+filepath.Base(name), func(t *testing.T) {
			image := change(t, m, name, func(b []byte) []byte { clear(b[:framesAt]); return b })
			l, rec, got, err := tryOpen(Options{FS: image, SegmentBytes: 4096})
			must(t, err)
			if len(got) != len(want)-count(name) || len(rec.Unreadable) != 1 || rec.Unreadable[0].Segment != name ||
				!errors.Is(rec.Unreadable[0].Err, ErrCorrupt) || len(rec.Quarantined) != 1 {
				t.Errorf("replayed %d frames, %+v", len(got), rec)
			}
			// LSNs of the lost frames are not given out again.
			if lsn := appendWait(t, l, KindRows, "next"); lsn <= 30 {
				t.Errorf("LSN %d is given out again", lsn)
			}
			must(t, l.Close())
			_, rec, again := openLog(t, Options{FS: image, SegmentBytes: 4096})
			if len(again) != len(got)+1 || len(rec.Unreadable) != 0 {
				t.Errorf("opened again: %d frames, %+v", len(again), rec)
			}
		})
		t.Run("broken medium of "+filepath.Base(name), func(t *testing.T) {
			image := m.Crash(vfs.CrashOptions{})
			fault := vfs.NewFault(image)
			// The first read is the header, the second the frames.
			fault.Add(vfs.Rule{Ops: vfs.OpRead, Path: filepath.Base(name), Nth: 2, Sticky: true, Err: vfs.ErrIO})
			l, rec, got, err := tryOpen(Options{FS: fault, SegmentBytes: 4096})
			must(t, err)
			if len(got) != len(want)-count(name) || len(rec.Unreadable) != 1 || rec.Unreadable[0].Segment != name {
				t.Errorf("replayed %d frames, %+v", len(got), rec)
			}
			next := appendWait(t, l, KindRows, "next")
			must(t, l.Close())
			// Readable another time, everything is there.
			_, rec, got = openLog(t, Options{FS: image, SegmentBytes: 4096})
			if len(got) != len(want)+1 || got[len(got)-1].lsn != next || len(rec.Unreadable)+len(rec.Holes) != 0 {
				t.Errorf("readable again: %d frames, %+v", len(got), rec)
			}
		})
	}
}

// TestOpenDoesNotGuess checks that trouble of the process is no damage.
func TestOpenDoesNotGuess(t *testing.T) {
	m, _, places := smallLog(t, 5, 500)
	fault := vfs.NewFault(m)
	fault.Add(vfs.Rule{Ops: vfs.OpOpen, Path: filepath.Base(places[0].Segment)})
	if _, _, _, err := tryOpen(Options{FS: fault}); !errors.Is(err, vfs.ErrInjected) {
		t.Errorf("Open = %v", err)
	}
	_, rec, got := openLog(t, Options{FS: m})
	if len(got) != 5 || len(rec.Quarantined) != 0 {
		t.Errorf("replayed %d frames, %+v", len(got), rec)
	}
}

// TestRandomDamage blots random places and checks what must always hold: no
// panic, ascending LSNs, no frame that was not written, and every missing frame
// is accounted for.
func TestRandomDamage(t *testing.T) {
	m, want, places := smallLog(t, 30, 200)
	rnd := random(t)
	for range 300 {
		image := m
		for range 1 + rnd.IntN(3) {
			name := places[rnd.IntN(len(places))].Segment
			image = change(t, image, name, func(b []byte) []byte {
				if len(b) == 0 {
					return b // cut by an earlier edit
				}
				at := rnd.IntN(len(b))
				part := b[at:min(len(b), at+1+rnd.IntN(600))]
				switch rnd.IntN(4) {
				case 0:
					clear(part)
				case 1:
					part[0] ^= 1 << rnd.IntN(8)
				case 2:
					copy(part, b[rnd.IntN(len(b)):])
				case 3:
					return b[:at]
				}
				return b
			})
		}
		l, rec, got, err := tryOpen(Options{FS: image.Crash(vfs.CrashOptions{}), SegmentBytes: 4096})
		must(t, err)
		must(t, l.Close())
		next := 0
		for i, f := range got {
			if i > 0 && f.lsn <= got[i-1].lsn || f != want[f.lsn-1] {
				t.Fatalf("LSN %d was not written like this, or is out of order", f.lsn)
			}
			next = int(f.lsn)
		}
		if next < len(want) && rec.TornSegment == "" && len(rec.Unreadable) == 0 && len(rec.Holes) == 0 {
			// Frames that vanish as if they had never been written, in a tail of zeros.
			b, err := vfs.ReadFile(image, places[next].Segment, 1<<20)
			must(t, err)
			at := places[next].Offset
			if at < int64(len(b)) && !allZero(b[at:min(int64(len(b)), at+frameHeaderBytes)]) {
				t.Fatalf("frames from LSN %d on are lost in silence: %+v", next+1, rec)
			}
		}
		if len(got) < next && len(rec.Holes) == 0 && len(rec.Unreadable) == 0 {
			t.Fatalf("frames in the middle are lost in silence: %+v", rec)
		}
	}
}
