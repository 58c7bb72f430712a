package query

import "github.com/timberlinedb/timberline/model"

// columnBuilder collects the values of one output column. It takes the type of the first value that is not null; when
// another type turns up, the column becomes one of any types.
type columnBuilder struct {
	col     *Column // where the values go; a list of columns is filled in place
	present []uint64
	rows    int
	nulls   bool // present has a bit for each row; before the first null there are none
}

// reset starts a new column in the memory of the last.
func (b *columnBuilder) reset() {
	c := b.col
	switch c.Kind {
	case FloatColumn:
		c.Floats = c.Floats[:0]
	case IntegerColumn, TimeColumn:
		c.Integers = c.Integers[:0]
	case UnsignedColumn:
		c.Unsigneds = c.Unsigneds[:0]
	case BooleanColumn:
		c.Booleans = c.Booleans[:0]
	case StringColumn:
		clear(c.Strings)
		c.Strings = c.Strings[:0]
	case AnyColumn:
		c.Any = nil
	}
	c.Kind, c.Present = NullColumn, nil
	b.present, b.rows, b.nulls = b.present[:0], 0, false
}

// finish completes the column, which is valid until the next reset.
func (b *columnBuilder) finish() *Column {
	if b.nulls {
		b.col.Present = b.present
	}
	return b.col
}

// appendTime adds a timestamp; a column of times has nothing else.
func (b *columnBuilder) appendTime(t int64) {
	b.col.Kind = TimeColumn
	b.col.Integers = append(b.col.Integers, t)
	b.rows++
}

func (b *columnBuilder) append(v value) {
	kind := KindOf(v.kind)
	switch {
	case b.col.Kind == AnyColumn:
		b.col.Any = append(b.col.Any, v.any())
	case kind == NullColumn:
		b.appendNull()
	case b.col.Kind == NullColumn:
		b.col.Kind = kind
		for range b.rows {
			b.appendZero()
		}
		b.appendTyped(v)
	case b.col.Kind == kind:
		b.appendTyped(v)
	default:
		b.mix()
		b.col.Any = append(b.col.Any, v.any())
	}
	b.rows++
}

// mark sets whether the row at hand has a value.
func (b *columnBuilder) mark(present bool) {
	if b.rows>>6 == len(b.present) {
		b.present = append(b.present, 0)
	}
	if present {
		b.present[b.rows>>6] |= 1 << (b.rows & 63)
	}
}

func (b *columnBuilder) appendNull() {
	if !b.nulls {
		b.nulls = true
		b.present = allBits(b.present, b.rows)
	}
	b.mark(false)
	b.appendZero()
}

func (b *columnBuilder) appendZero() {
	switch b.col.Kind {
	case FloatColumn:
		b.col.Floats = append(b.col.Floats, 0)
	case IntegerColumn:
		b.col.Integers = append(b.col.Integers, 0)
	case UnsignedColumn:
		b.col.Unsigneds = append(b.col.Unsigneds, 0)
	case BooleanColumn:
		b.col.Booleans = append(b.col.Booleans, false)
	case StringColumn:
		b.col.Strings = append(b.col.Strings, "")
	}
}

func (b *columnBuilder) appendTyped(v value) {
	if b.nulls {
		b.mark(true)
	}
	switch v.kind {
	case model.Float:
		b.col.Floats = append(b.col.Floats, v.float())
	case model.Integer:
		b.col.Integers = append(b.col.Integers, v.integer())
	case model.Unsigned:
		b.col.Unsigneds = append(b.col.Unsigneds, v.bits)
	case model.Boolean:
		b.col.Booleans = append(b.col.Booleans, v.boolean())
	case model.String:
		b.col.Strings = append(b.col.Strings, v.str)
	}
}

// mix turns the column into one of any types.
func (b *columnBuilder) mix() {
	rows := make([]any, b.rows, b.rows+1)
	for i := range rows {
		if b.nulls && b.present[i>>6]&(1<<(i&63)) == 0 {
			continue
		}
		switch b.col.Kind {
		case FloatColumn:
			rows[i] = b.col.Floats[i]
		case IntegerColumn:
			rows[i] = b.col.Integers[i]
		case UnsignedColumn:
			rows[i] = b.col.Unsigneds[i]
		case BooleanColumn:
			rows[i] = b.col.Booleans[i]
		case StringColumn:
			rows[i] = b.col.Strings[i]
		}
	}
	*b.col = Column{Kind: AnyColumn, Any: rows}
	b.nulls = false
}
