package wal

import (
	"fmt"
	"path/filepath"
)

// Release says that frames with an LSN below low are not needed any more.
// Segments that hold only such frames become spares or are removed, oldest
// first. After a crash during Release some of them may still be there and are
// replayed again.
func (l *Log) Release(low uint64) error {
	l.mu.Lock()
	l.released = max(l.released, low)
	l.mu.Unlock()
	return l.releaseUpTo(low, true)
}

// releaseUpTo takes segments out of the log. Those that fit become spares if
// spares are wanted.
func (l *Log) releaseUpTo(low uint64, spares bool) error {
	l.releasing.Lock()
	defer l.releasing.Unlock()
	for {
		s, recycle, err := l.nextReleased(low)
		if s == nil || err != nil {
			return err
		}
		recycle = recycle && spares
		if err := l.release(s, recycle); err != nil {
			return err
		}
	}
}

// nextReleased returns the oldest segment if nothing in it is needed, and
// whether it shall become a spare.
func (l *Log) nextReleased(low uint64) (s *segment, recycle bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, false, l.err
	}
	if len(l.segments) == 0 {
		return nil, false, nil
	}
	s = l.segments[0]
	if s == l.active || s.lastLSN >= low {
		return nil, false, nil
	}
	if s.file != nil && !s.empty() {
		return nil, false, nil // the committer is not through with it
	}
	if s.file != nil {
		if err := s.file.Close(); err != nil {
			return nil, false, fmt.Errorf("release segment %s: %w", s.name, err)
		}
		s.file = nil
	}
	recycle = len(l.spares) < l.opt.SpareSegments && !s.damaged &&
		s.size <= l.opt.SegmentBytes && s.size >= l.opt.SegmentBytes/2
	return s, recycle, nil
}

// release takes a segment out of the log. The directory is synced after each
// one: if a newer one could vanish before an older one, the log would seem to
// have a hole.
func (l *Log) release(s *segment, recycle bool) error {
	spareAs := filepath.Join(l.dir, spareName(s.number))
	var err error
	switch {
	case s.damaged && !s.quarantined:
		err = setAside(l.fs, l.opt.QuarantineDir, s.name, s.quarantineName())
	case recycle:
		err = l.fs.Rename(s.name, spareAs)
	default:
		err = l.fs.Remove(s.name)
	}
	if err != nil {
		return fmt.Errorf("release segment %s: %w", s.name, err)
	}
	l.mu.Lock()
	l.segments = l.segments[1:]
	l.mu.Unlock()
	if err := l.fs.SyncDir(l.dir); err != nil {
		return fmt.Errorf("release segment %s: sync directory %s: %w", s.name, l.dir, err)
	}
	l.mu.Lock()
	l.metrics.Released++
	if recycle {
		l.spares = append(l.spares, spare{name: spareAs, size: s.size, since: l.opt.Clock.Now()})
	}
	l.mu.Unlock()
	if l.opt.Events.SegmentReleased != nil {
		l.opt.Events.SegmentReleased(s.name, recycle)
	}
	return nil
}
