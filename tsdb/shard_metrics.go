package tsdb

import (
	"sync/atomic"
	"time"
)

// ShardMetrics is the state of one shard at one moment.
type ShardMetrics struct {
	Database  uint32
	Shard     uint64
	Directory string
	Series    int64 // that have rows in it
	Files     int
	FileBytes int64

	CacheBytes  int64         // of the active cache
	FrozenBytes int64         // of the caches that are being written to files
	CacheRows   int64         // of both
	Frozen      int           // number of the latter
	CacheAge    time.Duration // since the first write into the active cache; 0 when that is empty
	Tombstones  int           // deletes that files do not reflect yet

	// Since the shard was opened.
	Writes, WritesFailed         int64
	RowsWritten, ValuesWritten   int64
	RowsDropped                  int64 // refused because of a field type
	FieldsCreated                int64
	Flushes, FlushFailures       int64
	FlushTime                    time.Duration // of those that worked
	FlushesActive                int64
	Compactions, CompactionFails int64

	Merges [mergeClasses]MergeMetrics // by class: those into levels 1, 2 and from 3 on, and those that leave one file
}

// MergeMetrics counts the merges of one class.
type MergeMetrics struct {
	Done, Failed, Active int64
	Queued               int           // that the planner asks for
	Took                 time.Duration // those that were done
}

// The classes of merges: by the level of the output, and those whose output is all that the shard has.
const (
	finalMerges  = 3
	mergeClasses = 4
)

func mergeClass(level int, final bool) int {
	if final {
		return finalMerges
	}
	return min(max(level, 1), finalMerges) - 1
}

// shardActivity counts what happened to a shard since it was opened.
type shardActivity struct {
	writes, writesFailed         atomic.Int64
	rows, values, dropped        atomic.Int64
	fields                       atomic.Int64
	flushes, flushFails          atomic.Int64
	compactions, compactionFails atomic.Int64
	flushNanos, flushing         atomic.Int64
	merges                       [mergeClasses]mergeActivity
}

type mergeActivity struct{ done, failed, active, nanos atomic.Int64 }

// merging counts a merge from its begin on; the function that it returns, its end.
func (a *shardActivity) merging(class int) func(took time.Duration, err error) {
	m := &a.merges[class]
	m.active.Add(1)
	return func(took time.Duration, err error) {
		m.active.Add(-1)
		if err != nil {
			m.failed.Add(1)
			return
		}
		m.done.Add(1)
		m.nanos.Add(took.Nanoseconds())
	}
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
	m.FlushTime, m.FlushesActive = time.Duration(a.flushNanos.Load()), a.flushing.Load()
	for i := range a.merges {
		from := &a.merges[i]
		m.Merges[i] = MergeMetrics{Done: from.done.Load(), Failed: from.failed.Load(), Active: from.active.Load(), Took: time.Duration(from.nanos.Load())}
	}
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
	now := sh.store.clock.Now()
	jobs, _, _ := sh.plan(mergeRule{closed: sh.cold(now)})
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if sh.dropped {
		return m, false
	}
	m = ShardMetrics{
		Database: sh.db.id, Shard: sh.spec.ID, Directory: sh.dir, Series: sh.db.index.PresentCount(sh.spec.ID), Files: len(sh.files), Frozen: len(sh.frozen),
		CacheBytes: sh.active.bytes.Load(), CacheRows: sh.active.rows.Load(), Tombstones: len(sh.deletes),
	}
	if !sh.active.empty() {
		sh.active.mu.RLock()
		m.CacheAge = max(now.Sub(sh.active.since), 0)
		sh.active.mu.RUnlock()
	}
	sh.activity.addTo(&m)
	for i := range jobs {
		m.Merges[mergeClass(jobs[i].Level, jobs[i].Final)].Queued++
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
