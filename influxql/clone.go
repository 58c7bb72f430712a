package influxql

import "fmt"

// CloneExpr returns a deep copy of an expression. Compiled regular expressions, which never change, are shared.
func CloneExpr(expr Expr) Expr {
	switch e := expr.(type) {
	case nil:
		return nil
	case *BinaryExpr:
		return &BinaryExpr{Op: e.Op, LHS: CloneExpr(e.LHS), RHS: CloneExpr(e.RHS)}
	case *ParenExpr:
		return &ParenExpr{Expr: CloneExpr(e.Expr)}
	case *Call:
		return &Call{Name: e.Name, Args: cloneExprs(e.Args)}
	case *ListLiteral:
		return &ListLiteral{Values: append([]string(nil), e.Values...)}
	case *VarRef:
		return clonePointer(e)
	case *Distinct:
		return clonePointer(e)
	case *Wildcard:
		return clonePointer(e)
	case *NumberLiteral:
		return clonePointer(e)
	case *IntegerLiteral:
		return clonePointer(e)
	case *UnsignedLiteral:
		return clonePointer(e)
	case *BooleanLiteral:
		return clonePointer(e)
	case *StringLiteral:
		return clonePointer(e)
	case *DurationLiteral:
		return clonePointer(e)
	case *CalendarLiteral:
		return clonePointer(e)
	case *TimeLiteral:
		return clonePointer(e)
	case *RegexLiteral:
		return clonePointer(e)
	case *NilLiteral:
		return clonePointer(e)
	case *BoundParameter:
		return clonePointer(e)
	}
	panic(fmt.Sprintf("influxql: clone of unknown expression %T", expr))
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

func cloneExprs(exprs []Expr) []Expr {
	clones := make([]Expr, len(exprs))
	for i, e := range exprs {
		clones[i] = CloneExpr(e)
	}
	return clones
}

// Clone returns a deep copy of the measurement.
func (m *Measurement) Clone() *Measurement {
	c := *m
	c.Regex = clonePointer(m.Regex)
	return &c
}

// Clone returns a deep copy of the statement.
func (s *SelectStatement) Clone() *SelectStatement {
	c := *s
	c.Fields = cloneList(s.Fields, func(f *Field) *Field {
		return &Field{Expr: CloneExpr(f.Expr), Alias: f.Alias}
	})
	c.Dimensions = cloneList(s.Dimensions, func(d *Dimension) *Dimension {
		return &Dimension{Expr: CloneExpr(d.Expr)}
	})
	c.Sources = cloneList(s.Sources, cloneSource)
	c.SortFields = cloneList(s.SortFields, clonePointer)
	c.Condition, c.Having = CloneExpr(s.Condition), CloneExpr(s.Having)
	if s.Target != nil {
		c.Target = &Target{Measurement: s.Target.Measurement.Clone()}
	}
	return &c
}

func cloneList[L ~[]T, T any](list L, clone func(T) T) L {
	if list == nil {
		return nil
	}
	clones := make(L, len(list))
	for i, element := range list {
		clones[i] = clone(element)
	}
	return clones
}

func cloneSource(src Source) Source {
	if sub, ok := src.(*SubQuery); ok {
		return &SubQuery{Statement: sub.Statement.Clone(), Alias: sub.Alias}
	}
	return src.(*Measurement).Clone()
}
