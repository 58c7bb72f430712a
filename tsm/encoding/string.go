package encoding

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"sync"

	"github.com/golang/snappy"
)

// A string page is the codec byte and:
//
//	constant    bytes section of the one value
//	dictionary  number of values uvarint, integer page of their lengths, bytes
//	            section; then the numbers of the rows: width u8, groups of 64
//	            packed numbers
//	plain       integer page of the lengths, bytes section
//
// A bytes section is: form u8 (0 plain, 1 snappy), stored length uvarint, bytes.

const (
	bytesPlain  = 0
	bytesSnappy = 1

	// minSnappy is the size below which compression is not tried.
	minSnappy = 32
	// maxSnappyRatio is above what snappy can expand: 64 bytes from 3.
	maxSnappyRatio = 22
)

// AppendStrings appends a page of strings to dst.
func (c Choice) AppendStrings(dst []byte, values [][]byte) []byte {
	at := len(dst)
	dst = c.appendStrings(dst, values)
	c.note(dst[at:])
	return dst
}

func (c Choice) appendStrings(dst []byte, values [][]byte) []byte {
	d := dictionaries.Get().(*dictionary)
	defer dictionaries.Put(d)
	distinct, ok := 0, false
	if len(values) == 0 || c.Codec != Plain {
		distinct, ok = d.build(values, c.Codec == Dictionary)
	}
	switch {
	case ok && distinct <= 1 && (distinct == 0 || c.Codec != Dictionary):
		dst = append(dst, byte(Constant))
		if distinct == 0 {
			return appendBytesSection(dst, nil)
		}
		return appendBytesSection(dst, values[0])
	case ok:
		return d.appendPage(dst, values, c)
	}
	dst = append(dst, byte(Plain))
	p := borrow(len(values))
	defer scratch.Put(p)
	lengths := *p
	joined := d.joined[:0]
	for i, v := range values {
		lengths[i] = int64(len(v))
		joined = append(joined, v...)
	}
	d.keep(joined)
	return appendBytesSection(appendWords(dst, lengths, c), joined)
}

func appendBytesSection(dst, b []byte) []byte {
	if len(b) >= minSnappy {
		p := compressed.Get().(*[]byte)
		defer compressed.Put(p)
		c := snappy.Encode((*p)[:cap(*p)], b)
		if cap(c) <= maxKeptBytes {
			*p = c
		}
		if len(c) < len(b) {
			dst = binary.AppendUvarint(append(dst, bytesSnappy), uint64(len(c)))
			return append(dst, c...)
		}
	}
	dst = binary.AppendUvarint(append(dst, bytesPlain), uint64(len(b)))
	return append(dst, b...)
}

// maxKeptBytes bounds the buffers that are kept between pages.
const maxKeptBytes = 4 << 20

var compressed = sync.Pool{New: func() any { return new([]byte) }}

// dictionary finds the distinct values of a page.
type dictionary struct {
	slots  []int32 // open addressing: number of the distinct value + 1
	first  []int32 // row of the first appearance of each distinct value
	number []uint64
	joined []byte
}

var (
	dictionaries = sync.Pool{New: func() any { return new(dictionary) }}
	seed         = maphash.MakeSeed()
)

func (d *dictionary) keep(joined []byte) {
	if cap(joined) <= maxKeptBytes {
		d.joined = joined[:0]
	} else {
		d.joined = nil
	}
}

// build numbers the values in order of appearance. It gives up (false) when
// more than half of them are distinct, if not any number will do.
func (d *dictionary) build(values [][]byte, any bool) (distinct int, ok bool) {
	size := 1 << bits.Len(uint(2*len(values)))
	d.slots = grow(d.slots, size)
	clear(d.slots)
	d.first = d.first[:0]
	d.number = grow(d.number, len(values))
	limit := max(1, len(values)/2)
	if any {
		limit = len(values)
	}
	for i, v := range values {
		if i > 0 && bytes.Equal(v, values[i-1]) {
			d.number[i] = d.number[i-1]
			continue
		}
		at := maphash.Bytes(seed, v) & uint64(size-1)
		for d.slots[at] != 0 && !bytes.Equal(values[d.first[d.slots[at]-1]], v) {
			at = (at + 1) & uint64(size-1)
		}
		if d.slots[at] == 0 {
			if len(d.first) == limit {
				return 0, false
			}
			d.first = append(d.first, int32(i))
			d.slots[at] = int32(len(d.first))
		}
		d.number[i] = uint64(d.slots[at] - 1)
	}
	return len(d.first), true
}

func (d *dictionary) appendPage(dst []byte, values [][]byte, c Choice) []byte {
	dst = append(dst, byte(Dictionary))
	dst = binary.AppendUvarint(dst, uint64(len(d.first)))
	p := borrow(len(d.first))
	defer scratch.Put(p)
	lengths := *p
	joined := d.joined[:0]
	for i, row := range d.first {
		lengths[i] = int64(len(values[row]))
		joined = append(joined, values[row]...)
	}
	d.keep(joined)
	dst = appendBytesSection(appendWords(dst, lengths, c), joined)
	width := uint(bits.Len(uint(len(d.first) - 1)))
	dst = append(dst, byte(width))
	for at := 0; at < len(values); at += groupSize {
		dst = appendPacked(dst, d.number[at:min(at+groupSize, len(values))], width)
	}
	return dst
}

// DecodeStrings decodes a page of n strings into the memory of dst. The strings
// point into the returned arena, whose memory is that of the arena given when it
// is large enough; src is not kept.
func DecodeStrings(dst [][]byte, arena, src []byte, n int) (_ [][]byte, _ []byte, err error) {
	if len(src) == 0 {
		return dst[:0], arena, malformed("string page is empty")
	}
	body := src[1:]
	switch codec := Codec(src[0]); codec {
	case Constant:
		if arena, body, err = cutBytesSection(arena, body); err == nil {
			err = endOfPage(body)
		}
		if err != nil {
			return dst[:0], arena, err
		}
		dst = grow(dst, n)
		for i := range dst {
			dst[i] = arena[:len(arena):len(arena)]
		}
		return dst, arena, nil
	case Dictionary:
		return decodeDictionary(dst, arena, body, n)
	case Plain:
		if dst, arena, body, err = cutStrings(dst, arena, body, n); err == nil {
			err = endOfPage(body)
		}
		if err != nil {
			return dst[:0], arena, err
		}
		return dst, arena, nil
	default:
		return dst[:0], arena, malformed("string page has %v", codec)
	}
}

// cutBytesSection reads a bytes section from the front of src into the memory of
// arena.
func cutBytesSection(arena, src []byte) (_, rest []byte, err error) {
	if len(src) == 0 || src[0] > bytesSnappy {
		return arena, nil, malformed("form of a bytes section")
	}
	length, body, ok := cutUvarint(src[1:])
	if !ok || length > uint64(len(body)) {
		return arena, nil, malformed("length of a bytes section")
	}
	stored, rest := body[:length], body[length:]
	if src[0] == bytesPlain {
		return append(arena[:0], stored...), rest, nil
	}
	size, err := snappy.DecodedLen(stored)
	if err != nil || size > maxSnappyRatio*len(stored) {
		return arena, nil, malformed("snappy section of %d bytes claims %d", len(stored), size)
	}
	out, err := snappy.Decode(arena[:cap(arena)], stored)
	if err != nil {
		return arena, nil, malformed("snappy section: %v", err)
	}
	return out, rest, nil
}

// cutStrings reads lengths and bytes of n strings from the front of src.
func cutStrings(dst [][]byte, arena, src []byte, n int) (_ [][]byte, _, rest []byte, err error) {
	p := borrow(0)
	defer scratch.Put(p)
	lengths, rest, err := decodeWords(*p, src, n)
	if err != nil {
		return dst, arena, nil, err
	}
	*p = lengths
	if arena, rest, err = cutBytesSection(arena, rest); err != nil {
		return dst, arena, nil, err
	}
	dst = grow(dst, n)
	at := uint64(0)
	for i, length := range lengths {
		if uint64(length) > uint64(len(arena))-at {
			return dst, arena, nil, malformed("string %d is %d bytes long, %d are left", i, uint64(length), uint64(len(arena))-at)
		}
		end := at + uint64(length)
		dst[i] = arena[at:end:end]
		at = end
	}
	if at != uint64(len(arena)) {
		return dst, arena, nil, malformed("%d bytes behind the last string", uint64(len(arena))-at)
	}
	return dst, arena, rest, nil
}

func decodeDictionary(dst [][]byte, arena, src []byte, n int) (_ [][]byte, _ []byte, err error) {
	distinct, rest, ok := cutUvarint(src)
	if !ok || distinct == 0 || distinct > uint64(n) {
		return dst[:0], arena, malformed("dictionary of %d values for %d rows", distinct, n)
	}
	t := tables.Get().(*[][]byte)
	defer tables.Put(t)
	table, arena, rest, err := cutStrings((*t)[:0], arena, rest, int(distinct))
	if err != nil {
		return dst[:0], arena, err
	}
	defer func() { clear(table); *t = table[:0] }()
	if len(rest) == 0 || rest[0] > 32 {
		return dst[:0], arena, malformed("width of dictionary numbers")
	}
	width := uint(rest[0])
	rest = rest[1:]
	if len(rest) != n/groupSize*packedLen(groupSize, width)+packedLen(n%groupSize, width) {
		return dst[:0], arena, malformed("%d bytes of dictionary numbers for %d rows", len(rest), n)
	}
	dst = grow(dst, n)
	var g group
	for at := 0; at < n; at += groupSize {
		m := min(groupSize, n-at)
		unpackGroup(&g, rest, m, width)
		rest = rest[packedLen(m, width):]
		for i, number := range g[:m] {
			if number >= distinct {
				return dst[:0], arena, malformed("row %d has value %d of %d", at+i, number, distinct)
			}
			dst[at+i] = table[number]
		}
	}
	return dst, arena, nil
}

var tables = sync.Pool{New: func() any { return new([][]byte) }}
