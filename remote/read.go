package remote

import (
	"errors"
	"fmt"
	"strings"

	"github.com/VictoriaMetrics/easyproto"

	"github.com/timberlinedb/timberline/influxql"
)

// Matcher is a condition on a label.
type Matcher struct {
	Type        MatchType
	Name, Value string
}

// MatchType says how a label is compared.
type MatchType int32

// The types of prometheus.LabelMatcher.
const (
	Equal MatchType = iota
	NotEqual
	Matches
	MatchesNot
)

// ReadQuery asks for the samples of series, both ends included.
type ReadQuery struct {
	StartMillis, EndMillis int64
	Matchers               []Matcher
}

// ErrManyQueries says that a message asks more than one query.
//
//lint:ignore ST1005 clients know this text
var ErrManyQueries = errors.New("Prometheus read endpoint currently only supports one query at a time")

// DecodeRead reads a prometheus.ReadRequest with one query.
func DecodeRead(message []byte) (q ReadQuery, err error) {
	var queries [][]byte
	err = fields(message, "read request", func(f *easyproto.FieldContext) bool {
		if f.FieldNum != 1 {
			return true
		}
		m, ok := f.MessageData()
		queries = append(queries, m)
		return ok
	})
	switch {
	case err != nil:
		return q, err
	case len(queries) != 1:
		return q, ErrManyQueries
	}
	err = fields(queries[0], "query", func(f *easyproto.FieldContext) (ok bool) {
		switch f.FieldNum {
		case 1:
			q.StartMillis, ok = f.Int64()
			return ok
		case 2:
			q.EndMillis, ok = f.Int64()
			return ok
		case 3:
			m, ok := f.MessageData()
			return ok && q.addMatcher(m)
		}
		return true
	})
	return q, err
}

func (q *ReadQuery) addMatcher(message []byte) bool {
	var m Matcher
	err := fields(message, "matcher", func(f *easyproto.FieldContext) (ok bool) {
		switch f.FieldNum {
		case 1:
			var n int32
			n, ok = f.Enum()
			m.Type = MatchType(n)
			return ok && n >= 0 && n <= int32(MatchesNot)
		case 2:
			m.Name, ok = f.String()
			return ok
		case 3:
			m.Value, ok = f.String()
			return ok
		}
		return true
	})
	q.Matchers = append(q.Matchers, m)
	return err == nil
}

// Statement returns the query in InfluxQL. Its rows are those of the field
// value, by all tags.
func (q *ReadQuery) Statement() string {
	from := "/.*/"
	var where []string
	for _, m := range q.Matchers {
		if m.Name == nameLabel && m.Type == Equal {
			from = influxql.QuoteIdent(m.Value)
			continue
		}
		where = append(where, m.condition())
	}
	where = append(where, fmt.Sprintf("time >= %dms AND time <= %dms", q.StartMillis, q.EndMillis))
	return "SELECT " + influxql.QuoteIdent("value") + " FROM " + from + " WHERE " + strings.Join(where, " AND ") + " GROUP BY *"
}

// condition returns the matcher in InfluxQL. A label that a series does not have
// is like an empty one in both languages. Expressions hold for the whole value.
func (m *Matcher) condition() string {
	name := influxql.QuoteIdent(m.Name)
	switch m.Type {
	case Equal:
		return name + " = " + influxql.QuoteString(m.Value)
	case NotEqual:
		return name + " != " + influxql.QuoteString(m.Value)
	case Matches:
		return name + " =~ " + anchored(m.Value)
	}
	return name + " !~ " + anchored(m.Value)
}

// anchored returns an expression as InfluxQL writes it.
func anchored(expression string) string {
	return "/^(?:" + strings.ReplaceAll(expression, "/", `\/`) + ")$/"
}

// Label is a label of a series in an answer.
type Label struct {
	Name, Value string
}

// Answer builds a prometheus.ReadResponse of one result.
type Answer struct {
	message *easyproto.Marshaler
	result  *easyproto.MessageMarshaler
	series  *easyproto.MessageMarshaler
	size    int
}

var answers easyproto.MarshalerPool

// NewAnswer returns an empty answer.
func NewAnswer() *Answer {
	m := answers.Get()
	return &Answer{message: m, result: m.MessageMarshaler().AppendMessage(1)}
}

// Series begins a series; its samples follow.
func (a *Answer) Series(labels []Label) {
	a.series = a.result.AppendMessage(1)
	for _, l := range labels {
		m := a.series.AppendMessage(1)
		m.AppendString(1, l.Name)
		m.AppendString(2, l.Value)
		a.size += len(l.Name) + len(l.Value) + 8
	}
}

// Sample adds a sample to the series that was begun last.
func (a *Answer) Sample(millis int64, v float64) {
	m := a.series.AppendMessage(2)
	m.AppendDouble(1, v)
	m.AppendInt64(2, millis)
	a.size += 18
}

// Size returns about how many bytes the answer has.
func (a *Answer) Size() int { return a.size }

// Append appends the message to dst and gives the memory of the answer back.
func (a *Answer) Append(dst []byte) []byte {
	dst = a.message.Marshal(dst)
	answers.Put(a.message)
	a.message, a.result, a.series = nil, nil, nil
	return dst
}
