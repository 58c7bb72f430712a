package influxql

import (
	"cmp"
	"math"
	"time"
)

// folder computes one operator between literals. Its methods take the two sides, the left one by its kind, and return
// the result or, where the operator has no meaning between them, the binary expression. The sides of that expression
// may have been converted: an integer beside a number becomes a number.
type folder struct {
	op  Token
	loc *time.Location // of points in time without a zone; nil: UTC
}

func (f folder) unfolded(lhs, rhs Expr) Expr { return &BinaryExpr{Op: f.op, LHS: lhs, RHS: rhs} }

func (f folder) fold(lhs, rhs Expr) Expr {
	switch lhs := lhs.(type) {
	case *BooleanLiteral:
		return f.boolean(lhs, rhs)
	case *DurationLiteral:
		return f.duration(lhs, rhs)
	case *IntegerLiteral:
		return f.integer(lhs, rhs)
	case *UnsignedLiteral:
		return f.unsigned(lhs, rhs)
	case *NumberLiteral:
		return f.number(lhs, rhs)
	case *StringLiteral:
		return f.string(lhs, rhs)
	case *TimeLiteral:
		return f.time(lhs, rhs)
	case *NilLiteral:
		if f.op == EQ || f.op == NEQ {
			return boolean(false)
		}
	}
	return f.unfolded(lhs, rhs)
}

func boolean(v bool) Expr { return &BooleanLiteral{Value: v} }

// compare computes a comparison; nil for another operator. No comparison but != holds with a NaN.
func compare[T cmp.Ordered](op Token, a, b T) Expr {
	if result, ok := compareOrdered(op, a, b); ok {
		return boolean(result)
	}
	return nil
}

// orElse returns a result, or the binary expression if there is none.
func (f folder) orElse(result, lhs, rhs Expr) Expr {
	if result == nil {
		return f.unfolded(lhs, rhs)
	}
	return result
}

// ifFolded returns a result reached by reading one side as a time, or the binary expression with the sides as they were
// if the operator has no meaning for times either.
func (f folder) ifFolded(result, lhs, rhs Expr) Expr {
	if _, ok := result.(*BinaryExpr); ok {
		return f.unfolded(lhs, rhs)
	}
	return result
}

func (f folder) boolean(lhs *BooleanLiteral, rhs Expr) Expr {
	switch rhs := rhs.(type) {
	case *BooleanLiteral:
		if v, ok := booleanOp(f.op, lhs.Value, rhs.Value); ok {
			return boolean(v)
		}
	case *NilLiteral:
		return boolean(false)
	}
	return f.unfolded(lhs, rhs)
}

func (f folder) duration(lhs *DurationLiteral, rhs Expr) Expr {
	switch r := rhs.(type) {
	case *DurationLiteral:
		return f.orElse(f.durations(lhs.Value, r.Value), lhs, rhs)
	case *NumberLiteral:
		return f.orElse(f.scaled(lhs.Value, time.Duration(r.Value)), lhs, rhs)
	case *IntegerLiteral:
		return f.orElse(f.scaled(lhs.Value, time.Duration(r.Value)), lhs, rhs)
	case *TimeLiteral:
		if f.op == ADD {
			return &TimeLiteral{Value: r.Value.Add(lhs.Value)}
		}
	case *StringLiteral:
		if t, err := r.ToTimeLiteral(f.loc); err == nil {
			return f.ifFolded(f.duration(lhs, t), lhs, rhs)
		}
	case *NilLiteral:
		return boolean(false)
	}
	return f.unfolded(lhs, rhs)
}

func (f folder) durations(a, b time.Duration) Expr {
	switch f.op {
	case ADD:
		return &DurationLiteral{Value: a + b}
	case SUB:
		return &DurationLiteral{Value: a - b}
	}
	return compare(f.op, a, b)
}

// scaled multiplies or divides a duration by a whole number; what is divided by zero is zero.
func (f folder) scaled(d, by time.Duration) Expr {
	switch {
	case f.op == MUL:
		return &DurationLiteral{Value: d * by} //nolint:durationcheck // by is a whole number in the statement
	case f.op == DIV && by == 0:
		return &DurationLiteral{}
	case f.op == DIV:
		return &DurationLiteral{Value: d / by}
	}
	return nil
}

// integer folds with an integer on the left; beside a duration or a time it counts nanoseconds.
func (f folder) integer(lhs *IntegerLiteral, rhs Expr) Expr {
	switch r := rhs.(type) {
	case *NumberLiteral:
		return f.number(&NumberLiteral{Value: float64(lhs.Value)}, rhs)
	case *IntegerLiteral:
		return f.orElse(f.integers(lhs.Value, r.Value), lhs, rhs)
	case *UnsignedLiteral:
		if lhs.Value < 0 && isOrdering(f.op) {
			return boolean(f.op == LT || f.op == LTE)
		}
		return f.unsigned(&UnsignedLiteral{Value: uint64(lhs.Value)}, rhs)
	case *DurationLiteral:
		switch f.op {
		case ADD:
			return &TimeLiteral{Value: time.Unix(0, lhs.Value).Add(r.Value)}
		case SUB:
			return &TimeLiteral{Value: time.Unix(0, lhs.Value).Add(-r.Value)}
		}
	case *TimeLiteral:
		return f.ifFolded(f.duration(&DurationLiteral{Value: time.Duration(lhs.Value)}, r), lhs, rhs)
	case *StringLiteral:
		if t, err := r.ToTimeLiteral(f.loc); err == nil {
			return f.ifFolded(f.duration(&DurationLiteral{Value: time.Duration(lhs.Value)}, t), lhs, rhs)
		}
	case *NilLiteral:
		return boolean(false)
	}
	return f.unfolded(lhs, rhs)
}

// integers computes between two integers. A quotient is a number.
func (f folder) integers(a, b int64) Expr {
	if f.op == DIV {
		if b == 0 {
			return &NumberLiteral{}
		}
		return &NumberLiteral{Value: float64(a) / float64(b)}
	}
	if v, ok := wholeOp(f.op, a, b); ok {
		return &IntegerLiteral{Value: v}
	}
	return compare(f.op, a, b)
}

func (f folder) unsigned(lhs *UnsignedLiteral, rhs Expr) Expr {
	switch r := rhs.(type) {
	case *NumberLiteral:
		return f.number(&NumberLiteral{Value: float64(lhs.Value)}, rhs)
	case *IntegerLiteral:
		if r.Value < 0 && isOrdering(f.op) {
			return boolean(f.op == GT || f.op == GTE)
		}
		return f.unsigned(lhs, &UnsignedLiteral{Value: uint64(r.Value)})
	case *UnsignedLiteral:
		return f.orElse(f.unsigneds(lhs.Value, r.Value), lhs, rhs)
	}
	return f.unfolded(lhs, rhs)
}

// unsigneds computes between two unsigned numbers, but not bit by bit.
func (f folder) unsigneds(a, b uint64) Expr {
	switch f.op {
	case BITAND, BITOR, BITXOR:
		return nil
	}
	if v, ok := wholeOp(f.op, a, b); ok {
		return &UnsignedLiteral{Value: v}
	}
	return compare(f.op, a, b)
}

func (f folder) number(lhs *NumberLiteral, rhs Expr) Expr {
	switch r := rhs.(type) {
	case *NumberLiteral:
		return f.orElse(f.numbers(lhs.Value, r.Value), lhs, rhs)
	case *IntegerLiteral:
		return f.orElse(f.numbers(lhs.Value, float64(r.Value)), lhs, rhs)
	case *UnsignedLiteral:
		return f.number(lhs, &NumberLiteral{Value: float64(r.Value)})
	case *NilLiteral:
		return boolean(false)
	}
	return f.unfolded(lhs, rhs)
}

func (f folder) numbers(a, b float64) Expr {
	if v, ok := floatOp(f.op, a, b); ok {
		return &NumberLiteral{Value: v}
	}
	return compare(f.op, a, b)
}

// string folds with a string on the left, which may turn out a point in time.
func (f folder) string(lhs *StringLiteral, rhs Expr) Expr {
	switch r := rhs.(type) {
	case *StringLiteral:
		switch f.op {
		case ADD:
			return &StringLiteral{Value: lhs.Value + r.Value}
		case EQ, NEQ:
			return f.equalStrings(lhs, r)
		}
		return f.stringAsTime(lhs, rhs)
	case *DurationLiteral, *TimeLiteral, *IntegerLiteral:
		return f.stringAsTime(lhs, rhs)
	case *NilLiteral:
		if f.op == EQ || f.op == NEQ {
			return boolean(false)
		}
	}
	return f.unfolded(lhs, rhs)
}

func (f folder) stringAsTime(lhs *StringLiteral, rhs Expr) Expr {
	t, err := lhs.ToTimeLiteral(f.loc)
	if err != nil {
		return f.unfolded(lhs, rhs)
	}
	return f.ifFolded(f.time(t, rhs), lhs, rhs)
}

// equalStrings compares two strings: as points in time if both are, so that one moment written in two ways is equal.
func (f folder) equalStrings(lhs, rhs *StringLiteral) Expr {
	a, errA := lhs.ToTimeLiteral(f.loc)
	b, errB := rhs.ToTimeLiteral(f.loc)
	if errA == nil && errB == nil {
		return f.time(a, b)
	}
	return compare(f.op, lhs.Value, rhs.Value)
}

func (f folder) time(lhs *TimeLiteral, rhs Expr) Expr {
	switch r := rhs.(type) {
	case *DurationLiteral:
		return f.orElse(f.moved(lhs.Value, r.Value), lhs, rhs)
	case *IntegerLiteral:
		return f.orElse(f.moved(lhs.Value, time.Duration(r.Value)), lhs, rhs)
	case *TimeLiteral:
		if f.op == SUB {
			return &DurationLiteral{Value: lhs.Value.Sub(r.Value)}
		}
		return f.orElse(compare(f.op, lhs.Value.Compare(r.Value), 0), lhs, rhs)
	case *StringLiteral:
		if t, err := r.ToTimeLiteral(f.loc); err == nil {
			return f.ifFolded(f.time(lhs, t), lhs, rhs)
		}
	case *NilLiteral:
		return boolean(false)
	}
	return f.unfolded(lhs, rhs)
}

// moved adds or subtracts a duration.
func (f folder) moved(t time.Time, d time.Duration) Expr {
	switch f.op {
	case ADD:
		return &TimeLiteral{Value: t.Add(d)}
	case SUB:
		return &TimeLiteral{Value: t.Add(-d)}
	}
	return nil
}

func isOrdering(op Token) bool { return op == LT || op == LTE || op == GT || op == GTE }

// The functions below compute an operator between two values of one type. They report false for an operator that has
// no meaning there.

func booleanOp(op Token, a, b bool) (result, ok bool) {
	switch op {
	case AND, BITAND:
		return a && b, true
	case OR, BITOR:
		return a || b, true
	case EQ:
		return a == b, true
	case NEQ, BITXOR:
		return a != b, true
	}
	return false, false
}

func compareOrdered[T cmp.Ordered](op Token, a, b T) (result, ok bool) {
	switch op {
	case EQ:
		return a == b, true
	case NEQ:
		return a != b, true
	case LT:
		return a < b, true
	case LTE:
		return a <= b, true
	case GT:
		return a > b, true
	case GTE:
		return a >= b, true
	}
	return false, false
}

// floatOp computes between floats; what is divided by zero is zero.
func floatOp(op Token, a, b float64) (float64, bool) {
	switch op {
	case ADD:
		return a + b, true
	case SUB:
		return a - b, true
	case MUL:
		return a * b, true
	case DIV:
		if b == 0 {
			return 0, true
		}
		return a / b, true
	case MOD:
		return math.Mod(a, b), true
	}
	return 0, false
}

// wholeOp computes between integers, wrapping around; what is divided by zero is zero.
func wholeOp[T int64 | uint64](op Token, a, b T) (T, bool) {
	switch op {
	case ADD:
		return a + b, true
	case SUB:
		return a - b, true
	case MUL:
		return a * b, true
	case DIV:
		if b == 0 {
			return 0, true
		}
		return a / b, true
	case MOD:
		if b == 0 {
			return 0, true
		}
		return a % b, true
	case BITAND:
		return a & b, true
	case BITOR:
		return a | b, true
	case BITXOR:
		return a ^ b, true
	}
	return 0, false
}
