package tsdb

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/internal/slab"
	"github.com/timberlinedb/timberline/model"
)

// cache holds the rows of one shard that are in no file yet. It takes rows
// until it is frozen; after that nothing in it changes. Its memory is given
// back when the last of its holders lets go: the shard, a flush, open views.
type cache struct {
	account *budget.Account
	refs    atomic.Int32

	// generation is the one of the file that the cache will become, given when it
	// is frozen; 0 before.
	generation uint64
	minLSN     uint64 // of the first frame with rows in here; 0 when empty
	maxLSN     uint64
	since      time.Time // of the first write
	latest     time.Time // of the last write
	frozen     atomic.Bool

	mu      sync.RWMutex // guards the fields below and the tables
	arena   *slab.Arena
	tables  map[string]*cacheTable
	charged int64 // bytes taken from the account
	bytes   atomic.Int64
	rows    atomic.Int64
}

// tableBytes is what a cache table costs beside its columns.
const tableBytes = 512

func newCache(pool *slab.Pool, account *budget.Account) *cache {
	c := &cache{account: account, arena: slab.NewArena(pool), tables: make(map[string]*cacheTable)}
	c.refs.Store(1)
	return c
}

// insert appends the rows of t, which belong to the frame lsn, and returns the
// series that had no row in the cache, appended to fresh. Readers may see what
// belongs to frames up to durable.
func (c *cache) insert(lsn, durable uint64, now time.Time, t *model.Table, fields []uint32, fresh []uint32) []uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	ct := c.tables[string(t.Measurement)]
	if ct == nil {
		ct = &cacheTable{measurement: string(t.Measurement)}
		c.tables[ct.measurement] = ct
	}
	fresh = ct.insert(c.arena, t, fields, fresh)
	ct.publish(lsn, durable)
	if c.minLSN == 0 {
		c.minLSN, c.since = lsn, now
	}
	c.maxLSN, c.latest = lsn, now
	c.rows.Add(int64(t.Rows()))
	c.charge()
	return fresh
}

// charge brings the account up to the memory that is held. The lock must be
// held.
func (c *cache) charge() {
	held := c.arena.Bytes() + int64(len(c.tables))*tableBytes
	if more := held - c.charged; more != 0 {
		c.account.Force(more)
		c.charged = held
		c.bytes.Store(held)
	}
}

// table returns the rows of a measurement, nil when there are none.
func (c *cache) table(measurement string) *cacheTable {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.tables[measurement]
}

// sorted returns the tables by measurement.
func (c *cache) sorted() []*cacheTable {
	c.mu.RLock()
	defer c.mu.RUnlock()
	list := make([]*cacheTable, 0, len(c.tables))
	for _, ct := range c.tables {
		list = append(list, ct)
	}
	slices.SortFunc(list, func(a, b *cacheTable) int {
		if a.measurement < b.measurement {
			return -1
		}
		return 1
	})
	return list
}

// empty reports whether no row was ever inserted.
func (c *cache) empty() bool { return c.rows.Load() == 0 }

// deepLocked reports whether there are many rows for each series. The lock must
// be held.
func (c *cache) deepLocked() bool {
	series := 0
	for _, ct := range c.tables {
		series += ct.heads.n
	}
	return c.rows.Load() >= deepFlushRows*int64(series)
}

// acquire takes one more hold of the cache. The caller must be sure that
// another hold exists.
func (c *cache) acquire() { c.refs.Add(1) }

// release lets go of one hold and frees the memory with the last one.
func (c *cache) release() {
	if c.refs.Add(-1) > 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.arena.Free()
	c.tables = nil
	c.account.Release(c.charged)
	c.charged = 0
}

// series returns the ids of the series that have rows, in no order.
func (c *cache) series() []uint32 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var ids []uint32
	for _, ct := range c.tables {
		ids = ct.heads.series(ids)
	}
	return ids
}

// tablesOf returns the tables of a measurement, or, when it is empty, all.
func (c *cache) tablesOf(measurement string) []*cacheTable {
	if measurement == "" {
		return c.sorted()
	}
	if ct := c.table(measurement); ct != nil {
		return []*cacheTable{ct}
	}
	return nil
}

// limitIn returns how many rows of a table of c a reader may see.
func (ct *cacheTable) limitIn(c *cache, durable uint64) uint32 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return ct.limit(durable)
}
