package ingest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/timberlinedb/timberline/conflict"
	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb"
)

// maxSettleRounds bounds how often rows are written again whose conflicts were
// settled. A further round is needed only where these rows define a new field
// with two types, or somebody else does meanwhile.
const maxSettleRounds = 4

// settle does what a database that widens does with rows of one shard group that
// were refused because of a field type: numbers that the field's type has
// exactly are converted, other values are kept aside, and what is left of the
// row is stored. The result is that of the rows it has written, and of those
// that stay refused.
func (w *Writer) settle(ctx context.Context, to target, part model.TimeRange, refused tsdb.WriteResult, client string) (tsdb.WriteResult, error) {
	var sum tsdb.WriteResult
	for round := 1; ; round++ {
		u := unsettled{writer: w, to: to, client: client, at: w.clock.Now(), last: round == maxSettleRounds}
		err := u.tables(refused.Conflicts)
		if err == nil {
			err = w.conflicts.Append(to.id, u.kept)
		}
		if errors.Is(err, conflict.ErrFull) { // rows with something to keep stay refused
			u = unsettled{writer: w, to: to, client: client, at: u.at, last: u.last, full: true}
			err = u.tables(refused.Conflicts)
		}
		if err != nil {
			return sum, err
		}
		w.metrics.kept.Add(int64(len(u.kept)))
		sum.Dropped += u.dropped
		if sum.Reason == "" {
			sum.Reason = refused.Reason
		}
		if len(u.lines) == 0 {
			return sum, nil
		}
		res, err := w.writeSettled(ctx, to, part, u.lines)
		if err != nil {
			return sum, err
		}
		w.metrics.widened.Add(int64(res.Rows))
		sum.LSN = max(sum.LSN, res.LSN)
		sum.Rows += res.Rows
		sum.Values += res.Values
		if res.Dropped == 0 {
			return sum, nil
		}
		refused = res
	}
}

// writeSettled writes lines of one shard group.
func (w *Writer) writeSettled(ctx context.Context, to target, part model.TimeRange, lines []byte) (tsdb.WriteResult, error) {
	s := new(scratch) // not from the pool: who settles what is refused reads it
	s.parser.Parse(&s.batch, lines, lineproto.Options{Precision: lineproto.Nanosecond})
	if len(s.batch.Rejects) > 0 {
		return tsdb.WriteResult{}, fmt.Errorf("write what is left of a field conflict: %s", s.batch.Rejects[0].Reason)
	}
	_, res, err := w.writePart(ctx, to, &s.batch, part, s)
	if rows := s.batch.Rows(); err == nil && res.Rows+res.Dropped != rows {
		err = fmt.Errorf("write what is left of a field conflict: %d of %d rows lie in another shard by now", rows-res.Rows-res.Dropped, rows)
	}
	return res, err
}

// unsettled collects what becomes of refused rows.
type unsettled struct {
	writer *Writer
	to     target
	client string
	at     time.Time
	last   bool // everything in conflict is kept aside: converted values were refused again
	full   bool // nothing can be kept aside

	lines   []byte // rows to write, with converted values
	kept    []conflict.Entry
	dropped int // rows that no line can say, or with values that cannot be kept

	key    []byte // of the row at hand, as series key and as text
	text   []byte
	tags   model.Tags
	fields []lineproto.Field
	seen   map[string]model.FieldType // types of the fields of the row at hand
}

// tables settles the refused rows of some tables.
func (u *unsettled) tables(all []tsdb.TypeConflict) error {
	for _, c := range all {
		next := make([]int, len(c.Table.Columns))
		for _, row := range c.Rows {
			if err := u.row(c, row, next); err != nil {
				return err
			}
		}
	}
	return nil
}

// row settles one row. next holds the place of each column from which on its
// values are of this row or later ones.
func (u *unsettled) row(c tsdb.TypeConflict, row int32, next []int) (err error) {
	t := c.Table
	if u.key, err = u.writer.store.AppendSeriesKey(u.key[:0], u.to.id, t.Series[row]); err != nil {
		return err
	}
	measurement, tags, err := model.ParseSeriesKey(u.key, u.tags)
	if err != nil {
		return err
	}
	u.tags = tags
	if u.text, err = lineproto.AppendKey(u.text[:0], measurement, tags); err != nil {
		u.dropped++ // no line can name the series
		return nil  //nolint:nilerr // counted as dropped
	}
	u.fields = u.fields[:0]
	u.seen = make(map[string]model.FieldType)
	kept := len(u.kept)
	for i := range t.Columns {
		col := &t.Columns[i]
		at, ok := valueAt(col, row, &next[i])
		if !ok {
			continue
		}
		f := lineproto.Field{Key: col.Name, Type: col.Type, Bits: col.Values[at]}
		if col.Type == model.String {
			f.String = col.StringAt(f.Bits)
		}
		if err := u.field(f, c.Types, measurement, t.Times[row]); err != nil {
			u.kept = u.kept[:kept]
			u.dropped++
			return nil //nolint:nilerr // counted as dropped
		}
	}
	if len(u.fields) == 0 {
		return nil
	}
	lines, err := lineproto.AppendKeyedPoint(u.lines, u.text, u.fields, t.Times[row], lineproto.Nanosecond)
	if err != nil {
		u.kept = u.kept[:kept]
		u.dropped++
		return nil //nolint:nilerr // counted as dropped
	}
	u.lines = lines
	return nil
}

// valueAt returns the place of a row's value in a column.
func valueAt(c *model.Column, row int32, next *int) (at int, ok bool) {
	if c.Dense() {
		return int(row), true
	}
	for *next < len(c.Rows) && c.Rows[*next] < row {
		*next++
	}
	return *next, *next < len(c.Rows) && c.Rows[*next] == row
}

// field puts a value to those that are written, converted if need be, or to
// those that are kept.
func (u *unsettled) field(f lineproto.Field, types map[string]model.FieldType, measurement []byte, timestamp int64) error {
	want, known := types[string(f.Key)]
	if !known {
		want, known = u.seen[string(f.Key)]
	}
	if known && want != f.Type {
		bits, exact := widen(f.Type, want, f.Bits)
		if !exact || u.last {
			return u.keep(f, want, measurement, timestamp)
		}
		f.Type, f.Bits = want, bits
	}
	u.seen[string(f.Key)] = f.Type
	u.fields = append(u.fields, f)
	return nil
}

// keep notes a value to be kept aside.
func (u *unsettled) keep(f lineproto.Field, want model.FieldType, measurement []byte, timestamp int64) error {
	if u.full {
		return conflict.ErrFull
	}
	line, err := lineproto.AppendKeyedPoint(nil, u.text, []lineproto.Field{f}, timestamp, lineproto.Nanosecond)
	if err != nil {
		return err
	}
	u.kept = append(u.kept, conflict.Entry{
		Time: u.at, Policy: u.to.policy.Name, Measurement: string(measurement), Field: string(f.Key),
		Reason: fmt.Sprintf("is type %s, already exists as type %s", f.Type, want),
		Client: u.client, Line: string(line[:len(line)-1]),
	})
	return nil
}

// exactIntegers bounds the whole numbers that floats tell apart from their
// neighbours.
const exactIntegers = 1 << 53

// widen converts a number to another type of numbers if that changes nothing.
func widen(from, to model.FieldType, bits uint64) (_ uint64, exact bool) {
	switch from {
	case model.Float:
		v := math.Float64frombits(bits)
		if v != math.Trunc(v) || math.Abs(v) > exactIntegers || v == 0 && math.Signbit(v) {
			return 0, false
		}
		return uint64(int64(v)), to == model.Integer || to == model.Unsigned && v >= 0
	case model.Integer:
		v := int64(bits)
		if to == model.Float {
			return math.Float64bits(float64(v)), v >= -exactIntegers && v <= exactIntegers
		}
		return bits, to == model.Unsigned && v >= 0
	case model.Unsigned:
		if to == model.Float {
			return math.Float64bits(float64(bits)), bits <= exactIntegers
		}
		return bits, to == model.Integer && bits <= math.MaxInt64
	}
	return 0, false
}
