package index

import (
	"bytes"
	"fmt"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"
)

// posting reads a posting at the start of payload.
func (b *base) posting(payload []byte) (p posting, rest []byte, err error) {
	return b.postingIn(payload, nil)
}

// postingIn is posting with room for a list.
func (b *base) postingIn(payload []byte, list []uint32) (p posting, rest []byte, err error) {
	ref, rest, err := decodePosting(payload, list)
	if err != nil {
		return p, nil, b.p.corrupt(0, err.Error())
	}
	if ref.n < smallPosting {
		return posting{list: ref.list}, rest, nil
	}
	raw, err := b.p.view(ref.offset, ref.length)
	if err != nil {
		return p, nil, err
	}
	bm, err := b.mapBitmap(raw, ref)
	if err != nil {
		return p, nil, b.p.corrupt(ref.offset, err.Error())
	}
	return posting{bm: bm}, rest, nil
}

// bitmapGranule is the alignment of bitmaps, so every one starts in a granule
// of its own.
const bitmapGranule = 8

func newChecked(p *pages) []atomic.Uint32 {
	return make([]atomic.Uint32, len(p.data)/bitmapGranule/32+1)
}

// mapBitmap returns a bitmap that uses raw as its memory. The first time the
// whole structure is checked, since operations on a malformed one may panic.
func (b *base) mapBitmap(raw []byte, ref postingRef) (*roaring.Bitmap, error) {
	bm := roaring.New()
	if _, err := bm.FromBuffer(raw); err != nil {
		return nil, fmt.Errorf("bitmap: %w", err)
	}
	if n := bm.GetCardinality(); n != uint64(ref.n) {
		return nil, fmt.Errorf("bitmap has %d ids, want %d", n, ref.n)
	}
	granule := ref.offset / bitmapGranule
	checked, bit := &b.checked[granule/32], uint32(1)<<(granule%32)
	if checked.Load()&bit == 0 {
		if err := bm.Validate(); err != nil {
			return nil, fmt.Errorf("bitmap: %w", err)
		}
		checked.Or(bit)
	}
	return bm, nil
}

// baseMeasurement is a measurement of a checkpoint.
type baseMeasurement struct {
	b    *base
	name string
	ids  []byte // posting
	keys table
}

// baseKey is a tag key of a checkpoint.
type baseKey struct {
	b    *base
	ids  []byte // posting
	vals table
}

func (b *base) root() table { return table{b.p, b.h.root} }

// splitPayload splits a posting and the place of a table.
func (b *base) splitPayload(payload []byte) (ids []byte, t table, err error) {
	_, rest, err := decodePosting(payload, nil)
	if err == nil {
		ids = payload[:len(payload)-len(rest)]
		var ref tableRef
		if ref, _, err = decodeTableRef(rest); err == nil {
			return ids, table{b.p, ref}, nil
		}
	}
	return nil, t, b.p.corrupt(0, err.Error())
}

func (b *base) measurement(name string) (partMeasurement, bool, error) {
	payload, ok, err := b.root().find([]byte(name))
	if err != nil || !ok {
		return nil, false, err
	}
	m, err := b.openMeasurement(name, payload)
	return m, err == nil, err
}

func (b *base) openMeasurement(name string, payload []byte) (*baseMeasurement, error) {
	ids, keys, err := b.splitPayload(payload)
	return &baseMeasurement{b: b, name: name, ids: ids, keys: keys}, err
}

func (b *base) eachMeasurement(fn func(name []byte, m partMeasurement) error) error {
	c := tableCursor{t: b.root()}
	for c.next() {
		m, err := b.openMeasurement(string(c.key), c.payload)
		if err != nil {
			return err
		}
		if err := fn(c.key, m); err != nil {
			return err
		}
	}
	return c.fail
}

func (m *baseMeasurement) all() (posting, error) {
	p, _, err := m.b.posting(m.ids)
	return p, err
}

func (m *baseMeasurement) meets(bm *roaring.Bitmap) (bool, error) {
	p, err := m.all()
	return err == nil && p.intersects(bm), err
}

func (m *baseMeasurement) openKey(payload []byte) (*baseKey, error) {
	ids, vals, err := m.b.splitPayload(payload)
	return &baseKey{b: m.b, ids: ids, vals: vals}, err
}

func (m *baseMeasurement) key(name string) (partKey, bool, error) {
	payload, ok, err := m.keys.find([]byte(name))
	if err != nil || !ok {
		return nil, false, err
	}
	k, err := m.openKey(payload)
	return k, err == nil, err
}

func (m *baseMeasurement) eachKey(fn func(name []byte, k partKey) error) error {
	c := tableCursor{t: m.keys}
	for c.next() {
		k, err := m.openKey(c.payload)
		if err != nil {
			return err
		}
		if err := fn(c.key, k); err != nil {
			return err
		}
	}
	return c.fail
}

func (k *baseKey) union() (posting, error) {
	p, _, err := k.b.posting(k.ids)
	return p, err
}

func (k *baseKey) size() (int, error) {
	ref, _, err := decodePosting(k.ids, nil)
	if err != nil {
		return 0, k.b.p.corrupt(0, err.Error())
	}
	return ref.n, nil
}

func (k *baseKey) meets(bm *roaring.Bitmap) (bool, error) {
	p, err := k.union()
	return err == nil && p.intersects(bm), err
}

func (k *baseKey) values() int { return int(k.vals.ref.entries) }

func (k *baseKey) find(value string) (posting, bool, error) {
	payload, ok, err := k.vals.find([]byte(value))
	if err != nil || !ok {
		return posting{}, false, err
	}
	p, _, err := k.b.posting(payload)
	return p, err == nil, err
}

// comparePrefix compares prefix with as many bytes of name.
func comparePrefix(name []byte, prefix string) int {
	return bytes.Compare(name[:min(len(name), len(prefix))], []byte(prefix))
}

type baseCursor struct {
	tableCursor
	b *base
}

func (k *baseKey) cursor() valueCursor { return &baseCursor{tableCursor{t: k.vals}, k.b} }
func (c *baseCursor) name() []byte     { return c.key }
func (c *baseCursor) err() error       { return c.fail }
func (c *baseCursor) posting() (posting, error) {
	p, _, err := c.b.posting(c.payload)
	return p, err
}
