package query

import (
	"errors"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/internal/fingerprint"
	"github.com/timberlinedb/timberline/model"
)

// intoRows is how many rows SELECT … INTO writes at a time.
const intoRows = 5000

// writeInto runs SELECT … INTO: it writes the rows and answers how many there were.
func (r *statementRun) writeInto(stmt *influxql.SelectStatement, p *prepared, rows rowCursor) error {
	target := p.stmt.Target.Measurement
	db := r.engine.catalog.Snapshot().Database(target.Database)
	if db == nil {
		return errDatabaseNotFound(target.Database)
	}
	if db.Policy(target.RetentionPolicy) == nil {
		return errPolicyNotFound(target.RetentionPolicy)
	}
	names := p.stmt.ColumnNames()
	if p.stmt.OmitTime || names[0] != "time" {
		return errors.New("error finding time index in result")
	}
	w := &intoWriter{run: r, target: target, names: names[1:], write: r.engine.storage.WritePoints}
	var next row
	for {
		ok, err := rows.scan(&next)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := w.add(&next); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	t := newTable("result", "time", "written")
	t.builders[0].appendTime(0)
	t.builders[1].append(integerValue(w.written))
	return r.send(&Result{Series: []*Series{t.series()}, Messages: r.warnings(stmt)})
}

// intoWriter collects rows into batches.
type intoWriter struct {
	run     *statementRun
	target  *influxql.Measurement
	names   []string
	write   WritePoints
	tagName func(key string) string // what a tag is called; nil: what it was called
	batch   model.Batch
	tables  map[string]*intoTable
	rows    int
	written int64
}

// intoTable is a table of the batch with its columns by name and type.
type intoTable struct {
	*model.Table
	columns map[intoColumn]int
}

type intoColumn struct {
	name string
	typ  model.FieldType
}

// add puts a row into the batch. Columns without a value are left out, and so are rows without any.
func (w *intoWriter) add(r *row) error {
	if !hasValue(r.values) {
		return nil
	}
	name := w.target.Name
	if name == "" {
		name = r.name
	}
	t := w.table(name)
	line := int32(t.Rows())
	for i, v := range r.values {
		if !v.null() {
			w.addValue(t, line, w.names[i], v)
		}
	}
	tags := make(model.Tags, 0, len(r.tags.keys))
	for i, k := range r.tags.keys {
		if r.tags.values[i] == "" {
			continue
		}
		if w.tagName != nil {
			k = w.tagName(k)
		}
		tags = append(tags, model.Tag{Key: []byte(k), Value: []byte(r.tags.values[i])})
	}
	if w.tagName != nil {
		tags.Sort()
	}
	t.NewKeys = append(t.NewKeys, model.NewKey{Row: line, Key: model.AppendSeriesKey(nil, []byte(name), tags)})
	t.Fingerprints = append(t.Fingerprints, fingerprint.Of(model.AppendSeriesText(nil, []byte(name), tags)))
	t.Series = append(t.Series, 0)
	t.Times = append(t.Times, r.time)
	w.rows++
	t.Lines = append(t.Lines, int32(w.rows))
	if w.rows >= intoRows {
		return w.flush()
	}
	return nil
}

func hasValue(values []value) bool {
	for i := range values {
		if !values[i].null() {
			return true
		}
	}
	return false
}

func (w *intoWriter) table(name string) *intoTable {
	t := w.tables[name]
	if t == nil {
		t = &intoTable{w.batch.AddTable([]byte(name)), make(map[intoColumn]int)}
		if w.tables == nil {
			w.tables = make(map[string]*intoTable)
		}
		w.tables[name] = t
	}
	return t
}

func (w *intoWriter) addValue(t *intoTable, line int32, name string, v value) {
	key := intoColumn{name, v.kind}
	i, ok := t.columns[key]
	if !ok {
		i = t.AddColumn([]byte(name), v.kind)
		t.columns[key] = i
	}
	bits := v.bits
	if v.kind == model.String {
		bits = model.StringRef(len(w.batch.Arena), len(v.str))
		w.batch.Arena = append(w.batch.Arena, v.str...)
	}
	c := &t.Columns[i]
	c.Rows = append(c.Rows, line)
	c.Values = append(c.Values, bits)
}

// flush writes the batch.
func (w *intoWriter) flush() error {
	if w.rows == 0 {
		return nil
	}
	for _, t := range w.batch.Tables {
		for i := range t.Columns {
			c := &t.Columns[i]
			if len(c.Rows) == t.Rows() {
				c.Rows = nil
			}
			if c.Type == model.String {
				c.Strings = w.batch.Arena
			}
		}
	}
	w.batch.Lines = w.rows
	err := w.write(w.run.ctx, w.target.Database, w.target.RetentionPolicy, &w.batch)
	w.written += int64(w.rows)
	w.batch.Reset()
	w.tables, w.rows = nil, 0
	return err
}
