package query_test

import (
	"encoding/json"
	"time"

	"github.com/timberlinedb/timberline/query"
)

type seriesJSON struct {
	Name    string            `json:"name,omitempty"`
	Tags    map[string]string `json:"tags,omitempty"`
	Columns []string          `json:"columns,omitempty"`
	Values  [][]any           `json:"values,omitempty"`
	Partial bool              `json:"partial,omitempty"`
}
type messageJSON struct {
	Level string `json:"level"`
	Text  string `json:"text"`
}
type resultJSON struct {
	StatementID int           `json:"statement_id"`
	Series      []*seriesJSON `json:"series,omitempty"`
	Messages    []messageJSON `json:"messages,omitempty"`
	Partial     bool          `json:"partial,omitempty"`
	Error       string        `json:"error,omitempty"`
}

// answer joins the results of a request.
type answer struct {
	epoch   string
	results []*resultJSON
}

func (a *answer) convert(r *query.Result) *resultJSON {
	out := &resultJSON{StatementID: r.StatementID, Partial: r.Partial}
	for _, m := range r.Messages {
		out.Messages = append(out.Messages, messageJSON{m.Level, m.Text})
	}
	if r.Err != nil {
		out.Error = r.Err.Error()
	}
	for _, s := range r.Series {
		sj := &seriesJSON{Name: s.Name, Columns: s.Columns, Partial: s.Partial}
		if s.Tags != nil {
			sj.Tags = map[string]string{}
			for _, t := range s.Tags {
				sj.Tags[t.Key] = t.Value
			}
		}
		for i := range s.Rows {
			row := make([]any, len(s.Values))
			for j := range s.Values {
				row[j] = a.cell(&s.Values[j], i, s.Location)
			}
			sj.Values = append(sj.Values, row)
		}
		out.Series = append(out.Series, sj)
	}
	return out
}

func (a *answer) cell(c *query.Column, i int, loc *time.Location) any {
	if c.Null(i) {
		return nil
	}
	switch c.Kind {
	case query.TimeColumn:
		return a.time(time.Unix(0, c.Integers[i]), loc)
	case query.FloatColumn:
		return c.Floats[i]
	case query.IntegerColumn:
		return c.Integers[i]
	case query.UnsignedColumn:
		return c.Unsigneds[i]
	case query.BooleanColumn:
		return c.Booleans[i]
	case query.StringColumn:
		return c.Strings[i]
	case query.ListColumn:
		return c.Lists[i]
	}
	if t, ok := c.Any[i].(time.Time); ok {
		return a.time(t, loc)
	}
	return c.Any[i]
}

func (a *answer) time(t time.Time, loc *time.Location) any {
	unit := map[string]int64{"u": 1e3, "µ": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}[a.epoch]
	if a.epoch != "" {
		if unit == 0 {
			unit = 1
		}
		return t.UnixNano() / unit
	}
	if loc == nil {
		loc = time.UTC
	}
	return t.In(loc)
}

// add joins a piece to what came before.
func (a *answer) add(r *query.Result) error {
	out := a.convert(r)
	out.Partial = false
	for _, s := range out.Series {
		s.Partial = false
	}
	if n := len(a.results); n > 0 && a.results[n-1].StatementID == out.StatementID {
		last := a.results[n-1]
		if len(out.Series) > 0 && r.Series[0].Continued {
			tail := last.Series[len(last.Series)-1]
			tail.Values = append(tail.Values, out.Series[0].Values...)
			out.Series = out.Series[1:]
		}
		last.Series = append(last.Series, out.Series...)
		last.Messages = append(last.Messages, out.Messages...)
		if out.Error != "" {
			last.Error = out.Error
		}
		return nil
	}
	a.results = append(a.results, out)
	return nil
}

func (a *answer) json() (string, error) {
	b, err := json.Marshal(struct {
		Results []*resultJSON `json:"results,omitempty"`
	}{a.results})
	return string(b), err
}
