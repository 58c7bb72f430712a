package lineproto

import (
	"fmt"
	"math"
	"sort"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/internal/fingerprint"
	"github.com/timberlinedb/timberline/model"
)

// seriesSet is a SeriesTable: open addressing over fingerprints.
type seriesSet struct {
	slots []seriesSlot
	count int
}

type seriesSlot struct {
	fp model.Fingerprint
	id model.SeriesID
}

func (s *seriesSet) Lookup(fp model.Fingerprint) (model.SeriesID, bool) {
	for i := int(fp.Lo) & (len(s.slots) - 1); ; i = (i + 1) & (len(s.slots) - 1) {
		slot := &s.slots[i]
		if slot.fp == fp {
			return slot.id, true
		}
		if slot.id == 0 {
			return 0, false
		}
	}
}

func (s *seriesSet) LookupAll(ids []model.SeriesID, fps []model.Fingerprint) {
	for i, fp := range fps {
		ids[i], _ = s.Lookup(fp)
	}
}

func newSeriesSet(rawKeys ...string) *seriesSet {
	s := &seriesSet{slots: make([]seriesSlot, 64)}
	for len(s.slots) < 4*len(rawKeys) {
		s.slots = make([]seriesSlot, 2*len(s.slots))
	}
	for _, raw := range rawKeys {
		s.add(fingerprint.Of([]byte(raw)))
	}
	return s
}

// add takes a fingerprint in; the table must have room.
func (s *seriesSet) add(fp model.Fingerprint) {
	if _, ok := s.Lookup(fp); ok {
		return
	}
	s.count++
	i := int(fp.Lo) & (len(s.slots) - 1)
	for s.slots[i].id != 0 {
		i = (i + 1) & (len(s.slots) - 1)
	}
	s.slots[i] = seriesSlot{fp, model.SeriesID(s.count)}
}

// parsers are the two ways to read a body; the second runs on a parser and a
// batch that other bodies went through.
var parsers = map[string]func(dst *model.Batch, body []byte, opt Options){
	"plain":  ParsePlain,
	"parser": func(dst *model.Batch, body []byte, opt Options) { new(Parser).Parse(dst, body, opt) },
	"second": func(dst *model.Batch, body []byte, opt Options) {
		// The lines come twice, so that the second time they are expected.
		var p Parser
		twice := []byte(string(body) + "\n" + string(body))
		p.Parse(dst, twice, opt)
		p.Parse(dst, body, opt)
	},
}

// checkBatch fails the test when b breaks a promise of model.Batch.
func checkBatch(t testing.TB, b *model.Batch) {
	t.Helper()
	if n := b.Rows() + len(b.Rejects); len(b.Rejects) < maxRejects && b.Lines != n {
		t.Fatalf("Lines = %d, rows and rejects are %d", b.Lines, n)
	}
	for _, table := range b.Tables {
		rows := table.Rows()
		if len(table.Series) != rows || len(table.Fingerprints) != rows || len(table.Lines) != rows || rows == 0 {
			t.Fatalf("table %q: %d times, %d series, %d fingerprints, %d lines", table.Measurement,
				rows, len(table.Series), len(table.Fingerprints), len(table.Lines))
		}
		keys := table.NewKeys
		for row, id := range table.Series {
			known := table.Fingerprints[row] == model.Fingerprint{}
			if (id != 0) != known {
				t.Fatalf("table %q row %d: series %d, fingerprint %v", table.Measurement, row, id, table.Fingerprints[row])
			}
			if id == 0 {
				if len(keys) == 0 || keys[0].Row != int32(row) {
					t.Fatalf("table %q row %d has no new key", table.Measurement, row)
				}
				m, err := model.SeriesMeasurement(keys[0].Key)
				if err != nil || string(m) != string(table.Measurement) {
					t.Fatalf("table %q row %d: key of measurement %q, %v", table.Measurement, row, m, err)
				}
				keys = keys[1:]
			}
		}
		if len(keys) > 0 {
			t.Fatalf("table %q: new key of row %d", table.Measurement, keys[0].Row)
		}
		for i := range table.Columns {
			checkColumn(t, table, &table.Columns[i])
		}
	}
}

func checkColumn(t testing.TB, table *model.Table, c *model.Column) {
	t.Helper()
	if c.Dense() {
		if len(c.Values) != table.Rows() {
			t.Fatalf("dense column %q: %d values, %d rows", c.Name, len(c.Values), table.Rows())
		}
		return
	}
	if len(c.Rows) != len(c.Values) || len(c.Rows) == 0 || len(c.Rows) >= table.Rows() {
		t.Fatalf("sparse column %q: %d rows of %d, %d values", c.Name, len(c.Rows), table.Rows(), len(c.Values))
	}
	for i, row := range c.Rows {
		if i > 0 && row <= c.Rows[i-1] || int(row) >= table.Rows() || row < 0 {
			t.Fatalf("sparse column %q: rows %v of %d", c.Name, c.Rows, table.Rows())
		}
	}
}

// describe prints everything in a batch, with references followed.
func describe(b *model.Batch) string {
	var s strings.Builder
	fmt.Fprintf(&s, "lines %d\n", b.Lines)
	for _, table := range b.Tables {
		fmt.Fprintf(&s, "table %q times %d series %d fingerprints %x lines %d\n",
			table.Measurement, table.Times, table.Series, table.Fingerprints, table.Lines)
		for _, key := range table.NewKeys {
			fmt.Fprintf(&s, "  new %d %q\n", key.Row, key.Key)
		}
		for i := range table.Columns {
			c := &table.Columns[i]
			fmt.Fprintf(&s, "  column %q %s rows %v dense %v:", c.Name, c.Type, c.Rows, c.Dense())
			for _, bits := range c.Values {
				if c.Type == model.String {
					fmt.Fprintf(&s, " %q", c.StringAt(bits))
				} else {
					fmt.Fprintf(&s, " %x", bits)
				}
			}
			s.WriteByte('\n')
		}
	}
	for _, r := range b.Rejects {
		fmt.Fprintf(&s, "reject %d %q %s\n", r.Line, r.Text, r.Reason)
	}
	return s.String()
}

// brief prints the points of a batch, one a line, in the order of their lines,
// then the refused lines. Fields are sorted by name.
func brief(b *model.Batch) string {
	type row struct {
		line int32
		text string
	}
	var rows []row
	for _, table := range b.Tables {
		keys := map[int32][]byte{}
		for _, k := range table.NewKeys {
			keys[k.Row] = k.Key
		}
		for r := range table.Rows() {
			key := fmt.Sprintf("#%d", table.Series[r])
			if k, ok := keys[int32(r)]; ok {
				m, tags, _ := model.ParseSeriesKey(k, nil)
				key = fmt.Sprintf("%q", m)
				for _, tag := range tags {
					key += fmt.Sprintf(" %q=%q", tag.Key, tag.Value)
				}
			}
			rows = append(rows, row{table.Lines[r], fmt.Sprintf("%s | %s | %d", key, fieldsOf(table, r), table.Times[r])})
		}
	}
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].line < rows[j].line })
	var lines []string
	for _, r := range rows {
		lines = append(lines, r.text)
	}
	for _, r := range b.Rejects {
		lines = append(lines, fmt.Sprintf("%d: '%s': %s", r.Line, r.Text, r.Reason))
	}
	return strings.Join(lines, "\n")
}

func fieldsOf(table *model.Table, row int) string {
	var fields []string
	for i := range table.Columns {
		c := &table.Columns[i]
		at := row
		if !c.Dense() {
			at = sort.Search(len(c.Rows), func(i int) bool { return int(c.Rows[i]) >= row })
			if at == len(c.Rows) || int(c.Rows[at]) != row {
				continue
			}
		}
		bits, value := c.Values[at], ""
		switch c.Type {
		case model.Float:
			value = fmt.Sprintf("float %v", math.Float64frombits(bits))
		case model.Integer:
			value = fmt.Sprintf("integer %d", int64(bits))
		case model.Unsigned:
			value = fmt.Sprintf("unsigned %d", bits)
		case model.Boolean:
			value = fmt.Sprintf("boolean %v", bits == 1)
		case model.String:
			value = fmt.Sprintf("string %q", c.StringAt(bits))
		}
		fields = append(fields, fmt.Sprintf("%q=%s", c.Name, value))
	}
	sort.Strings(fields)
	return strings.Join(fields, " ")
}
