package ingest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

// TestHoldGoesByContexts: neither a write nor a second who wants to be alone waits longer than its context lasts.
func TestHoldGoesByContexts(t *testing.T) {
	h := newHold()
	if err := h.beAlone(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.enter(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("a write waited: %v", err)
	}
	if err := h.beAlone(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("a second waited: %v", err)
	}
	entered := make(chan error)
	go func() { entered <- h.enter(t.Context()) }()
	h.letIn()
	if err := <-entered; err != nil {
		t.Fatal(err)
	}
	h.leave()
}

// TestHoldKeepsWritesOut: no write is inside while somebody is alone.
func TestHoldKeepsWritesOut(t *testing.T) {
	h := newHold()
	var inside, alone atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 500 {
				if i < 2 {
					if h.beAlone(t.Context()) != nil || alone.Add(1) != 1 || inside.Load() != 0 {
						t.Error("not alone")
					}
					alone.Add(-1)
					h.letIn()
					continue
				}
				if h.enter(t.Context()) != nil || inside.Add(1) < 1 || alone.Load() != 0 {
					t.Error("a write got in")
				}
				inside.Add(-1)
				h.leave()
			}
		})
	}
	all.Wait()
}

// TestHoldIsOfOneDatabase: who is alone in a database leaves the others alone.
func TestHoldIsOfOneDatabase(t *testing.T) {
	var h holds
	one, two := h.of(1), h.of(300)
	if h.of(1) != one || h.of(300) != two || one == two {
		t.Fatal("a database has another hold each time, or that of another")
	}
	if err := one.beAlone(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer one.letIn()
	if err := two.enter(t.Context()); err != nil {
		t.Errorf("a write to another database waited: %v", err)
	}
	two.leave()
	if err := two.beAlone(t.Context()); err != nil {
		t.Errorf("a second one, of another database, waited: %v", err)
	}
	two.letIn()
	if n := testing.AllocsPerRun(100, func() { h.of(300) }); n != 0 {
		t.Errorf("%v allocations to find a hold", n)
	}
}
