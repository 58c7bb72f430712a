package server

import (
	"log/slog"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/config"
	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/wal"
)

// Every setting of storage reaches the engine.
func TestStoreOptions(t *testing.T) {
	memory := budget.New(0)
	got := storeOptions(config.Config{Data: config.Data{
		WALSync: "interval", WALSyncInterval: 2 * time.Second,
		CacheMaxMemorySize: 3, CacheSnapshotMemorySize: 4, CacheSnapshotWriteColdDuration: 5,
		CompactFullWriteColdDuration: 6, MaxConcurrentCompactions: 7,
	}}, slog.New(slog.DiscardHandler), memory)
	switch {
	case got.Budget != memory:
		t.Error("the memory budget is another one")
	case got.WAL.SyncMode != wal.Interval || got.WAL.SyncInterval != 2*time.Second:
		t.Errorf("log: %+v", got.WAL)
	case got.CacheLimit != 3 || got.ShardCacheBytes != 4 || got.FlushAge != 5:
		t.Errorf("cache: limit %d, shard %d, age %d", got.CacheLimit, got.ShardCacheBytes, got.FlushAge)
	case got.ColdAfter != 6 || got.CompactionWorkers != 7:
		t.Errorf("compaction: cold after %d, workers %d", got.ColdAfter, got.CompactionWorkers)
	}
}
