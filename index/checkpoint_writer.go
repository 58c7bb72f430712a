package index

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// checkpointInput is what a checkpoint is made of: an older one, which may be
// nil, the delta that follows it, and the presence.
type checkpointInput struct {
	header   checkpointHeader // root is filled by the writer
	base     *base
	delta    *delta
	blocks   []blockLoc // of the delta
	presence map[uint64]*roaring.Bitmap

	dead      *roaring.Bitmap // series that are left out; nil for none
	allBlocks bool            // blocks has those of the older checkpoint, too

	generations generations // of the files of the series log that blocks name
}

// checkpointWriter writes a checkpoint from front to back.
type checkpointWriter struct {
	in       checkpointInput
	out      *pageWriter
	sections []section
}

func writeCheckpoint(w io.Writer, in checkpointInput) error {
	c := &checkpointWriter{in: in, out: newPageWriter(w)}
	if _, err := c.out.Write(appendCheckpointHeader(nil, &in.header)); err != nil {
		return err
	}
	if err := c.section(sectionKeys, c.keys); err != nil {
		return err
	}
	if err := c.section(sectionBlocks, c.blocks); err != nil {
		return err
	}
	var root tableRef
	if err := c.section(sectionTags, func() (err error) { root, err = c.measurements(); return err }); err != nil {
		return err
	}
	if err := c.section(sectionPresence, c.presence); err != nil {
		return err
	}
	if len(c.in.generations) > 0 {
		if err := c.section(sectionSegments, c.generations); err != nil {
			return err
		}
	}
	return c.out.finish(c.sections, root)
}

// generations writes which segments of the series log were rewritten.
func (c *checkpointWriter) generations() error {
	var b []byte
	for _, number := range slices.Sorted(maps.Keys(c.in.generations)) {
		b = binary.LittleEndian.AppendUint32(b, number)
		b = binary.LittleEndian.AppendUint32(b, c.in.generations[number])
	}
	_, err := c.out.Write(b)
	return err
}

func (c *checkpointWriter) section(typ uint16, write func() error) error {
	if err := c.out.align(); err != nil {
		return err
	}
	start := c.out.offset
	if err := write(); err != nil {
		return fmt.Errorf("checkpoint section %d: %w", typ, err)
	}
	c.sections = append(c.sections, section{typ: typ, flags: sectionRequired, offset: start, length: c.out.offset - start})
	return nil
}

// keys writes the exact-match table: the slots of base and delta, merged in the
// order of their tags, each at its home slot or as soon after it as is free.
func (c *checkpointWriter) keys() error {
	added := c.in.delta.sortedSlots(c.in.dead)
	homes := uint64(c.in.header.series)*5/4 + 1
	s := slotWriter{out: c.out, homes: homes}
	if _, err := c.out.Write(binary.LittleEndian.AppendUint64(nil, homes)); err != nil {
		return err
	}
	if c.in.base != nil {
		if err := c.in.base.eachSlot(func(slot uint64) error {
			if isDead(c.in.dead, uint32(slot)) {
				return nil
			}
			for len(added) > 0 && added[0] < slot {
				if err := s.put(added[0]); err != nil {
					return err
				}
				added = added[1:]
			}
			return s.put(slot)
		}); err != nil {
			return err
		}
	}
	for _, slot := range added {
		if err := s.put(slot); err != nil {
			return err
		}
	}
	return nil
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

// eachSlot calls fn with the used slots of the exact-match table.
func (b *base) eachSlot(fn func(slot uint64) error) error {
	const step = checksumPage
	for off := uint64(8); off < b.keys.length; off += step {
		buf, err := b.p.view(b.keys.offset+off, min(step, b.keys.length-off))
		if err != nil {
			return err
		}
		for ; len(buf) > 0; buf = buf[8:] {
			if slot := binary.LittleEndian.Uint64(buf); slot != 0 {
				if err := fn(slot); err != nil {
					return err
				}
			}
		}
	}
	return nil
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

func (c *checkpointWriter) blocks() error {
	if b := c.in.base; b != nil && !c.in.allBlocks {
		old, err := b.p.view(b.blocks.offset, b.blocks.length)
		if err != nil {
			return err
		}
		if _, err := c.out.Write(old); err != nil {
			return err
		}
	}
	var e []byte
	for _, l := range c.in.blocks {
		e = appendBlockEntry(e[:0], l)
		if _, err := c.out.Write(e); err != nil {
			return err
		}
	}
	return nil
}

// mergeTable walks a table and sorted names together. The payload is nil where
// the table lacks the name, i is -1 where names lack it.
func mergeTable(t table, n int, at func(i int) []byte, fn func(name, payload []byte, i int) error) error {
	c := tableCursor{t: t}
	more := t.p != nil && c.next()
	for i := 0; more || i < n; {
		cmp := -1
		if !more {
			cmp = 1
		} else if i < n {
			cmp = bytes.Compare(c.key, at(i))
		}
		var err error
		switch {
		case cmp < 0:
			err = fn(c.key, c.payload, -1)
		case cmp > 0:
			err = fn(at(i), nil, i)
		default:
			err = fn(c.key, c.payload, i)
		}
		if err != nil {
			return err
		}
		if cmp >= 0 {
			i++
		}
		if cmp <= 0 {
			more = c.next()
		}
	}
	return c.fail
}

// measurements writes the tree of tables: measurements, their tag keys, their values.
func (c *checkpointWriter) measurements() (tableRef, error) {
	var t table
	if c.in.base != nil {
		t = c.in.base.root()
	}
	names := sortedKeys(c.in.delta.measurements)
	out := tableWriter{out: c.out}
	err := mergeTable(t, len(names), func(i int) []byte { return []byte(names[i]) }, func(name, payload []byte, i int) error {
		var dm *deltaMeasurement
		if i >= 0 {
			dm = c.in.delta.measurements[names[i]]
		}
		payload, err := c.measurement(payload, dm)
		if err != nil || payload == nil {
			return err
		}
		return out.add(name, payload)
	})
	if err != nil {
		return tableRef{}, err
	}
	return out.finish()
}

// measurement writes the keys of a measurement and returns its payload, nil when it
// has no series left.
func (c *checkpointWriter) measurement(old []byte, dm *deltaMeasurement) ([]byte, error) {
	var oldIDs []byte
	var t table
	var err error
	if old != nil {
		if oldIDs, t, err = c.in.base.splitPayload(old); err != nil {
			return nil, err
		}
	}
	var added posting
	var names []string
	if dm != nil {
		added, names = posting{bm: dm.series}, sortedKeys(dm.keys)
	}
	out := tableWriter{out: c.out}
	err = mergeTable(t, len(names), func(i int) []byte { return []byte(names[i]) }, func(name, payload []byte, i int) error {
		var dk *deltaKey
		if i >= 0 {
			dk = dm.keys[names[i]]
		}
		payload, err := c.key(payload, dk)
		if err != nil || payload == nil {
			return err
		}
		return out.add(name, payload)
	})
	if err != nil {
		return nil, err
	}
	return c.payload(oldIDs, added, &out)
}

// key writes the values of a tag key and returns its payload, nil when no series is
// left that has the key.
func (c *checkpointWriter) key(old []byte, dk *deltaKey) ([]byte, error) {
	var oldIDs []byte
	var t table
	var err error
	if old != nil {
		if oldIDs, t, err = c.in.base.splitPayload(old); err != nil {
			return nil, err
		}
	}
	var added posting
	dc := &deltaCursor{}
	if dk != nil {
		added, dc = posting{bm: dk.all}, dk.cursor().(*deltaCursor)
	}
	out := tableWriter{out: c.out}
	var payload []byte
	at := func(i int) []byte { return nameAt(dc.chunks, dc.names[dc.order[i]]) }
	err = mergeTable(t, len(dc.order), at, func(name, old []byte, i int) error {
		var added posting
		if i >= 0 {
			added = dk.postingLocked(int(dc.order[i])) // a frozen delta needs no lock
		}
		n := 0
		if payload, n, err = c.posting(payload[:0], old, added); err != nil || n == 0 {
			return err
		}
		return out.add(name, payload)
	})
	if err != nil {
		return nil, err
	}
	return c.payload(oldIDs, added, &out)
}

// payload finishes a table and returns its place with the ids before it.
func (c *checkpointWriter) payload(oldIDs []byte, added posting, out *tableWriter) ([]byte, error) {
	ref, err := out.finish()
	if err != nil {
		return nil, err
	}
	payload, n, err := c.posting(nil, oldIDs, added)
	if err != nil || n == 0 {
		return nil, err
	}
	return appendTableRef(payload, ref), nil
}

// posting encodes the ids of old, an encoded posting of the base or nil, and
// of added, which are greater, without the dead, and tells how many they are. A
// bitmap is written to the file at once.
func (c *checkpointWriter) posting(dst, old []byte, added posting) (_ []byte, n int, err error) {
	var was postingRef
	if old != nil {
		if was, _, err = decodePosting(old, nil); err != nil {
			return nil, 0, c.in.base.p.corrupt(0, err.Error())
		}
	}
	n = was.n + added.len()
	switch {
	case n < smallPosting:
		list := was.list
		added.each(func(id uint32) { list = append(list, id) })
		list = c.alive(list)
		return appendSmallPosting(dst, list), len(list), nil
	case was.n >= smallPosting && added.len() == 0 && c.in.dead == nil:
		raw, err := c.in.base.p.view(was.offset, was.length)
		if err != nil {
			return nil, 0, err
		}
		return c.bitmap(dst, n, func() error { _, err := c.out.Write(raw); return err })
	}
	bm, err := c.merged(old, added)
	if err != nil {
		return nil, 0, err
	}
	if n = int(bm.GetCardinality()); n < smallPosting {
		return appendSmallPosting(dst, bm.ToArray()), n, nil
	}
	return c.bitmap(dst, n, func() error { _, err := bm.WriteTo(c.out); return err })
}

// alive takes the dead out of list.
func (c *checkpointWriter) alive(list []uint32) []uint32 {
	if c.in.dead == nil {
		return list
	}
	return slices.DeleteFunc(list, c.in.dead.Contains)
}

// bitmap has the bitmap of a posting of n ids written and encodes its place.
func (c *checkpointWriter) bitmap(dst []byte, n int, write func() error) ([]byte, int, error) {
	if err := c.out.align(); err != nil {
		return nil, 0, err
	}
	start := c.out.offset
	if err := write(); err != nil {
		return nil, 0, err
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	dst = binary.AppendUvarint(dst, start)
	return binary.AppendUvarint(dst, c.out.offset-start), n, nil
}

func (c *checkpointWriter) merged(old []byte, added posting) (*roaring.Bitmap, error) {
	bm := roaring.New()
	if old != nil {
		p, _, err := c.in.base.posting(old)
		if err != nil {
			return nil, err
		}
		p.addTo(bm)
	}
	added.addTo(bm)
	if c.in.dead != nil {
		bm.AndNot(c.in.dead)
	}
	bm.RunOptimize()
	return bm, nil
}

// presence writes the shards in the order of their ids.
func (c *checkpointWriter) presence() error {
	shards := make([]uint64, 0, len(c.in.presence))
	for shard := range c.in.presence {
		shards = append(shards, shard)
	}
	slices.Sort(shards)
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(shards)))
	for _, shard := range shards {
		raw, err := c.in.presence[shard].ToBytes()
		if err != nil {
			return err
		}
		b = binary.LittleEndian.AppendUint64(b, shard)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(raw)))
		if _, err := c.out.Write(append(b, raw...)); err != nil {
			return err
		}
		b = b[:0]
	}
	_, err := c.out.Write(b)
	return err
}

// decodePresence reads the presence section into bitmaps of their own memory.
func decodePresence(src []byte) (map[uint64]*roaring.Bitmap, error) {
	if len(src) < 4 {
		return nil, fmt.Errorf("presence has only %d bytes", len(src))
	}
	n := binary.LittleEndian.Uint32(src)
	src = src[4:]
	presence := make(map[uint64]*roaring.Bitmap)
	for range n {
		if len(src) < 12 {
			return nil, fmt.Errorf("presence of %d shards is cut short", n)
		}
		shard, size := binary.LittleEndian.Uint64(src), binary.LittleEndian.Uint32(src[8:])
		if src = src[12:]; uint64(size) > uint64(len(src)) {
			return nil, fmt.Errorf("presence of shard %d is cut short", shard)
		}
		bm := roaring.New()
		if err := bm.UnmarshalBinary(src[:size]); err != nil {
			return nil, fmt.Errorf("presence of shard %d: %w", shard, err)
		}
		if err := bm.Validate(); err != nil && !bm.IsEmpty() {
			return nil, fmt.Errorf("presence of shard %d: %w", shard, err)
		}
		presence[shard] = bm
		src = src[size:]
	}
	return presence, nil
}
