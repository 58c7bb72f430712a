package encoding

import (
	"cmp"
	"math/bits"
	"slices"
)

// maxCodeBits bounds the code words of all Huffman codes here, so that a decode
// table has at most 2,048 entries.
const maxCodeBits = 11

// codeWord is a Huffman code word: bits, the first one lowest, and their number
// above bit 16. No word is zero.
type codeWord uint32

func (w codeWord) bits() uint64 { return uint64(w & 0xffff) }
func (w codeWord) len() int     { return int(w >> 16) }

// codeLengths returns the lengths of the code words of an optimal prefix code for
// symbols of the given weights in which no word is longer than maxCodeBits, by
// package-merge (Larmore and Hirschberg, "A fast algorithm for optimal
// length-limited Huffman codes", 1990). Symbols of weight zero get no word. At
// most 2^maxCodeBits weights may be other than zero. A lone symbol gets one bit.
func codeLengths(weights []uint64) []uint8 {
	lengths := make([]uint8, len(weights))
	var leaves []int // symbols, ascending by weight, then number
	for i, w := range weights {
		if w > 0 {
			leaves = append(leaves, i)
		}
	}
	if len(leaves) < 2 {
		for _, i := range leaves {
			lengths[i] = 1
		}
		return lengths
	}
	slices.SortStableFunc(leaves, func(a, b int) int { return cmp.Compare(weights[a], weights[b]) })
	levels := packageLevels(weights, leaves)
	// Of the last level the cheapest 2n-2 items are taken. A leaf among them makes
	// its word a bit longer; a package takes two items of the level before.
	take := 2*len(leaves) - 2
	for l := maxCodeBits - 1; l >= 0; l-- {
		packages := 0
		leaf := 0
		for _, isLeaf := range levels[l][:take] {
			if isLeaf {
				lengths[leaves[leaf]]++
				leaf++
			} else {
				packages++
			}
		}
		take = 2 * packages
	}
	return lengths
}

// packageLevels tells of every level's items, cheapest first, which are leaves;
// the others are pairs of items of the level before. A leaf stands before a pair
// of the same weight.
func packageLevels(weights []uint64, leaves []int) (levels [maxCodeBits][]bool) {
	var before []uint64
	for l := range levels {
		sums := make([]uint64, 0, 2*len(leaves))
		isLeaf := make([]bool, 0, 2*len(leaves))
		leaf, pair := 0, 0
		for leaf < len(leaves) || pair+1 < len(before) {
			if pair+1 >= len(before) || leaf < len(leaves) && weights[leaves[leaf]] <= before[pair]+before[pair+1] {
				sums, isLeaf = append(sums, weights[leaves[leaf]]), append(isLeaf, true)
				leaf++
				continue
			}
			sums, isLeaf = append(sums, before[pair]+before[pair+1]), append(isLeaf, false)
			pair += 2
		}
		before, levels[l] = sums, isLeaf
	}
	return levels
}

// appendCodeWords appends the canonical code words for lengths: shorter words
// first, words of one length in the order of their symbols. Symbols of length
// zero get none. It reports false when the lengths are not those of a complete
// prefix code.
func appendCodeWords(dst []codeWord, lengths []uint8) ([]codeWord, bool) {
	var count, next [maxCodeBits + 2]uint32
	for _, l := range lengths {
		if l > maxCodeBits {
			return dst, false
		}
		count[l]++
	}
	count[0] = 0
	for l := 1; l <= maxCodeBits; l++ {
		next[l+1] = (next[l] + count[l]) << 1
	}
	// All words of the greatest length are used exactly when the code is complete.
	if next[maxCodeBits+1] != 2<<maxCodeBits {
		return dst, false
	}
	for _, l := range lengths {
		w := codeWord(0)
		if l > 0 {
			w = codeWord(uint32(bits.Reverse16(uint16(next[l])))>>(16-l) | uint32(l)<<16)
			next[l]++
		}
		dst = append(dst, w)
	}
	return dst, true
}
