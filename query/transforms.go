package query

import (
	"time"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// newTransform returns what makes the stream reducers of a transformation over points of the type of its input.
func newTransform(call *influxql.Call, in typed, opt *scanOptions) (func() streamReducer, error) {
	typ := in.kind
	numeric := typ == model.Float || typ == model.Integer || typ == model.Unsigned
	if !numeric && call.Name != "elapsed" {
		return nil, errCallType(transformFamily(call.Name), typ, in.form)
	}
	switch call.Name {
	case "derivative", "non_negative_derivative":
		unit := callUnit(call, 1, derivativeUnit(call, opt))
		positive := call.Name == "non_negative_derivative"
		return func() streamReducer {
			return &derivativeStream{unit: float64(unit), descending: !opt.ascending, positive: positive}
		}, nil
	case "difference", "non_negative_difference":
		positive := call.Name == "non_negative_difference"
		return func() streamReducer { return &differenceStream{positive: positive} }, nil
	case "elapsed":
		unit := callUnit(call, 1, time.Nanosecond)
		return func() streamReducer { return &elapsedStream{unit: int64(unit)} }, nil
	case "moving_average":
		n := int(call.Args[1].(*influxql.IntegerLiteral).Value)
		return func() streamReducer { return &movingAverageStream{size: n} }, nil
	case "cumulative_sum":
		return func() streamReducer { return &cumulativeStream{} }, nil
	case "integral":
		unit := callUnit(call, 1, time.Second)
		return func() streamReducer { return &integralStream{opt: opt, unit: float64(unit)} }, nil
	}
	return newSmoothing(call)
}

// transformFamily is the name under which errors speak of a function.
func transformFamily(name string) string {
	switch name {
	case "non_negative_derivative":
		return "derivative"
	case "non_negative_difference":
		return "difference"
	case "cumulative_sum":
		return "cumulative sum"
	case "moving_average":
		return "moving average"
	}
	return name
}

// callUnit returns the duration that is argument i of a call, or the default.
func callUnit(call *influxql.Call, i int, standard time.Duration) time.Duration {
	if len(call.Args) > i {
		if d, ok := call.Args[i].(*influxql.DurationLiteral); ok {
			return d.Value
		}
	}
	return standard
}

// derivativeUnit is the time that a derivative is given for: with an interval, that; otherwise a second.
func derivativeUnit(call *influxql.Call, opt *scanOptions) time.Duration {
	if opt.interval != 0 {
		return time.Duration(opt.interval)
	}
	return time.Second
}

// derivativeStream yields the change between successive points per unit of time.
type derivativeStream struct {
	unit       float64
	descending bool
	positive   bool
	prev       *point
}

func (s *derivativeStream) add(p *point, dst []*point) []*point {
	prev := s.prev
	if prev != nil && prev.time == p.time {
		return dst // of simultaneous points only the first counts
	}
	s.prev = p
	if prev == nil {
		return dst
	}
	diff := floatDifference(p.val, prev.val)
	if s.positive && diff < 0 {
		return dst
	}
	elapsed := p.time - prev.time
	if s.descending {
		elapsed = -elapsed
	}
	return append(dst, &point{time: p.time, val: floatValue(diff / (float64(elapsed) / s.unit))})
}

func (s *derivativeStream) finish(dst []*point) []*point { return dst }

// floatDifference returns a-b as a float, exact for integers as far as a float can be.
func floatDifference(a, b value) float64 {
	if a.kind == model.Unsigned && a.bits < b.bits {
		return -float64(b.bits - a.bits)
	}
	f, _ := subtract(a, b).number()
	return f
}

// differenceStream yields the change between successive points.
type differenceStream struct {
	positive bool
	prev     *point
}

func (s *differenceStream) add(p *point, dst []*point) []*point {
	prev := s.prev
	if prev != nil && prev.time == p.time {
		return dst
	}
	s.prev = p
	if prev == nil || s.positive && p.val.less(prev.val) {
		return dst
	}
	return append(dst, &point{time: p.time, val: subtract(p.val, prev.val)})
}

func (s *differenceStream) finish(dst []*point) []*point { return dst }

// elapsedStream yields the time between successive points.
type elapsedStream struct {
	unit int64
	prev *point
}

func (s *elapsedStream) add(p *point, dst []*point) []*point {
	prev := s.prev
	s.prev = p
	if prev == nil {
		return dst
	}
	return append(dst, &point{time: p.time, val: integerValue((p.time - prev.time) / s.unit)})
}

func (s *elapsedStream) finish(dst []*point) []*point { return dst }

// movingAverageStream yields the average of the last points. The sum is carried along, not computed anew.
type movingAverageStream struct {
	size int
	buf  []value // a ring once it is full
	pos  int
	sum  value
}

func (s *movingAverageStream) add(p *point, dst []*point) []*point {
	if len(s.buf) < s.size {
		s.buf = append(s.buf, p.val)
	} else {
		s.sum = subtract(s.sum, s.buf[s.pos])
		s.buf[s.pos] = p.val
	}
	s.pos = (s.pos + 1) % s.size
	if s.sum.null() {
		s.sum = value{kind: p.val.kind}
	}
	s.sum = addValues(s.sum, p.val)
	if len(s.buf) < s.size {
		return dst
	}
	sum, _ := s.sum.number()
	return append(dst, &point{time: p.time, val: floatValue(sum / float64(s.size)), n: uint64(s.size)})
}

func (s *movingAverageStream) finish(dst []*point) []*point { return dst }

// cumulativeStream yields the sum of all points so far.
type cumulativeStream struct{ sum value }

func (s *cumulativeStream) add(p *point, dst []*point) []*point {
	if s.sum.null() {
		s.sum = value{kind: p.val.kind}
	}
	s.sum = addValues(s.sum, p.val)
	return append(dst, &point{time: p.time, val: s.sum})
}

func (s *cumulativeStream) finish(dst []*point) []*point { return dst }

// integralStream yields the area under the line through the points, by window. Without windows the area of floats has the
// time 0, that of other numbers the time at which the range begins (with ORDER BY time DESC the one behind its end), as in 1.x.
type integralStream struct {
	opt        *scanOptions
	unit       float64
	prev       point
	prevValue  float64
	any        bool
	sum        float64
	start, end int64 // of the window, in the direction of the statement
}

func (s *integralStream) add(p *point, dst []*point) []*point {
	v, _ := p.val.number()
	if !s.any {
		s.any = true
		s.keep(p.time, v)
		if s.opt.interval != 0 || p.val.kind != model.Float {
			s.openWindow(p.time)
		}
		return dst
	}
	if s.prev.time == p.time {
		s.keep(p.time, v)
		return dst
	}
	if s.opt.interval != 0 && (s.opt.ascending && p.time >= s.end || !s.opt.ascending && p.time <= s.end) {
		if s.prev.time != s.end { // the line crosses the edge of the window
			edge := linear(s.end, s.prev.time, p.time, s.prevValue, v)
			s.addArea(s.end, edge)
			s.keep(s.end, edge)
		}
		dst = append(dst, &point{time: s.start, val: floatValue(s.sum)})
		s.openWindow(p.time)
		s.sum = 0
	}
	s.addArea(p.time, v)
	s.keep(p.time, v)
	return dst
}

func (s *integralStream) keep(t int64, v float64) { s.prev.time, s.prevValue = t, v }

func (s *integralStream) openWindow(t int64) {
	s.start, s.end = s.opt.of(t)
	if !s.opt.ascending {
		s.start, s.end = s.end, s.start
	}
	if s.opt.interval == 0 && s.start == influxql.MinTime {
		s.start = 0
	}
}

// addArea adds the trapezium from the previous point to a new one.
func (s *integralStream) addArea(t int64, v float64) {
	s.sum += 0.5 * (v + s.prevValue) * (float64(t-s.prev.time) / s.unit)
}

func (s *integralStream) finish(dst []*point) []*point {
	if s.any && s.prev.time != s.start {
		dst = append(dst, &point{time: s.start, val: floatValue(s.sum)})
	}
	return dst
}
