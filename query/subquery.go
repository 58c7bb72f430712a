package query

import (
	"slices"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// columnPlace says where a statement finds a name in the rows of its subquery: in a column, among the tags, or nowhere.
type columnPlace struct {
	column int // -1: none
	tag    string
	typ    influxql.DataType
}

// of returns the value of the name in a row.
func (c columnPlace) of(r *row) value {
	switch {
	case c.column >= 0:
		return r.values[c.column].castTo(c.typ)
	case c.tag != "":
		return stringValue(r.tags.get(c.tag))
	}
	return value{}
}

// findColumn places a name in the answer of a subquery.
func findColumn(stmt *influxql.SelectStatement, ref *influxql.VarRef) (columnPlace, bool) {
	extra := 0
	for i, f := range stmt.Fields {
		if f.Name() == ref.Name {
			return columnPlace{column: i + extra, typ: ref.Type}, true
		}
		call, ok := f.Expr.(*influxql.Call)
		if !ok || !isTopBottom(call) || len(call.Args) <= 2 {
			continue
		}
		for j, arg := range call.Args[1 : len(call.Args)-1] {
			if arg, ok := arg.(*influxql.VarRef); ok && arg.Name == ref.Name {
				return columnPlace{column: i + extra + j + 1, typ: influxql.String}, true
			}
		}
		extra += len(call.Args) - 2
	}
	for _, d := range stmt.Dimensions {
		if d, ok := d.Expr.(*influxql.VarRef); ok && d.Name == ref.Name {
			return columnPlace{column: -1, tag: ref.Name}, true
		}
	}
	return columnPlace{column: -1}, false
}

// subqueryRows yields the rows of a subquery as points: driven by the name ref, or without one by the rows themselves. A
// driving name the subquery does not have makes no points: the iterator is nil then.
func (b *builder) subqueryRows(stmt *influxql.SelectStatement, ref *influxql.VarRef, opt *scanOptions) (iterator, error) {
	it := &subqueryIterator{opt: opt, main: columnPlace{column: -1}}
	if ref != nil {
		main, ok := findColumn(stmt, ref)
		if !ok {
			return nil, nil
		}
		it.main, it.kind, it.driven = main, fieldType(ref.Type), true
	}
	for _, aux := range opt.aux {
		place, _ := findColumn(stmt, aux)
		it.aux = append(it.aux, place)
	}
	sub, err := opt.forSubquery(stmt, b.run.now)
	if err != nil {
		return nil, err
	}
	if it.rows, err = b.rows(stmt, sub); err != nil {
		return nil, err
	}
	if opt.condition != nil {
		it.filter = newSubqueryFilter(stmt, opt.condition)
	}
	it.tags = subsetter{keys: opt.groupBy}
	it.sameTags = slices.Equal(opt.groupBy, sub.groupBy)
	return it, nil
}

// subqueryIterator turns rows into points.
type subqueryIterator struct {
	rows     rowCursor
	opt      *scanOptions
	driven   bool
	main     columnPlace
	kind     model.FieldType // of the driving values; others count as missing
	aux      []columnPlace
	filter   *subqueryFilter
	tags     subsetter
	sameTags bool
	row      row
	slab     slab
}

func (s *subqueryIterator) close() { s.rows.close() }

func (s *subqueryIterator) next() (*point, error) {
	for {
		ok, err := s.rows.scan(&s.row)
		if err != nil || !ok {
			return nil, err
		}
		if s.filter != nil && !s.filter.keeps(&s.row) {
			continue
		}
		p := s.slab.point()
		p.name, p.tags, p.time = s.row.name, s.row.tags, s.row.time
		if !s.sameTags {
			p.tags = s.tags.of(p.tags)
		}
		if s.driven {
			if v := s.main.of(&s.row); v.kind == s.kind {
				p.val = v
			}
		}
		p.aux = s.slab.list(len(s.aux))
		for i, place := range s.aux {
			p.aux[i] = place.of(&s.row)
		}
		return p, nil
	}
}

// subqueryFilter applies the condition of a statement to the rows of its subquery.
type subqueryFilter struct {
	expr   influxql.Expr
	eval   influxql.ValuerEval
	places map[string]columnPlace
	row    *row
}

func newSubqueryFilter(stmt *influxql.SelectStatement, expr influxql.Expr) *subqueryFilter {
	f := &subqueryFilter{expr: expr, places: make(map[string]columnPlace)}
	for _, ref := range influxql.ExprNames(expr) {
		place, ok := findColumn(stmt, &ref)
		if !ok || place.column < 0 {
			place = columnPlace{column: -1, tag: ref.Name}
		}
		f.places[ref.Name] = place
	}
	f.eval = influxql.ValuerEval{Valuer: influxql.MultiValuer(mathValuer{}, f)}
	return f
}

// Value returns what a name stands for in the current row.
func (f *subqueryFilter) Value(name string) (any, bool) {
	place, ok := f.places[name]
	if !ok {
		return nil, false
	}
	return place.of(f.row).any(), true
}

func (f *subqueryFilter) keeps(r *row) bool {
	f.row = r
	return f.eval.EvalBool(f.expr)
}
