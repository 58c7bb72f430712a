package httpapi

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/timberlinedb/timberline/query"
)

// csvEncoder prints the rows of all series as one table a statement, with the
// name and the tags of the series in front:
//
//	name,tags,time,f
//	m,"h=a,u=b",1577836800000000000,1.5
//
// A blank line and a new header follow when the statement or its columns
// change. Results without series are left out; a statement that failed is a
// table of its own with the one column error.
type csvEncoder struct {
	out   *sink
	form  timeForm
	flush func() error // nil when the answer need not be sent piece by piece

	begun     bool // something was printed
	statement int
	columns   []string // of the table that is open
	prefix    []byte   // name and tags of the series, as printed
}

func newCSVEncoder(out *sink, form timeForm, flush func() error) *csvEncoder {
	if form.unit == 0 {
		form.unit = 1
	}
	return &csvEncoder{out: out, form: form, flush: flush}
}

func (e *csvEncoder) encode(r *query.Result) error {
	if r.Err != nil {
		e.fail(r.Err)
		return e.send()
	}
	for _, s := range r.Series {
		if !e.begun || e.columns == nil || r.StatementID != e.statement || !slices.Equal(e.columns, s.Columns) {
			e.header(r.StatementID, s)
		}
		e.prefix = appendSeriesPrefix(e.prefix[:0], s)
		for row := range s.Rows {
			e.out.buf = e.appendRow(e.out.buf, s, row)
			if e.out.full() {
				if err := e.out.spill(); err != nil {
					return err
				}
			}
		}
	}
	return e.send()
}

func (e *csvEncoder) send() error {
	if e.flush == nil {
		return nil
	}
	if err := e.out.spill(); err != nil {
		return err
	}
	return e.flush()
}

// newTable separates a table from the one before it.
func (e *csvEncoder) newTable() {
	if e.begun {
		e.out.buf = append(e.out.buf, '\n')
	}
	e.begun = true
}

func (e *csvEncoder) header(statement int, s *query.Series) {
	e.newTable()
	e.statement = statement
	e.columns = make([]string, len(s.Columns)) // never nil: nil means that no table is open
	for i, c := range s.Columns {
		e.columns[i] = strings.Clone(c)
	}
	e.out.buf = append(e.out.buf, "name,tags"...)
	for _, c := range e.columns {
		e.out.buf = appendCSVField(append(e.out.buf, ','), c)
	}
	e.out.buf = append(e.out.buf, '\n')
}

func (e *csvEncoder) fail(err error) {
	e.newTable()
	e.columns = nil
	e.out.buf = appendCSVField(append(e.out.buf, "error\n"...), err.Error())
	e.out.buf = append(e.out.buf, '\n')
}

// appendSeriesPrefix appends the name and the tags of a series, the latter as
// one field with the separators in keys and values escaped.
func appendSeriesPrefix(dst []byte, s *query.Series) []byte {
	dst = append(appendCSVField(dst, s.Name), ',')
	if len(s.Tags) == 0 {
		return dst
	}
	var tags []byte
	for _, t := range s.Tags {
		if t.Value == "" {
			continue // a point without the tag
		}
		if len(tags) > 0 {
			tags = append(tags, ',')
		}
		tags = append(appendTagText(tags, t.Key), '=')
		tags = appendTagText(tags, t.Value)
	}
	return appendCSVField(dst, string(tags))
}

func appendTagText(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c == ',' || c == '=' || c == ' ' {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return dst
}

func (e *csvEncoder) appendRow(dst []byte, s *query.Series, row int) []byte {
	dst = append(dst, e.prefix...)
	for i := range s.Values {
		dst = append(dst, ',')
		col := &s.Values[i]
		if col.Null(row) {
			continue
		}
		switch col.Kind {
		case query.TimeColumn:
			dst = strconv.AppendInt(dst, col.Integers[row]/e.form.unit, 10)
		case query.FloatColumn:
			dst = appendFixed(dst, col.Floats[row])
		case query.IntegerColumn:
			dst = strconv.AppendInt(dst, col.Integers[row], 10)
		case query.UnsignedColumn:
			dst = strconv.AppendUint(dst, col.Unsigneds[row], 10)
		case query.BooleanColumn:
			dst = strconv.AppendBool(dst, col.Booleans[row])
		case query.StringColumn:
			dst = appendCSVField(dst, col.Strings[row])
		case query.ListColumn:
			dst = appendCSVField(dst, strings.Join(col.Lists[row], ","))
		case query.AnyColumn:
			dst = e.appendAny(dst, col.Any[row], i == 0)
		}
	}
	return append(dst, '\n')
}

func (e *csvEncoder) appendAny(dst []byte, v any, first bool) []byte {
	switch v := v.(type) {
	case float64:
		return appendFixed(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case uint64:
		return strconv.AppendUint(dst, v, 10)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return appendCSVField(dst, v)
	case []string:
		return appendCSVField(dst, strings.Join(v, ","))
	case time.Time:
		unit := int64(1)
		if first {
			unit = e.form.unit
		}
		return strconv.AppendInt(dst, v.UnixNano()/unit, 10)
	}
	return dst
}

func (e *csvEncoder) end(err error) error {
	if err != nil {
		e.fail(err)
	}
	return e.out.spill()
}

// appendCSVField appends s as a field, quoted when it has to be. The rule is
// that of encoding/csv.
func appendCSVField(dst []byte, s string) []byte {
	if !quotedCSV(s) {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for i := range len(s) {
		if s[i] == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}

func quotedCSV(s string) bool {
	if s == "" {
		return false
	}
	if s == `\.` || strings.ContainsAny(s, ",\"\r\n") {
		return true
	}
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsSpace(r)
}
