package server

import (
	"context"
	"path/filepath"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/conflict"
	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/monitor"
	"github.com/timberlinedb/timberline/query"
)

// conflictsDir is the directory of what databases keep instead of refusing it.
const conflictsDir = "conflicts"

// openConflicts opens the store of field conflicts for the databases that there
// are.
func (s *Server) openConflicts() (err error) {
	opt := conflict.Options{
		FS: s.fs, MaxBytes: int64(s.cfg.Data.MaxFieldConflictSize),
		Damaged: func(err error, moved string) {
			s.log.Error("damaged file of field conflicts set aside", "error", err, "moved_to", moved)
		},
	}
	for _, d := range s.catalog.Snapshot().Databases {
		opt.Databases = append(opt.Databases, d.ID)
	}
	s.conflicts, err = conflict.Open(filepath.Join(s.cfg.Data.Dir, conflictsDir), opt)
	return err
}

// conflictStatements answers the statements about field conflicts. It implements
// query.Extension.
type conflictStatements struct {
	catalog *catalog.Catalog
	store   *conflict.Store
	writer  *ingest.Writer
	next    query.Extension // answers the others
}

// Statement answers its statements and hands on others.
func (c *conflictStatements) Statement(ctx context.Context, database string, stmt influxql.Statement) ([]*query.Series, bool, error) {
	switch stmt := stmt.(type) {
	case *influxql.AlterDatabaseStatement:
		return nil, true, c.catalog.SetWidenConflicts(stmt.Name, stmt.WidenConflicts)
	case *influxql.ShowFieldConflictsStatement:
		if stmt.Database != "" {
			database = stmt.Database
		}
		rows, err := c.show(database, stmt.Limit)
		return rows, true, err
	case *influxql.ReplayFieldConflictsStatement:
		rows, err := c.replay(ctx, stmt)
		return rows, true, err
	}
	return c.next.Statement(ctx, database, stmt)
}

// show lists what a database keeps, the oldest first; with a limit, the newest.
func (c *conflictStatements) show(database string, limit int) ([]*query.Series, error) {
	d := c.catalog.Snapshot().Database(database)
	if d == nil {
		return nil, &catalog.DatabaseNotFoundError{Name: database}
	}
	entries, err := c.store.List(d.ID, limit)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	columns := []string{"id", "received", "policy", "measurement", "field", "reason", "client", "line"}
	values := make([][]any, len(columns))
	for _, e := range entries {
		for i, v := range []any{
			int64(e.ID), e.Time.Format(time.RFC3339Nano), e.Policy, e.Measurement, e.Field, e.Reason, e.Client, e.Line,
		} {
			values[i] = append(values[i], v)
		}
	}
	s := &query.Series{Name: "conflicts", Columns: columns, Rows: len(entries)}
	for i := range columns {
		s.Values = append(s.Values, query.Column{Kind: query.AnyColumn, Any: values[i]})
	}
	return []*query.Series{s}, nil
}

// fieldTypes are the types of fields by their names in the language.
var fieldTypes = map[influxql.DataType]model.FieldType{
	influxql.Float: model.Float, influxql.Integer: model.Integer, influxql.Unsigned: model.Unsigned,
	influxql.String: model.String, influxql.Boolean: model.Boolean,
}

// replay writes what a database keeps and tells how much of it.
func (c *conflictStatements) replay(ctx context.Context, stmt *influxql.ReplayFieldConflictsStatement) ([]*query.Series, error) {
	written, left, err := c.writer.Replay(ctx, ingest.Replay{
		Database: stmt.Database, Measurement: stmt.Measurement, Field: stmt.Field, Type: fieldTypes[stmt.Type], Into: stmt.Into,
	})
	if err != nil {
		return nil, err
	}
	return []*query.Series{oneRow("replay", nil, map[string]any{"written": int64(written), "left": int64(left)})}, nil
}

// collectConflicts tells what databases that widen have done.
func (s *Server) collectConflicts(c *monitor.Collector) {
	w, m := s.writer.Metrics(), s.conflicts.Metrics()
	c.Statistic(monitor.Statistic{Name: "fieldConflicts", Tags: map[string]string{}, Values: map[string]any{
		"pointsWidened": w.Widened, "valuesKept": w.Kept, "valuesWithoutRoom": m.Full, "stored": m.Entries, "diskBytes": m.Bytes,
	}})
	c.Counter("field_conflict_points_widened_total", "Points that were stored after values were converted or kept aside.", float64(w.Widened))
	c.Counter("field_conflict_values_kept_total", "Values of another type than their field that were kept aside.", float64(w.Kept))
	c.Counter("field_conflict_values_without_room_total", "Values that had no room among those kept aside, so that their points were refused.", float64(m.Full))
	c.Gauge("field_conflicts", "Values that are kept aside.", float64(m.Entries))
	c.Gauge("field_conflict_bytes", "Size of the files that keep them.", float64(m.Bytes))
}
