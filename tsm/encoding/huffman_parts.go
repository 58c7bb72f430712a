package encoding

// A huffman page of many values is cut into parts of equal length, of which the
// head tells where their tokens begin and what stands before their first value. So
// some of the rows are decoded without those before them, and the parts of a whole
// page two at a time: look-ups of one stream wait for each other, those of two
// streams do not. In the page, behind the seeds:
//
//	groups   u8, 1 to 255: a part has so many groups of 64 values, the last one the rest
//	parts    for each part but the first:
//	           bits that the tokens of the part before take, 24 bits
//	           order 1 and 2: value before the first, zigzag, less that of the part before
//	           order 2: difference before the first, zigzag, less that of the part before

const (
	// partGroups is the groups of the parts that are written, in pages of at least
	// two parts.
	partGroups = 16
	partRows   = partGroups * groupSize

	partBitsSize = 3
)

// huffmanPart is where a part begins.
type huffmanPart struct {
	bit         int // of the tokens
	prev, delta uint64
}

// partCount returns how many parts n values are cut into.
func (h *huffmanHead) partCount(n int) int {
	if h.groups == 0 {
		return 1
	}
	return (n + h.groups*groupSize - 1) / (h.groups * groupSize)
}

// planParts decides whether the page has parts, and of how many groups. It sets
// the bytes that they take in the head.
func planParts[T word](h *huffmanHead, values []T, groups int) {
	h.groups, h.partsLen = 0, 0
	if groups == 0 {
		groups = partGroups
	}
	if len(values) < 2*groups*groupSize {
		return
	}
	h.groups, h.partsLen = groups, 1
	last := huffmanPart{prev: h.prev, delta: h.delta}
	for at := groups * groupSize; at < len(values); at += groups * groupSize {
		p := partAt(values, at)
		h.partsLen += partBitsSize
		if h.order >= 1 {
			h.partsLen += uvarintLen(zigzag(int64(p.prev - last.prev)))
		}
		if h.order >= 2 {
			h.partsLen += uvarintLen(zigzag(int64(p.delta - last.delta)))
		}
		last = p
	}
}

// partAt returns what stands before value at, which is at least 2.
func partAt[T word](values []T, at int) huffmanPart {
	return huffmanPart{prev: uint64(values[at-1]), delta: uint64(values[at-1] - values[at-2])}
}

// appendParts appends what planParts planned, with zeros for the bits of the tokens.
func appendParts[T word](dst []byte, h *huffmanHead, values []T) []byte {
	if h.groups == 0 {
		return dst
	}
	dst = append(dst, byte(h.groups))
	last := huffmanPart{prev: h.prev, delta: h.delta}
	for at := h.groups * groupSize; at < len(values); at += h.groups * groupSize {
		p := partAt(values, at)
		dst = append(dst, 0, 0, 0)
		if h.order >= 1 {
			dst = appendZigzag(dst, int64(p.prev-last.prev))
		}
		if h.order >= 2 {
			dst = appendZigzag(dst, int64(p.delta-last.delta))
		}
		last = p
	}
	return dst
}

// partBits fills in the zeros of the parts one after the other.
type partBits struct {
	h    *huffmanHead
	at   int // of the next three bytes
	last int // bit
}

// set notes the bit of the tokens at which the next part begins.
func (b *partBits) set(dst []byte, bit int) {
	size := bit - b.last
	dst[b.at], dst[b.at+1], dst[b.at+2] = byte(size), byte(size>>8), byte(size>>16)
	b.last = bit
	b.at += partBitsSize
	for range b.h.order {
		for dst[b.at] >= 0x80 {
			b.at++
		}
		b.at++
	}
}

// cutParts reads what appendParts wrote for n values. The first part is that of
// the seeds.
func (h *huffmanHead) cutParts(parts []huffmanPart, src []byte, n int) (_ []huffmanPart, rest []byte, ok bool) {
	last := huffmanPart{prev: h.prev, delta: h.delta}
	parts = append(parts[:0], last)
	if h.groups == 0 {
		return parts, src, true
	}
	if len(src) == 0 || src[0] == 0 {
		return parts, nil, false
	}
	h.groups, src = int(src[0]), src[1:]
	count := h.partCount(n)
	if count < 2 || len(src) < partBitsSize*(count-1) {
		return parts, nil, false
	}
	for range count - 1 {
		if len(src) < partBitsSize {
			return parts, nil, false
		}
		last.bit += int(src[0]) | int(src[1])<<8 | int(src[2])<<16
		src = src[partBitsSize:]
		var v int64
		ok := true
		if h.order >= 1 {
			v, src, ok = cutZigzag(src)
			last.prev += uint64(v)
		}
		if ok && h.order >= 2 {
			v, src, ok = cutZigzag(src)
			last.delta += uint64(v)
		}
		if !ok {
			return parts, nil, false
		}
		parts = append(parts, last)
	}
	return parts, src, true
}
