package wal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Recycled segments make syncs cheap while frames come in, and are nothing but
// wasted space afterwards. What is not used goes in three places:
//
//   - Trim removes spares that nobody wanted for SpareAge.
//   - Trim begins a small new segment when nothing of the active one is needed and
//     no frame came for a while, so that the old one can go.
//   - Close removes the spares and cuts the active segment behind its last frame.

const (
	// trimBytes is the size from which on an active segment that nobody needs is
	// worth a new one.
	trimBytes = minAheadBytes
	// trimCloseBytes is the same at Close: what is left over is read at the next
	// start.
	trimCloseBytes = 16 << 10
	// trimQuiet is how long no frame must have come.
	trimQuiet = 5 * time.Second
)

// quiet is when Trim saw the last new frame.
type quiet struct {
	next  uint64
	since time.Time
}

// Trim gives back disk space that the log has not used for some time. It is
// meant to be called every now and then, once per second or less. ctx bounds
// the wait for the disk.
func (l *Log) Trim(ctx context.Context) error {
	now := l.opt.Clock.Now()
	if err := l.dropSpares(now.Add(-l.opt.SpareAge)); err != nil {
		return err
	}
	if !l.renewable(trimBytes, func() bool {
		if l.quiet.next != l.next || l.quiet.since.IsZero() {
			l.quiet = quiet{l.next, now}
		}
		return len(l.spares) == 0 && now.Sub(l.quiet.since) >= trimQuiet
	}) {
		return nil
	}
	return l.renew(ctx)
}

// renewable reports whether the active segment has at least size bytes of which
// none is needed, and nothing is on its way. The condition is asked with the lock
// held.
func (l *Log) renewable(size int64, condition func() bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	also := condition()
	s := l.active
	return also && l.endedLocked() == nil && s != nil && !s.empty() && s.end >= size &&
		l.pending == 0 && s.lastLSN < l.released && s.lastLSN == l.next-1
}

// renew begins a new segment and lets the old one go. The frame in the new one
// proves that everything before it is durable, as the one at Close does.
func (l *Log) renew(ctx context.Context) error {
	l.mu.Lock()
	l.renewing = true
	err := l.requestSpaceLocked(0)
	l.mu.Unlock()
	if err != nil {
		return fmt.Errorf("renew the active segment: %w", err)
	}
	lsn, err := l.append(kindSeal, nil)
	if err == nil {
		err = l.Wait(ctx, lsn)
	}
	if err != nil {
		return fmt.Errorf("renew the active segment: %w", err)
	}
	l.mu.Lock()
	low := l.released
	l.mu.Unlock()
	return l.releaseUpTo(low, false)
}

// dropSpares removes the spares that were there before a time.
func (l *Log) dropSpares(before time.Time) error {
	l.releasing.Lock()
	defer l.releasing.Unlock()
	removed := false
	for {
		sp, ok := l.takeOldSpare(before)
		if !ok {
			break
		}
		if err := l.fs.Remove(sp.name); err != nil {
			return fmt.Errorf("remove spare %s: %w", sp.name, err)
		}
		removed = true
	}
	if !removed {
		return nil
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return fmt.Errorf("remove spares: sync directory %s: %w", l.dir, err)
	}
	return nil
}

func (l *Log) takeOldSpare(before time.Time) (spare, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, sp := range l.spares {
		if !sp.since.After(before) {
			l.spares = append(l.spares[:i], l.spares[i+1:]...)
			return sp, true
		}
	}
	return spare{}, false
}

// trimClosing renews the active segment when nothing in it is needed, so that the
// next start reads nothing. A full disk is no reason not to close.
func (l *Log) trimClosing() error {
	if !l.renewable(trimCloseBytes, func() bool { return true }) {
		return nil
	}
	if err := l.renew(context.Background()); err != nil && !errors.Is(err, ErrNoSpace) {
		return err
	}
	return nil
}

// shrink cuts the active segment behind its last frame. The zeros there are of
// no use to the next start, which begins a segment of its own. The loops must
// have ended.
func (l *Log) shrink() error {
	l.mu.Lock()
	s := l.active
	l.mu.Unlock()
	if s == nil || s.file == nil || s.end >= s.size {
		return nil
	}
	if err := s.file.Truncate(s.end); err != nil {
		return fmt.Errorf("cut segment %s at offset %d: %w", s.name, s.end, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.size, s.secured = s.end, s.end
	return nil
}
