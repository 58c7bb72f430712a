package query

import (
	"maps"
	"slices"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// show runs a statement that lists what there is; handled is false for other statements.
func (r *statementRun) show(stmt influxql.Statement) (rows []*Series, handled bool, err error) {
	switch stmt := stmt.(type) {
	case *influxql.ShowDatabasesStatement:
		rows = r.showDatabases()
	case *influxql.ShowRetentionPoliciesStatement:
		rows, err = r.showPolicies(stmt)
	case *influxql.ShowShardsStatement:
		rows = r.showShards()
	case *influxql.ShowShardGroupsStatement:
		rows = r.showShardGroups()
	case *influxql.ShowQueriesStatement:
		rows = r.showQueries()
	case *influxql.ShowMeasurementsStatement:
		rows, err = r.showMeasurements(stmt)
	case *influxql.ShowSeriesStatement:
		rows, err = r.showSeries(stmt)
	case *influxql.ShowTagKeysStatement:
		rows, err = r.showTagKeys(stmt)
	case *influxql.ShowTagValuesStatement:
		rows, err = r.showTagValues(stmt)
	case *influxql.ShowFieldKeysStatement:
		rows, err = r.showFieldKeys(stmt)
	default:
		return nil, false, nil
	}
	return rows, true, err
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// table builds a series of an answer row by row.
type table struct {
	name     string
	names    []string
	builders []columnBuilder
	values   []Column // that the builders fill
}

func newTable(name string, columns ...string) *table {
	t := &table{name: name, names: columns, builders: make([]columnBuilder, len(columns)), values: make([]Column, len(columns))}
	for i := range t.builders {
		t.builders[i].col = &t.values[i]
	}
	return t
}

func (t *table) row(values ...value) {
	for i, v := range values {
		t.builders[i].append(v)
	}
}

func (t *table) series() *Series {
	s := &Series{Name: t.name, Columns: t.names, Values: t.values}
	for i := range t.builders {
		t.builders[i].finish()
	}
	if len(t.builders) > 0 {
		s.Rows = t.builders[0].rows
	}
	return s
}

func (r *statementRun) showDatabases() []*Series {
	t := newTable("databases", "name")
	for _, db := range r.engine.catalog.Snapshot().Databases {
		if r.maySee(db.Name) {
			t.row(stringValue(db.Name))
		}
	}
	return []*Series{t.series()}
}

func (r *statementRun) showPolicies(stmt *influxql.ShowRetentionPoliciesStatement) ([]*Series, error) {
	db, err := r.database(stmt.Database)
	if err != nil {
		return nil, err
	}
	t := newTable("", "name", "duration", "shardGroupDuration", "replicaN", "default")
	for _, p := range db.Policies {
		t.row(stringValue(p.Name), stringValue(p.Duration.String()), stringValue(p.ShardDuration.String()),
			integerValue(int64(p.ReplicaN)), booleanValue(p.Name == db.DefaultPolicy))
	}
	return []*Series{t.series()}, nil
}

// shardTime prints an edge of a shard.
func shardTime(t int64) string { return time.Unix(0, t).UTC().Format(time.RFC3339) }

// shardEnd is the first time behind a range.
func shardEnd(r model.TimeRange) int64 {
	if r.Max >= model.MaxTime {
		return r.Max
	}
	return r.Max + 1
}

func (r *statementRun) showShards() []*Series {
	var rows []*Series
	for _, db := range r.engine.catalog.Snapshot().Databases {
		t := newTable(db.Name, "id", "database", "retention_policy", "shard_group", "start_time", "end_time", "expiry_time", "owners")
		eachGroup(db, func(p *catalog.Policy, g catalog.ShardGroup) {
			t.row(integerValue(int64(g.Shard)), stringValue(db.Name), stringValue(p.Name), integerValue(int64(g.ID)),
				stringValue(shardTime(g.Range.Min)), stringValue(shardTime(shardEnd(g.Range))), stringValue(shardExpiry(p, g)), stringValue(""))
		})
		rows = append(rows, t.series())
	}
	return rows
}

func (r *statementRun) showShardGroups() []*Series {
	t := newTable("shard groups", "id", "database", "retention_policy", "start_time", "end_time", "expiry_time")
	for _, db := range r.engine.catalog.Snapshot().Databases {
		eachGroup(db, func(p *catalog.Policy, g catalog.ShardGroup) {
			t.row(integerValue(int64(g.ID)), stringValue(db.Name), stringValue(p.Name),
				stringValue(shardTime(g.Range.Min)), stringValue(shardTime(shardEnd(g.Range))), stringValue(expiry(p, g)))
		})
	}
	return []*Series{t.series()}
}

func eachGroup(db *catalog.Database, do func(*catalog.Policy, catalog.ShardGroup)) {
	for _, p := range db.Policies {
		for _, g := range p.Groups {
			do(p, g)
		}
	}
}

// expiry is when a shard group may go.
func expiry(p *catalog.Policy, g catalog.ShardGroup) string {
	return time.Unix(0, shardEnd(g.Range)).UTC().Add(p.Duration).Format(time.RFC3339)
}

// shardExpiry is expiry, left empty where a policy keeps its data for ever.
func shardExpiry(p *catalog.Policy, g catalog.ShardGroup) string {
	if p.Duration == 0 {
		return ""
	}
	return expiry(p, g)
}

func (r *statementRun) showQueries() []*Series {
	t := newTable("", "qid", "query", "database", "duration", "status")
	now := r.engine.opt.Clock.Now()
	for _, q := range r.engine.Running() {
		if !r.mayRead(q.Database) {
			continue
		}
		status := "running"
		if q.Killed {
			status = "killed"
		}
		t.row(integerValue(int64(q.ID)), stringValue(q.Text), stringValue(q.Database),
			stringValue(roundedDuration(now.Sub(q.Started)).String()), stringValue(status))
	}
	return []*Series{t.series()}
}

// roundedDuration drops the digits that say nothing.
func roundedDuration(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d - d%time.Second
	case d >= time.Millisecond:
		return d - d%time.Millisecond
	}
	return d - d%time.Microsecond
}
