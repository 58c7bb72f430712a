package influxql

import (
	"regexp"
	"time"
)

// BinaryExpr is two expressions joined by an operator.
type BinaryExpr struct {
	Op  Token
	LHS Expr
	RHS Expr
}

// ParenExpr is an expression in parentheses.
type ParenExpr struct {
	Expr Expr
}

// VarRef is the name of a field, a tag or the time, with the type a cast (name::type) or a rewrite gave it.
type VarRef struct {
	Name string
	Type DataType
}

// Call is a function applied to arguments. Name is in lower case.
type Call struct {
	Name string
	Args []Expr
}

// Distinct is DISTINCT name; see NewCall.
type Distinct struct {
	Name string
	Tag  bool // DISTINCT name::tag
}

// NewCall returns the same as a call of the function distinct.
func (d *Distinct) NewCall() *Call {
	return &Call{Name: "distinct", Args: []Expr{&VarRef{Name: d.Name}}}
}

// Wildcard is *. Type is FIELD or TAG for *::field and *::tag, else zero.
type Wildcard struct {
	Type Token
}

// NumberLiteral is a number with a fraction.
type NumberLiteral struct {
	Value float64
}

// IntegerLiteral is a whole number.
type IntegerLiteral struct {
	Value int64
}

// UnsignedLiteral is a whole number too large for an IntegerLiteral.
type UnsignedLiteral struct {
	Value uint64
}

// BooleanLiteral is true or false.
type BooleanLiteral struct {
	Value bool
}

// StringLiteral is 'text'. Compared with the time it may be a point in time, see ToTimeLiteral.
type StringLiteral struct {
	Value string
}

// DurationLiteral is a length of time such as 90m.
type DurationLiteral struct {
	Value time.Duration
}

// TimeLiteral is a point in time. It comes from folding, never from parsing.
type TimeLiteral struct {
	Value time.Time
}

// RegexLiteral is /pattern/.
type RegexLiteral struct {
	Value *regexp.Regexp
}

// ListLiteral is the list of tag keys of WITH KEY IN (…).
type ListLiteral struct {
	Values []string
}

// NilLiteral is no value. It comes from folding, never from parsing.
type NilLiteral struct{}

// BoundParameter is $name in a tree that is built to be printed. The parser puts the value in place.
type BoundParameter struct {
	Name string
}

func (*BinaryExpr) expr()      {}
func (*ParenExpr) expr()       {}
func (*VarRef) expr()          {}
func (*Call) expr()            {}
func (*Distinct) expr()        {}
func (*Wildcard) expr()        {}
func (*NumberLiteral) expr()   {}
func (*IntegerLiteral) expr()  {}
func (*UnsignedLiteral) expr() {}
func (*BooleanLiteral) expr()  {}
func (*StringLiteral) expr()   {}
func (*DurationLiteral) expr() {}
func (*TimeLiteral) expr()     {}
func (*RegexLiteral) expr()    {}
func (*ListLiteral) expr()     {}
func (*NilLiteral) expr()      {}
func (*BoundParameter) expr()  {}

func (*NumberLiteral) literal()   {}
func (*IntegerLiteral) literal()  {}
func (*UnsignedLiteral) literal() {}
func (*BooleanLiteral) literal()  {}
func (*StringLiteral) literal()   {}
func (*DurationLiteral) literal() {}
func (*TimeLiteral) literal()     {}
func (*RegexLiteral) literal()    {}
func (*ListLiteral) literal()     {}
func (*NilLiteral) literal()      {}
func (*BoundParameter) literal()  {}

func isLiteral(e Expr) bool {
	_, ok := e.(Literal)
	return ok
}

// isBoolean reports whether e is the literal value.
func isBoolean(e Expr, value bool) bool {
	lit, ok := e.(*BooleanLiteral)
	return ok && lit.Value == value
}
