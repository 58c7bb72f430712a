package query

import (
	"slices"
	"time"

	"github.com/timberlinedb/timberline/influxql"
)

// scanOptions is what an operator has to know of the statement it works for. It is copied where a part changes.
type scanOptions struct {
	windows

	expr      influxql.Expr      // what drives the rows: a VarRef, a Call, or nil for the other fields alone
	aux       []*influxql.VarRef // other fields and tags to read at the same places
	condition influxql.Expr      // without the time; nil: none

	dimensions []string // tags of the outermost statement, sorted: the order of the points
	groupBy    []string // tags of this statement and those around it, sorted: what keeps points apart

	ascending bool
	ordered   bool // points of one group must come in time order over all series

	fill      influxql.FillOption
	fillValue value
	fillAge   int64 // of fill(previous, age); 0: any, within the range

	lookedBack bool // the range begins earlier by that age

	limit, rowOffset int // rows of a group
	slimit, soffset  int // groups

	newest int // windows, from the latest on, that are enough if each group has rows in all of them; 0: all are wanted

	selector bool // the only call of the statement is a selector
	writing  bool // of SELECT … INTO
	untimed  bool // points get the time of their window

	pool *pointPool // of those who copy the rows they get; nil: points are kept
}

// newScanOptions works out the options of a statement whose fields were rewritten.
func newScanOptions(stmt *influxql.SelectStatement, now time.Time) (*scanOptions, error) {
	cond, times, err := influxql.ConditionExpr(stmt.Condition, &influxql.NowValuer{Now: now, Location: stmt.Location})
	if err != nil {
		return nil, err
	}
	interval, err := stmt.GroupByInterval()
	if err != nil {
		return nil, err
	}
	interval = max(interval, 0)
	var offset time.Duration
	if interval > 0 {
		if offset, err = stmt.GroupByOffset(); err != nil {
			return nil, err
		}
	}
	opt := &scanOptions{
		windows: windows{
			start: times.MinTimeNano(), end: times.MaxTimeNano(),
			interval: int64(interval), offset: int64(offset), months: int64(stmt.GroupByMonths()), location: stmt.Location,
		},
		condition: cond,
		ascending: stmt.TimeAscending(), ordered: true,
		fill:      stmt.Fill,
		fillAge:   int64(stmt.FillAge),
		fillValue: fillValueOf(stmt.FillValue),
		limit:     stmt.Limit, rowOffset: stmt.Offset, slimit: stmt.SLimit, soffset: stmt.SOffset,
		writing: stmt.Target != nil,
	}
	if opt.fill == influxql.NullFill && stmt.Target != nil {
		opt.fill = influxql.NoFill // null is not written
	}
	for _, d := range stmt.Dimensions {
		if ref, ok := d.Expr.(*influxql.VarRef); ok {
			opt.groupBy = append(opt.groupBy, ref.Name)
		}
	}
	slices.Sort(opt.groupBy)
	opt.groupBy = slices.Compact(opt.groupBy)
	opt.dimensions = opt.groupBy
	return opt, nil
}

// readsAs reports whether a call with the options p reads the same rows in the same groups as one with o.
func (o *scanOptions) readsAs(p *scanOptions) bool {
	return o.windows == p.windows && o.condition == p.condition && o.ascending == p.ascending && o.ordered == p.ordered &&
		o.newest == p.newest && o.slimit == p.slimit && o.soffset == p.soffset && slices.Equal(o.aux, p.aux) &&
		slices.Equal(o.dimensions, p.dimensions) && slices.Equal(o.groupBy, p.groupBy)
}

func fillValueOf(x any) value {
	if n, ok := x.(int); ok {
		return integerValue(int64(n))
	}
	return valueOf(x)
}

// forSubquery returns the options of a subquery inside of a statement with the options o: it stays within the range
// around it, keeps the groups around it apart, and takes over the interval when it has none.
func (o *scanOptions) forSubquery(stmt *influxql.SelectStatement, now time.Time) (*scanOptions, error) {
	sub, err := newScanOptions(stmt, now)
	if err != nil {
		return nil, err
	}
	sub.start, sub.end = max(sub.start, o.start), min(sub.end, o.end)
	if sub.interval != 0 && sub.end == influxql.MaxTime {
		sub.end = now.UnixNano()
	}
	sub.dimensions = o.dimensions
	sub.groupBy = append(slices.Clone(sub.groupBy), o.groupBy...)
	slices.Sort(sub.groupBy)
	sub.groupBy = slices.Compact(sub.groupBy)
	if sub.fill == influxql.NullFill && !stmt.IsRawQuery {
		sub.fill = influxql.NoFill // the statement around skips null anyway
	}
	sub.slimit = addCounts(sub.slimit, o.slimit)
	sub.soffset = addCounts(sub.soffset, o.soffset)
	sub.ascending = o.ascending
	sub.ordered = o.ordered
	if sub.interval == 0 {
		sub.interval, sub.offset, sub.months = o.interval, o.offset, o.months
		if sub.months > 0 && sub.location == nil {
			sub.location = o.location
		}
	}
	return sub, nil
}
