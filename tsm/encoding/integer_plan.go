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
	narrow    narrowResiduals // the same, where the plan says so
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
	narrow     bool  // the page is a huffman page of narrow residuals
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
	best, second, bits := chooseOrders(values)
	narrow := bits <= narrowBits
	plan := planOrder(p, values, best, c, narrow)
	if second == best {
		return plan
	}
	switch other := planOrder(p, values, second, c, narrow); {
	case other.size < plan.size:
		return other
	case plan.narrow:
		fillNarrow(p, values, &plan.huffman)
	default:
		fill(p, values, &plan.huffman)
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

// planOrder chooses between packed and huffman pages of an order. It tries first
// whether the residuals are narrow if that is likely.
func planOrder[T word](p *planner, values []T, order int, c Choice, narrow bool) pagePlan {
	n := len(values)
	head := huffmanHead{order: order}
	if narrow && n >= minHuffman && c.Codec != Packed && fillNarrow(p, values, &head) {
		packed := packedPageLen(n, order, head.prev, head.delta, p.ranges)
		planParts(&head, values, c.groups)
		if size := p.histogram.planNarrow(&head, &p.narrow, n); size < packed || c.Codec == Huffman {
			return pagePlan{codec: Huffman, narrow: true, size: size, huffman: head}
		}
		head = huffmanHead{order: order}
	}
	fill(p, values, &head)
	plan := pagePlan{codec: Packed, huffman: head}
	plan.size = packedPageLen(n, order, head.prev, head.delta, p.ranges)
	page := pageRange(p.ranges)
	bounded := uint64(page.hi)-uint64(page.lo) <= maxHuffmanRange
	if c.Codec == Huffman || n >= minHuffman && bounded && c.Codec != Packed {
		planParts(&head, values, c.groups)
		if size := p.histogram.plan(&head, p.residuals[:n], p.ranges); size < plan.size || c.Codec == Huffman {
			return pagePlan{codec: Huffman, size: size, huffman: head}
		}
	}
	return plan
}

// Orders are chosen by runs of values that are spread over the page: of a few
// short ones where these leave no doubt, else of many longer ones.
const (
	firstRuns, firstRun     = 6, 14
	sampledRuns, sampledRun = 8, 24
)

// orderCosts is the bits of the residuals of each order in a sample.
type orderCosts [maxOrder + 1]int

// chooseOrders returns the order of differences that makes the residuals of some
// short runs of values smallest, and one that comes close to it or the same again;
// bits is the bits of such a residual on average.
func chooseOrders[T word](values []T) (best, second, bits int) {
	n := len(values)
	if n < 3 {
		return 0, 0, 64
	}
	if n > sampledRuns*sampledRun {
		cost := sampleFirst(values)
		if best, sure := cost.sure(); sure {
			return best, best, cost[best] / (firstRuns * firstRun)
		}
	}
	runs := min(sampledRuns, (n-2+sampledRun-1)/sampledRun)
	cost := sampleOrders(values, runs, sampledRun)
	best = cost.best()
	second = best
	for o, c := range cost {
		if o != best && c-cost[best] <= min(cost[best]/5, runs*sampledRun/3) && (second == best || c < cost[second]) {
			second = o
		}
	}
	return best, second, cost[best] / (runs * sampledRun)
}

func (c *orderCosts) best() (best int) {
	for o := range c {
		if c[o] < c[best] {
			best = o
		}
	}
	return best
}

// sure reports whether the best order of the first sample is the best one by far: by
// a third of a bit a value. White noise has half a bit more in each higher order.
func (c *orderCosts) sure() (best int, sure bool) {
	best = c.best()
	for o := range c {
		if o != best && c[o] < c[best]+firstRuns*firstRun/3 {
			return best, false
		}
	}
	return best, true
}

// sampleFirst takes the first sample. Values themselves are compared with those a
// group before, half a bit less: within a short run they would be near each other
// in any case.
func sampleFirst[T word](values []T) (cost orderCosts) {
	for k := range firstRuns {
		lo := groupSize + k*(len(values)-groupSize-firstRun)/(firstRuns-1)
		own := cost[0]
		addRunCosts(&cost, values, lo, lo+firstRun)
		cost[0] = own - firstRun/2
		for i, v := range values[lo : lo+firstRun] {
			cost[0] += bits.Len64(zigzag(int64(v - values[lo-groupSize+i])))
		}
	}
	cost[0] = max(cost[0], 0)
	return cost
}

func sampleOrders[T word](values []T, runs, run int) (cost orderCosts) {
	n := len(values)
	for k := range runs {
		lo := 2
		if runs > 1 {
			lo += k * (n - 2 - run) / (runs - 1)
		}
		addRunCosts(&cost, values, lo, min(lo+run, n))
	}
	return cost
}

// addRunCosts adds the bits of the residuals of values[lo:hi] less the first one
// of each order; lo is at least 2.
func addRunCosts[T word](cost *orderCosts, values []T, lo, hi int) {
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
