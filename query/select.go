package query

import (
	"errors"
	"fmt"
	"time"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// prepared is a SELECT whose names are resolved and whose limits are checked.
type prepared struct {
	stmt    *influxql.SelectStatement
	opt     *scanOptions
	builder *builder
}

// prepareSelect compiles a statement and resolves its names against storage.
func (r *statementRun) prepareSelect(stmt *influxql.SelectStatement) (*prepared, error) {
	c, err := compileSelect(stmt, r.now)
	if err != nil {
		return nil, err
	}
	start, end := c.times.MinTimeNano(), c.times.MaxTimeNano()
	times := r.shardRange(c, start, end)
	sch := &schema{run: r, times: times}
	rewritten, err := c.stmt.RewriteFields(sch)
	if err == nil {
		err = sch.err
	}
	if err != nil {
		return nil, err
	}
	if err := checkTypes(rewritten); err != nil {
		return nil, err
	}
	opt, err := newScanOptions(rewritten, r.now)
	if err != nil {
		return nil, err
	}
	opt.start, opt.end, opt.ascending = start, end, c.ascending
	if err := r.checkBuckets(rewritten, opt); err != nil {
		return nil, err
	}
	return &prepared{stmt: rewritten, opt: opt, builder: &builder{run: r, times: times}}, nil
}

// shardRange returns the range for which storage is opened: that of the statement, with what transformations look at
// before it, and cut to as many groups as are allowed when it has no beginning.
func (r *statementRun) shardRange(c *compiled, start, end int64) model.TimeRange {
	times := model.TimeRange{Min: start, Max: end}
	interval := int64(c.interval)
	if most := int64(r.engine.opt.MaxSelectBuckets); most > 0 && interval > 0 && !c.stmt.IsRawQuery && start == influxql.MinTime {
		w := windows{interval: interval, offset: int64(c.offset)}
		last, _ := w.of(end - 1)
		if (last-influxql.MinTime)/interval > most {
			times.Min = last - interval*(most-1)
		}
	}
	if c.age > 0 {
		if c.ascending {
			times.Min = saturatingSum(saturatingSum(times.Min, -int64(c.age)), -interval)
		} else {
			times.Max = saturatingSum(saturatingSum(times.Max, int64(c.age)), interval)
		}
	}
	if c.months > 0 {
		interval *= 2 // months may be longer than the average
	}
	if interval > 0 && c.extraIntervals > 0 {
		if c.ascending {
			times.Min = saturatingSubtract(times.Min, interval, int64(c.extraIntervals))
		} else {
			times.Max = saturatingAdd(times.Max, interval, int64(c.extraIntervals))
		}
	}
	times.Min, times.Max = max(times.Min, model.MinTime), min(times.Max, model.MaxTime)
	return times
}

// checkBuckets checks the limit on groups of GROUP BY time().
func (r *statementRun) checkBuckets(stmt *influxql.SelectStatement, opt *scanOptions) error {
	most := int64(r.engine.opt.MaxSelectBuckets)
	if most == 0 || stmt.IsRawQuery || opt.interval == 0 || opt.start == influxql.MinTime {
		return nil
	}
	first, _ := opt.of(opt.start)
	last, _ := opt.of(opt.end - 1)
	n := (last - first + opt.interval) / opt.interval
	if opt.months > 0 {
		n = opt.ordinal(last) - opt.ordinal(first) + 1
	}
	if n > most {
		return &LimitError{Limit: limitBuckets, Got: n, Most: most}
	}
	return nil
}

// normalize gives measurements the database and policy of the request where they name none.
func (r *statementRun) normalize(stmt influxql.Statement, database, policy string) error {
	var err error
	influxql.WalkFunc(stmt, func(n influxql.Node) {
		if err != nil {
			return
		}
		if m, ok := n.(*influxql.Measurement); ok {
			err = r.normalizeMeasurement(m, database, policy)
		}
	})
	return err
}

func (r *statementRun) normalizeMeasurement(m *influxql.Measurement, database, policy string) error {
	if !m.IsTarget && m.Name == "" && m.SystemIterator == "" && m.Regex == nil {
		return errors.New("invalid measurement")
	}
	if m.Database == "" {
		m.Database = database
	}
	if m.Database == "" {
		return ErrDatabaseRequired
	}
	db := r.engine.catalog.Snapshot().Database(m.Database)
	if db == nil {
		return errDatabaseNotFound(m.Database)
	}
	if m.RetentionPolicy != "" {
		return nil
	}
	switch {
	case policy != "":
		m.RetentionPolicy = policy
	case db.DefaultPolicy != "":
		m.RetentionPolicy = db.DefaultPolicy
	default:
		return fmt.Errorf("default retention policy not set for: %s", db.Name)
	}
	return nil
}

// checkPolicies refuses sources in policies that do not exist.
func (r *statementRun) checkPolicies(sources influxql.Sources) error {
	snap := r.engine.catalog.Snapshot()
	for _, m := range sources.Measurements() {
		db := snap.Database(m.Database)
		if db == nil {
			return errDatabaseNotFound(m.Database)
		}
		if db.Policy(m.RetentionPolicy) == nil {
			return errPolicyNotFound(m.RetentionPolicy)
		}
	}
	return nil
}

// runSelect runs a SELECT and emits its answer.
func (r *statementRun) runSelect(stmt *influxql.SelectStatement) error {
	if err := r.normalize(stmt, r.req.Database, r.req.Policy); err != nil {
		return err
	}
	if err := r.checkPolicies(stmt.Sources); err != nil {
		return err
	}
	p, err := r.prepareSelect(stmt)
	if err != nil {
		return err
	}
	rows, err := p.builder.rows(p.stmt, p.opt)
	if err != nil {
		return err
	}
	defer rows.close()
	if p.stmt.Target != nil {
		return r.writeInto(stmt, p, rows)
	}
	return r.emitRows(p, rows)
}

// pieceRows is how many rows of one series go into a result when the request sets no chunk size.
const pieceRows = 5000

// emitRows turns rows into results: one series a result, at most a chunk of rows in each.
func (r *statementRun) emitRows(p *prepared, rows rowCursor) error {
	most := pieceRows
	if r.req.ChunkSize > 0 {
		most = r.req.ChunkSize
	}
	e := &rowEmitter{run: r, names: p.stmt.ColumnNames(), timed: !p.stmt.OmitTime, most: most, location: p.stmt.Location}
	var next row
	for {
		ok, err := rows.scan(&next)
		if err != nil {
			return err
		}
		if !ok {
			return e.finish()
		}
		if err := e.add(&next); err != nil {
			return err
		}
	}
}

// rowEmitter collects rows into columns and sends them on. What is full is held until it is known whether more follows.
type rowEmitter struct {
	run      *statementRun
	names    []string
	timed    bool // the first column is the time
	most     int
	location *time.Location

	open    bool
	name    string
	tags    *tagset
	columns []columnBuilder
	values  []Column // that the builders fill
	rows    int
	same    bool // the rows go on with the series of the result before

	result Result // the last one, and what it points to
	list   [1]*Series
	series Series
	shown  []Tag
}

func (e *rowEmitter) add(r *row) error {
	if e.open {
		same := r.name == e.name && (r.tags == e.tags || r.tags.id == e.tags.id)
		if !same || e.rows >= e.most {
			if err := e.send(true, same); err != nil {
				return err
			}
			e.same = same
		}
	}
	if e.columns == nil {
		e.columns, e.values = make([]columnBuilder, len(e.names)), make([]Column, len(e.names))
		for i := range e.columns {
			e.columns[i].col = &e.values[i]
		}
	}
	e.open, e.name, e.tags = true, r.name, r.tags
	columns := e.columns
	if e.timed {
		columns[0].appendTime(r.time)
		columns = columns[1:]
	}
	for i := range r.values {
		columns[i].append(r.values[i])
	}
	e.rows++
	return nil
}

// send emits what was collected. more says that the statement goes on, partial that the series does. The result lies in
// memory of the emitter, since nobody keeps it.
func (e *rowEmitter) send(more, partial bool) error {
	e.shown = e.tags.appendTo(e.shown[:0])
	e.series = Series{
		Name: e.name, Columns: e.names, Values: e.values,
		Rows: e.rows, Continued: e.same, Partial: partial, Location: e.location,
	}
	if len(e.shown) > 0 {
		e.series.Tags = e.shown
	}
	for i := range e.columns {
		e.columns[i].finish()
	}
	e.list[0] = &e.series
	e.result = Result{Series: e.list[:], Partial: more}
	err := e.run.send(&e.result)
	for i := range e.columns {
		e.columns[i].reset()
	}
	e.rows, e.open = 0, false
	return err
}

func (e *rowEmitter) finish() error {
	if !e.open {
		return e.run.send(&Result{})
	}
	return e.send(false, false)
}
