package query

import (
	"fmt"
	"slices"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// keyTest returns what tells whether a tag key is selected by WITH KEY.
func keyTest(op influxql.Token, expr influxql.Literal) func(string) bool {
	switch lit := expr.(type) {
	case *influxql.StringLiteral:
		return func(k string) bool { return (k == lit.Value) == (op == influxql.EQ) }
	case *influxql.RegexLiteral:
		return func(k string) bool { return lit.Value.MatchString(k) == (op == influxql.EQREGEX) }
	case *influxql.ListLiteral:
		return func(k string) bool { return slices.Contains(lit.Values, k) }
	}
	return func(string) bool { return true }
}

// databaseViews returns the views of all policies of a database.
func (r *statementRun) databaseViews(database string, times model.TimeRange) ([]*openView, error) {
	db, err := r.database(database)
	if err != nil {
		return nil, err
	}
	var views []*openView
	for _, p := range db.Policies {
		v, err := r.view(db.Name, p.Name, times)
		if err != nil {
			return nil, err
		}
		views = append(views, v)
	}
	return views, nil
}

// showTagKeys lists the tag keys of measurements. SLIMIT and SOFFSET are taken, but as in InfluxDB 1.x without effect.
func (r *statementRun) showTagKeys(stmt *influxql.ShowTagKeysStatement) ([]*Series, error) {
	cond, times, err := r.metaCondition(stmt.Condition)
	if err != nil {
		return nil, err
	}
	views, err := r.databaseViews(stmt.Database, times)
	if err != nil {
		return nil, err
	}
	keys := make(map[string]map[string]struct{})
	selected := keyTest(stmt.TagKeyOp, stmt.TagKeyExpr)
	for _, v := range views {
		names, err := (sourceView{v, stmt.Sources}).names()
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if err := v.collectTagKeys(name, cond, selected, keys); err != nil {
				return nil, err
			}
		}
	}
	var rows []*Series
	for _, name := range sortedKeys(keys) {
		list := page(sortedKeys(keys[name]), stmt.Limit, stmt.Offset)
		if len(list) == 0 {
			continue
		}
		t := newTable(name, "tagKey")
		for _, k := range list {
			t.row(stringValue(k))
		}
		rows = append(rows, t.series())
	}
	return rows, nil
}

// collectTagKeys adds the tag keys of the series of a measurement that a condition selects.
func (v *openView) collectTagKeys(name string, cond influxql.Expr, selected func(string) bool, into map[string]map[string]struct{}) error {
	c, err := v.condition(name, cond)
	if err != nil {
		return err
	}
	keys, err := v.view.TagKeys(name, c.filter)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if !selected(k) {
			continue
		}
		if into[name] == nil {
			into[name] = make(map[string]struct{})
		}
		into[name][k] = struct{}{}
	}
	return nil
}

// showTagValues lists the values of tag keys.
func (r *statementRun) showTagValues(stmt *influxql.ShowTagValuesStatement) ([]*Series, error) {
	cond, times, err := r.metaCondition(stmt.Condition)
	if err != nil {
		return nil, err
	}
	views, sources, err := r.tagValueViews(stmt, times)
	if err != nil {
		return nil, err
	}
	bounded := hasTime(stmt.Condition)
	byName := make(map[string]tagValueLists)
	keySelected := keyTest(stmt.Op, stmt.TagKeyExpr)
	cond, valueSelected := splitValueCondition(cond)
	for _, v := range views {
		names, err := (sourceView{v, sources}).names()
		if err == nil && len(names) > 0 {
			err = checkTagComparisons(cond)
		}
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			c, err := v.condition(name, cond)
			if err != nil {
				return nil, err
			}
			view, filter, err := v.view, c.filter, error(nil)
			if live, ok := view.(cursor.LiveView); ok && bounded {
				if view, err = live.Live(r.ctx, name, filter, times); err != nil {
					return nil, err
				}
				filter = nil
			}
			keys, err := view.TagKeys(name, filter)
			if err != nil {
				return nil, err
			}
			for _, k := range keys {
				if !keySelected(k) {
					continue
				}
				values, err := view.TagValues(name, k, filter)
				if err != nil {
					return nil, err
				}
				if valueSelected != nil {
					values = slices.DeleteFunc(values, func(v string) bool { return !valueSelected(v) })
				}
				if len(values) == 0 {
					continue
				}
				if byName[name] == nil {
					byName[name] = make(tagValueLists)
				}
				byName[name][k] = mergeSorted(byName[name][k], values)
			}
		}
	}
	return tagValueRows(byName, stmt.Limit, stmt.Offset), nil
}

// tagValueLists holds the values of each tag key of a measurement, sorted.
type tagValueLists map[string][]string

// mergeSorted joins two sorted lists without duplicates; it may take over either.
func mergeSorted(a, b []string) []string {
	if len(a) == 0 {
		return b
	}
	a = append(a, b...)
	slices.Sort(a)
	return slices.Compact(a)
}

// tagValueRows makes the rows that LIMIT and OFFSET leave, in the order of keys and
// values.
func tagValueRows(byName map[string]tagValueLists, limit, offset int) []*Series {
	var rows []*Series
	for _, name := range sortedKeys(byName) {
		keys := sortedKeys(byName[name])
		total := 0
		for _, k := range keys {
			total += len(byName[name][k])
		}
		from, to := min(max(offset, 0), total), total
		if limit > 0 {
			to = min(addCounts(from, limit), total)
		}
		if from == to {
			continue
		}
		shown, of := make([]string, 0, to-from), []string(nil)
		at := 0
		for _, k := range keys {
			values := byName[name][k]
			if lo, hi := max(from-at, 0), min(len(values), to-at); lo < hi {
				for range hi - lo {
					shown = append(shown, k)
				}
				if of == nil {
					of = values[lo:hi:hi]
				} else {
					of = append(of, values[lo:hi]...)
				}
			}
			at += len(values)
		}
		rows = append(rows, &Series{Name: name, Columns: []string{"key", "value"}, Rows: to - from, Values: []Column{
			{Kind: StringColumn, Strings: shown}, {Kind: StringColumn, Strings: of},
		}})
	}
	return rows
}

// tagValueViews returns the views SHOW TAG VALUES looks into: all policies, or the one its sources name.
func (r *statementRun) tagValueViews(stmt *influxql.ShowTagValuesStatement, times model.TimeRange) ([]*openView, influxql.Sources, error) {
	policy := ""
	for _, src := range stmt.Sources {
		m, ok := src.(*influxql.Measurement)
		if !ok || m.RetentionPolicy == "" {
			continue
		}
		if policy != "" && policy != m.RetentionPolicy {
			return nil, nil, fmt.Errorf("only one retention policy allowed in SHOW TAG VALUES query: %q, %q", m.RetentionPolicy, policy)
		}
		policy = m.RetentionPolicy
	}
	if policy == "" {
		views, err := r.databaseViews(stmt.Database, times)
		return views, stmt.Sources, err
	}
	db, err := r.database(stmt.Database)
	if err != nil {
		return nil, nil, err
	}
	if db.Policy(policy) == nil {
		return nil, nil, errPolicyNotFound(policy)
	}
	v, err := r.view(db.Name, policy, times)
	return []*openView{v}, stmt.Sources, err
}

// splitValueCondition takes the comparisons with "value", which stands for the tag value that is listed, out of a
// condition that is a chain of ANDs. The test is nil when there are none.
func splitValueCondition(expr influxql.Expr) (influxql.Expr, func(string) bool) {
	var test func(string) bool
	var rest influxql.Expr
	for _, part := range conjuncts(expr, nil) {
		if t := valueTest(part); t != nil {
			if before := test; before != nil {
				test = func(v string) bool { return before(v) && t(v) }
			} else {
				test = t
			}
			continue
		}
		if rest == nil {
			rest = part
		} else {
			rest = &influxql.BinaryExpr{Op: influxql.AND, LHS: rest, RHS: part}
		}
	}
	return rest, test
}

func conjuncts(expr influxql.Expr, dst []influxql.Expr) []influxql.Expr {
	switch e := expr.(type) {
	case nil:
		return dst
	case *influxql.ParenExpr:
		return conjuncts(e.Expr, dst)
	case *influxql.BinaryExpr:
		if e.Op == influxql.AND {
			return conjuncts(e.RHS, conjuncts(e.LHS, dst))
		}
	}
	return append(dst, expr)
}

// valueTest returns the test that a comparison with "value" stands for, nil for everything else.
func valueTest(expr influxql.Expr) func(string) bool {
	e, ok := expr.(*influxql.BinaryExpr)
	if !ok {
		return nil
	}
	if ref, ok := e.LHS.(*influxql.VarRef); !ok || ref.Name != "value" {
		return nil
	}
	switch lit := e.RHS.(type) {
	case *influxql.StringLiteral:
		return func(v string) bool { return (v == lit.Value) == (e.Op == influxql.EQ) }
	case *influxql.RegexLiteral:
		re := lit.Value
		return func(v string) bool { return re.MatchString(v) == (e.Op == influxql.EQREGEX) }
	}
	return nil
}
