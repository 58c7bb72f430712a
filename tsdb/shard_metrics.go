package tsdb

import "sync/atomic"

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

	// Since the shard was opened.
	Writes, WritesFailed         int64
	RowsWritten, ValuesWritten   int64
	RowsDropped                  int64 // refused because of a field type
	FieldsCreated                int64
	Flushes, FlushFailures       int64
	Compactions, CompactionFails int64
}

// shardActivity counts what happened to a shard since it was opened.
type shardActivity struct {
	writes, writesFailed         atomic.Int64
	rows, values, dropped        atomic.Int64
	fields                       atomic.Int64
	flushes, flushFails          atomic.Int64
	compactions, compactionFails atomic.Int64
}

// wrote counts a write.
func (a *shardActivity) wrote(res WriteResult, err error) {
	a.writes.Add(1)
	if err != nil {
		a.writesFailed.Add(1)
	}
	a.rows.Add(int64(res.Rows))
	a.values.Add(int64(res.Values))
	if res.Dropped > 0 {
		a.dropped.Add(int64(res.Dropped))
	}
}

// addTo fills in the counters.
func (a *shardActivity) addTo(m *ShardMetrics) {
	m.Writes, m.WritesFailed = a.writes.Load(), a.writesFailed.Load()
	m.RowsWritten, m.ValuesWritten, m.RowsDropped = a.rows.Load(), a.values.Load(), a.dropped.Load()
	m.FieldsCreated = a.fields.Load()
	m.Flushes, m.FlushFailures = a.flushes.Load(), a.flushFails.Load()
	m.Compactions, m.CompactionFails = a.compactions.Load(), a.compactionFails.Load()
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
	sh.activity.addTo(&m)
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
		for _, d := range db.listDormant() {
			shards = append(shards, d.spec.ID)
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
