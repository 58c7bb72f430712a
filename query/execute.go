package query

import (
	"fmt"

	"github.com/timberlinedb/timberline/influxql"
)

// execute runs a statement and emits its answer.
func (r *statementRun) execute(stmt influxql.Statement) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	switch stmt := stmt.(type) {
	case *influxql.SelectStatement:
		return r.runSelect(stmt)
	case *influxql.ExplainStatement:
		return r.explain(stmt)
	case *influxql.CreateDatabaseStatement:
		return r.changed(stmt, r.createDatabase(stmt))
	case *influxql.DropDatabaseStatement:
		return r.changed(stmt, r.engine.storage.DropDatabase(r.ctx, stmt.Name))
	case *influxql.CreateRetentionPolicyStatement:
		return r.changed(stmt, r.createPolicy(stmt))
	case *influxql.AlterRetentionPolicyStatement:
		return r.changed(stmt, r.alterPolicy(stmt))
	case *influxql.DropRetentionPolicyStatement:
		return r.changed(stmt, r.dropPolicy(stmt))
	case *influxql.DropShardStatement:
		return r.changed(stmt, r.dropShard(stmt.ID))
	case *influxql.DeleteSeriesStatement:
		return r.changed(stmt, r.deleteRows(stmt))
	case *influxql.DropSeriesStatement:
		return r.changed(stmt, r.dropSeries(stmt))
	case *influxql.DropMeasurementStatement:
		return r.changed(stmt, r.dropMeasurement(stmt))
	case *influxql.KillQueryStatement:
		return r.changed(stmt, r.engine.Kill(stmt.QueryID))
	}
	if handled, err := r.administer(stmt); handled || err != nil {
		return err
	}
	if handled, err := r.changeSchema(stmt); handled || err != nil {
		return err
	}
	for _, show := range []func(influxql.Statement) ([]*Series, bool, error){r.show, r.showCardinality} {
		rows, handled, err := show(stmt)
		if err != nil {
			return err
		}
		if handled {
			return r.sendSeries(stmt, rows, nil)
		}
	}
	if r.engine.opt.Extension != nil {
		rows, handled, err := r.engine.opt.Extension.Statement(r.ctx, r.req.Database, stmt)
		if handled {
			if err != nil {
				return err
			}
			return r.sendSeries(stmt, rows, r.extensionWarnings(stmt))
		}
	}
	return fmt.Errorf("%s is not executed by this server", stmt)
}

// changed answers a statement that changes something and has no rows.
func (r *statementRun) changed(stmt influxql.Statement, err error) error {
	if err != nil {
		return err
	}
	return r.send(&Result{Messages: r.warnings(stmt)})
}

// extensionWarnings warns of the extension's statements that change something.
func (r *statementRun) extensionWarnings(stmt influxql.Statement) []Message {
	switch stmt.(type) {
	case *influxql.CreateUserStatement, *influxql.DropUserStatement, *influxql.SetPasswordUserStatement,
		*influxql.GrantStatement, *influxql.GrantAdminStatement, *influxql.RevokeStatement, *influxql.RevokeAdminStatement,
		*influxql.CreateContinuousQueryStatement, *influxql.DropContinuousQueryStatement,
		*influxql.CreateSubscriptionStatement, *influxql.DropSubscriptionStatement,
		*influxql.AlterDatabaseStatement, *influxql.ReplayFieldConflictsStatement:
		return r.warnings(stmt)
	}
	return nil
}

// sendSeries emits the series of an answer that is complete, one in a result when chunks are asked for. Those of SHOW TAG
// KEYS and SHOW TAG VALUES do not say that others follow, as in 1.x.
func (r *statementRun) sendSeries(stmt influxql.Statement, rows []*Series, messages []Message) error {
	follows := true
	switch stmt.(type) {
	case *influxql.ShowTagKeysStatement, *influxql.ShowTagValuesStatement:
		follows = false
	}
	if r.req.ChunkSize > 0 {
		switch stmt.(type) {
		case *influxql.ShowSeriesStatement, *influxql.ShowFieldKeysStatement: // 1.x answers them by a SELECT
			rows = chunkTexts(rows, r.req.ChunkSize)
		}
		for len(rows) > 1 {
			if err := r.send(&Result{Series: rows[:1], Partial: follows}); err != nil {
				return err
			}
			rows = rows[1:]
		}
	}
	return r.send(&Result{Series: rows, Messages: messages})
}

// chunkTexts cuts series that hold nothing but texts, one in every row, into series of at most so many rows.
func chunkTexts(series []*Series, most int) []*Series {
	chunks := make([]*Series, 0, len(series))
	for _, s := range series {
		for from := 0; from == 0 || from < s.Rows; from += most {
			to := min(from+min(most, s.Rows), s.Rows)
			part := *s
			part.Rows, part.Continued, part.Partial = to-from, from > 0, to < s.Rows
			part.Values = make([]Column, len(s.Values))
			for i := range s.Values {
				part.Values[i] = s.Values[i]
				if s.Values[i].Strings != nil {
					part.Values[i].Strings = s.Values[i].Strings[from:to]
				}
			}
			chunks = append(chunks, &part)
			if most > s.Rows-from {
				break // adding it again might overflow
			}
		}
	}
	return chunks
}
