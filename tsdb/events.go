package tsdb

import (
	"time"

	"github.com/timberlinedb/timberline/model"
)

// ShardRef names a shard in events and errors.
type ShardRef struct {
	Database uint32
	Shard    uint64
}

// Events are told to whoever listens; nil functions are left out. They are
// called without locks held that a read or write needs, from the goroutine
// that has the news, and must not call the store.
type Events struct {
	Replayed         func(ReplayMetrics)
	Flushed          func(s ShardRef, rows, bytes int64, took time.Duration)
	FlushFailed      func(s ShardRef, err error)
	Compacted        func(s ShardRef, inputs int, bytes int64, took time.Duration)
	CompactionFailed func(s ShardRef, err error)
	Corrupted        func(err error)                                            // damage that was found, named
	Quarantined      func(s ShardRef, file, moved string, lost model.TimeRange) // a file was set aside
	ShardFailed      func(s ShardRef, err error)                                // takes no writes any more
	OrphanRemoved    func(name string)
	RowsDropped      func(s ShardRef, rows int, reason string)
}
