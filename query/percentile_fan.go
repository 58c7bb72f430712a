package query

import (
	"errors"
	"math"

	"github.com/timberlinedb/timberline/influxql"
)

// expandPercentiles puts percentile(f, p) for each p in the place of percentiles(f, p, …).
func (c *compiled) expandPercentiles() error {
	var fields influxql.Fields
	for _, f := range c.stmt.Fields {
		call, ok := f.Expr.(*influxql.Call)
		if !ok || call.Name != "percentiles" {
			fields = append(fields, f)
			continue
		}
		if len(call.Args) < 2 {
			return errors.New("percentiles() takes a field and at least one percentage")
		}
		for _, p := range call.Args[1:] {
			name := f.Alias
			if name == "" {
				name = "percentile"
			}
			fields = append(fields, &influxql.Field{
				Expr:  &influxql.Call{Name: "percentile", Args: []influxql.Expr{influxql.CloneExpr(call.Args[0]), p}},
				Alias: name + "_" + p.String(),
			})
		}
	}
	c.stmt.Fields = fields
	return nil
}

// percentileFan computes several percentiles of the same rows in one pass: the rows are read and sorted once.
type percentileFan struct {
	percents []float64
	calls    map[*influxql.Call]int // place among percents

	in     typed // nil until the first of the calls is opened
	ready  [][]*point
	next0  []int
	opened int // calls
	closed int
}

// fanOut finds the calls of percentile() that share an argument.
func (b *builder) fanOut(calls []*influxql.Call) {
	byArgument := make(map[string]*percentileFan)
	for _, call := range calls {
		if call.Name != "percentile" {
			continue
		}
		key := call.Args[0].String()
		fan := byArgument[key]
		if fan == nil {
			fan = &percentileFan{calls: make(map[*influxql.Call]int)}
			byArgument[key] = fan
		}
		p, _ := numberLiteral(call.Args[1])
		fan.calls[call] = len(fan.percents)
		fan.percents = append(fan.percents, p)
	}
	for _, fan := range byArgument {
		if len(fan.percents) < 2 {
			continue
		}
		fan.ready, fan.next0 = make([][]*point, len(fan.percents)), make([]int, len(fan.percents))
		for call := range fan.calls {
			if b.fans == nil {
				b.fans = make(map[*influxql.Call]*percentileFan)
			}
			b.fans[call] = fan
		}
	}
}

// open returns the results of one of the calls.
func (f *percentileFan) open(b *builder, call *influxql.Call, sources influxql.Sources, opt scanOptions) (typed, error) {
	if f.in.iterator == nil {
		many := &influxql.Call{Name: "percentile", Args: []influxql.Expr{call.Args[0]}}
		for _, p := range f.percents {
			many.Args = append(many.Args, &influxql.NumberLiteral{Value: p})
		}
		in, err := b.reduced(many, call.Args[0], sources, opt)
		if err != nil {
			return typed{}, err
		}
		f.in = in
	}
	f.opened++
	return typed{iterator: &fanned{fan: f, place: f.calls[call]}, kind: f.in.kind, form: f.in.form}, nil
}

// fanned is the iterator of one percentile of a fan.
type fanned struct {
	fan    *percentileFan
	place  int
	closed bool
}

func (f *fanned) next() (*point, error) {
	fan := f.fan
	for fan.next0[f.place] == len(fan.ready[f.place]) {
		fan.ready[f.place], fan.next0[f.place] = fan.ready[f.place][:0], 0
		p, err := fan.in.next()
		if err != nil || p == nil {
			return nil, err
		}
		place := int(p.n) - 1
		p.n = 0
		fan.ready[place] = append(fan.ready[place], p)
	}
	p := fan.ready[f.place][fan.next0[f.place]]
	fan.next0[f.place]++
	return p, nil
}

// close ends the pass with the last of its percentiles.
func (f *fanned) close() {
	if f.closed {
		return
	}
	f.closed = true
	if f.fan.closed++; f.fan.closed == f.fan.opened {
		f.fan.in.close()
	}
}

// fanReducer yields the points at several ranks. Which percentile a point is for stands in its n, from one.
type fanReducer struct {
	percents []float64
	points   []*point
}

func (r *fanReducer) kept() int    { return len(r.points) }
func (r *fanReducer) add(p *point) { r.points = append(r.points, p) }

func (r *fanReducer) emit(dst []*point, w *watch) []*point {
	sortByValue(r.points, w)
	for i, percent := range r.percents {
		rank := int(math.Floor(float64(len(r.points))*percent/100+0.5)) - 1
		if rank < 0 || rank >= len(r.points) {
			continue
		}
		picked := *r.points[rank]
		picked.n = uint64(i + 1)
		dst = append(dst, &picked)
	}
	return dst
}

func newFanReducer(args []influxql.Expr) func() reducer {
	percents := make([]float64, len(args))
	for i, arg := range args {
		percents[i], _ = numberLiteral(arg)
	}
	return func() reducer { return &fanReducer{percents: percents} }
}
