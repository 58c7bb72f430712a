package inflate

import "math/bits"

// A decoding table is indexed by the next bits of the input, first bit lowest.
// Codes longer than the index share a primary entry that leads to a table of
// their own behind it.
//
// An entry of the table for literals and lengths:
//
//	literal   bits 0-7 bits to consume, 8-9 number of literals (1 or 2), 15 set, 16-23 and 24-31 the literals
//	length    bits 0-7 bits to consume, extra ones included, 8-11 bits of the code, 16-24 smallest length
//	special   bit 14 set: bits 0-7 bits to consume; bit 13 set: bits 8-11 index bits
//	          of the second table, 16-31 where it begins; bit 12 set: end of the block; neither: no such code
//
// An entry for distances is like one for a length or a special one.
type entry = uint32

const (
	isLiteral = 1 << 15
	isSpecial = 1 << 14
	isLink    = 1 << 13
	isEnd     = 1 << 12
	noCode    = isSpecial

	maxCodeBits = 15

	litBits  = 10 // index bits of the primary tables
	distBits = 8
	precBits = 7 // no code of this alphabet is longer

	// The most entries that complete codes of at most 288 and 32 symbols and
	// 15 bits need with these primary sizes are 1334 and 402 (zlib's enough.c);
	// powers of two above keep every index inside without a check.
	litEntries  = 2048
	distEntries = 512
	precEntries = 1 << precBits

	maxLitSymbols  = 286
	maxDistSymbols = 30
	endOfBlock     = 256
)

// The symbols' entries, without the bits of the code.
var (
	litSymbols  = litSymbolEntries()
	distSymbols = distSymbolEntries()
	precSymbols = precSymbolEntries()
)

func litSymbolEntries() (e [288]entry) {
	for i := range 256 {
		e[i] = isLiteral | 1<<8 | entry(i)<<16
	}
	e[endOfBlock] = isSpecial | isEnd
	base := entry(3)
	for i := range 28 {
		extra := entry(max(i/4-1, 0))
		e[257+i] = base<<16 | extra
		base += 1 << extra
	}
	e[285] = 258 << 16
	e[286], e[287] = noCode, noCode
	return e
}

func distSymbolEntries() (e [32]entry) {
	base := entry(1)
	for i := range maxDistSymbols {
		extra := entry(max(i/2-1, 0))
		e[i] = base<<16 | extra
		base += 1 << extra
	}
	e[30], e[31] = noCode, noCode
	return e
}

// precSymbolEntries are of the code in which code lengths are written.
func precSymbolEntries() (e [19]entry) {
	for i := range e {
		e[i] = entry(i) << 16
	}
	return e
}

// codeBuilder makes decoding tables. Its memory is used again.
type codeBuilder struct {
	sorted [288]uint16 // symbols by length of their codes, then by number
	count  [maxCodeBits + 1]uint16
}

// build fills table for the canonical code with the given lengths, 0 for symbols
// that do not occur. It reports false when the lengths make no prefix code that
// uses up all bit strings. As in compress/flate a code may be empty or have one
// symbol of one bit; what it does not use is noCode then.
func (c *codeBuilder) build(table []entry, indexBits uint, lengths []uint8, symbols []entry) bool {
	n, longest, ok := c.sort(lengths)
	if !ok {
		return false
	}
	primary := 1 << indexBits
	if longest <= 1 && n <= 1 {
		for i := range primary {
			table[i] = noCode
		}
	}
	code, at := uint(0), 0
	for length := uint(1); length <= min(longest, indexBits); length++ {
		for range c.count[length] {
			s := c.sorted[at]
			e := withCode(symbols[s], length)
			for i := reverse(code, length); i < uint(primary); i += 1 << length {
				table[i] = e
			}
			code++
			at++
		}
		code <<= 1
	}
	if longest > indexBits {
		c.buildSecond(table, indexBits, symbols, code, at, longest)
	}
	return true
}

// sort orders the symbols and returns how many occur and the longest code.
func (c *codeBuilder) sort(lengths []uint8) (n int, longest uint, ok bool) {
	c.count = [maxCodeBits + 1]uint16{}
	for _, l := range lengths {
		c.count[l&maxCodeBits]++
	}
	c.count[0] = 0
	var next [maxCodeBits + 2]uint16
	left := 1 // codes of this length that are free
	for l := uint(1); l <= maxCodeBits; l++ {
		next[l+1] = next[l] + c.count[l]
		left = left<<1 - int(c.count[l])
		if left < 0 {
			return 0, 0, false
		}
		if c.count[l] > 0 {
			longest = l
		}
	}
	for s, l := range lengths {
		if l != 0 {
			c.sorted[next[l]] = uint16(s)
			next[l]++
			n++
		}
	}
	return n, longest, left == 0 || n == 0 || n == 1 && longest == 1
}

// buildSecond fills the tables of the codes that are longer than the index. The
// first of them is code, of indexBits+1 bits, and belongs to c.sorted[at].
func (c *codeBuilder) buildSecond(table []entry, indexBits uint, symbols []entry, code uint, at int, longest uint) {
	end := uint(1) << indexBits // of the tables so far
	prefix := ^uint(0)
	var start, size uint
	for length := indexBits + 1; length <= longest; length++ {
		for left := uint(c.count[length]); left > 0; left-- {
			if p := code >> (length - indexBits); p != prefix {
				prefix = p
				// The table is as large as the codes with this prefix need.
				size = length - indexBits
				for free := int(1)<<size - int(left); free > 0 && size < longest-indexBits; {
					size++
					free = free<<1 - int(c.count[indexBits+size])
				}
				start, end = end, end+1<<size
				table[reverse(p, indexBits)] = isSpecial | isLink | entry(indexBits) | entry(size)<<8 | entry(start)<<16
			}
			e := withCode(symbols[c.sorted[at]], length-indexBits)
			for i := reverse(code&(1<<(length-indexBits)-1), length-indexBits); i < 1<<size; i += 1 << (length - indexBits) {
				table[start+i] = e
			}
			code++
			at++
		}
		code <<= 1
	}
}

// withCode adds the bits of the code to a symbol's entry.
func withCode(e entry, length uint) entry {
	if e&(isLiteral|isSpecial) == 0 {
		e |= entry(length) << 8
	}
	return e + entry(length)
}

// reverse returns the lowest n bits of code, the first one last.
func reverse(code, n uint) uint {
	return uint(bits.Reverse16(uint16(code))) >> (16 - n)
}

// pairLiterals makes one entry of two literals where both codes fit the index.
// It goes downwards: an entry looks only at lower ones, which stand for the
// single literal they began as until their own turn.
func pairLiterals(table *[litEntries]entry) {
	for i := uint(1<<litBits - 1); i < 1<<litBits; i-- {
		e := table[i]
		if e&isLiteral == 0 {
			continue
		}
		first := uint(e & 0xFF)
		next := table[i>>first]
		if next&isLiteral == 0 {
			continue
		}
		if both := first + uint(next&0xFF); both <= litBits {
			table[i] = isLiteral | 2<<8 | entry(both) | e&0xFF0000 | (next&0xFF0000)<<8
		}
	}
}
