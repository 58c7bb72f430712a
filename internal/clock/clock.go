// Package clock is the seam for time: everything that waits, expires or stamps
// takes a Clock, so that tests can move time by hand.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time and wakes those who wait for it.
type Clock interface {
	// Now returns the current time.
	Now() time.Time
	// After returns a channel that receives the time once d has passed.
	After(d time.Duration) <-chan time.Time
	// NewTicker returns a ticker with period d, which must be positive.
	NewTicker(d time.Duration) Ticker
}

// Ticker delivers ticks until it is stopped.
type Ticker interface {
	// C returns the channel of ticks.
	C() <-chan time.Time
	// Stop ends the ticks; the channel is not closed.
	Stop()
}

// System is the clock of the machine.
var System Clock = system{}

type system struct{}

func (system) Now() time.Time                         { return time.Now() }
func (system) After(d time.Duration) <-chan time.Time { return time.After(d) }
func (system) NewTicker(d time.Duration) Ticker       { return systemTicker{time.NewTicker(d)} }

type systemTicker struct{ t *time.Ticker }

func (t systemTicker) C() <-chan time.Time { return t.t.C }
func (t systemTicker) Stop()               { t.t.Stop() }

// Manual is a clock that moves only when it is told to.
type Manual struct {
	mu      sync.Mutex
	now     time.Time
	waiters []*waiter
}

// waiter is one channel that wants to hear of a time; period is zero for a
// single wake-up.
type waiter struct {
	at     time.Time
	period time.Duration
	ch     chan time.Time
}

// NewManual returns a clock that shows now.
func NewManual(now time.Time) *Manual { return &Manual{now: now} }

// Now returns the time that was set last.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// After returns a channel that receives the time once the clock was moved by d.
func (m *Manual) After(d time.Duration) <-chan time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := &waiter{at: m.now.Add(d), ch: make(chan time.Time, 1)}
	if d <= 0 {
		w.ch <- m.now
		return w.ch
	}
	m.waiters = append(m.waiters, w)
	return w.ch
}

// NewTicker returns a ticker that follows the clock. As with time.Ticker, a
// slow receiver misses ticks.
func (m *Manual) NewTicker(d time.Duration) Ticker {
	if d <= 0 {
		panic("clock: ticker period must be positive")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	w := &waiter{at: m.now.Add(d), period: d, ch: make(chan time.Time, 1)}
	m.waiters = append(m.waiters, w)
	return manualTicker{m, w}
}

type manualTicker struct {
	m *Manual
	w *waiter
}

func (t manualTicker) C() <-chan time.Time { return t.w.ch }

func (t manualTicker) Stop() {
	t.m.mu.Lock()
	defer t.m.mu.Unlock()
	t.m.remove(t.w)
}

func (m *Manual) remove(w *waiter) {
	for i, x := range m.waiters {
		if x == w {
			m.waiters = append(m.waiters[:i], m.waiters[i+1:]...)
			return
		}
	}
}

// Advance moves the clock by d, which may be negative, and wakes whoever is due.
func (m *Manual) Advance(d time.Duration) { m.Set(m.Now().Add(d)) }

// Set moves the clock to now and wakes whoever is due.
func (m *Manual) Set(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = now
	kept := m.waiters[:0]
	for _, w := range m.waiters {
		if w.at.After(now) {
			kept = append(kept, w)
			continue
		}
		select {
		case w.ch <- now:
		default:
		}
		if w.period > 0 {
			for !w.at.After(now) {
				w.at = w.at.Add(w.period)
			}
			kept = append(kept, w)
		}
	}
	m.waiters = kept
}
