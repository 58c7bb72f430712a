package encoding

import (
	"encoding/binary"
	"math"
	"sort"
)

// Some rows of a page are decoded to the places that they have in the whole page:
// dst gets room for all n values, of which those of the rows [from, to) are set and
// the others are undefined. Pages whose codec has no way to skip or to stop are
// decoded from the front, or all. What lies behind the rows is not looked at.

// DecodeIntegersRange decodes at least the rows [from, to) of a page of n values.
func DecodeIntegersRange(dst []int64, src []byte, n, from, to int) ([]int64, error) {
	return decodeWordsRange(dst, src, n, from, to)
}

// DecodeUnsignedsRange decodes at least the rows [from, to) of a page of n values.
func DecodeUnsignedsRange(dst []uint64, src []byte, n, from, to int) ([]uint64, error) {
	return decodeWordsRange(dst, src, n, from, to)
}

// DecodeFloatsRange decodes at least the rows [from, to) of a page of n values.
func DecodeFloatsRange(dst []float64, src []byte, n, from, to int) ([]float64, error) {
	return decodeFloats(dst, src, n, from, to)
}

// DecodeTimestampsIn decodes at least those of n ascending timestamps that lie
// between least and most, and the first and the last of all. They are the rows
// [from, to).
func DecodeTimestampsIn(dst []int64, src []byte, n int, least, most int64) (_ []int64, from, to int, err error) {
	if n > 1 && len(src) > 0 && Codec(src[0]) == Linear {
		s, err := openWords(src, n)
		if err == nil {
			err = endOfPage(s.src)
		}
		if err != nil {
			return dst[:0], 0, 0, err
		}
		dst = grow(dst, n)
		first, step := int64(s.prev+s.delta), int64(s.delta)
		dst[0], dst[n-1] = first, first+int64(n-1)*step
		from = sort.Search(n, func(i int) bool { return first+int64(i)*step >= least })
		to = from + sort.Search(n-from, func(i int) bool { return first+int64(from+i)*step > most })
		for i := from; i < to; i++ {
			dst[i] = first + int64(i)*step
		}
		return dst, from, to, nil
	}
	if dst, err = DecodeTimestamps(dst, src, n); err != nil {
		return dst, 0, 0, err
	}
	from = sort.Search(n, func(i int) bool { return dst[i] >= least })
	to = from + sort.Search(n-from, func(i int) bool { return dst[from+i] > most })
	return dst, from, to, nil
}

func decodeWordsRange[T word](dst []T, src []byte, n, from, to int) ([]T, error) {
	var rest []byte
	var err error
	switch {
	case len(src) > 0 && Codec(src[0]) == Huffman:
		dst, rest, err = decodeHuffman(dst, src[1:], n, from, to)
	case len(src) > 0 && !streamed(Codec(src[0])):
		dst, rest, err = decodeWords(dst, src, n)
	default:
		dst, rest, err = decodeStream(dst, src, n, from, to)
	}
	if err == nil {
		err = endOfPage(rest)
	}
	return dst, err
}

// skip passes groups over where that costs nothing, and returns how many.
func (s *wordStream) skip(groups int) int {
	rows := groups * groupSize
	switch s.codec {
	case Constant:
	case Linear:
		s.prev += s.delta * uint64(rows)
	case Raw:
		s.src = s.src[8*rows:]
	default:
		return 0
	}
	s.left -= rows
	return groups
}

// decodeStream decodes what wordStream decodes. What follows the page is known only
// when to is the end.
func decodeStream[T word](dst []T, src []byte, n, from, to int) (_ []T, rest []byte, err error) {
	s, err := openWords(src, n)
	if err != nil {
		return dst[:0], nil, err
	}
	dst = grow(dst, n)
	if from >= to && n > 0 {
		return dst, nil, nil
	}
	at := groupSize * s.skip(from/groupSize)
	for ; at < to && at+groupSize <= n; at += groupSize {
		if _, err := nextWords(&s, (*[groupSize]T)(dst[at:])); err != nil {
			return dst[:0], nil, err
		}
	}
	if at < to {
		var last [groupSize]T
		m, err := nextWords(&s, &last)
		if err != nil {
			return dst[:0], nil, err
		}
		copy(dst[at:at+m], last[:])
	}
	if to < n {
		return dst, nil, nil
	}
	return dst, s.src, nil
}

// decodeFloats decodes at least the rows [from, to) of a float page of n values.
func decodeFloats(dst []float64, src []byte, n, from, to int) ([]float64, error) {
	if len(src) == 0 {
		return dst[:0], malformed("float page is empty")
	}
	body := src[1:]
	switch codec := Codec(src[0]); codec {
	case Constant:
		if len(body) != 8 {
			return dst[:0], malformed("constant float page has %d bytes", len(body))
		}
		dst = grow(dst, n)
		v := math.Float64frombits(binary.LittleEndian.Uint64(body))
		for i := range dst[from:to] {
			dst[from+i] = v
		}
		return dst, nil
	case Raw:
		if len(body) != 8*n {
			return dst[:0], malformed("raw float page has %d bytes, want %d values of 8", len(body), n)
		}
		dst = grow(dst, n)
		for i := from; i < to; i++ {
			dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(body[8*i:]))
		}
		return dst, nil
	case Decimal:
		return decodeDecimal(dst, body, n, from, to)
	case XOR:
		return decodeXOR(dst, body, n)
	case OrderedPacked:
		return decodeFloatsOf(dst, body, n, from, to, 0)
	default:
		return dst[:0], malformed("float page has %v", codec)
	}
}
