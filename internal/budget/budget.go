// Package budget holds the one memory budget of the process. Cache, index,
// compaction and queries draw from it through named accounts, so that together
// they stay below one limit whatever each of them does.
package budget

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// ErrExceeded is the class of errors that say that an account or the whole
// budget has no room left.
var ErrExceeded = errors.New("memory limit exceeded")

// Budget is a limit in bytes that accounts share. The zero limit means none.
type Budget struct {
	limit int64
	used  atomic.Int64

	mu       sync.Mutex // guards accounts
	accounts []*Account
}

// Account is one user's share of a budget. Its methods may be called
// concurrently.
type Account struct {
	name   string
	limit  int64 // 0: only the budget's limit applies
	budget *Budget
	used   atomic.Int64
	denied atomic.Int64
}

// New returns a budget of limit bytes; 0 or less means no limit.
func New(limit int64) *Budget { return &Budget{limit: max(limit, 0)} }

// Account opens an account that may hold at most limit bytes; 0 leaves it to
// the budget's limit.
func (b *Budget) Account(name string, limit int64) *Account {
	a := &Account{name: name, limit: max(limit, 0), budget: b}
	b.mu.Lock()
	b.accounts = append(b.accounts, a)
	b.mu.Unlock()
	return a
}

// Limit returns the limit in bytes, 0 when there is none.
func (b *Budget) Limit() int64 { return b.limit }

// Used returns the bytes that all accounts hold.
func (b *Budget) Used() int64 { return b.used.Load() }

// Usage describes one account.
type Usage struct {
	Name                string
	Used, Limit, Denied int64
}

// Usage returns the state of every account, in order of opening.
func (b *Budget) Usage() []Usage {
	b.mu.Lock()
	defer b.mu.Unlock()
	u := make([]Usage, len(b.accounts))
	for i, a := range b.accounts {
		u[i] = Usage{Name: a.name, Used: a.used.Load(), Limit: a.limit, Denied: a.denied.Load()}
	}
	return u
}

// Reserve takes n bytes or fails with an error that matches ErrExceeded and
// names the account and the limit that was in the way.
func (a *Account) Reserve(n int64) error {
	if used := a.used.Add(n); a.limit > 0 && used > a.limit && n > 0 {
		a.used.Add(-n)
		a.denied.Add(1)
		return fmt.Errorf("%w: %s holds %d bytes, %d more are above its limit of %d", ErrExceeded, a.name, used-n, n, a.limit)
	}
	if used := a.budget.used.Add(n); a.budget.limit > 0 && used > a.budget.limit && n > 0 {
		a.budget.used.Add(-n)
		a.used.Add(-n)
		a.denied.Add(1)
		return fmt.Errorf("%w: %s asks for %d bytes, %d of the process's %d are in use", ErrExceeded, a.name, n, used-n, a.budget.limit)
	}
	return nil
}

// Force takes n bytes even above the limits: for memory that is held already
// or that must be had to give memory back, such as a flush.
func (a *Account) Force(n int64) {
	a.used.Add(n)
	a.budget.used.Add(n)
}

// Release gives n bytes back.
func (a *Account) Release(n int64) {
	a.used.Add(-n)
	a.budget.used.Add(-n)
}

// Limit returns the most bytes that the account may hold, 0 when only the budget
// bounds them.
func (a *Account) Limit() int64 { return a.limit }

// Used returns the bytes that the account holds.
func (a *Account) Used() int64 { return a.used.Load() }
