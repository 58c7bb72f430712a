package query

import (
	"context"
	"errors"
	"testing"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// TestLongReductionsEnd: the work on a window that has been read looks at the context, which for tens of millions of
// points is the longer part.
func TestLongReductionsEnd(t *testing.T) {
	points := make([]*point, 4*watchSteps)
	for i := range points {
		points[i] = &point{time: int64(i) * 7919 % 1_000_003, val: floatValue(float64(i * 7919 % 1_000_003))}
	}
	n := &influxql.IntegerLiteral{Value: int64(len(points))}
	for name, args := range map[string][]influxql.Expr{
		"median": nil, "mode": nil, "stddev": nil, "distinct": nil,
		"percentile": {&influxql.NumberLiteral{Value: 90}},
		"top":        {n}, "bottom": {n}, "sample": {n},
	} {
		call := &influxql.Call{Name: name, Args: append([]influxql.Expr{&influxql.VarRef{Name: "v"}}, args...)}
		create, err := newReducer(call, model.Float, &scanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		reduce := func(ctx context.Context) error {
			red := create()
			for _, p := range points {
				red.add(p)
			}
			it := newReduceIterator(nil, &statementRun{ctx: ctx}, &scanOptions{ascending: true}, create)
			return it.emit([]reduceGroup{{tags: &tagset{}, reducer: red}}, "m", 0)
		}
		if err := reduce(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := reduce(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s did not end with its query: %v", name, err)
		}
	}
}
