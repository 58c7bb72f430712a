package encoding

import (
	"encoding/binary"
	"sync"
)

// An integer page is the codec byte and:
//
//	constant    value zigzag
//	linear      first zigzag, step zigzag
//	packed      order u8, seeds zigzag × order, then the groups of 64 values:
//	            width u8, minimum zigzag, packed (residual - minimum)
//	raw         values u64
//	huffman     see huffman_page.go; value-dictionary, runs: see value_dictionary.go, runs_page.go
//
// All sums are modulo 2^64, so the coder is exact for every int64 and uint64.
//
// The residual of order 0 is v[i], of order 1 v[i]-v[i-1], of order 2 the
// difference of two such. What would stand before the first value (the seeds) is
// chosen such that the residuals of the first values equal the first real one; so
// every value is coded alike and groups start at multiples of 64.

type word interface{ ~int64 | ~uint64 }

// appendWords appends an integer page.
func appendWords[T word](dst []byte, values []T, c Choice) []byte {
	at := len(dst)
	dst = appendWordsPage(dst, values, c)
	c.note(dst[at:])
	return dst
}

func appendWordsPage[T word](dst []byte, values []T, c Choice) []byte {
	n := len(values)
	if n == 0 {
		return append(dst, byte(Constant), 0)
	}
	step := T(0)
	if n > 1 {
		step = values[1] - values[0]
	}
	if !c.wants(Raw, Packed, Huffman, ValueDictionary, Runs) && isLinear(values, step) {
		if step == 0 && c.Codec != Linear {
			return appendZigzag(append(dst, byte(Constant)), int64(values[0]))
		}
		dst = appendZigzag(append(dst, byte(Linear)), int64(values[0]))
		return appendZigzag(dst, int64(step))
	}
	if c.Codec == Raw {
		return appendRawWords(dst, values)
	}
	p := planners.Get().(*planner)
	defer p.release()
	return appendPlanned(dst, p, values, c)
}

// appendPlanned appends a page of values that are not linear, or need not be.
func appendPlanned[T word](dst []byte, p *planner, values []T, c Choice) []byte {
	plan := planPage(p, values, c)
	switch {
	case plan.runs:
		return append(dst, p.runs.page...)
	case plan.dictionary:
		return p.values.append(dst)
	case plan.codec == Raw:
		return appendRawWords(dst, values)
	case plan.narrow:
		return appendHuffmanPage(dst, &plan.huffman, values, nil, &p.narrow)
	case plan.codec == Huffman:
		return appendHuffmanPage(dst, &plan.huffman, values, p.residuals[:len(values)], nil)
	}
	return appendPackedPage(dst, p.residuals[:len(values)], plan.huffman.order, plan.huffman.prev, plan.huffman.delta, p.ranges)
}

func appendRawWords[T word](dst []byte, values []T) []byte {
	dst = append(dst, byte(Raw))
	for _, v := range values {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
	}
	return dst
}

func isLinear[T word](values []T, step T) bool {
	for i := 1; i < len(values); i++ {
		if values[i]-values[i-1] != step {
			return false
		}
	}
	return true
}

// wordStream decodes constant, linear, packed and raw pages group by group.
type wordStream struct {
	src         []byte // what is left of the page
	left        int    // values still to come
	codec       Codec
	order       int
	prev, delta uint64
}

// streamed reports whether wordStream decodes a codec.
func streamed(c Codec) bool { return c != Huffman && c != ValueDictionary && c != Runs }

// openWords reads the head of an integer page of n values.
func openWords(src []byte, n int) (s wordStream, err error) {
	if len(src) == 0 {
		return s, malformed("integer page is empty")
	}
	s = wordStream{src: src[1:], left: n, codec: Codec(src[0])}
	var seed int64
	ok := true
	switch s.codec {
	case Constant:
		seed, s.src, ok = cutZigzag(s.src)
		s.prev = uint64(seed)
	case Linear:
		if seed, s.src, ok = cutZigzag(s.src); ok {
			s.prev = uint64(seed)
			seed, s.src, ok = cutZigzag(s.src)
			s.delta = uint64(seed)
			s.prev -= s.delta
		}
	case Packed:
		ok = s.openPacked()
	case Raw:
		if len(s.src)/8 < n {
			return s, malformed("raw page has %d bytes, want %d values of 8", len(s.src), n)
		}
	default:
		return s, malformed("integer page has %v", s.codec)
	}
	if !ok {
		return s, malformed("head of integer page (%v)", s.codec)
	}
	return s, nil
}

// nextWords decodes the next group into dst and returns how many values it has; what
// lies behind them in dst is undefined.
func nextWords[T word](s *wordStream, dst *[groupSize]T) (m int, err error) {
	m = min(s.left, groupSize)
	s.left -= m
	switch s.codec {
	case Constant:
		for i := range dst {
			dst[i] = T(s.prev)
		}
	case Linear:
		v := s.prev
		for i := range dst {
			v += s.delta
			dst[i] = T(v)
		}
		s.prev = v
	case Raw:
		for i := range m {
			dst[i] = T(binary.LittleEndian.Uint64(s.src[8*i:]))
		}
		s.src = s.src[8*m:]
	default:
		return m, nextPacked(s, dst, m)
	}
	return m, nil
}

// decodeWords decodes an integer page of n values into dst and returns what
// follows the page.
func decodeWords[T word](dst []T, src []byte, n int) (_ []T, rest []byte, err error) {
	if len(src) > 0 {
		switch Codec(src[0]) {
		case Huffman:
			return decodeHuffman(dst, src[1:], n, 0, n)
		case ValueDictionary:
			return decodeValueDictionary(dst, src[1:], n)
		case Runs:
			return decodeRuns(dst, src[1:], n)
		}
	}
	return decodeStream(dst, src, n, 0, n)
}

// endOfPage turns bytes behind a page into an error.
func endOfPage(rest []byte) error {
	if len(rest) != 0 {
		return malformed("%d bytes behind the values", len(rest))
	}
	return nil
}

// scratch lends slices of words to encoders.
var scratch = sync.Pool{New: func() any { return new([]int64) }}

func borrow(n int) *[]int64 {
	p := scratch.Get().(*[]int64)
	*p = grow(*p, n)
	return p
}
