package encoding

import (
	"math/bits"
	"sync"
)

// entrySymbols is the most tokens that one look-up yields.
const entrySymbols = 6

// wordPair is the words of two tokens, one after the other: their length in the low
// six bits, which so may be added, and the bits above. Zero is none.
type wordPair uint32

func (p wordPair) bits() uint64 { return uint64(p >> 6) }

// len masks as shifts do it, which makes that free.
func (p wordPair) len() uint { return uint(p) & 63 }

// decodeEntry is what the next maxCodeBits bits of a stream hold: in the lowest
// byte the number of bits of up to six whole tokens, above it the tokens (signed
// bytes), in the highest byte their number. The entry of an escape token is zero.
type decodeEntry uint64

// bits masks as shifts do it, which makes that free.
func (e decodeEntry) bits() uint { return uint(e) & 63 }

// tokens has the first one in the lowest byte; those behind the last mean nothing.
func (e decodeEntry) tokens() uint64 { return bits.RotateLeft64(uint64(e), -8) }
func (e decodeEntry) count() int     { return int(e >> 56) }

// tokenTable is one of the fixed Huffman codes, ready to use.
type tokenTable struct {
	once  sync.Once
	words [tokenCount + 1]codeWord // none for tokens that have to be escaped
	// pairs are the words of two tokens, one after the other, by the tokens counted
	// from 0, six bits each; none where one of the two has to be escaped.
	pairs  [1 << 12]wordPair
	decode [1 << maxCodeBits]decodeEntry
}

// tokenTables holds no pointers; the memory of tables that nobody uses is not
// touched.
var tokenTables [tableCount]tokenTable

// tableOf returns a table, which is built at its first use.
func tableOf(number int) *tokenTable {
	t := &tokenTables[number]
	t.once.Do(func() { t.build(number) })
	return t
}

func (t *tokenTable) build(number int) {
	var lengths [tokenCount + 1]uint8
	for i := range lengths {
		lengths[i] = lengthOf(number, i)
	}
	words, ok := appendCodeWords(t.words[:0], lengths[:])
	if !ok {
		panic("encoding: the lengths of a fixed code are not those of a code")
	}
	for i, a := range words[:tokenCount] {
		for k, b := range words[:tokenCount] {
			if a != 0 && b != 0 {
				t.pairs[i<<6|k] = wordPair(a.bits()|b.bits()<<a.len())<<6 | wordPair(a.len()+b.len())
			}
		}
	}
	var single [1 << maxCodeBits]uint8 // token that the bits begin with
	for token, w := range words {
		for at := w.bits(); w != 0 && at < 1<<maxCodeBits; at += 1 << w.len() {
			single[at] = uint8(token)
		}
	}
	for at := range t.decode {
		t.decode[at] = t.entry(&single, uint(at))
	}
}

// entry packs the tokens that maxCodeBits bits hold entirely.
func (t *tokenTable) entry(single *[1 << maxCodeBits]uint8, at uint) decodeEntry {
	var e decodeEntry
	count, used := 0, 0
	for count < entrySymbols {
		token := single[at>>used&(1<<maxCodeBits-1)]
		length := t.words[token].len()
		if token == escapeToken || used+length > maxCodeBits {
			break
		}
		used += length
		count++
		e |= decodeEntry(token-maxToken) << (8 * count)
	}
	return e | decodeEntry(used) | decodeEntry(count)<<56
}
