package query

import (
	"slices"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// rowLayout says where the values of a statement's names are found: in which column of the batches, or among the tags.
type rowLayout struct {
	fields []cursor.Field // what the cursor is asked for
	main   int            // column of what drives the rows, -1: the aux columns do
	aux    []auxPlace     // in the order of scanOptions.aux
	// rowFields is how many of the fields, from the first, make a row by having a value. The others are only in the
	// condition.
	rowFields int

	// places finds fields in long lists; nil for short ones. The layouts of one scan share it, and each has a part of the
	// fields from the first one on: what lies beyond that part, or is another field there, counts as missing.
	places map[cursor.Field]int
}

// manyFields is from how many fields on they are looked up in a map.
const manyFields = 32

// place returns the column of a field, -1 when it has none yet.
func (l *rowLayout) place(f cursor.Field) int {
	if len(l.fields) < manyFields {
		return slices.Index(l.fields, f)
	}
	if i, ok := l.places[f]; ok && i < len(l.fields) && l.fields[i] == f {
		return i
	}
	return -1
}

// add gives a field the next column.
func (l *rowLayout) add(f cursor.Field) int {
	l.fields = append(l.fields, f)
	last := len(l.fields) - 1
	switch {
	case last+1 < manyFields:
		return last
	case l.places == nil || last+1 == manyFields:
		l.places = make(map[cursor.Field]int)
		for i, f := range l.fields {
			l.places[f] = i
		}
	}
	l.places[f] = last
	return last
}

// auxPlace is a column, a tag (column -1), or nothing.
type auxPlace struct {
	column int
	tags   *tagValues // nil for what is no tag of any series too
}

// newRowLayout places the driving name, the aux names and those of the condition. Without a field that makes rows, ok
// is false: the measurement has nothing to offer.
func newRowLayout(s *source, main *influxql.VarRef) (l *rowLayout, ok bool) {
	l = &rowLayout{main: -1}
	if main != nil {
		if l.main = l.column(s, main); l.main < 0 {
			return nil, false
		}
	}
	for _, ref := range s.opt.aux {
		place := auxPlace{column: l.column(s, ref)}
		if place.column < 0 && s.tagRef(ref) {
			place.tags = s.tags.column(ref.Name)
		}
		l.aux = append(l.aux, place)
	}
	if l.rowFields = len(l.fields); main != nil {
		l.rowFields = 1
	}
	if l.rowFields == 0 {
		return nil, false
	}
	if s.opt.condition != nil {
		for _, ref := range influxql.ExprNames(s.opt.condition) {
			l.column(s, &ref)
		}
	}
	return l, true
}

// withMain returns the layout of another driving name over the same rows. fields are those that are read so far, those
// of the layout made last; what is missing is added to them.
func (l *rowLayout) withMain(s *source, main *influxql.VarRef, fields []cursor.Field) (*rowLayout, bool) {
	other := &rowLayout{fields: fields, aux: l.aux, rowFields: 1, places: l.places}
	other.main = other.column(s, main)
	return other, other.main >= 0
}

// column returns the column of a field, which it adds when it is new, or -1 for what is no field of the measurement or
// has a type the field cannot be read as.
func (l *rowLayout) column(s *source, ref *influxql.VarRef) int {
	f, ok := l.field(s, ref)
	if !ok {
		return -1
	}
	if i := l.place(f); i >= 0 {
		return i
	}
	return l.add(f)
}

// find is column without adding.
func (l *rowLayout) find(s *source, ref *influxql.VarRef) int {
	f, ok := l.field(s, ref)
	if !ok {
		return -1
	}
	return l.place(f)
}

func (l *rowLayout) field(s *source, ref *influxql.VarRef) (cursor.Field, bool) {
	if ref.Type == influxql.Tag {
		return cursor.Field{}, false
	}
	have, ok := s.fields[ref.Name]
	if !ok {
		return cursor.Field{}, false
	}
	typ := ref.Type
	if typ == influxql.Unknown || typ == influxql.AnyField {
		typ = have
	}
	f := cursor.Field{Name: ref.Name, Type: fieldType(typ)}
	return f, f.Type != model.NoType
}

// filterFor returns the filter for the rows of a series; nil keeps all.
func (l *rowLayout) filterFor(s *source, series *sourceSeries) rowFilter {
	if series.rest == nil {
		return nil
	}
	return newRowFilter(series.rest, l.fields, func(ref *influxql.VarRef) int { return l.find(s, ref) }, s.tags.of(series.place))
}

// selectRows sets the bits of the rows that count: those that pass the filter and have a value in a field that makes
// rows. The result is valid until the next call with the same buffer.
func (l *rowLayout) selectRows(b *cursor.Batch, filter rowFilter, buf []uint64) []uint64 {
	n := len(b.Times)
	words := bitWords(n)
	if cap(buf) < words {
		buf = make([]uint64, words)
	}
	keep := buf[:words]
	if filter != nil {
		filter.apply(b, keep)
	} else {
		fillBits(keep, n)
	}
	if l.main >= 0 {
		c := &b.Columns[l.main]
		if c.Absent {
			clear(keep)
		} else {
			andPresent(c, keep)
		}
		return keep
	}
	if l.rowFields < len(l.fields) {
		l.dropConditionRows(b, keep)
	}
	return keep
}

// dropConditionRows clears the rows that exist only because a field of the condition has a value.
func (l *rowLayout) dropConditionRows(b *cursor.Batch, keep []uint64) {
	for w := range keep {
		var any uint64
		for i := range b.Columns[:l.rowFields] {
			c := &b.Columns[i]
			switch {
			case c.Present != nil:
				any |= c.Present[w]
			case !c.Absent:
				any = ^uint64(0)
			}
		}
		keep[w] &= any
	}
}

// fillBits sets the first n bits and clears the rest.
func fillBits(words []uint64, n int) {
	for i := range words {
		words[i] = ^uint64(0)
	}
	if n&63 != 0 && len(words) > 0 {
		words[len(words)-1] = 1<<(n&63) - 1
	}
}
