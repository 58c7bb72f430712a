package httpapi

import (
	"context"
	"errors"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
)

// What a throttled write is told.
var (
	errQueueFull    = errors.New("request throttled, queue full")
	errQueueTimeout = errors.New("request throttled, exceeds timeout")
)

// throttle lets a number of writes run at once and a number wait for them.
type throttle struct {
	clock   clock.Clock
	timeout time.Duration // of the wait; 0: none
	running chan struct{} // nil: no limit
	present chan struct{} // running and waiting
}

func newThrottle(l Limits, c clock.Clock) *throttle {
	t := &throttle{clock: c, timeout: l.EnqueuedWriteTimeout}
	if l.MaxConcurrentWrites > 0 {
		t.running = make(chan struct{}, l.MaxConcurrentWrites)
		t.present = make(chan struct{}, l.MaxConcurrentWrites+l.MaxEnqueuedWrites)
	}
	return t
}

// enter waits for its turn. After nil the caller must leave.
func (t *throttle) enter(ctx context.Context) error {
	if t.running == nil {
		return nil
	}
	select {
	case t.present <- struct{}{}:
	default:
		return errQueueFull
	}
	select {
	case t.running <- struct{}{}:
		return nil
	default:
	}
	var expired <-chan time.Time
	if t.timeout > 0 {
		expired = t.clock.After(t.timeout)
	}
	select {
	case t.running <- struct{}{}:
		return nil
	case <-expired:
		<-t.present
		return errQueueTimeout
	case <-ctx.Done():
		<-t.present
		return ctx.Err()
	}
}

func (t *throttle) leave() {
	if t.running != nil {
		<-t.running
		<-t.present
	}
}
