package tsdb

import (
	"context"
	"sync"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
)

// throttle lets so many bytes per second pass, and a burst of them at once: a
// token bucket. Those who took more than there was wait until it is paid back, so
// that a large piece passes, too.
type throttle struct {
	clock clock.Clock
	rate  float64 // bytes per second; 0 or less: no limit
	burst float64

	mu     sync.Mutex // guards the fields below
	tokens float64    // below 0: owed
	filled time.Time  // when tokens were counted last
	waited time.Duration
	passed int64
}

// throttleGrain is the shortest time that is worth a wait.
const throttleGrain = 10 * time.Millisecond

func newThrottle(clk clock.Clock, rate, burst int64) *throttle {
	t := &throttle{clock: clk, rate: float64(rate), burst: float64(max(burst, 1))}
	t.tokens, t.filled = t.burst, clk.Now()
	return t
}

// take lets n bytes pass. It waits while more than the burst has passed.
func (t *throttle) take(ctx context.Context, n int) error {
	owed := t.book(n)
	if owed < throttleGrain {
		return nil
	}
	select {
	case <-t.clock.After(owed):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// book takes n bytes and returns the time until they are paid for.
func (t *throttle) book(n int) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.passed += int64(n)
	if t.rate <= 0 {
		return 0
	}
	now := t.clock.Now()
	t.tokens = min(t.tokens+t.rate*now.Sub(t.filled).Seconds(), t.burst) - float64(n)
	t.filled = now
	if t.tokens >= 0 {
		return 0
	}
	owed := time.Duration(-t.tokens / t.rate * float64(time.Second))
	if owed >= throttleGrain {
		t.waited += owed
	}
	return owed
}

// totals returns the bytes that were let pass and the time for which they had to
// wait.
func (t *throttle) totals() (passed int64, waited time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.passed, t.waited
}
