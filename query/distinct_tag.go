package query

import (
	"slices"
	"time"

	"github.com/timberlinedb/timberline/influxql"
)

// placeDistinctTags makes statements of DISTINCT name::tag, and of those below them, that the rest of the engine knows:
//
//	SELECT DISTINCT host::tag FROM cpu WHERE … GROUP BY …
//	SELECT distinct(host) FROM (SELECT count(*::field) FROM cpu WHERE … AND host != '' GROUP BY …, host) WHERE time …
//
// The inner statement mostly is answered from the statistics of blocks; it has a row for each value of the tag, and each
// group of time, that has rows.
func placeDistinctTags(stmt *influxql.SelectStatement, now time.Time) error {
	for _, src := range stmt.Sources {
		if sub, ok := src.(*influxql.SubQuery); ok {
			if err := placeDistinctTags(sub.Statement, now); err != nil {
				return err
			}
		}
	}
	var tag *influxql.Distinct
	influxql.WalkFunc(stmt.Fields, func(n influxql.Node) {
		if d, ok := n.(*influxql.Distinct); ok && d.Tag {
			tag = d
		}
	})
	if tag == nil {
		return nil
	}
	_, times, err := influxql.ConditionExpr(stmt.Condition, &influxql.NowValuer{Now: now, Location: stmt.Location})
	if err != nil {
		return err
	}
	inner := &influxql.SelectStatement{
		Fields: influxql.Fields{{Expr: &influxql.Call{
			Name: "count", Args: []influxql.Expr{&influxql.Wildcard{Type: influxql.FIELD}},
		}}},
		Sources: stmt.Sources, Condition: hasTag(stmt.Condition, tag.Name), Location: stmt.Location,
		Dimensions: slices.Clone(stmt.Dimensions), Fill: influxql.NoFill, InOrder: true,
	}
	ref := &influxql.VarRef{Name: tag.Name}
	if !slices.ContainsFunc(inner.Dimensions, func(d *influxql.Dimension) bool { return d.Expr.String() == ref.String() }) {
		inner.Dimensions = append(inner.Dimensions, &influxql.Dimension{Expr: ref})
	}
	if len(stmt.SortFields) > 0 && !stmt.SortsColumns() {
		inner.SortFields = stmt.SortFields
	}
	stmt.Sources, stmt.Condition = influxql.Sources{&influxql.SubQuery{Statement: inner.Clone()}}, timeBounds(times)
	return nil
}

// hasTag returns the condition that also asks for a value of a tag.
func hasTag(cond influxql.Expr, name string) influxql.Expr {
	has := &influxql.BinaryExpr{
		Op: influxql.NEQ, LHS: &influxql.VarRef{Name: name, Type: influxql.Tag}, RHS: &influxql.StringLiteral{},
	}
	if cond == nil {
		return has
	}
	return &influxql.BinaryExpr{Op: influxql.AND, LHS: &influxql.ParenExpr{Expr: cond}, RHS: has}
}

// timeBounds returns the condition that a range stands for, nil when it has no bound.
func timeBounds(times influxql.TimeRange) influxql.Expr {
	var cond influxql.Expr
	add := func(op influxql.Token, t time.Time) {
		if t.IsZero() {
			return
		}
		bound := &influxql.BinaryExpr{Op: op, LHS: &influxql.VarRef{Name: "time"}, RHS: &influxql.TimeLiteral{Value: t}}
		if cond == nil {
			cond = bound
		} else {
			cond = &influxql.BinaryExpr{Op: influxql.AND, LHS: cond, RHS: bound}
		}
	}
	add(influxql.GTE, times.Min)
	add(influxql.LTE, times.Max)
	return cond
}
