package encoding

import (
	"math/bits"
	"slices"
	"sync"
)

const (
	histogramBins = 256
	// histogramLanes are counted apart, so that equal residuals in a row do not
	// wait for each other.
	histogramLanes = 4
)

// histogram counts the residuals of a page in bins of 2^shift from base on, and
// keeps those beyond. From the counts follows the exact length of a page with any
// centre that is the start of a bin.
type histogram struct {
	lanes [histogramLanes][histogramBins]uint32
	bins  [histogramBins]uint32
	far   []uint64
	base  uint64
	shift uint
	limit int // bins from here on stay empty
	// The bins from first to last are not empty, nor are all between.
	first, last int
	groups      []uint64
}

// tokenCosts are the bits that a token takes, with those of its escape where it
// has no word, by table.
var tokenCosts = sync.OnceValue(func() *[tableCount][tokenCount]uint8 {
	var costs [tableCount][tokenCount]uint8
	for table := range costs {
		for i := range costs[table] {
			bits := lengthOf(table, i)
			if bits == 0 {
				bits = escapeCost(table, zigzag(int64(i-maxToken)))
			}
			costs[table][i] = bits
		}
	}
	return &costs
})

func escapeCost(table int, z uint64) uint8 {
	return lengthOf(table, escapeToken) + escapeSizeBits + uint8(escapedBits(z))
}

// plan completes the head of a huffman page of the residuals for the least
// length, which it returns.
func (h *histogram) plan(head *huffmanHead, residuals []uint64, ranges []groupRange) int {
	page := pageRange(ranges)
	width := uint64(page.hi) - uint64(page.lo)
	h.base, h.shift, h.limit = uint64(page.lo), 0, histogramBins
	if width <= 2*maxToken {
		h.limit = int(width) + 1
		h.countNarrow(residuals)
		return h.consider(head, -1, len(residuals))
	}
	center, common := h.sample(residuals)
	shift, middle := h.place(ranges, page)
	h.shift, h.base = shift, middle-histogramBins/2<<shift
	if width>>shift < histogramBins {
		h.base = uint64(page.lo)
	}
	best := h.attempt(head, -1, residuals)
	// Where most residuals lie closer together than the ranges tell, which are
	// those of outliers, it may be better to escape these.
	if common+1 < shift {
		h.shift, h.base = common, center-histogramBins/2<<common
		best = h.attempt(head, best, residuals)
	}
	return best
}

// attempt counts the residuals with the shift and the base that are set, and
// completes head if that takes less than best bytes (negative is any number).
func (h *histogram) attempt(head *huffmanHead, best int, residuals []uint64) int {
	h.count(residuals)
	if h.last < 0 {
		return best
	}
	best = h.consider(head, best, len(residuals))
	if h.last-h.first > 2*maxToken || len(h.far) > 0 {
		h.merge()
		best = h.consider(head, best, len(residuals))
	}
	return best
}

func (h *histogram) consider(head *huffmanHead, best, n int) int {
	with := *head
	var bits int
	with.table, with.centre, bits = h.cheapest()
	with.shift = h.shift
	if size := with.len() + lowLen(n, h.shift) + (bits+7)/8; best < 0 || size < best {
		*head, best = with, size
	}
	return best
}

func pageRange(ranges []groupRange) groupRange {
	page := ranges[0]
	for _, r := range ranges[1:] {
		page.lo, page.hi = min(page.lo, r.lo), max(page.hi, r.hi)
	}
	return page
}

// shiftOf returns the shift with which a standard deviation is two to four bins.
func shiftOf(deviation uint64) uint { return uint(max(0, bits.Len64(deviation)-2)) }

// place returns a shift and the middle of the residuals. Of 64 values of a normal
// distribution the range is about 4.7 standard deviations; the middle one of the
// groups' ranges is not moved by some outliers.
func (h *histogram) place(ranges []groupRange, page groupRange) (shift uint, middle uint64) {
	h.groups = grow(h.groups, len(ranges))
	for i, r := range ranges {
		h.groups[i] = uint64(r.hi) - uint64(r.lo)
	}
	slices.Sort(h.groups)
	shift = shiftOf(h.groups[len(h.groups)/2] / 5)
	for i, r := range ranges {
		h.groups[i] = uint64(r.lo) - uint64(page.lo) + (uint64(r.hi)-uint64(r.lo))/2
	}
	slices.Sort(h.groups)
	return shift, uint64(page.lo) + h.groups[len(h.groups)/2]
}

// sampledResiduals is odd, so that there is a middle one.
const sampledResiduals = 15

// sample returns the median of some residuals and the shift for the median of their
// distances from it, which is two thirds of a standard deviation.
func (h *histogram) sample(residuals []uint64) (center uint64, shift uint) {
	var memory [sampledResiduals]int64
	samples := memory[:min(sampledResiduals, len(residuals))]
	for i := range samples {
		samples[i] = int64(residuals[i*len(residuals)/len(samples)])
	}
	slices.Sort(samples)
	middle := samples[len(samples)/2]
	for i, s := range samples {
		samples[i] = max(s-middle, middle-s)
	}
	slices.Sort(samples)
	distance := uint64(samples[len(samples)/2])
	return uint64(middle), shiftOf(distance + distance/2)
}

// count fills the bins.
func (h *histogram) count(residuals []uint64) {
	for i := range h.lanes {
		clear(h.lanes[i][:h.limit])
	}
	h.far = h.far[:0]
	base, shift := h.base, h.shift&63
	for len(residuals) >= histogramLanes {
		r := (*[histogramLanes]uint64)(residuals)
		residuals = residuals[histogramLanes:]
		a, b, c, d := (r[0]-base)>>shift, (r[1]-base)>>shift, (r[2]-base)>>shift, (r[3]-base)>>shift
		if a|b|c|d >= histogramBins {
			h.countPlain(r[:])
			continue
		}
		h.lanes[0][a&(histogramBins-1)]++
		h.lanes[1][b&(histogramBins-1)]++
		h.lanes[2][c&(histogramBins-1)]++
		h.lanes[3][d&(histogramBins-1)]++
	}
	h.countPlain(residuals)
	h.addLanes()
}

// countNarrow fills the bins with residuals none of which is beyond, without a
// shift.
func (h *histogram) countNarrow(residuals []uint64) {
	for i := range h.lanes {
		clear(h.lanes[i][:h.limit])
	}
	h.far = h.far[:0]
	base := uint8(h.base)
	for len(residuals) >= histogramLanes {
		r := (*[histogramLanes]uint64)(residuals)
		residuals = residuals[histogramLanes:]
		h.lanes[0][uint8(r[0])-base]++
		h.lanes[1][uint8(r[1])-base]++
		h.lanes[2][uint8(r[2])-base]++
		h.lanes[3][uint8(r[3])-base]++
	}
	h.countPlain(residuals)
	h.addLanes()
}

func (h *histogram) addLanes() {
	h.first, h.last = histogramBins, -1
	for i := range h.limit {
		n := h.lanes[0][i] + h.lanes[1][i] + h.lanes[2][i] + h.lanes[3][i]
		h.bins[i] = n
		if n > 0 {
			h.first, h.last = min(h.first, i), i
		}
	}
}

func (h *histogram) countPlain(residuals []uint64) {
	for _, r := range residuals {
		if bin := (r - h.base) >> (h.shift & 63); bin < histogramBins {
			h.lanes[0][bin]++
		} else {
			h.far = append(h.far, r)
		}
	}
}

// merge makes bins twice as wide.
func (h *histogram) merge() {
	first, last := h.first/2, h.last/2
	for i := first; i <= last; i++ {
		n := uint32(0)
		for bin := max(2*i, h.first); bin <= min(2*i+1, h.last); bin++ {
			n += h.bins[bin]
		}
		h.bins[i] = n
	}
	h.first, h.last = first, last
	h.shift++
}

// cheapest returns the table and the centre with which the residuals take the
// fewest bits, low bits not counted.
func (h *histogram) cheapest() (table int, centre int64, bits int) {
	middle, deviation := h.spread()
	rise := h.first + maxToken // where falling tables begin with the first bin
	near, far := h.beyond(middle), h.beyond(rise)
	table = -1
	consider := func(t int) bool {
		zero, beyond := middle, near
		if t>>4 == familyFalling {
			zero, beyond = rise, far
		}
		b := h.bitsWith(t, zero) + beyond.bits + beyond.count*int(lengthOf(t, escapeToken))
		if table >= 0 && b >= bits {
			return false
		}
		table, bits, centre = t, b, int64(h.base+uint64(zero)<<h.shift)
		return true
	}
	// Of each family the table of the deviation, then its neighbours in the best
	// family.
	consider(familyNormal<<4 | scaleOf(&normalDeviations, deviation))
	consider(familyLaplace<<4 | scaleOf(&laplaceDeviations, deviation))
	consider(familyTails<<4 | scaleOf(&tailsDeviations, deviation))
	consider(familyFalling<<4 | scaleOf(&fallingDeviations, float64(h.mean()-h.first)))
	for t := table; t&15 < 15 && consider(t+1); t++ {
	}
	for t := table; t&15 > 0 && consider(t-1); t-- {
	}
	return table, centre, bits
}

// spread returns the bin in which the median lies and the mean distance from it.
func (h *histogram) spread() (middle int, deviation float64) {
	total := 0
	for _, n := range h.bins[h.first : h.last+1] {
		total += int(n)
	}
	middle = h.first
	for below := int(h.bins[middle]); 2*below < total; below += int(h.bins[middle]) {
		middle++
	}
	sum := 0
	for i, n := range h.bins[h.first : h.last+1] {
		sum += int(n) * max(h.first+i-middle, middle-h.first-i)
	}
	return middle, float64(sum) / float64(total)
}

func (h *histogram) mean() int {
	total, sum := 0, 0
	for i, n := range h.bins[h.first : h.last+1] {
		total += int(n)
		sum += int(n) * i
	}
	return h.first + sum/total
}

// bitsWith returns the bits that the tokens take in a table when q is zero for
// the residuals of a bin; those that beyond counts are left out.
func (h *histogram) bitsWith(table, zero int) int {
	costs := &tokenCosts()[table]
	sum := 0
	lo, hi := max(h.first, zero-maxToken), min(h.last, zero+maxToken)
	for i := lo; i <= hi; i++ {
		sum += int(h.bins[i]) * int(costs[i-zero+maxToken])
	}
	return sum
}

// beyond counts the residuals that no token is for.
type beyond struct {
	count int
	bits  int // behind the word of the escape token
}

func (b *beyond) add(n int, z uint64) {
	b.count += n
	b.bits += n * (escapeSizeBits + escapedBits(z))
}

// beyond returns what is beyond the tokens when q is zero for the residuals of a
// bin.
func (h *histogram) beyond(zero int) (b beyond) {
	for i := h.first; i < min(zero-maxToken, h.last+1); i++ {
		b.add(int(h.bins[i]), zigzag(int64(i-zero)))
	}
	for i := max(zero+maxToken+1, h.first); i <= h.last; i++ {
		b.add(int(h.bins[i]), zigzag(int64(i-zero)))
	}
	centre := h.base + uint64(zero)<<h.shift
	for _, r := range h.far {
		b.add(1, zigzag(int64(r-centre)>>h.shift))
	}
	return b
}

// The families of tables, and the mean distances from the centre, in tokens, that
// their members are for.
const (
	familyNormal = iota
	familyLaplace
	familyTails
	familyFalling
)

type deviations [16]float64

var (
	normalDeviations  = deviations{0.04, 0.08, 0.17, 0.29, 0.42, 0.55, 0.70, 0.87, 1.07, 1.30, 1.58, 1.91, 2.30, 2.77, 3.33, 4.0}
	laplaceDeviations = deviations{0.02, 0.07, 0.13, 0.22, 0.33, 0.45, 0.60, 0.77, 0.99, 1.24, 1.55, 1.92, 2.36, 2.91, 3.57, 4.38}
	tailsDeviations   = deviations{0.30, 0.41, 0.55, 0.72, 0.93, 1.19, 1.51, 1.90, 2.39, 2.98, 3.70, 4.59, 5.67, 7.00, 8.62, 10.6}
	fallingDeviations = deviations{0.09, 0.18, 0.33, 0.55, 0.85, 1.28, 1.85, 2.63, 3.69, 5.12, 7.04, 9.6, 13.1, 17.7, 23.9, 32.3}
)

// scaleOf returns the member whose deviation is nearest.
func scaleOf(d *deviations, deviation float64) int {
	k := 0
	for k+1 < len(d) && deviation > (d[k]+d[k+1])/2 {
		k++
	}
	return k
}
