package server

import (
	"log/slog"
	"time"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb"
	"github.com/timberlinedb/timberline/wal"
)

// storeEvents writes what storage tells to the log.
func storeEvents(log *slog.Logger) tsdb.Events {
	of := func(s tsdb.ShardRef) *slog.Logger { return log.With("database", s.Database, "shard", s.Shard) }
	return tsdb.Events{
		Replayed: func(m tsdb.ReplayMetrics) {
			log.Info("log replayed", "frames", m.Frames, "rows", m.Rows, "skipped", m.RowsSkipped, "unknown", m.UnknownFrames, "took", m.Took)
		},
		Flushed: func(s tsdb.ShardRef, rows, bytes int64, took time.Duration) {
			of(s).Debug("cache flushed", "rows", rows, "bytes", bytes, "took", took)
		},
		FlushFailed: func(s tsdb.ShardRef, err error) { of(s).Error("flush failed, will be tried again", "error", err) },
		Compacted: func(s tsdb.ShardRef, inputs int, bytes int64, took time.Duration) {
			of(s).Debug("files merged", "inputs", inputs, "bytes", bytes, "took", took)
		},
		CompactionFailed: func(s tsdb.ShardRef, err error) { of(s).Error("compaction failed, will be tried again", "error", err) },
		Corrupted:        func(err error) { log.Error("damaged data", "error", err) },
		Quarantined: func(s tsdb.ShardRef, file, moved string, lost model.TimeRange) {
			of(s).Error("damaged file set aside", "file", file, "moved_to", moved,
				"from", time.Unix(0, lost.Min).UTC(), "until", time.Unix(0, lost.Max).UTC())
		},
		ShardFailed: func(s tsdb.ShardRef, err error) {
			of(s).Error("shard takes no writes until the next start", "error", err)
		},
		OrphanRemoved: func(name string) { log.Info("removed what a crash or a drop left", "name", name) },
		RowsDropped: func(s tsdb.ShardRef, rows int, reason string) {
			of(s).Debug("rows refused", "rows", rows, "reason", reason)
		},
	}
}

// logEvents writes what the write-ahead log tells to the log of the server.
func logEvents(log *slog.Logger) wal.Events {
	return wal.Events{
		NoSpace:       func(err error) { log.Error("disk is full, writes are refused", "error", err) },
		SpaceReturned: func() { log.Info("there is space again, writes are taken") },
		Poisoned: func(err error) {
			log.Error("write-ahead log has failed, writes are refused until the next start", "error", err)
		},
		Truncated: func(segment string, offset int64, torn int64) {
			log.Warn("torn tail of the write-ahead log cut", "segment", segment, "offset", offset, "bytes", torn)
		},
	}
}
