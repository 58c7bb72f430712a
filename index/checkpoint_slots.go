package index

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// keys writes the exact-match table: the slots of all sources, merged in the
// order of their tags, each at its home slot or as soon after it as is free.
func (c *checkpointWriter) keys() error {
	homes := uint64(c.in.header.series)*5/4 + 1
	if _, err := c.out.Write(binary.LittleEndian.AppendUint64(nil, homes)); err != nil {
		return err
	}
	sources := []*slotCursor{{rest: c.in.delta.sortedSlots(c.in.dead)}}
	for _, b := range c.in.bases {
		sources = append(sources, &slotCursor{b: b, dead: c.in.dead, off: 8})
	}
	return mergeSlots(sources, &slotWriter{out: c.out, homes: homes})
}

// mergeSlots writes the slots of the sources, ascending.
func mergeSlots(sources []*slotCursor, out *slotWriter) error {
	for i := 0; i < len(sources); {
		ok, err := sources[i].next()
		if err != nil {
			return err
		}
		if ok {
			i++
		} else {
			sources = slices.Delete(sources, i, i+1)
		}
	}
	for len(sources) > 0 {
		least, limit := 0, uint64(math.MaxUint64) // of the others
		for i := 1; i < len(sources); i++ {
			if s := sources[i].slot; s < sources[least].slot {
				least, limit = i, sources[least].slot
			} else if s < limit {
				limit = s
			}
		}
		for c := sources[least]; c.slot <= limit; {
			if err := out.put(c.slot); err != nil {
				return err
			}
			ok, err := c.next()
			if err != nil {
				return err
			}
			if !ok {
				sources = slices.Delete(sources, least, least+1)
				break
			}
		}
	}
	return nil
}

// slotCursor walks the used slots of the exact-match table of a base without those
// of the dead; or, without a base, a list.
type slotCursor struct {
	b    *base
	dead *roaring.Bitmap
	off  uint64 // in the section, of the bytes after buf
	buf  []byte
	rest []uint64 // the list
	slot uint64   // the current one
}

func (c *slotCursor) next() (bool, error) {
	if c.b == nil {
		if len(c.rest) == 0 {
			return false, nil
		}
		c.slot, c.rest = c.rest[0], c.rest[1:]
		return true, nil
	}
	for {
		for ; len(c.buf) > 0; c.buf = c.buf[8:] {
			if slot := binary.LittleEndian.Uint64(c.buf); slot != 0 && !isDead(c.dead, uint32(slot)) {
				c.slot, c.buf = slot, c.buf[8:]
				return true, nil
			}
		}
		if c.off >= c.b.keys.length {
			return false, nil
		}
		n := min(checksumPage, c.b.keys.length-c.off)
		buf, err := c.b.p.view(c.b.keys.offset+c.off, n)
		if err != nil {
			return false, err
		}
		c.buf, c.off = buf, c.off+n
	}
}

// sortedSlots returns hashTag<<32 | id of all keys but those of the dead, ascending.
func (d *delta) sortedSlots(dead *roaring.Bitmap) []uint64 {
	slots := make([]uint64, 0, len(d.keys))
	for _, s := range d.table.slots {
		if s == 0 {
			continue
		}
		if id := idOf(d.runs, uint32(s)-1); !isDead(dead, id) {
			slots = append(slots, s&^0xffffffff|uint64(id))
		}
	}
	slices.Sort(slots)
	return slots
}

type slotWriter struct {
	out   *pageWriter
	homes uint64
	at    uint64
}

func (s *slotWriter) put(slot uint64) error {
	var b [8]byte
	for home := slot >> 32 * s.homes >> 32; s.at < home; s.at++ {
		if _, err := s.out.Write(b[:]); err != nil {
			return err
		}
	}
	binary.LittleEndian.PutUint64(b[:], slot)
	s.at++
	_, err := s.out.Write(b[:])
	return err
}
