package influxql

import "regexp"

// Eval computes an expression with the values of a map. A name without a value is nil.
func Eval(expr Expr, values map[string]any) any {
	v := ValuerEval{Valuer: MapValuer(values)}
	return v.Eval(expr)
}

// EvalBool reports whether an expression is true with the values of a map.
func EvalBool(expr Expr, values map[string]any) bool {
	result, _ := Eval(expr, values).(bool)
	return result
}

// ValuerEval computes expressions.
type ValuerEval struct {
	Valuer Valuer

	// IntegerFloatDivision makes the quotient of two integers a float.
	IntegerFloatDivision bool
}

// EvalBool reports whether an expression is true.
func (v *ValuerEval) EvalBool(expr Expr) bool {
	result, _ := v.Eval(expr).(bool)
	return result
}

// Eval computes an expression. The result is a float64, int64, uint64, string, bool or *regexp.Regexp, what the Valuer
// gives for a name alone, or nil if there is no result. A comparison of values that cannot be compared is false.
func (v *ValuerEval) Eval(expr Expr) any {
	switch e := expr.(type) {
	case *BinaryExpr:
		return v.Binary(e.Op, v.Eval(e.LHS), v.Eval(e.RHS))
	case *ParenExpr:
		return v.Eval(e.Expr)
	case *VarRef:
		value, _ := v.Valuer.Value(e.Name)
		return value
	case *Call:
		return v.call(e)
	case *NumberLiteral:
		return e.Value
	case *IntegerLiteral:
		return e.Value
	case *UnsignedLiteral:
		return e.Value
	case *StringLiteral:
		return e.Value
	case *BooleanLiteral:
		return e.Value
	case *RegexLiteral:
		return e.Value
	}
	return nil
}

func (v *ValuerEval) call(call *Call) any {
	caller, ok := v.Valuer.(CallValuer)
	if !ok {
		return nil
	}
	var args []any
	for _, arg := range call.Args {
		args = append(args, v.Eval(arg))
	}
	value, _ := caller.Call(call.Name, args)
	return value
}

// Binary computes an operator between two values. Beside a boolean nil counts as false.
func (v *ValuerEval) Binary(op Token, lhs, rhs any) any {
	lhs, rhs = falseForNil(lhs, rhs)
	if result, ok := v.operate(op, lhs, rhs); ok {
		return result
	}
	if _, comparison := compareOrdered(op, 0, 0); comparison {
		return false
	}
	return nil
}

func falseForNil(lhs, rhs any) (any, any) {
	if _, ok := rhs.(bool); ok && lhs == nil {
		return false, rhs
	}
	if _, ok := lhs.(bool); ok && rhs == nil {
		return lhs, false
	}
	return lhs, rhs
}

// operate computes an operator; false if it has no meaning between the two.
func (v *ValuerEval) operate(op Token, lhs, rhs any) (any, bool) {
	switch l := lhs.(type) {
	case bool:
		r, same := rhs.(bool)
		result, ok := booleanOp(op, l, r)
		return result && same, ok
	case string:
		return operateString(op, l, rhs)
	case float64:
		if r, ok := toFloat(rhs); ok {
			return operateFloats(op, l, r)
		}
	case int64:
		switch r := rhs.(type) {
		case float64:
			return operateFloats(op, float64(l), r)
		case int64:
			if op == DIV && v.IntegerFloatDivision {
				return operateFloats(op, float64(l), float64(r))
			}
			return operateWhole(op, l, r)
		case uint64:
			if l < 0 && isOrdering(op) {
				return op == LT || op == LTE, true
			}
			return operateWhole(op, uint64(l), r)
		}
	case uint64:
		switch r := rhs.(type) {
		case float64:
			return operateFloats(op, float64(l), r)
		case int64:
			if r < 0 && isOrdering(op) {
				return op == GT || op == GTE, true
			}
			return operateWhole(op, l, uint64(r))
		case uint64:
			return operateWhole(op, l, r)
		}
	}
	return nil, false
}

func toFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	}
	return 0, false
}

func operateFloats(op Token, a, b float64) (any, bool) {
	if result, ok := compareOrdered(op, a, b); ok {
		return result, true
	}
	if result, ok := floatOp(op, a, b); ok {
		return result, true
	}
	return nil, false
}

func operateWhole[T int64 | uint64](op Token, a, b T) (any, bool) {
	if result, ok := compareOrdered(op, a, b); ok {
		return result, true
	}
	if result, ok := wholeOp(op, a, b); ok {
		return result, true
	}
	return nil, false
}

// operateString compares a string with a string, or matches it with a regular expression. Both are false with a value
// of another type.
func operateString(op Token, lhs string, rhs any) (any, bool) {
	switch op {
	case EQ, NEQ:
		r, ok := rhs.(string)
		return ok && (lhs == r) == (op == EQ), true
	case EQREGEX, NEQREGEX:
		re, ok := rhs.(*regexp.Regexp)
		return ok && re.MatchString(lhs) == (op == EQREGEX), true
	}
	return nil, false
}
