package query

import (
	"errors"
	"fmt"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

func (r *statementRun) createDatabase(stmt *influxql.CreateDatabaseStatement) error {
	var spec *catalog.PolicySpec
	if stmt.RetentionPolicyCreate {
		spec = &catalog.PolicySpec{
			Name: stmt.RetentionPolicyName, Duration: stmt.RetentionPolicyDuration, ReplicaN: stmt.RetentionPolicyReplication,
		}
		if d := stmt.RetentionPolicyShardGroupDuration; d != 0 {
			spec.ShardDuration = &d
		}
	}
	_, err := r.engine.catalog.CreateDatabase(stmt.Name, spec)
	return err
}

func (r *statementRun) createPolicy(stmt *influxql.CreateRetentionPolicyStatement) error {
	spec := catalog.PolicySpec{Name: stmt.Name, Duration: &stmt.Duration, ReplicaN: &stmt.Replication}
	if stmt.ShardGroupDuration != 0 {
		spec.ShardDuration = &stmt.ShardGroupDuration
	}
	return r.engine.catalog.CreatePolicy(stmt.Database, spec, stmt.Default)
}

func (r *statementRun) alterPolicy(stmt *influxql.AlterRetentionPolicyStatement) error {
	return r.engine.catalog.AlterPolicy(stmt.Database, stmt.Name, catalog.PolicyUpdate{
		Duration: stmt.Duration, ShardDuration: stmt.ShardGroupDuration, ReplicaN: stmt.Replication, MakeDefault: stmt.Default,
	})
}

// dropPolicy drops a policy. In a database that does not exist there is nothing to drop.
func (r *statementRun) dropPolicy(stmt *influxql.DropRetentionPolicyStatement) error {
	if r.engine.catalog.Snapshot().Database(stmt.Database) == nil {
		return nil
	}
	return r.engine.storage.DropPolicy(r.ctx, stmt.Database, stmt.Name)
}

func (r *statementRun) dropShard(id uint64) error {
	for _, db := range r.engine.catalog.Snapshot().Databases {
		for _, p := range db.Policies {
			for _, g := range p.Groups {
				if g.Shard == id {
					return r.engine.storage.DropShard(r.ctx, id)
				}
			}
		}
	}
	return errors.New("shard not found")
}

// database returns the database of the request for a statement that works in one.
func (r *statementRun) database(name string) (*catalog.Database, error) {
	if name == "" {
		name = r.req.Database
	}
	if name == "" {
		return nil, ErrDatabaseRequired
	}
	db := r.engine.catalog.Snapshot().Database(name)
	if db == nil {
		return nil, errDatabaseNotFound(name)
	}
	return db, nil
}

// deleteRows is DELETE: the rows of a time range.
func (r *statementRun) deleteRows(stmt *influxql.DeleteSeriesStatement) error {
	cond, times, err := influxql.ConditionExpr(stmt.Condition, &influxql.NowValuer{Now: r.now})
	if err != nil {
		return err
	}
	return r.removeFrom(stmt.Sources, cond, model.TimeRange{Min: times.MinTimeNano(), Max: times.MaxTimeNano()}, false)
}

// dropSeries is DROP SERIES: whole series.
func (r *statementRun) dropSeries(stmt *influxql.DropSeriesStatement) error {
	cond, times, err := influxql.ConditionExpr(stmt.Condition, &influxql.NowValuer{Now: r.now})
	if err != nil {
		return err
	}
	if !times.IsZero() {
		return errors.New("DROP SERIES doesn't support time in WHERE clause")
	}
	return r.removeFrom(stmt.Sources, cond, model.AllTime, true)
}

func (r *statementRun) dropMeasurement(stmt *influxql.DropMeasurementStatement) error {
	db, err := r.database("")
	if err != nil {
		return err
	}
	return r.engine.storage.Delete(r.ctx, Delete{Database: db.Name, Measurement: stmt.Name, Range: model.AllTime, Whole: true})
}

// removeFrom deletes from every measurement that the sources name; from all without sources. Only single rows can be
// selected by their fields, not whole series.
func (r *statementRun) removeFrom(sources influxql.Sources, cond influxql.Expr, times model.TimeRange, whole bool) error {
	db, err := r.database("")
	if err != nil {
		return err
	}
	names, err := r.measurementsOf(db, sources, model.AllTime)
	if err != nil {
		return err
	}
	for _, m := range names {
		filter, byFields, err := r.deleteFilter(db, m, cond)
		if err != nil {
			return err
		}
		if byFields && whole {
			return fmt.Errorf("shard %d: fields not supported in WHERE clause during deletion", firstShard(db))
		}
		if byFields {
			if err := r.deleteByValues(db, m, cond, times); err != nil {
				return err
			}
			continue
		}
		if filter != nil && isNone(filter) {
			continue
		}
		d := Delete{Database: db.Name, Measurement: m, Filter: filter, Range: times, Whole: whole}
		if err := r.engine.storage.Delete(r.ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// deleteFilter turns a condition into a filter on series; byFields says that series are not enough to tell.
func (r *statementRun) deleteFilter(db *catalog.Database, measurement string, cond influxql.Expr) (_ *model.TagFilter, byFields bool, err error) {
	if cond == nil {
		return nil, false, nil
	}
	isField, err := r.fieldTest(db, measurement)
	if err != nil {
		return nil, false, err
	}
	c := newTagCondition(measurement, cond, isField)
	return c.filter, countComparisons(cond) != len(c.leaves), nil
}

// firstShard returns the shard that an error about data in general names.
func firstShard(db *catalog.Database) uint64 {
	for _, p := range db.Policies {
		if len(p.Groups) > 0 {
			return p.Groups[0].Shard
		}
	}
	return 0
}

// fieldTest returns what tells whether a name is a field of a measurement in any policy.
func (r *statementRun) fieldTest(db *catalog.Database, measurement string) (func(string) bool, error) {
	fields := make(map[string]bool)
	for _, p := range db.Policies {
		v, err := r.view(db.Name, p.Name, model.AllTime)
		if err != nil {
			return nil, err
		}
		types, err := v.fieldTypes(measurement)
		if err != nil {
			return nil, err
		}
		for name := range types {
			fields[name] = true
		}
	}
	return func(name string) bool { return fields[name] }, nil
}

// countComparisons returns the number of parts of a condition that AND and OR join.
func countComparisons(expr influxql.Expr) int {
	switch e := expr.(type) {
	case *influxql.ParenExpr:
		return countComparisons(e.Expr)
	case *influxql.BinaryExpr:
		if e.Op == influxql.AND || e.Op == influxql.OR {
			return countComparisons(e.LHS) + countComparisons(e.RHS)
		}
	case *influxql.BooleanLiteral:
		return 0
	}
	return 1
}

// measurementsOf returns the measurements, sorted, that sources name, in any policy of the database; all of them
// without sources.
func (r *statementRun) measurementsOf(db *catalog.Database, sources influxql.Sources, times model.TimeRange) ([]string, error) {
	all := make(map[string]struct{})
	for _, p := range db.Policies {
		v, err := r.view(db.Name, p.Name, times)
		if err != nil {
			return nil, err
		}
		names, err := v.allMeasurements()
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if sourcesName(sources, name) {
				all[name] = struct{}{}
			}
		}
	}
	return sortedKeys(all), nil
}

// sourcesName reports whether a measurement is among the sources; without sources every one is.
func sourcesName(sources influxql.Sources, name string) bool {
	if len(sources) == 0 {
		return true
	}
	for _, src := range sources {
		m, ok := src.(*influxql.Measurement)
		if ok && (m.Regex != nil && m.Regex.Value.MatchString(name) || m.Regex == nil && m.Name == name) {
			return true
		}
	}
	return false
}
