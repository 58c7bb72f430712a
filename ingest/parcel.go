package ingest

import (
	"iter"
	"unicode"
	"unicode/utf8"

	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
)

// parcel is the points of one write as line protocol, with timestamps in
// nanoseconds. It is not changed once it is made.
type parcel struct {
	text   []byte
	points int
	ends   []int // where the lines end, newline included; only if it was asked for
}

// newParcel writes a batch as text. Points that are no printable UTF-8 are left
// out and counted. Where the lines end cannot be seen in the text, since strings
// have newlines, too; who needs it must say so.
func newParcel(b *model.Batch, withEnds bool) (p *parcel, unwritable int) {
	p = &parcel{}
	var w lineproto.BatchWriter
	for _, t := range b.Tables {
		bad := rowsWithBadStrings(t)
		if withEnds {
			p.appendLines(&w, t, bad)
		} else {
			p.appendTable(&w, t, bad)
		}
	}
	return p, b.Rows() - p.points
}

func (p *parcel) appendTable(w *lineproto.BatchWriter, t *model.Table, bad map[int32]bool) {
	next := 0
	var tags model.Tags
	key := func(row int) []byte {
		for next < len(t.NewKeys) && int(t.NewKeys[next].Row) < row {
			next++
		}
		if next == len(t.NewKeys) || int(t.NewKeys[next].Row) != row || bad[int32(row)] {
			return nil
		}
		k := t.NewKeys[next].Key
		var ok bool
		if tags, ok = printableKey(k, tags); !ok {
			return nil
		}
		return k
	}
	text, skipped := w.AppendTable(p.text, t, lineproto.Nanosecond, key)
	p.text = text
	p.points += t.Rows() - skipped
}

// appendLines does the same row by row, to see where they end.
func (p *parcel) appendLines(w *lineproto.BatchWriter, t *model.Table, bad map[int32]bool) {
	var line model.Table // one row of t
	next := make([]int, len(t.Columns))
	keys := t.NewKeys
	for row := range int32(t.Rows()) {
		line.Times = t.Times[row : row+1]
		line.Columns = line.Columns[:0]
		for k := range t.Columns {
			c, at := &t.Columns[k], next[k]
			if !c.Dense() && (at == len(c.Rows) || c.Rows[at] != row) {
				continue
			}
			next[k]++
			line.Columns = append(line.Columns, model.Column{Name: c.Name, Type: c.Type, Values: c.Values[at : at+1], Strings: c.Strings})
		}
		line.NewKeys = line.NewKeys[:0]
		if len(keys) > 0 && keys[0].Row == row {
			line.NewKeys = append(line.NewKeys, model.NewKey{Key: keys[0].Key})
			keys = keys[1:]
		}
		before := p.points
		if !bad[row] {
			p.appendTable(w, &line, nil)
		}
		if p.points > before {
			p.ends = append(p.ends, len(p.text))
		}
	}
}

// lines returns the points one by one, without the newline at the end.
func (p *parcel) lines() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		start := 0
		for _, end := range p.ends {
			if !yield(p.text[start : end-1]) {
				return
			}
			start = end
		}
	}
}

// printableKey reports whether measurement and tags are UTF-8 that can be read.
// It returns the tags for their memory.
func printableKey(key []byte, tags model.Tags) (model.Tags, bool) {
	measurement, tags, err := model.ParseSeriesKey(key, tags)
	if err != nil || !printable(measurement) {
		return tags, false
	}
	for i := range tags {
		if !printable(tags[i].Key) || !printable(tags[i].Value) {
			return tags, false
		}
	}
	return tags, true
}

func printable(b []byte) bool {
	for i := 0; i < len(b); {
		if c := b[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return false
		}
		i += size
	}
	return true
}

// rowsWithBadStrings returns the rows with a string, or the name of a field,
// that is no UTF-8.
func rowsWithBadStrings(t *model.Table) map[int32]bool {
	var bad map[int32]bool
	for i := range t.Columns {
		c := &t.Columns[i]
		named := printable(c.Name)
		if named && c.Type != model.String {
			continue
		}
		for at, v := range c.Values {
			if named && utf8.Valid(c.StringAt(v)) {
				continue
			}
			row := int32(at)
			if !c.Dense() {
				row = c.Rows[at]
			}
			if bad == nil {
				bad = map[int32]bool{}
			}
			bad[row] = true
		}
	}
	return bad
}
