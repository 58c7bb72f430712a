package index

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sort"
)

// A table is a list of sorted names with a payload each: blocks of sixteen
// front-coded entries and an index with the place of every block.

// tableWriter writes one table. The payloads of its entries may refer to what
// was written before.
type tableWriter struct {
	out     *pageWriter
	block   []byte
	prev    []byte
	n       int // entries of the block
	index   []byte
	entries uint32
}

func (t *tableWriter) add(name, payload []byte) error {
	if t.n == tableBlockEntries {
		if err := t.flush(); err != nil {
			return err
		}
	}
	t.block = appendFrontCoded(t.block, t.prev, name)
	t.block = binary.AppendUvarint(t.block, uint64(len(payload)))
	t.block = append(t.block, payload...)
	t.prev = append(t.prev[:0], name...)
	t.n++
	t.entries++
	return nil
}

func (t *tableWriter) flush() error {
	t.index = binary.LittleEndian.AppendUint64(t.index, t.out.offset<<blockLengthBits|uint64(len(t.block)))
	_, err := t.out.Write(t.block)
	t.block, t.prev, t.n = t.block[:0], t.prev[:0], 0
	return err
}

// finish writes the rest and returns the place of the table.
func (t *tableWriter) finish() (tableRef, error) {
	if t.n > 0 {
		if err := t.flush(); err != nil {
			return tableRef{}, err
		}
	}
	if err := t.out.align(); err != nil {
		return tableRef{}, err
	}
	ref := tableRef{index: t.out.offset, blocks: uint32(len(t.index) / 8), entries: t.entries}
	_, err := t.out.Write(t.index)
	return ref, err
}

// table reads a table.
type table struct {
	p   *pages
	ref tableRef
}

// block returns the bytes of block i and their offset.
func (t table) block(i uint32) ([]byte, uint64, error) {
	e, err := t.p.view(t.ref.index+uint64(i)*8, 8)
	if err != nil {
		return nil, 0, err
	}
	v := binary.LittleEndian.Uint64(e)
	off, n := v>>blockLengthBits, v&(1<<blockLengthBits-1)
	b, err := t.p.view(off, n)
	return b, off, err
}

// seek returns the last block whose first name is not after name.
func (t table) seek(name []byte) (uint32, error) {
	var err error
	i := sort.Search(int(t.ref.blocks), func(i int) bool {
		b, off, e := t.block(uint32(i))
		if e == nil {
			var first []byte
			if first, _, e = cutFrontCoded(b, nil); e != nil {
				e = t.p.corrupt(off, e.Error())
			} else {
				return bytes.Compare(first, name) > 0
			}
		}
		if err == nil {
			err = e
		}
		return true
	})
	return uint32(max(i-1, 0)), err
}

// find returns the payload of name.
func (t table) find(name []byte) ([]byte, bool, error) {
	i, err := t.seek(name)
	if err != nil || t.ref.blocks == 0 {
		return nil, false, err
	}
	c := tableCursor{t: t, block: i}
	for n := 0; n < tableBlockEntries && c.next(); n++ {
		if cmp := bytes.Compare(c.key, name); cmp == 0 {
			return c.payload, true, nil
		} else if cmp > 0 {
			break
		}
	}
	return nil, false, c.fail
}

// tableCursor walks the entries of a table in order. The zero position is
// before the first entry of block.
type tableCursor struct {
	t       table
	block   uint32 // the next one
	rest    []byte
	offset  uint64 // of the current block
	key     []byte // name of the current entry; overwritten by next
	shared  int    // how many bytes it has from the entry before
	payload []byte // of the current entry; in the mapping
	fail    error
}

func (c *tableCursor) next() bool {
	if c.fail != nil {
		return false
	}
	if len(c.rest) == 0 {
		if c.block >= c.t.ref.blocks {
			return false
		}
		if c.rest, c.offset, c.fail = c.t.block(c.block); c.fail != nil {
			return false
		}
		c.block++
		c.key = c.key[:0]
	}
	var err error
	if c.key, c.rest, c.shared, err = cutShared(c.rest, c.key); err == nil {
		n, rest, ok := cutUvarint(c.rest)
		if ok && n <= uint64(len(rest)) {
			c.payload, c.rest = rest[:n:n], rest[n:]
			return true
		}
		err = fmt.Errorf("payload of a table entry is cut short")
	}
	c.fail = c.t.p.corrupt(c.offset, err.Error())
	return false
}
