package httpapi

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/query"
)

// jsonEncoder joins the pieces of a request into one JSON envelope:
//
//	{"results":[{"statement_id":0,"series":[{"name":…,"columns":…,"values":[…
//
// Rows are sent while they arrive, so the size of an answer has no bearing on
// memory. An error replaces its statement when nothing of that was sent yet;
// otherwise it stands at the end of the rows that were.
type jsonEncoder struct {
	out   *sink
	cells jsonCells

	begun     bool // the envelope is open
	open      bool // a statement is open
	statement int
	start     int // where the open statement begins in out.buf; -1 when that was sent

	inSeries bool // a series is open
	inRows   bool // its array of values is
	partial  bool // as the last piece of the series said
	series   int  // of the open statement
	messages []query.Message
	names    columnNames
}

// columnNames is the text of the columns that were printed last: those of the next
// series mostly are the same.
type columnNames struct {
	names []string
	text  []byte
}

func (c *columnNames) append(dst []byte, names []string) []byte {
	if c.text == nil || !slices.Equal(c.names, names) {
		c.names = append(c.names[:0], names...)
		c.text = appendStrings(c.text[:0], names)
	}
	return append(dst, c.text...)
}

func newJSONEncoder(out *sink, form timeForm) *jsonEncoder {
	return &jsonEncoder{out: out, cells: jsonCells{form: form}}
}

func (e *jsonEncoder) encode(r *query.Result) error {
	if !e.open || r.StatementID != e.statement {
		e.closeStatement()
		e.openStatement(r.StatementID)
	}
	for _, m := range r.Messages {
		e.messages = append(e.messages, query.Message{Level: strings.Clone(m.Level), Text: strings.Clone(m.Text)})
	}
	if r.Err != nil {
		e.failStatement(r.Err)
		return e.spillFull()
	}
	for _, s := range r.Series {
		if !(s.Continued && e.inSeries) {
			e.closeSeries()
			e.openSeries(s)
		}
		e.partial = s.Partial
		if err := e.rows(s); err != nil {
			return err
		}
	}
	return e.spillFull()
}

func (e *jsonEncoder) spillFull() error {
	if !e.out.full() {
		return nil
	}
	e.start = -1
	return e.out.spill()
}

func (e *jsonEncoder) openStatement(id int) {
	if !e.begun {
		e.begun = true
		e.out.buf = append(e.out.buf, `{"results":[`...)
	} else {
		e.out.buf = append(e.out.buf, ',')
	}
	e.open, e.statement, e.start, e.series = true, id, len(e.out.buf), 0
	e.out.buf = appendStatementID(e.out.buf, id)
}

func appendStatementID(dst []byte, id int) []byte {
	return strconv.AppendInt(append(dst, `{"statement_id":`...), int64(id), 10)
}

func (e *jsonEncoder) closeStatement() {
	if !e.open {
		return
	}
	e.closeAllSeries()
	e.out.buf = append(appendMessages(e.out.buf, e.messages), '}')
	e.messages = e.messages[:0]
	e.open = false
}

// failStatement closes the open statement with an error.
func (e *jsonEncoder) failStatement(err error) {
	if e.start >= 0 {
		e.out.buf = appendStatementID(e.out.buf[:e.start], e.statement)
		e.inSeries, e.inRows, e.series = false, false, 0
		e.messages = e.messages[:0]
	}
	e.closeAllSeries()
	e.out.buf = appendMessages(e.out.buf, e.messages)
	e.messages = e.messages[:0]
	e.out.buf = append(appendErrorMember(e.out.buf, err), '}')
	e.open = false
}

func appendErrorMember(dst []byte, err error) []byte {
	return appendString(append(dst, `,"error":`...), err.Error())
}

func appendMessages(dst []byte, messages []query.Message) []byte {
	if len(messages) == 0 {
		return dst
	}
	dst = append(dst, `,"messages":[`...)
	for i, m := range messages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(append(dst, `{"level":`...), m.Level)
		dst = append(appendString(append(dst, `,"text":`...), m.Text), '}')
	}
	return append(dst, ']')
}

func (e *jsonEncoder) openSeries(s *query.Series) {
	if e.series == 0 {
		e.out.buf = append(e.out.buf, `,"series":[`...)
	} else {
		e.out.buf = append(e.out.buf, ',')
	}
	e.series++
	e.inSeries, e.inRows = true, false
	e.out.buf = appendSeriesHead(e.out.buf, s, &e.names)
}

// appendSeriesHead appends the members of a series before its values.
func appendSeriesHead(dst []byte, s *query.Series, names *columnNames) []byte {
	dst = append(dst, '{')
	if s.Name != "" {
		dst = append(appendString(append(dst, `"name":`...), s.Name), ',')
	}
	if len(s.Tags) > 0 {
		dst = append(dst, `"tags":{`...)
		for i, t := range s.Tags {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, t.Key), ':')
			dst = appendString(dst, t.Value)
		}
		dst = append(dst, `},`...)
	}
	return names.append(append(dst, `"columns":`...), s.Columns)
}

func appendStrings(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}

// rows appends the rows of a piece to the open series.
func (e *jsonEncoder) rows(s *query.Series) error {
	for row := range s.Rows {
		if e.inRows {
			e.out.buf = append(e.out.buf, ',')
		} else {
			e.out.buf = append(e.out.buf, `,"values":[`...)
			e.inRows = true
		}
		e.out.buf = e.cells.appendRow(e.out.buf, s, row)
		if err := e.cells.unsupported(); err != nil {
			if e.out.sent == 0 { // nothing but the error is answered
				e.out.buf = e.out.buf[:0]
				e.begun, e.open = false, false
			}
			return err
		}
		if e.out.full() {
			if err := e.spillFull(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *jsonEncoder) closeSeries() {
	if !e.inSeries {
		return
	}
	e.out.buf = appendSeriesTail(e.out.buf, e.inRows, e.partial)
	e.inSeries, e.inRows = false, false
}

func (e *jsonEncoder) closeAllSeries() {
	e.closeSeries()
	if e.series > 0 {
		e.out.buf = append(e.out.buf, ']')
	}
	e.series = 0
}

func appendSeriesTail(dst []byte, rows, partial bool) []byte {
	if rows {
		dst = append(dst, ']')
	}
	if partial {
		dst = append(dst, `,"partial":true`...)
	}
	return append(dst, '}')
}

func (e *jsonEncoder) end(err error) error {
	e.closeStatement()
	switch {
	case !e.begun && err != nil:
		e.out.buf = append(appendString(append(e.out.buf, `{"error":`...), err.Error()), "}\n"...)
	case !e.begun:
		e.out.buf = append(e.out.buf, "{}\n"...)
	case err != nil:
		e.out.buf = append(appendErrorMember(append(e.out.buf, ']'), err), "}\n"...)
	default:
		e.out.buf = append(e.out.buf, "]}\n"...)
	}
	return e.out.spill()
}

// jsonChunkEncoder answers with one envelope a piece, each on its line and sent
// at once.
type jsonChunkEncoder struct {
	out   *sink
	cells jsonCells
	flush func() error
	names columnNames
}

func (e *jsonChunkEncoder) encode(r *query.Result) error {
	begin, sent := len(e.out.buf), e.out.sent
	e.out.buf = appendStatementID(append(e.out.buf, `{"results":[`...), r.StatementID)
	for i, s := range r.Series {
		if i == 0 {
			e.out.buf = append(e.out.buf, `,"series":[`...)
		} else {
			e.out.buf = append(e.out.buf, ',')
		}
		if err := e.series(s); err != nil {
			return err
		}
	}
	if len(r.Series) > 0 {
		e.out.buf = append(e.out.buf, ']')
	}
	e.out.buf = appendMessages(e.out.buf, r.Messages)
	if r.Partial {
		e.out.buf = append(e.out.buf, `,"partial":true`...)
	}
	if r.Err != nil {
		e.out.buf = appendErrorMember(e.out.buf, r.Err)
	}
	e.out.buf = append(e.out.buf, "}]}\n"...)
	if err := e.cells.unsupported(); err != nil {
		if e.out.sent == sent { // the error takes the place of the piece
			e.out.buf = e.out.buf[:begin]
		}
		return err
	}
	return e.send()
}

func (e *jsonChunkEncoder) series(s *query.Series) error {
	e.out.buf = appendSeriesHead(e.out.buf, s, &e.names)
	for row := range s.Rows {
		if row == 0 {
			e.out.buf = append(e.out.buf, `,"values":[`...)
		} else {
			e.out.buf = append(e.out.buf, ',')
		}
		e.out.buf = e.cells.appendRow(e.out.buf, s, row)
		if e.out.full() {
			if err := e.out.spill(); err != nil {
				return err
			}
		}
	}
	e.out.buf = appendSeriesTail(e.out.buf, s.Rows > 0, s.Partial)
	return nil
}

func (e *jsonChunkEncoder) send() error {
	if err := e.out.spill(); err != nil {
		return err
	}
	return e.flush()
}

func (e *jsonChunkEncoder) end(err error) error {
	switch {
	case err != nil:
		e.out.buf = append(appendString(append(e.out.buf, `{"error":`...), err.Error()), "}\n"...)
	case e.out.sent == 0:
		e.out.buf = append(e.out.buf, "{}\n"...)
	}
	return e.send()
}

// jsonCells prints values.
type jsonCells struct {
	form     timeForm
	date     dateText
	infinite float64 // the last infinity that was to be printed, as null; 0: none was
}

// unsupportedValueError says that JSON has no word for an infinite number, in the text of InfluxDB 1.x.
type unsupportedValueError struct{ value float64 }

func (e *unsupportedValueError) Error() string {
	return "json: unsupported value: " + strconv.FormatFloat(e.value, 'g', -1, 64)
}

// unsupported returns an error once an infinite number was to be printed.
func (c *jsonCells) unsupported() error {
	if c.infinite == 0 {
		return nil
	}
	return &unsupportedValueError{c.infinite}
}

func (c *jsonCells) appendFloat(dst []byte, f float64) []byte {
	if math.IsInf(f, 0) {
		c.infinite = f
	}
	return appendFloat(dst, f)
}

// appendRow appends one row of a series as an array.
func (c *jsonCells) appendRow(dst []byte, s *query.Series, row int) []byte {
	dst = append(dst, '[')
	for i := range s.Values {
		if i > 0 {
			dst = append(dst, ',')
		}
		col := &s.Values[i]
		if col.Null(row) {
			dst = append(dst, "null"...)
			continue
		}
		switch col.Kind {
		case query.TimeColumn:
			dst = c.appendTime(dst, col.Integers[row], s.Location)
		case query.FloatColumn:
			dst = c.appendFloat(dst, col.Floats[row])
		case query.IntegerColumn:
			dst = strconv.AppendInt(dst, col.Integers[row], 10)
		case query.UnsignedColumn:
			dst = strconv.AppendUint(dst, col.Unsigneds[row], 10)
		case query.BooleanColumn:
			dst = strconv.AppendBool(dst, col.Booleans[row])
		case query.StringColumn:
			dst = appendString(dst, col.Strings[row])
		case query.ListColumn:
			dst = appendStrings(dst, col.Lists[row])
		case query.AnyColumn:
			dst = c.appendAny(dst, col.Any[row], i == 0)
		default:
			dst = append(dst, "null"...)
		}
	}
	return append(dst, ']')
}

func (c *jsonCells) appendTime(dst []byte, t int64, zone *time.Location) []byte {
	if c.form.unit != 0 {
		return strconv.AppendInt(dst, t/c.form.unit, 10)
	}
	dst = append(dst, '"')
	if zone == nil || zone == time.UTC {
		dst = c.date.append(dst, t)
	} else {
		dst = appendTimeIn(dst, t, zone)
	}
	return append(dst, '"')
}

// appendAny appends a value of a column of mixed types. A time follows the
// request's epoch in the first column only, where 1.x converts it.
func (c *jsonCells) appendAny(dst []byte, v any, first bool) []byte {
	switch v := v.(type) {
	case float64:
		return c.appendFloat(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case uint64:
		return strconv.AppendUint(dst, v, 10)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return appendString(dst, v)
	case []string:
		return appendStrings(dst, v)
	case time.Time:
		if first {
			return c.appendTime(dst, v.UnixNano(), v.Location())
		}
		return append(v.AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
	}
	return append(dst, "null"...)
}
