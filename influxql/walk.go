package influxql

// Visitor is called by Walk for each node. What Visit returns visits the children; nil skips them.
type Visitor interface {
	Visit(n Node) Visitor
}

// Walk visits a node and then what is below it, in the order of the text as far as it is kept.
//
// Of the counting SHOW statements the dimensions are not visited, of SHOW MEASUREMENTS nothing below it.
func Walk(v Visitor, n Node) {
	if n == nil {
		return
	}
	if v = v.Visit(n); v == nil {
		return
	}
	switch n := n.(type) {
	case *Query:
		Walk(v, n.Statements)
	case Statements:
		walkList(v, n)
	case *SelectStatement:
		walkSelect(v, n)
	case *ExplainStatement:
		Walk(v, n.Statement)
	case *CreateContinuousQueryStatement:
		Walk(v, n.Source)
	case *DeleteSeriesStatement:
		walkScope(v, n.Sources, n.Condition)
	case *DropSeriesStatement:
		walkScope(v, n.Sources, n.Condition)

	case *ShowFieldKeyCardinalityStatement:
		walkScope(v, n.Sources, n.Condition)
	case *ShowMeasurementCardinalityStatement:
		walkScope(v, n.Sources, n.Condition)
	case *ShowSeriesCardinalityStatement:
		walkScope(v, n.Sources, n.Condition)
	case *ShowTagKeyCardinalityStatement:
		walkScope(v, n.Sources, n.Condition)
	case *ShowTagValuesCardinalityStatement:
		walkScope(v, n.Sources, n.Condition)
	case *ShowSeriesStatement:
		walkScope(v, n.Sources, n.Condition)
	case *ShowTagKeysStatement:
		walkScope(v, n.Sources, n.Condition)
		Walk(v, n.SortFields)
	case *ShowTagValuesStatement:
		walkScope(v, n.Sources, n.Condition)
		Walk(v, n.SortFields)
	case *ShowFieldKeysStatement:
		Walk(v, n.Sources)
		Walk(v, n.SortFields)

	case Fields:
		walkList(v, n)
	case *Field:
		Walk(v, n.Expr)
	case *Target:
		Walk(v, n.Measurement)
	case Sources:
		walkList(v, n)
	case *SubQuery:
		Walk(v, n.Statement)
	case Dimensions:
		walkList(v, n)
	case *Dimension:
		Walk(v, n.Expr)
	case SortFields:
		walkList(v, n)

	case *BinaryExpr:
		Walk(v, n.LHS)
		Walk(v, n.RHS)
	case *ParenExpr:
		Walk(v, n.Expr)
	case *Call:
		walkList(v, n.Args)
	}
}

func walkList[N Node](v Visitor, nodes []N) {
	for _, n := range nodes {
		Walk(v, n)
	}
}

func walkScope(v Visitor, sources Sources, condition Expr) {
	Walk(v, sources)
	Walk(v, condition)
}

func walkSelect(v Visitor, s *SelectStatement) {
	Walk(v, s.Fields)
	if s.Target != nil {
		Walk(v, s.Target)
	}
	Walk(v, s.Dimensions)
	walkScope(v, s.Sources, s.Condition)
	Walk(v, s.Having)
	Walk(v, s.SortFields)
}

type inspector func(Node) bool

func (f inspector) Visit(n Node) Visitor {
	if f(n) {
		return f
	}
	return nil
}

// Inspect calls fn for a node and what is below it; where fn returns false it goes no deeper.
func Inspect(n Node, fn func(Node) bool) { Walk(inspector(fn), n) }

// WalkFunc calls fn for a node and all that is below it.
func WalkFunc(n Node, fn func(Node)) {
	Inspect(n, func(n Node) bool {
		fn(n)
		return true
	})
}

// ContainsVarRef reports whether a name stands in the expression outside of function calls.
func ContainsVarRef(expr Expr) bool {
	found := false
	Inspect(expr, func(n Node) bool {
		switch n.(type) {
		case *VarRef:
			found = true
		case *Call:
			return false
		}
		return true
	})
	return found
}

// HasTimeExpr reports whether a condition has a comparison whose left side is the time.
func HasTimeExpr(expr Expr) bool {
	switch e := expr.(type) {
	case *ParenExpr:
		return HasTimeExpr(e.Expr)
	case *BinaryExpr:
		if e.Op == AND || e.Op == OR {
			return HasTimeExpr(e.LHS) || HasTimeExpr(e.RHS)
		}
		return isTime(e.LHS)
	}
	return false
}
