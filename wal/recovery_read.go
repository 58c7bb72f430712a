package wal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// readSegment replays the frames of segment i.
func (r *recoverer) readSegment(i int) error {
	seg := r.segments[i]
	if i > 0 {
		r.checkLink(r.segments[i-1], seg)
	}
	r.last = max(r.last, seg.firstLSN-1) // LSNs may be skipped between segments
	s, err := openScanner(r.fs, seg.name, r.buf)
	if err != nil {
		return err
	}
	defer func() {
		r.buf = s.buf
		s.close()
	}()
	s.seed = seg.seed
	err = r.readFrames(i, s)
	if isBroken(err) {
		return r.unreadable(i, err)
	}
	return err
}

// unreadable notes that the rest of segment i cannot be read. The file stays
// in its place until it is released: it may be readable another time.
func (r *recoverer) unreadable(i int, cause error) error {
	seg := r.segments[i]
	r.rec.Unreadable = append(r.rec.Unreadable, Unreadable{Segment: seg.name, Offset: seg.end, Err: cause})
	if i == len(r.segments)-1 {
		r.skip += uint64((seg.size-seg.end)/frameHeaderBytes) + 1
	}
	return nil
}

// readFrames replays the frames of a segment up to its end or the torn tail.
func (r *recoverer) readFrames(i int, s *scanner) error {
	seg := r.segments[i]
	for seg.end = framesAt; ; {
		h, payload, reason, err := s.frame(seg.end)
		if err != nil {
			return err
		}
		if reason == "" && h.lsn > r.last+1 {
			r.hole(seg, seg.end, h.lsn-1, "LSNs are missing between two frames")
			r.last = h.lsn - 1
		}
		if reason == "" && h.lsn <= r.last {
			reason = fmt.Sprintf("frame LSN is %d, want %d", h.lsn, r.last+1)
		}
		if reason == "" {
			if err := r.deliver(seg, &h, payload); err != nil {
				return err
			}
			seg.end += h.bytes()
			continue
		}
		next, err := r.bridge(i, s, reason)
		if err != nil || next < 0 {
			return err
		}
		seg.end = next
	}
}

// deliver hands a frame to replay.
func (r *recoverer) deliver(seg *segment, h *frameHeader, payload []byte) error {
	r.last, seg.lastLSN = h.lsn, h.lsn
	if h.kind >= kindReserved {
		return nil
	}
	if r.rec.Frames&1023 == 0 {
		if err := r.ctx.Err(); err != nil {
			return err
		}
	}
	if r.rec.Frames == 0 {
		r.rec.FirstLSN = h.lsn
	}
	r.rec.Frames++
	r.rec.Bytes += h.bytes()
	r.rec.LastLSN = h.lsn
	salvaged := r.lossy()
	if salvaged {
		r.rec.Salvaged++
	}
	if r.replay == nil {
		return nil
	}
	err := r.replay(Frame{LSN: h.lsn, Kind: h.kind, Payload: payload, Segment: seg.name, Offset: seg.end, AfterHole: salvaged})
	if err != nil {
		return fmt.Errorf("replay LSN %d of segment %s at offset %d: %w", h.lsn, seg.name, seg.end, err)
	}
	return nil
}

// lossy reports whether frames before the current one are lost.
func (r *recoverer) lossy() bool { return len(r.rec.Holes) > 0 || len(r.rec.Unreadable) > 0 }

// bridge looks at a place of segment i where no frame follows. It returns the
// place of the next good frame of the segment when there is a hole before it, or
// -1 when the segment ends here, as it should or with a hole or a torn tail.
func (r *recoverer) bridge(i int, s *scanner, reason string) (int64, error) {
	seg := r.segments[i]
	if i+1 < len(r.segments) && r.segments[i+1].prevLSN <= r.last {
		return -1, nil // complete; behind the end mark is what an earlier use left
	}
	next, err := s.resync(seg.end, r.last)
	if err != nil {
		return -1, err
	}
	newest := i+1 == len(r.segments)
	if newest && next < 0 && reason == endReason {
		return -1, nil
	}
	proven, err := r.provenDurable(i, s, next)
	if err != nil {
		return -1, err
	}
	switch {
	case proven && next >= 0:
		h, _, _, err := s.frame(next)
		if err != nil {
			return -1, err
		}
		r.hole(seg, next, h.lsn-1, reason)
		r.last = h.lsn - 1
		return next, nil
	case proven || !newest && r.segments[i+1].prevNumber != seg.number:
		if r.segments[i+1].prevNumber == seg.number { // else the missing segment is the hole
			r.hole(seg, s.size, r.segments[i+1].prevLSN, reason)
			r.last = r.segments[i+1].prevLSN
		}
		return -1, nil
	}
	return -1, r.foundTear(i, s, next)
}

// provenDurable reports whether a frame behind the place says that the frame
// after r.last was durable. The search begins at next in segment i.
func (r *recoverer) provenDurable(i int, s *scanner, next int64) (bool, error) {
	if next >= 0 {
		if proven, err := r.provenIn(s, next); proven || err != nil {
			return proven, err
		}
	}
	for _, seg := range r.segments[i+1:] {
		later, err := openScanner(r.fs, seg.name, nil)
		if err != nil {
			return false, err
		}
		later.seed = seg.seed
		proven, err := r.provenIn(later, framesAt)
		later.close()
		if isBroken(err) {
			return true, nil // nothing is cut off while there is something that cannot be read
		}
		if proven || err != nil {
			return proven, err
		}
	}
	return false, nil
}

// provenIn searches the frames of a segment from offset on, over bad places.
func (r *recoverer) provenIn(s *scanner, offset int64) (bool, error) {
	last := r.last
	for offset >= 0 {
		h, _, reason, err := s.frame(offset)
		if err != nil {
			return false, err
		}
		if reason == "" && h.lsn > last {
			if h.provenLSN() > r.last {
				return true, nil
			}
			last = h.lsn
			offset += h.bytes()
			continue
		}
		if offset, err = s.resync(offset, last); err != nil {
			return false, err
		}
	}
	return false, nil
}

// hole notes that what was durable is lost, up to the offset to and the LSN last.
func (r *recoverer) hole(seg *segment, to int64, last uint64, reason string) {
	seg.damaged = true
	r.rec.Holes = append(r.rec.Holes, Hole{Segment: seg.name, From: seg.end, To: to,
		FirstLSN: r.last + 1, LastLSN: last, Reason: reason})
}

// checkLink compares a segment with its predecessor: there may be one missing
// between them.
func (r *recoverer) checkLink(prev, seg *segment) {
	switch {
	case seg.prevNumber != prev.number && seg.prevLSN > r.last:
		r.rec.Holes = append(r.rec.Holes, Hole{Segment: filepath.Join(r.dir, segmentName(seg.prevNumber)), Missing: true,
			FirstLSN: r.last + 1, LastLSN: seg.prevLSN, Reason: "segment is missing"})
	case seg.prevNumber == prev.number && seg.prevGeneration != prev.generation:
		r.rec.Holes = append(r.rec.Holes, Hole{Segment: prev.name, From: framesAt, To: prev.size, FirstLSN: r.last + 1, LastLSN: r.last,
			Reason: fmt.Sprintf("generation is %d, the next segment follows generation %d", prev.generation, seg.prevGeneration)})
		prev.damaged = true
	}
	r.last = max(r.last, seg.prevLSN)
}

// foundTear notes the torn tail: it begins where segment i has no good frame,
// and the good ones behind it, from next on, go with it.
func (r *recoverer) foundTear(i int, s *scanner, next int64) error {
	seg := r.segments[i]
	r.cut = true
	r.rec.TornSegment, r.rec.TornOffset = seg.name, seg.end
	h, _, _, err := s.frame(seg.end)
	if err != nil {
		return err
	}
	end := min(seg.end+h.bytes(), s.size)
	for last := r.last; next >= 0; {
		var reason string
		h, _, reason, err = s.frame(next)
		if err != nil {
			return err
		}
		if reason != "" || h.lsn <= last {
			if next, err = s.resync(next, last); err != nil {
				return err
			}
			continue
		}
		r.rec.TornFrames++
		last = h.lsn
		next += h.bytes()
		end = next
	}
	used, err := s.lastNonZero(seg.end)
	if err != nil {
		return err
	}
	r.rec.TornBytes = min(end, used) - seg.end
	return nil
}

// settleTail makes what was read durable and clears away what comes after it:
// the torn tail is cut off, segments without frames become spares.
func (r *recoverer) settleTail() error {
	for n := len(r.segments); n > 0; n-- {
		seg := r.segments[n-1]
		r.rec.Segments = n
		if !seg.empty() || seg.damaged || r.isUnreadable(seg) {
			return r.settle(seg)
		}
		if err := r.recycle(seg); err != nil {
			return err
		}
		// One after the other, or the next recovery could miss one in between.
		if err := r.fs.SyncDir(r.dir); err != nil {
			return err
		}
		r.segments = r.segments[:n-1]
	}
	r.rec.Segments = 0
	return nil
}

func (r *recoverer) isUnreadable(seg *segment) bool {
	for _, u := range r.rec.Unreadable {
		if u.Segment == seg.name {
			return true
		}
	}
	return false
}

// settle ends the newest segment where its torn tail begins. Without one it
// is synced all the same: the process that wrote it may have died before its own
// sync.
func (r *recoverer) settle(seg *segment) error {
	f, err := r.fs.OpenReadWrite(seg.name)
	if err != nil {
		return err
	}
	defer f.Close()
	if r.cut && r.rec.TornSegment == seg.name {
		if err := f.Truncate(r.rec.TornOffset); err != nil {
			return fmt.Errorf("cut segment %s at offset %d: %w", seg.name, r.rec.TornOffset, err)
		}
		seg.size = r.rec.TornOffset
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync segment %s: %w", seg.name, err)
	}
	r.touched = true // its name may not be durable either
	return nil
}

// recycle makes a spare of a segment without frames.
func (r *recoverer) recycle(seg *segment) error {
	if len(r.spares) >= r.opt.SpareSegments || seg.size > r.opt.SegmentBytes {
		return r.remove(seg.name)
	}
	sp := spare{name: filepath.Join(r.dir, spareName(seg.number)), size: seg.size, since: r.opt.Clock.Now()}
	if err := r.fs.Rename(seg.name, sp.name); err != nil {
		return fmt.Errorf("recycle segment %s: %w", seg.name, err)
	}
	r.spares = append(r.spares, sp)
	return nil
}

// copyTo copies a segment into the quarantine.
func (r *recoverer) copyTo(name, from string) error {
	if err := vfs.MkdirAll(r.fs, filepath.Dir(name)); err != nil {
		return err
	}
	s, err := openScanner(r.fs, from, r.buf)
	if err != nil {
		return err
	}
	defer s.close()
	return vfs.WriteFile(r.fs, name, func(w io.Writer) error {
		for at := int64(0); at < s.size; at += scanBytes {
			b, err := s.window(at, scanBytes)
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
		return nil
	})
}
