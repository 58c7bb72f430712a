package query

import (
	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// nameKey is the name under which a condition may ask for the measurement itself.
const nameKey = "_name"

// tagCondition is a condition on the series of one measurement, split into what the index answers and what is left for
// the rows.
type tagCondition struct {
	measurement string
	isField     func(name string) bool
	expr        influxql.Expr // nil: none
	present     bool          // a comparison asks for the tag to be there, and what is none selects nothing
	leaves      []tagLeaf     // comparisons that a series decides alone
	filter      *model.TagFilter
	rest        map[string]influxql.Expr // by the answers of the leaves: what is left for the rows
}

// tagLeaf is one comparison that depends on tags or on the measurement alone.
type tagLeaf struct {
	expr   *influxql.BinaryExpr
	filter *model.TagFilter
}

// newTagCondition splits expr. isField tells whether a name without a type is a field.
func newTagCondition(measurement string, expr influxql.Expr, isField func(string) bool) *tagCondition {
	c := &tagCondition{measurement: measurement, isField: isField, expr: expr}
	if expr != nil {
		c.filter = c.split(expr)
	}
	return c
}

// newPresentTagCondition splits a condition in which every name is a tag that a series must have.
func newPresentTagCondition(measurement string, expr influxql.Expr) *tagCondition {
	c := &tagCondition{measurement: measurement, expr: expr, present: true, isField: func(string) bool { return false }}
	if expr != nil {
		c.filter = c.split(expr)
	}
	return c
}

var (
	everySeries = &model.TagFilter{Op: model.TagAnd}
	noSeries    = &model.TagFilter{Op: model.TagOr}
)

// split returns a filter that selects at least the series for which expr can be true, and collects the leaves.
func (c *tagCondition) split(expr influxql.Expr) *model.TagFilter {
	switch expr := expr.(type) {
	case *influxql.ParenExpr:
		return c.split(expr.Expr)
	case *influxql.BooleanLiteral:
		if !expr.Value {
			return noSeries
		}
		return everySeries
	case *influxql.BinaryExpr:
		switch expr.Op {
		case influxql.AND:
			return allOf(c.split(expr.LHS), c.split(expr.RHS))
		case influxql.OR:
			return anyOf(c.split(expr.LHS), c.split(expr.RHS))
		}
		if f := c.leaf(expr); f != nil {
			if ref, _ := comparedRef(expr); c.present && ref.Name != nameKey {
				f = allOf(&model.TagFilter{Op: model.TagNotEqual, Key: ref.Name}, f)
			}
			c.leaves = append(c.leaves, tagLeaf{expr: expr, filter: f})
			return f
		}
		if c.present {
			return noSeries
		}
	}
	return everySeries
}

func isEvery(f *model.TagFilter) bool { return f.Op == model.TagAnd && len(f.Args) == 0 }
func isNone(f *model.TagFilter) bool  { return f.Op == model.TagOr && len(f.Args) == 0 }

func allOf(a, b *model.TagFilter) *model.TagFilter {
	switch {
	case isEvery(a) || isNone(b):
		return b
	case isEvery(b) || isNone(a):
		return a
	}
	return &model.TagFilter{Op: model.TagAnd, Args: []*model.TagFilter{a, b}}
}

func anyOf(a, b *model.TagFilter) *model.TagFilter {
	switch {
	case isEvery(a) || isNone(b):
		return a
	case isEvery(b) || isNone(a):
		return b
	}
	return &model.TagFilter{Op: model.TagOr, Args: []*model.TagFilter{a, b}}
}

// leaf returns the filter of a comparison of a tag with a string or a pattern, nil for every other expression. Any
// operator that is not equality means its opposite, as in InfluxDB 1.x.
func (c *tagCondition) leaf(expr *influxql.BinaryExpr) *model.TagFilter {
	ref, other := comparedRef(expr)
	if ref == nil || !c.isTag(ref) {
		return nil
	}
	switch other := other.(type) {
	case *influxql.StringLiteral:
		op := model.TagNotEqual
		if expr.Op == influxql.EQ {
			op = model.TagEqual
		}
		if ref.Name == nameKey {
			return always((other.Value == c.measurement) == (op == model.TagEqual))
		}
		return &model.TagFilter{Op: op, Key: ref.Name, Value: other.Value}
	case *influxql.RegexLiteral:
		op := model.TagNotMatch
		if expr.Op == influxql.EQREGEX {
			op = model.TagMatch
		}
		if ref.Name == nameKey {
			return always(other.Value.MatchString(c.measurement) == (op == model.TagMatch))
		}
		return &model.TagFilter{Op: op, Key: ref.Name, Regex: other.Value}
	case *influxql.VarRef:
		if c.isTag(other) && ref.Name != nameKey && other.Name != nameKey {
			return comparedTags(ref.Name, other.Name, expr.Op)
		}
	}
	return nil
}

// comparedTags returns the filter of a comparison of two tags, which in InfluxDB 1.x does not look at the values: equal
// means that a series has both, everything else that it has only the first.
func comparedTags(a, b string, op influxql.Token) *model.TagFilter {
	second := model.TagEqual
	if op == influxql.EQ {
		second = model.TagNotEqual
	}
	return &model.TagFilter{Op: model.TagAnd, Args: []*model.TagFilter{
		{Op: model.TagNotEqual, Key: a}, {Op: second, Key: b},
	}}
}

func always(yes bool) *model.TagFilter {
	if yes {
		return everySeries
	}
	return noSeries
}

// comparedRef returns the name in a plain comparison and what it is compared with.
func comparedRef(expr *influxql.BinaryExpr) (*influxql.VarRef, influxql.Expr) {
	if ref, ok := expr.LHS.(*influxql.VarRef); ok {
		return ref, expr.RHS
	}
	if ref, ok := expr.RHS.(*influxql.VarRef); ok {
		return ref, expr.LHS
	}
	return nil, nil
}

// isTag reports whether a name is not a field here.
func (c *tagCondition) isTag(ref *influxql.VarRef) bool {
	if ref.Name == nameKey {
		return true
	}
	switch ref.Type {
	case influxql.Tag:
		return true
	case influxql.Unknown:
		return !c.isField(ref.Name)
	}
	return false
}

// forSeries returns what is left of the condition for the rows of a series: nil when all pass. With none set, no row
// passes.
func (c *tagCondition) forSeries(tags model.Tags) (rest influxql.Expr, none bool) {
	if c.expr == nil {
		return nil, false
	}
	answers := make([]byte, len(c.leaves))
	for i := range c.leaves {
		if matchTags(c.leaves[i].filter, tags) {
			answers[i] = 1
		}
	}
	rest, ok := c.rest[string(answers)]
	if !ok {
		rest = c.reduce(answers)
		if c.rest == nil {
			c.rest = make(map[string]influxql.Expr)
		}
		c.rest[string(answers)] = rest
	}
	if lit, ok := rest.(*influxql.BooleanLiteral); ok {
		return nil, !lit.Value
	}
	return rest, false
}

// certain returns the filter of the series all of whose rows pass, nil for all series: of what a series does not decide
// alone nothing is taken for granted.
func (c *tagCondition) certain() *model.TagFilter {
	if c.expr == nil {
		return nil
	}
	return c.certainOf(c.expr)
}

func (c *tagCondition) certainOf(expr influxql.Expr) *model.TagFilter {
	switch expr := expr.(type) {
	case *influxql.ParenExpr:
		return c.certainOf(expr.Expr)
	case *influxql.BooleanLiteral:
		if expr.Value {
			return everySeries
		}
	case *influxql.BinaryExpr:
		switch expr.Op {
		case influxql.AND:
			return allOf(c.certainOf(expr.LHS), c.certainOf(expr.RHS))
		case influxql.OR:
			return anyOf(c.certainOf(expr.LHS), c.certainOf(expr.RHS))
		}
		for i := range c.leaves {
			if c.leaves[i].expr == expr {
				return c.leaves[i].filter
			}
		}
	}
	return noSeries
}

// isConjunction reports whether the condition is such that its leaves are true for every series that the filter selects.
func (c *tagCondition) isConjunction() bool { return c.expr == nil || c.conjunction(c.expr) }

func (c *tagCondition) conjunction(expr influxql.Expr) bool {
	switch expr := expr.(type) {
	case *influxql.ParenExpr:
		return c.conjunction(expr.Expr)
	case *influxql.BinaryExpr:
		switch expr.Op {
		case influxql.AND:
			return c.conjunction(expr.LHS) && c.conjunction(expr.RHS)
		case influxql.OR:
			return !c.hasLeaf(expr)
		}
	}
	return true
}

// hasLeaf reports whether a leaf is below expr.
func (c *tagCondition) hasLeaf(expr influxql.Expr) bool {
	found := false
	influxql.WalkFunc(expr, func(n influxql.Node) {
		if e, ok := n.(*influxql.BinaryExpr); ok {
			for i := range c.leaves {
				found = found || c.leaves[i].expr == e
			}
		}
	})
	return found
}

// forMatching is forSeries for the series that the filter of a conjunction selects.
func (c *tagCondition) forMatching() (rest influxql.Expr, none bool) {
	if c.expr == nil {
		return nil, false
	}
	answers := make([]byte, len(c.leaves))
	for i := range answers {
		answers[i] = 1
	}
	rest = c.reduce(answers)
	if lit, ok := rest.(*influxql.BooleanLiteral); ok {
		return nil, !lit.Value
	}
	return rest, false
}

// reduce puts the answers in the place of the leaves.
func (c *tagCondition) reduce(answers []byte) influxql.Expr {
	known := make(map[*influxql.BinaryExpr]bool, len(c.leaves))
	for i := range c.leaves {
		known[c.leaves[i].expr] = answers[i] == 1
	}
	return foldAnswers(c.expr, known)
}

func foldAnswers(expr influxql.Expr, known map[*influxql.BinaryExpr]bool) influxql.Expr {
	switch expr := expr.(type) {
	case *influxql.ParenExpr:
		return foldAnswers(expr.Expr, known)
	case *influxql.BinaryExpr:
		if yes, ok := known[expr]; ok {
			return &influxql.BooleanLiteral{Value: yes}
		}
		if expr.Op != influxql.AND && expr.Op != influxql.OR {
			return expr
		}
		lhs, rhs := foldAnswers(expr.LHS, known), foldAnswers(expr.RHS, known)
		for _, side := range [][2]influxql.Expr{{lhs, rhs}, {rhs, lhs}} {
			if lit, ok := side[0].(*influxql.BooleanLiteral); ok {
				if lit.Value == (expr.Op == influxql.OR) {
					return lit
				}
				return side[1]
			}
		}
		return &influxql.BinaryExpr{Op: expr.Op, LHS: lhs, RHS: rhs}
	}
	return expr
}

// matchTags reports whether a filter selects a series with the given tags.
func matchTags(f *model.TagFilter, tags model.Tags) bool {
	switch f.Op {
	case model.TagAnd:
		for _, a := range f.Args {
			if !matchTags(a, tags) {
				return false
			}
		}
		return true
	case model.TagOr:
		for _, a := range f.Args {
			if matchTags(a, tags) {
				return true
			}
		}
		return false
	case model.TagNot:
		return !matchTags(f.Args[0], tags)
	}
	var v []byte
	for i := range tags {
		if string(tags[i].Key) == f.Key {
			v = tags[i].Value
			break
		}
	}
	switch f.Op {
	case model.TagEqual:
		return string(v) == f.Value
	case model.TagNotEqual:
		return string(v) != f.Value
	case model.TagMatch:
		return f.Regex.Match(v)
	}
	return !f.Regex.Match(v)
}
