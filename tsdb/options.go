package tsdb

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/timberlinedb/timberline/index"
	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/tsm"
	"github.com/timberlinedb/timberline/wal"
)

// Options of a store. The zero value works.
type Options struct {
	FS     vfs.FS         // nil is the machine's
	Clock  clock.Clock    // nil is the machine's
	Budget *budget.Budget // nil is one without a limit

	// WAL configures the log. Its FS, Clock, QuarantineDir and MinLSN are set by
	// the store.
	WAL wal.Options
	// Index configures the series index of every database. Its FS is set by the
	// store.
	Index index.Options

	// Cache.

	// CacheLimit is the number of bytes of all caches, frozen ones included,
	// above which writes wait and are then refused; zero is 1 GiB.
	CacheLimit int64
	// ShardCacheBytes is the size from which on the cache of one shard is
	// flushed; zero is a quarter of CacheLimit, at most 128 MiB.
	ShardCacheBytes int64
	// CacheFlushBytes is the total of the caches that take rows from which on
	// the largest are flushed; zero is half of CacheLimit.
	CacheFlushBytes int64
	// FlushAge is how long rows stay in a cache at most; zero is 10 minutes. A
	// cache of more than 1 MiB that takes no more rows is flushed after a tenth
	// of it, one of more than 8 MiB with 64 rows for each series after a second.
	FlushAge time.Duration
	// WriteStall is how long a write waits for room in the cache; zero is 5
	// seconds, negative does not wait.
	WriteStall time.Duration
	// FrameBytes is about the size at which the rows of a write are cut into
	// several frames of the log; zero is 1 MiB.
	FrameBytes int

	// Files.

	// SparseRows and CellPercent are those of tsm.WriterOptions.
	SparseRows, CellPercent int
	// BlockRows is the number of rows of a full block; zero is
	// tsm.DefaultBlockRows after a flush, tsm.CompactedBlockRows after a merge and
	// for series that have that many rows in a flush.
	BlockRows int
	// Codecs says how the codecs of pages are chosen; its zero value takes the
	// cheapest ones.
	Codecs tsm.CodecChoice

	// Compaction.

	// CompactionWorkers is how many shards are compacted at once; zero is half of
	// GOMAXPROCS, at least 1; negative is none.
	CompactionWorkers int
	// CompactionBytes is how many bytes of blocks merges read per second, all
	// together, and CompactionBurst how many they may read at once after a pause;
	// zero CompactionBytes is no limit, zero CompactionBurst is one second's worth.
	CompactionBytes, CompactionBurst int64
	// CompactionInterval is how often shards are looked at without a flush as the
	// reason; zero is 1 minute.
	CompactionInterval time.Duration
	// ColdAfter is how long a shard must not have been flushed before it gets its
	// final compaction; zero is 4 hours.
	ColdAfter time.Duration
	// CompactionMemory bounds what merges hold; zero leaves it to the budget.
	CompactionMemory int64

	// RetryAfter is how long background work waits after a failure, doubled up
	// to 64 times with each one; zero is 1 second.
	RetryAfter time.Duration

	Events Events
}

// EnsureDefaults replaces zero values by their meaning.
func (o *Options) EnsureDefaults() {
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	if o.Clock == nil {
		o.Clock = clock.System
	}
	if o.Budget == nil {
		o.Budget = budget.New(0)
	}
	setDefault(&o.CacheLimit, 1<<30)
	setDefault(&o.ShardCacheBytes, min(o.CacheLimit/4, 128<<20))
	setDefault(&o.CacheFlushBytes, o.CacheLimit/2)
	setDefault(&o.FlushAge, 10*time.Minute)
	setDefault(&o.WriteStall, 5*time.Second)
	setDefault(&o.FrameBytes, 1<<20)
	setDefault(&o.CompactionWorkers, max(runtime.GOMAXPROCS(0)/2, 1))
	setDefault(&o.CompactionBurst, o.CompactionBytes)
	setDefault(&o.CompactionInterval, time.Minute)
	setDefault(&o.ColdAfter, 4*time.Hour)
	setDefault(&o.RetryAfter, time.Second)
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// Validate names the options that cannot work.
func (o *Options) Validate() error {
	var errs []error
	for _, v := range []struct {
		name  string
		value int64
	}{
		{"cache limit", o.CacheLimit}, {"shard cache bytes", o.ShardCacheBytes},
		{"cache flush bytes", o.CacheFlushBytes}, {"flush age", int64(o.FlushAge)},
		{"frame bytes", int64(o.FrameBytes)}, {"compaction interval", int64(o.CompactionInterval)},
		{"cold after", int64(o.ColdAfter)},
		{"compaction bytes", o.CompactionBytes}, {"compaction burst", o.CompactionBurst}, {"retry after", int64(o.RetryAfter)},
	} {
		if v.value < 0 {
			errs = append(errs, fmt.Errorf("%s: %d is negative", v.name, v.value))
		}
	}
	return errors.Join(errs...)
}
