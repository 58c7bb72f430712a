package lineproto

import "hash/maphash"

// hashTable maps 64-bit hashes to numbers. Different things may share a hash:
// the user compares, and asks for the next one. It is emptied in constant time,
// which a Go map is not: one large body would slow down all small ones after
// it.
type hashTable struct {
	slots []hashSlot // a power of two, at most half full; nil at first
	count int
	epoch uint64 // slots of another epoch are empty; never 0 in use
}

type hashSlot struct {
	hash, value, epoch uint64
}

// place is where an entry was found, if it was.
type place struct {
	found bool
	value uint64
	slot  int
	hash  uint64
}

// hashSeed keeps senders from choosing names that meet in one slot.
var hashSeed = maphash.MakeSeed()

// hashBytes hashes a name inside the table with the given index.
func hashBytes(table int, name []byte) uint64 { return hashIn(table, hashName(name)) }

// hashName hashes a name.
func hashName(name []byte) uint64 { return maphash.Bytes(hashSeed, name) }

// hashIn makes the hash of a name that of the name inside a table.
func hashIn(table int, h uint64) uint64 {
	h ^= uint64(table) * 0x9E3779B97F4A7C15
	return h ^ h>>32
}

// reset empties the table; a zero table needs it before its first use.
func (h *hashTable) reset() {
	h.count = 0
	h.epoch++
}

// trim lets go of the memory of a table that grew large.
func (h *hashTable) trim() {
	if len(h.slots) > maxIdleSlots {
		*h = hashTable{}
	}
}

// find returns the first entry with the hash.
func (h *hashTable) find(hash uint64) place {
	if len(h.slots) == 0 {
		return place{}
	}
	return h.scan(hash, int(hash)&(len(h.slots)-1))
}

// again returns the entry after at with the same hash.
func (h *hashTable) again(at place) place {
	return h.scan(at.hash, (at.slot+1)&(len(h.slots)-1))
}

func (h *hashTable) scan(hash uint64, i int) place {
	for ; ; i = (i + 1) & (len(h.slots) - 1) {
		s := &h.slots[i]
		if s.epoch != h.epoch {
			return place{}
		}
		if s.hash == hash {
			return place{true, s.value, i, hash}
		}
	}
}

// add adds an entry.
func (h *hashTable) add(hash, value uint64) {
	if 2*(h.count+1) > len(h.slots) {
		h.grow()
	}
	h.insert(hashSlot{hash, value, h.epoch})
	h.count++
}

func (h *hashTable) insert(entry hashSlot) {
	i := int(entry.hash) & (len(h.slots) - 1)
	for h.slots[i].epoch == h.epoch {
		i = (i + 1) & (len(h.slots) - 1)
	}
	h.slots[i] = entry
}

func (h *hashTable) grow() {
	old := h.slots
	h.slots = make([]hashSlot, max(64, 2*len(old)))
	for _, entry := range old {
		if entry.epoch == h.epoch {
			h.insert(entry)
		}
	}
}
