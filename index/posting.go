package index

import (
	"encoding/binary"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"
)

// smallPosting is the number of ids from which on a posting is a bitmap; an
// almost empty bitmap would cost more than 150 bytes.
const smallPosting = 32

// posting is a set of ids: a sorted list of less than smallPosting, or a bitmap.
// It is only read; list and bitmap may be shared or lie in a mapping.
type posting struct {
	list []uint32
	bm   *roaring.Bitmap
}

func (p posting) len() int {
	if p.bm != nil {
		return int(p.bm.GetCardinality())
	}
	return len(p.list)
}

// bitmap returns p as a bitmap that may be shared.
func (p posting) bitmap() *roaring.Bitmap {
	if p.bm != nil {
		return p.bm
	}
	return roaring.BitmapOf(p.list...)
}

// addTo adds the ids of p to dst.
func (p posting) addTo(dst *roaring.Bitmap) {
	if p.bm != nil {
		dst.Or(p.bm)
		return
	}
	for _, id := range p.list {
		dst.Add(id)
	}
}

// intersects reports whether p and bm share an id.
func (p posting) intersects(bm *roaring.Bitmap) bool {
	if p.bm != nil {
		return p.bm.Intersects(bm)
	}
	for _, id := range p.list {
		if bm.Contains(id) {
			return true
		}
	}
	return false
}

// each calls fn for the ids in ascending order.
func (p posting) each(fn func(id uint32)) {
	for _, id := range p.list {
		fn(id)
	}
	if p.bm != nil {
		p.bm.Iterate(func(id uint32) bool { fn(id); return true })
	}
}

// appendSmallPosting encodes a list of less than smallPosting ascending ids.
func appendSmallPosting(dst []byte, list []uint32) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	prev := uint32(0)
	for _, id := range list {
		dst = binary.AppendUvarint(dst, uint64(id-prev))
		prev = id
	}
	return dst
}

// postingRef is a decoded posting whose bitmap bytes are not read yet.
type postingRef struct {
	n              int
	list           []uint32 // when n < smallPosting
	offset, length uint64   // of the bitmap's bytes otherwise
}

// decodePosting splits a posting off src. The list is appended to list[:0].
func decodePosting(src []byte, list []uint32) (ref postingRef, rest []byte, err error) {
	n, rest, ok := cutUvarint(src)
	if !ok || n > 1<<32 {
		return ref, src, fmt.Errorf("posting has no valid count")
	}
	ref.n = int(n)
	if n >= smallPosting {
		if ref.offset, rest, ok = cutUvarint(rest); !ok {
			return ref, src, fmt.Errorf("posting has no bitmap offset")
		}
		if ref.length, rest, ok = cutUvarint(rest); !ok {
			return ref, src, fmt.Errorf("posting has no bitmap length")
		}
		return ref, rest, nil
	}
	ref.list = list[:0]
	prev := uint64(0)
	for range n {
		var d uint64
		if d, rest, ok = cutUvarint(rest); !ok || d == 0 || d > 1<<32 || prev+d >= 1<<32 {
			return ref, src, fmt.Errorf("posting of %d ids is cut short or out of order", n)
		}
		prev += d
		ref.list = append(ref.list, uint32(prev))
	}
	return ref, rest, nil
}

func cutUvarint(b []byte) (v uint64, rest []byte, ok bool) {
	if len(b) > 0 && b[0] < 0x80 { // most are so
		return uint64(b[0]), b[1:], true
	}
	return cutLongUvarint(b)
}

func cutLongUvarint(b []byte) (v uint64, rest []byte, ok bool) {
	v, w := binary.Uvarint(b)
	if w <= 0 {
		return 0, b, false
	}
	return v, b[w:], true
}
