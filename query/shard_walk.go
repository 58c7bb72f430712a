package query

import "fmt"

// shardWalk merges the series of some groups shard by shard: a merge begins anew at the edge of each shard, with the
// series that have rows in it.
type shardWalk struct {
	opt    *scanOptions
	spans  shardSpans
	groups []walkGroup
	gate   shardGate
	in     iterator // of the shard at hand; nil: none was opened
	done   bool
}

// walkGroup is the series of one group with the number of points that it may still yield; below zero: all.
type walkGroup struct {
	series []*rawSeries
	left   int
}

// shardGate lets the rows of one shard pass: those up to an edge, in the direction of the statement.
type shardGate struct {
	ascending bool
	last      int64
}

func (g *shardGate) passes(t int64) bool {
	if g.ascending {
		return t <= g.last
	}
	return t >= g.last
}

func (w *shardWalk) next() (*point, error) {
	for !w.done {
		if w.in != nil {
			if p, err := w.in.next(); err != nil || p != nil {
				return p, err
			}
		}
		if err := w.openShard(); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// openShard opens the next shard that has rows.
func (w *shardWalk) openShard() error {
	t, ok, err := w.nearest()
	if err != nil || !ok {
		w.done = true
		return err
	}
	_, from, end := w.spans.around(t)
	w.gate = shardGate{ascending: w.opt.ascending, last: end - 1}
	if !w.opt.ascending {
		w.gate.last = from
	}
	var groups []iterator
	for i := range w.groups {
		g := &w.groups[i]
		var series []iterator
		for _, s := range g.series {
			t, ok, err := s.peekTime()
			if err != nil {
				return err
			}
			if ok && w.gate.passes(t) {
				s.gate = &w.gate
				series = append(series, s)
			}
		}
		if len(series) == 0 || g.left == 0 {
			continue
		}
		in := merge(series, w.opt, w.opt.ordered)
		if g.left > 0 {
			in = &firstPoints{in: in, left: &g.left}
		}
		groups = append(groups, in)
	}
	if len(groups) == 0 {
		return fmt.Errorf("no row of the shard around %d can be read: its edges are %d and %d", t, from, end)
	}
	w.in = merge(groups, w.opt, w.opt.ordered)
	return nil
}

// nearest returns the time of the next row of all series that still may yield rows.
func (w *shardWalk) nearest() (t int64, ok bool, err error) {
	for i := range w.groups {
		if w.groups[i].left == 0 {
			continue
		}
		for _, s := range w.groups[i].series {
			at, has, err := s.peekTime()
			if err != nil {
				return 0, false, err
			}
			if !has {
				continue
			}
			if !ok || w.opt.ascending == (at < t) {
				t, ok = at, true
			}
		}
	}
	return t, ok, nil
}

func (w *shardWalk) close() {
	w.done = true
	for i := range w.groups {
		for _, s := range w.groups[i].series {
			s.close()
		}
	}
}

// firstPoints ends an input when a number of points is used up, which other inputs may draw from too.
type firstPoints struct {
	in   iterator
	left *int
}

func (f *firstPoints) next() (*point, error) {
	if *f.left == 0 {
		return nil, nil
	}
	p, err := f.in.next()
	if p != nil {
		*f.left--
	}
	return p, err
}

func (f *firstPoints) close() { f.in.close() }
