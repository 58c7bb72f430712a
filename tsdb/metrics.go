package tsdb

import (
	"sync/atomic"
	"time"

	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/wal"
)

// Metrics is the state of a store at one moment. Counters grow from the opening
// of the store on.
type Metrics struct {
	Databases, Shards, Files int
	FileBytes                int64
	Series                   int64
	SeriesFreed              int64 // that nothing named any more
	IndexCheckpoints         int64 // bytes, mapped
	IndexLayers              int   // files that the checkpoints are made of
	IndexLayerFails          int64 // layers that could not be written or merged
	IndexWrittenBytes        int64 // to checkpoints and layers
	IndexUncovered           int64 // series that no layer has: a start reads them one by one
	SeriesLogs               int64 // bytes
	IndexMemory              int64 // bytes, without what is mapped from files
	Sketches                 int64 // bytes of sketches that estimate numbers of tag values
	RegexCache               int64 // bytes of cached results of regular expressions on tags
	RegexHits, RegexMisses   int64 // of that cache
	Tombstones               int   // deletes that files do not reflect yet
	LostFiles                int   // files that the manifests name and that cannot be read
	FailedShards             int   // shards that cannot be opened because of damage
	DormantShards            int   // shards whose files are closed, because nobody has needed them

	CacheBytes, CacheLimit int64
	CacheRows              int64
	FrozenCaches           int

	RowsWritten, ValuesWritten int64
	RowsDropped                int64 // field type conflicts
	LastDropped                string
	WritesRefused              int64 // cache full

	Flushes, FlushFailures    int64
	FlushedRows, FlushedBytes int64
	RowsOverwritten           int64 // rows of one series and timestamp that a flush made one
	ValuesOverwritten         int64 // values that a newer one took the place of, at flush and merge
	LastOverwritten           string
	LastFlushError            string

	Compactions, CompactionFails int64
	CompactedBytes               int64
	CompactionBacklog            int // merges that the planner asks for
	CompactionQueuedBytes        int64
	CompactionDebt               int64 // of shards with merges to do, see tsm.Debt
	CompactionsRunning           int64
	CompactionReadBytes          int64         // of blocks
	CompactionDelayed            time.Duration // for which merges waited to keep to their bytes per second
	LastCompactionError          string

	Deletes          int64
	QuarantinedFiles int64
	CorruptionsFound int64
	LastCorruption   string
	OrphansRemoved   int64

	DurableLSN, AppendedLSN uint64
	LogReleased             uint64 // frames below are let go
	Log                     wal.Metrics
	Replay                  ReplayMetrics
	Memory                  []budget.Usage
}

// ReplayMetrics tells what opening found in the log.
type ReplayMetrics struct {
	Frames, Rows  int64
	Bytes         int64 // of the payloads of the frames
	RowsSkipped   int64 // already in files
	UnknownFrames int64 // of databases or shards that are gone
	Took          time.Duration
}

// counters are the parts of Metrics that are counted as things happen.
type counters struct {
	rowsWritten, valuesWritten, rowsDropped, writesRefused atomic.Int64
	flushes, flushFailures, flushedRows, flushedBytes      atomic.Int64
	rowsOverwritten, valuesOverwritten                     atomic.Int64
	lastOverwritten                                        atomic.Pointer[string]
	merging                                                atomic.Int64
	compactions, compactionFails, compactedBytes           atomic.Int64
	deletes, quarantined, corruptions, orphans             atomic.Int64
	seriesFreed, layerFails                                atomic.Int64
	released                                               atomic.Uint64
	lastDropped, lastFlushError, lastCompactionError       atomic.Pointer[string]
	lastCorruption                                         atomic.Pointer[string]
}

func textOf(p *atomic.Pointer[string]) string {
	if s := p.Load(); s != nil {
		return *s
	}
	return ""
}

func setText(p *atomic.Pointer[string], s string) { p.Store(&s) }

// Metrics returns the state of the store.
func (s *Store) Metrics() Metrics {
	c := &s.counters
	m := Metrics{
		CacheBytes: s.cacheAccount.Used(), CacheLimit: s.opt.CacheLimit,
		RowsWritten: c.rowsWritten.Load(), ValuesWritten: c.valuesWritten.Load(),
		RowsDropped: c.rowsDropped.Load(), LastDropped: textOf(&c.lastDropped), WritesRefused: c.writesRefused.Load(),
		Flushes: c.flushes.Load(), FlushFailures: c.flushFailures.Load(), FlushedRows: c.flushedRows.Load(),
		FlushedBytes: c.flushedBytes.Load(), RowsOverwritten: c.rowsOverwritten.Load(),
		ValuesOverwritten: c.valuesOverwritten.Load(), LastOverwritten: textOf(&c.lastOverwritten), LastFlushError: textOf(&c.lastFlushError),
		Compactions: c.compactions.Load(), CompactionFails: c.compactionFails.Load(), CompactedBytes: c.compactedBytes.Load(),
		CompactionsRunning:  c.merging.Load(),
		LastCompactionError: textOf(&c.lastCompactionError), Deletes: c.deletes.Load(),
		QuarantinedFiles: c.quarantined.Load(), CorruptionsFound: c.corruptions.Load(), LastCorruption: textOf(&c.lastCorruption),
		OrphansRemoved: c.orphans.Load(), SeriesFreed: c.seriesFreed.Load(), IndexLayerFails: c.layerFails.Load(), LogReleased: c.released.Load(),
		DurableLSN: s.log.DurableLSN(), AppendedLSN: s.log.LastLSN(),
		Log: s.log.Metrics(), Replay: s.replayed, Memory: s.opt.Budget.Usage(),
	}
	m.CompactionReadBytes, m.CompactionDelayed = s.compactor.disk.totals()
	now := s.clock.Now()
	for _, db := range s.list() {
		m.Databases++
		x := db.index.Metrics()
		m.Series += int64(x.Series)
		m.IndexCheckpoints += x.CheckpointBytes
		m.IndexLayers += x.Layers
		m.IndexWrittenBytes += x.CheckpointBytesWritten
		m.IndexUncovered += int64(x.DeltaSeries)
		m.SeriesLogs += x.SeriesLogBytes
		m.IndexMemory += indexMemory(x)
		m.Sketches += x.SketchBytes
		m.RegexCache += x.RegexCacheBytes
		m.RegexHits += x.RegexHits
		m.RegexMisses += x.RegexMisses
		m.FailedShards += db.failedCount()
		for _, sh := range db.list() {
			sh.addMetrics(&m, now)
		}
		for _, d := range db.listDormant() {
			d.addMetrics(&m)
		}
	}
	return m
}

func (sh *shard) addMetrics(m *Metrics, now time.Time) {
	jobs, _, debt := sh.plan(mergeRule{closed: sh.cold(now)})
	var queue mergeQueue
	queue.add(jobs, debt)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if sh.dropped {
		return
	}
	m.Shards++
	m.Files += len(sh.files)
	for _, f := range sh.files {
		m.FileBytes += f.Size
	}
	m.CacheRows += sh.active.rows.Load()
	for _, c := range sh.frozen {
		m.CacheRows += c.rows.Load()
	}
	m.FrozenCaches += len(sh.frozen)
	m.Tombstones += len(sh.deletes)
	m.LostFiles += len(sh.lost)
	m.CompactionBacklog += queue.Jobs
	m.CompactionQueuedBytes += queue.Bytes
	m.CompactionDebt += queue.Debt
}
