package server

import (
	"strconv"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/monitor"
	"github.com/timberlinedb/timberline/query"
	"github.com/timberlinedb/timberline/tsdb"
)

func collectQueries(c *monitor.Collector, m query.Metrics) {
	c.Statistic(monitor.Statistic{Name: "queryExecutor", Values: map[string]any{
		"queriesActive": int64(m.Active), "queriesExecuted": m.Executed, "queriesFinished": m.Finished,
		"queryDurationNs": m.Duration.Nanoseconds(), "recoveredPanics": int64(0),
	}})
	c.Gauge("queries_running", "Requests with queries that run.", float64(m.Active))
	c.Gauge("queries_queued", "Requests with queries that wait for others to end.", float64(m.Queued))
	c.Counter("queries_total", "Requests with queries that were let in.", float64(m.Executed))
	c.Counter("queries_refused_total", "Requests with queries that found no place among those that run, or waited too long for one.", float64(m.Refused))
	c.Counter("queries_killed_total", "Requests with queries that were killed by a statement or by the time limit.", float64(m.Killed))
	c.Counter("query_rows_decoded_total", "Rows that were decoded for functions.", float64(m.RowsDecoded))
	c.Counter("query_blocks_summed_total", "Blocks that functions took by their statistics, without decoding them.", float64(m.BlocksSummed))
	c.Counter("query_cells_summed_total", "Aggregate cells that functions took instead of the rows of an hour.", float64(m.CellsSummed))
	c.Gauge("query_groups_kept", "Sorted and grouped sets of series that are kept for the next queries.", float64(m.Groups.Entries))
	c.Gauge("query_groups_bytes", "Memory of the sets of series that are kept.", float64(m.Groups.Bytes))
	c.Counter("query_groups_hits_total", "Sources of queries whose set of series was kept.", float64(m.Groups.Hits))
	c.Counter("query_groups_misses_total", "Sources of queries whose set of series was not kept, or has changed.", float64(m.Groups.Misses))
	c.Counter("query_groups_dropped_total", "Kept sets of series that were dropped because series came or went.", float64(m.Groups.Dropped))
	c.Counter("query_groups_evicted_total", "Kept sets of series that made room for others.", float64(m.Groups.Evicted))
	c.Counter("query_seconds_total", "Time of the queries that have ended.", m.Duration.Seconds())
}

// shardNames are the names that a shard goes by.
type shardNames struct{ database, policy string }

// collectShards tells of each database and shard in the terms of InfluxDB 1.x, as far as there is an equivalent here. The
// log is one for all shards, so that none has one of its own.
func collectShards(c *monitor.Collector, log string, snap *catalog.Snapshot, databases []tsdb.DatabaseMetrics, shards []tsdb.ShardMetrics) {
	databaseNames := make(map[uint32]string)
	names := make(map[uint64]shardNames)
	for _, d := range snap.Databases {
		databaseNames[d.ID] = d.Name
		for _, p := range d.Policies {
			for _, g := range p.Groups {
				names[g.Shard] = shardNames{d.Name, p.Name}
			}
		}
	}
	for _, d := range databases {
		name, ok := databaseNames[d.Database]
		if !ok {
			continue // dropped meanwhile
		}
		c.Statistic(monitor.Statistic{
			Name: "database", Distinct: []string{"database"}, Tags: map[string]string{"database": name},
			Values: map[string]any{"numMeasurements": int64(d.Measurements), "numSeries": d.Series},
		})
	}
	for _, sh := range shards {
		n, ok := names[sh.Shard]
		if !ok {
			continue
		}
		collectShard(c, log, n, sh)
	}
}

func collectShard(c *monitor.Collector, log string, n shardNames, sh tsdb.ShardMetrics) {
	tags := map[string]string{
		"database": n.database, "retentionPolicy": n.policy, "id": strconv.FormatUint(sh.Shard, 10), "engine": engineName,
		"path": sh.Directory, "walPath": log,
	}
	add := func(name string, values map[string]any) {
		c.Statistic(monitor.Statistic{Name: name, Distinct: []string{"path", "id"}, Tags: tags, Values: values})
	}
	add("shard", map[string]any{
		"diskBytes": sh.FileBytes, "fieldsCreate": sh.FieldsCreated, "seriesCreate": sh.Series,
		"writeReq": sh.Writes, "writeReqOk": sh.Writes - sh.WritesFailed, "writeReqErr": sh.WritesFailed, "writeBytes": int64(0),
		"writePointsOk": sh.RowsWritten, "writePointsDropped": sh.RowsDropped, "writePointsErr": int64(0), "writeValuesOk": sh.ValuesWritten,
	})
	add("tsm1_engine", engineValues(sh))
	add("tsm1_cache", map[string]any{
		"memBytes": sh.CacheBytes, "cachedBytes": sh.FrozenBytes, "diskBytes": int64(0), "cachedRows": sh.CacheRows,
		"cacheAgeMs": sh.CacheAge.Milliseconds(), "snapshotCount": int64(sh.Frozen), "WALCompactionTimeMs": sh.FlushTime.Milliseconds(),
		"writeOk": sh.Writes - sh.WritesFailed, "writeErr": sh.WritesFailed, "writeDropped": sh.RowsDropped,
	})
	add("tsm1_filestore", map[string]any{"diskBytes": sh.FileBytes, "numFiles": int64(sh.Files)})
}

// engineName is the value of the tag engine.
const engineName = "timberline"

// engineValues are flushes, which InfluxDB calls compactions of the cache, and merges. Those that leave one file are its
// full ones. Merges that only optimize, which it counts apart, are not told apart here.
func engineValues(sh tsdb.ShardMetrics) map[string]any {
	values := map[string]any{
		"cacheCompactions": sh.Flushes, "cacheCompactionErr": sh.FlushFailures,
		"cacheCompactionsActive": sh.FlushesActive, "cacheCompactionDuration": sh.FlushTime.Nanoseconds(),
	}
	for i, name := range []string{"tsmLevel1", "tsmLevel2", "tsmLevel3", "tsmFull"} {
		m := sh.Merges[i]
		values[name+"Compactions"], values[name+"CompactionErr"] = m.Done, m.Failed
		values[name+"CompactionsActive"], values[name+"CompactionQueue"] = m.Active, int64(m.Queued)
		values[name+"CompactionDuration"] = m.Took.Nanoseconds()
	}
	for _, what := range []string{"Compactions", "CompactionErr", "CompactionsActive", "CompactionQueue", "CompactionDuration"} {
		values["tsmOptimize"+what] = int64(0)
	}
	return values
}
