package encoding

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A float page is the codec byte and:
//
//	constant        bits u64
//	raw             bits u64 × n
//	decimal         power u8, number of exceptions uvarint, exceptions, integer page
//	                of round(value × 10^power);
//	                exception: rows since the exception before uvarint, bits u64
//	xor             see xor.go
//	ordered-packed  integer page of the bits as order-preserving integers (the name
//	                is from the time when that was always packed)

// AppendFloats appends a page of floats to dst. Every bit pattern comes back as
// it was, -0 and NaN payloads included.
func (c Choice) AppendFloats(dst []byte, values []float64) []byte {
	at := len(dst)
	dst = c.appendFloats(dst, values)
	c.note(dst[at:])
	return dst
}

func (c Choice) appendFloats(dst []byte, values []float64) []byte {
	n := len(values)
	// Codecs of integers are for the integer page inside of a float page.
	anyInside := c.wants(Packed, Huffman, ValueDictionary, Linear, Runs)
	if n == 0 || !anyInside && !c.wants(Raw, Decimal, XOR, OrderedPacked) && allSameBits(values) {
		dst = append(dst, byte(Constant))
		if n == 0 {
			return binary.LittleEndian.AppendUint64(dst, 0)
		}
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(values[0]))
	}
	if dst, ok := c.appendForced(dst, values); ok {
		return dst
	}
	start := len(dst)
	dst, ok := appendDecimal(dst, values, c)
	size := len(dst) - start
	// A decimal page that saves half of the bits is taken without a look at the
	// others: they do not beat it on data that has decimals.
	if ok && (size <= 4*n || c.Codec == Decimal) {
		return dst
	}
	if !ok {
		size = math.MaxInt
	}
	return appendBinary(dst, start, size, values, c)
}

// appendForced appends a page in the codec that was chosen beforehand, if it is one
// that can represent all floats.
func (c Choice) appendForced(dst []byte, values []float64) ([]byte, bool) {
	switch c.Codec {
	case XOR:
		return appendXOR(dst, values), true
	case OrderedPacked:
		return appendOrdered(dst, values, Choice{}), true
	case Raw:
		return appendRawFloats(dst, values), true
	}
	return dst, false
}

// appendBinary replaces the decimal page of size bytes at dst[start:] when one
// of the codecs for arbitrary bits is smaller.
func appendBinary(dst []byte, start, size int, values []float64, c Choice) []byte {
	at := len(dst)
	dst = appendOrdered(dst, values, c)
	orderedSize := len(dst) - at
	rawSize := 1 + 8*len(values)
	xorSize := 1 + (xorBits(values)+7)/8
	if c.wants(Packed, Huffman, ValueDictionary, Linear, Runs) {
		rawSize, xorSize = math.MaxInt, math.MaxInt
	}
	switch best := min(size, rawSize, xorSize, orderedSize); best {
	case size:
		return dst[:at]
	case orderedSize:
		return append(dst[:start], dst[at:]...)
	case xorSize:
		return appendXOR(dst[:start], values)
	}
	return appendRawFloats(dst[:start], values)
}

func appendOrdered(dst []byte, values []float64, c Choice) []byte {
	p := borrow(len(values))
	defer scratch.Put(p)
	ordered := *p
	for i, v := range values {
		ordered[i] = orderedInteger(v)
	}
	return appendWords(append(dst, byte(OrderedPacked)), ordered, c)
}

func appendRawFloats(dst []byte, values []float64) []byte {
	dst = append(dst, byte(Raw))
	for _, v := range values {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
	}
	return dst
}

func allSameBits(values []float64) bool {
	first := math.Float64bits(values[0])
	for _, v := range values[1:] {
		if math.Float64bits(v) != first {
			return false
		}
	}
	return true
}

// orderedInteger maps floats to integers of the same order.
func orderedInteger(v float64) int64 {
	b := int64(math.Float64bits(v))
	return b ^ int64(uint64(b>>63)>>1)
}

func floatOfOrdered(i int64) float64 {
	return math.Float64frombits(uint64(i ^ int64(uint64(i>>63)>>1)))
}

const (
	// maxDecimalPower keeps the divisor exact and the search short.
	maxDecimalPower = 18
	// maxMantissa bounds mantissas to those that float64 holds exactly.
	maxMantissa = 1 << 53
	// roundingTerm moves a float below 2^51 to where its unit is 1.
	roundingTerm = 1<<52 + 1<<51
)

// decimalPowers are exact in float64.
var decimalPowers = [maxDecimalPower + 1]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
}

// mantissaOf returns the integer m with m / 10^power == v, bit for bit.
func mantissaOf(v float64, power int) (m int64, ok bool) {
	p := decimalPowers[power]
	x := float64(v * p) // the conversion keeps compilers from fusing it with the sum below
	if !(x < maxMantissa && x > -maxMantissa) {
		return 0, false
	}
	if x < maxMantissa/4 && x > -maxMantissa/4 {
		x = float64(x+roundingTerm) - roundingTerm
	} else {
		x = math.RoundToEven(x)
	}
	m = int64(x)
	return m, math.Float64bits(float64(m)/p) == math.Float64bits(v)
}

// decimalPower returns the least power at or above from that v is a decimal of.
func decimalPower(v float64, from int) (int, bool) {
	for p := from; p <= maxDecimalPower; p++ {
		if _, ok := mantissaOf(v, p); ok {
			return p, true
		}
	}
	return 0, false
}

const decimalSamples = 16

// samplePower guesses the power of a page from some of its values: the least
// that covers three quarters of them. Values that need a higher one are
// cheaper as exceptions than the digits that they would force on all others.
func samplePower(values []float64) (power int, ok bool) {
	samples := min(len(values), decimalSamples)
	var needed [maxDecimalPower + 1]int
	for k := range samples {
		if p, ok := decimalPower(values[k*len(values)/samples], 0); ok {
			needed[p]++
		}
	}
	covered := 0
	for power, n := range needed {
		if covered += n; 4*covered >= 3*samples {
			return power, true
		}
	}
	return 0, false
}

// mantissasOf fills dst with the mantissas of values and lists the values that
// are no decimals of power. It gives up (false) when there are more than limit.
func mantissasOf(dst []int64, values []float64, power, limit int, exceptions []int) ([]int, bool) {
	last := int64(0)
	for i, v := range values {
		m, ok := mantissaOf(v, power)
		if !ok {
			exceptions = append(exceptions, i)
			if len(exceptions) > limit {
				return exceptions, false
			}
			m = last
		}
		dst[i], last = m, m
	}
	return exceptions, true
}

// appendDecimal appends a decimal page, or reports false and appends nothing
// when too many values are not decimals.
func appendDecimal(dst []byte, values []float64, c Choice) ([]byte, bool) {
	power, ok := samplePower(values)
	if !ok {
		return dst, false
	}
	p := borrow(len(values))
	defer scratch.Put(p)
	mantissas := *p
	limit := len(values)/32 + 1
	exceptions, ok := mantissasOf(mantissas, values, power, limit, nil)
	for !ok {
		higher := power
		for _, i := range exceptions {
			if p, ok := decimalPower(values[i], higher); ok {
				higher = p
			}
		}
		if higher == power {
			return dst, false
		}
		power = higher
		exceptions, ok = mantissasOf(mantissas, values, power, limit, exceptions[:0])
	}
	dst = append(dst, byte(Decimal), byte(power))
	dst = binary.AppendUvarint(dst, uint64(len(exceptions)))
	before := 0
	for _, i := range exceptions {
		dst = binary.AppendUvarint(dst, uint64(i-before))
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(values[i]))
		before = i
	}
	return appendWords(dst, mantissas, c), true
}

// DecodeFloats decodes a page of n floats into the memory of dst.
func DecodeFloats(dst []float64, src []byte, n int) ([]float64, error) {
	return decodeFloats(dst, src, n, 0, n)
}

func decodeDecimal(dst []float64, src []byte, n, from, to int) (_ []float64, err error) {
	if len(src) == 0 || src[0] > maxDecimalPower {
		return dst[:0], malformed("power of a decimal page")
	}
	divisor := decimalPowers[src[0]]
	count, exceptions, ok := cutUvarint(src[1:])
	if !ok || count > uint64(n) {
		return dst[:0], malformed("number of exceptions of a decimal page")
	}
	rest := exceptions
	for range count {
		if _, rest, ok = cutUvarint(rest); !ok || len(rest) < 8 {
			return dst[:0], malformed("exceptions of a decimal page")
		}
		rest = rest[8:]
	}
	if dst, err = decodeFloatsOf(dst, rest, n, from, to, divisor); err != nil {
		return dst, err
	}
	return setExceptions(dst, exceptions, count)
}

// decodeFloatsOf decodes at least some rows of the integer page inside of a float page: mantissas to be
// divided by divisor, or ordered integers when that is zero.
func decodeFloatsOf(dst []float64, src []byte, n, from, to int, divisor float64) ([]float64, error) {
	if len(src) == 0 || streamed(Codec(src[0])) {
		return streamFloats(dst, src, n, from, to, divisor)
	}
	if Codec(src[0]) == Huffman {
		return huffmanFloats(dst, src[1:], n, from, to, divisor)
	}
	p := borrow(0)
	defer scratch.Put(p)
	words, rest, err := decodeWords(*p, src, n)
	if err == nil {
		err = endOfPage(rest)
	}
	if err != nil {
		return dst[:0], err
	}
	*p = words
	dst = grow(dst, n)
	floatsOf(dst, words, divisor)
	return dst, nil
}

// streamFloats does it group by group, which saves a trip through memory.
func streamFloats(dst []float64, src []byte, n, from, to int, divisor float64) ([]float64, error) {
	s, err := openWords(src, n)
	if err != nil {
		return dst[:0], err
	}
	dst = grow(dst, n)
	if from >= to && n > 0 {
		return dst, nil
	}
	var g group
	for at := groupSize * s.skip(from/groupSize); at < to; at += groupSize {
		m, err := nextWords(&s, &g)
		if err != nil {
			return dst[:0], err
		}
		floatsOf(dst[at:at+m], g[:m], divisor)
	}
	if to < n {
		return dst, nil
	}
	if err := endOfPage(s.src); err != nil {
		return dst[:0], err
	}
	return dst, nil
}

// huffmanFloats does the same for the body of a huffman page.
func huffmanFloats(dst []float64, src []byte, n, from, to int, divisor float64) ([]float64, error) {
	s := huffmanStreams.Get().(*huffmanStream)
	defer s.release()
	if err := s.open(src, n); err != nil {
		return dst[:0], err
	}
	dst = grow(dst, n)
	rest, err := s.walk(n, from, to, func(s *huffmanStream, at, m int) {
		var g group
		nextHuffman(s, &g, m)
		floatsOf(dst[at:at+m], g[:m], divisor)
	})
	if err == nil {
		err = endOfPage(rest)
	}
	if err != nil {
		return dst[:0], err
	}
	return dst, nil
}

// floatsOf converts as many words as there are floats.
func floatsOf[T word](dst []float64, words []T, divisor float64) {
	words = words[:len(dst)]
	switch divisor {
	case 0:
		for i := range dst {
			dst[i] = floatOfOrdered(int64(words[i]))
		}
	case 1:
		for i := range dst {
			dst[i] = float64(int64(words[i]))
		}
	default:
		for i := range dst {
			dst[i] = float64(int64(words[i])) / divisor
		}
	}
}

// setExceptions overwrites the values that are no decimals. The caller has
// checked that the list is whole.
func setExceptions(dst []float64, list []byte, count uint64) ([]float64, error) {
	at := uint64(0)
	for range count {
		skip, rest, _ := cutUvarint(list)
		at += skip
		if skip > uint64(len(dst)) || at >= uint64(len(dst)) {
			return dst[:0], malformed("exception at row %d of %d", at, len(dst))
		}
		dst[at] = math.Float64frombits(binary.LittleEndian.Uint64(rest))
		list = rest[8:]
	}
	return dst, nil
}

// MaxDecimalPower is the largest power of ten of a decimal float.
const MaxDecimalPower = maxDecimalPower

// DecimalPower returns the least power at or above from such that v is m /
// 10^power, bit for bit, for an integer m that float64 holds exactly.
func DecimalPower(v float64, from int) (power int, ok bool) { return decimalPower(v, from) }

// Mantissa returns the integer m with m / 10^power == v, bit for bit; power is at
// most MaxDecimalPower.
func Mantissa(v float64, power int) (m int64, ok bool) { return mantissaOf(v, power) }

// FloatOfMantissa is the inverse of Mantissa.
func FloatOfMantissa(m int64, power int) float64 { return float64(m) / decimalPowers[power] }

func significantBits(x uint64) (lead, length int) {
	lead = min(bits.LeadingZeros64(x), maxLead)
	return lead, 64 - lead - bits.TrailingZeros64(x)
}
