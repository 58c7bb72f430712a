package query

import (
	"slices"
	"sort"
)

// reducer collapses the points of one window and one tagset.
type reducer interface {
	// add takes a point, which it may keep.
	add(p *point)
	// emit appends the results to dst. A time of zeroTime stands for the start of the window. What takes long looks at
	// the watch again and again.
	emit(dst []*point, w *watch) []*point
}

// reduceIterator groups points by window and feeds the points of each tagset within it to a reducer of its own.
type reduceIterator struct {
	in       peeker
	run      *statementRun
	opt      *scanOptions
	create   func() reducer
	keepTags bool // results keep the tags of their points

	outer   subsetter
	inner   subsetter
	watch   watch
	pending []*point
	next0   int
}

func newReduceIterator(in iterator, run *statementRun, opt *scanOptions, create func() reducer) *reduceIterator {
	return &reduceIterator{
		in: peeker{in: in}, run: run, opt: opt, create: create, watch: watch{ctx: run.ctx},
		outer: subsetter{keys: opt.dimensions}, inner: subsetter{keys: opt.groupBy},
	}
}

func (r *reduceIterator) close() { r.in.close() }

func (r *reduceIterator) next() (*point, error) {
	for r.next0 == len(r.pending) {
		more, err := r.reduceWindow()
		if err != nil || !more {
			return nil, err
		}
	}
	p := r.pending[r.next0]
	r.next0++
	return p, nil
}

// reduceWindow reads the points of the next window; false at the end of the input.
func (r *reduceIterator) reduceWindow() (bool, error) {
	r.pending, r.next0 = r.pending[:0], 0
	first, err := r.firstValue()
	if err != nil || first == nil {
		return false, err
	}
	start, end := r.opt.of(first.time)
	name, outer := first.name, r.outer.of(first.tags).id

	var (
		groups []reduceGroup
		byID   = make(map[string]int)
		held   int64
	)
	defer func() { r.run.memory.release(held) }()
	for p, kept := first, 0; ; {
		tags := r.inner.of(p.tags)
		i, ok := byID[tags.id]
		if !ok {
			i = len(groups)
			byID[tags.id] = i
			groups = append(groups, reduceGroup{tags: tags, reducer: r.create()})
		}
		if k, ok := groups[i].reducer.(keeper); ok {
			before := k.kept()
			k.add(p)
			if kept += k.kept() - before; kept >= heldPoints {
				if err := r.run.memory.reserve(heldPoints * pointBytes); err != nil {
					return false, err
				}
				held += heldPoints * pointBytes
				kept -= heldPoints
			}
		} else {
			groups[i].reducer.add(p)
		}
		if p, err = r.firstValue(); err != nil {
			return false, err
		}
		if p == nil {
			break
		}
		if p.time < start || p.time >= end || p.name != name || r.outer.of(p.tags).id != outer {
			r.in.unread(p)
			break
		}
	}
	if err := r.emit(groups, name, start); err != nil {
		return false, err
	}
	return true, nil
}

// keeper is a reducer whose memory grows with the points it is given.
type keeper interface {
	reducer
	// kept returns how many points are held.
	kept() int
}

// Memory of points that reducers keep is reserved for so many points at a time.
const (
	heldPoints = 1024
	pointBytes = 112
)

type reduceGroup struct {
	tags    *tagset
	reducer reducer
}

// firstValue reads up to the next point that has a value.
func (r *reduceIterator) firstValue() (*point, error) {
	for {
		p, err := r.in.next()
		if err != nil || p == nil || !p.val.null() {
			return p, err
		}
	}
}

// emit collects the results of a window, by tagset and then by time. It fails when the query ends meanwhile.
func (r *reduceIterator) emit(groups []reduceGroup, name string, start int64) (err error) {
	w := &r.watch
	defer w.ended(&err)
	sort.Slice(groups, func(i, j int) bool {
		w.step()
		if r.opt.ascending {
			return groups[i].tags.id < groups[j].tags.id
		}
		return groups[i].tags.id > groups[j].tags.id
	})
	sorted := true
	for _, g := range groups {
		from := len(r.pending)
		r.pending = g.reducer.emit(r.pending, w)
		for _, p := range r.pending[from:] {
			p.name = name
			if !r.keepTags {
				p.tags = g.tags
			}
			if p.time == zeroTime {
				p.time = start
			} else {
				sorted = false
			}
		}
	}
	if !sorted && r.opt.ordered {
		slices.SortStableFunc(r.pending, func(a, b *point) int {
			w.step()
			if !r.opt.ascending {
				a, b = b, a
			}
			switch {
			case a.time < b.time:
				return -1
			case a.time > b.time:
				return 1
			}
			return 0
		})
	}
	return nil
}

// streamReducer turns a sequence of points of one tagset into another, which need not have as many.
type streamReducer interface {
	// add takes a point and appends to dst what it leads to.
	add(p *point, dst []*point) []*point
	// finish appends what is left at the end.
	finish(dst []*point) []*point
}

// streamIterator runs a stream reducer for each tagset.
type streamIterator struct {
	in      iterator
	create  func() streamReducer
	inner   subsetter
	streams map[string]*stream
	order   []*stream
	done    bool
	pending []*point
	next0   int
}

type stream struct {
	name    string
	tags    *tagset
	reducer streamReducer
}

func newStreamIterator(in iterator, opt *scanOptions, create func() streamReducer) *streamIterator {
	return &streamIterator{
		in: in, create: create, inner: subsetter{keys: opt.groupBy}, streams: make(map[string]*stream),
	}
}

func (s *streamIterator) close() { s.in.close() }

func (s *streamIterator) next() (*point, error) {
	for s.next0 == len(s.pending) {
		if s.done {
			return nil, nil
		}
		s.pending, s.next0 = s.pending[:0], 0
		p, err := s.in.next()
		if err != nil {
			return nil, err
		}
		if p == nil {
			s.finish()
			continue
		}
		if p.val.null() {
			continue
		}
		st := s.streamOf(p)
		s.pending = st.stamp(st.reducer.add(p, s.pending), 0)
	}
	p := s.pending[s.next0]
	s.next0++
	return p, nil
}

func (s *streamIterator) streamOf(p *point) *stream {
	tags := s.inner.of(p.tags)
	key := p.name + "\x00" + tags.id
	st := s.streams[key]
	if st == nil {
		st = &stream{name: p.name, tags: tags, reducer: s.create()}
		s.streams[key] = st
		s.order = append(s.order, st)
	}
	return st
}

func (s *streamIterator) finish() {
	s.done = true
	for _, st := range s.order {
		from := len(s.pending)
		s.pending = st.stamp(st.reducer.finish(s.pending), from)
	}
}

// stamp gives results their name and tags.
func (st *stream) stamp(points []*point, from int) []*point {
	for _, p := range points[from:] {
		p.name, p.tags = st.name, st.tags
	}
	return points
}
