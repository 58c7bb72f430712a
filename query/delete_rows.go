package query

import (
	"fmt"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// maxDeletedRuns bounds what a DELETE by field values may ask of storage: each run of rows of a series that go is a delete
// of its own.
const maxDeletedRuns = 100_000

// deletedRun is a stretch of one series of whose rows all go.
type deletedRun struct {
	policy string
	series *tagset
	times  model.TimeRange
}

// deleteByValues is DELETE with fields in the condition: it looks for the rows that meet it, and deletes them series by
// series, in runs between which no other row is. Rows go as a whole. What is written while it works may stay.
func (r *statementRun) deleteByValues(db *catalog.Database, measurement string, cond influxql.Expr, times model.TimeRange) error {
	var runs []deletedRun
	for _, p := range db.Policies {
		found, err := r.matchingRuns(db.Name, p.Name, measurement, cond, times)
		if err != nil {
			return err
		}
		if runs = append(runs, found...); len(runs) > maxDeletedRuns {
			return fmt.Errorf("the rows to delete from %s lie in more than %d places; delete them in smaller ranges of time",
				influxql.QuoteIdent(measurement), maxDeletedRuns)
		}
	}
	for _, run := range runs {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		d := Delete{Database: db.Name, Policy: run.policy, Measurement: measurement, Filter: exactly(run.series), Range: run.times}
		if err := r.engine.storage.Delete(r.ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// exactly returns the filter that selects the one series with these tags and no other of the keys.
func exactly(t *tagset) *model.TagFilter {
	f := &model.TagFilter{Op: model.TagAnd}
	for i, key := range t.keys {
		f.Args = append(f.Args, &model.TagFilter{Op: model.TagEqual, Key: key, Value: t.values[i]})
	}
	return f
}

// matchingRuns finds the runs of rows that meet the condition. All rows of the measurement in the range are read, those
// that stay too, since they end the runs.
func (r *statementRun) matchingRuns(database, policy, measurement string, cond influxql.Expr, times model.TimeRange) ([]deletedRun, error) {
	rows := func(cond influxql.Expr) (rowCursor, error) {
		stmt := &influxql.SelectStatement{
			Fields:     influxql.Fields{{Expr: &influxql.Wildcard{Type: influxql.FIELD}}},
			Sources:    influxql.Sources{&influxql.Measurement{Database: database, RetentionPolicy: policy, Name: measurement}},
			Condition:  within(times),
			Dimensions: influxql.Dimensions{{Expr: &influxql.Wildcard{}}}, IsRawQuery: true,
		}
		if cond != nil {
			stmt.Condition = bothOf(stmt.Condition, influxql.CloneExpr(cond))
		}
		p, err := r.prepareSelect(stmt)
		if err != nil {
			return nil, err
		}
		return p.builder.rows(p.stmt, p.opt)
	}
	all, err := rows(nil)
	if err != nil {
		return nil, err
	}
	defer all.close()
	matching, err := rows(cond)
	if err != nil {
		return nil, err
	}
	defer matching.close()
	return r.joinRuns(policy, all, matching)
}

// joinRuns walks all rows and those that match side by side; both are in the same order.
func (r *statementRun) joinRuns(policy string, all, matching rowCursor) ([]deletedRun, error) {
	var (
		runs       []deletedRun
		one, match row
		open       bool // the row before matches and is of the same series
	)
	more, err := matching.scan(&match)
	for err == nil && more {
		ok, scanErr := all.scan(&one)
		if scanErr != nil || !ok {
			return runs, scanErr
		}
		if one.time != match.time || one.tags.id != match.tags.id {
			open = false
			continue
		}
		if last := len(runs) - 1; open && runs[last].series.id == one.tags.id {
			runs[last].times.Max = one.time
		} else {
			if err := r.memory.reserve(deletedRunBytes); err != nil {
				return nil, err
			}
			runs = append(runs, deletedRun{policy: policy, series: one.tags, times: model.TimeRange{Min: one.time, Max: one.time}})
			if len(runs) > maxDeletedRuns {
				return runs, nil
			}
		}
		open = true
		more, err = matching.scan(&match)
	}
	return runs, err
}

const deletedRunBytes = 96
