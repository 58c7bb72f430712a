package query

import (
	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// showCardinality runs the statements that count what SHOW lists; handled is false for other statements. Counts are
// always exact; without EXACT, and over a whole database, only the column is named as if they were estimated.
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
			stmt.Limit, stmt.Offset, func(v *openView, name string, c *tagCondition, into map[string]struct{}) error {
				return collectTagValues(v, name, c, selected, into)
			})
	case *influxql.ShowFieldKeyCardinalityStatement:
		rows, err = r.countByMeasurement("SHOW FIELD KEY EXACT CARDINALITY", stmt.Database, stmt.Sources, stmt.Condition,
			stmt.Limit, stmt.Offset, countFields)
	default:
		return nil, false, nil
	}
	return rows, true, err
}

// counter collects the things to count in one measurement.
type counter func(v *openView, name string, c *tagCondition, into map[string]struct{}) error

// countByMeasurement answers one row for each measurement that has something to count.
func (r *statementRun) countByMeasurement(statement, database string, sources influxql.Sources, cond influxql.Expr, limit, offset int, count counter) ([]*Series, error) {
	if hasTime(cond) {
		return nil, errNoTime(statement)
	}
	found, err := r.collectByMeasurement(database, sources, cond, count)
	if err != nil {
		return nil, err
	}
	return countRows("count", found, limit, offset), nil
}

// collectByMeasurement runs a counter over the measurements of the sources.
func (r *statementRun) collectByMeasurement(database string, sources influxql.Sources, cond influxql.Expr, count counter) (map[string]map[string]struct{}, error) {
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
	found := make(map[string]map[string]struct{})
	for _, sv := range views {
		names, err := sv.names()
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			c := newTagCondition(name, cond, isField)
			if found[name] == nil {
				found[name] = make(map[string]struct{})
			}
			if err := count(sv.view, name, c, found[name]); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
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

func countRows(column string, found map[string]map[string]struct{}, limit, offset int) []*Series {
	var rows []*Series
	for _, name := range sortedKeys(found) {
		if len(found[name]) == 0 {
			continue
		}
		counts := page([]int64{int64(len(found[name]))}, limit, offset)
		if len(counts) == 0 {
			continue
		}
		t := newTable(name, column)
		t.row(integerValue(counts[0]))
		rows = append(rows, t.series())
	}
	return rows
}

// eachSelected calls take with the tags of the series that a condition selects for sure. Those for which it depends on
// fields are not among them.
func eachSelected(v *openView, name string, c *tagCondition, take func(model.Tags)) error {
	set, err := v.view.Series(name, c.filter)
	if err != nil {
		return err
	}
	var tags model.Tags
	for i := range set.Len() {
		tags = set.Tags(i, tags)
		if rest, none := c.forSeries(tags); !none && rest == nil {
			take(tags)
		}
	}
	return nil
}

func countSeriesKeys(v *openView, name string, c *tagCondition, into map[string]struct{}) error {
	var key []byte
	return eachSelected(v, name, c, func(tags model.Tags) {
		key = model.AppendSeriesKey(key[:0], []byte(name), tags)
		into[string(key)] = struct{}{}
	})
}

func countTagKeys(v *openView, name string, c *tagCondition, into map[string]struct{}) error {
	if c.expr == nil {
		keys, err := v.view.TagKeys(name, nil)
		for _, k := range keys {
			into[k] = struct{}{}
		}
		return err
	}
	return eachSelected(v, name, c, func(tags model.Tags) {
		for _, t := range tags {
			into[string(t.Key)] = struct{}{}
		}
	})
}

// collectTagValues collects the values of the selected keys. All names of its condition are tags, and a series without
// a tag passes no comparison with it.
func collectTagValues(v *openView, name string, c *tagCondition, selected func(string) bool, into map[string]struct{}) error {
	c = newPresentTagCondition(name, c.expr)
	keys, err := v.view.TagKeys(name, c.filter)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if !selected(k) {
			continue
		}
		values, err := v.view.TagValues(name, k, c.filter)
		if err != nil {
			return err
		}
		for _, val := range values {
			into[val] = struct{}{}
		}
	}
	return nil
}

func countFields(v *openView, name string, _ *tagCondition, into map[string]struct{}) error {
	fields, err := v.fieldTypes(name)
	for f := range fields {
		into[f] = struct{}{}
	}
	return err
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
	found, err := r.collectByMeasurement(stmt.Database, stmt.Sources, stmt.Condition, countSeriesKeys)
	if err != nil {
		return nil, err
	}
	column := estimateColumn
	if stmt.Exact {
		column = "count"
	}
	return countRows(column, found, stmt.Limit, stmt.Offset), nil
}

// databaseSeries counts the series of all policies together; a series in two policies counts once.
func (r *statementRun) databaseSeries(database string) (int64, error) {
	views, err := r.databaseViews(database, model.AllTime)
	if err != nil {
		return 0, err
	}
	seen := make(map[model.SeriesID]struct{})
	for _, v := range views {
		names, err := v.allMeasurements()
		if err != nil {
			return 0, err
		}
		for _, name := range names {
			set, err := v.view.Series(name, nil)
			if err != nil {
				return 0, err
			}
			for i := range set.Len() {
				seen[set.ID(i)] = struct{}{}
			}
		}
	}
	return int64(len(seen)), nil
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
	found, err := r.collectByMeasurement(stmt.Database, stmt.Sources, stmt.Condition, countSeriesKeys)
	if err != nil {
		return nil, err
	}
	var n int64
	for _, keys := range found {
		if len(keys) > 0 {
			n++
		}
	}
	counts := page([]int64{n}, stmt.Limit, stmt.Offset)
	if n == 0 || len(counts) == 0 {
		return nil, nil
	}
	return []*Series{singleCount("count", n)}, nil
}
