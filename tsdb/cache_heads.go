package tsdb

import (
	"math/bits"

	"github.com/timberlinedb/timberline/internal/slab"
)

// noRow ends a chain of rows.
const noRow = ^uint32(0)

// heads maps the series of a cache table to their newest rows. It is an open
// addressing table of two plain columns. Series are placed by groups of eight
// neighbouring ids: series of one measurement mostly have ids in a row, and so
// a batch that walks them touches a cache line per group instead of per series.
type heads struct {
	ids  []uint32 // 0 where the slot is free
	rows []uint32 // newest row, noRow when all rows of the series were deleted
	n    int

	shift uint8 // leaves as many bits of a hash as there are groups
}

const firstHeads = 16

// slot returns the place of id, or the free slot where it belongs.
func (h *heads) slot(id uint32) uint32 {
	mask := uint32(len(h.ids) - 1)
	i := (id>>3)*0x9E3779B1>>h.shift<<3 | id&7
	for h.ids[i] != id && h.ids[i] != 0 {
		i = (i + 1) & mask
	}
	return i
}

// find returns the newest row of id, or noRow.
func (h *heads) find(id uint32) uint32 {
	if h.n == 0 {
		return noRow
	}
	if i := h.slot(id); h.ids[i] == id {
		return h.rows[i]
	}
	return noRow
}

// swap makes row the newest one of id and returns the one before.
func (h *heads) swap(a *slab.Arena, id, row uint32) (previous uint32) {
	if h.n*2 >= len(h.ids) {
		h.grow(a)
	}
	i := h.slot(id)
	if h.ids[i] == id {
		previous, h.rows[i] = h.rows[i], row
		return previous
	}
	h.ids[i], h.rows[i] = id, row
	h.n++
	return noRow
}

func (h *heads) grow(a *slab.Arena) {
	old := *h
	size := max(2*len(old.ids), firstHeads)
	*h = heads{
		ids:   slab.Make[uint32](a, size),
		rows:  slab.Make[uint32](a, size),
		n:     old.n,
		shift: uint8(32 - bits.Len(uint(size/8-1))),
	}
	for i, id := range old.ids {
		if id != 0 {
			j := h.slot(id)
			h.ids[j], h.rows[j] = id, old.rows[i]
		}
	}
	slab.Drop(a, old.ids) // readers look at heads under the cache's lock only
	slab.Drop(a, old.rows)
}

// series appends the ids that have rows to dst, in no order.
func (h *heads) series(dst []uint32) []uint32 {
	for i, id := range h.ids {
		if id != 0 && h.rows[i] != noRow {
			dst = append(dst, id)
		}
	}
	return dst
}
