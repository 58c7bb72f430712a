package encoding

import (
	"math/bits"
	"sync"
)

const (
	// minHuffman is the number of values from which on a page may be a huffman page.
	minHuffman = 8
	// maxHuffmanRange bounds the residuals of one, so that no distance from the
	// centre wraps around.
	maxHuffmanRange = 1 << 62
)

// planner finds the cheapest integer codec of a page by what each would cost
// exactly; none is tried.
type planner struct {
	residuals []uint64 // of the order that was planned last, padded to whole groups
	ranges    []groupRange
	histogram histogram
	values    valueTable
	runs      runTable
}

var planners = sync.Pool{New: func() any { return new(planner) }}

// maxKeptWords bounds the memory that planners keep between pages.
const maxKeptWords = 1 << 17

func (p *planner) release() {
	if cap(p.residuals) <= maxKeptWords {
		planners.Put(p)
	}
}

// pagePlan is how a page is to be written, and its length.
type pagePlan struct {
	codec      Codec // Packed, Huffman or Raw
	dictionary bool  // instead of all these the table of values of the planner
	runs       bool  // instead of all these the page in the table of runs
	size       int
	huffman    huffmanHead // of a packed page order and seeds
}

// planPage chooses the codec of a page. The planner holds the residuals after it.
func planPage[T word](p *planner, values []T, c Choice) pagePlan {
	runs := mayBeRuns(p, values, c)
	if runs && c.Codec == 0 && 8*len(p.runs.page) <= len(values) {
		// Each word of a code is a bit at least: no page of words is smaller.
		c.Codec = Packed
	}
	plan := planWords(p, values, c)
	if raw := 1 + 8*len(values); plan.size > raw && !c.wants(Packed, Huffman) {
		plan.codec, plan.size = Raw, raw
	}
	plan.dictionary = c.Codec == ValueDictionary && planDictionary(p, values, -1) ||
		c.Codec == 0 && dictionaryMayPay(values, plan.size) && planDictionary(p, values, plan.size)
	if plan.dictionary {
		plan.size = p.values.len()
	}
	plan.runs = runs && (c.Codec == Runs || len(p.runs.page) < plan.size)
	if plan.runs {
		plan.size = len(p.runs.page)
	}
	return plan
}

// mayBeRuns reports whether the planner has a runs page that is to be compared.
func mayBeRuns[T word](p *planner, values []T, c Choice) bool {
	switch {
	case c.flat:
		return false
	case c.Codec == Runs:
		return planRuns(&p.runs, values, len(values))
	}
	return c.Codec == 0 && runsMayPay(values) && planRuns(&p.runs, values, len(values)/2)
}

// planWords chooses the order of packed and huffman pages.
func planWords[T word](p *planner, values []T, c Choice) pagePlan {
	best, second := chooseOrders(values)
	plan := planOrder(p, values, best, c)
	if second != best {
		if other := planOrder(p, values, second, c); other.size < plan.size {
			plan = other
		} else {
			fill(p, values, &plan.huffman)
		}
	}
	return plan
}

func fill[T word](p *planner, values []T, h *huffmanHead) {
	groups := (len(values) + groupSize - 1) / groupSize
	p.residuals = grow(p.residuals, groups*groupSize)
	p.ranges = grow(p.ranges, groups)
	h.prev, h.delta = seeds(values, h.order)
	fillResiduals(p.residuals, p.ranges, values, h.order)
}

// planOrder chooses between packed and huffman pages of an order.
func planOrder[T word](p *planner, values []T, order int, c Choice) pagePlan {
	n := len(values)
	head := huffmanHead{order: order}
	fill(p, values, &head)
	plan := pagePlan{codec: Packed, huffman: head}
	plan.size = packedPageLen(n, order, head.prev, head.delta, p.ranges)
	page := pageRange(p.ranges)
	narrow := uint64(page.hi)-uint64(page.lo) <= maxHuffmanRange
	if c.Codec == Huffman || n >= minHuffman && narrow && c.Codec != Packed {
		if size := p.histogram.plan(&head, p.residuals[:n], p.ranges); size < plan.size || c.Codec == Huffman {
			return pagePlan{codec: Huffman, size: size, huffman: head}
		}
	}
	return plan
}

const (
	sampledRuns = 8
	sampledRun  = 24
)

// chooseOrders returns the order of differences that makes the residuals of some
// short runs of values smallest, and one that comes close to it or the same again.
func chooseOrders[T word](values []T) (best, second int) {
	n := len(values)
	if n < 3 {
		return 0, 0
	}
	var cost [maxOrder + 1]int
	runs := min(sampledRuns, (n-2+sampledRun-1)/sampledRun)
	for k := range runs {
		lo := 2
		if runs > 1 {
			lo += k * (n - 2 - sampledRun) / (runs - 1)
		}
		addRunCosts(&cost, values, lo, min(lo+sampledRun, n))
	}
	for o, c := range cost {
		if c < cost[best] {
			best = o
		}
	}
	second = best
	for o, c := range cost {
		if o != best && c-cost[best] <= min(cost[best]/5, runs*sampledRun/3) && (second == best || c < cost[second]) {
			second = o
		}
	}
	return best, second
}

// addRunCosts adds the bits of the residuals of values[lo:hi] less the first one
// of each order; lo is at least 2.
func addRunCosts[T word](cost *[maxOrder + 1]int, values []T, lo, hi int) {
	prev := uint64(values[lo-1])
	delta := prev - uint64(values[lo-2])
	var first [maxOrder + 1]uint64
	for i, x := range values[lo:hi] {
		v := uint64(x)
		d := v - prev
		dd := d - delta
		prev, delta = v, d
		if i == 0 {
			first = [maxOrder + 1]uint64{v, d, dd}
		}
		cost[0] += bits.Len64(zigzag(int64(v - first[0])))
		cost[1] += bits.Len64(zigzag(int64(d - first[1])))
		cost[2] += bits.Len64(zigzag(int64(dd - first[2])))
	}
}
