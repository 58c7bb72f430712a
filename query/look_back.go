package query

// What fill(previous, age) asks for: values before the range, in the direction of the statement, count for what is in it,
// up to an age.

// lookBack moves the beginning of the range, which was asked, by the age; false when there is none, or when a call around
// this one has done so.
func (o *scanOptions) lookBack(asked windows) bool {
	if o.fillAge == 0 || o.lookedBack {
		return false
	}
	o.lookedBack = true
	if o.ascending {
		first, _ := asked.of(asked.start)
		if o.interval == 0 {
			first = asked.start
		}
		o.start = min(o.start, saturatingSum(first, -o.fillAge))
		return true
	}
	_, last := asked.of(asked.end)
	if o.interval == 0 {
		last = asked.end
	}
	o.end = max(o.end, saturatingSum(last, o.fillAge))
	return true
}

// reachBackMonths is reachBack for calendar intervals.
func (o *scanOptions) reachBackMonths(n int64) {
	if o.ascending {
		o.start = min(o.start, o.groupStart(o.group(o.start)-n))
	} else {
		o.end = max(o.end, o.groupStart(o.group(o.end)+n+1)-1)
	}
}

// rangeIterator leaves out the points before the range that was asked for.
type rangeIterator struct {
	in    iterator
	opt   *scanOptions
	asked windows
}

func (r *rangeIterator) close() { r.in.close() }

func (r *rangeIterator) next() (*point, error) {
	for {
		p, err := r.in.next()
		if err != nil || p == nil || r.within(p.time) {
			return p, err
		}
	}
}

func (r *rangeIterator) within(t int64) bool {
	first, last := r.asked.start, r.asked.end
	if r.asked.interval != 0 {
		first, _ = r.asked.of(first)
	}
	if r.opt.ascending {
		return t >= first
	}
	return t <= last
}
