package query

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/influxql"
)

// compiled is what is known of a SELECT before storage is looked at: it is valid as a text, and its time range,
// condition and interval are worked out. The statement belongs to it and was changed where the text needed it.
type compiled struct {
	stmt *influxql.SelectStatement
	now  time.Time

	condition influxql.Expr // of WHERE without the time; nil: none
	times     influxql.TimeRange
	ascending bool

	interval          time.Duration // the average of calendar intervals
	months            int           // of calendar intervals
	offset            time.Duration
	inheritedInterval bool          // the interval is that of the statement around
	age               time.Duration // of fill(previous, age), how far before the range to look
	extraIntervals    int           // intervals that transformations need beyond the range

	fill      influxql.FillOption
	hasTarget bool
	limit     int

	fields    int
	calls     []*influxql.Call
	hasAux    bool // a field or tag stands bare among the fields
	selectors bool // all calls are selectors
	distinct  bool
	topBottom string // name of the call to top or bottom
}

// compileSelect checks a statement and its subqueries. It works on a clone.
func compileSelect(stmt *influxql.SelectStatement, now time.Time) (*compiled, error) {
	c := &compiled{stmt: stmt.Clone(), now: now, selectors: true}
	if err := placeDistinctTags(c.stmt, now); err != nil {
		return nil, err
	}
	if err := c.preprocess(); err != nil {
		return nil, err
	}
	if err := c.compile(); err != nil {
		return nil, err
	}
	c.stmt.Condition = c.condition
	finishRewriting(c.stmt)
	c.stmt.RewriteRegexConditions()
	return c, nil
}

// preprocess works out the time range, the condition and the dimensions.
func (c *compiled) preprocess() error {
	s := c.stmt
	c.ascending, c.limit, c.hasTarget, c.fill = s.TimeAscending(), s.Limit, s.Target != nil, s.Fill
	c.age = s.FillAge
	cond, times, err := influxql.ConditionExpr(s.Condition, &influxql.NowValuer{Now: c.now, Location: s.Location})
	if err != nil {
		return err
	}
	if err := checkCondition(cond); err != nil {
		return err
	}
	c.condition, c.times = cond, times
	if err := c.compileDimensions(); err != nil {
		return err
	}
	if c.times.Min.IsZero() {
		c.times.Min = time.Unix(0, influxql.MinTime).UTC()
	}
	if c.times.Max.IsZero() {
		c.times.Max = time.Unix(0, influxql.MaxTime).UTC()
		if c.interval != 0 {
			c.times.Max = c.now // nobody wants empty groups of the future
		}
	}
	return nil
}

// compile checks the fields and goes on with the subqueries, which inherit from the statement.
func (c *compiled) compile() error {
	if err := c.compileFields(); err != nil {
		return err
	}
	if err := c.checkFields(); err != nil {
		return err
	}
	if err := placeHaving(c.stmt); err != nil {
		return err
	}
	for _, src := range c.stmt.Sources {
		if sub, ok := src.(*influxql.SubQuery); ok {
			sub.Statement.OmitTime = true
			if err := c.compileSubquery(sub.Statement); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *compiled) compileSubquery(stmt *influxql.SelectStatement) error {
	sub := &compiled{stmt: stmt, now: c.now, selectors: true}
	if err := sub.preprocess(); err != nil {
		return err
	}
	if len(stmt.SortFields) != 0 && !stmt.SortsColumns() && sub.ascending != c.ascending {
		return errors.New("subqueries must be ordered in the same direction as the query itself")
	}
	sub.ascending = c.ascending
	sub.times = sub.times.Intersect(c.times)
	if sub.interval == 0 && c.interval != 0 {
		sub.interval, sub.months, sub.inheritedInterval = c.interval, c.months, true
	}
	if err := sub.compile(); err != nil {
		return err
	}
	c.extraIntervals, c.age = max(c.extraIntervals, sub.extraIntervals), max(c.age, sub.age)
	finishRewriting(stmt)
	return nil
}

func (c *compiled) compileDimensions() error {
	for _, d := range c.stmt.Dimensions {
		expr := influxql.Reduce(d.Expr, nil)
		switch expr := expr.(type) {
		case *influxql.VarRef:
			if strings.EqualFold(expr.Name, "time") {
				return errors.New("time() is a function and expects at least one argument")
			}
		case *influxql.Call:
			if err := c.compileTimeDimension(expr); err != nil {
				return err
			}
		case *influxql.Wildcard, *influxql.RegexLiteral:
		default:
			return errors.New("only time and tag dimensions allowed")
		}
		d.Expr = expr
	}
	return nil
}

func (c *compiled) compileTimeDimension(call *influxql.Call) error {
	if call.Name != "time" {
		return errors.New("only time() calls allowed in dimensions")
	}
	if n := len(call.Args); n < 1 || n > 2 {
		return errors.New("time dimension expected 1 or 2 arguments")
	}
	single := influxql.SelectStatement{Dimensions: influxql.Dimensions{{Expr: call}}}
	width, err := single.GroupByInterval()
	switch {
	case err != nil:
		return err
	case c.interval != 0:
		return errors.New("multiple time dimensions not allowed")
	}
	c.interval, c.months = width, single.GroupByMonths()
	if len(call.Args) == 1 {
		return nil
	}
	if done, err := c.compileWeekStart(call); done || err != nil {
		return err
	}
	if _, ok := call.Args[1].(*influxql.DurationLiteral); !ok && c.months > 0 {
		return errors.New("groups of months can only be moved by a duration")
	}
	offset, err := c.timeOffset(call.Args[1])
	if err != nil {
		return err
	}
	c.offset = offset
	if _, ok := call.Args[1].(*influxql.Call); ok {
		call.Args[1] = &influxql.DurationLiteral{Value: offset} // now() has one value for the whole query
	}
	return nil
}

// timeOffset returns by how much the second argument of time() moves the groups.
func (c *compiled) timeOffset(arg influxql.Expr) (time.Duration, error) {
	switch arg := arg.(type) {
	case *influxql.DurationLiteral:
		if c.interval == 0 {
			return 0, nil
		}
		return arg.Value % c.interval, nil
	case *influxql.TimeLiteral:
		return arg.Value.Sub(arg.Value.Truncate(c.interval)), nil
	case *influxql.Call:
		if arg.Name != "now" {
			return 0, errors.New("time dimension offset function must be now()")
		}
		if len(arg.Args) != 0 {
			return 0, errors.New("time dimension offset now() function requires no arguments")
		}
		return c.now.Sub(c.now.Truncate(c.interval)), nil
	case *influxql.StringLiteral:
		if !arg.IsTimeLiteral() {
			return 0, errors.New("time dimension offset must be duration or now()")
		}
		t, err := arg.ToTimeLiteral(c.stmt.Location)
		if err != nil {
			return 0, err
		}
		return t.Value.Sub(t.Value.Truncate(c.interval)), nil
	}
	return 0, errors.New("time dimension offset must be duration or now()")
}

func (c *compiled) compileFields() error {
	if err := c.expandPercentiles(); err != nil {
		return err
	}
	for _, f := range c.stmt.Fields {
		if ref, ok := f.Expr.(*influxql.VarRef); ok && ref.Name == "time" {
			continue // the time is always there; finishRewriting keeps its alias
		}
		f.Expr = influxql.Reduce(f.Expr, nil)
		c.fields++
		fc := &fieldCompiler{compiled: c, allowWildcard: true}
		if err := fc.compileExpr(f.Expr); err != nil {
			return err
		}
	}
	return nil
}

// checkFields looks at the fields as a whole: which calls and bare fields may stand together.
func (c *compiled) checkFields() error {
	if c.fields == 0 {
		return errors.New("at least 1 non-time field must be queried")
	}
	if len(c.calls) > 1 && c.topBottom != "" {
		return fmt.Errorf("selector function %s() cannot be combined with other functions", c.topBottom)
	}
	if len(c.calls) == 0 {
		switch c.fill {
		case influxql.NoFill:
			return errors.New("fill(none) must be used with a function")
		case influxql.LinearFill:
			return errors.New("fill(linear) must be used with a function")
		}
		if c.interval != 0 && !c.inheritedInterval {
			return errors.New("GROUP BY requires at least one aggregate function")
		}
	}
	if c.distinct && (len(c.calls) != 1 || c.hasAux) {
		return errors.New("aggregate function distinct() cannot be combined with other functions or fields")
	}
	if c.hasAux {
		if !c.selectors {
			return errors.New("mixing aggregate and non-aggregate queries is not supported")
		}
		if len(c.calls) > 1 {
			return errors.New("mixing multiple selector functions with tags or fields is not supported")
		}
	}
	return nil
}

// finishRewriting takes the time, which is the first column anyway, out of the fields and makes calls of DISTINCT.
func finishRewriting(stmt *influxql.SelectStatement) {
	stmt.RewriteDistinct()
	stmt.RewriteTimeFields()
}

// checkCondition refuses calls in WHERE that are not mathematics.
func checkCondition(expr influxql.Expr) error {
	switch expr := expr.(type) {
	case *influxql.BinaryExpr:
		if err := checkCondition(expr.LHS); err != nil {
			return err
		}
		return checkCondition(expr.RHS)
	case *influxql.Call:
		if !isMathCall(expr) {
			return fmt.Errorf("invalid function call in condition: %s", expr)
		}
		if want, got := mathArguments(expr.Name), len(expr.Args); want != got {
			return fmt.Errorf("invalid number of arguments for %s, expected %d, got %d", expr.Name, want, got)
		}
		for _, arg := range expr.Args {
			if err := checkCondition(arg); err != nil {
				return err
			}
		}
	}
	return nil
}
