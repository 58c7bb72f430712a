package influxql

import "time"

// Reduce returns a copy of an expression in which everything is computed that can be: names and calls the valuer knows,
// operators between literals, AND and OR with a literal on one side. The valuer may be nil. Parentheses around the whole
// are dropped.
func Reduce(expr Expr, valuer Valuer) Expr {
	expr = reduce(expr, valuer)
	if paren, ok := expr.(*ParenExpr); ok {
		return paren.Expr
	}
	return expr
}

// Reduce returns a copy of the statement, subqueries included, with the conditions and dimensions reduced.
func (s *SelectStatement) Reduce(valuer Valuer) *SelectStatement {
	c := s.Clone()
	c.Condition = Reduce(c.Condition, valuer)
	for _, d := range c.Dimensions {
		d.Expr = Reduce(d.Expr, valuer)
	}
	for _, src := range c.Sources {
		if sub, ok := src.(*SubQuery); ok {
			sub.Statement = sub.Statement.Reduce(valuer)
		}
	}
	return c
}

func reduce(expr Expr, valuer Valuer) Expr {
	switch e := expr.(type) {
	case *BinaryExpr:
		return reduceBinary(e, valuer)
	case *ParenExpr:
		return parenthesized(reduce(e.Expr, valuer))
	case *Call:
		return reduceCall(e, valuer)
	case *VarRef:
		if valuer != nil {
			if v, ok := valuer.Value(e.Name); ok {
				return toLiteral(v)
			}
		}
	}
	return CloneExpr(expr)
}

// parenthesized puts parentheses around what needs them.
func parenthesized(expr Expr) Expr {
	if binary, ok := expr.(*BinaryExpr); ok {
		return &ParenExpr{Expr: binary}
	}
	return expr
}

// reduceCall reduces the arguments, and calls the function if they all have a value.
func reduceCall(call *Call, valuer Valuer) Expr {
	reduced := &Call{Name: call.Name}
	values := make([]any, 0, len(call.Args))
	for _, arg := range call.Args {
		arg = reduce(arg, valuer)
		if isLiteral(arg) {
			values = append(values, Eval(arg, nil))
		}
		reduced.Args = append(reduced.Args, arg)
	}
	caller, ok := valuer.(CallValuer)
	if ok && len(values) == len(call.Args) {
		if v, ok := caller.Call(call.Name, values); ok {
			return toLiteral(v)
		}
	}
	return reduced
}

// toLiteral returns the literal for a value, NilLiteral for one that has none.
func toLiteral(v any) Literal {
	switch v := v.(type) {
	case bool:
		return &BooleanLiteral{Value: v}
	case time.Duration:
		return &DurationLiteral{Value: v}
	case float64:
		return &NumberLiteral{Value: v}
	case int64:
		return &IntegerLiteral{Value: v}
	case string:
		return &StringLiteral{Value: v}
	case time.Time:
		return &TimeLiteral{Value: v}
	}
	return &NilLiteral{}
}

func reduceBinary(e *BinaryExpr, valuer Valuer) Expr {
	return foldReduced(e.Op, reduce(e.LHS, valuer), reduce(e.RHS, valuer), zoneOf(valuer))
}

// foldReduced computes an operator between two sides that are reduced themselves.
func foldReduced(op Token, lhs, rhs Expr, loc *time.Location) Expr {
	if lhs == nil || rhs == nil {
		return &BinaryExpr{Op: op, LHS: lhs, RHS: rhs}
	}
	if op == AND || op == OR {
		if folded := foldLogical(op, lhs, rhs); folded != nil {
			return folded
		}
	}
	return folder{op, loc}.fold(lhs, rhs)
}

// foldLogical computes AND and OR as far as one side alone decides, else it returns nil.
func foldLogical(op Token, lhs, rhs Expr) Expr {
	deciding := op == OR // true decides OR, false decides AND
	switch {
	case isBoolean(lhs, deciding), isBoolean(rhs, deciding):
		return &BooleanLiteral{Value: deciding}
	case isBoolean(lhs, !deciding):
		return rhs
	case isBoolean(rhs, !deciding):
		return lhs
	}
	return nil
}
