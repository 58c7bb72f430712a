package query

import (
	"fmt"
	"math"

	"github.com/timberlinedb/timberline/influxql"
)

// smoother is a function of technical analysis: a running value over the values so far.
type smoother interface {
	// add takes the next value and returns the new result.
	add(v float64) float64
	// warmCount is how many results at the beginning are not worth showing.
	warmCount() int
}

// smoothingStream yields the results of a smoother behind the hold period.
type smoothingStream struct {
	smoother smoother
	hold     int
	count    int
}

func (s *smoothingStream) add(p *point, dst []*point) []*point {
	v, _ := p.val.number()
	result := s.smoother.add(v)
	if s.count++; s.count <= s.hold || math.IsInf(result, 0) {
		return dst
	}
	return append(dst, &point{time: p.time, val: floatValue(result), n: uint64(s.count)})
}

func (s *smoothingStream) finish(dst []*point) []*point { return dst }

// newSmoothing returns what makes the streams of a function of technical analysis: field, period, hold period (-1 for
// the warm-up of the function) and kind of warm-up.
func newSmoothing(call *influxql.Call) (func() streamReducer, error) {
	period := int(call.Args[1].(*influxql.IntegerLiteral).Value)
	hold, warmup := -1, ""
	if len(call.Args) > 2 {
		hold = int(call.Args[2].(*influxql.IntegerLiteral).Value)
	}
	if len(call.Args) > 3 {
		warmup = call.Args[3].(*influxql.StringLiteral).Value
	}
	create := smootherFor(call.Name, period, warmup)
	if create == nil {
		return nil, fmt.Errorf("unsupported call: %s", call.Name)
	}
	return func() streamReducer {
		s := &smoothingStream{smoother: create(), hold: hold}
		if hold < 0 {
			s.hold = s.smoother.warmCount()
		}
		return s
	}, nil
}

func smootherFor(name string, period int, warmup string) func() smoother {
	simple := warmup == "simple"
	switch name {
	case "exponential_moving_average":
		return func() smoother { return &chainedAverage{stages: averages(1, period, simple), mix: mixOne} }
	case "double_exponential_moving_average":
		return func() smoother { return &chainedAverage{stages: averages(2, period, simple), mix: mixTwo} }
	case "triple_exponential_moving_average":
		return func() smoother { return &chainedAverage{stages: averages(3, period, simple), mix: mixThree} }
	case "triple_exponential_derivative":
		return func() smoother { return &rateOfChange{stages: averages(3, period, simple)} }
	case "relative_strength_index":
		return func() smoother { return &strength{upDown: newUpDown(period, simple)} }
	case "chande_momentum_oscillator":
		if warmup == "" || warmup == "none" {
			return func() smoother { return &momentum{ring: make([]momentumPoint, period)} }
		}
		return func() smoother { return &smoothMomentum{upDown: newUpDown(period, simple)} }
	case "kaufmans_efficiency_ratio":
		return func() smoother { return &efficiency{ring: make([]efficiencyPoint, period)} }
	case "kaufmans_adaptive_moving_average":
		return func() smoother { return &adaptiveAverage{ratio: efficiency{ring: make([]efficiencyPoint, period)}} }
	}
	return nil
}

// expAverage is an exponential moving average. While it warms up it may be a plain average instead.
type expAverage struct {
	period int
	alpha  float64
	simple bool
	last   float64
	count  int
}

func newExpAverage(period int, simple bool) expAverage {
	return expAverage{period: period, alpha: 2 / float64(period+1), simple: simple}
}

func averages(n, period int, simple bool) []expAverage {
	stages := make([]expAverage, n)
	for i := range stages {
		stages[i] = newExpAverage(period, simple)
	}
	return stages
}

func (e *expAverage) warm() bool { return e.count == e.period }

func (e *expAverage) add(v float64) float64 {
	switch {
	case e.count == 0:
		e.last = v
	case !e.warm() && e.simple:
		e.last = (e.last*float64(e.count) + v) / float64(e.count+1)
	default:
		alpha := e.alpha
		if !e.warm() {
			alpha = 2 / float64(e.count+2) // that of a period as long as the values so far
		}
		e.last = float64((v-e.last)*alpha) + e.last
	}
	if e.count < e.period {
		e.count++
	}
	return e.last
}

// ready reports whether the next stage may take the results.
func (e *expAverage) ready() bool { return e.warm() || !e.simple }

// chainedAverage feeds averages into averages and mixes their results.
type chainedAverage struct {
	stages []expAverage
	out    [3]float64
	mix    func(out [3]float64) float64
}

func mixOne(a [3]float64) float64   { return a[0] }
func mixTwo(a [3]float64) float64   { return float64(2*a[0]) - a[1] }
func mixThree(a [3]float64) float64 { return float64(3*a[0]) - float64(3*a[1]) + a[2] }

func (c *chainedAverage) add(v float64) float64 {
	ready := true
	for i := range c.stages {
		if ready {
			v = c.stages[i].add(v)
			ready = c.stages[i].ready()
		}
		c.out[i] = v
	}
	return c.mix(c.out)
}

func (c *chainedAverage) warmCount() int {
	if n := c.stages[0].period - 1; c.stages[0].simple {
		return n * len(c.stages)
	} else {
		return n
	}
}

// rateOfChange is the change, in percent, of a triple average.
type rateOfChange struct {
	stages []expAverage
	last   float64
}

func (r *rateOfChange) add(v float64) float64 {
	for i := range r.stages {
		v = r.stages[i].add(v)
		if !r.stages[i].ready() {
			break
		}
	}
	rate := (v/r.last - 1) * 100
	r.last = v
	return rate
}

func (r *rateOfChange) warmCount() int {
	n := r.stages[0].period - 1
	if r.stages[0].simple {
		n *= 3
	}
	return n + 1
}

// upDown averages the rises and the falls of a sequence.
type upDown struct {
	up, down expAverage
	last     float64
}

func newUpDown(period int, simple bool) upDown {
	e := newExpAverage(period+1, simple)
	e.alpha = 1 / float64(period)
	return upDown{up: e, down: e}
}

func (u *upDown) add(v float64) (up, down float64) {
	if v > u.last {
		up = v - u.last
	} else {
		down = u.last - v
	}
	u.last = v
	return u.up.add(up), u.down.add(down)
}

func (u *upDown) warmCount() int { return u.up.period - 1 }

// strength is the relative strength index.
type strength struct{ upDown }

func (s *strength) add(v float64) float64 {
	up, down := s.upDown.add(v)
	return 100 - 100/(1+up/down)
}

// smoothMomentum is the momentum oscillator over averages.
type smoothMomentum struct{ upDown }

func (s *smoothMomentum) add(v float64) float64 {
	up, down := s.upDown.add(v)
	return 100 * ((up - down) / (up + down))
}

// momentum is the momentum oscillator over sums.
type momentum struct {
	ring           []momentumPoint
	at, count      int
	sumUp, sumDown float64
}

type momentumPoint struct{ price, diff float64 }

func (m *momentum) add(v float64) float64 {
	oldest := (m.at + 1) % len(m.ring)
	if d := m.ring[oldest].diff; d > 0 {
		m.sumUp -= d
	} else {
		m.sumDown += d
	}
	var diff float64
	if m.count != 0 {
		if diff = v - m.ring[m.at].price; diff > 0 {
			m.sumUp += diff
		} else {
			m.sumDown -= diff
		}
	}
	var out float64
	if m.sumUp != 0 || m.sumDown != 0 {
		out = 100 * ((m.sumUp - m.sumDown) / (m.sumUp + m.sumDown))
	}
	m.ring[oldest] = momentumPoint{price: v, diff: diff}
	m.at = oldest
	if m.count < len(m.ring) {
		m.count++
	}
	return out
}

func (m *momentum) warmCount() int { return len(m.ring) - 1 }

// efficiency is Kaufman's efficiency ratio: how far the values came against the way they went.
type efficiency struct {
	ring      []efficiencyPoint
	at, count int
	noise     float64
}

type efficiencyPoint struct{ price, diff float64 }

func (e *efficiency) add(v float64) float64 {
	oldest := (e.at + 1) % len(e.ring)
	signal := math.Abs(v - e.ring[oldest].price)
	diff := math.Abs(v - e.ring[e.at].price)
	e.noise -= e.ring[oldest].diff
	e.noise += diff
	e.ring[oldest] = efficiencyPoint{price: v, diff: diff}
	e.at = oldest
	if e.count < len(e.ring) {
		e.count++
	}
	if signal == 0 || e.noise == 0 {
		return 0
	}
	return signal / e.noise
}

func (e *efficiency) warmCount() int { return len(e.ring) }

// warm reports whether every place of the ring is taken.
func (e *efficiency) warm() bool { return e.count == len(e.ring) }

// adaptiveAverage is Kaufman's adaptive moving average: it follows the values faster the straighter they go.
type adaptiveAverage struct {
	ratio efficiency
	last  float64
}

func (a *adaptiveAverage) add(v float64) float64 {
	if !a.ratio.warm() {
		a.ratio.add(v)
		a.last = v
		return 0
	}
	const fast, slow = 2.0 / (2 + 1), 2.0 / (30 + 1)
	c := math.Pow(float64(a.ratio.add(v)*(fast-slow))+slow, 2)
	a.last += float64(c * (v - a.last))
	return a.last
}

func (a *adaptiveAverage) warmCount() int { return a.ratio.warmCount() }
