package query

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// newReducer returns what makes the reducers of an aggregate or selector that takes points of the given type.
func newReducer(call *influxql.Call, typ model.FieldType, opt *scanOptions) (func() reducer, error) {
	numeric := typ == model.Float || typ == model.Integer || typ == model.Unsigned
	switch call.Name {
	case "count":
		return func() reducer { return &countReducer{} }, nil
	case "sum":
		if numeric {
			return func() reducer { return &sumReducer{} }, nil
		}
	case "mean":
		if numeric {
			return func() reducer { return &meanReducer{} }, nil
		}
	case "spread":
		if numeric {
			return func() reducer { return &spreadReducer{} }, nil
		}
	case "min", "max":
		if typ != model.String {
			least := call.Name == "min"
			return func() reducer { return &pickReducer{better: extremeBetter(least)} }, nil
		}
	case "first":
		return func() reducer { return &pickReducer{better: firstBetter} }, nil
	case "last":
		return func() reducer { return &pickReducer{better: lastBetter} }, nil
	case "median":
		if numeric {
			return func() reducer { return &listReducer{finish: median} }, nil
		}
	case "mode":
		return func() reducer { return &listReducer{finish: mode} }, nil
	case "stddev":
		if numeric {
			return func() reducer { return &listReducer{finish: stddev} }, nil
		}
	case "percentile":
		if numeric {
			if len(call.Args) > 2 {
				return newFanReducer(call.Args[1:]), nil
			}
			p, _ := numberLiteral(call.Args[1])
			return func() reducer { return &listReducer{finish: percentile(p)} }, nil
		}
	case "distinct":
		return func() reducer { return &distinctReducer{seen: make(map[value]struct{})} }, nil
	case "sample":
		n := call.Args[1].(*influxql.IntegerLiteral).Value
		return func() reducer { return newSampleReducer(int(n)) }, nil
	case "top", "bottom":
		if numeric {
			n := call.Args[len(call.Args)-1].(*influxql.IntegerLiteral).Value
			highest := call.Name == "top"
			return func() reducer { return &topReducer{most: int(n), highest: highest} }, nil
		}
	default:
		return nil, fmt.Errorf("unsupported call: %s", call.Name)
	}
	return nil, errCallType(call.Name, typ, bareInput)
}

// inputForm says what stands between a function and the rows; InfluxDB's errors name it.
type inputForm string

const (
	bareInput     inputForm = ""
	intervalInput inputForm = "Interval"
)

// reducedInput is the form of what another function has reduced to values of a type.
func reducedInput(typ model.FieldType) inputForm {
	name := typ.String()
	if name == "" {
		return bareInput
	}
	return inputForm("Reduce" + strings.ToUpper(name[:1]) + name[1:])
}

// errCallType says that a function has no meaning for a type, in the words of InfluxDB, whose types of iterators shine
// through.
func errCallType(name string, typ model.FieldType, form inputForm) error {
	if form == bareInput {
		form = "Interrupt"
	}
	return fmt.Errorf("unsupported %s iterator type: *query.%s%sIterator", name, typ, form)
}

func numberLiteral(e influxql.Expr) (float64, bool) {
	switch e := e.(type) {
	case *influxql.NumberLiteral:
		return e.Value, true
	case *influxql.IntegerLiteral:
		return float64(e.Value), true
	}
	return 0, false
}

type countReducer struct{ n int64 }

func (r *countReducer) add(p *point) { r.n++ }
func (r *countReducer) emit(dst []*point, _ *watch) []*point {
	return append(dst, &point{time: zeroTime, val: integerValue(r.n), n: uint64(r.n)})
}

// addValues adds two numbers of one kind.
func addValues(a, b value) value {
	switch a.kind {
	case model.Float:
		return floatValue(a.float() + b.float())
	case model.Integer, model.Unsigned:
		a.bits += b.bits
		return a
	}
	return b
}

type sumReducer struct {
	sum value
	n   uint64
}

func (r *sumReducer) add(p *point) {
	if r.n == 0 {
		r.sum = p.val
	} else {
		r.sum = addValues(r.sum, p.val)
	}
	r.n++
}

func (r *sumReducer) emit(dst []*point, _ *watch) []*point {
	return append(dst, &point{time: zeroTime, val: r.sum, n: r.n})
}

// meanReducer averages plain values and means of several; means are weighted by what they stand for.
type meanReducer struct {
	sum   float64
	whole value // sum of integers, kept exact
	n     uint64
}

func (r *meanReducer) add(p *point) {
	f, _ := p.val.number()
	switch {
	case p.n >= 2:
		r.sum += f * float64(p.n)
		r.n += p.n
	case p.val.kind == model.Float:
		r.sum += f
		r.n++
	default:
		r.whole = addValues(r.whole, p.val)
		r.n++
	}
}

func (r *meanReducer) emit(dst []*point, _ *watch) []*point {
	sum := r.sum
	if f, ok := r.whole.number(); ok {
		sum += f
	}
	return append(dst, &point{time: zeroTime, val: floatValue(sum / float64(r.n)), n: r.n})
}

type spreadReducer struct{ least, most value }

func (r *spreadReducer) add(p *point) {
	if r.least.null() || p.val.less(r.least) {
		r.least = p.val
	}
	if r.most.null() || r.most.less(p.val) {
		r.most = p.val
	}
}

func (r *spreadReducer) emit(dst []*point, _ *watch) []*point {
	return append(dst, &point{time: zeroTime, val: subtract(r.most, r.least)})
}

// subtract returns the difference of two numbers of one kind.
func subtract(a, b value) value {
	if a.kind == model.Float {
		return floatValue(a.float() - b.float())
	}
	a.bits -= b.bits
	return a
}

// pickReducer keeps the best point with what stands beside it.
type pickReducer struct {
	best   *point
	better func(p, best *point) bool
}

func (r *pickReducer) add(p *point) {
	if r.best == nil || r.better(p, r.best) {
		r.best = p
	}
}

func (r *pickReducer) emit(dst []*point, _ *watch) []*point {
	p := *r.best
	p.n = 0
	return append(dst, &p)
}

// extremeBetter prefers the lowest or highest value, of equal ones the earliest.
func extremeBetter(least bool) func(p, best *point) bool {
	return func(p, best *point) bool {
		if p.val.equal(best.val) {
			return p.time < best.time
		}
		return p.val.less(best.val) == least
	}
}

// firstBetter prefers the earliest point.
func firstBetter(p, best *point) bool { return firstPreferred(p.time, p.val, best.time, best.val) }

// firstPreferred prefers the earliest value, of simultaneous ones the highest; of booleans false.
func firstPreferred(t int64, v value, bestTime int64, best value) bool {
	if t != bestTime {
		return t < bestTime
	}
	if v.kind == model.Boolean {
		return v.less(best)
	}
	return best.less(v)
}

// lastBetter prefers the latest point, of simultaneous ones the highest value.
func lastBetter(p, best *point) bool {
	return p.time > best.time || p.time == best.time && best.val.less(p.val)
}

// listReducer keeps all points for functions that need to see them together.
type listReducer struct {
	points []*point
	finish func(points []*point, w *watch) *point // nil: no result
}

func (r *listReducer) add(p *point) { r.points = append(r.points, p) }
func (r *listReducer) kept() int    { return len(r.points) }

func (r *listReducer) emit(dst []*point, w *watch) []*point {
	if p := r.finish(r.points, w); p != nil {
		return append(dst, p)
	}
	return dst
}

// sortByValue sorts points in the way of the standard library, as InfluxDB does: which of equal ones comes first is part
// of the answer of percentile().
func sortByValue(points []*point, w *watch) { sort.Sort(pointsByValue{points, w}) }

type pointsByValue struct {
	points []*point
	*watch
}

func (p pointsByValue) Len() int      { return len(p.points) }
func (p pointsByValue) Swap(i, j int) { p.points[i], p.points[j] = p.points[j], p.points[i] }

func (p pointsByValue) Less(i, j int) bool {
	p.step()
	return p.points[i].val.less(p.points[j].val)
}

func median(points []*point, w *watch) *point {
	sortByValue(points, w)
	mid := len(points) / 2
	hi := points[mid].val
	if len(points)%2 == 1 {
		f, _ := hi.number()
		return &point{time: zeroTime, val: floatValue(f)}
	}
	lo := points[mid-1].val
	f, _ := lo.number()
	d, _ := subtract(hi, lo).number()
	return &point{time: zeroTime, val: floatValue(f + d/2)}
}

// mode returns the most frequent value. Between values that are equally frequent, and more than once there, the one
// whose run began before the last of the other's wins; if no value repeats, it is the lowest. Of booleans that are equally
// frequent it is true.
func mode(points []*point, w *watch) *point {
	if points[0].val.kind == model.Boolean {
		return &point{time: zeroTime, val: booleanMode(points, w)}
	}
	sortByValue(points, w)
	best, bestCount, bestTime := points[0], 0, points[0].time
	run, count := points[0], 0
	for _, p := range points {
		w.step()
		if !p.val.equal(run.val) {
			run, count = p, 1
			continue
		}
		count++
		if bestCount > count || bestCount == count && run.time > bestTime {
			continue
		}
		best, bestCount, bestTime = p, count, p.time
	}
	return &point{time: zeroTime, val: best.val}
}

func booleanMode(points []*point, w *watch) value {
	balance := 0
	for _, p := range points {
		w.step()
		if p.val.boolean() {
			balance++
		} else {
			balance--
		}
	}
	return booleanValue(balance >= 0)
}

// stddev returns the standard deviation of the sample; of a single value there is none.
func stddev(points []*point, w *watch) *point {
	if len(points) < 2 {
		return &point{time: zeroTime}
	}
	var mean, variance float64
	for i, p := range points {
		w.step()
		f, _ := p.val.number()
		mean += (f - mean) / float64(i+1)
	}
	for _, p := range points {
		w.step()
		f, _ := p.val.number()
		variance += math.Pow(f-mean, 2)
	}
	return &point{time: zeroTime, val: floatValue(math.Sqrt(variance / float64(len(points)-1)))}
}

// percentile returns the point at the nearest rank.
func percentile(p float64) func([]*point, *watch) *point {
	return func(points []*point, w *watch) *point {
		i := int(math.Floor(float64(len(points))*p/100+0.5)) - 1
		if i < 0 || i >= len(points) {
			return nil
		}
		sortByValue(points, w)
		picked := *points[i]
		picked.n = 0
		return &picked
	}
}

// distinctReducer keeps the first point of each value.
type distinctReducer struct {
	seen   map[value]struct{}
	points []*point
}

func (r *distinctReducer) kept() int { return len(r.points) }

func (r *distinctReducer) add(p *point) {
	key := p.val
	if key.kind == model.Float && key.float() == 0 {
		key.bits = 0 // both zeros are one value
	}
	if _, ok := r.seen[key]; !ok {
		r.seen[key] = struct{}{}
		r.points = append(r.points, &point{time: p.time, val: p.val})
	}
}

func (r *distinctReducer) emit(dst []*point, w *watch) []*point {
	slices.SortStableFunc(r.points, func(a, b *point) int {
		w.step()
		switch {
		case a.time < b.time, a.time == b.time && a.val.less(b.val):
			return -1
		case a.time > b.time, a.time == b.time && b.val.less(a.val):
			return 1
		}
		return 0
	})
	return append(dst, r.points...)
}
