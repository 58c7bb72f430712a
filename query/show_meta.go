package query

import (
	"math"

	"errors"
	"fmt"
	"slices"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// page applies LIMIT and OFFSET to a list.
func page[T any](list []T, limit, offset int) []T {
	list = list[min(max(offset, 0), len(list)):]
	if limit > 0 {
		list = list[:min(limit, len(list))]
	}
	return list
}

// mostCount stands for counts of rows that no answer has; a few of them can be added up.
const mostCount = math.MaxInt >> 3

// addCounts adds what statements say after LIMIT, OFFSET and their like, which may be all that an integer holds.
func addCounts(a, b int) int { return min(a, mostCount) + min(b, mostCount) }

// metaCondition splits the condition of a SHOW statement into its time range and the rest.
func (r *statementRun) metaCondition(expr influxql.Expr) (influxql.Expr, model.TimeRange, error) {
	cond, times, err := influxql.ConditionExpr(expr, &influxql.NowValuer{Now: r.now})
	if err != nil {
		return nil, model.TimeRange{}, err
	}
	return cond, model.TimeRange{Min: times.MinTimeNano(), Max: times.MaxTimeNano()}, nil
}

// hasTime reports whether a condition bounds the time.
func hasTime(expr influxql.Expr) bool { return expr != nil && influxql.HasTimeExpr(expr) }

// checkTagComparisons refuses comparisons whose left side is no name, as the walk over tag keys does in 1.x.
func checkTagComparisons(expr influxql.Expr) error {
	var err error
	influxql.WalkFunc(expr, func(n influxql.Node) {
		e, ok := n.(*influxql.BinaryExpr)
		if !ok || err != nil {
			return
		}
		switch e.Op {
		case influxql.EQ, influxql.NEQ, influxql.EQREGEX, influxql.NEQREGEX:
			if _, ok := e.LHS.(*influxql.VarRef); !ok {
				err = fmt.Errorf("left side of '%s' must be a tag key", e.Op)
			}
		}
	})
	return err
}

func errNoTime(statement string) error {
	return fmt.Errorf("%s doesn't support time in WHERE clause", statement)
}

// checkTagOperators refuses comparisons by size.
func checkTagOperators(expr influxql.Expr) error {
	var err error
	influxql.WalkFunc(expr, func(n influxql.Node) {
		if e, ok := n.(*influxql.BinaryExpr); ok {
			switch e.Op {
			case influxql.EQ, influxql.NEQ, influxql.EQREGEX, influxql.NEQREGEX, influxql.AND, influxql.OR:
			default:
				err = errors.New("invalid tag comparison operator")
			}
		}
	})
	return err
}

// sourceViews returns the views that the sources of a SHOW statement look into, each with the names it is asked for.
// Sources without a policy mean the default one.
func (r *statementRun) sourceViews(database string, sources influxql.Sources, times model.TimeRange) ([]sourceView, error) {
	db, err := r.database(database)
	if err != nil {
		return nil, err
	}
	var out []sourceView
	add := func(dbName, policy string, m *influxql.Measurement) error {
		v, err := r.view(dbName, policy, times)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(out, func(s sourceView) bool { return s.view == v })
		if i < 0 {
			i = len(out)
			out = append(out, sourceView{view: v})
		}
		if m != nil {
			out[i].sources = append(out[i].sources, m)
		}
		return nil
	}
	if len(sources) == 0 {
		p := db.Policy(r.req.Policy)
		if p == nil {
			return nil, errPolicyNotFound(r.req.Policy)
		}
		return out, add(db.Name, p.Name, nil)
	}
	for _, src := range sources {
		m, ok := src.(*influxql.Measurement)
		if !ok {
			continue
		}
		if err := r.normalizeMeasurement(m, db.Name, r.req.Policy); err != nil {
			return nil, err
		}
		if err := r.checkPolicies(influxql.Sources{m}); err != nil {
			return nil, err
		}
		if err := add(m.Database, m.RetentionPolicy, m); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sourceView is a view with the measurements wanted from it; no sources mean all.
type sourceView struct {
	view    *openView
	sources influxql.Sources
}

func (s sourceView) names() ([]string, error) {
	all, err := s.view.allMeasurements()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range all {
		if sourcesName(s.sources, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// condition splits the condition for a measurement of the view.
func (v *openView) condition(measurement string, expr influxql.Expr) (*tagCondition, error) {
	fields, err := v.fieldTypes(measurement)
	if err != nil {
		return nil, err
	}
	return newTagCondition(measurement, expr, func(name string) bool {
		_, ok := fields[name]
		return ok
	}), nil
}
