package server

import (
	"path/filepath"

	"github.com/timberlinedb/timberline/httpapi"
	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/monitor"
	"github.com/timberlinedb/timberline/task"
	"github.com/timberlinedb/timberline/tsdb"
)

// register tells the monitor what the rooms count. Names with a long past, in
// /debug/vars, are those of InfluxDB 1.x, so that its dashboards work.
func (s *Server) register(m *monitor.Monitor, memory *budget.Budget) {
	m.Register(monitor.SourceFunc(func(c *monitor.Collector) { collectQueries(c, s.engine.Metrics()) }))
	m.Register(monitor.SourceFunc(func(c *monitor.Collector) {
		collectShards(c, filepath.Join(s.cfg.Data.Dir, "wal"), s.catalog.Snapshot(), s.store.DatabaseMetrics(), s.store.ShardMetrics())
	}))
	m.Register(monitor.SourceFunc(func(c *monitor.Collector) {
		w := s.writer.Metrics()
		sub := s.subscriber.Metrics()
		collectWrites(c, w, sub)
		collectSubscriptions(c, sub)
		collectStore(c, filepath.Join(s.cfg.Data.Dir, "wal"), s.store.Metrics())
	}))
	if s.tasks != nil {
		m.Register(monitor.SourceFunc(func(c *monitor.Collector) { collectTasks(c, s.tasks.Metrics()) }))
	}
	m.Register(monitor.SourceFunc(func(c *monitor.Collector) { collectHTTP(c, s.handler.Statistics(), s.writer.Metrics(), s.http.Addr()) }))
	m.Register(monitor.SourceFunc(s.collectRefusals))
	m.Register(monitor.SourceFunc(func(c *monitor.Collector) { collectConnections(c, s.http.Connections()) }))
	m.Register(monitor.SourceFunc(s.collectConflicts))
	m.Register(monitor.SourceFunc(func(c *monitor.Collector) {
		for _, l := range s.currentListeners() {
			collectListeners(c, l.Metrics())
		}
	}))
	if s.trail != nil {
		m.Register(monitor.SourceFunc(func(c *monitor.Collector) {
			a := s.trail.Metrics()
			c.Counter("audit_events_total", "Audit events that were written.", float64(a.Events))
			c.Counter("audit_suppressed_total", "Audit events of failures that were too many to write.", float64(a.Suppressed))
			c.Counter("audit_lost_total", "Audit events that could not be written.", float64(a.Lost))
		}))
	}
	if s.tls != nil {
		m.Register(monitor.SourceFunc(func(c *monitor.Collector) { collectTLS(c, s.tls.Statistics()) }))
	}
	m.Register(monitor.SourceFunc(func(c *monitor.Collector) { collectMemory(c, memory) }))
}

func collectHTTP(c *monitor.Collector, h httpapi.Statistics, w ingest.Metrics, bind string) {
	c.Statistic(monitor.Statistic{
		Name: "httpd", Distinct: []string{"bind"}, Tags: map[string]string{"bind": bind},
		Values: map[string]any{
			"req": h.Requests, "reqActive": h.ActiveRequests, "reqDurationNs": h.RequestDurationNs,
			"clientError": h.ClientErrors, "serverError": h.ServerErrors, "recoveredPanics": h.RecoveredPanics,
			"pingReq": h.PingRequests, "statusReq": h.StatusRequests, "authFail": h.AuthFailures,
			"queryReq": h.QueryRequests, "queryReqDurationNs": h.QueryDurationNs, "queryRespBytes": h.QueryResponseBytes,
			"writeReq": h.WriteRequests, "writeReqActive": h.ActiveWrites, "writeReqDurationNs": h.WriteDurationNs,
			"writeReqBytes": h.WriteBytes, "pointsWrittenDropped": h.PointsDropped,
			"pointsWrittenOK": w.Rows, "pointsWrittenFail": int64(0), "valuesWrittenOK": w.Values,
			"promReadReq": h.PromReads, "promWriteReq": h.PromWrites, "fluxQueryReq": int64(0), "fluxQueryReqDurationNs": int64(0),
		},
	})
	c.Counter("http_requests_total", "Requests that were answered.", float64(h.Requests))
	c.Gauge("http_requests_active", "Requests being answered.", float64(h.ActiveRequests))
	c.Counter("http_client_errors_total", "Requests answered with a status of 400 to 499.", float64(h.ClientErrors))
	c.Counter("http_server_errors_total", "Requests answered with a status of 500 and above.", float64(h.ServerErrors))
	c.Counter("http_auth_failures_total", "Requests whose credentials were missing, wrong, or not looked at after too many failures.", float64(h.AuthFailures))
	c.Counter("http_panics_total", "Requests that failed by a fault of the server.", float64(h.RecoveredPanics))
	c.Counter("http_writes_throttled_total", "Writes refused because too many were running.", float64(h.ThrottledWrites))
	c.Counter("http_bodies_too_large_total", "Bodies that were refused with 413, before or after decompression.", float64(h.LargeBodies.Count))
	c.Counter("http_bodies_too_slow_total", "Bodies that were given up because nothing, or too little, came of them any more.", float64(h.SlowBodies.Count))
	c.Counter("http_write_bytes_total", "Bytes of bodies of writes, as sent.", float64(h.WriteBytes))
	c.Counter("http_prometheus_writes_total", "Remote writes of Prometheus.", float64(h.PromWrites))
	c.Counter("http_prometheus_reads_total", "Remote reads of Prometheus.", float64(h.PromReads))
	c.Counter("http_otlp_writes_total", "Writes of OTLP metrics.", float64(h.OTLPWrites))
	c.Counter("remote_samples_not_numbers_total", "Samples of Prometheus and OTLP that are NaN or infinite.", float64(h.RemoteNotNumbers))
	c.Counter("remote_histograms_dropped_total", "Histograms of Prometheus and OTLP that have no place in the schema.", float64(h.RemoteHistograms))
	c.Counter("remote_samples_refused_total", "Samples of Prometheus and OTLP that could not become points.", float64(h.RemoteRefused))
	c.Counter("http_query_response_bytes_total", "Bytes of answers to queries.", float64(h.QueryResponseBytes))
	c.Histogram(monitor.Histogram{Name: "http_write_duration_seconds", Help: "Time of a write.",
		Bounds: h.WriteLatency.Bounds, Counts: h.WriteLatency.Counts, Sum: h.WriteLatency.Sum})
	c.Histogram(monitor.Histogram{Name: "http_query_duration_seconds", Help: "Time of a query.",
		Bounds: h.QueryLatency.Bounds, Counts: h.QueryLatency.Counts, Sum: h.QueryLatency.Sum})
}

func collectConnections(c *monitor.Collector, n httpapi.ConnectionStatistics) {
	c.Gauge("http_connections_open", "Connections at the HTTP address.", float64(n.Open))
	c.Counter("http_connections_total", "Connections that were accepted.", float64(n.Accepted))
	c.Counter("http_connections_refused_total", "Connections that were one too many.", float64(n.Refused.Count))
	c.Counter("http_slow_readers_total", "Connections that were closed because the client took nothing of an answer any more.", float64(n.SlowReaders.Count))
}

func collectTLS(c *monitor.Collector, t httpapi.TLSStatistics) {
	c.Counter("https_reloads_total", "Times that replaced TLS files were taken in use.", float64(t.Reloads))
	c.Counter("https_reload_failures_total", "Looks at replaced TLS files that cannot be used.", float64(t.ReloadFailures))
	c.Gauge("https_certificate_expires_seconds", "When the certificate in use is over, in seconds since the epoch.", float64(t.Expires.Unix()))
}

func collectWrites(c *monitor.Collector, w ingest.Metrics, sub ingest.SubscriberMetrics) {
	dropped := refusedRows(w)
	for _, r := range w.Refused {
		c.Counter("points_refused_total", "Points that were not stored, by reason.", float64(r.Rows), monitor.Label{Key: "reason", Value: r.Cause.String()})
	}
	for _, n := range w.Noticed {
		c.Counter("points_noticed_total", "Points that were stored and are worth a look, by reason.", float64(n.Rows), monitor.Label{Key: "reason", Value: n.Notice.String()})
	}
	c.Statistic(monitor.Statistic{Name: "write", Values: map[string]any{
		"req": w.Requests, "pointReq": w.Rows + dropped, "pointReqLocal": w.Rows + dropped,
		"writeOk": w.Requests - w.Failed, "writeError": w.Failed, "writeDrop": dropped,
		"writeTimeout": int64(0), "subWriteOk": sub.Queued, "subWriteDrop": sub.Dropped,
	}})
	c.Counter("writes_total", "Writes that were asked for.", float64(w.Requests))
	c.Counter("writes_failed_total", "Writes that failed by a fault of the server or because it was busy.", float64(w.Failed))
	c.Counter("points_written_total", "Points stored.", float64(w.Rows))
	c.Counter("values_written_total", "Field values stored.", float64(w.Values))
}

func collectSubscriptions(c *monitor.Collector, m ingest.SubscriberMetrics) {
	c.Statistic(monitor.Statistic{Name: "subscriber", Values: map[string]any{
		"createFailures": m.CreateFailures, "pointsWritten": m.PointsWritten, "writeFailures": m.WriteFailures,
	}})
	for _, d := range m.Destinations {
		c.Statistic(monitor.Statistic{
			Name: "subscriber", Distinct: []string{"database", "retention_policy", "name", "mode", "destination"},
			Tags: map[string]string{
				"database": d.Database, "retention_policy": d.Policy, "name": d.Name, "mode": d.Mode, "destination": d.URL,
			},
			Values: map[string]any{"pointsWritten": d.PointsWritten, "writeFailures": d.WriteFailures},
		})
	}
	c.Counter("subscription_points_total", "Points that subscriptions have taken.", float64(m.PointsWritten))
	c.Counter("subscription_failures_total", "Batches that a subscription did not take or that had no room, and points that cannot be sent.", float64(m.WriteFailures))
	c.Counter("subscription_dropped_total", "Batches that had no room in the queue of their subscription.", float64(m.Dropped))
	c.Gauge("subscription_waiting_bytes", "Text that waits to be sent to subscriptions.", float64(m.WaitingBytes))
}

func collectTasks(c *monitor.Collector, m task.Metrics) {
	c.Statistic(monitor.Statistic{Name: "cq", Values: map[string]any{"queryOk": m.Succeeded, "queryFail": m.Failed}})
	c.Counter("continuous_query_runs_total", "Runs of continuous queries that succeeded.", float64(m.Succeeded))
	c.Counter("continuous_query_failures_total", "Runs of continuous queries that failed.", float64(m.Failed))
}

func collectStore(c *monitor.Collector, log string, m tsdb.Metrics) {
	gauges := []struct {
		name, help string
		value      float64
	}{
		{"databases", "Databases that are open.", float64(m.Databases)},
		{"shards", "Shards that are open.", float64(m.Shards)},
		{"series", "Series of the databases.", float64(m.Series)},
		{"series_log_bytes", "Size of the series logs.", float64(m.SeriesLogs)},
		{"index_memory_bytes", "Memory of the indexes, without what is mapped from files.", float64(m.IndexMemory)},
		{"index_sketch_bytes", "Sketches that estimate numbers of tag values.", float64(m.Sketches)},
		{"index_regex_cache_bytes", "Cached results of regular expressions on tags.", float64(m.RegexCache)},
		{"index_checkpoint_bytes", "Size of the checkpoints of the indexes, which are mapped.", float64(m.IndexCheckpoints)},
		{"index_layers", "Files that the checkpoints of the indexes are made of.", float64(m.IndexLayers)},
		{"index_uncovered_series", "Series that no layer has: a start reads them one by one.", float64(m.IndexUncovered)},
		{"tsm_files", "Block files.", float64(m.Files)},
		{"tsm_file_bytes", "Size of the block files.", float64(m.FileBytes)},
		{"cache_bytes", "Memory of values that are not in files yet.", float64(m.CacheBytes)},
		{"cache_limit_bytes", "Cache size at which writes are refused.", float64(m.CacheLimit)},
		{"cache_rows", "Rows that are not in files yet.", float64(m.CacheRows)},
		{"cache_frozen", "Caches being flushed.", float64(m.FrozenCaches)},
		{"compaction_backlog", "Merges that wait.", float64(m.CompactionBacklog)},
		{"compaction_queued_bytes", "Bytes of the files that merges wait to read.", float64(m.CompactionQueuedBytes)},
		{"compaction_debt", "What reads pay for merges that wait: bytes of a shard, times files beyond one, times how many lie over a point in time.", float64(m.CompactionDebt)},
		{"compactions_running", "Merges at work.", float64(m.CompactionsRunning)},
		{"tombstones", "Deletes that files do not reflect yet.", float64(m.Tombstones)},
		{"lost_files", "Block files that cannot be read.", float64(m.LostFiles)},
		{"failed_shards", "Shards that cannot be opened because of damage.", float64(m.FailedShards)},
		{"dormant_shards", "Shards whose files are closed because nobody has needed them since the start.", float64(m.DormantShards)},
		{"wal_segments", "Segments of the log.", float64(m.Log.Segments)},
		{"wal_disk_bytes", "Size of the log on disk, spare segments included.", float64(m.Log.DiskBytes)},
		{"wal_pending_bytes", "Bytes of the log that wait for the disk.", float64(m.Log.PendingBytes)},
		{"wal_durable_lsn", "Newest frame of the log that is on disk.", float64(m.DurableLSN)},
		{"wal_appended_lsn", "Newest frame of the log.", float64(m.AppendedLSN)},
	}
	for _, g := range gauges {
		c.Gauge(g.name, g.help, g.value)
	}
	counters := []struct {
		name, help string
		value      int64
	}{
		{"rows_overwritten_total", "Rows of one series and timestamp that a flush made one.", m.RowsOverwritten},
		{"values_overwritten_total", "Field values that a newer one took the place of, found at flush and merge.", m.ValuesOverwritten},
		{"cache_refusals_total", "Writes refused because the cache was full.", m.WritesRefused},
		{"flushes_total", "Caches written to files.", m.Flushes},
		{"flush_failures_total", "Flushes that failed.", m.FlushFailures},
		{"flushed_rows_total", "Rows written to files.", m.FlushedRows},
		{"flushed_bytes_total", "Bytes of files written by flushes.", m.FlushedBytes},
		{"compactions_total", "Merges of files.", m.Compactions},
		{"compaction_failures_total", "Merges that failed.", m.CompactionFails},
		{"compacted_bytes_total", "Bytes of files written by merges.", m.CompactedBytes},
		{"compaction_read_bytes_total", "Bytes of blocks read by merges.", m.CompactionReadBytes},
		{"deletes_total", "Deletes.", m.Deletes},
		{"index_regex_hits_total", "Regular expressions on tags that the cache answered.", m.RegexHits},
		{"index_regex_misses_total", "Regular expressions on tags that were matched with all values.", m.RegexMisses},
		{"index_written_bytes_total", "Bytes of checkpoints and layers of the indexes that were written.", m.IndexWrittenBytes},
		{"index_layer_failures_total", "Layers of the indexes that could not be written or merged.", m.IndexLayerFails},
		{"series_freed_total", "Series freed because nothing named them any more.", m.SeriesFreed},
		{"wal_syncs_total", "Syncs of the log.", int64(m.Log.Syncs)},
		{"wal_appended_bytes_total", "Bytes appended to the log.", m.Log.Bytes},
		{"wal_blocked_total", "Times that a write waited for room in the log's queue.", int64(m.Log.Blocked)},
		{"corruptions_total", "Damage found in stored data.", m.CorruptionsFound},
		{"quarantined_files_total", "Damaged files that were set aside.", m.QuarantinedFiles},
		{"orphans_removed_total", "Files removed at start that a crash or drop had left.", m.OrphansRemoved},
	}
	for _, n := range counters {
		c.Counter(n.name, n.help, float64(n.value))
	}
	c.Statistic(monitor.Statistic{Name: "tsm1_wal", Distinct: []string{"path"}, Tags: map[string]string{"engine": engineName, "path": log, "walPath": log}, Values: map[string]any{
		"currentSegmentDiskBytes": m.Log.DiskBytes, "oldSegmentsDiskBytes": int64(0),
		"writeOk": int64(m.Log.Syncs), "writeErr": m.WritesRefused,
	}})
	c.Counter("compaction_delay_seconds_total", "Time for which merges waited to keep to compact-throughput.", m.CompactionDelayed.Seconds())
	c.Gauge("replay_seconds", "Time of the log's replay at start.", m.Replay.Took.Seconds())
	c.Gauge("replay_rows", "Rows replayed at start.", float64(m.Replay.Rows))
}

func collectMemory(c *monitor.Collector, memory *budget.Budget) {
	c.Gauge("memory_limit_bytes", "The memory budget; 0 is none.", float64(memory.Limit()))
	if all, files, ok := residentMemory(); ok {
		c.Gauge("memory_resident_bytes", "Physical memory of the process, as the system counts it.", float64(all))
		c.Gauge("memory_resident_file_bytes", "Of that, memory of mapped files and of the program, which the system can take back.", float64(files))
	}
	for _, u := range memory.Usage() {
		account := monitor.Label{Key: "account", Value: u.Name}
		c.Gauge("memory_used_bytes", "Memory drawn from the budget.", float64(u.Used), account)
		c.Counter("memory_denied_total", "Times that an account got no memory.", float64(u.Denied), account)
	}
}
