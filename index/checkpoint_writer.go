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

// checkpointInput is what a checkpoint or a layer is made of: older ones, each
// following the one before it, the delta that follows them, and the presence.
type checkpointInput struct {
	header   checkpointHeader // root is filled by the writer
	bases    []*base
	delta    *delta     // an empty one for none
	blocks   []blockLoc // of the delta
	presence map[uint64]*roaring.Bitmap

	dead      *roaring.Bitmap // series that are left out; nil for none
	freed     *roaring.Bitmap // dead ones that earlier layers have; nil for none
	allBlocks bool            // blocks has those of the bases, too

	generations generations // of the files of the series log that blocks name
}

// checkpointWriter writes a checkpoint from front to back.
type checkpointWriter struct {
	in       checkpointInput
	out      *pageWriter
	sections []section
	list     []uint32 // of the posting that is being written
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
	if c.in.freed != nil {
		if err := c.section(sectionFreed, func() error { _, err := c.in.freed.WriteTo(c.out); return err }); err != nil {
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

func (c *checkpointWriter) blocks() error {
	for _, b := range c.in.bases {
		if c.in.allBlocks {
			break
		}
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

// mergeTables walks tables and sorted names together. payloads has an entry per
// table, nil where it lacks the name, and is overwritten by the next call; i is -1
// where names lack it.
func mergeTables(tables []table, n int, at func(i int) []byte, fn func(name []byte, payloads [][]byte, i int) error) error {
	cursors := make([]tableCursor, len(tables))
	more := make([]bool, len(tables))
	payloads := make([][]byte, len(tables))
	for j := range tables {
		cursors[j].t = tables[j]
		more[j] = tables[j].p != nil && cursors[j].next()
	}
	for i := 0; ; {
		var name []byte
		found := i < n
		if found {
			name = at(i)
		}
		for j := range cursors {
			if more[j] && (!found || bytes.Compare(cursors[j].key, name) < 0) {
				name, found = cursors[j].key, true
			}
		}
		if !found {
			break
		}
		number := -1
		if i < n && bytes.Equal(at(i), name) {
			number = i
			i++
		}
		for j := range cursors {
			payloads[j] = nil
			if more[j] && bytes.Equal(cursors[j].key, name) {
				payloads[j] = cursors[j].payload
			}
		}
		if err := fn(name, payloads, number); err != nil {
			return err
		}
		for j := range cursors {
			if payloads[j] != nil {
				more[j] = cursors[j].next()
			}
		}
	}
	for j := range cursors {
		if cursors[j].fail != nil {
			return cursors[j].fail
		}
	}
	return nil
}

// measurements writes the tree of tables: measurements, their tag keys, their values.
func (c *checkpointWriter) measurements() (tableRef, error) {
	tables := make([]table, len(c.in.bases))
	for j, b := range c.in.bases {
		tables[j] = b.root()
	}
	names := sortedKeys(c.in.delta.measurements)
	out := tableWriter{out: c.out}
	err := mergeTables(tables, len(names), func(i int) []byte { return []byte(names[i]) }, func(name []byte, old [][]byte, i int) error {
		var dm *deltaMeasurement
		if i >= 0 {
			dm = c.in.delta.measurements[names[i]]
		}
		payload, err := c.measurement(old, dm)
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

// split splits the payloads of the bases into postings and tables, nil and empty
// where there is no payload.
func (c *checkpointWriter) split(payloads [][]byte) (ids [][]byte, tables []table, err error) {
	ids, tables = make([][]byte, len(payloads)), make([]table, len(payloads))
	for j, payload := range payloads {
		if payload == nil {
			continue
		}
		if ids[j], tables[j], err = c.in.bases[j].splitPayload(payload); err != nil {
			return nil, nil, err
		}
	}
	return ids, tables, nil
}

// measurement writes the keys of a measurement and returns its payload, nil when it
// has no series left.
func (c *checkpointWriter) measurement(old [][]byte, dm *deltaMeasurement) ([]byte, error) {
	oldIDs, tables, err := c.split(old)
	if err != nil {
		return nil, err
	}
	var added posting
	var names []string
	if dm != nil {
		added, names = posting{bm: dm.series}, sortedKeys(dm.keys)
	}
	out := tableWriter{out: c.out}
	err = mergeTables(tables, len(names), func(i int) []byte { return []byte(names[i]) }, func(name []byte, old [][]byte, i int) error {
		var dk *deltaKey
		if i >= 0 {
			dk = dm.keys[names[i]]
		}
		payload, err := c.key(old, dk)
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
func (c *checkpointWriter) key(old [][]byte, dk *deltaKey) ([]byte, error) {
	oldIDs, tables, err := c.split(old)
	if err != nil {
		return nil, err
	}
	var added posting
	dc := &deltaCursor{}
	if dk != nil {
		added, dc = posting{bm: dk.all}, dk.cursor().(*deltaCursor)
	}
	out := tableWriter{out: c.out}
	var payload []byte
	at := func(i int) []byte { return nameAt(dc.chunks, dc.names[dc.order[i]]) }
	err = mergeTables(tables, len(dc.order), at, func(name []byte, old [][]byte, i int) error {
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
func (c *checkpointWriter) payload(oldIDs [][]byte, added posting, out *tableWriter) ([]byte, error) {
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

// posting encodes the ids of old, an encoded posting or nil for each of the bases,
// and of added, all of them ascending, without the dead, and tells how many they
// are. A bitmap is written to the file at once.
func (c *checkpointWriter) posting(dst []byte, old [][]byte, added posting) (_ []byte, n int, err error) {
	c.list = c.list[:0]
	var only postingRef // the last of those with a posting
	var from *base
	n, parts := added.len(), 0
	for j, src := range old {
		if src == nil {
			continue
		}
		if only, _, err = decodePosting(src, c.list[len(c.list):]); err != nil {
			return nil, 0, c.in.bases[j].p.corrupt(0, err.Error())
		}
		c.list = append(c.list, only.list...)
		from, n, parts = c.in.bases[j], n+only.n, parts+1
	}
	switch {
	case n < smallPosting:
		added.each(func(id uint32) { c.list = append(c.list, id) })
		list := c.alive(c.list)
		return appendSmallPosting(dst, list), len(list), nil
	case parts == 1 && added.len() == 0 && c.in.dead == nil:
		raw, err := from.p.view(only.offset, only.length)
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

func (c *checkpointWriter) merged(old [][]byte, added posting) (*roaring.Bitmap, error) {
	bm := roaring.New()
	for j, src := range old {
		if src == nil {
			continue
		}
		p, _, err := c.in.bases[j].posting(src)
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
