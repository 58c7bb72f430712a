package ingest

import (
	"context"
	"sync"
	"sync/atomic"
)

// hold is a lock for many writes or for one who is alone. All who wait do so only as long as their contexts allow.
type hold struct {
	lock  sync.RWMutex
	alone chan struct{}                 // has an element while somebody is alone or about to be
	over  atomic.Pointer[chan struct{}] // closed when that is over; set before lock is asked for
}

func newHold() hold { return hold{alone: make(chan struct{}, 1)} }

// enter lets a write in.
func (h *hold) enter(ctx context.Context) error {
	for !h.lock.TryRLock() {
		over := h.over.Load()
		if over == nil {
			continue // it has just ended
		}
		select {
		case <-*over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (h *hold) leave() { h.lock.RUnlock() }

// beAlone waits for others who want to be alone, and then for the writes that are under way.
func (h *hold) beAlone(ctx context.Context) error {
	select {
	case h.alone <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	over := make(chan struct{})
	h.over.Store(&over)
	h.lock.Lock()
	return nil
}

// letIn ends being alone.
func (h *hold) letIn() {
	over := h.over.Swap(nil)
	h.lock.Unlock()
	close(*over)
	<-h.alone
}
