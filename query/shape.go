package query

import (
	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
)

// intervalIterator gives points the time of their window. Without a lower bound of time that is the epoch.
type intervalIterator struct {
	in         iterator
	opt        *scanOptions
	start, end int64 // of the window of the last point
}

func (i *intervalIterator) close() { i.in.close() }

func (i *intervalIterator) next() (*point, error) {
	p, err := i.in.next()
	if err != nil || p == nil {
		return nil, err
	}
	i.start, i.end = i.opt.near(p.time, i.start, i.end)
	p.time = i.start
	if p.time == influxql.MinTime {
		p.time = 0
	}
	return p, nil
}

// limitIterator applies LIMIT and OFFSET to each series of the answer.
type limitIterator struct {
	in   iterator
	opt  *scanOptions
	name string
	tags *tagset
	n    int
	seen map[string]int // rows of each tagset, where tagsets are interleaved
}

func newLimitIterator(in iterator, opt *scanOptions) iterator {
	if opt.limit <= 0 && opt.rowOffset <= 0 {
		return in
	}
	l := &limitIterator{in: in, opt: opt}
	if len(opt.groupBy) != len(opt.dimensions) {
		l.seen = make(map[string]int)
	}
	return l
}

func (l *limitIterator) close() { l.in.close() }

func (l *limitIterator) next() (*point, error) {
	for {
		p, err := l.in.next()
		if err != nil || p == nil {
			return nil, err
		}
		n := l.count(p)
		if n <= l.opt.rowOffset || l.opt.limit > 0 && n-l.opt.rowOffset > l.opt.limit {
			continue
		}
		return p, nil
	}
}

// count returns the number of the point in its series, from one.
func (l *limitIterator) count(p *point) int {
	if l.seen != nil {
		key := p.name + "\x00" + p.tags.id
		l.seen[key]++
		return l.seen[key]
	}
	if l.tags == nil || p.name != l.name || p.tags != l.tags && p.tags.id != l.tags.id {
		l.name, l.n = p.name, 0
	}
	l.tags = p.tags
	l.n++
	return l.n
}

// fillIterator adds the windows that have no point.
type fillIterator struct {
	in        peeker
	opt       *scanOptions
	fill      influxql.FillOption
	fillValue value
	kind      model.FieldType // of the points
	from, to  int64           // first and last window, in the direction of the statement

	run     *statementRun
	filled  int // windows without a point so far
	started bool
	over    bool // the windows have come to an end of time
	name    string
	tags    *tagset
	time    int64 // of the window that comes next
	zone    int64
	prev    *point // last point of the series that came from the input
	slab    slab
}

// newFillIterator wraps the points of a call. Where nothing was counted, the count is zero, not null.
//
// asked is the range that the answer is for; that of opt may begin earlier, so that there is something to fill with.
func newFillIterator(in iterator, run *statementRun, call *influxql.Call, kind model.FieldType, opt *scanOptions, asked windows) iterator {
	f := &fillIterator{in: peeker{in: in}, run: run, opt: opt, fill: opt.fill, fillValue: opt.fillValue.castTo(dataType(kind)), kind: kind}
	if f.fill == influxql.NumberFill && f.fillValue.kind != kind {
		f.fillValue = value{kind: kind} // a number fills strings and booleans with "" and false
	}
	if opt.fill == influxql.NullFill && call.Name == "count" {
		f.fill, f.fillValue = influxql.NumberFill, integerValue(0)
	}
	f.from, _ = opt.of(asked.start)
	f.to, _ = opt.of(asked.end)
	if !opt.ascending {
		f.from, f.to = f.to, f.from
	}
	return f
}

func (f *fillIterator) close() { f.in.close() }

func (f *fillIterator) next() (*point, error) {
	p, err := f.in.next()
	if err == nil && f.opt.fillAge > 0 {
		p, err = f.skipEarly(p)
	}
	if err != nil {
		return nil, err
	}
	if !f.started {
		if p == nil {
			return nil, nil
		}
		f.started = true
		f.begin(p)
	}
	if p == nil || p.name != f.name || p.tags.id != f.tags.id {
		switch {
		case f.windowsLeft():
			f.in.unread(p)
			p = nil
		case p == nil:
			return nil, nil
		default:
			f.begin(p)
		}
	}
	if p == nil || f.opt.ascending && p.time > f.time || !f.opt.ascending && p.time < f.time {
		f.in.unread(p)
		if p, err = f.missing(); err != nil {
			return nil, err
		}
	} else {
		f.prev = p
	}
	f.advance()
	return p, nil
}

// skipEarly takes the points before the range, which are only there to fill with, and returns the one behind them.
func (f *fillIterator) skipEarly(p *point) (*point, error) {
	for p != nil && (f.opt.ascending && p.time < f.from || !f.opt.ascending && p.time > f.from) {
		if !f.started || p.name != f.name || p.tags.id != f.tags.id {
			if f.started && f.windowsLeft() {
				return p, nil // of the next series, whose turn has not come
			}
			f.started = true
			f.begin(p)
		}
		f.prev = p
		var err error
		if p, err = f.in.next(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// begin starts the windows of a series.
func (f *fillIterator) begin(p *point) {
	f.name, f.tags, f.prev, f.over = p.name, p.tags, nil, false
	f.time = f.from
	if f.time == influxql.MinTime {
		f.time, _ = f.opt.of(p.time)
	}
	f.zone = f.opt.zone(f.time)
}

// windowsLeft reports whether the series has windows behind its last point.
func (f *fillIterator) windowsLeft() bool {
	switch {
	case f.over:
		return false
	case f.opt.ascending:
		return f.time <= f.to
	}
	return f.time >= f.to && f.to != influxql.MinTime
}

// missing returns what stands for a window without a point.
func (f *fillIterator) missing() (*point, error) {
	if f.filled++; f.filled%1024 == 0 { // there is no end of empty windows, and nothing is read for them
		if err := f.run.ctx.Err(); err != nil {
			return nil, err
		}
		if err := f.run.countFilled(1024); err != nil {
			return nil, err
		}
	}
	p := f.slab.point()
	*p = point{name: f.name, tags: f.tags, time: f.time, aux: f.slab.list(len(f.opt.aux))}
	switch f.fill {
	case influxql.NumberFill:
		p.val = f.fillValue
	case influxql.PreviousFill:
		if f.prev != nil && (f.opt.fillAge == 0 || abs(f.time-f.prev.time) <= f.opt.fillAge) {
			p.val = f.prev.val
		}
	case influxql.LinearFill:
		if f.prev == nil {
			break
		}
		next, err := f.in.peek()
		if err != nil {
			return nil, err
		}
		if next != nil && next.name == f.name && next.tags.id == f.tags.id {
			p.val = f.between(f.prev, next)
		}
	}
	return p, nil
}

// advanceMonths is advance for calendar intervals.
func (f *fillIterator) advanceMonths() {
	group := f.opt.group(f.time)
	if f.opt.ascending {
		f.time = f.opt.groupStart(group + 1)
	} else {
		f.time = f.opt.groupStart(group - 1)
	}
	f.over = f.time == influxql.MinTime || f.time == influxql.MaxTime
}

// countFilled checks the limit on windows that are filled.
func (r *statementRun) countFilled(n int) error {
	r.filled += int64(n)
	if most := r.engine.opt.MaxFillBuckets; most > 0 && r.filled > int64(most) {
		return &LimitError{Limit: limitFill, Got: r.filled, Most: int64(most)}
	}
	return nil
}

// between returns the value at the current window on the line from one point to another.
func (f *fillIterator) between(a, b *point) value {
	x, ok1 := a.val.number()
	y, ok2 := b.val.number()
	if !ok1 || !ok2 || a.val.kind != b.val.kind {
		return value{}
	}
	v := linear(f.opt.ordinal(f.time), f.opt.ordinal(a.time), f.opt.ordinal(b.time), x, y)
	switch a.val.kind {
	case model.Integer:
		return integerValue(int64(v))
	case model.Unsigned:
		return unsignedValue(uint64(v))
	}
	return floatValue(v)
}

// linear returns the value at time t on the line through two points.
func linear(t, t0, t1 int64, v0, v1 float64) float64 {
	slope := (v1 - v0) / float64(t1-t0)
	return float64(slope*float64(t-t0)) + v0
}

// advance moves to the next window, across changes of the zone's offset.
func (f *fillIterator) advance() {
	if f.opt.months > 0 {
		f.advanceMonths()
		return
	}
	switch step := f.opt.interval; {
	case f.opt.ascending && f.time > influxql.MaxTime-step, !f.opt.ascending && f.time < influxql.MinTime+step:
		f.over = true
		return
	case f.opt.ascending:
		f.time += step
	default:
		f.time -= step
	}
	if f.opt.location == nil {
		return
	}
	if zone := f.opt.zone(f.time - 1); zone != f.zone {
		if d := f.zone - zone; abs(d) < f.opt.interval {
			f.time += d
		}
		f.zone = zone
	}
}
