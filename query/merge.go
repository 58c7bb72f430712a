package query

import (
	"container/heap"

	"github.com/timberlinedb/timberline/model"
)

// merge returns the points of several inputs in one order. With sorted set, points of one group come in time order
// over all inputs; otherwise it is enough that they come window by window. Both are heaps that take equal inputs in
// the way of the standard library's heap, which InfluxDB uses too: the order of equal points is part of its answers.
func merge(inputs []iterator, opt *scanOptions, sorted bool) iterator {
	switch len(inputs) {
	case 0:
		return emptyIterator{}
	case 1:
		return inputs[0]
	}
	h := &mergeHeap{opt: opt, sorted: sorted, sub: subsetter{keys: opt.dimensions}}
	return &mergeIterator{inputs: inputs, heap: h}
}

type mergeIterator struct {
	inputs  []iterator
	heap    *mergeHeap
	started bool

	// The input whose window is being drained, when not sorted.
	current *mergeItem
	end     int64
	start   int64
	tags    string
	name    string
}

// mergeItem is an input with the point it yields next.
type mergeItem struct {
	in     iterator
	point  *point
	tagsID string // of the dimensions of point
	window int64
	place  int // of the input in a list of the caller
}

func (m *mergeIterator) next() (*point, error) {
	if !m.started {
		m.started = true
		for _, in := range m.inputs {
			item := &mergeItem{in: in}
			ok, err := m.heap.advance(item)
			if err != nil {
				return nil, err
			}
			if ok {
				m.heap.items = append(m.heap.items, item)
			}
		}
		heap.Init(m.heap)
	}
	if m.heap.sorted {
		return m.nextSorted()
	}
	return m.nextInWindow()
}

func (m *mergeIterator) nextSorted() (*point, error) {
	if len(m.heap.items) == 0 {
		return nil, nil
	}
	item := heap.Pop(m.heap).(*mergeItem)
	p := item.point
	ok, err := m.heap.advance(item)
	if err != nil {
		return nil, err
	}
	if ok {
		heap.Push(m.heap, item)
	}
	return p, nil
}

// nextInWindow takes points of one input as long as they lie in the window it began with.
func (m *mergeIterator) nextInWindow() (*point, error) {
	for {
		if m.current == nil {
			if len(m.heap.items) == 0 {
				return nil, nil
			}
			m.current = heap.Pop(m.heap).(*mergeItem)
			m.start, m.end = m.heap.opt.of(m.current.point.time)
			m.name, m.tags = m.current.point.name, m.current.tagsID
		}
		item := m.current
		if item.point == nil {
			m.current = nil
			continue
		}
		if p := item.point; p.name != m.name || item.tagsID != m.tags || p.time < m.start || p.time >= m.end {
			heap.Push(m.heap, item)
			m.current = nil
			continue
		}
		p := item.point
		if _, err := m.heap.advance(item); err != nil {
			return nil, err
		}
		return p, nil
	}
}

func (m *mergeIterator) close() {
	for _, in := range m.inputs {
		in.close()
	}
}

// mergeHeap orders inputs by the point they yield next.
type mergeHeap struct {
	opt    *scanOptions
	sorted bool
	items  []*mergeItem
	sub    subsetter
}

// advance reads the next point of an input; false at its end.
func (h *mergeHeap) advance(item *mergeItem) (bool, error) {
	p, err := item.in.next()
	item.point = p
	if err != nil || p == nil {
		return false, err
	}
	item.tagsID = h.sub.of(p.tags).id
	if !h.sorted {
		item.window, _ = h.opt.of(p.time)
	}
	return true, nil
}

func (h *mergeHeap) Len() int      { return len(h.items) }
func (h *mergeHeap) Swap(i, j int) { h.items[i], h.items[j] = h.items[j], h.items[i] }
func (h *mergeHeap) Push(x any)    { h.items = append(h.items, x.(*mergeItem)) }

func (h *mergeHeap) Pop() any {
	last := len(h.items) - 1
	item := h.items[last]
	h.items = h.items[:last]
	return item
}

func (h *mergeHeap) Less(i, j int) bool {
	x, y := h.items[i], h.items[j]
	if !h.opt.ascending {
		x, y = y, x
	}
	if x.point.name != y.point.name {
		return x.point.name < y.point.name
	}
	if x.tagsID != y.tagsID {
		return x.tagsID < y.tagsID
	}
	if !h.sorted {
		return x.window < y.window
	}
	if x.point.time != y.point.time {
		return x.point.time < y.point.time
	}
	return auxLess(x.point.aux, y.point.aux)
}

// auxLess orders simultaneous points by the first of their other values that differs, as long as these are strings.
// Behind any other type nothing is compared.
func auxLess(a, b []value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].kind != model.String || b[i].kind != model.String {
			return false
		}
		if a[i].str != b[i].str {
			return a[i].str < b[i].str
		}
	}
	return false
}
