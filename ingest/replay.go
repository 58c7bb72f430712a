package ingest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/timberlinedb/timberline/conflict"
	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
)

// Replay says which values that were kept aside are written, and how.
type Replay struct {
	Database    string
	Measurement string // "": of any
	Field       string // "": any

	// Type is what the values are converted to; Into, when it is not "", is the
	// field that they are written to in their own type.
	Type model.FieldType
	Into string
}

// replayBatch is how many values one write of a replay has.
const replayBatch = 1000

// Replay writes values that were kept aside and takes out of the store what is
// durable then. Values that cannot be converted, or are refused again, stay. A
// replay that was interrupted may be done again: it writes the same points.
func (w *Writer) Replay(ctx context.Context, r Replay) (written, left int, err error) {
	d := w.catalog.Snapshot().Database(r.Database)
	if d == nil {
		return 0, 0, &DatabaseNotFoundError{Name: r.Database}
	}
	if w.conflicts == nil {
		return 0, 0, nil
	}
	all, err := w.conflicts.List(d.ID, 0)
	if err != nil {
		return 0, 0, err
	}
	byPolicy := make(map[string][]replayed)
	for _, e := range all {
		if r.Measurement != "" && e.Measurement != r.Measurement || r.Field != "" && e.Field != r.Field {
			continue
		}
		left++
		if line, ok := r.line(&e); ok {
			byPolicy[e.Policy] = append(byPolicy[e.Policy], replayed{e.ID, line})
		}
	}
	done := make(map[uint64]bool)
	for policy, entries := range byPolicy {
		for len(entries) > 0 && err == nil {
			n := min(len(entries), replayBatch)
			err = w.replay(ctx, r.Database, policy, entries[:n], done)
			entries = entries[n:]
		}
	}
	written, failed := w.conflicts.Remove(d.ID, done)
	return written, left - written, errors.Join(err, failed)
}

// replayed is a value on its way back.
type replayed struct {
	id   uint64
	line string
}

// replay writes entries together or, when some are refused, one by one, and
// notes those that were stored.
func (w *Writer) replay(ctx context.Context, database, policy string, entries []replayed, done map[uint64]bool) error {
	lines := make([]string, len(entries))
	for i := range entries {
		lines[i] = entries[i].line
	}
	err := w.Write(ctx, Request{
		Database: database, Policy: policy, Precision: lineproto.Nanosecond, Body: []byte(strings.Join(lines, "\n")),
		RefuseConflicts: true, Client: "replay",
	})
	var partial *PartialWriteError
	var parse *ParseError
	var noPolicy *PolicyNotFoundError
	switch {
	case err == nil:
		for i := range entries {
			done[entries[i].id] = true
		}
		return nil
	case errors.As(err, &noPolicy): // dropped meanwhile: the entries stay
		return nil
	case !errors.As(err, &partial) && !errors.As(err, &parse):
		return err
	case len(entries) == 1:
		return nil
	}
	for i := range entries {
		if err := w.replay(ctx, database, policy, entries[i:i+1], done); err != nil {
			return err
		}
	}
	return nil
}

// line returns the line to write for an entry; ok is false when its value has no
// equal in the type.
func (r *Replay) line(e *conflict.Entry) (line string, ok bool) {
	var p lineproto.Parser
	var b model.Batch
	p.Parse(&b, []byte(e.Line), lineproto.Options{Precision: lineproto.Nanosecond})
	if len(b.Tables) != 1 || b.Rows() != 1 || len(b.Tables[0].Columns) != 1 || len(b.Tables[0].NewKeys) != 1 {
		return "", false
	}
	t := b.Tables[0]
	measurement, tags, err := model.ParseSeriesKey(t.NewKeys[0].Key, nil)
	if err != nil {
		return "", false
	}
	c := &t.Columns[0]
	f := lineproto.Field{Key: c.Name, Type: c.Type, Bits: c.Values[0]}
	if c.Type == model.String {
		f.String = c.StringAt(f.Bits)
	}
	if r.Into != "" {
		f.Key = []byte(r.Into)
	} else if f, ok = convert(f, r.Type); !ok {
		return "", false
	}
	out, err := lineproto.AppendPoint(nil, measurement, tags, []lineproto.Field{f}, t.Times[0], lineproto.Nanosecond)
	if err != nil || len(out) == 0 {
		return "", false
	}
	return string(out[:len(out)-1]), true
}

// convert returns the value in another type: numbers lose their fraction, texts
// are read, true is 1. ok is false when there is no equal.
func convert(f lineproto.Field, to model.FieldType) (_ lineproto.Field, ok bool) {
	if f.Type == to {
		return f, true
	}
	text := valueText(f)
	out := lineproto.Field{Key: f.Key, Type: to}
	var err error
	switch to {
	case model.String:
		out.String = []byte(text)
	case model.Boolean:
		var b bool
		if b, err = strconv.ParseBool(text); err == nil && b {
			out.Bits = 1
		}
	case model.Integer:
		var v int64
		if v, err = strconv.ParseInt(text, 10, 64); err != nil {
			var x float64
			if x, err = whole(text); err == nil && (x < math.MinInt64 || x >= math.MaxInt64) {
				err = strconv.ErrRange
			}
			v = int64(x)
		}
		out.Bits = uint64(v)
	case model.Unsigned:
		if out.Bits, err = strconv.ParseUint(text, 10, 64); err != nil {
			var x float64
			if x, err = whole(text); err == nil && (x < 0 || x >= math.MaxUint64) {
				err = strconv.ErrRange
			}
			if err == nil {
				out.Bits = uint64(x)
			}
		}
	case model.Float:
		var x float64
		x, err = strconv.ParseFloat(text, 64)
		out.Bits = math.Float64bits(x)
		if math.IsNaN(x) || math.IsInf(x, 0) {
			err = strconv.ErrRange
		}
	default:
		return f, false
	}
	return out, err == nil
}

// whole reads a number without its fraction.
func whole(text string) (float64, error) {
	x, err := strconv.ParseFloat(text, 64)
	if err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
		err = strconv.ErrRange
	}
	return math.Trunc(x), err
}

// valueText returns a value as text; truth values are 1 and 0, which both
// numbers and truth values are read from.
func valueText(f lineproto.Field) string {
	switch f.Type {
	case model.Float:
		return strconv.FormatFloat(math.Float64frombits(f.Bits), 'g', -1, 64)
	case model.Integer:
		return strconv.FormatInt(int64(f.Bits), 10)
	case model.Unsigned, model.Boolean:
		return strconv.FormatUint(f.Bits, 10)
	case model.String:
		return strings.TrimSpace(string(f.String))
	}
	return fmt.Sprint(f.Bits)
}
