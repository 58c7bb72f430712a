package ingest

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
)

// hold is a lock for many writes or for one who is alone. All who wait do so only as long as their contexts allow.
type hold struct {
	lock  sync.RWMutex
	alone chan struct{}                 // has an element while somebody is alone or about to be
	over  atomic.Pointer[chan struct{}] // closed when that is over; set before lock is asked for
}

func newHold() *hold { return &hold{alone: make(chan struct{}, 1)} }

// holds has a hold for each database that was written to, by its number. Reading it takes no lock.
type holds struct {
	known atomic.Pointer[map[uint32]*hold] // never changed once published
	mu    sync.Mutex                       // of who publishes another
}

// of returns the hold of a database.
func (h *holds) of(database uint32) *hold {
	if known := h.known.Load(); known != nil {
		if one := (*known)[database]; one != nil {
			return one
		}
	}
	return h.add(database)
}

func (h *holds) add(database uint32) *hold {
	h.mu.Lock()
	defer h.mu.Unlock()
	more := make(map[uint32]*hold)
	if known := h.known.Load(); known != nil {
		maps.Copy(more, *known)
	}
	if more[database] == nil {
		more[database] = newHold()
	}
	h.known.Store(&more)
	return more[database]
}

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
