package tsdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
)

const (
	// flushTick is how often caches are looked at without a write as the reason.
	flushTick = time.Second
	// minSyncPoll is how often an LSN is looked at that the log syncs on its own
	// account.
	minSyncPoll = 5 * time.Millisecond
)

// A cache of at least idleFlushBytes is flushed when it took no rows for one of
// idleFlushShare of Options.FlushAge: the load is over, and its memory and its part
// of the log are better used elsewhere.
const (
	idleFlushBytes = 1 << 20
	idleFlushShare = 10
)

// A deep cache, of at least deepFlushBytes and with deepFlushRows rows for each of
// its series, is flushed when it took no rows for deepFlushPause (or the time above,
// if that is shorter): after a bulk load its blocks are worth their place, and
// aggregates come from cells instead of from rows that lie scattered in memory.
const (
	deepFlushBytes = 8 << 20
	deepFlushRows  = 64
	deepFlushPause = 700 * time.Millisecond
)

// flusher decides when flushLoop flushes what, and tells those who wait for room.
type flusher struct {
	store *Store
	wake  chan struct{}

	mu   sync.Mutex // guards room
	room chan struct{}
}

func (f *flusher) init(s *Store) {
	f.store = s
	f.wake = make(chan struct{}, 1)
	f.room = make(chan struct{})
}

// kick asks for a look at the caches.
func (f *flusher) kick() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// freed returns a channel that is closed when memory was given back.
func (f *flusher) freed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.room
}

// announce tells that memory was given back.
func (f *flusher) announce() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.room)
	f.room = make(chan struct{})
}

// noteWrite asks for a flush when a write made a cache large.
func (f *flusher) noteWrite(sh *shard) {
	s := f.store
	if sh.activeBytes() >= s.opt.ShardCacheBytes || s.flushWanted(s.cacheAccount.Used()) {
		f.kick()
	}
}

func (sh *shard) activeBytes() int64 {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if sh.active.empty() {
		return 0
	}
	return sh.active.bytes.Load()
}

// flushLoop flushes caches that are large, old, or in the way of writes.
func (s *Store) flushLoop(tick clock.Ticker) {
	defer s.loops.Done()
	defer tick.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-s.flusher.wake:
		case <-tick.C():
			s.chargeIndexes()
			s.trimLog()
			s.trimPool()
		}
		s.flushDue()
	}
}

// flushDue flushes what is due, one shard after the other.
func (s *Store) flushDue() {
	for {
		sh := s.nextFlush()
		if sh == nil {
			return
		}
		_ = s.flushShard(s.bg, sh) // counted and told where it failed; the shard stays due
		select {
		case <-s.closing:
			return
		default:
		}
	}
}

// flushShard flushes a shard and lets the log go that nobody needs any more.
func (s *Store) flushShard(ctx context.Context, sh *shard) error {
	err := sh.flush(ctx)
	if err == nil {
		err = sh.retryDeletes(ctx)
	}
	if err != nil {
		if ctx.Err() == nil && !sh.gone() {
			sh.retry.failed(s.clock.Now(), s.opt.RetryAfter)
			s.counters.flushFailures.Add(1)
			sh.activity.flushFails.Add(1)
			setText(&s.counters.lastFlushError, err.Error())
			if tell := s.opt.Events.FlushFailed; tell != nil {
				tell(sh.ref(), err)
			}
		}
	} else {
		sh.retry.worked()
		s.releaseLog()
		s.compactor.kick()
	}
	s.flusher.announce()
	return err
}

// retryDeletes makes tombstones durable that could not be when they were asked
// for.
func (sh *shard) retryDeletes(ctx context.Context) error {
	sh.retryPresence()
	sh.writeMu.Lock()
	n := len(sh.unsaved)
	sh.writeMu.Unlock()
	if n == 0 || !sh.deleteMu.TryLock() {
		return nil // a delete at work saves its own
	}
	defer sh.deleteMu.Unlock()
	return sh.saveDeletes(ctx)
}

// flushState is what decides over a shard's flush.
type flushState struct {
	sh     *shard
	bytes  int64
	since  time.Time // of the first write
	latest time.Time // of the last write
	deep   bool      // has many rows for each series
	frozen bool      // an earlier flush failed
	unsafe bool      // has deletes without a durable tombstone
}

func (sh *shard) flushState() flushState {
	st := flushState{sh: sh}
	sh.writeMu.Lock()
	st.unsafe = len(sh.unsaved) > 0
	sh.writeMu.Unlock()
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	st.frozen = len(sh.frozen) > 0
	if !sh.active.empty() {
		sh.active.mu.RLock()
		st.since, st.latest = sh.active.since, sh.active.latest
		st.deep = sh.active.deepLocked()
		sh.active.mu.RUnlock()
		st.bytes = sh.active.bytes.Load()
	}
	return st
}

// nextFlush returns the shard to flush now, nil when none is due.
func (s *Store) nextFlush() *shard {
	now := s.clock.Now()
	var states []flushState
	total := int64(0)
	for _, db := range s.list() {
		for _, sh := range db.list() {
			if !sh.retry.ready(now) {
				continue
			}
			st := sh.flushState()
			if st.bytes > 0 || st.frozen || st.unsafe {
				states = append(states, st)
				total += st.bytes
			}
		}
	}
	slices.SortStableFunc(states, func(a, b flushState) int { return cmp.Compare(b.bytes, a.bytes) })
	for _, st := range states {
		switch {
		case st.frozen, st.unsafe,
			st.bytes >= s.opt.ShardCacheBytes,
			st.bytes > 0 && now.Sub(st.since) >= s.opt.FlushAge,
			st.bytes >= idleFlushBytes && now.Sub(st.latest) >= s.flushPause(&st):
			return st.sh
		}
	}
	if len(states) > 0 && states[0].bytes > 0 && s.flushWanted(total) {
		return states[0].sh
	}
	return nil
}

// flushPause returns how long a cache must have taken no rows to be flushed.
func (s *Store) flushPause(st *flushState) time.Duration {
	pause := s.opt.FlushAge / idleFlushShare
	if st.deep && st.bytes >= deepFlushBytes {
		pause = min(pause, deepFlushPause)
	}
	return pause
}

// Flush writes all caches to files.
func (s *Store) Flush(ctx context.Context) error {
	s.mu.RLock()
	closed := s.closed
	s.mu.RUnlock()
	if closed {
		return ErrClosed
	}
	return s.flushAll(ctx)
}

func (s *Store) flushAll(ctx context.Context) error {
	var errs []error
	for _, db := range s.list() {
		for _, sh := range db.list() {
			if err := s.flushShard(ctx, sh); err != nil && !sh.gone() {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// releaseLog lets the log go up to the oldest frame that somebody needs.
//
// A frame whose effect is not noted yet cannot be missed: its LSN is above what
// was durable before the look, or its writer held the lock that the look takes.
func (s *Store) releaseLog() {
	if s.log == nil {
		return
	}
	low := s.log.DurableLSN() + 1
	for _, db := range s.list() {
		if err := db.syncIndex(); err != nil {
			return
		}
		if lsn := db.oldestLSN(); lsn != 0 {
			low = min(low, lsn)
		}
		for _, sh := range db.list() {
			if lsn := sh.oldestLSN(); lsn != 0 {
				low = min(low, lsn)
			}
		}
	}
	if err := s.log.Release(low); err != nil {
		setText(&s.counters.lastFlushError, fmt.Sprintf("release the log: %v", err))
		return
	}
	s.counters.released.Store(max(s.counters.released.Load(), low))
}
