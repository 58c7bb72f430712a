package query

import (
	"fmt"
	"math"
	"strconv"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// Names that are part of the keys of series cannot be changed where they stand: the rows are written again under the new
// name, and then the old series go. Meanwhile writes wait. Whatever happens in between, every row is there under one of
// the names at least, and the same statement does the rest.

// renameMeasurement is RENAME MEASUREMENT. When there is one of the new name, the rows are added to its own.
func (r *statementRun) renameMeasurement(db *catalog.Database, stmt *influxql.RenameStatement) error {
	return r.engine.storage.Exclusive(r.ctx, db.Name, func(write WritePoints) error {
		n, err := r.copySeries(db, seriesCopy{from: stmt.Old, to: stmt.New, write: write})
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("measurement not found: %s", influxql.QuoteIdent(stmt.Old))
		}
		return r.engine.storage.Delete(r.ctx, Delete{Database: db.Name, Measurement: stmt.Old, Range: model.AllTime, Whole: true})
	})
}

// renameTagKey is RENAME TAG KEY.
func (r *statementRun) renameTagKey(db *catalog.Database, stmt *influxql.RenameStatement) error {
	has := func(key string) *model.TagFilter { return &model.TagFilter{Op: model.TagNotEqual, Key: key} }
	old := has(stmt.Old)
	for _, p := range db.Policies {
		v, err := r.view(db.Name, p.Name, model.AllTime)
		if err != nil {
			return err
		}
		both, err := v.view.Cardinality(stmt.Measurement, &model.TagFilter{Op: model.TagAnd, Args: []*model.TagFilter{old, has(stmt.New)}})
		if err != nil {
			return err
		}
		if both > 0 {
			return fmt.Errorf("%d series have both tags, %s and %s", both, influxql.QuoteIdent(stmt.Old), influxql.QuoteIdent(stmt.New))
		}
	}
	return r.engine.storage.Exclusive(r.ctx, db.Name, func(write WritePoints) error {
		n, err := r.copySeries(db, seriesCopy{
			from: stmt.Measurement, to: stmt.Measurement, write: write, condition: hasTag(nil, stmt.Old),
			tag: func(key string) string {
				if key == stmt.Old {
					return stmt.New
				}
				return key
			},
		})
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("tag key not found: %s in measurement %s", influxql.QuoteIdent(stmt.Old), influxql.QuoteIdent(stmt.Measurement))
		}
		return r.engine.storage.Delete(r.ctx, Delete{Database: db.Name, Measurement: stmt.Measurement, Filter: old, Range: model.AllTime, Whole: true})
	})
}

// beforeAlter is what is behind the name of a field whose type is being changed.
const beforeAlter = " before ALTER"

// alterField is ALTER FIELD: the field gets another name, an empty one of the new type takes its place, the values are
// converted and written to that, and then the old one is dropped.
func (r *statementRun) alterField(stmt *influxql.AlterFieldStatement) error {
	db, err := r.database("")
	if err != nil {
		return err
	}
	aside, typ := stmt.Name+beforeAlter, fieldType(stmt.Type)
	found, err := r.hasField(db, stmt.Measurement, stmt.Name)
	if err != nil {
		return err
	}
	if !found {
		return errFieldNotFound(stmt.Name, stmt.Measurement)
	}
	return r.engine.storage.Exclusive(r.ctx, db.Name, func(write WritePoints) error {
		change := FieldChange{Database: db.Name, Measurement: stmt.Measurement, Field: stmt.Name, NewName: aside, Replace: typ}
		if _, err := r.engine.storage.ChangeField(r.ctx, change); err != nil {
			return err
		}
		c := seriesCopy{
			from: stmt.Measurement, to: stmt.Measurement, write: write,
			field: aside, newField: stmt.Name, convert: typ,
		}
		var lost int64
		c.lost = &lost
		if _, err := r.copySeries(db, c); err != nil {
			return err
		}
		if lost > 0 {
			return fmt.Errorf("%d values of field %s have no equal of type %s; all old values are kept in the field %s",
				lost, influxql.QuoteIdent(stmt.Name), stmt.Type, influxql.QuoteIdent(aside))
		}
		_, err := r.engine.storage.ChangeField(r.ctx, FieldChange{Database: db.Name, Measurement: stmt.Measurement, Field: aside})
		return err
	})
}

// hasField reports whether a measurement has a field in any policy.
func (r *statementRun) hasField(db *catalog.Database, measurement, field string) (bool, error) {
	isField, err := r.fieldTest(db, measurement)
	if err != nil {
		return false, err
	}
	return isField(field), nil
}

// seriesCopy says what is written again and how it differs.
type seriesCopy struct {
	from, to  string        // measurements
	condition influxql.Expr // on the series; nil: all
	tag       func(key string) string
	write     WritePoints

	field, newField string          // the only field, "": all
	convert         model.FieldType // of its values
	lost            *int64          // counts values that cannot be converted
}

// copySeries writes the rows of a measurement again, shard by shard, since types of fields may differ between them. It
// returns how many rows there were.
func (r *statementRun) copySeries(db *catalog.Database, c seriesCopy) (rows int64, err error) {
	for _, p := range db.Policies {
		for _, g := range p.Groups {
			n, err := r.copyShard(db.Name, p.Name, g.Range, &c)
			if err != nil {
				return rows, err
			}
			rows += n
		}
	}
	return rows, nil
}

func (r *statementRun) copyShard(database, policy string, span model.TimeRange, c *seriesCopy) (int64, error) {
	r.closeViews()
	source := &influxql.Measurement{Database: database, RetentionPolicy: policy, Name: c.from}
	stmt := &influxql.SelectStatement{
		Fields: influxql.Fields{{Expr: &influxql.Wildcard{Type: influxql.FIELD}}}, Sources: influxql.Sources{source},
		Condition:  within(span),
		Dimensions: influxql.Dimensions{{Expr: &influxql.Wildcard{}}}, IsRawQuery: true,
	}
	if c.condition != nil {
		stmt.Condition = bothOf(stmt.Condition, c.condition)
	}
	if c.field != "" {
		stmt.Fields = influxql.Fields{{Expr: &influxql.VarRef{Name: c.field, Type: influxql.AnyField}}}
	}
	p, err := r.prepareSelect(stmt)
	if err != nil {
		return 0, err
	}
	in, err := p.builder.rows(p.stmt, p.opt)
	if err != nil {
		return 0, err
	}
	defer in.close()
	names := p.stmt.ColumnNames()[1:]
	if c.field != "" {
		names = []string{c.newField}
	}
	target := &influxql.Measurement{Database: database, RetentionPolicy: policy, Name: c.to}
	w := &intoWriter{run: r, target: target, names: names, write: c.write, tagName: c.tag}
	var next row
	for {
		ok, err := in.scan(&next)
		if err != nil {
			return w.written, err
		}
		if !ok {
			return w.written + int64(w.rows), w.flush()
		}
		if c.convert != model.NoType {
			if next.values[0], ok = convertValue(next.values[0], c.convert); !ok {
				next.values[0] = value{}
				*c.lost++
			}
		}
		if err := w.add(&next); err != nil {
			return w.written, err
		}
	}
}

// within returns the condition that the time is in a range.
func within(r model.TimeRange) influxql.Expr {
	bound := func(op influxql.Token, t int64) influxql.Expr {
		return &influxql.BinaryExpr{Op: op, LHS: &influxql.VarRef{Name: "time"}, RHS: &influxql.IntegerLiteral{Value: t}}
	}
	return bothOf(bound(influxql.GTE, max(r.Min, influxql.MinTime)), bound(influxql.LTE, min(r.Max, influxql.MaxTime)))
}

// bothOf joins two conditions.
func bothOf(a, b influxql.Expr) influxql.Expr {
	return &influxql.BinaryExpr{Op: influxql.AND, LHS: a, RHS: &influxql.ParenExpr{Expr: b}}
}

// convertValue returns the equal of a value in another type; ok is false when it has none, and null then.
func convertValue(v value, to model.FieldType) (_ value, ok bool) {
	if v.kind == to || v.null() {
		return v, true
	}
	switch to {
	case model.String:
		return stringValue(valueText(v)), true
	case model.Boolean:
		return convertToBoolean(v)
	}
	if v.kind == model.Boolean {
		v = integerValue(int64(v.bits))
	}
	if v.kind == model.String {
		return parseValue(v.str, to)
	}
	return convertNumber(v, to)
}

func valueText(v value) string {
	switch v.kind {
	case model.Float:
		return strconv.FormatFloat(v.float(), 'g', -1, 64)
	case model.Integer:
		return strconv.FormatInt(v.integer(), 10)
	case model.Unsigned:
		return strconv.FormatUint(v.bits, 10)
	case model.Boolean:
		return strconv.FormatBool(v.boolean())
	}
	return v.str
}

// convertToBoolean takes 0 and 1, and the texts that Go reads as booleans.
func convertToBoolean(v value) (value, bool) {
	if v.kind == model.String {
		b, err := strconv.ParseBool(v.str)
		if err != nil {
			return value{}, false
		}
		return booleanValue(b), true
	}
	f, _ := v.number()
	if f != 0 && f != 1 {
		return value{}, false
	}
	return booleanValue(f == 1), true
}

func parseValue(text string, to model.FieldType) (value, bool) {
	switch to {
	case model.Float:
		f, err := strconv.ParseFloat(text, 64)
		return floatValue(f), err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
	case model.Integer:
		i, err := strconv.ParseInt(text, 10, 64)
		return integerValue(i), err == nil
	}
	u, err := strconv.ParseUint(text, 10, 64)
	return unsignedValue(u), err == nil
}

// The first floats beyond the ranges of the integers.
const (
	beyondInteger  = 1 << 63
	beyondUnsigned = 1 << 64
)

// convertNumber cuts off fractions, and refuses what is out of range.
func convertNumber(v value, to model.FieldType) (value, bool) {
	f, _ := v.number()
	switch {
	case to == model.Float:
		return floatValue(f), true
	case to == model.Integer && v.kind == model.Unsigned:
		return integerValue(int64(v.bits)), v.bits <= math.MaxInt64
	case to == model.Integer:
		return integerValue(int64(f)), f >= -beyondInteger && f < beyondInteger
	case v.kind == model.Integer:
		return unsignedValue(v.bits), v.integer() >= 0
	}
	return unsignedValue(uint64(f)), f > -1 && f < beyondUnsigned
}
