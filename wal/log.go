package wal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// Log is an open log. All methods may be called concurrently.
//
// Two goroutines belong to it from Open to Close: commitLoop writes and syncs
// epochs, prepareLoop secures space ahead of them.
type Log struct {
	dir string
	opt Options
	fs  vfs.FS

	durable atomic.Uint64 // LSNs up to here are synced

	full    bool          // NoSpace was told and SpaceReturned not yet; prepareLoop's own
	wake    chan struct{} // the open epoch has its first frame
	prepare chan struct{} // space is needed
	stop    chan struct{} // closed by Close
	loops   sync.WaitGroup

	closeOnce sync.Once
	closeErr  error

	releasing sync.Mutex // one Release at a time; taken before mu

	mu      sync.Mutex // guards the fields below; never held across file I/O
	changed sync.Cond  // on mu: bytes were committed, space was secured, or it ended

	next     uint64     // the LSN that Append gives out next
	written  uint64     // LSNs up to here were handed to the system
	open     *epoch     // takes frames
	flight   *epoch     // is being committed, or nil
	idle     *epoch     // memory for the next open epoch, or nil
	pending  int64      // bytes of frames that wait or are being committed
	segments []*segment // oldest first
	spares   []spare
	number   uint64 // of the newest segment
	link     link   // to the newest segment with frames, for the first new one

	active   *segment // takes frames; nil before the first was created
	rolling  bool     // the next segment is being created, next must not change
	renewing bool     // the next segment is wanted although the active one has room
	released uint64   // frames below are not needed, as Release was told
	quiet    quiet    // Trim's own

	asked, answered uint64 // requests for space
	wanted          int64  // the largest frame that waits for space
	refusal         error  // of the last answer: no space

	err     error // why the log is poisoned
	closing bool

	metrics Metrics
}

// link names the predecessor of a segment; zeros when there is none.
type link struct {
	number, lastLSN uint64
	generation      uint32
}

// spare is a released file that waits for its next use.
type spare struct {
	name  string
	size  int64
	since time.Time // when it became one
}

// epoch is what is committed together.
type epoch struct {
	buf         []byte // frames of the runs, each run followed by an end mark
	runs        []run
	first, last uint64 // LSNs; last is 0 while there is no frame
	bytes       int64  // of the frames
	result      *result
}

// run is a part of an epoch that goes to one segment in one piece.
type run struct {
	segment    *segment
	offset     int64
	start, end int // of the frames in buf
	last       uint64
}

// result tells those who wait for an epoch. err is set before done is closed.
type result struct {
	done chan struct{}
	err  error
}

func newEpoch() *epoch {
	return &epoch{result: &result{done: make(chan struct{})}}
}

// maxIdleBytes is the largest buffer that an epoch keeps for its next use.
const maxIdleBytes = 8 << 20

func (e *epoch) reset() {
	if cap(e.buf) > maxIdleBytes {
		e.buf = nil
	}
	clear(e.runs)
	*e = epoch{buf: e.buf[:0], runs: e.runs[:0], result: &result{done: make(chan struct{})}}
}

// add places a frame at the end of the active segment.
func (e *epoch) add(s *segment, lsn uint64, kind Kind, payload []byte) {
	n := len(e.runs)
	if n == 0 || e.runs[n-1].segment != s {
		e.runs = append(e.runs, run{segment: s, offset: s.end, start: len(e.buf)})
		n++
	} else {
		e.buf = e.buf[:len(e.buf)-endMarkBytes]
	}
	e.buf = appendFrame(e.buf, lsn, kind, payload)
	r := &e.runs[n-1]
	r.end, r.last = len(e.buf), lsn
	e.buf = append(e.buf, make([]byte, endMarkBytes)...)
	if e.last == 0 {
		e.first = lsn
	}
	size := int64(frameHeaderBytes + len(payload))
	e.last, e.bytes = lsn, e.bytes+size
	s.end += size
	s.lastLSN = lsn
}

// Append takes a frame into the open epoch and returns its LSN. The payload is
// copied. The frame is not durable before Wait says so, but it will be without
// anybody waiting, too, and always after all frames with lower LSNs.
//
// Append blocks while MaxPendingBytes wait for the disk. It fails with
// ErrNoSpace when the disk is full; then the frame was not taken and nothing
// else has changed.
func (l *Log) Append(kind Kind, payload []byte) (lsn uint64, err error) {
	if len(payload) > MaxPayloadBytes {
		return 0, fmt.Errorf("append %s frame: %d bytes, at most %d: %w", kind, len(payload), MaxPayloadBytes, ErrTooLarge)
	}
	if kind == 0 || kind >= kindReserved {
		return 0, fmt.Errorf("append frame: kind %d is reserved", kind)
	}
	return l.append(kind, payload)
}

// append is Append without the checks.
func (l *Log) append(kind Kind, payload []byte) (lsn uint64, err error) {
	size := int64(frameHeaderBytes + len(payload))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.admitLocked(size); err != nil {
		return 0, err
	}
	lsn = l.next
	l.next++
	l.pending += size
	first := l.open.last == 0
	l.open.add(l.active, lsn, kind, payload)
	l.metrics.Frames++
	l.metrics.Bytes += size
	if first && l.flight == nil {
		signal(l.wake)
	}
	if l.active.shortAhead() {
		signal(l.prepare)
	}
	return lsn, nil
}

// admitLocked waits until a frame of size bytes can be taken.
func (l *Log) admitLocked(size int64) error {
	for {
		if err := l.endedLocked(); err != nil {
			return err
		}
		if l.pending > 0 && l.pending+size > l.opt.MaxPendingBytes {
			l.metrics.Blocked++
			l.changed.Wait()
			continue
		}
		if !l.rolling && l.active != nil && l.active.end+size+endMarkBytes <= l.active.secured {
			return nil
		}
		if err := l.requestSpaceLocked(size); err != nil {
			return err
		}
	}
}

// requestSpaceLocked asks the preparer for space and waits for its answer.
func (l *Log) requestSpaceLocked(size int64) error {
	l.wanted = max(l.wanted, size)
	l.asked++
	mine := l.asked
	signal(l.prepare)
	for l.answered < mine {
		if err := l.endedLocked(); err != nil {
			return err
		}
		l.changed.Wait()
	}
	if l.refusal != nil {
		l.metrics.Refused++
	}
	return l.refusal
}

func (l *Log) endedLocked() error {
	if l.err != nil {
		return l.err
	}
	if l.closing {
		return ErrClosed
	}
	return nil
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Wait returns nil once the frame is durable, in the Interval mode once it was
// handed to the system. After any other answer but a context's error the
// frame may or may not be there after the next Open.
func (l *Log) Wait(ctx context.Context, lsn uint64) error {
	if lsn <= l.durable.Load() {
		return nil
	}
	res, err := l.resultOf(lsn)
	if res == nil {
		return err
	}
	select {
	case <-res.done:
		return res.err
	case <-ctx.Done():
		return fmt.Errorf("wait for LSN %d: %w", lsn, ctx.Err())
	}
}

// resultOf returns what to wait for, or the answer when there is one already.
func (l *Log) resultOf(lsn uint64) (*result, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case lsn >= l.next:
		return nil, fmt.Errorf("wait for LSN %d, the next one is %d: %w", lsn, l.next, ErrUnknownLSN)
	case lsn <= l.durable.Load():
		return nil, nil
	case l.flight != nil && lsn >= l.flight.first && lsn <= l.flight.last:
		return l.flight.result, nil
	case l.err != nil:
		return nil, l.err
	case l.open.last != 0 && lsn >= l.open.first:
		return l.open.result, nil
	case lsn <= l.written && l.opt.SyncMode == Interval:
		return nil, nil
	}
	return nil, fmt.Errorf("wait for LSN %d: %w", lsn, ErrUnknownLSN)
}

// DurableLSN returns the LSN up to which everything is durable.
func (l *Log) DurableLSN() uint64 { return l.durable.Load() }

// LastLSN returns the LSN that was given out last, or that the recovered log
// ended with.
func (l *Log) LastLSN() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next - 1
}

// Err returns why the log is poisoned, or nil.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// poison ends the log: the open epoch fails, and everything that comes.
func (l *Log) poison(cause error) {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return
	}
	err := fmt.Errorf("%w: %w", ErrPoisoned, cause)
	l.err = err
	l.open.result.err = err
	close(l.open.result.done)
	l.open = newEpoch()
	l.changed.Broadcast()
	l.mu.Unlock()
	if l.opt.Events.Poisoned != nil {
		l.opt.Events.Poisoned(err)
	}
}

// Close commits what was appended, stops the goroutines, gives back the disk
// space that nothing is in, and closes the files. It returns why the log is poisoned, if it is. Further calls return the same.
func (l *Log) Close() error {
	l.closeOnce.Do(func() {
		trimmed := l.trimClosing()
		l.mu.Lock()
		l.closing = true
		l.changed.Broadcast()
		l.mu.Unlock()
		close(l.stop)
		l.loops.Wait()
		if l.Err() == nil {
			trimmed = errors.Join(trimmed, l.shrink(), l.dropSpares(l.opt.Clock.Now()))
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.closeErr = errors.Join(l.err, trimmed, l.closeFilesLocked())
	})
	return l.closeErr
}

func (l *Log) closeFilesLocked() error {
	var errs []error
	for _, s := range l.segments {
		if s.file != nil {
			errs = append(errs, s.file.Close())
			s.file = nil
		}
	}
	return errors.Join(errs...)
}
