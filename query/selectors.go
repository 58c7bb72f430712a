package query

import (
	"container/heap"
	"math/rand/v2"
	"sort"
)

// topReducer keeps the n highest, or lowest, points; of equal ones the earlier.
type topReducer struct {
	most    int
	highest bool
	points  []*point // a heap whose first is the one to give up next
}

// worse orders points from the one to give up to the one to keep.
func (r *topReducer) worse(a, b *point) bool {
	if !a.val.equal(b.val) {
		return a.val.less(b.val) == r.highest
	}
	return a.time > b.time
}

func (r *topReducer) kept() int { return len(r.points) }

func (r *topReducer) add(p *point) {
	if len(r.points) < r.most {
		heap.Push(r, p)
		return
	}
	if r.worse(r.points[0], p) {
		r.points[0] = p
		heap.Fix(r, 0)
	}
}

func (r *topReducer) emit(dst []*point, w *watch) []*point {
	sort.Stable(watchedTop{r, w})
	for _, p := range r.points {
		q := *p
		q.n = 0
		dst = append(dst, &q)
	}
	return dst
}

// watchedTop has the points from the one to keep to the one to give up, as an order for sorting.
type watchedTop struct {
	*topReducer
	w *watch
}

func (t watchedTop) Less(i, j int) bool {
	t.w.step()
	return t.worse(t.points[j], t.points[i])
}

// The methods below make it a heap.

func (r *topReducer) Len() int           { return len(r.points) }
func (r *topReducer) Swap(i, j int)      { r.points[i], r.points[j] = r.points[j], r.points[i] }
func (r *topReducer) Less(i, j int) bool { return r.worse(r.points[i], r.points[j]) }
func (r *topReducer) Push(x any)         { r.points = append(r.points, x.(*point)) }

func (r *topReducer) Pop() any {
	last := len(r.points) - 1
	p := r.points[last]
	r.points = r.points[:last]
	return p
}

// sampleReducer keeps n points drawn at random, each point with the same chance.
type sampleReducer struct {
	most   int
	seen   int
	points []*point
}

func newSampleReducer(n int) *sampleReducer { return &sampleReducer{most: n} }

func (r *sampleReducer) kept() int { return len(r.points) }

func (r *sampleReducer) add(p *point) {
	r.seen++
	if len(r.points) < r.most {
		r.points = append(r.points, p)
		return
	}
	if i := rand.IntN(r.seen); i < r.most { // #nosec G404 -- a sample of rows is no secret
		r.points[i] = p
	}
}

func (r *sampleReducer) emit(dst []*point, w *watch) []*point {
	sort.SliceStable(r.points, func(i, j int) bool {
		w.step()
		return r.points[i].time < r.points[j].time
	})
	for _, p := range r.points {
		q := *p
		q.n = 0
		dst = append(dst, &q)
	}
	return dst
}
