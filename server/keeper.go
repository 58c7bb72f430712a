package server

import (
	"context"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/lineproto"
)

// The retention policy of the server's own statistics, as in InfluxDB 1.x.
const (
	monitorPolicy        = "monitor"
	monitorPolicyKeeps   = 7 * 24 * time.Hour
	monitorShardDuration = 24 * time.Hour
)

// keeper stores the server's own statistics by the door that all writes take.
// It implements monitor.Keeper.
type keeper struct {
	catalog *catalog.Catalog
	writer  *ingest.Writer
}

// Prepare makes the database and the policy. A policy of that name is used as it
// is, whatever its durations are.
func (k *keeper) Prepare(database, policy string) error {
	keeps, shard := monitorPolicyKeeps, monitorShardDuration
	spec := catalog.PolicySpec{Name: policy, Duration: &keeps, ShardDuration: &shard}
	d := k.catalog.Snapshot().Database(database)
	switch {
	case d == nil:
		_, err := k.catalog.CreateDatabase(database, &spec)
		return err
	case d.Policy(policy) == nil:
		return k.catalog.CreatePolicy(database, spec, false)
	}
	return nil
}

// Keep writes lines.
func (k *keeper) Keep(ctx context.Context, database, policy string, lines []byte) error {
	return k.writer.Write(ctx, ingest.Request{
		Database: database, Policy: policy, Precision: lineproto.Nanosecond, Body: lines, Client: "monitor",
	})
}
