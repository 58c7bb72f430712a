package query

import (
	"fmt"
	"slices"

	"github.com/timberlinedb/timberline/influxql"
)

// arranged reports whether the rows of a statement are filtered or sorted when they are complete. LIMIT and OFFSET then
// count what is left.
func arranged(stmt *influxql.SelectStatement) bool {
	return stmt.Having != nil || stmt.SortsColumns() || stmt.InOrder
}

// columnNames returns the names of the columns that rows have values for.
func columnNames(stmt *influxql.SelectStatement) []string {
	names := stmt.ColumnNames()
	if !stmt.OmitTime {
		names = names[1:]
	}
	return names
}

// arrange applies HAVING, ORDER BY columns, and then LIMIT and OFFSET to the rows of a statement.
func (b *builder) arrange(in rowCursor, stmt *influxql.SelectStatement, opt *scanOptions) (rowCursor, error) {
	names := columnNames(stmt)
	if stmt.Having != nil {
		h, err := newHavingRows(in, stmt, names)
		if err != nil {
			in.close()
			return nil, err
		}
		in = h
	}
	if !stmt.SortsColumns() && !stmt.InOrder {
		return &limitRows{in: in, limit: opt.limit, offset: opt.rowOffset, seen: make(map[string]int)}, nil
	}
	s := &sortedRows{in: in, run: b.run, opt: opt, outer: subsetter{keys: opt.dimensions}, inSubquery: stmt.OmitTime}
	for _, f := range stmt.SortFields {
		key := sortKey{column: -1, descending: !f.Ascending}
		if f.Name != "time" && f.Name != "" {
			if key.column = slices.Index(names, f.Name); key.column < 0 {
				in.close()
				return nil, fmt.Errorf("ORDER BY names %s, which is no column of the result", influxql.QuoteIdent(f.Name))
			}
		}
		s.keys = append(s.keys, key)
	}
	return s, nil
}

// placeHaving puts the columns in the place of the calls that HAVING repeats from the fields.
func placeHaving(stmt *influxql.SelectStatement) error {
	if stmt.Having == nil {
		return nil
	}
	names := columnNames(stmt)
	var missing error
	stmt.Having = influxql.RewriteExpr(stmt.Having, func(e influxql.Expr) influxql.Expr {
		call, ok := e.(*influxql.Call)
		if !ok || isMathCall(call) {
			return e
		}
		for i, f := range stmt.Fields {
			if f.Expr.String() != call.String() {
				continue
			}
			if len(names) == len(stmt.Fields) {
				return &influxql.VarRef{Name: names[i]}
			}
			return &influxql.VarRef{Name: f.Name()}
		}
		missing = fmt.Errorf("HAVING computes %s, which is no column of the result", call)
		return e
	})
	if missing != nil {
		return missing
	}
	return checkCondition(stmt.Having)
}

// havingRows leaves out the rows that do not meet a condition on their columns.
type havingRows struct {
	in      rowCursor
	expr    influxql.Expr
	eval    influxql.ValuerEval
	columns map[string]int // of the names in the condition; -1: the time, -2: a tag
	row     *row
}

func newHavingRows(in rowCursor, stmt *influxql.SelectStatement, names []string) (*havingRows, error) {
	h := &havingRows{in: in, expr: stmt.Having, columns: make(map[string]int)}
	var unknown error
	influxql.WalkFunc(stmt.Having, func(n influxql.Node) {
		ref, ok := n.(*influxql.VarRef)
		if !ok {
			return
		}
		i := slices.Index(names, ref.Name)
		switch {
		case i >= 0:
		case ref.Name == "time":
			i = timeColumn
		case slices.ContainsFunc(stmt.Dimensions, func(d *influxql.Dimension) bool { return d.Expr.String() == influxql.QuoteIdent(ref.Name) }):
			i = tagColumn
		default:
			unknown = fmt.Errorf("HAVING names %s, which is no column of the result", influxql.QuoteIdent(ref.Name))
		}
		h.columns[ref.Name] = i
	})
	h.eval = influxql.ValuerEval{Valuer: influxql.MultiValuer(mathValuer{}, h), IntegerFloatDivision: true}
	return h, unknown
}

// Places of names that are no columns.
const (
	timeColumn = -1
	tagColumn  = -2
)

// Value returns what a name stands for in the row at hand.
func (h *havingRows) Value(name string) (any, bool) {
	i, ok := h.columns[name]
	switch {
	case !ok:
		return nil, false
	case i == timeColumn:
		return h.row.time, true
	case i == tagColumn:
		return h.row.tags.get(name), true
	}
	return h.row.values[i].any(), true
}

func (h *havingRows) scan(r *row) (bool, error) {
	for {
		ok, err := h.in.scan(r)
		if err != nil || !ok {
			return false, err
		}
		if h.row = r; h.eval.EvalBool(h.expr) {
			return true, nil
		}
	}
}

func (h *havingRows) close() { h.in.close() }

// limitRows applies LIMIT and OFFSET to each series of the answer.
type limitRows struct {
	in            rowCursor
	limit, offset int
	seen          map[string]int
}

func (l *limitRows) scan(r *row) (bool, error) {
	for {
		ok, err := l.in.scan(r)
		if err != nil || !ok || l.limit <= 0 && l.offset <= 0 {
			return ok, err
		}
		key := r.name + "\x00" + r.tags.id
		l.seen[key]++
		if n := l.seen[key]; n > l.offset && (l.limit <= 0 || n-l.offset <= l.limit) {
			return true, nil
		}
	}
}

func (l *limitRows) close() { l.in.close() }
