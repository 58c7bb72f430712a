package query

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// row is one row of a statement's answer. Its values are valid until the next row is read.
type row struct {
	time   int64
	name   string
	tags   *tagset
	values []value // one for each column but the time
}

// rowCursor yields the rows of a statement, series by series.
type rowCursor interface {
	// scan reads the next row; false at the end.
	scan(r *row) (bool, error)
	close()
}

// emptyRows is a statement without an answer.
type emptyRows struct{}

func (emptyRows) scan(*row) (bool, error) { return false, nil }
func (emptyRows) close()                  {}

// slots maps the calls and names in the fields of a statement to places in a list of values. An expression is computed
// over these places.
type slots struct {
	keys  map[string]int // by the text of the call or name
	types []influxql.DataType
	calls []*influxql.Call // with the slot of each in callSlots
	at    []int
	refs  []*influxql.VarRef // bare names, with their slots in refAt
	refAt []int
	eval  influxql.TypeValuerEval
}

// slotPrefix makes the name of a place, which no name of a user can be mistaken for since it never leaves the engine.
const slotPrefix = "slot "

// place returns the expression with calls and names replaced by places.
func (s *slots) place(expr influxql.Expr) influxql.Expr {
	switch e := expr.(type) {
	case *influxql.Call:
		if isMathCall(e) {
			args := make([]influxql.Expr, len(e.Args))
			for i, arg := range e.Args {
				args[i] = s.place(arg)
			}
			return &influxql.Call{Name: e.Name, Args: args}
		}
		i, fresh := s.slot(e)
		if fresh {
			s.calls, s.at = append(s.calls, e), append(s.at, i)
		}
		return s.ref(i)
	case *influxql.VarRef:
		i, fresh := s.slot(e)
		if fresh {
			s.refs, s.refAt = append(s.refs, e), append(s.refAt, i)
		}
		return s.ref(i)
	case *influxql.BinaryExpr:
		return &influxql.BinaryExpr{Op: e.Op, LHS: s.place(e.LHS), RHS: s.place(e.RHS)}
	case *influxql.ParenExpr:
		return &influxql.ParenExpr{Expr: s.place(e.Expr)}
	}
	return expr
}

func (s *slots) slot(e influxql.Expr) (i int, fresh bool) {
	key := e.String()
	if i, ok := s.keys[key]; ok {
		return i, false
	}
	if s.keys == nil {
		s.keys = make(map[string]int)
	}
	typ, _ := s.eval.EvalType(e)
	i = len(s.types)
	s.keys[key] = i
	s.types = append(s.types, typ)
	return i, true
}

func (s *slots) ref(i int) *influxql.VarRef {
	return &influxql.VarRef{Name: fmt.Sprint(slotPrefix, i), Type: s.types[i]}
}

// sortRefs brings the bare names into order.
func (s *slots) sortRefs() {
	order := make([]int, len(s.refs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := s.refs[a], s.refs[b]
		switch {
		case x.Name != y.Name:
			if x.Name < y.Name {
				return -1
			}
			return 1
		default:
			return int(x.Type) - int(y.Type)
		}
	})
	refs, at := make([]*influxql.VarRef, len(order)), make([]int, len(order))
	for i, o := range order {
		refs[i], at[i] = s.refs[o], s.refAt[o]
	}
	s.refs, s.refAt = refs, at
}

// projection computes the columns of rows from the places.
type projection struct {
	exprs  []influxql.Expr
	direct []int // place that is the column as it is, -1 when it must be computed
	values []value
	eval   influxql.ValuerEval
	names  map[string]int
}

func newProjection(exprs []influxql.Expr, places int) *projection {
	p := &projection{exprs: exprs, values: make([]value, places), names: make(map[string]int, places)}
	for i := range places {
		p.names[fmt.Sprint(slotPrefix, i)] = i
	}
	for _, e := range exprs {
		at := -1
		if ref, ok := e.(*influxql.VarRef); ok {
			at = p.names[ref.Name]
		}
		p.direct = append(p.direct, at)
	}
	p.eval = influxql.ValuerEval{Valuer: influxql.MultiValuer(mathValuer{}, p), IntegerFloatDivision: true}
	return p
}

// Value returns the value of a place.
func (p *projection) Value(name string) (any, bool) {
	if i, ok := p.names[name]; ok {
		return p.values[i].any(), true
	}
	return nil, false
}

// columns computes the values of a row.
func (p *projection) columns(dst []value) []value {
	dst = dst[:0]
	for i, e := range p.exprs {
		var v value
		if at := p.direct[i]; at >= 0 {
			v = p.values[at]
		} else {
			v = valueOf(p.eval.Eval(e))
		}
		if v.kind == model.Float && math.IsNaN(v.float()) {
			v = value{}
		}
		dst = append(dst, v)
	}
	return dst
}

// slotScanner puts the points of one iterator into their places.
type slotScanner struct {
	in    peeker
	main  int // place of the driving value, -1: none
	aux   []int
	types []influxql.DataType // of all places
	fill  value
	keep  bool       // a missing value leaves what was there before
	pool  *pointPool // takes back the points that were copied; nil: they are kept
}

// scanAt takes the point of the given time and series; without one the places get the fill value.
func (s *slotScanner) scanAt(t int64, name, tagsID string, places []value) error {
	p, err := s.in.peek()
	if err != nil {
		return err
	}
	if p == nil || p.time != t || p.name != name || p.tags.id != tagsID {
		if !s.keep {
			if s.main >= 0 {
				places[s.main] = s.fill.castTo(s.types[s.main])
			}
			for _, i := range s.aux {
				places[i] = s.fill.castTo(s.types[i])
			}
		}
		return nil
	}
	s.in.held = nil
	if s.main >= 0 {
		places[s.main] = p.val
	}
	for j, i := range s.aux {
		switch v := p.aux[j]; {
		case !v.null():
			places[i] = v
		case !s.keep:
			places[i] = s.fill.castTo(s.types[i])
		}
	}
	if s.pool != nil {
		s.pool.put(p)
	}
	return nil
}

// joinedRows joins the points of several iterators by series and time into rows.
type joinedRows struct {
	ctx        context.Context
	rows       int // so far
	scanners   []*slotScanner
	projection *projection
	ascending  bool
	name       string
	tags       *tagset
	started    bool
}

func (c *joinedRows) close() {
	for _, s := range c.scanners {
		s.in.close()
	}
}

func (c *joinedRows) scan(r *row) (bool, error) {
	if c.rows++; c.rows%64 == 0 { // rows may come from memory alone
		if err := c.ctx.Err(); err != nil {
			return false, err
		}
	}
	var next *point
	for _, s := range c.scanners {
		p, err := s.in.peek()
		if err != nil {
			return false, err
		}
		if p != nil && (next == nil || c.before(p, next)) {
			next = p
		}
	}
	if next == nil {
		return false, nil
	}
	t, name, tags := next.time, next.name, next.tags
	if !c.started || name != c.name || tags.id != c.tags.id {
		c.name, c.tags, c.started = name, tags, true
		clear(c.projection.values) // what fill(previous) keeps is of one series
	}
	for _, s := range c.scanners {
		if err := s.scanAt(t, name, tags.id, c.projection.values); err != nil {
			return false, err
		}
	}
	r.time, r.name, r.tags = t, c.name, c.tags
	r.values = c.projection.columns(r.values)
	return true, nil
}

// before reports whether p comes before q in the answer.
func (c *joinedRows) before(p, q *point) bool {
	if !c.ascending {
		p, q = q, p
	}
	if p.name != q.name {
		return p.name < q.name
	}
	if p.tags.id != q.tags.id {
		return p.tags.id < q.tags.id
	}
	return p.time < q.time
}

// rows builds the cursor of a statement whose fields were rewritten. The columns are those of the fields, with the extra
// ones of top and bottom, without the time.
func (b *builder) rows(stmt *influxql.SelectStatement, base *scanOptions) (rowCursor, error) {
	if stmt.Join {
		return b.joinSources(stmt, base)
	}
	if !arranged(stmt) {
		return b.plainRows(stmt, base)
	}
	opt := *base
	opt.limit, opt.rowOffset = 0, 0
	rows, err := b.plainRows(stmt, &opt)
	if err != nil {
		return nil, err
	}
	return b.arrange(rows, stmt, base)
}

// plainRows is rows without HAVING and ORDER BY columns.
func (b *builder) plainRows(stmt *influxql.SelectStatement, base *scanOptions) (rowCursor, error) {
	opt := *base
	s := &slots{eval: influxql.TypeValuerEval{TypeMapper: functionTypes{}}}
	exprs := b.columns(stmt, s)
	s.sortRefs()
	opt.aux = s.refs

	if len(s.calls) == 0 {
		if !slices.ContainsFunc(s.refs, func(ref *influxql.VarRef) bool { return ref.Type != influxql.Unknown }) {
			return emptyRows{}, nil
		}
		if !slices.ContainsFunc(stmt.Sources, func(src influxql.Source) bool { _, ok := src.(*influxql.SubQuery); return ok }) {
			opt.pool = new(pointPool)
		}
		in, err := b.auxIterator(stmt.Sources, &opt)
		if err != nil {
			return nil, err
		}
		scanner := b.scanner(in, -1, s, &opt)
		scanner.pool = opt.pool
		return b.joined([]*slotScanner{scanner}, exprs, s, &opt), nil
	}

	opt.selector = len(s.calls) == 1 && influxql.IsSelector(s.calls[0])
	b.fanOut(s.calls)
	var scanners []*slotScanner
	for i, call := range s.calls {
		if s.types[s.at[i]] == influxql.Unknown {
			continue
		}
		in, err := b.field(call, stmt.Sources, &opt)
		if err != nil {
			for _, sc := range scanners {
				sc.in.close()
			}
			return nil, err
		}
		scanners = append(scanners, b.scanner(in, s.at[i], s, &opt))
	}
	if len(scanners) == 0 {
		return emptyRows{}, nil
	}
	return b.joined(scanners, exprs, s, &opt), nil
}

// columns places the fields of a statement.
func (b *builder) columns(stmt *influxql.SelectStatement, s *slots) []influxql.Expr {
	var exprs []influxql.Expr
	for _, f := range stmt.Fields {
		exprs = append(exprs, s.place(f.Expr))
		call, ok := f.Expr.(*influxql.Call)
		if !ok || !isTopBottom(call) || stmt.Target != nil {
			continue
		}
		for _, arg := range call.Args[1 : len(call.Args)-1] {
			exprs = append(exprs, s.place(arg))
		}
	}
	return exprs
}

func isTopBottom(call *influxql.Call) bool { return call.Name == "top" || call.Name == "bottom" }

func (b *builder) scanner(in iterator, main int, s *slots, opt *scanOptions) *slotScanner {
	return &slotScanner{
		in: peeker{in: in}, main: main, aux: s.refAt, types: s.types,
		fill: opt.fillValue, keep: opt.fill == influxql.PreviousFill,
	}
}

func (b *builder) joined(scanners []*slotScanner, exprs []influxql.Expr, s *slots, opt *scanOptions) rowCursor {
	return &joinedRows{
		ctx: b.run.ctx, scanners: scanners, projection: newProjection(exprs, len(s.types)), ascending: opt.ascending,
	}
}
