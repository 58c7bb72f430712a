package query

import (
	"regexp"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// rowFilter decides which rows of a batch a condition keeps.
type rowFilter interface {
	// apply sets bit i of keep for every row i of the batch that passes, and clears the others. keep has room for all.
	apply(b *cursor.Batch, keep []uint64)
	// rulesOut reports whether none of the rows that a summary describes can pass.
	rulesOut(s *cursor.Summary) bool
}

func bitWords(rows int) int { return (rows + 63) / 64 }

// newRowFilter returns the filter for what a condition leaves to the rows of a series. column returns the index of a
// field among the columns of the batches, -1 when it is not read; tags are constants.
func newRowFilter(expr influxql.Expr, fields []cursor.Field, column func(*influxql.VarRef) int, tags model.Tags) rowFilter {
	switch e := expr.(type) {
	case *influxql.ParenExpr:
		return newRowFilter(e.Expr, fields, column, tags)
	case *influxql.BinaryExpr:
		if e.Op == influxql.AND || e.Op == influxql.OR {
			return &jointFilter{
				or: e.Op == influxql.OR,
				a:  newRowFilter(e.LHS, fields, column, tags),
				b:  newRowFilter(e.RHS, fields, column, tags),
			}
		}
		if f := newCompareFilter(e, fields, column); f != nil {
			return f
		}
	}
	return newEvalFilter(expr, column, tags)
}

// jointFilter joins two filters by AND or OR. Every operand yields true or false, so that the words may be joined.
type jointFilter struct {
	or      bool
	a, b    rowFilter
	scratch []uint64
}

func (f *jointFilter) apply(b *cursor.Batch, keep []uint64) {
	f.a.apply(b, keep)
	if cap(f.scratch) < len(keep) {
		f.scratch = make([]uint64, len(keep))
	}
	other := f.scratch[:len(keep)]
	f.b.apply(b, other)
	for i := range keep {
		if f.or {
			keep[i] |= other[i]
		} else {
			keep[i] &= other[i]
		}
	}
}

func (f *jointFilter) rulesOut(s *cursor.Summary) bool {
	if f.or {
		return f.a.rulesOut(s) && f.b.rulesOut(s)
	}
	return f.a.rulesOut(s) || f.b.rulesOut(s)
}

// newCompareFilter returns a filter for a comparison of a field with a literal of a type that suits, nil for others.
func newCompareFilter(e *influxql.BinaryExpr, fields []cursor.Field, column func(*influxql.VarRef) int) rowFilter {
	ref, ok := e.LHS.(*influxql.VarRef)
	if !ok {
		return nil
	}
	i := column(ref)
	if i < 0 {
		return nil
	}
	switch lit := e.RHS.(type) {
	case *influxql.NumberLiteral:
		switch fields[i].Type {
		case model.Float:
			return newOrderFilter(i, e.Op, lit.Value, floatsOf, floatSpan)
		case model.Integer:
			return newOrderFilter(i, e.Op, lit.Value, asFloats(integersOf), spanAsFloats(integerSpan))
		case model.Unsigned:
			return newOrderFilter(i, e.Op, lit.Value, asFloats(unsignedsOf), spanAsFloats(unsignedSpan))
		}
	case *influxql.IntegerLiteral:
		switch fields[i].Type {
		case model.Float:
			return newOrderFilter(i, e.Op, float64(lit.Value), floatsOf, floatSpan)
		case model.Integer:
			return newOrderFilter(i, e.Op, lit.Value, integersOf, integerSpan)
		}
	case *influxql.StringLiteral:
		if fields[i].Type == model.String && (e.Op == influxql.EQ || e.Op == influxql.NEQ) {
			return &textFilter{column: i, want: e.Op == influxql.EQ, text: lit.Value}
		}
	case *influxql.RegexLiteral:
		if fields[i].Type == model.String && influxql.IsRegexOp(e.Op) {
			return &textFilter{column: i, want: e.Op == influxql.EQREGEX, regex: lit.Value}
		}
	}
	return nil
}

func floatsOf(c *cursor.Column) []float64   { return c.Floats }
func integersOf(c *cursor.Column) []int64   { return c.Integers }
func unsignedsOf(c *cursor.Column) []uint64 { return c.Unsigneds }

// asFloats returns a function that converts a column, into memory of its own.
func asFloats[T int64 | uint64](values func(*cursor.Column) []T) func(*cursor.Column) []float64 {
	var buf []float64
	return func(c *cursor.Column) []float64 {
		buf = buf[:0]
		for _, v := range values(c) {
			buf = append(buf, float64(v))
		}
		return buf
	}
}

func floatSpan(s *cursor.Statistics) (least, most float64)   { return s.Floats.Min, s.Floats.Max }
func integerSpan(s *cursor.Statistics) (least, most int64)   { return s.Integers.Min, s.Integers.Max }
func unsignedSpan(s *cursor.Statistics) (least, most uint64) { return s.Unsigneds.Min, s.Unsigneds.Max }

// spanAsFloats is asFloats for the least and the greatest value.
func spanAsFloats[T int64 | uint64](span func(*cursor.Statistics) (least, most T)) func(*cursor.Statistics) (least, most float64) {
	return func(s *cursor.Statistics) (float64, float64) {
		least, most := span(s)
		return float64(least), float64(most)
	}
}

// orderFilter compares a numeric column with a constant.
type orderFilter[T float64 | int64] struct {
	column int
	op     influxql.Token
	limit  T
	values func(*cursor.Column) []T
	span   func(*cursor.Statistics) (least, most T)
}

func newOrderFilter[T float64 | int64](column int, op influxql.Token, limit T, values func(*cursor.Column) []T, span func(*cursor.Statistics) (least, most T)) rowFilter {
	switch op {
	case influxql.EQ, influxql.NEQ, influxql.LT, influxql.LTE, influxql.GT, influxql.GTE:
		return &orderFilter[T]{column: column, op: op, limit: limit, values: values, span: span}
	}
	return nil
}

func (f *orderFilter[T]) apply(b *cursor.Batch, keep []uint64) {
	clear(keep)
	c := &b.Columns[f.column]
	if c.Absent {
		return
	}
	values, limit := f.values(c)[:len(b.Times)], f.limit
	switch f.op {
	case influxql.EQ:
		for i, v := range values {
			keep[i>>6] |= bit(v == limit) << (i & 63)
		}
	case influxql.NEQ:
		for i, v := range values {
			keep[i>>6] |= bit(v != limit) << (i & 63)
		}
	case influxql.LT:
		for i, v := range values {
			keep[i>>6] |= bit(v < limit) << (i & 63)
		}
	case influxql.LTE:
		for i, v := range values {
			keep[i>>6] |= bit(v <= limit) << (i & 63)
		}
	case influxql.GT:
		for i, v := range values {
			keep[i>>6] |= bit(v > limit) << (i & 63)
		}
	case influxql.GTE:
		for i, v := range values {
			keep[i>>6] |= bit(v >= limit) << (i & 63)
		}
	}
	andPresent(c, keep)
}

func (f *orderFilter[T]) rulesOut(s *cursor.Summary) bool {
	st := &s.Fields[f.column]
	if st.Count == 0 {
		return true
	}
	least, most := f.span(st)
	switch f.op {
	case influxql.EQ:
		return f.limit < least || f.limit > most
	case influxql.NEQ:
		return least == f.limit && most == f.limit
	case influxql.LT:
		return !(least < f.limit)
	case influxql.LTE:
		return !(least <= f.limit)
	case influxql.GT:
		return !(most > f.limit)
	case influxql.GTE:
		return !(most >= f.limit)
	}
	return false
}

// andPresent clears the bits of rows without a value.
func andPresent(c *cursor.Column, keep []uint64) {
	if c.Present == nil {
		return
	}
	for i := range keep {
		keep[i] &= c.Present[i]
	}
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// textFilter compares a string column with a constant or a pattern.
type textFilter struct {
	column int
	want   bool
	text   string
	regex  *regexp.Regexp
}

func (f *textFilter) apply(b *cursor.Batch, keep []uint64) {
	clear(keep)
	c := &b.Columns[f.column]
	for i := range b.Times {
		if !c.Has(i) {
			continue
		}
		var same bool
		if f.regex != nil {
			same = f.regex.Match(c.Strings[i])
		} else {
			same = string(c.Strings[i]) == f.text
		}
		keep[i>>6] |= bit(same == f.want) << (i & 63)
	}
}

func (f *textFilter) rulesOut(s *cursor.Summary) bool { return s.Fields[f.column].Count == 0 }

// evalFilter evaluates any condition row by row.
type evalFilter struct {
	expr    influxql.Expr
	eval    influxql.ValuerEval
	columns map[string]int // by the name of the field
	tags    map[string]string
	batch   *cursor.Batch
	row     int
}

func newEvalFilter(expr influxql.Expr, column func(*influxql.VarRef) int, tags model.Tags) rowFilter {
	f := &evalFilter{expr: expr, columns: make(map[string]int), tags: make(map[string]string)}
	for _, ref := range influxql.ExprNames(expr) {
		if i := column(&ref); i >= 0 {
			f.columns[ref.Name] = i
			continue
		}
		if v := tags.Get([]byte(ref.Name)); len(v) > 0 && (ref.Type == influxql.Tag || ref.Type == influxql.Unknown) {
			f.tags[ref.Name] = string(v)
		}
	}
	f.eval = influxql.ValuerEval{Valuer: influxql.MultiValuer(mathValuer{}, f)}
	return f
}

// Value returns what a name stands for in the current row.
func (f *evalFilter) Value(name string) (any, bool) {
	if i, ok := f.columns[name]; ok {
		return columnValue(&f.batch.Columns[i], f.row).any(), true
	}
	if v, ok := f.tags[name]; ok {
		return v, true
	}
	return nil, false
}

func (*evalFilter) rulesOut(*cursor.Summary) bool { return false }

func (f *evalFilter) apply(b *cursor.Batch, keep []uint64) {
	clear(keep)
	f.batch = b
	for i := range b.Times {
		f.row = i
		keep[i>>6] |= bit(f.eval.EvalBool(f.expr)) << (i & 63)
	}
	f.batch = nil
}

// columnValue returns row i of a column.
func columnValue(c *cursor.Column, i int) value {
	if !c.Has(i) {
		return value{}
	}
	switch c.Type {
	case model.Float:
		return floatValue(c.Floats[i])
	case model.Integer:
		return integerValue(c.Integers[i])
	case model.Unsigned:
		return unsignedValue(c.Unsigneds[i])
	case model.Boolean:
		return booleanValue(c.Booleans[i])
	case model.String:
		return stringValue(string(c.Strings[i]))
	}
	return value{}
}
