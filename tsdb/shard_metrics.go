package tsdb

// ShardMetrics is the state of one shard at one moment.
type ShardMetrics struct {
	Database  uint32
	Shard     uint64
	Files     int
	FileBytes int64

	CacheBytes  int64 // of the active cache
	FrozenBytes int64 // of the caches that are being written to files
	CacheRows   int64 // of both
	Tombstones  int   // deletes that files do not reflect yet
}

// ShardMetrics returns the state of every open shard, database by database.
func (s *Store) ShardMetrics() []ShardMetrics {
	var all []ShardMetrics
	for _, db := range s.list() {
		for _, sh := range db.list() {
			if m, ok := sh.metrics(); ok {
				all = append(all, m)
			}
		}
	}
	return all
}

// metrics returns the state of the shard; ok is false when it is dropped.
func (sh *shard) metrics() (m ShardMetrics, ok bool) {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if sh.dropped {
		return m, false
	}
	m = ShardMetrics{
		Database: sh.db.id, Shard: sh.spec.ID, Files: len(sh.files),
		CacheBytes: sh.active.bytes.Load(), CacheRows: sh.active.rows.Load(), Tombstones: len(sh.deletes),
	}
	for _, f := range sh.files {
		m.FileBytes += f.Size
	}
	for _, c := range sh.frozen {
		m.FrozenBytes += c.bytes.Load()
		m.CacheRows += c.rows.Load()
	}
	return m, true
}

// DatabaseMetrics is the state of the index of one database.
type DatabaseMetrics struct {
	Database     uint32
	Series       int64 // that have rows in some shard
	Measurements int   // that have series in some shard
}

// DatabaseMetrics returns the state of every open database.
func (s *Store) DatabaseMetrics() []DatabaseMetrics {
	var all []DatabaseMetrics
	for _, db := range s.list() {
		m := DatabaseMetrics{Database: db.id}
		var shards []uint64
		for _, sh := range db.list() {
			shards = append(shards, sh.spec.ID)
		}
		present := db.index.Present(shards)
		m.Series = int64(present.GetCardinality())
		if names, err := db.index.Measurements(present); err == nil {
			m.Measurements = len(names)
		}
		all = append(all, m)
	}
	return all
}
