package query

import (
	"context"
	"math"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// holtWinters yields the forecast of a call by the damped method of Holt and Winters.
func (b *builder) holtWinters(call *influxql.Call, sources influxql.Sources, opt scanOptions) (typed, error) {
	opt.ordered = true
	in, err := b.expr(call.Args[0], sources, opt)
	if err != nil {
		return typed{}, err
	}
	if in.kind == model.NoType {
		in.close()
		return typed{iterator: emptyIterator{}}, nil
	}
	if in.kind != model.Float && in.kind != model.Integer {
		in.close()
		return typed{}, errCallType(call.Name, in.kind, in.form)
	}
	interval := opt.interval
	opt.start, opt.end, opt.interval, opt.offset = influxql.MinTime, influxql.MaxTime, 0, 0 // one window for everything
	create := func() reducer {
		return &forecastReducer{
			ctx:      b.run.ctx,
			horizon:  int(call.Args[1].(*influxql.IntegerLiteral).Value),
			season:   int(call.Args[2].(*influxql.IntegerLiteral).Value),
			fit:      call.Name == "holt_winters_with_fit",
			interval: interval,
		}
	}
	return typed{newReduceIterator(in.iterator, b.run, &opt, create), model.Float, bareInput}, nil
}

// forecastReducer fits the parameters of the method to the points and goes on with them into the future. Parameters are
// alpha, beta, gamma, phi, the first level, the first trend, and the factors of one season.
type forecastReducer struct {
	ctx      context.Context
	horizon  int
	season   int
	fit      bool // the fitted past is wanted too
	interval int64

	points []*point
	values []float64 // one for each interval, NaN where there is no point
}

// The grid from which the fit starts, and when it is good enough.
const (
	forecastLower   = 0.3
	forecastUpper   = 1.0
	forecastStep    = 0.4
	forecastWeight  = 0.5
	forecastEpsilon = 1e-4
	fixedParameters = 6
)

func (r *forecastReducer) add(p *point) { r.points = append(r.points, p) }

func (r *forecastReducer) seasonal() bool { return r.season >= 2 }

func (r *forecastReducer) emit(dst []*point, _ *watch) []*point {
	if n := len(r.points); n < 2 || r.seasonal() && n < r.season || !r.fillValues() || len(r.values) < 2 {
		return dst
	}
	if r.seasonal() && len(r.values) < r.season {
		return dst
	}
	params := r.bestParameters()
	if params == nil {
		return dst
	}
	forecast := r.forecast(r.horizon, params)
	first, from := r.points[0].time, 0
	if !r.fit {
		from = len(r.values)
		first = r.points[len(r.points)-1].time + r.interval
	}
	for i, v := range forecast[from:] {
		if !math.IsNaN(v) {
			dst = append(dst, &point{time: first + r.interval*int64(i), val: floatValue(v)})
		}
	}
	return dst
}

// round moves a time to the nearest interval.
func (r *forecastReducer) round(t int64) int64 {
	n := t / r.interval
	if t%r.interval > r.interval/2 {
		n++
	}
	return n * r.interval
}

// maxForecastValues bounds the intervals between the first point and the last.
const maxForecastValues = 1 << 20

// fillValues lays the points out by interval; false when there is nothing to fit.
func (r *forecastReducer) fillValues() bool {
	t, stop := r.round(r.points[0].time), r.round(r.points[len(r.points)-1].time)
	if count := (stop - t) / r.interval; count <= 0 || count > maxForecastValues {
		return false
	}
	v, _ := r.points[0].val.number()
	r.values = append(r.values[:0], v)
	for _, p := range r.points[1:] {
		at := r.round(p.time)
		if at <= t {
			continue // of several points in one interval the first counts
		}
		for t += r.interval; t != at; t += r.interval {
			r.values = append(r.values, math.NaN())
		}
		v, _ := p.val.number()
		r.values = append(r.values, v)
	}
	return true
}

// guess returns the parameters to start from, without those of the grid.
func (r *forecastReducer) guess() []float64 {
	if !r.seasonal() {
		params := make([]float64, fixedParameters)
		params[4] = forecastWeight * r.values[0]
		if !math.IsNaN(r.values[1]) {
			params[5] = forecastWeight * (r.values[1] - r.values[0])
		}
		return params
	}
	m := r.season
	params := make([]float64, fixedParameters+m)
	for _, v := range r.values[:m] {
		if !math.IsNaN(v) {
			params[4] += float64(1 / float64(m) * v)
		}
	}
	for i := 0; i < m && m+i < len(r.values); i++ {
		if d := r.values[m+i] - r.values[i]; !math.IsNaN(d) {
			params[5] += float64(1 / float64(m*m) * d)
		}
	}
	for i, v := range r.values[:m] {
		if !math.IsNaN(v) {
			params[fixedParameters+i] = v / params[4]
		}
	}
	return params
}

// bestParameters fits from every point of the grid and takes the best; nil when the query was cancelled.
func (r *forecastReducer) bestParameters() []float64 {
	params := r.guess()
	least := math.Inf(1)
	var best []float64
	for alpha := forecastLower; alpha < forecastUpper; alpha += forecastStep {
		for beta := forecastLower; beta < forecastUpper; beta += forecastStep {
			for gamma := forecastLower; gamma < forecastUpper; gamma += forecastStep {
				for phi := forecastLower; phi < forecastUpper; phi += forecastStep {
					if r.ctx.Err() != nil {
						return nil
					}
					params[0], params[1], params[2], params[3] = alpha, beta, gamma, phi
					if e, fitted := minimize(r.squaredError, params, forecastEpsilon); e < least || best == nil {
						least, best = e, fitted
					}
				}
			}
		}
	}
	return best
}

// forecast returns the values the parameters lead to, for the past and h intervals more. It brings the first four
// parameters into their range and uses up the factors of the season.
func (r *forecastReducer) forecast(h int, params []float64) []float64 {
	for i, v := range params[:4] {
		params[i] = min(max(v, 0), 1)
	}
	alpha, beta, gamma, phi := params[0], params[1], params[2], params[3]
	damping, level, trend := phi, params[4], params[5]
	y := r.values[0]
	var factors []float64
	m, shift := 0, 0
	if r.seasonal() {
		factors = params[fixedParameters:]
		m = len(factors)
		shift = m - 1
	}
	out := make([]float64, len(r.values)+h)
	out[0] = y
	factor, nextFactor := 1.0, 1.0
	for t := 1; t < len(out); t++ {
		if m > 0 {
			factor = factors[(t-m+shift)%m]
			nextFactor = factors[(t-m+t%m+shift)%m]
		}
		base := level + float64(phi*trend)
		newLevel := float64(alpha*(y/factor)) + float64((1-alpha)*base)
		trend = float64(beta*(newLevel-level)) + float64((1-beta)*phi*trend)
		newFactor := float64(gamma*(y/base)) + float64((1-gamma)*factor)
		level = newLevel
		y = (level + float64(damping*trend)) * nextFactor
		damping += math.Pow(phi, float64(t))
		if m > 0 {
			factors[(t+shift)%m] = newFactor
			shift++
		}
		out[t] = y
	}
	return out
}

// squaredError tells how far the forecast of the past is from the points.
func (r *forecastReducer) squaredError(params []float64) float64 {
	sum := 0.0
	for i, v := range r.forecast(0, params) {
		if math.IsNaN(r.values[i]) {
			continue
		}
		if math.IsNaN(v) {
			return math.Inf(1)
		}
		d := v - r.values[i]
		sum += float64(d * d)
	}
	return sum
}
