package model

// Select appends copies of some rows of t to dst, an empty table. Rows are
// given by number, ascending. Byte slices are shared, not copied. Columns
// without a value in these rows are left out.
func (t *Table) Select(dst *Table, rows []int32) {
	dst.Measurement = t.Measurement
	for _, r := range rows {
		dst.Times = append(dst.Times, t.Times[r])
		dst.Series = append(dst.Series, t.Series[r])
		dst.Fingerprints = append(dst.Fingerprints, t.Fingerprints[r])
		dst.Lines = append(dst.Lines, t.Lines[r])
	}
	t.selectKeys(dst, rows)
	for i := range t.Columns {
		t.Columns[i].selectInto(dst, rows)
	}
}

func (t *Table) selectKeys(dst *Table, rows []int32) {
	at := 0
	for _, k := range t.NewKeys {
		for at < len(rows) && rows[at] < k.Row {
			at++
		}
		if at == len(rows) {
			return
		}
		if rows[at] == k.Row {
			dst.NewKeys = append(dst.NewKeys, NewKey{Row: int32(at), Key: k.Key})
		}
	}
}

// selectInto appends the column's values in rows to dst as a new column.
func (c *Column) selectInto(dst *Table, rows []int32) {
	n := dst.AddColumn(c.Name, c.Type)
	d := &dst.Columns[n]
	d.Strings = c.Strings
	if c.Dense() {
		for _, r := range rows {
			d.Values = append(d.Values, c.Values[r])
		}
		return
	}
	d.Rows = make([]int32, 0, min(len(rows), len(c.Rows)))
	at := 0
	for i, r := range rows {
		for at < len(c.Rows) && c.Rows[at] < r {
			at++
		}
		if at == len(c.Rows) {
			break
		}
		if c.Rows[at] == r {
			d.Rows = append(d.Rows, int32(i))
			d.Values = append(d.Values, c.Values[at])
		}
	}
	switch len(d.Values) {
	case 0:
		dst.Columns = dst.Columns[:n]
	case len(rows):
		d.Rows = nil
	}
}
