package encoding

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"sync"
)

// The body of a value-dictionary page is:
//
//	distinct  number of distinct values uvarint, at least 1
//	values    integer page of them, ascending, neither value-dictionary nor runs
//	form u8   0 to 32: width of the numbers of the rows, which follow packed in
//	          groups of 64; 0x80: Huffman, and there follow
//	lengths   of the code word of each value, four bits each, the first in the
//	          low half of the first byte
//	numbers   a bit stream of the words of the rows, lowest bit of each byte first
//
// A word has 1 to 11 bits. The code is canonical: shorter words first, words of
// one length in the order of the values, the first bit of a word is its highest.

const (
	dictionaryHuffman   = 0x80
	maxDictionaryWidth  = 32
	maxDictionaryWords  = 1024 // distinct values of pages in Huffman form
	dictionarySamples   = 64
	dictionaryMinValues = 16
	// dictionaryMinBits is the bits per value of other codecs below which it does
	// not pay to look for a dictionary.
	dictionaryMinBits = 2
)

// valueTable counts the distinct values of a page.
type valueTable struct {
	keys   []int64
	counts []uint64
	slots  []int32  // open addressing: index in keys + 1
	rows   []uint32 // index in keys of each row
	rank   []uint32 // of a key among the sorted ones
	sorted []int64
	ranked []uint64 // counts by rank
	page   []byte
	plan   dictionaryPlan
}

type dictionaryPlan struct {
	lengths []uint8 // of the words by sorted value; nil is packed
	width   uint
	size    int
}

// dictionaryMayPay reports whether a sample of the values leaves it open that a
// dictionary takes less than size bytes.
func dictionaryMayPay[T word](values []T, size int) bool {
	n := len(values)
	if n < dictionaryMinValues || 8*size < dictionaryMinBits*n {
		return false
	}
	samples := min(n, dictionarySamples)
	if size < n {
		samples = min(n, dictionarySamples/2) // there is less to gain
	}
	const slots = 2 * dictionarySamples
	var keys [slots]T
	var counts [slots]uint8
	distinct := 0
	for k := range samples {
		v := values[k*n/samples]
		at := uint64(v) * hashFactor >> (64 - 7)
		for counts[at] > 0 && keys[at] != v {
			at = (at + 1) % slots
		}
		if counts[at] == 0 {
			distinct++
		}
		keys[at] = v
		counts[at]++
		// Where 12 of 16 are distinct, values have more than 3 bits.
		if k == 15 && distinct >= 12 && 8*size < 3*n {
			return false
		}
	}
	if 10*distinct > 9*samples {
		return false
	}
	entropy := 0.0
	for _, c := range counts {
		if c > 0 {
			entropy -= float64(c) * logs[c]
		}
	}
	entropy = entropy/float64(samples) + logs[samples]
	return entropy*float64(n) < 8*float64(size)
}

// hashFactor is 2^64 divided by the golden ratio (Knuth, volume 3, 6.4).
const hashFactor = 0x9e3779b97f4a7c15

// logs are the logarithms to base 2 of small numbers.
var logs = func() (l [dictionarySamples + 1]float64) {
	for i := 1; i < len(l); i++ {
		l[i] = math.Log2(float64(i))
	}
	return l
}()

// planDictionary plans a dictionary of at most a third of the values that takes
// less than limit bytes; of any, when limit is negative. It reports whether there
// is one.
func planDictionary[T word](p *planner, values []T, limit int) bool {
	t := &p.values
	most := len(values) / 3
	if limit < 0 {
		most = len(values)
	}
	if !fillTable(t, values, most) {
		return false
	}
	t.sort()
	t.plan = dictionaryPlan{width: uint(bits.Len(uint(len(t.sorted) - 1)))}
	t.plan.size = lowLen(len(values), t.plan.width)
	if d := len(t.sorted); d > 1 && d <= maxDictionaryWords {
		t.planWords()
	}
	if limit < 0 {
		return true
	}
	// The values take half a byte each at the very least; only if that leaves
	// something to gain they are looked at closely.
	if t.plan.size+len(t.sorted)/2 >= limit {
		return false
	}
	return t.len() < limit
}

// len returns the bytes of the page that was planned.
func (t *valueTable) len() int {
	return 2 + uvarintLen(uint64(len(t.sorted))) + t.valuesLen() + t.plan.size
}

// fillTable numbers the values, and gives up when more than most are distinct.
func fillTable[T word](t *valueTable, values []T, most int) bool {
	width := max(4, bits.Len(uint(2*most)))
	t.slots = grow(t.slots, 1<<width)
	clear(t.slots)
	t.keys, t.counts = t.keys[:0], t.counts[:0]
	t.rows = grow(t.rows, len(values))
	for i, v := range values {
		at := uint64(v) * hashFactor >> (64 - width)
		for t.slots[at] != 0 && t.keys[t.slots[at]-1] != int64(v) {
			at = (at + 1) & (1<<width - 1)
		}
		if t.slots[at] == 0 {
			if len(t.keys) == most {
				return false
			}
			t.keys, t.counts = append(t.keys, int64(v)), append(t.counts, 0)
			t.slots[at] = int32(len(t.keys))
		}
		k := t.slots[at] - 1
		t.rows[i] = uint32(k)
		t.counts[k]++
	}
	return true
}

// sort orders the values and makes rows and counts follow.
func (t *valueTable) sort() {
	t.sorted = append(t.sorted[:0], t.keys...)
	slices.Sort(t.sorted)
	t.rank = grow(t.rank, len(t.keys))
	t.ranked = grow(t.ranked, len(t.keys))
	for k, v := range t.keys {
		at, _ := slices.BinarySearch(t.sorted, v)
		t.rank[k] = uint32(at)
		t.ranked[at] = t.counts[k]
	}
	for i, k := range t.rows {
		t.rows[i] = t.rank[k]
	}
}

// planWords takes the Huffman form if it is smaller.
func (t *valueTable) planWords() {
	lengths := codeLengths(t.ranked)
	bits := uint64(0)
	for i, l := range lengths {
		bits += uint64(l) * t.ranked[i]
	}
	if size := (len(lengths)+1)/2 + int((bits+7)/8); size < t.plan.size {
		t.plan.lengths, t.plan.size = lengths, size
	}
}

// valuesLen returns the bytes of the page of the values. Distinct values are never
// a value-dictionary page themselves.
func (t *valueTable) valuesLen() int {
	t.page = appendWords(t.page[:0], t.sorted, Choice{flat: true})
	return len(t.page)
}

// append appends the page that was planned.
func (t *valueTable) append(dst []byte) []byte {
	dst = binary.AppendUvarint(append(dst, byte(ValueDictionary)), uint64(len(t.sorted)))
	dst = appendWords(dst, t.sorted, Choice{flat: true})
	if t.plan.lengths == nil {
		return t.appendNumbers(append(dst, byte(t.plan.width)))
	}
	dst = append(dst, dictionaryHuffman)
	for i := 0; i < len(t.plan.lengths); i += 2 {
		b := t.plan.lengths[i]
		if i+1 < len(t.plan.lengths) {
			b |= t.plan.lengths[i+1] << 4
		}
		dst = append(dst, b)
	}
	var memory [maxDictionaryWords]codeWord
	words, _ := appendCodeWords(memory[:0], t.plan.lengths)
	out := bitWriter{dst: dst}
	for _, row := range t.rows {
		w := words[row]
		out.write(w.bits(), w.len())
	}
	return out.close()
}

func (t *valueTable) appendNumbers(dst []byte) []byte {
	var g group
	for rows := t.rows; len(rows) > 0; {
		m := min(groupSize, len(rows))
		for i, r := range rows[:m] {
			g[i] = uint64(r)
		}
		dst = appendPacked(dst, g[:m], t.plan.width)
		rows = rows[m:]
	}
	return dst
}

// dictionaryDecoder is the memory that decoding takes.
type dictionaryDecoder struct {
	values []uint64
	words  [maxDictionaryWords]codeWord
	// numbers has for the next bits of the stream the number of the value above
	// four bits with the length of its word.
	numbers [1 << maxCodeBits]uint16
}

var dictionaryDecoders = sync.Pool{New: func() any { return new(dictionaryDecoder) }}

// decodeValueDictionary decodes the body of a page of n values.
func decodeValueDictionary[T word](dst []T, src []byte, n int) (_ []T, rest []byte, err error) {
	distinct, rest, ok := cutUvarint(src)
	if !ok || distinct == 0 || distinct > uint64(n) || len(rest) == 0 || Codec(rest[0]) == ValueDictionary || Codec(rest[0]) == Runs {
		return dst[:0], nil, malformed("dictionary of %d values for %d rows", distinct, n)
	}
	d := dictionaryDecoders.Get().(*dictionaryDecoder)
	defer dictionaryDecoders.Put(d)
	if d.values, rest, err = decodeWords(d.values, rest, int(distinct)); err != nil {
		return dst[:0], nil, err
	}
	if len(rest) == 0 || rest[0] > maxDictionaryWidth && rest[0] != dictionaryHuffman {
		return dst[:0], nil, malformed("form of a dictionary of %d values", distinct)
	}
	form, rest := rest[0], rest[1:]
	if form == dictionaryHuffman {
		return decodeDictionaryWords(d, dst, rest, n)
	}
	return decodeDictionaryNumbers(d, dst, rest, n, uint(form))
}

func decodeDictionaryNumbers[T word](d *dictionaryDecoder, dst []T, src []byte, n int, width uint) (_ []T, rest []byte, err error) {
	size := lowLen(n, width)
	if len(src) < size {
		return dst[:0], nil, malformed("%d bytes of dictionary numbers for %d rows", len(src), n)
	}
	dst = grow(dst, n)
	var g group
	for at := 0; at < n; at += groupSize {
		m := min(groupSize, n-at)
		unpackGroup(&g, src, m, width)
		src = src[packedLen(m, width):]
		for i, number := range g[:m] {
			if number >= uint64(len(d.values)) {
				return dst[:0], nil, malformed("row %d has value %d of %d", at+i, number, len(d.values))
			}
			dst[at+i] = T(d.values[number])
		}
	}
	return dst, src, nil
}

// decodeDictionaryWords decodes lengths and words.
func decodeDictionaryWords[T word](d *dictionaryDecoder, dst []T, src []byte, n int) (_ []T, rest []byte, err error) {
	distinct := len(d.values)
	if distinct > maxDictionaryWords || len(src) < (distinct+1)/2 {
		return dst[:0], nil, malformed("code of %d values", distinct)
	}
	width, ok := d.buildNumbers(src)
	if !ok {
		return dst[:0], nil, malformed("lengths of a code of %d values", distinct)
	}
	in := bitReader{src: src[(distinct+1)/2:]}
	if len(in.src) < (n+7)/8 {
		return dst[:0], nil, malformed("%d bytes of words for %d rows", len(in.src), n)
	}
	dst = grow(dst, n)
	mask := uint64(1)<<width - 1
	values, i := d.values, 0
	// A load has the bits of five words at least.
	for ; i+5 <= n && in.at>>3+8 <= len(in.src); i += 5 {
		window := binary.LittleEndian.Uint64(in.src[in.at>>3:]) >> (in.at & 7)
		for k := range 5 {
			e := d.numbers[window&mask&(1<<maxCodeBits-1)]
			window >>= e & 15
			in.at += int(e & 15)
			dst[i+k] = T(values[e>>4])
		}
	}
	for ; i < n; i++ {
		e := d.numbers[in.peek()&mask]
		in.at += int(e & 15)
		dst[i] = T(values[e>>4])
	}
	if in.over() {
		return dst[:0], nil, malformed("words of %d rows are cut off", n)
	}
	return dst, in.src[(in.at+7)/8:], nil
}

// buildNumbers makes the decode table of the code whose lengths stand at the front
// of src, and returns the bits of an index.
func (d *dictionaryDecoder) buildNumbers(src []byte) (width int, ok bool) {
	var lengths [maxDictionaryWords]uint8
	for i := range d.values {
		l := src[i>>1] >> (i & 1 * 4) & 15
		if l == 0 || l > maxCodeBits {
			return 0, false
		}
		lengths[i] = l
		width = max(width, int(l))
	}
	words, ok := appendCodeWords(d.words[:0], lengths[:len(d.values)])
	if !ok {
		return 0, false
	}
	for i, w := range words {
		for at := w.bits(); at < 1<<width; at += 1 << w.len() {
			d.numbers[at] = uint16(i<<4 | w.len())
		}
	}
	return width, true
}

// peek returns at least the next maxCodeBits bits; behind the end they are zero.
func (r *bitReader) peek() uint64 {
	var tail [8]byte
	if p := r.at >> 3; p < len(r.src) {
		copy(tail[:], r.src[p:])
	}
	return binary.LittleEndian.Uint64(tail[:]) >> (r.at & 7)
}
