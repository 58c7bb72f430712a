package httpapi

import (
	"fmt"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/query"
)

// msgpackEncoder answers in MessagePack. Its arrays and maps begin with their
// length, so the answer is complete in memory before its first byte is sent;
// maxBytes bounds that. Heads are left out of body and put in at the end:
//
//	body   ┄┄┄┄┄ name, columns ┄┄┄┄┄┄┄ rows of the series ┄┄┄┄┄
//	heads  ▲ map of the series        ▲ array of its rows
type msgpackEncoder struct {
	out      *sink
	form     timeForm
	maxBytes int

	body  []byte
	heads []msgHead

	count     int // results begun
	open      bool
	statement int
	startBody int // where the open statement begins, to replace it by an error
	startHead int
	messages  []query.Message
	list      int // head of the open statement's array of series
	series    int // head of the open series; -1 when none is open
	rows      int // head of the open series' array of rows
	partial   bool
}

// msgHead is the head of an array or map of n members at an offset of the
// body, or other bytes that belong there.
type msgHead struct {
	at, n int
	array bool
	other bool // raw instead of a head; empty raw leaves nothing
	raw   []byte
}

func newMsgpackEncoder(out *sink, form timeForm, maxBytes int) *msgpackEncoder {
	return &msgpackEncoder{out: out, form: form, maxBytes: maxBytes, series: -1}
}

// head notes that an array or map begins here and returns its place in heads.
func (e *msgpackEncoder) head(array bool, n int) int {
	e.heads = append(e.heads, msgHead{at: len(e.body), n: n, array: array})
	return len(e.heads) - 1
}

func (e *msgpackEncoder) encode(r *query.Result) error {
	if !e.open || r.StatementID != e.statement {
		e.closeStatement()
		e.openStatement(r.StatementID)
	}
	if r.Err != nil {
		e.failStatement(r.Err)
		return nil //nolint:nilerr // the error is part of the answer
	}
	for _, m := range r.Messages {
		e.messages = append(e.messages, query.Message{Level: strings.Clone(m.Level), Text: strings.Clone(m.Text)})
	}
	for _, s := range r.Series {
		if !(s.Continued && e.series >= 0) {
			e.closeSeries()
			e.openSeries(s)
		}
		e.partial = s.Partial
		for row := range s.Rows {
			e.row(s, row)
			if len(e.body) > e.maxBytes {
				return fmt.Errorf("the answer is longer than %d bytes, which MessagePack needs in memory; ask for JSON or fewer rows", e.maxBytes)
			}
		}
	}
	return nil
}

// openStatement begins a result and leaves a place for its messages, which may
// come with any piece.
func (e *msgpackEncoder) openStatement(id int) {
	e.count++
	e.open, e.statement, e.startBody, e.startHead = true, id, len(e.body), len(e.heads)
	e.head(false, 2)
	e.body = appendMsgInt(appendMsgString(e.body, "statement_id"), int64(id))
	e.heads = append(e.heads, msgHead{at: len(e.body), other: true})
	e.body = appendMsgString(e.body, "series")
	e.list = e.head(true, 0)
}

func (e *msgpackEncoder) failStatement(err error) {
	e.body, e.heads, e.series = e.body[:e.startBody], e.heads[:e.startHead], -1
	e.messages = e.messages[:0]
	e.head(false, 1)
	e.body = appendMsgString(appendMsgString(e.body, "error"), err.Error())
	e.open = false
}

func (e *msgpackEncoder) closeStatement() {
	if !e.open {
		return
	}
	e.closeSeries()
	if len(e.messages) > 0 {
		e.heads[e.startHead].n++
		e.heads[e.startHead+1].raw = appendMsgMessages(nil, e.messages)
		e.messages = e.messages[:0]
	}
	e.open = false
}

func appendMsgMessages(dst []byte, messages []query.Message) []byte {
	dst = appendMsgArray(appendMsgString(dst, "messages"), len(messages))
	for _, m := range messages {
		dst = appendMsgMap(dst, 2)
		dst = appendMsgString(appendMsgString(dst, "level"), m.Level)
		dst = appendMsgString(appendMsgString(dst, "text"), m.Text)
	}
	return dst
}

func (e *msgpackEncoder) openSeries(s *query.Series) {
	e.heads[e.list].n++
	e.series = e.head(false, 2)
	if s.Name != "" {
		e.heads[e.series].n++
		e.body = appendMsgString(appendMsgString(e.body, "name"), s.Name)
	}
	if len(s.Tags) > 0 {
		e.heads[e.series].n++
		e.body = appendMsgString(e.body, "tags")
		e.head(false, len(s.Tags))
		for _, t := range s.Tags {
			e.body = appendMsgString(appendMsgString(e.body, t.Key), t.Value)
		}
	}
	e.body = appendMsgString(e.body, "columns")
	e.strings(s.Columns)
	e.body = appendMsgString(e.body, "values")
	e.rows = e.head(true, 0)
}

func (e *msgpackEncoder) closeSeries() {
	if e.series < 0 {
		return
	}
	if e.partial {
		e.heads[e.series].n++
		e.body = appendMsgBool(appendMsgString(e.body, "partial"), true)
	}
	e.series = -1
}

func (e *msgpackEncoder) strings(list []string) {
	e.head(true, len(list))
	for _, s := range list {
		e.body = appendMsgString(e.body, s)
	}
}

func (e *msgpackEncoder) row(s *query.Series, row int) {
	e.heads[e.rows].n++
	e.body = appendMsgArray(e.body, len(s.Values))
	for i := range s.Values {
		col := &s.Values[i]
		if col.Null(row) {
			e.body = appendMsgNil(e.body)
			continue
		}
		switch col.Kind {
		case query.TimeColumn:
			e.body = e.appendTime(e.body, col.Integers[row])
		case query.FloatColumn:
			e.body = appendMsgFloat(e.body, col.Floats[row])
		case query.IntegerColumn:
			e.body = appendMsgInt(e.body, col.Integers[row])
		case query.UnsignedColumn:
			e.body = appendMsgUint(e.body, col.Unsigneds[row])
		case query.BooleanColumn:
			e.body = appendMsgBool(e.body, col.Booleans[row])
		case query.StringColumn:
			e.body = appendMsgString(e.body, col.Strings[row])
		case query.ListColumn:
			e.body = appendMsgStrings(e.body, col.Lists[row])
		case query.AnyColumn:
			e.body = e.appendAny(e.body, col.Any[row], i == 0)
		default:
			e.body = appendMsgNil(e.body)
		}
	}
}

func appendMsgStrings(dst []byte, list []string) []byte {
	dst = appendMsgArray(dst, len(list))
	for _, s := range list {
		dst = appendMsgString(dst, s)
	}
	return dst
}

func (e *msgpackEncoder) appendTime(dst []byte, t int64) []byte {
	if e.form.unit != 0 {
		return appendMsgInt(dst, t/e.form.unit)
	}
	return appendMsgTime(dst, time.Unix(0, t))
}

func (e *msgpackEncoder) appendAny(dst []byte, v any, first bool) []byte {
	switch v := v.(type) {
	case float64:
		return appendMsgFloat(dst, v)
	case int64:
		return appendMsgInt(dst, v)
	case uint64:
		return appendMsgUint(dst, v)
	case bool:
		return appendMsgBool(dst, v)
	case string:
		return appendMsgString(dst, v)
	case []string:
		return appendMsgStrings(dst, v)
	case time.Time:
		if first {
			return e.appendTime(dst, v.UnixNano())
		}
		return appendMsgTime(dst, v)
	}
	return appendMsgNil(dst)
}

func (e *msgpackEncoder) end(err error) error {
	if err != nil {
		e.out.buf = appendMsgString(appendMsgString(appendMsgMap(e.out.buf, 1), "error"), err.Error())
		return e.out.spill()
	}
	e.closeStatement()
	e.out.buf = appendMsgString(appendMsgMap(e.out.buf, 1), "results")
	e.out.buf = appendMsgArray(e.out.buf, e.count)
	done := 0
	for _, h := range e.heads {
		e.out.buf = append(e.out.buf, e.body[done:h.at]...)
		done = h.at
		switch {
		case h.other:
			e.out.buf = append(e.out.buf, h.raw...)
		case h.array:
			e.out.buf = appendMsgArray(e.out.buf, h.n)
		default:
			e.out.buf = appendMsgMap(e.out.buf, h.n)
		}
		if e.out.full() {
			if err := e.out.spill(); err != nil {
				return err
			}
		}
	}
	e.out.buf = append(e.out.buf, e.body[done:]...)
	return e.out.spill()
}
