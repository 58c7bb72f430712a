package query

import (
	"cmp"
	"container/heap"
	"slices"
)

// maxHeldCells bounds the cells that are held to be added in order. When there are more, they are added series by series;
// the last digits of sums may be others then.
const maxHeldCells = 1 << 16

// releaseHeld adds the held cells as they came. No more are held.
func (a *scanCall) releaseHeld() {
	a.released = true
	for i := range a.held {
		a.put(&a.held[i])
	}
	a.held = nil
}

// takeInOrder joins the cells of a unit when there is one shard: those of a group are held until the next group begins.
func (a *scanCall) takeInOrder(cells []cell) {
	for from := 0; from < len(cells); {
		group := cells[from].group
		to := from + 1
		for to < len(cells) && cells[to].group == group {
			to++
		}
		a.beginGroup(group)
		switch g := &a.scan.source.groups[group]; {
		case a.released:
			for i := from; i < to; i++ {
				a.put(&cells[i])
			}
		case g.single(): // nothing to wait for
			a.finishRun(a.joinRuns([]cellRun{cells[from:to]}))
		default:
			if a.held = append(a.held, cells[from:to]...); len(a.held) > maxHeldCells {
				a.enter(group)
				a.releaseHeld()
			}
		}
		from = to
	}
}

// beginGroup joins the cells that are held when they are of another group.
func (a *scanCall) beginGroup(group int32) {
	if len(a.held) > 0 && a.held[0].group != group {
		a.joinHeld()
	}
	if int(group) != a.group {
		a.enter(group)
		a.released = false
	}
}

// joinHeld adds the held cells in the order of InfluxDB: in each shard, group by group, those of all series as a merge by
// time yields them, then those of the shards.
func (a *scanCall) joinHeld() {
	slices.SortStableFunc(a.held, func(x, y cell) int { return cmp.Compare(x.shard, y.shard) })
	var shards []cellRun
	for _, cells := range splitCells(a.held, func(c *cell) int32 { return c.shard }) {
		var shard cellRun
		for _, group := range splitCells(cells, func(c *cell) int32 { return c.group }) {
			shard = append(shard, a.joinRuns(splitCells(group, func(c *cell) int32 { return c.series }))...)
		}
		shards = append(shards, shard)
	}
	cells := a.joinRuns(shards)
	for i := range cells {
		a.put(&cells[i])
	}
	a.held = a.held[:0]
}

// cellRun is cells in order of their groups and windows, each window once.
type cellRun []cell

// splitCells cuts cells where a key changes.
func splitCells(cells []cell, key func(*cell) int32) []cellRun {
	var runs []cellRun
	for from := 0; from < len(cells); {
		to := from + 1
		for to < len(cells) && key(&cells[to]) == key(&cells[from]) {
			to++
		}
		runs = append(runs, cells[from:to])
		from = to
	}
	return runs
}

// joinRuns adds up the cells of every window.
func (a *scanCall) joinRuns(runs []cellRun) cellRun {
	if len(runs) == 1 { // each window is there once
		if a.kind == aggregateMean {
			for i := range runs[0] {
				c := &runs[0][i]
				c.val = floatValue(weighted(c) / float64(c.n))
			}
		}
		return runs[0]
	}
	var out cellRun
	var sum float64
	settle := func() {
		if c := len(out) - 1; c >= 0 && a.kind == aggregateMean {
			out[c].val = floatValue(sum / float64(out[c].n))
		}
	}
	h := &cellHeap{runs: runs, descending: !a.scan.source.opt.ascending}
	heap.Init(h)
	for h.Len() > 0 {
		run := heap.Pop(h).(cellRun)
		c := run[0]
		if last := len(out) - 1; last < 0 || out[last].window != c.window || out[last].group != c.group {
			settle()
			sum = weighted(&c)
			out = append(out, c)
		} else {
			sum += weighted(&c)
			out[last].n += c.n
			if a.kind == aggregateSum {
				out[last].val = addValues(out[last].val, c.val)
			}
		}
		if len(run) > 1 {
			heap.Push(h, run[1:])
		}
	}
	settle()
	return out
}

// cellHeap orders runs by the group and window of their next cell. Equal ones come in the way of the standard library's heap.
type cellHeap struct {
	runs       []cellRun
	descending bool
}

func (h *cellHeap) Len() int      { return len(h.runs) }
func (h *cellHeap) Swap(i, j int) { h.runs[i], h.runs[j] = h.runs[j], h.runs[i] }
func (h *cellHeap) Push(x any)    { h.runs = append(h.runs, x.(cellRun)) }

func (h *cellHeap) Pop() any {
	last := len(h.runs) - 1
	run := h.runs[last]
	h.runs = h.runs[:last]
	return run
}

func (h *cellHeap) Less(i, j int) bool {
	x, y := &h.runs[i][0], &h.runs[j][0]
	if x.group != y.group {
		return x.group < y.group
	}
	if h.descending {
		x, y = y, x
	}
	return x.window < y.window
}
