package wal

import (
	"fmt"
	"time"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// committer is the state of commitLoop: which file it writes and whether that
// has bytes that are not synced.
type committer struct {
	log     *Log
	current *segment
	file    vfs.File
	dirty   int64  // bytes written since the last sync
	last    uint64 // LSN of the last frame written
}

// maxUnsynced is how many frames the Interval mode leaves unsynced at most, so
// that the count fits a frame's header.
const maxUnsynced = maxBehind / 2

// commitLoop writes and syncs one epoch after the other until Close.
func (l *Log) commitLoop() {
	defer l.loops.Done()
	c := committer{log: l}
	var tick <-chan time.Time
	if l.opt.SyncMode == Interval {
		ticker := l.opt.Clock.NewTicker(l.opt.SyncInterval)
		defer ticker.Stop()
		tick = ticker.C()
	}
	for {
		select {
		case <-l.wake:
			c.commitAll()
		case <-tick:
			c.syncDue()
		case <-l.stop:
			c.finish()
			return
		}
	}
}

// commitAll commits until the open epoch is empty.
func (c *committer) commitAll() {
	for {
		e := c.log.takeEpoch()
		if e == nil {
			return
		}
		err := c.commit(e)
		if err != nil {
			c.log.poison(err)
		}
		c.log.finishEpoch(e)
	}
}

// takeEpoch makes the open epoch the one in flight, or returns nil when there
// is nothing to commit.
func (l *Log) takeEpoch() *epoch {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open.last == 0 || l.err != nil {
		return nil
	}
	l.flight = l.open
	if l.open, l.idle = l.idle, nil; l.open == nil {
		l.open = newEpoch()
	}
	return l.flight
}

// finishEpoch publishes the result of the epoch in flight. When the log was
// poisoned meanwhile, by whomever, nothing of it is confirmed.
func (l *Log) finishEpoch(e *epoch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.result.err = l.err; l.err == nil {
		l.written = e.last
	}
	l.pending -= e.bytes
	l.metrics.Epochs++
	close(e.result.done)
	l.flight = nil
	e.reset()
	l.idle = e
	l.changed.Broadcast()
}

// commit writes the runs of an epoch. Before a run goes to another segment,
// everything in the segment before is synced, so that a frame in a segment
// proves that all segments before it are complete.
func (c *committer) commit(e *epoch) error {
	for i := range e.runs {
		r := &e.runs[i]
		if err := c.moveTo(r.segment); err != nil {
			return err
		}
		if c.last+uint64(len(e.buf)/frameHeaderBytes)-c.log.durable.Load() > maxUnsynced && c.dirty > 0 {
			if err := c.sync(); err != nil {
				return err
			}
		}
		finishFrames(e.buf[r.start:r.end], r.segment.seed, r.offset, c.log.durable.Load())
		if _, err := c.file.WriteAt(e.buf[r.start:r.end+endMarkBytes], r.offset); err != nil {
			return fmt.Errorf("write segment %s at offset %d: %w", r.segment.name, r.offset, err)
		}
		c.dirty += int64(r.end - r.start)
		c.last = r.last
	}
	if c.log.opt.SyncMode == Interval {
		return nil
	}
	return c.sync()
}

// moveTo makes s the segment that is written; the one before is complete.
func (c *committer) moveTo(s *segment) error {
	if c.current == s {
		return nil
	}
	if c.current != nil {
		if err := c.sync(); err != nil {
			return err
		}
		if err := c.file.Close(); err != nil {
			return fmt.Errorf("close segment %s: %w", c.current.name, err)
		}
	}
	l := c.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.current != nil {
		c.current.file = nil // from here on it may be released
	}
	c.current, c.file = s, s.file
	return nil
}

// sync makes everything durable that was written.
func (c *committer) sync() error {
	if c.dirty == 0 {
		return nil
	}
	l := c.log
	start := l.opt.Clock.Now()
	if err := c.file.SyncData(); err != nil {
		return fmt.Errorf("sync segment %s: %w", c.current.name, err)
	}
	took := l.opt.Clock.Now().Sub(start)
	bytes := c.dirty
	c.dirty = 0
	l.mu.Lock()
	if l.err == nil {
		l.durable.Store(c.last)
	}
	l.metrics.Syncs++
	l.metrics.SyncTime += took
	l.metrics.LongestSync = max(l.metrics.LongestSync, took)
	l.mu.Unlock()
	if l.opt.Events.Synced != nil {
		l.opt.Events.Synced(bytes, took)
	}
	return nil
}

// syncDue is the tick of the Interval mode.
func (c *committer) syncDue() {
	if c.log.Err() != nil {
		return
	}
	if err := c.sync(); err != nil {
		c.log.poison(err)
	}
}

// finish commits the rest at Close and seals the log, which proves to the next
// recovery that everything before the seal is durable.
func (c *committer) finish() {
	c.commitAll()
	c.syncDue()
	if c.log.Err() != nil || c.current == nil {
		return
	}
	if err := c.seal(); err != nil {
		c.log.poison(err)
	}
}

// seal writes the last frame. It is left out when there is no space for it.
func (c *committer) seal() error {
	l, s := c.log, c.current
	l.mu.Lock()
	fits := l.active == s && s.end+frameHeaderBytes+endMarkBytes <= s.secured
	lsn, offset := l.next, s.end
	if fits {
		l.next++
		s.end += frameHeaderBytes
		s.lastLSN = lsn
	}
	l.mu.Unlock()
	if !fits {
		return nil
	}
	b := appendFrame(nil, lsn, kindSeal, nil)
	c.last = finishFrames(b, s.seed, offset, l.durable.Load())
	if _, err := c.file.WriteAt(append(b, make([]byte, endMarkBytes)...), offset); err != nil {
		return fmt.Errorf("write segment %s at offset %d: %w", s.name, offset, err)
	}
	c.dirty += frameHeaderBytes
	return c.sync()
}
