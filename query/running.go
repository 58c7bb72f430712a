package query

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
)

// Running describes a query that runs.
type Running struct {
	ID       uint64
	Text     string
	Database string
	Started  time.Time
	Killed   bool
}

// Metrics counts what became of queries since the engine was made.
type Metrics struct {
	Active   int           // run now
	Queued   int           // wait for others to end
	Executed int64         // were let in
	Finished int64         // have ended, well or not
	Refused  int64         // found no place, or waited too long for one
	Killed   int64         // were killed by a statement or ran into the time limit
	Duration time.Duration // of those that have ended, together

	// What functions were computed from: rows that were decoded, blocks and cells
	// whose statistics were enough.
	RowsDecoded, BlocksSummed, CellsSummed int64

	Groups GroupCacheMetrics
}

// runningTable knows the queries that run, so that they can be shown and killed. When there are as many as may be, the
// next ones wait in a queue, first come first served.
type runningTable struct {
	clock clock.Clock
	most  int           // queries at the same time; 0: no limit
	queue int           // queries that wait; 0: none does
	wait  time.Duration // how long one waits; 0: as long as its client

	mu      sync.Mutex // guards the fields below
	lastID  uint64
	entries map[uint64]*runningEntry // by id
	order   []uint64                 // ids of entries, ascending
	counted int                      // entries that count against most, with those that were promised a place
	waiting []*waitingQuery          // oldest first
	metrics Metrics                  // without Active and Queued
}

type runningEntry struct {
	Running
	cancel  context.CancelCauseFunc
	counted bool
}

// waitingQuery is a place in the queue. When it is closed, the query has one of the places among those that run.
type waitingQuery struct{ admitted chan struct{} }

// enter registers a query, once there is a place for it; those that are urgent need none. The context it returns ends
// when the query is killed; leave must be called at the end.
func (t *runningTable) enter(ctx context.Context, text, database string, urgent bool) (_ context.Context, id uint64, leave func(), err error) {
	if !urgent {
		if err := t.admit(ctx); err != nil {
			return nil, 0, nil, err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	t.lastID++
	id = t.lastID
	if t.entries == nil {
		t.entries = make(map[uint64]*runningEntry)
	}
	t.entries[id] = &runningEntry{
		Running: Running{ID: id, Text: text, Database: database, Started: t.clock.Now()},
		cancel:  cancel, counted: !urgent,
	}
	t.order = append(t.order, id)
	t.metrics.Executed++
	return ctx, id, func() { t.leave(id); cancel(nil) }, nil
}

// admit waits for one of the places.
func (t *runningTable) admit(ctx context.Context) error {
	t.mu.Lock()
	if t.most == 0 || t.counted < t.most {
		t.counted++
		t.mu.Unlock()
		return nil
	}
	full := &LimitError{Limit: limitConcurrent, Got: int64(t.counted), Most: int64(t.most)}
	if len(t.waiting) >= t.queue {
		t.metrics.Refused++
		t.mu.Unlock()
		return full
	}
	w := &waitingQuery{admitted: make(chan struct{})}
	t.waiting = append(t.waiting, w)
	t.mu.Unlock()

	var timeout <-chan time.Time
	if t.wait > 0 {
		timeout = t.clock.After(t.wait)
	}
	var err error
	select {
	case <-w.admitted:
		return nil
	case <-timeout:
		err = full
	case <-ctx.Done():
		err = ErrInterrupted
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.waiting, w); i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
	} else {
		t.handOn() // it was admitted at the same moment
	}
	t.metrics.Refused++
	return err
}

// handOn gives a place that has become free to the query that has waited longest. The lock must be held.
func (t *runningTable) handOn() {
	if len(t.waiting) == 0 {
		t.counted--
		return
	}
	close(t.waiting[0].admitted)
	t.waiting = slices.Delete(t.waiting, 0, 1)
}

func (t *runningTable) leave(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[id]
	delete(t.entries, id)
	if i := slices.Index(t.order, id); i >= 0 {
		t.order = slices.Delete(t.order, i, i+1)
	}
	t.metrics.Finished++
	t.metrics.Duration += t.clock.Now().Sub(e.Started)
	if e.counted {
		t.handOn()
	}
}

// kill cancels a query for the given reason; the second call for one query is an error, as is an unknown id.
func (t *runningTable) kill(id uint64, reason error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.entries[id]
	if e == nil || e.Killed {
		return fmt.Errorf("no such query id: %d", id)
	}
	e.Killed = true
	t.metrics.Killed++
	e.cancel(reason)
	return nil
}

// list returns the running queries, oldest first.
func (t *runningTable) list() []Running {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Running, 0, len(t.order))
	for _, id := range t.order {
		out = append(out, t.entries[id].Running)
	}
	return out
}

// count returns the metrics.
func (t *runningTable) count() Metrics {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.metrics
	m.Active, m.Queued = len(t.entries), len(t.waiting)
	return m
}
