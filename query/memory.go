package query

import (
	"fmt"
	"sync/atomic"

	"github.com/timberlinedb/timberline/internal/budget"
)

// memory is the account of one query: it draws from the account of all queries and gives everything back at its end.
type memory struct {
	all  *budget.Account
	most int64 // of this query; 0: no limit
	used atomic.Int64
}

// reserve takes n bytes for the rest of the query.
func (m *memory) reserve(n int64) error {
	if used := m.used.Add(n); m.most > 0 && used > m.most {
		m.used.Add(-n)
		return &memoryError{used: used - n, n: n, most: m.most}
	}
	if err := m.all.Reserve(n); err != nil {
		m.used.Add(-n)
		return fmt.Errorf("%w, the setting memory-limit", err)
	}
	return nil
}

// release gives back n bytes before the end.
func (m *memory) release(n int64) {
	m.used.Add(-n)
	m.all.Release(n)
}

// close gives everything back.
func (m *memory) close() { m.all.Release(m.used.Swap(0)) }
