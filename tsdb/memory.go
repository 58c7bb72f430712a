package tsdb

// When the budget is short, caches are flushed before they are as large as they
// may be, and indexes write layers. Caches get a small part of their limit
// in any case: files of a few rows each would help nobody.
const (
	// pressedShare is the part of the budget that is still free when memory is
	// short: one of pressedShare.
	pressedShare = 8
	// leastCacheShare is the part of CacheLimit that caches may take however
	// short memory is: one of leastCacheShare.
	leastCacheShare = 8
	// worthLayerShare is the part of the budget from which on the series of an index
	// that no layer has are worth one to have their memory.
	worthLayerShare = 32
	// poolTrimTicks is how many ticks of flushLoop pass between two looks at the
	// memory that freed caches have left.
	poolTrimTicks = 5
)

// pressed reports whether the budget is short.
func (s *Store) pressed() bool {
	limit := s.opt.Budget.Limit()
	return limit > 0 && s.opt.Budget.Used() >= limit-limit/pressedShare
}

// cacheFull reports whether writes have to wait for a flush.
func (s *Store) cacheFull() bool {
	used := s.cacheAccount.Used()
	if used >= s.opt.CacheLimit {
		return true
	}
	limit := s.opt.Budget.Limit()
	return limit > 0 && s.opt.Budget.Used() >= limit && used >= s.opt.CacheLimit/leastCacheShare
}

// flushWanted reports whether active caches of total bytes are to be flushed
// although none is large.
func (s *Store) flushWanted(total int64) bool {
	return total >= s.opt.CacheFlushBytes || s.cacheFull() || s.pressed() && total >= s.opt.CacheLimit/leastCacheShare/2
}

// trimPool gives memory back that freed caches have left and nobody has taken.
func (s *Store) trimPool() {
	s.poolTicks++
	if s.pressed() || s.poolTicks%poolTrimTicks == 0 {
		s.pool.Trim()
	}
}

// wantsLayer reports whether an index should write a layer now: because it says so,
// or because memory is short and that would give some back.
func (db *database) wantsLayer() bool {
	if db.index.NeedsLayer() {
		return true
	}
	s := db.store
	return s.pressed() && db.index.Metrics().DeltaBytes >= s.opt.Budget.Limit()/worthLayerShare
}
