package tsdb

import (
	"iter"
	"slices"

	"github.com/timberlinedb/timberline/model"
)

// withoutRows returns a copy of t without the rows of drop, which ascend.
// Columns without values are left out.
func withoutRows(t *model.Table, drop []int32) *model.Table {
	keep := make([]int32, 0, t.Rows()-len(drop)) // old rows
	moved := make([]int32, t.Rows())             // new row of each old one, -1 when dropped
	for r := range int32(t.Rows()) {
		if len(drop) > 0 && drop[0] == r {
			drop, moved[r] = drop[1:], -1
			continue
		}
		moved[r] = int32(len(keep))
		keep = append(keep, r)
	}
	out := &model.Table{Measurement: t.Measurement}
	for _, r := range keep {
		out.Times = append(out.Times, t.Times[r])
		out.Series = append(out.Series, t.Series[r])
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		n := model.Column{Name: c.Name, Type: c.Type, Strings: c.Strings}
		for v, value := range c.Values {
			row := int32(v)
			if !c.Dense() {
				row = c.Rows[v]
			}
			if moved[row] >= 0 {
				n.Rows = append(n.Rows, moved[row])
				n.Values = append(n.Values, value)
			}
		}
		if len(n.Values) == len(keep) {
			n.Rows = nil
		}
		if len(n.Values) > 0 {
			out.Columns = append(out.Columns, n)
		}
	}
	return out
}

// cutTable yields the table in parts of about limit bytes, one after the other.
// A part is valid until the next one.
func cutTable(t *model.Table, limit int) iter.Seq[*model.Table] {
	return func(yield func(*model.Table) bool) {
		bytes := 12 * t.Rows()
		for i := range t.Columns {
			c := &t.Columns[i]
			bytes += 9 * len(c.Values)
			if c.Type == model.String {
				for _, ref := range c.Values {
					bytes += len(c.StringAt(ref))
				}
			}
		}
		parts := min((bytes+limit-1)/limit, t.Rows())
		if parts <= 1 {
			yield(t)
			return
		}
		part := &model.Table{Measurement: t.Measurement}
		for k := range parts {
			from, to := t.Rows()*k/parts, t.Rows()*(k+1)/parts
			sliceTable(part, t, from, to)
			if !yield(part) {
				return
			}
		}
	}
}

// sliceTable makes dst rows [from, to) of t, with all its columns.
func sliceTable(dst, t *model.Table, from, to int) {
	dst.Times, dst.Series = t.Times[from:to], t.Series[from:to]
	if len(dst.Columns) != len(t.Columns) {
		dst.Columns = make([]model.Column, len(t.Columns))
	}
	for i := range t.Columns {
		c, d := &t.Columns[i], &dst.Columns[i]
		rows := d.Rows[:0]
		*d = model.Column{Name: c.Name, Type: c.Type, Strings: c.Strings}
		if c.Dense() {
			d.Values = c.Values[from:to]
			continue
		}
		lo, _ := slices.BinarySearch(c.Rows, int32(from))
		hi, _ := slices.BinarySearch(c.Rows, int32(to))
		d.Values = c.Values[lo:hi]
		for _, r := range c.Rows[lo:hi] {
			rows = append(rows, r-int32(from))
		}
		if rows == nil {
			rows = []int32{}
		}
		d.Rows = rows
	}
}
