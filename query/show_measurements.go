package query

import (
	"errors"
	"fmt"
	"slices"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// showMeasurements lists measurements. In a database that does not exist there are none.
func (r *statementRun) showMeasurements(stmt *influxql.ShowMeasurementsStatement) ([]*Series, error) {
	if hasTime(stmt.Condition) {
		return nil, errNoTime("SHOW MEASUREMENTS")
	}
	places, wide, err := r.measurementPlaces(stmt)
	if err != nil {
		return nil, err
	}
	type entry struct{ name, database, policy string }
	var entries []entry
	for _, p := range places {
		names, err := r.matchingMeasurements(p.views, stmt.Source, stmt.Condition)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			entries = append(entries, entry{name, p.database, p.policy})
		}
	}
	entries = page(entries, stmt.Limit, stmt.Offset)
	if len(entries) == 0 {
		return nil, nil
	}
	columns := []string{"name"}
	if wide {
		columns = []string{"name", "database", "retention policy"}
	}
	t := newTable("measurements", columns...)
	for _, e := range entries {
		row := []value{stringValue(e.name), stringValue(e.database), stringValue(e.policy)}
		t.row(row[:len(columns)]...)
	}
	return []*Series{t.series()}, nil
}

// metaPlace is a part of the databases whose measurements are listed together.
type metaPlace struct {
	database, policy string
	views            []*openView
}

// measurementPlaces returns where SHOW MEASUREMENTS looks: in a database as a whole, in one policy, or, with wildcards,
// in each policy on its own; wide says that the answer names them.
func (r *statementRun) measurementPlaces(stmt *influxql.ShowMeasurementsStatement) (places []metaPlace, wide bool, err error) {
	name := stmt.Database
	if name == "" && !stmt.WildcardDatabase {
		if name = r.req.Database; name == "" {
			return nil, false, ErrDatabaseRequired
		}
	}
	var databases []*catalog.Database
	snap := r.engine.catalog.Snapshot()
	switch {
	case stmt.WildcardDatabase && !stmt.WildcardRetentionPolicy:
		return nil, false, errors.New("query 'SHOW MEASUREMENTS ON *.rp' not supported. use 'ON *.*' or specify a database")
	case stmt.WildcardDatabase:
		for _, db := range snap.Databases {
			if r.mayRead(db.Name) {
				databases = append(databases, db)
			}
		}
	default:
		if db := snap.Database(name); db != nil {
			databases = []*catalog.Database{db}
		}
	}
	whole := stmt.RetentionPolicy == "" && !stmt.WildcardRetentionPolicy
	for _, db := range databases {
		if stmt.RetentionPolicy != "" && db.Policy(stmt.RetentionPolicy) == nil {
			return nil, false, errPolicyNotFound(stmt.RetentionPolicy)
		}
		all := metaPlace{database: db.Name}
		for _, p := range db.Policies {
			if stmt.RetentionPolicy != "" && p.Name != stmt.RetentionPolicy {
				continue
			}
			v, err := r.view(db.Name, p.Name, model.AllTime)
			if err != nil {
				return nil, false, err
			}
			if whole {
				all.views = append(all.views, v)
			} else {
				places = append(places, metaPlace{database: db.Name, policy: p.Name, views: []*openView{v}})
			}
		}
		if whole {
			places = append(places, all)
		}
	}
	return places, stmt.WildcardDatabase || stmt.WildcardRetentionPolicy, nil
}

// matchingMeasurements returns the measurements of some views, sorted, that WITH MEASUREMENT and WHERE select.
func (r *statementRun) matchingMeasurements(views []*openView, with influxql.Source, cond influxql.Expr) ([]string, error) {
	all := make(map[string]struct{})
	for _, v := range views {
		names, err := v.allMeasurements()
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			all[name] = struct{}{}
		}
	}
	if m, ok := with.(*influxql.Measurement); ok {
		for name := range all {
			if !sourcesName(influxql.Sources{m}, name) {
				delete(all, name)
			}
		}
	}
	if cond != nil {
		for name := range all {
			ok, err := measurementMatches(views, name, cond)
			if err != nil {
				return nil, err
			}
			if !ok {
				delete(all, name)
			}
		}
	}
	return sortedKeys(all), nil
}

// measurementMatches evaluates a condition for a measurement as a whole: each comparison asks whether the tag has such
// a value anywhere in the measurement; one without the tag key never matches.
func measurementMatches(views []*openView, name string, expr influxql.Expr) (bool, error) {
	switch e := expr.(type) {
	case *influxql.ParenExpr:
		return measurementMatches(views, name, e.Expr)
	case *influxql.BinaryExpr:
		switch e.Op {
		case influxql.AND, influxql.OR:
			lhs, err := measurementMatches(views, name, e.LHS)
			if err != nil {
				return false, err
			}
			rhs, err := measurementMatches(views, name, e.RHS)
			return e.Op == influxql.AND && lhs && rhs || e.Op == influxql.OR && (lhs || rhs), err
		case influxql.EQ, influxql.NEQ, influxql.EQREGEX, influxql.NEQREGEX:
			return measurementHasValue(views, name, e)
		}
	}
	return false, errors.New("invalid tag comparison operator")
}

func measurementHasValue(views []*openView, name string, e *influxql.BinaryExpr) (bool, error) {
	ref, ok := e.LHS.(*influxql.VarRef)
	if !ok {
		return false, fmt.Errorf("left side of '%s' must be a tag key", e.Op)
	}
	var match func(string) bool
	if influxql.IsRegexOp(e.Op) {
		re, ok := e.RHS.(*influxql.RegexLiteral)
		if !ok {
			return false, fmt.Errorf("right side of '%s' must be a regular expression", e.Op)
		}
		match = re.Value.MatchString
	} else {
		s, ok := e.RHS.(*influxql.StringLiteral)
		if !ok {
			return false, fmt.Errorf("right side of '%s' must be a tag value string", e.Op)
		}
		match = func(v string) bool { return v == s.Value }
	}
	positive := e.Op == influxql.EQ || e.Op == influxql.EQREGEX
	if ref.Name == nameKey {
		return match(name) == positive, nil
	}
	hasKey := false
	for _, v := range views {
		keys, err := v.tagKeys(name)
		if err != nil {
			return false, err
		}
		if _, ok := keys[ref.Name]; !ok {
			continue
		}
		hasKey = true
		values, err := v.view.TagValues(name, ref.Name, nil)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(values, match) {
			return positive, nil
		}
	}
	return hasKey && !positive, nil
}
