package query

import (
	"slices"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// showCardinality runs the statements that count what SHOW lists; handled is false for other statements. Counts are
// exact but those of tag values, where that is expensive and EXACT is not asked for; of the others without EXACT, and
// over a whole database, only the column is named as if they were estimated.
func (r *statementRun) showCardinality(stmt influxql.Statement) (rows []*Series, handled bool, err error) {
	switch stmt := stmt.(type) {
	case *influxql.ShowSeriesCardinalityStatement:
		rows, err = r.seriesCardinality(stmt)
	case *influxql.ShowMeasurementCardinalityStatement:
		rows, err = r.measurementCardinality(stmt)
	case *influxql.ShowTagKeyCardinalityStatement:
		rows, err = r.countByMeasurement("SHOW TAG KEY EXACT CARDINALITY", stmt.Database, stmt.Sources, stmt.Condition,
			stmt.Limit, stmt.Offset, countTagKeys)
	case *influxql.ShowTagValuesCardinalityStatement:
		selected := keyTest(stmt.Op, stmt.TagKeyExpr)
		rows, err = r.countByMeasurement("SHOW TAG VALUES EXACT CARDINALITY", stmt.Database, stmt.Sources, stmt.Condition,
			stmt.Limit, stmt.Offset, func(views []*openView, name string, c *tagCondition) (int64, error) {
				return countTagValues(views, name, c, selected, stmt.Exact)
			})
	case *influxql.ShowFieldKeyCardinalityStatement:
		rows, err = r.countByMeasurement("SHOW FIELD KEY EXACT CARDINALITY", stmt.Database, stmt.Sources, stmt.Condition,
			stmt.Limit, stmt.Offset, countFields)
	default:
		return nil, false, nil
	}
	return rows, true, err
}

// counter counts something of one measurement, which is in one or more views.
type counter func(views []*openView, name string, c *tagCondition) (int64, error)

// countByMeasurement answers one row for each measurement that has something to count.
func (r *statementRun) countByMeasurement(statement, database string, sources influxql.Sources, cond influxql.Expr, limit, offset int, count counter) ([]*Series, error) {
	if hasTime(cond) {
		return nil, errNoTime(statement)
	}
	counts, err := r.countEach(database, sources, cond, count)
	if err != nil {
		return nil, err
	}
	return countRows("count", counts, limit, offset), nil
}

// countEach runs a counter over the measurements of the sources.
func (r *statementRun) countEach(database string, sources influxql.Sources, cond influxql.Expr, count counter) (map[string]int64, error) {
	views, err := r.sourceViews(database, sources, model.AllTime)
	if err != nil {
		return nil, err
	}
	reduced, _, err := r.metaCondition(cond)
	if err == nil {
		err = checkCondition(reduced)
	}
	if err != nil {
		return nil, err
	}
	fields, err := fieldNames(views, cond)
	if err != nil {
		return nil, err
	}
	isField := func(name string) bool { _, ok := fields[name]; return ok }
	byName, err := viewsByName(views)
	if err != nil {
		return nil, err
	}
	counts := make(map[string]int64, len(byName))
	for name, views := range byName {
		if err := r.ctx.Err(); err != nil {
			return nil, err
		}
		if counts[name], err = count(views, name, newTagCondition(name, cond, isField)); err != nil {
			return nil, err
		}
	}
	return counts, nil
}

// viewsByName returns the measurements that are asked for with the views that have them.
func viewsByName(views []sourceView) (map[string][]*openView, error) {
	byName := make(map[string][]*openView)
	for _, sv := range views {
		names, err := sv.names()
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			byName[name] = append(byName[name], sv.view)
		}
	}
	return byName, nil
}

// fieldNames returns the names that are a field in any of the measurements: in these statements they are one in all.
func fieldNames(views []sourceView, cond influxql.Expr) (map[string]struct{}, error) {
	fields := make(map[string]struct{})
	if cond == nil {
		return fields, nil
	}
	for _, sv := range views {
		names, err := sv.names()
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			types, err := sv.view.fieldTypes(name)
			if err != nil {
				return nil, err
			}
			for f := range types {
				fields[f] = struct{}{}
			}
		}
	}
	return fields, nil
}

func countRows(column string, found map[string]int64, limit, offset int) []*Series {
	var rows []*Series
	for _, name := range sortedKeys(found) {
		if found[name] == 0 {
			continue
		}
		counts := page([]int64{found[name]}, limit, offset)
		if len(counts) == 0 {
			continue
		}
		t := newTable(name, column)
		t.row(integerValue(counts[0]))
		rows = append(rows, t.series())
	}
	return rows
}

// countSelected counts the series that a condition selects for sure; those for which it depends on fields are not among
// them. Series of one database have one numbering, whatever the policy, and are counted by their numbers. Only the
// same series of two databases is told by its key.
func (r *statementRun) countSelected(views []*openView, name string, c *tagCondition) (int64, error) {
	filter := c.certain()
	if len(views) == 1 {
		return views[0].view.Cardinality(name, filter)
	}
	for _, v := range views[1:] {
		if v.database != views[0].database {
			return countSeriesKeys(views, name, filter)
		}
	}
	return r.countIDs(views, name, filter)
}

// countIDs counts the series of a measurement ("" is all) in several policies of one database.
func (r *statementRun) countIDs(views []*openView, name string, filter *model.TagFilter) (int64, error) {
	var all []model.SeriesID
	reserved := int64(0)
	defer func() { r.memory.release(reserved) }()
	for _, v := range views {
		n, err := v.view.Cardinality(name, filter)
		if err != nil {
			return 0, err
		}
		const idBytes = 3 * 4 // of the list of a view, and of all while they grow
		if err := r.memory.reserve(n * idBytes); err != nil {
			return 0, err
		}
		reserved += n * idBytes
		ids, err := v.view.SeriesIDs(name, filter)
		if err != nil {
			return 0, err
		}
		all = append(all, ids...)
	}
	slices.Sort(all)
	return int64(len(slices.Compact(all))), nil
}

// countSeriesKeys counts distinct series keys.
func countSeriesKeys(views []*openView, name string, filter *model.TagFilter) (int64, error) {
	seen := make(map[string]struct{})
	var tags model.Tags
	var key []byte
	for _, v := range views {
		set, err := v.view.Series(name, filter)
		if err != nil {
			return 0, err
		}
		for i := range set.Len() {
			tags = set.Tags(i, tags)
			key = model.AppendSeriesKey(key[:0], []byte(name), tags)
			seen[string(key)] = struct{}{}
		}
	}
	return int64(len(seen)), nil
}

func countTagKeys(views []*openView, name string, c *tagCondition) (int64, error) {
	seen := make(map[string]struct{})
	for _, v := range views {
		keys, err := v.view.TagKeys(name, c.certain())
		if err != nil {
			return 0, err
		}
		for _, k := range keys {
			seen[k] = struct{}{}
		}
	}
	return int64(len(seen)), nil
}

// countTagValues counts the distinct values of the selected keys together. All names of its condition are tags, and a
// series without a tag passes no comparison with it. Without EXACT and condition, storage may estimate.
func countTagValues(views []*openView, name string, c *tagCondition, selected func(string) bool, exact bool) (int64, error) {
	filter := newPresentTagCondition(name, c.expr).filter
	seen := make(map[string]struct{})
	for _, v := range views {
		keys, err := v.view.TagKeys(name, filter)
		if err != nil {
			return 0, err
		}
		keys = slices.DeleteFunc(keys, func(k string) bool { return !selected(k) })
		if len(views) == 1 && !exact && filter == nil {
			return v.view.EstimateTagValues(name, keys)
		}
		if len(views) == 1 {
			return v.view.CountTagValues(name, keys, filter)
		}
		for _, k := range keys {
			values, err := v.view.TagValues(name, k, filter)
			if err != nil {
				return 0, err
			}
			for _, val := range values {
				seen[val] = struct{}{}
			}
		}
	}
	return int64(len(seen)), nil
}

func countFields(views []*openView, name string, _ *tagCondition) (int64, error) {
	seen := make(map[string]struct{})
	for _, v := range views {
		fields, err := v.fieldTypes(name)
		if err != nil {
			return 0, err
		}
		for f := range fields {
			seen[f] = struct{}{}
		}
	}
	return int64(len(seen)), nil
}

const estimateColumn = "cardinality estimation"

func (r *statementRun) seriesCardinality(stmt *influxql.ShowSeriesCardinalityStatement) ([]*Series, error) {
	if hasTime(stmt.Condition) {
		return nil, errNoTime("SHOW SERIES EXACT CARDINALITY")
	}
	if !stmt.Exact && len(stmt.Sources) == 0 && stmt.Condition == nil {
		all, err := r.databaseSeries(stmt.Database)
		if err != nil {
			return nil, err
		}
		return []*Series{singleCount(estimateColumn, all)}, nil
	}
	counts, err := r.countEach(stmt.Database, stmt.Sources, stmt.Condition, r.countSelected)
	if err != nil {
		return nil, err
	}
	column := estimateColumn
	if stmt.Exact {
		column = "count"
	}
	return countRows(column, counts, stmt.Limit, stmt.Offset), nil
}

// databaseSeries counts the series of all policies together; a series in two policies counts once.
func (r *statementRun) databaseSeries(database string) (int64, error) {
	views, err := r.databaseViews(database, model.AllTime)
	if err != nil {
		return 0, err
	}
	if len(views) == 1 {
		return views[0].view.Cardinality("", nil)
	}
	return r.countIDs(views, "", nil)
}

func singleCount(column string, n int64) *Series {
	t := newTable("", column)
	t.row(integerValue(n))
	return t.series()
}

func (r *statementRun) measurementCardinality(stmt *influxql.ShowMeasurementCardinalityStatement) ([]*Series, error) {
	if hasTime(stmt.Condition) {
		return nil, errNoTime("SHOW MEASUREMENT EXACT CARDINALITY")
	}
	if !stmt.Exact && len(stmt.Sources) == 0 && stmt.Condition == nil {
		db, err := r.database(stmt.Database)
		if err != nil {
			return nil, err
		}
		names, err := r.measurementsOf(db, nil, model.AllTime)
		if err != nil {
			return nil, err
		}
		return []*Series{singleCount(estimateColumn, int64(len(names)))}, nil
	}
	found, err := r.countEach(stmt.Database, stmt.Sources, stmt.Condition, r.countSelected)
	if err != nil {
		return nil, err
	}
	var n int64
	for _, series := range found {
		if series > 0 {
			n++
		}
	}
	counts := page([]int64{n}, stmt.Limit, stmt.Offset)
	if n == 0 || len(counts) == 0 {
		return nil, nil
	}
	return []*Series{singleCount("count", n)}, nil
}
