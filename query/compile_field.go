package query

import (
	"errors"
	"fmt"
	"slices"

	"github.com/timberlinedb/timberline/influxql"
)

// fieldCompiler checks one field of a SELECT and notes in the statement what it contains.
type fieldCompiler struct {
	*compiled
	allowWildcard bool // false inside of binary expressions
}

func (c *fieldCompiler) compileExpr(expr influxql.Expr) error {
	switch expr := expr.(type) {
	case *influxql.VarRef:
		c.hasAux = true
		return nil
	case *influxql.Wildcard:
		c.hasAux = true
		if !c.allowWildcard {
			return errors.New("unable to use wildcard in a binary expression")
		}
		return nil
	case *influxql.RegexLiteral:
		if !c.allowWildcard {
			return errors.New("unable to use regex in a binary expression")
		}
		c.hasAux = true
		return nil
	case *influxql.Call:
		if isMathCall(expr) {
			return c.compileMath(expr)
		}
		c.calls = append(c.calls, expr)
		return c.compileCall(expr)
	case *influxql.Distinct:
		call := expr.NewCall()
		c.calls = append(c.calls, call)
		return c.compileDistinct(call.Args, false)
	case *influxql.BinaryExpr:
		return c.compileBinary(expr)
	case *influxql.ParenExpr:
		return c.compileExpr(expr.Expr)
	case influxql.Literal:
		return errors.New("field must contain at least one variable")
	}
	return errors.New("unimplemented") // the text of InfluxDB 1.x for what no grammar yields here
}

func (c *fieldCompiler) compileBinary(expr *influxql.BinaryExpr) error {
	c.allowWildcard = false
	_, left := expr.LHS.(influxql.Literal)
	_, right := expr.RHS.(influxql.Literal)
	switch {
	case left && right:
		return errors.New("cannot perform a binary expression on two literals")
	case left:
		return c.compileExpr(expr.RHS)
	case right:
		return c.compileExpr(expr.LHS)
	}
	if err := c.compileExpr(expr.LHS); err != nil {
		return err
	}
	return c.compileExpr(expr.RHS)
}

func (c *fieldCompiler) compileMath(call *influxql.Call) error {
	if want, got := mathArguments(call.Name), len(call.Args); want != got {
		return fmt.Errorf("invalid number of arguments for %s, expected %d, got %d", call.Name, want, got)
	}
	variable := false
	for _, arg := range call.Args {
		if _, ok := arg.(influxql.Literal); ok {
			continue
		}
		variable = true
		if err := c.compileExpr(arg); err != nil {
			return err
		}
	}
	if !variable {
		return errors.New("field must contain at least one variable")
	}
	return nil
}

func (c *fieldCompiler) compileCall(call *influxql.Call) error {
	args := call.Args
	switch call.Name {
	case "percentile":
		return c.compilePercentile(args)
	case "sample":
		return c.compileSample(args)
	case "distinct":
		return c.compileDistinct(args, false)
	case "top", "bottom":
		return c.compileTopBottom(call)
	case "derivative", "non_negative_derivative":
		return c.compileWithUnit(call)
	case "elapsed":
		return c.compileWithUnit(call)
	case "difference", "non_negative_difference", "cumulative_sum":
		if len(args) != 1 {
			return fmt.Errorf("invalid number of arguments for %s, expected %d, got %d", call.Name, 1, len(args))
		}
		if call.Name != "cumulative_sum" {
			c.extraIntervals = max(c.extraIntervals, 1)
		}
		return c.compileTransformed(call.Name, args[0])
	case "moving_average":
		return c.compileMovingAverage(args)
	case "exponential_moving_average", "double_exponential_moving_average", "triple_exponential_moving_average",
		"relative_strength_index", "triple_exponential_derivative":
		return c.compileSmoothing(call, 4, "exponential", "simple")
	case "chande_momentum_oscillator":
		return c.compileSmoothing(call, 4, "none", "exponential", "simple")
	case "kaufmans_efficiency_ratio", "kaufmans_adaptive_moving_average":
		return c.compileSmoothing(call, 3)
	case "integral":
		return c.compileIntegral(args)
	case "holt_winters", "holt_winters_with_fit":
		return c.compileHoltWinters(call)
	}
	return c.compileFunction(call)
}

// compileFunction checks the calls with one argument that is a field.
func (c *fieldCompiler) compileFunction(call *influxql.Call) error {
	switch call.Name {
	case "max", "min", "first", "last":
	case "count", "sum", "mean", "median", "mode", "stddev", "spread":
		c.selectors = false
	default:
		return fmt.Errorf("undefined function %s()", call.Name)
	}
	if got := len(call.Args); got != 1 {
		return fmt.Errorf("invalid number of arguments for %s, expected %d, got %d", call.Name, 1, got)
	}
	if call.Name == "count" {
		switch arg := call.Args[0].(type) {
		case *influxql.Call:
			if arg.Name == "distinct" {
				return c.compileDistinct(arg.Args, true)
			}
		case *influxql.Distinct:
			return c.compileDistinct(arg.NewCall().Args, true)
		}
	}
	return c.compileSymbol(call.Name, call.Args[0])
}

// compileSymbol checks that an argument is a field, or stands for several.
func (c *fieldCompiler) compileSymbol(name string, arg influxql.Expr) error {
	switch arg.(type) {
	case *influxql.VarRef:
		return nil
	case *influxql.Wildcard:
		if !c.allowWildcard {
			return fmt.Errorf("unsupported expression with wildcard: %s()", name)
		}
		c.selectors = false
		return nil
	case *influxql.RegexLiteral:
		if !c.allowWildcard {
			return fmt.Errorf("unsupported expression with regex field: %s()", name)
		}
		c.selectors = false
		return nil
	}
	return fmt.Errorf("expected field argument in %s()", name)
}

// compileTransformed checks the first argument of a transformation: a field without an interval, a call with one.
func (c *fieldCompiler) compileTransformed(name string, arg influxql.Expr) error {
	c.selectors = false
	if call, ok := arg.(*influxql.Call); ok {
		if c.interval == 0 {
			return fmt.Errorf("%s aggregate requires a GROUP BY interval", name)
		}
		return c.compileNested(call)
	}
	if c.interval != 0 && !c.inheritedInterval {
		return fmt.Errorf("aggregate function required inside the call to %s", name)
	}
	return c.compileSymbol(name, arg)
}

func (c *fieldCompiler) compileNested(call *influxql.Call) error {
	if call.Name == "distinct" {
		return c.compileDistinct(call.Args, true)
	}
	return c.compileExpr(call)
}

func (c *fieldCompiler) compileWithUnit(call *influxql.Call) error {
	if got := len(call.Args); got < 1 || got > 2 {
		return fmt.Errorf("invalid number of arguments for %s, expected at least %d but no more than %d, got %d", call.Name, 1, 2, got)
	}
	if len(call.Args) == 2 {
		unit, ok := call.Args[1].(*influxql.DurationLiteral)
		if !ok {
			return fmt.Errorf("second argument to %s must be a duration, got %T", call.Name, call.Args[1])
		}
		if unit.Value <= 0 {
			return fmt.Errorf("duration argument must be positive, got %s", influxql.FormatDuration(unit.Value))
		}
	}
	c.extraIntervals = max(c.extraIntervals, 1)
	return c.compileTransformed(call.Name, call.Args[0])
}

func (c *fieldCompiler) compileMovingAverage(args []influxql.Expr) error {
	if got := len(args); got != 2 {
		return fmt.Errorf("invalid number of arguments for moving_average, expected %d, got %d", 2, got)
	}
	n, ok := args[1].(*influxql.IntegerLiteral)
	if !ok {
		return fmt.Errorf("second argument for moving_average must be an integer, got %T", args[1])
	}
	if n.Value <= 1 {
		return fmt.Errorf("moving_average window must be greater than 1, got %d", n.Value)
	}
	c.extraIntervals = max(c.extraIntervals, int(n.Value))
	return c.compileTransformed("moving_average", args[0])
}

// compileSmoothing checks the functions of technical analysis: field, period, hold period, kind of warm-up.
func (c *fieldCompiler) compileSmoothing(call *influxql.Call, most int, warmups ...string) error {
	name, args := call.Name, call.Args
	if got := len(args); got < 2 || got > most {
		return fmt.Errorf("invalid number of arguments for %s, expected at least %d but no more than %d, got %d", name, 2, most, got)
	}
	period, ok := args[1].(*influxql.IntegerLiteral)
	if !ok {
		return fmt.Errorf("%s period must be an integer", name)
	}
	if period.Value < 1 {
		return fmt.Errorf("%s period must be greater than or equal to 1", name)
	}
	if len(args) >= 3 {
		hold, ok := args[2].(*influxql.IntegerLiteral)
		if !ok {
			return fmt.Errorf("%s hold period must be an integer", name)
		}
		least := int64(0)
		if name == "triple_exponential_derivative" {
			least = 1
		}
		if hold.Value < least && hold.Value != -1 {
			return fmt.Errorf("%s hold period must be greater than or equal to %d", name, least)
		}
	}
	if len(args) == 4 {
		warmup, ok := args[3].(*influxql.StringLiteral)
		if !ok {
			return fmt.Errorf("%s warmup type must be a string", name)
		}
		if !slices.Contains(warmups, warmup.Value) {
			return fmt.Errorf("%s warmup type must be one of: %s", name, quotedList(warmups))
		}
	}
	c.extraIntervals = max(c.extraIntervals, int(min(period.Value, 1<<20)))
	return c.compileTransformed(name, args[0])
}

func quotedList(words []string) string {
	s := ""
	for i, w := range words {
		if i > 0 {
			s += " "
		}
		s += "'" + w + "'"
	}
	return s
}

func (c *fieldCompiler) compilePercentile(args []influxql.Expr) error {
	if got := len(args); got != 2 {
		return fmt.Errorf("invalid number of arguments for percentile, expected %d, got %d", 2, got)
	}
	switch args[1].(type) {
	case *influxql.IntegerLiteral, *influxql.NumberLiteral:
		return c.compileSymbol("percentile", args[0])
	}
	return errors.New("expected float argument in percentile()")
}

func (c *fieldCompiler) compileSample(args []influxql.Expr) error {
	if got := len(args); got != 2 {
		return fmt.Errorf("invalid number of arguments for sample, expected %d, got %d", 2, got)
	}
	n, ok := args[1].(*influxql.IntegerLiteral)
	if !ok {
		return errors.New("expected integer argument in sample()")
	}
	if n.Value <= 0 {
		return fmt.Errorf("sample window must be greater than 1, got %d", n.Value)
	}
	return c.compileSymbol("sample", args[0])
}

func (c *fieldCompiler) compileIntegral(args []influxql.Expr) error {
	if got := len(args); got < 1 || got > 2 {
		return fmt.Errorf("invalid number of arguments for integral, expected at least %d but no more than %d, got %d", 1, 2, got)
	}
	if len(args) == 2 {
		unit, ok := args[1].(*influxql.DurationLiteral)
		if !ok {
			return errors.New("second argument must be a duration")
		}
		if unit.Value <= 0 {
			return fmt.Errorf("duration argument must be positive, got %s", influxql.FormatDuration(unit.Value))
		}
	}
	c.selectors = false
	return c.compileSymbol("integral", args[0])
}

func (c *fieldCompiler) compileHoltWinters(call *influxql.Call) error {
	name, args := call.Name, call.Args
	if got := len(args); got != 3 {
		return fmt.Errorf("invalid number of arguments for %s, expected %d, got %d", name, 3, got)
	}
	n, ok := args[1].(*influxql.IntegerLiteral)
	if !ok {
		return fmt.Errorf("expected integer argument as second arg in %s", name)
	}
	if n.Value <= 0 {
		return fmt.Errorf("second arg to %s must be greater than 0, got %d", name, n.Value)
	}
	season, ok := args[2].(*influxql.IntegerLiteral)
	if !ok {
		return fmt.Errorf("expected integer argument as third arg in %s", name)
	}
	if season.Value < 0 {
		return fmt.Errorf("third arg to %s cannot be negative, got %d", name, season.Value)
	}
	c.selectors = false
	inner, ok := args[0].(*influxql.Call)
	if !ok {
		return fmt.Errorf("must use aggregate function with %s", name)
	}
	if c.interval == 0 {
		return fmt.Errorf("%s aggregate requires a GROUP BY interval", name)
	}
	if c.months > 0 {
		return fmt.Errorf("%s needs intervals of one length", name)
	}
	return c.compileNested(inner)
}

func (c *fieldCompiler) compileDistinct(args []influxql.Expr, nested bool) error {
	switch len(args) {
	case 0:
		return errors.New("distinct function requires at least one argument")
	case 1:
	default:
		return errors.New("distinct function can only have one argument")
	}
	if _, ok := args[0].(*influxql.VarRef); !ok {
		return errors.New("expected field argument in distinct()")
	}
	if !nested {
		c.distinct = true
	}
	c.selectors = false
	return nil
}

func (c *fieldCompiler) compileTopBottom(call *influxql.Call) error {
	name, args := call.Name, call.Args
	if c.topBottom != "" {
		return fmt.Errorf("selector function %s() cannot be combined with other functions", c.topBottom)
	}
	if got := len(args); got < 2 {
		return fmt.Errorf("invalid number of arguments for %s, expected at least %d, got %d", name, 2, got)
	}
	n, ok := args[len(args)-1].(*influxql.IntegerLiteral)
	switch {
	case !ok:
		return fmt.Errorf("expected integer as last argument in %s(), found %s", name, args[len(args)-1])
	case n.Value <= 0:
		return fmt.Errorf("limit (%d) in %s function must be at least 1", n.Value, name)
	case c.limit > 0 && n.Value > int64(c.limit):
		return fmt.Errorf("limit (%d) in %s function can not be larger than the LIMIT (%d) in the select statement", n.Value, name, c.limit)
	}
	if _, ok := args[0].(*influxql.VarRef); !ok {
		return fmt.Errorf("expected first argument to be a field in %s(), found %s", name, args[0])
	}
	for _, arg := range args[1 : len(args)-1] {
		if _, ok := arg.(*influxql.VarRef); !ok {
			return fmt.Errorf("only fields or tags are allowed in %s(), found %s", name, arg)
		}
	}
	c.topBottom = name
	return nil
}
