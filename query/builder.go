package query

import (
	"fmt"
	"slices"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// builder turns a statement into operators, from the sources up:
//
//	cursor.View ── rawScan ───────┬─ merge ─┬─ reduceIterator ─┬─ intervalIterator ── fillIterator ─┐
//	            │  subqueryIterator ┘       ├─ streamIterator ─┤                                    │
//	            └─ aggregateScan (columns) ─┴──────────────────┴────────────────────────────────────┤
//	            joinedRows (projection) ◀── slotScanner, one for each call ◀── limitIterator ◀──────┘
//
// joinedRows is a rowCursor: its rows go to the answer, into a measurement, or, as a subqueryIterator, into the statement
// around.
type builder struct {
	run   *statementRun
	times model.TimeRange // of the views

	shared []*sharedSources
	fans   map[*influxql.Call]*percentileFan // of the calls that share one
}

// typed is an iterator with the type of the values it yields; a type of none says that nothing can come.
type typed struct {
	iterator
	kind model.FieldType
	form inputForm
}

// merged returns inputs as one. Without any, there is no type either.
func merged(inputs []iterator, opt *scanOptions, kind model.FieldType) typed {
	if len(inputs) == 0 {
		kind = model.NoType
	}
	return typed{iterator: merge(inputs, opt, opt.ordered), kind: kind}
}

// auxIterator yields the rows of raw fields.
func (b *builder) auxIterator(sources influxql.Sources, opt *scanOptions) (iterator, error) {
	inputs, err := b.eachSource(sources, func(src influxql.Source) ([]iterator, error) {
		switch src := src.(type) {
		case *influxql.Measurement:
			return b.rawSources(src, opt)
		case *influxql.SubQuery:
			in, err := b.subqueryRows(src.Statement, nil, opt)
			return []iterator{in}, err
		}
		return nil, fmt.Errorf("unsupported source: %s", src)
	})
	if err != nil {
		return nil, err
	}
	return newLimitIterator(merge(inputs, opt, opt.ordered), opt), nil
}

// eachSource collects the iterators of all sources; on an error it closes those it has.
func (b *builder) eachSource(sources influxql.Sources, open func(influxql.Source) ([]iterator, error)) ([]iterator, error) {
	var inputs []iterator
	for _, src := range sources {
		ins, err := open(src)
		for _, in := range ins {
			if in != nil {
				inputs = append(inputs, in)
			}
		}
		if err != nil {
			closeAll(inputs)
			return nil, err
		}
	}
	return inputs, nil
}

func closeAll(inputs []iterator) {
	for _, in := range inputs {
		in.close()
	}
}

// openSources finds the series of every measurement that a source stands for.
func (b *builder) openSources(m *influxql.Measurement, opt *scanOptions) ([]*source, error) {
	view, err := b.run.view(m.Database, m.RetentionPolicy, b.times)
	if err != nil {
		return nil, err
	}
	names, err := view.names(m)
	if err != nil {
		return nil, err
	}
	var sources []*source
	for _, name := range names {
		s, err := b.run.newSource(view, name, opt)
		if err != nil {
			return nil, err
		}
		sources = append(sources, s)
	}
	return sources, nil
}

func (b *builder) rawSources(m *influxql.Measurement, opt *scanOptions) ([]iterator, error) {
	sources, err := b.openSources(m, opt)
	if err != nil {
		return nil, err
	}
	var inputs []iterator
	for _, s := range sources {
		in, err := newRawScan(s)
		if err != nil {
			closeAll(inputs)
			return nil, err
		}
		if in != nil {
			inputs = append(inputs, in)
		}
	}
	if len(inputs) == 0 {
		return nil, nil
	}
	return []iterator{merge(inputs, opt, opt.ordered)}, nil
}

// field yields the values of one call of a statement, limited to the rows the statement asks for.
func (b *builder) field(call *influxql.Call, sources influxql.Sources, opt *scanOptions) (iterator, error) {
	inner := *opt
	inner.newest = newestWanted(call, opt)
	in, err := b.expr(call, sources, inner)
	if err != nil {
		return nil, err
	}
	return newLimitIterator(in.iterator, opt), nil
}

// expr yields the values of a name or a call.
func (b *builder) expr(expr influxql.Expr, sources influxql.Sources, opt scanOptions) (typed, error) {
	opt.limit, opt.rowOffset = 0, 0 // they count the rows of the answer
	switch expr := expr.(type) {
	case *influxql.VarRef:
		return b.varRef(expr, sources, opt)
	case *influxql.Call:
		return b.call(expr, sources, opt)
	}
	return typed{}, fmt.Errorf("invalid expression type: %T", expr)
}

// varRef yields the values of a field in order of time within its groups.
func (b *builder) varRef(ref *influxql.VarRef, sources influxql.Sources, opt scanOptions) (typed, error) {
	opt.expr = ref
	inputs, err := b.eachSource(sources, func(src influxql.Source) ([]iterator, error) {
		switch src := src.(type) {
		case *influxql.Measurement:
			return b.rawSources(src, &opt)
		case *influxql.SubQuery:
			in, err := b.subqueryRows(src.Statement, ref, &opt)
			return []iterator{in}, err
		}
		return nil, fmt.Errorf("unsupported source: %s", src)
	})
	if err != nil {
		return typed{}, err
	}
	kind := fieldType(ref.Type)
	if sub, ok := sources[0].(*influxql.SubQuery); ok && len(sources) == 1 {
		if place, _ := findColumn(sub.Statement, ref); place.tag != "" {
			kind = model.String
		}
	}
	return merged(inputs, &opt, kind), nil
}

// call yields the results of a function.
func (b *builder) call(call *influxql.Call, sources influxql.Sources, opt scanOptions) (typed, error) {
	opt.expr = call
	switch call.Name {
	case "distinct":
		in, err := b.reduced(call, call.Args[0], sources, opt)
		if err != nil {
			return typed{}, err
		}
		return typed{&intervalIterator{in: in, opt: &opt}, in.kind, intervalInput}, nil
	case "sample":
		return b.reduced(call, call.Args[0], sources, opt)
	case "top", "bottom":
		return b.topBottom(call, sources, opt)
	case "integral":
		return b.transformed(call, sources, opt)
	case "holt_winters", "holt_winters_with_fit":
		return b.holtWinters(call, sources, opt)
	}
	if isTransform(call.Name) {
		asked := opt.windows
		n := extraWindows(call)
		opt.reachBack(n)
		if n == 0 || !opt.lookBack(asked) {
			return b.transformed(call, sources, opt)
		}
		in, err := b.transformed(call, sources, opt)
		if err == nil {
			in.iterator = &rangeIterator{in: in.iterator, opt: &opt, asked: asked}
		}
		return in, err
	}
	asked := opt.windows
	if opt.interval != 0 && opt.fill == influxql.PreviousFill {
		opt.lookBack(asked)
	}
	opt.untimed = (!opt.selector || opt.interval != 0) && len(opt.groupBy) == len(opt.dimensions)
	in, err := b.aggregate(call, sources, opt)
	if err != nil {
		return typed{}, err
	}
	if !opt.selector || opt.interval != 0 {
		in.iterator = &intervalIterator{in: in.iterator, opt: &opt}
		if opt.interval != 0 && opt.fill != influxql.NoFill {
			in.iterator = newFillIterator(in.iterator, b.run, call, in.kind, &opt, asked)
		}
	}
	return in, nil
}

// isTransform reports whether a function yields a sequence for a sequence.
func isTransform(name string) bool {
	switch name {
	case "derivative", "non_negative_derivative", "difference", "non_negative_difference", "elapsed", "moving_average",
		"cumulative_sum", "exponential_moving_average", "double_exponential_moving_average",
		"triple_exponential_moving_average", "relative_strength_index", "triple_exponential_derivative",
		"kaufmans_efficiency_ratio", "kaufmans_adaptive_moving_average", "chande_momentum_oscillator":
		return true
	}
	return false
}

// extraWindows returns how many windows before the range a transformation looks at, so that its first result is of the
// first window.
func extraWindows(call *influxql.Call) int64 {
	if call.Name == "cumulative_sum" {
		return 0
	}
	return 1
}

// reachBack moves the beginning of the range, in the direction of the statement, by n windows.
func (o *scanOptions) reachBack(n int64) {
	if o.interval == 0 {
		return
	}
	if o.months > 0 {
		o.reachBackMonths(n)
		return
	}
	if o.ascending {
		o.start = saturatingSubtract(o.start, o.interval, n)
	} else {
		o.end = saturatingAdd(o.end, o.interval, n)
	}
}

func saturatingSubtract(t, step, n int64) int64 {
	for ; n > 0; n-- {
		if t < influxql.MinTime+step {
			return influxql.MinTime
		}
		t -= step
	}
	return t
}

func saturatingAdd(t, step, n int64) int64 {
	for ; n > 0; n-- {
		if t > influxql.MaxTime-step {
			return influxql.MaxTime
		}
		t += step
	}
	return t
}

// transformed runs a transformation over the values of its first argument.
func (b *builder) transformed(call *influxql.Call, sources influxql.Sources, opt scanOptions) (typed, error) {
	opt.ordered = true
	inner := opt
	inner.writing = false
	in, err := b.expr(call.Args[0], sources, inner)
	if err != nil {
		return typed{}, err
	}
	if in.kind == model.NoType {
		in.close()
		return typed{iterator: emptyIterator{}}, nil
	}
	create, err := newTransform(call, in, &opt)
	if err != nil {
		in.close()
		return typed{}, err
	}
	return typed{newStreamIterator(in.iterator, &opt, create), resultType(call, in.kind), bareInput}, nil
}

// resultType returns the type of a function's results.
func resultType(call *influxql.Call, arg model.FieldType) model.FieldType {
	typ, _ := functionTypes{}.CallType(call.Name, []influxql.DataType{dataType(arg)})
	return fieldType(typ)
}

// reduced runs a reducer over the values of an argument.
func (b *builder) reduced(call *influxql.Call, arg influxql.Expr, sources influxql.Sources, opt scanOptions) (typed, error) {
	inner := opt
	inner.ordered = true
	in, err := b.expr(arg, sources, inner)
	if err != nil {
		return typed{}, err
	}
	return b.reduce(call, in, &opt)
}

// reduce wraps an iterator by the reducer of a call.
func (b *builder) reduce(call *influxql.Call, in typed, opt *scanOptions) (typed, error) {
	if in.kind == model.NoType {
		in.close()
		return typed{iterator: emptyIterator{}}, nil
	}
	create, err := newReducer(call, in.kind, opt)
	if err != nil {
		in.close()
		return typed{}, err
	}
	return typed{newReduceIterator(in.iterator, b.run, opt, create), resultType(call, in.kind), bareInput}, nil
}

// aggregate yields the results of an aggregate or selector before windows are filled. What columns can be computed from
// directly is; everything else goes point by point.
func (b *builder) aggregate(call *influxql.Call, sources influxql.Sources, opt scanOptions) (typed, error) {
	if arg, ok := call.Args[0].(*influxql.Call); ok {
		return b.reduced(call, arg, sources, opt) // count(distinct(f))
	}
	ref, ok := call.Args[0].(*influxql.VarRef)
	if !ok {
		return typed{}, fmt.Errorf("invalid argument of %s(): %s", call.Name, call.Args[0])
	}
	if fan := b.fans[call]; fan != nil {
		return fan.open(b, call, sources, opt)
	}
	if aggregateKinds[call.Name] == aggregateNone || call.Name == "spread" && len(sources) > 1 {
		return b.reduced(call, ref, sources, opt)
	}
	inputs, err := b.eachSource(sources, func(src influxql.Source) ([]iterator, error) {
		switch src := src.(type) {
		case *influxql.Measurement:
			return b.aggregateSources(call, src, &opt)
		case *influxql.SubQuery:
			in, err := b.reducedSubquery(call, ref, src, opt)
			return []iterator{in}, err
		}
		return nil, fmt.Errorf("unsupported source: %s", src)
	})
	if err != nil {
		return typed{}, err
	}
	kind := resultType(call, fieldType(ref.Type))
	switch len(inputs) {
	case 0:
		return merged(nil, &opt, kind), nil
	case 1:
		return typed{inputs[0], kind, bareInput}, nil
	}
	return typed{b.joinPartials(call, inputs, kind, &opt), kind, bareInput}, nil
}

// reducedSubquery reduces the rows of one subquery.
func (b *builder) reducedSubquery(call *influxql.Call, ref *influxql.VarRef, src *influxql.SubQuery, opt scanOptions) (iterator, error) {
	inner := opt
	inner.ordered = call.Name == "spread"
	in, err := b.expr(ref, influxql.Sources{src}, inner)
	if err != nil {
		return nil, err
	}
	out, err := b.reduce(call, in, &opt)
	return out.iterator, err
}

func (b *builder) aggregateSources(call *influxql.Call, m *influxql.Measurement, opt *scanOptions) ([]iterator, error) {
	shared, err := b.sharedSources(m, opt)
	if err != nil {
		return nil, err
	}
	var inputs []iterator
	for _, s := range shared.sources {
		in, scan, err := newAggregateScan(s, call, opt.untimed, shared.scans)
		if err != nil {
			closeAll(inputs)
			return nil, err
		}
		if scan != nil {
			shared.scans = append(shared.scans, scan)
		}
		if in != nil {
			inputs = append(inputs, in)
		}
	}
	if len(inputs) == 0 {
		return nil, nil
	}
	return []iterator{merge(inputs, opt, false)}, nil
}

// sharedSources are the sources of one measurement for the calls that read the same rows, with their scans.
type sharedSources struct {
	measurement *influxql.Measurement
	opt         *scanOptions
	sources     []*source
	scans       []*aggregateScan
}

// sharedSources returns the sources of a measurement, found once for all calls of a statement.
func (b *builder) sharedSources(m *influxql.Measurement, opt *scanOptions) (*sharedSources, error) {
	for _, sh := range b.shared {
		if sh.measurement != m || !sh.opt.readsAs(opt) {
			continue
		}
		for _, s := range sh.sources { // the limit counts every call
			if err := b.run.countSeries(len(s.series)); err != nil {
				return nil, err
			}
		}
		return sh, nil
	}
	sources, err := b.openSources(m, opt)
	if err != nil {
		return nil, err
	}
	sh := &sharedSources{measurement: m, opt: opt, sources: sources}
	b.shared = append(b.shared, sh)
	return sh, nil
}

// joinPartials joins the results that several sources have for the same group; counts are added up.
func (b *builder) joinPartials(call *influxql.Call, inputs []iterator, kind model.FieldType, opt *scanOptions) iterator {
	in := merge(inputs, opt, false)
	if len(inputs) == 0 {
		return in
	}
	joined := *call
	if call.Name == "count" {
		joined.Name = "sum"
	}
	create, err := newReducer(&joined, kind, opt)
	if err != nil {
		return in
	}
	return newReduceIterator(in, b.run, opt, create)
}

// topBottom yields the highest or lowest points. With tags among the arguments, each of their combinations first puts
// forward its best point.
func (b *builder) topBottom(call *influxql.Call, sources influxql.Sources, opt scanOptions) (typed, error) {
	inner := opt
	inner.selector, inner.writing = true, false
	inner.ordered = len(call.Args) <= 2 && opt.ordered
	var (
		in  typed
		err error
	)
	if len(call.Args) > 2 {
		for _, arg := range call.Args[1 : len(call.Args)-1] {
			inner.groupBy = addName(inner.groupBy, arg.(*influxql.VarRef).Name)
		}
		pick := &influxql.Call{Name: "max", Args: call.Args[:1]}
		if call.Name == "bottom" {
			pick.Name = "min"
		}
		inner.fill, inner.expr = influxql.NoFill, pick
		in, err = b.aggregate(pick, sources, inner)
		in.form = reducedInput(in.kind)
	} else {
		in, err = b.expr(call.Args[0], sources, inner)
	}
	if err != nil {
		return typed{}, err
	}
	if in.kind == model.NoType {
		in.close()
		return typed{iterator: emptyIterator{}}, nil
	}
	create, err := newReducer(call, in.kind, &opt)
	if err != nil {
		in.close()
		if in.form != bareInput {
			err = errCallType(call.Name, in.kind, in.form)
		}
		return typed{}, err
	}
	reduce := newReduceIterator(in.iterator, b.run, &opt, create)
	reduce.keepTags = opt.writing
	return typed{reduce, in.kind, bareInput}, nil
}

// addName returns the sorted names with one more among them.
func addName(names []string, name string) []string {
	i, found := slices.BinarySearch(names, name)
	if found {
		return names
	}
	return slices.Insert(slices.Clone(names), i, name)
}
