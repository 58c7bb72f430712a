package server

import (
	"crypto/tls"
	"log/slog"

	"github.com/timberlinedb/timberline/config"
	"github.com/timberlinedb/timberline/httpapi"
	"github.com/timberlinedb/timberline/index"
	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/query"
	"github.com/timberlinedb/timberline/task"
	"github.com/timberlinedb/timberline/tsdb"
	"github.com/timberlinedb/timberline/wal"
)

// limited turns a setting in which 0 means no limit into an option in which a
// negative number does.
func limited(n int64) int64 {
	if n == 0 {
		return -1
	}
	return n
}

func httpOptions(cfg config.Config, log *slog.Logger, memory *budget.Account) httpapi.Options {
	h := cfg.HTTP
	return httpapi.Options{
		Version:     h.Version,
		BindAddress: h.BindAddress,
		Durability:  cfg.Data.WALSync,
		OTLP:        httpapi.OTLP{Database: h.OTLPDatabase, Policy: h.OTLPRetentionPolicy},
		AccessLog:   h.LogEnabled,

		CheckOrganization: h.CheckOrganization,
		Pprof:             h.PprofEnabled,
		Log:               log,
		Memory:            memory,
		Auth: httpapi.Auth{
			Enabled:      h.AuthEnabled,
			SharedSecret: h.SharedSecret,
			Ping:         h.PingAuthEnabled,
			Pprof:        h.PprofAuthEnabled,
			OpenMetrics:  !h.MetricsAuthEnabled,
		},
		Limits: httpapi.Limits{
			MaxBodyBytes:         limited(int64(h.MaxBodySize)),
			MaxInflatedBytes:     limited(int64(h.MaxInflatedBodySize)),
			MaxInflateRatio:      limited(int64(h.MaxInflateRatio)),
			MaxPoints:            h.MaxPointsPerRequest,
			MaxConcurrentWrites:  h.MaxConcurrentWrites,
			MaxEnqueuedWrites:    h.MaxEnqueuedWrites,
			EnqueuedWriteTimeout: h.EnqueuedWriteTimeout,
			WriteTimeout:         cfg.Coordinator.WriteTimeout,
			MaxRows:              h.MaxRowLimit,
			MaxMsgpackBytes:      int(h.MaxMessagePackMemory),
			ReadIdle:             h.BodyIdleTimeout,
			MinBodyRate:          h.MinBodyRate,
		},
	}
}

// newTLS returns what connections are encrypted with, nil for nothing.
func newTLS(cfg config.HTTP, files vfs.FS, clk clock.Clock, log *slog.Logger, told func(error)) (*httpapi.TLS, error) {
	if !cfg.HTTPSEnabled {
		return nil, nil
	}
	version := uint16(tls.VersionTLS12)
	if cfg.HTTPSMinVersion == "1.3" {
		version = tls.VersionTLS13
	}
	return httpapi.NewTLS(httpapi.TLSOptions{
		FS: files, Certificate: cfg.HTTPSCertificate, PrivateKey: cfg.HTTPSPrivateKey, MinVersion: version,
		ClientCA: cfg.HTTPSClientCA, RequireClient: cfg.HTTPSClientAuth == "require",
		ReloadEvery: cfg.HTTPSReloadInterval, Clock: clk, Log: log, Told: told,
	})
}

func listenOptions(cfg config.Config, log *slog.Logger) httpapi.ServerOptions {
	h := cfg.HTTP
	return httpapi.ServerOptions{
		Addr:              h.BindAddress,
		MaxConnections:    h.MaxConnectionLimit,
		ReadHeaderTimeout: h.ReadHeaderTimeout,
		IdleTimeout:       h.IdleTimeout,
		SendIdle:          h.ResponseIdleTimeout,
		MaxHeaderBytes:    int(h.MaxHeaderSize),
		Log:               log,
	}
}

// All caches together get at most one of cacheShare of the memory limit, but
// leastCache in any case.
const (
	cacheShare = 4
	leastCache = 16 << 20
)

func storeOptions(cfg config.Config, log *slog.Logger, memory *budget.Budget) tsdb.Options {
	d := cfg.Data
	mode := wal.Durable
	if d.WALSync == "interval" {
		mode = wal.Interval
	}
	cache := int64(d.CacheMaxMemorySize)
	if limit := memory.Limit(); limit > 0 {
		cache = min(cache, max(limit/cacheShare, leastCache))
	}
	return tsdb.Options{
		Budget:            memory,
		WAL:               wal.Options{SyncMode: mode, SyncInterval: d.WALSyncInterval, Events: logEvents(log)},
		Index:             indexOptions(d),
		CacheLimit:        cache,
		ShardCacheBytes:   int64(d.CacheSnapshotMemorySize),
		FlushAge:          d.CacheSnapshotWriteColdDuration,
		ColdAfter:         d.CompactFullWriteColdDuration,
		CompactionWorkers: d.MaxConcurrentCompactions,
		CompactionBytes:   int64(d.CompactThroughput),
		CompactionBurst:   int64(d.CompactThroughputBurst),
		Events:            storeEvents(log),
	}
}

// overflowValue is what a tag has in place of a value that is one too many.
const overflowValue = "__overflow__"

func indexOptions(d config.Data) index.Options {
	opt := index.Options{MaxSeries: d.MaxSeriesPerDatabase, MaxTagValues: d.MaxValuesPerTag}
	if d.OverflowTagValues {
		opt.OverflowValue = overflowValue
	}
	return opt
}

func subscriberOptions(c config.Subscriber, log *slog.Logger) ingest.SubscriberOptions {
	return ingest.SubscriberOptions{
		Timeout: c.HTTPTimeout, Writers: c.WriteConcurrency, Queue: c.WriteBufferSize, QueueBytes: int64(c.TotalBufferBytes), Log: log,
	}
}

func taskOptions(c config.ContinuousQueries, log *slog.Logger, clk clock.Clock) task.Options {
	return task.Options{Clock: clk, Every: c.RunInterval, LogRuns: c.LogEnabled, Log: log}
}

// groupCacheShare is the part of the memory limit that kept sets of series may take at most: one of so many.
const groupCacheShare = 32

func queryOptions(cfg config.Config, log *slog.Logger, memory *budget.Budget) query.Options {
	c := cfg.Coordinator
	var groups *budget.Account
	if most := int64(c.MaxGroupCache); most > 0 {
		if limit := memory.Limit(); limit > 0 {
			most = min(most, max(limit/groupCacheShare, 1))
		}
		groups = memory.Account("query-groups", most)
	}
	return query.Options{
		Memory:           memory.Account("queries", 0),
		GroupMemory:      groups,
		MaxQueryBytes:    int64(c.MaxQueryMemory),
		MaxSelectPoints:  c.MaxSelectPoint,
		MaxSelectSeries:  c.MaxSelectSeries,
		MaxSelectBuckets: c.MaxSelectBuckets,
		MaxFillBuckets:   c.MaxFillBuckets,
		MaxConcurrent:    c.MaxConcurrentQueries,
		MaxQueued:        c.MaxQueuedQueries,
		QueueTimeout:     c.QueuedQueryTimeout,
		Timeout:          c.QueryTimeout,
		LogAfter:         c.LogQueriesAfter,
		Log:              log,
	}
}
