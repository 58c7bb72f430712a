package query

import (
	"fmt"
	"math"

	"github.com/timberlinedb/timberline/influxql"
)

// mathArguments returns how many arguments a mathematical function takes, 0 when there is none of that name.
func mathArguments(name string) int {
	switch name {
	case "abs", "sin", "cos", "tan", "asin", "acos", "atan", "exp", "ln", "log2", "log10", "sqrt", "floor", "ceil", "round":
		return 1
	case "atan2", "pow", "log":
		return 2
	}
	return 0
}

// isMathCall reports whether a call is computed from values of one row alone.
func isMathCall(call *influxql.Call) bool { return mathArguments(call.Name) > 0 }

// mathType returns the type of a mathematical function over arguments of the given types. Of two, one that is
// no number makes the result null.
func mathType(name string, args []influxql.DataType) (influxql.DataType, error) {
	if len(args) == 1 && args[0] != influxql.Unknown && !isNumeric(args[0]) {
		return influxql.Unknown, fmt.Errorf("invalid argument type for the first argument in %s(): %s", name, args[0])
	}
	switch name {
	case "abs", "floor", "ceil", "round":
		if len(args) > 0 {
			return args[0], nil
		}
	}
	return influxql.Float, nil
}

func isNumeric(t influxql.DataType) bool {
	return t == influxql.Float || t == influxql.Integer || t == influxql.Unsigned
}

// mathValuer computes the mathematical functions for the evaluator of the language.
type mathValuer struct{}

// Value knows no names.
func (mathValuer) Value(string) (any, bool) { return nil, false }

// Call computes a function; a null among the arguments makes the result null.
func (mathValuer) Call(name string, args []any) (any, bool) {
	switch len(args) {
	case 1:
		return mathOne(name, args[0])
	case 2:
		a, okA := asFloat(args[0])
		b, okB := asFloat(args[1])
		return mathTwo(name, a, b, okA && okB)
	}
	return nil, false
}

func asFloat(x any) (float64, bool) {
	switch x := x.(type) {
	case float64:
		return x, true
	case int64:
		return float64(x), true
	case uint64:
		return float64(x), true
	}
	return 0, false
}

// mathOne computes the functions of one argument. Those that keep integers come first.
func mathOne(name string, arg any) (any, bool) {
	switch name {
	case "abs":
		switch arg := arg.(type) {
		case float64:
			return math.Abs(arg), true
		case int64:
			sign := arg >> 63
			return (arg ^ sign) - sign, true
		case uint64:
			return arg, true
		}
		return nil, true
	case "floor", "ceil", "round":
		switch arg := arg.(type) {
		case float64:
			return roundFloat(name, arg), true
		case int64, uint64:
			return arg, true
		}
		return nil, true
	}
	fn := floatFunction(name)
	if fn == nil {
		return nil, false
	}
	f, ok := asFloat(arg)
	if !ok {
		return nil, true
	}
	return fn(f), true
}

func roundFloat(name string, f float64) float64 {
	switch name {
	case "floor":
		return math.Floor(f)
	case "ceil":
		return math.Ceil(f)
	}
	return math.Round(f)
}

func floatFunction(name string) func(float64) float64 {
	switch name {
	case "sin":
		return math.Sin
	case "cos":
		return math.Cos
	case "tan":
		return math.Tan
	case "asin":
		return math.Asin
	case "acos":
		return math.Acos
	case "atan":
		return math.Atan
	case "exp":
		return math.Exp
	case "ln":
		return math.Log
	case "log2":
		return math.Log2
	case "log10":
		return math.Log10
	case "sqrt":
		return math.Sqrt
	}
	return nil
}

func mathTwo(name string, a, b float64, ok bool) (any, bool) {
	switch name {
	case "atan2", "pow", "log":
	default:
		return nil, false
	}
	if !ok {
		return nil, true
	}
	switch name {
	case "atan2":
		return math.Atan2(a, b), true
	case "pow":
		return math.Pow(a, b), true
	}
	return math.Log(a) / math.Log(b), true
}
