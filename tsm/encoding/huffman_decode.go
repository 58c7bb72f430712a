package encoding

import (
	"encoding/binary"
	"sync"
)

const (
	// loadLookups is the number of look-ups that the bits of a load suffice for.
	loadLookups = 5
	// aheadTokens bounds the tokens that are read beyond those of a group.
	aheadTokens = loadLookups * entrySymbols
)

// escape is a token that had to be escaped, and its place among the tokens.
type escape struct {
	at int
	q  int64
}

// tokenStream reads the tokens of a huffman page.
type tokenStream struct {
	src   []byte
	at    int // bit
	table *tokenTable
	left  int // tokens in src from bit at on
	// ready tokens were read and not yet used. They stand at the front of tokens,
	// zeros for those of escapes, of which there are escaped, ascending by place.
	ready   int
	tokens  [256 + 8]byte // so long that no index of a byte is out of range
	escaped int
	escapes [groupSize + aheadTokens]escape
}

// fill reads tokens until m are ready; there must be as many. Behind the end of the
// stream it reads zeros; rest tells.
func (s *tokenStream) fill(m int) {
	for s.ready < m {
		s.fillWhole(m)
		if s.ready < m {
			s.fillOne()
		}
	}
}

// fillWhole decodes several tokens with each look-up as long as no escape turns up,
// the stream has whole words of bits, and no look-up may yield more than is left.
func (s *tokenStream) fillWhole(m int) {
	src, at, i := s.src, s.at, s.ready
	table, tokens := &s.table.decode, &s.tokens
	const mask = 1<<maxCodeBits - 1
	for most := min(m-1, i+s.left-aheadTokens); i <= most && at>>3+8 <= len(src); {
		bits := binary.LittleEndian.Uint64(src[at>>3:]) >> (uint(at) & 7)
		a := table[bits&mask]
		bits >>= a.bits()
		b := table[bits&mask]
		bits >>= b.bits()
		c := table[bits&mask]
		bits >>= c.bits()
		d := table[bits&mask]
		bits >>= d.bits()
		e := table[bits&mask]
		at += int(a.bits() + b.bits() + c.bits() + d.bits() + e.bits())
		binary.LittleEndian.PutUint64(tokens[uint8(i):], a.tokens())
		i += a.count()
		binary.LittleEndian.PutUint64(tokens[uint8(i):], b.tokens())
		i += b.count()
		binary.LittleEndian.PutUint64(tokens[uint8(i):], c.tokens())
		i += c.count()
		binary.LittleEndian.PutUint64(tokens[uint8(i):], d.tokens())
		i += d.count()
		binary.LittleEndian.PutUint64(tokens[uint8(i):], e.tokens())
		i += e.count()
		// The entry of an escape token is zero, and so are all that follow it.
		if e == 0 {
			break
		}
	}
	s.left -= i - s.ready
	s.at, s.ready = at, i
}

// fillBoth fills two streams for whole groups. It does what fillWhole does, as long
// as both can.
func fillBoth(a, b *tokenStream) {
	const m, mask = groupSize, 1<<maxCodeBits - 1
	table := &a.table.decode
	i, k, at, bt := a.ready, b.ready, a.at, b.at
	most, bost := min(m-1, i+a.left-aheadTokens), min(m-1, k+b.left-aheadTokens)
	src := a.src // which both have
	for i <= most && k <= bost && at>>3+8 <= len(src) && bt>>3+8 <= len(src) {
		x := binary.LittleEndian.Uint64(src[at>>3:]) >> (uint(at) & 7)
		y := binary.LittleEndian.Uint64(src[bt>>3:]) >> (uint(bt) & 7)
		var e, f decodeEntry
		for range loadLookups {
			e, f = table[x&mask], table[y&mask]
			x >>= e.bits()
			y >>= f.bits()
			at += int(e.bits())
			bt += int(f.bits())
			binary.LittleEndian.PutUint64(a.tokens[uint8(i):], e.tokens())
			binary.LittleEndian.PutUint64(b.tokens[uint8(k):], f.tokens())
			i += e.count()
			k += f.count()
		}
		if e == 0 || f == 0 {
			break
		}
	}
	a.left -= i - a.ready
	b.left -= k - b.ready
	a.at, a.ready, b.at, b.ready = at, i, bt, k
}

// fillOne reads the tokens of one look-up, or one token, escaped ones too.
func (s *tokenStream) fillOne() {
	if e := s.table.decode[s.peek()&(1<<maxCodeBits-1)]; e != 0 && e.count() <= s.left {
		binary.LittleEndian.PutUint64(s.tokens[s.ready:], e.tokens())
		s.ready += e.count()
		s.left -= e.count()
		s.at += int(e.bits())
		return
	}
	q, escaped := s.next()
	s.tokens[s.ready] = byte(q)
	if escaped {
		s.tokens[s.ready] = 0
		s.escapes[s.escaped] = escape{s.ready, q}
		s.escaped++
	}
	s.ready++
	s.left--
}

// drop takes the first m tokens out.
func (s *tokenStream) drop(m int) {
	copy(s.tokens[:], s.tokens[m:s.ready])
	s.ready -= m
	kept := 0
	for _, e := range s.escapes[:s.escaped] {
		if e.at >= m {
			s.escapes[kept] = escape{e.at - m, e.q}
			kept++
		}
	}
	s.escaped = kept
}

// next decodes one token; it is the plain twin of fillWhole.
func (s *tokenStream) next() (q int64, escaped bool) {
	window := s.peek()
	if e := s.table.decode[window&(1<<maxCodeBits-1)]; e != 0 {
		q := int64(int8(e.tokens()))
		s.at += s.table.words[q+maxToken].len()
		return q, false
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
	return unzigzag(z & (^uint64(0) >> (64 - size))), true
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

// huffmanStream decodes the values of a huffman page group by group.
type huffmanStream struct {
	huffmanHead // prev and delta are those of the value before
	tokens      tokenStream
	low         []byte // what is left of the low bits

	// Of the whole page: its low bits and where its parts begin.
	allLow []byte
	parts  []huffmanPart
}

var huffmanStreams = sync.Pool{New: func() any { return new(huffmanStream) }}

// release gives the stream back; it keeps no bytes of the page.
func (s *huffmanStream) release() {
	s.low, s.allLow, s.tokens.src = nil, nil, nil
	huffmanStreams.Put(s)
}

// open reads the head of a huffman page of n values, behind the codec byte, and
// goes to its first part. What the stream held before does not matter.
func (s *huffmanStream) open(src []byte, n int) error {
	head, rest, ok := cutHuffmanHead(src)
	if ok {
		s.parts, rest, ok = head.cutParts(s.parts, rest, n)
	}
	size := lowLen(n, head.shift)
	// A token takes at least a bit.
	if !ok || len(rest) < size+(n+7)/8 {
		return malformed("head of huffman page, or %d bytes for %d values", len(rest), n)
	}
	if last := s.parts[len(s.parts)-1].bit; last > 8*(len(rest)-size) {
		return malformed("the last part of a huffman page is at bit %d of %d bytes", last, len(rest)-size)
	}
	s.huffmanHead, s.allLow = head, rest[:size]
	s.tokens.src, s.tokens.table = rest[size:], tableOf(head.table)
	s.seek(0, n)
	return nil
}

// share makes s read the page that o has opened.
func (s *huffmanStream) share(o *huffmanStream) {
	s.huffmanHead, s.allLow = o.huffmanHead, o.allLow
	s.tokens.src, s.tokens.table = o.tokens.src, o.tokens.table
	s.parts = append(s.parts[:0], o.parts...)
}

// seek goes to the first value of a part of a page of n values and returns its
// rows [at, end).
func (s *huffmanStream) seek(part, n int) (at, end int) {
	end = n
	if s.groups > 0 {
		at = part * s.groups * groupSize
		end = min(at+s.groups*groupSize, n)
	}
	t, p := &s.tokens, &s.parts[part]
	t.at, t.left, t.ready, t.escaped = p.bit, end-at, 0, 0
	s.prev, s.delta = p.prev, p.delta
	s.low = s.allLow[lowLen(at, s.shift):]
	return at, end
}

// ended reports whether a part that was decoded ends where the next one begins.
func (s *huffmanStream) ended(part int) bool {
	if part+1 == len(s.parts) {
		return true
	}
	next := &s.parts[part+1]
	return s.tokens.at == next.bit && (s.order < 1 || s.prev == next.prev) && (s.order < 2 || s.delta == next.delta)
}

// walk decodes at least the rows [from, to) of a page of n values that was opened:
// visit is to take the next m values, of row at and after it, with nextHuffman.
// What follows the page is known only when all rows were asked for.
func (s *huffmanStream) walk(n, from, to int, visit func(s *huffmanStream, at, m int)) (rest []byte, err error) {
	if from >= to {
		return nil, nil
	}
	part, last := 0, 0
	if s.groups > 0 {
		part, last = from/(s.groups*groupSize), (to-1)/(s.groups*groupSize)
	}
	if part < last {
		o := huffmanStreams.Get().(*huffmanStream)
		defer o.release()
		o.share(s)
		for ; part < last; part += 2 {
			if err := walkParts(s, o, part, n, to, visit); err != nil {
				return nil, err
			}
		}
		s.tokens.at = o.tokens.at // in case that this was all
	}
	if part == last {
		at, end := s.seek(part, n)
		for ; at < min(end, to); at += groupSize {
			visit(s, at, min(groupSize, end-at))
		}
		if at >= end && !s.ended(part) {
			return nil, malformed("part %d of a huffman page does not end where the next begins", part)
		}
	}
	if from > 0 || to < n {
		return nil, nil
	}
	return s.tokens.rest()
}

// walkParts decodes two parts that follow each other, a group of each in turns.
func walkParts(a, b *huffmanStream, part, n, to int, visit func(s *huffmanStream, at, m int)) error {
	at, end := a.seek(part, n)
	from, most := b.seek(part+1, n)
	most = min(most, n)
	for ; at < end; at, from = at+groupSize, from+groupSize {
		m := min(groupSize, most-from)
		if m == groupSize && from < to {
			fillBoth(&a.tokens, &b.tokens)
		}
		visit(a, at, groupSize)
		if m > 0 && from < to {
			visit(b, from, m)
		}
	}
	if !a.ended(part) || from >= most && to >= most && !b.ended(part+1) {
		return malformed("part %d or %d of a huffman page does not end where the next begins", part, part+1)
	}
	return nil
}

// nextHuffman decodes the next m values into dst; what lies behind them in it is
// undefined. The caller asks for whole groups but for the last one.
func nextHuffman[T word](s *huffmanStream, dst *[groupSize]T, m int) {
	t := &s.tokens
	t.fill(m)
	if t.escaped > 0 {
		nextEscaped(s, dst, m)
	} else if s.shift == 0 {
		nextNarrow(s, dst)
	} else {
		nextShifted(s, dst, m)
	}
	t.drop(m)
}

// nextNarrow takes the values from residuals without low bits.
func nextNarrow[T word](s *huffmanStream, dst *[groupSize]T) {
	tokens := (*[groupSize]byte)(s.tokens.tokens[:])
	centre := T(s.centre)
	v, delta := T(s.prev), T(s.delta)
	switch s.order {
	case 0:
		for i := range dst {
			dst[i] = T(int8(tokens[i])) + centre
		}
	case 1:
		for i := range dst {
			v += T(int8(tokens[i])) + centre
			dst[i] = v
		}
	default:
		for i := range dst {
			delta += T(int8(tokens[i])) + centre
			v += delta
			dst[i] = v
		}
	}
	s.prev, s.delta = uint64(v), uint64(delta)
}

// nextShifted does the same with low bits.
func nextShifted[T word](s *huffmanStream, dst *[groupSize]T, m int) {
	var low group
	s.nextLow(&low, m)
	tokens := (*[groupSize]byte)(s.tokens.tokens[:])
	centre, shift := T(s.centre), s.shift&63
	v, delta := T(s.prev), T(s.delta)
	switch s.order {
	case 0:
		for i := range dst {
			dst[i] = T(int8(tokens[i]))<<shift + T(low[i]) + centre
		}
	case 1:
		for i := range dst {
			v += T(int8(tokens[i]))<<shift + T(low[i]) + centre
			dst[i] = v
		}
	default:
		for i := range dst {
			delta += T(int8(tokens[i]))<<shift + T(low[i]) + centre
			v += delta
			dst[i] = v
		}
	}
	s.prev, s.delta = uint64(v), uint64(delta)
}

// nextEscaped does the same with escapes; it is the plain twin of the others.
func nextEscaped[T word](s *huffmanStream, dst *[groupSize]T, m int) {
	var low group
	s.nextLow(&low, m)
	var q [groupSize]int64
	for i := range q {
		q[i] = int64(int8(s.tokens.tokens[i]))
	}
	for _, e := range s.tokens.escapes[:s.tokens.escaped] {
		if e.at < len(q) {
			q[e.at] = e.q
		}
	}
	for i := range m {
		residual := uint64(q[i])<<(s.shift&63) + low[i] + uint64(s.centre)
		switch s.order {
		case 0:
			s.prev = residual
		case 1:
			s.prev += residual
		default:
			s.delta += residual
			s.prev += s.delta
		}
		dst[i] = T(s.prev)
	}
}

func (s *huffmanStream) nextLow(low *group, m int) {
	unpackGroup(low, s.low, m, s.shift)
	s.low = s.low[packedLen(m, s.shift):]
}

// decodeHuffman decodes at least the rows [from, to) of the body of a huffman page
// of n values to their places in dst; see walk.
func decodeHuffman[T word](dst []T, src []byte, n, from, to int) (_ []T, rest []byte, err error) {
	s := huffmanStreams.Get().(*huffmanStream)
	defer s.release()
	if err := s.open(src, n); err != nil {
		return dst[:0], nil, err
	}
	dst = grow(dst, n)
	if s.groups == 0 && to == n {
		out := dst
		for ; len(out) >= groupSize; out = out[groupSize:] {
			nextHuffman(s, (*[groupSize]T)(out), groupSize)
		}
		nextRest(s, out)
		rest, err = s.tokens.rest()
	} else {
		rest, err = s.walk(n, from, to, func(s *huffmanStream, at, m int) {
			if m == groupSize {
				nextHuffman(s, (*[groupSize]T)(dst[at:]), m)
			} else {
				nextRest(s, dst[at:at+m])
			}
		})
	}
	if err != nil {
		return dst[:0], nil, err
	}
	return dst, rest, nil
}

// nextRest decodes the values behind the last whole group.
func nextRest[T word](s *huffmanStream, dst []T) {
	if len(dst) > 0 {
		var last [groupSize]T
		nextHuffman(s, &last, len(dst))
		copy(dst, last[:])
	}
}
