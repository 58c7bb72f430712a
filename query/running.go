package query

import (
	"context"
	"fmt"
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

// runningTable knows the queries that run, so that they can be shown and killed.
type runningTable struct {
	clock clock.Clock
	most  int // queries at the same time; 0: no limit

	mu      sync.Mutex // guards the fields below
	lastID  uint64
	entries map[uint64]*runningEntry // by id
	order   []uint64                 // ids of entries, ascending
}

type runningEntry struct {
	Running
	cancel context.CancelCauseFunc
}

// enter registers a query. The context it returns ends when the query is killed; leave must be called at the end.
func (t *runningTable) enter(ctx context.Context, text, database string) (_ context.Context, id uint64, leave func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.entries); t.most > 0 && n >= t.most {
		return nil, 0, nil, &LimitError{Limit: limitConcurrent, Got: int64(n), Most: int64(t.most)}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	t.lastID++
	id = t.lastID
	if t.entries == nil {
		t.entries = make(map[uint64]*runningEntry)
	}
	t.entries[id] = &runningEntry{
		Running: Running{ID: id, Text: text, Database: database, Started: t.clock.Now()},
		cancel:  cancel,
	}
	t.order = append(t.order, id)
	return ctx, id, func() { t.leave(id); cancel(nil) }, nil
}

func (t *runningTable) leave(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.entries, id)
	for i, x := range t.order {
		if x == id {
			t.order = append(t.order[:i], t.order[i+1:]...)
			return
		}
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
