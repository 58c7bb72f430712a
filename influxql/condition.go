package influxql

import (
	"fmt"
	"strings"
	"time"
)

// ConditionExpr splits the condition of a statement into the time range it demands and the rest, reduced; the rest is
// nil if nothing remains. All comparisons with the time are intersected wherever they stand, below OR too.
func ConditionExpr(condition Expr, valuer Valuer) (Expr, TimeRange, error) {
	rest, times, err := splitCondition(condition, valuer)
	if paren, ok := rest.(*ParenExpr); ok {
		rest = paren.Expr
	}
	if rest != nil && isBoolean(rest, true) {
		rest = nil
	}
	return rest, times, err
}

func splitCondition(condition Expr, valuer Valuer) (Expr, TimeRange, error) {
	switch c := condition.(type) {
	case nil:
		return nil, TimeRange{}, nil
	case *BooleanLiteral:
		return boolean(c.Value), TimeRange{}, nil
	case *ParenExpr:
		rest, times, err := splitCondition(c.Expr, valuer)
		if err != nil || rest == nil {
			return nil, times, err
		}
		return parenthesized(rest), times, nil
	case *BinaryExpr:
		if c.Op == AND || c.Op == OR {
			return splitLogical(c, valuer)
		}
		return splitComparison(c, valuer)
	}
	return nil, TimeRange{}, fmt.Errorf("invalid condition expression: %s", condition)
}

func splitLogical(c *BinaryExpr, valuer Valuer) (Expr, TimeRange, error) {
	lhs, timesL, err := splitCondition(c.LHS, valuer)
	if err != nil {
		return nil, TimeRange{}, err
	}
	rhs, timesR, err := splitCondition(c.RHS, valuer)
	if err != nil {
		return nil, TimeRange{}, err
	}
	times := timesL.Intersect(timesR)
	switch {
	case rhs == nil:
		return lhs, times, nil
	case lhs == nil:
		return rhs, times, nil
	}
	// Reducing the sides again would change nothing and make long conditions quadratic.
	return foldReduced(c.Op, lhs, rhs, nil), times, nil
}

func splitComparison(c *BinaryExpr, valuer Valuer) (Expr, TimeRange, error) {
	if isTime(c.LHS) {
		times, err := timesWhere(c.Op, c.RHS, valuer)
		return nil, times, err
	}
	if isTime(c.RHS) {
		times, err := timesWhere(mirrored(c.Op), c.LHS, valuer)
		return nil, times, err
	}
	return reduce(c, valuer), TimeRange{}, nil
}

// isTime reports whether an expression is the name of the time, in any case.
func isTime(expr Expr) bool {
	ref, ok := expr.(*VarRef)
	return ok && strings.ToLower(ref.Name) == "time"
}

// mirrored returns the comparison that holds with the sides swapped.
func mirrored(op Token) Token {
	switch op {
	case LT:
		return GT
	case LTE:
		return GTE
	case GT:
		return LT
	case GTE:
		return LTE
	}
	return op
}

// timesWhere returns the times for which "time op value" holds.
func timesWhere(op Token, value Expr, valuer Valuer) (TimeRange, error) {
	t, err := momentOf(value, valuer)
	if err != nil {
		return TimeRange{}, err
	}
	switch op {
	case EQ:
		return TimeRange{Min: t, Max: t}, nil
	case GT:
		return TimeRange{Min: t.Add(time.Nanosecond)}, nil
	case GTE:
		return TimeRange{Min: t}, nil
	case LT:
		return TimeRange{Max: t.Add(-time.Nanosecond)}, nil
	case LTE:
		return TimeRange{Max: t}, nil
	}
	return TimeRange{}, fmt.Errorf("invalid time comparison operator: %s", op)
}

// momentOf computes what the time is compared with. Numbers and durations count from the epoch.
func momentOf(value Expr, valuer Valuer) (time.Time, error) {
	if lit, ok := value.(*StringLiteral); ok && lit.IsTimeLiteral() {
		t, err := lit.ToTimeLiteral(zoneOf(valuer))
		if err != nil {
			return time.Time{}, err
		}
		value = t
	}
	switch lit := Reduce(value, valuer).(type) {
	case *TimeLiteral:
		return lit.Value, checkMoment(lit.Value)
	case *DurationLiteral:
		return time.Unix(0, int64(lit.Value)).UTC(), nil
	case *NumberLiteral:
		return time.Unix(0, int64(lit.Value)).UTC(), nil
	case *IntegerLiteral:
		return time.Unix(0, lit.Value).UTC(), nil
	default:
		return time.Time{}, fmt.Errorf("invalid operation: time and %T are not compatible", lit)
	}
}

// checkMoment checks that a moment lies in the bounds of time. The lowest one is for internal use.
func checkMoment(t time.Time) error {
	if t.After(time.Unix(0, MaxTime)) {
		return fmt.Errorf("time %s overflows time literal", t.Format(time.RFC3339))
	}
	if t.Before(time.Unix(0, MinTime+1)) {
		return fmt.Errorf("time %s underflows time literal", t.Format(time.RFC3339))
	}
	return nil
}
