package encoding

import "encoding/binary"

// tokenStream reads the tokens of a huffman page.
type tokenStream struct {
	src   []byte
	at    int // bit
	table *tokenTable
	sum   uint64 // of all q so far
}

// readTokens fills dst with the running sums of q. Behind the end of the stream it
// reads zeros; rest tells.
func readTokens[T word](s *tokenStream, dst []T) {
	i := 0
	for i < len(dst) {
		i += readWhole(s, dst[i:])
		if i < len(dst) {
			s.sum += uint64(s.next())
			dst[i] = T(s.sum)
			i++
		}
	}
}

// readWhole decodes several tokens with each look-up as long as dst has room for
// all that a look-up may yield, the stream has whole words of bits, and no escape
// turns up. It returns the number of values.
func readWhole[T word](s *tokenStream, dst []T) int {
	const perLoad = 4 // look-ups that the bits of a load suffice for
	src, at, i, sum := s.src, s.at, 0, T(s.sum)
	table := &s.table.decode
whole:
	for i+entrySymbols <= len(dst) && at>>3+8 <= len(src) {
		bits := binary.LittleEndian.Uint64(src[at>>3:]) >> (uint(at) & 7)
		lookups := perLoad
		if i+perLoad*entrySymbols > len(dst) {
			lookups = 1
		}
		for ; lookups > 0; lookups-- {
			e := table[bits&(1<<maxCodeBits-1)]
			if e.count() == 0 {
				break whole
			}
			d := (*[entrySymbols]T)(dst[i:])
			d[0] = sum + T(int8(e))
			d[1] = sum + T(int8(e>>8))
			d[2] = sum + T(int8(e>>16))
			d[3] = sum + T(int8(e>>24))
			d[4] = sum + T(int8(e>>32))
			d[5] = sum + T(int8(e>>40))
			sum += T(e.sum())
			i += e.count()
			at += int(e.bits())
			bits >>= e.bits()
		}
	}
	s.at, s.sum = at, uint64(sum)
	return i
}

// next decodes one token, escaped ones too; it is the plain twin of readWhole.
func (s *tokenStream) next() int64 {
	window := s.peek()
	e := s.table.decode[window&(1<<maxCodeBits-1)]
	if e.count() > 0 {
		q := int64(int8(e))
		s.at += s.table.words[q+maxToken].len()
		return q
	}
	s.at += s.table.words[escapeToken].len()
	size := int(s.peek()&(1<<escapeSizeBits-1)) + 1
	s.at += escapeSizeBits
	z := s.peek() & (1<<32 - 1)
	if size > 32 {
		s.at += 32
		z |= s.peek() << 32
		s.at += size - 32
	} else {
		s.at += size
	}
	return unzigzag(z & (^uint64(0) >> (64 - size)))
}

// peek returns the next bits, at least 57 of them.
func (s *tokenStream) peek() uint64 {
	p := s.at >> 3
	if p+8 <= len(s.src) {
		return binary.LittleEndian.Uint64(s.src[p:]) >> (uint(s.at) & 7)
	}
	var tail [8]byte
	if p < len(s.src) {
		copy(tail[:], s.src[p:])
	}
	return binary.LittleEndian.Uint64(tail[:]) >> (uint(s.at) & 7)
}

// rest returns what follows the stream: bytes from the first whole one on.
func (s *tokenStream) rest() ([]byte, error) {
	end := (s.at + 7) / 8
	if end > len(s.src) {
		return nil, malformed("token stream of %d bytes ends behind bit %d", len(s.src), 8*len(s.src))
	}
	if s.at&7 != 0 && s.src[end-1]>>(s.at&7) != 0 {
		return nil, malformed("bits behind the last token")
	}
	return s.src[end:], nil
}

// huffmanStream decodes the values of a huffman page.
type huffmanStream struct {
	huffmanHead // prev and delta are those of the value before
	tokens      tokenStream
	low         []byte // what is left of the low bits
}

func openHuffman(src []byte, n int) (s huffmanStream, err error) {
	head, rest, ok := cutHuffmanHead(src)
	size := lowLen(n, head.shift)
	// A token takes at least a bit.
	if !ok || len(rest) < size+(n+7)/8 {
		return s, malformed("head of huffman page, or %d bytes for %d values", len(rest), n)
	}
	s = huffmanStream{huffmanHead: head, low: rest[:size]}
	s.tokens = tokenStream{src: rest[size:], table: tableOf(head.table)}
	if s.direct() {
		s.tokens.sum = head.prev
	}
	return s, nil
}

// direct reports whether the running sums of q are the values, but for the centre.
func (s *huffmanStream) direct() bool { return s.order == 1 && s.shift == 0 }

// decodeHuffman decodes the body of a huffman page of n values.
func decodeHuffman[T word](dst []T, src []byte, n int) (_ []T, rest []byte, err error) {
	s, err := openHuffman(src, n)
	if err != nil {
		return dst[:0], nil, err
	}
	dst = grow(dst, n)
	readTokens(&s.tokens, dst)
	if rest, err = s.tokens.rest(); err != nil {
		return dst[:0], nil, err
	}
	switch {
	case !s.direct():
		valuesOfSums(&s, dst)
	case s.centre != 0:
		ramp, step := T(0), T(s.centre)
		for i := range dst {
			ramp += step
			dst[i] += ramp
		}
	}
	return dst, rest, nil
}

// valuesOfSums turns running sums of q into values.
func valuesOfSums[T word](s *huffmanStream, dst []T) {
	var low group
	centre, shift := uint64(s.centre), s.shift&63
	v, delta, before := s.prev, s.delta, uint64(0)
	for len(dst) > 0 {
		m := min(groupSize, len(dst))
		unpackGroup(&low, s.low, m, s.shift)
		s.low = s.low[packedLen(m, s.shift):]
		d := dst[:m:m]
		dst = dst[m:]
		switch s.order {
		case 0:
			for i := range d {
				sum := uint64(d[i])
				d[i] = T((sum-before)<<shift + low[i&(groupSize-1)] + centre)
				before = sum
			}
		case 1:
			// The sum of the shifted q is the shifted sum; v holds all but it.
			for i := range d {
				v += low[i&(groupSize-1)] + centre
				d[i] = T(uint64(d[i])<<shift + v)
			}
		default:
			for i := range d {
				sum := uint64(d[i])
				delta += (sum-before)<<shift + low[i&(groupSize-1)] + centre
				before = sum
				v += delta
				d[i] = T(v)
			}
		}
	}
}
