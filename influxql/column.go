package influxql

import (
	"fmt"
	"slices"
	"strings"
)

// Name returns the name of the column: the alias, the function, the name, or the names in an expression joined by
// underscores; "" for a literal.
func (f *Field) Name() string {
	if f.Alias != "" {
		return f.Alias
	}
	expr := f.Expr
	for {
		paren, ok := expr.(*ParenExpr)
		if !ok {
			break
		}
		expr = paren.Expr
	}
	switch e := expr.(type) {
	case *Call:
		return e.Name
	case *VarRef:
		return e.Name
	case *BinaryExpr:
		return BinaryExprName(e)
	}
	return ""
}

// BinaryExprName returns the names and functions in an expression, not those in arguments, joined by underscores.
func BinaryExprName(expr *BinaryExpr) string {
	var names []string
	Inspect(expr, func(n Node) bool {
		switch n := n.(type) {
		case *VarRef:
			names = append(names, n.Name)
		case *Call:
			names = append(names, n.Name)
			return false
		}
		return true
	})
	return strings.Join(names, "_")
}

// AliasNames returns the names of the columns.
func (a Fields) AliasNames() []string {
	names := make([]string, 0, len(a))
	for _, f := range a {
		names = append(names, f.Name())
	}
	return names
}

// Names returns the functions and names of the columns without regard to aliases; of an expression all names in it, and
// of a function in it the names among the arguments.
func (a Fields) Names() []string {
	names := []string{}
	for _, f := range a {
		switch e := f.Expr.(type) {
		case *Call:
			names = append(names, e.Name)
		case *VarRef:
			names = append(names, e.Name)
		case *BinaryExpr, *ParenExpr:
			for _, ref := range refsIn(e) {
				names = append(names, ref.Name)
			}
		}
	}
	return names
}

// refsIn returns the names an expression computes with, in order. Of a call only names that are arguments themselves
// count.
func refsIn(expr Expr) []*VarRef {
	var refs []*VarRef
	var visit func(Expr)
	visit = func(expr Expr) {
		switch e := expr.(type) {
		case *VarRef:
			refs = append(refs, e)
		case *Call:
			for _, arg := range e.Args {
				if ref, ok := arg.(*VarRef); ok {
					refs = append(refs, ref)
				}
			}
		case *BinaryExpr:
			visit(e.LHS)
			visit(e.RHS)
		case *ParenExpr:
			visit(e.Expr)
		}
	}
	visit(expr)
	return refs
}

// ExprNames returns the different names in an expression, sorted, without the time.
func ExprNames(expr Expr) []VarRef {
	var names []VarRef
	for _, ref := range refsIn(expr) {
		if ref.Name != "time" {
			names = append(names, *ref)
		}
	}
	slices.SortFunc(names, compareRefs)
	return slices.Compact(names)
}

func compareRefs(a, b VarRef) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return int(a.Type) - int(b.Type)
}

// ColumnNames returns the names of the result columns, the time first unless it is omitted. The arguments of top and
// bottom that are names are columns of their own, unless the result is written into a measurement. Names met twice get a
// number; aliases stay as they are.
func (s *SelectStatement) ColumnNames() []string {
	columns := s.columns()
	names := make([]string, len(columns))
	taken := make(map[string]int, len(columns)) // name to the number its next repetition gets
	for i, f := range columns {
		if f.Alias != "" {
			names[i] = f.Alias
			taken[f.Alias] = 1
		}
	}
	for i, f := range columns {
		if names[i] == "" {
			names[i] = freeName(f.Name(), taken)
		}
	}
	if s.OmitTime {
		return names
	}
	return append([]string{s.TimeFieldName()}, names...)
}

// freeName returns name, or name_1, name_2 … if it is taken, and takes it.
func freeName(name string, taken map[string]int) string {
	unique := name
	if n, conflict := taken[name]; conflict {
		for ; conflict; n++ {
			unique = fmt.Sprintf("%s_%d", name, n)
			_, conflict = taken[unique]
		}
		taken[name] = n
	}
	taken[unique]++
	return unique
}

// columns returns the fields with those that top and bottom add.
func (s *SelectStatement) columns() []*Field {
	var columns []*Field
	for _, f := range s.Fields {
		columns = append(columns, f)
		call, ok := f.Expr.(*Call)
		if !ok || s.Target != nil || !isTopOrBottom(call) || len(call.Args) == 0 {
			continue
		}
		for _, arg := range call.Args[1:] {
			if ref, ok := arg.(*VarRef); ok {
				columns = append(columns, &Field{Expr: ref})
			}
		}
	}
	return columns
}

func isTopOrBottom(call *Call) bool { return call.Name == "top" || call.Name == "bottom" }

// FieldExprByName returns the field of that name with its index. For a name among the arguments of top or bottom it
// returns the name itself with the index of the call. Without one it returns -1 and nil.
func (s *SelectStatement) FieldExprByName(name string) (int, Expr) {
	for i, f := range s.Fields {
		if f.Name() == name {
			return i, f.Expr
		}
		call, ok := f.Expr.(*Call)
		if !ok || !isTopOrBottom(call) || len(call.Args) <= 2 {
			continue
		}
		for _, arg := range call.Args[1 : len(call.Args)-1] {
			if ref, ok := arg.(*VarRef); ok && ref.Name == name {
				return i, ref
			}
		}
	}
	return -1, nil
}

// IsSelector reports whether an expression is a call of a function that picks points instead of computing new ones.
func IsSelector(expr Expr) bool {
	call, ok := expr.(*Call)
	if !ok {
		return false
	}
	switch call.Name {
	case "first", "last", "min", "max", "percentile", "sample", "top", "bottom":
		return true
	}
	return false
}
