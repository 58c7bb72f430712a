package influxql

// Rewriter is called by Rewrite for each node, after what is below it. What Rewrite returns takes the node's place and
// must be of a kind that fits there.
type Rewriter interface {
	Rewrite(n Node) Node
}

// Rewrite replaces the nodes of a tree in place, from the leaves up, and returns what became of the root. Of statements
// other than SELECT only the root is rewritten. The condition of a SELECT may become nil.
func Rewrite(r Rewriter, n Node) Node {
	switch n := n.(type) {
	case *Query:
		n.Statements = Rewrite(r, n.Statements).(Statements)
	case Statements:
		rewriteList(r, n)
	case *SelectStatement:
		n.Fields = Rewrite(r, n.Fields).(Fields)
		n.Dimensions = Rewrite(r, n.Dimensions).(Dimensions)
		n.Sources = Rewrite(r, n.Sources).(Sources)
		n.Condition, _ = Rewrite(r, n.Condition).(Expr)
	case *SubQuery:
		n.Statement = Rewrite(r, n.Statement).(*SelectStatement)
	case Fields:
		rewriteList(r, n)
	case *Field:
		n.Expr = Rewrite(r, n.Expr).(Expr)
	case Dimensions:
		rewriteList(r, n)
	case *Dimension:
		n.Expr = Rewrite(r, n.Expr).(Expr)
	case *BinaryExpr:
		n.LHS = Rewrite(r, n.LHS).(Expr)
		n.RHS = Rewrite(r, n.RHS).(Expr)
	case *ParenExpr:
		n.Expr = Rewrite(r, n.Expr).(Expr)
	case *Call:
		rewriteList(r, n.Args)
	}
	return r.Rewrite(n)
}

func rewriteList[N Node](r Rewriter, nodes []N) {
	for i, n := range nodes {
		nodes[i] = Rewrite(r, n).(N)
	}
}

type rewriteFunc func(Node) Node

func (f rewriteFunc) Rewrite(n Node) Node { return f(n) }

// RewriteFunc is Rewrite with a function.
func RewriteFunc(n Node, fn func(Node) Node) Node { return Rewrite(rewriteFunc(fn), n) }

// RewriteExpr replaces the parts of an expression in place, from the leaves up, and returns what became of it. Where fn
// returns nil the part is dropped: a binary expression becomes its other side, parentheses go with their content.
func RewriteExpr(expr Expr, fn func(Expr) Expr) Expr {
	switch e := expr.(type) {
	case *BinaryExpr:
		e.LHS = RewriteExpr(e.LHS, fn)
		e.RHS = RewriteExpr(e.RHS, fn)
		switch {
		case e.LHS == nil && e.RHS == nil:
			return nil
		case e.RHS == nil:
			expr = e.LHS
		case e.LHS == nil:
			expr = e.RHS
		}
	case *ParenExpr:
		if e.Expr = RewriteExpr(e.Expr, fn); e.Expr == nil {
			return nil
		}
	case *Call:
		for i, arg := range e.Args {
			e.Args[i] = RewriteExpr(arg, fn)
		}
	}
	return fn(expr)
}
