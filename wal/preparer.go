package wal

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// How far zeros are written ahead of the frames. A new file begins small, so
// that neither the first write nor an idle database pays for a whole segment,
// and what is ahead doubles up to maxAheadBytes. Zeros go out in pieces,
// because a commit that syncs the same file waits for those under way.
const (
	minAheadBytes = 256 << 10
	maxAheadBytes = 4 << 20
	pieceBytes    = 512 << 10
)

// zeros is what segments are filled with; never written to.
var zeros [pieceBytes]byte

// ahead returns how much space s should have before its frames.
func (s *segment) ahead() int64 { return min(max(s.secured, minAheadBytes), maxAheadBytes) }

// shortAhead reports whether it is time to secure more, before anybody waits.
func (s *segment) shortAhead() bool {
	return s.secured < s.limit && s.secured-s.end < s.ahead()/2
}

// prepareLoop secures space until Close: it extends the active segment and
// creates the next one. It has its own handle of the file, because the
// kernel tells a failed write-back once per handle and the committer must hear
// of its own.
func (l *Log) prepareLoop() {
	defer l.loops.Done()
	for {
		select {
		case <-l.prepare:
			l.prepareOnce()
		case <-l.stop:
			return
		}
	}
}

// prepareOnce answers all requests so far.
func (l *Log) prepareOnce() {
	l.mu.Lock()
	asked, wanted := l.asked, l.wanted
	waiting := asked > l.answered
	l.wanted = 0
	if l.err != nil || !waiting && l.active != nil && !l.active.shortAhead() {
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()

	err := l.secure(wanted)
	if fatal := (*fatalError)(nil); errors.As(err, &fatal) {
		l.poison(fatal.cause)
		return
	}
	l.tellSpace(err)
	l.mu.Lock()
	l.answered, l.refusal = asked, err
	l.changed.Broadcast()
	l.mu.Unlock()
}

// tellSpace tells the listeners when the disk has become full, and when it no
// longer is.
func (l *Log) tellSpace(err error) {
	full := errors.Is(err, ErrNoSpace)
	if full == l.full {
		return
	}
	l.full = full
	if tell := l.opt.Events.NoSpace; full && tell != nil {
		tell(err)
	}
	if tell := l.opt.Events.SpaceReturned; !full && tell != nil {
		tell()
	}
}

// fatalError is one after which nothing that was written can be trusted. Other
// errors of the preparer only mean that a frame is not taken: it had no place yet.
type fatalError struct{ cause error }

func (e *fatalError) Error() string { return e.cause.Error() }
func (e *fatalError) Unwrap() error { return e.cause }

// secure makes room for a frame of size bytes, and some ahead of it.
func (l *Log) secure(size int64) error {
	l.mu.Lock()
	s := l.active
	if s == nil || s.end+size+endMarkBytes > s.limit || l.renewing {
		l.renewing = false
		l.rolling = true
		l.mu.Unlock()
		err := l.roll(size)
		l.mu.Lock()
		l.rolling = false
		l.changed.Broadcast()
		if err != nil {
			l.mu.Unlock()
			return err
		}
		s = l.active
	}
	need, secured := s.end+size+endMarkBytes, s.secured
	target := min(s.limit, (need+s.ahead()+4095)&^4095)
	enough := need <= secured && !s.shortAhead()
	l.mu.Unlock()
	if enough {
		return nil
	}
	return l.extend(s, secured, need, target)
}

// extend fills s with zeros from secured to target, or at least to need when
// the disk is too full for more.
func (l *Log) extend(s *segment, secured, need, target int64) error {
	f, err := l.fs.OpenReadWrite(s.name)
	if err != nil {
		return fmt.Errorf("extend segment %s: %w", s.name, err)
	}
	defer f.Close()
	for secured < target {
		to := min(target, secured+pieceBytes)
		err := fillZeros(f, secured, to)
		if isNoSpace(err) && secured < need && need < to {
			to = need
			err = fillZeros(f, secured, to)
		}
		if isNoSpace(err) {
			if secured >= need {
				return nil
			}
			return fmt.Errorf("extend segment %s to %d bytes: %w: %w", s.name, to, ErrNoSpace, err)
		}
		if err == nil {
			err = f.SyncData()
		}
		if err != nil {
			return &fatalError{fmt.Errorf("extend segment %s to %d bytes: %w", s.name, to, err)}
		}
		secured = to
		l.mu.Lock()
		l.metrics.FilledBytes += to - s.secured
		s.secured, s.size = to, max(s.size, to)
		l.changed.Broadcast()
		l.mu.Unlock()
	}
	return nil
}

func fillZeros(f vfs.File, from, to int64) error {
	for from < to {
		n, err := f.WriteAt(zeros[:min(to-from, pieceBytes)], from)
		if err != nil {
			return err
		}
		from += int64(n)
	}
	return nil
}

// roll creates the segment behind the newest one. Nobody appends meanwhile, so
// that its first LSN is known.
func (l *Log) roll(size int64) error {
	l.mu.Lock()
	limit := max(l.opt.SegmentBytes, framesAt+size+endMarkBytes)
	prev := l.link
	if l.active != nil {
		prev = link{number: l.active.number, generation: l.active.generation, lastLSN: l.next - 1}
	}
	h := segmentHeader{
		generation:     l.metrics.Generation + 1,
		number:         l.number + 1,
		firstLSN:       l.next,
		prevNumber:     prev.number,
		prevLSN:        prev.lastLSN,
		prevGeneration: prev.generation,
	}
	sp, recycled := l.takeSpareLocked(limit)
	l.metrics.Generation = h.generation
	l.mu.Unlock()

	s := &segment{segmentHeader: h, seed: generationSeed(h.generation), limit: limit, lastLSN: h.firstLSN - 1, end: framesAt}
	s.name = filepath.Join(l.dir, segmentName(h.number))
	var err error
	if recycled {
		err = l.recycle(s, sp)
	} else {
		err = l.create(s)
	}
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.segments = append(l.segments, s)
	l.active, l.number = s, h.number
	if recycled {
		l.metrics.Recycled++
	} else {
		l.metrics.Created++
	}
	l.mu.Unlock()
	if l.opt.Events.SegmentCreated != nil {
		l.opt.Events.SegmentCreated(s.name, recycled)
	}
	return nil
}

func (l *Log) takeSpareLocked(limit int64) (spare, bool) {
	for i := len(l.spares) - 1; i >= 0; i-- {
		if sp := l.spares[i]; sp.size <= limit {
			l.spares = append(l.spares[:i], l.spares[i+1:]...)
			return sp, true
		}
	}
	return spare{}, false
}

// create makes the segment as a new file. It is durable and complete, with
// zeros ahead, before it gets its name.
func (l *Log) create(s *segment) (err error) {
	tmp := s.name + vfs.TempSuffix
	f, err := l.fs.Create(tmp)
	if err != nil {
		return l.creationError(s, err)
	}
	s.file = f
	defer func() {
		if err != nil {
			f.Close()
			_ = l.fs.Remove(tmp) // otherwise removed at the next start
		}
	}()
	secured := min(s.limit, minAheadBytes)
	if _, err = f.WriteAt(appendSegmentHeader(nil, &s.segmentHeader), 0); err != nil {
		return l.creationError(s, err)
	}
	if err = fillZeros(f, framesAt, secured); isNoSpace(err) {
		secured = framesAt + endMarkBytes
		err = fillZeros(f, framesAt, secured)
	}
	if err != nil {
		return l.creationError(s, err)
	}
	if err = f.Sync(); err != nil {
		return syncError(l.creationError(s, err))
	}
	s.secured, s.size = secured, secured
	return l.publish(s, tmp)
}

// recycle makes the segment from a spare. Its old frames were written with a
// lower generation and do not parse behind the new header.
func (l *Log) recycle(s *segment, sp spare) (err error) {
	f, err := l.fs.OpenReadWrite(sp.name)
	if err != nil {
		return l.creationError(s, err)
	}
	s.file = f
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	b := appendSegmentHeader(nil, &s.segmentHeader)
	if _, err = f.WriteAt(append(b, make([]byte, endMarkBytes)...), 0); err != nil {
		return l.creationError(s, err)
	}
	if err = f.SyncData(); err != nil {
		return syncError(l.creationError(s, err))
	}
	s.secured, s.size = sp.size, sp.size
	return l.publish(s, sp.name)
}

// publish gives a new segment its name. It is durable afterwards.
func (l *Log) publish(s *segment, from string) error {
	if err := l.fs.Rename(from, s.name); err != nil {
		return l.creationError(s, err)
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return &fatalError{fmt.Errorf("sync directory %s: %w", l.dir, err)}
	}
	return nil
}

// syncError makes a failed sync of a new segment fatal, unless the disk is
// full: the file had no frame yet and is not used again.
func syncError(err error) error {
	if errors.Is(err, ErrNoSpace) {
		return err
	}
	return &fatalError{err}
}

// creationError says why a segment is not there.
func (l *Log) creationError(s *segment, err error) error {
	if isNoSpace(err) {
		return fmt.Errorf("create segment %s: %w: %w", s.name, ErrNoSpace, err)
	}
	return fmt.Errorf("create segment %s: %w", s.name, err)
}
