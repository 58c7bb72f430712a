package index

import (
	"bytes"
	"slices"
	"sort"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
)

// delta indexes the series that no checkpoint covers. Names live in an arena,
// lists of few ids in a slab, tables hold numbers: only measurements and tag
// keys, which are few, are objects.
//
// Readers may run beside add. What they see of ids that are added meanwhile is
// incomplete, so they drop ids from limit() on that they took before they began.
type delta struct {
	first uint32 // the smallest id that it can hold
	seed  uint64

	mu   sync.RWMutex // guards the fields below; never held across file I/O
	next uint32       // the id after the last one

	// Of the keys.
	names arena
	keys  []nameRef // ascending by id
	runs  []idRun   // which ids they have
	table idTable   // of the keys, by their place

	// Of their tags.
	values       arena
	lists        listSlab
	measurements map[string]*deltaMeasurement
	valueCount   int
}

type deltaMeasurement struct {
	d      *delta
	series *roaring.Bitmap
	keys   map[string]*deltaKey
}

type deltaKey struct {
	d       *delta
	all     *roaring.Bitmap
	entries []deltaValue
	table   idTable // of the entries, by their number
	bitmaps []*roaring.Bitmap
}

// deltaValue is a tag value with its ids: n == 1: at is the id; n <
// smallPosting: at is the place of the list; else at is the number of the bitmap.
type deltaValue struct {
	name  nameRef
	n, at uint32
}

// idRun says that keys[at] is the key of id, keys[at+1] that of id+1, and so
// on up to the next run. There is one run unless keys were lost.
type idRun struct{ id, at uint32 }

// idOf returns the id of keys[at].
func idOf(runs []idRun, at uint32) uint32 {
	i := sort.Search(len(runs), func(i int) bool { return runs[i].at > at }) - 1
	return runs[i].id + at - runs[i].at
}

// placeOf returns the place of the key of id among n keys.
func placeOf(runs []idRun, n int, id uint32) (uint32, bool) {
	i := sort.Search(len(runs), func(i int) bool { return runs[i].id > id }) - 1
	if i < 0 {
		return 0, false
	}
	end := uint64(n)
	if i+1 < len(runs) {
		end = uint64(runs[i+1].at)
	}
	at := uint64(runs[i].at) + uint64(id-runs[i].id)
	return uint32(at), at < end
}

func newDelta(first uint32, seed uint64) *delta {
	return &delta{first: first, next: first, seed: seed, measurements: make(map[string]*deltaMeasurement)}
}

// idTable is an open-addressing table of hashTag<<32 | number+1.
type idTable struct {
	slots []uint64
	used  int
}

func (t *idTable) add(tag, number uint32) {
	if t.used*4 >= len(t.slots)*3 {
		t.grow()
	}
	t.place(uint64(tag)<<32 | uint64(number+1))
	t.used++
}

func (t *idTable) place(slot uint64) {
	mask := uint64(len(t.slots) - 1)
	i := slot >> 32 & mask
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = slot
}

func (t *idTable) grow() {
	old := t.slots
	t.slots = make([]uint64, max(16, 2*len(old)))
	for _, s := range old {
		if s != 0 {
			t.place(s)
		}
	}
}

// find returns the first number with the tag for which equal says true.
func (t *idTable) find(tag uint32, equal func(number uint32) bool) (uint32, bool) {
	if len(t.slots) == 0 {
		return 0, false
	}
	mask := uint64(len(t.slots) - 1)
	for i := uint64(tag) & mask; t.slots[i] != 0; i = (i + 1) & mask {
		if s := t.slots[i]; uint32(s>>32) == tag && equal(uint32(s)-1) {
			return uint32(s) - 1, true
		}
	}
	return 0, false
}

// listSlab keeps lists of two to smallPosting-1 ids in blocks of 2, 4, 8, 16 or
// 32 numbers.
type listSlab struct {
	ids  []uint32
	free [6][]uint32 // places of blocks of 1<<i numbers
}

func listClass(n uint32) int {
	class := 1
	for 1<<class < n {
		class++
	}
	return class
}

// alloc returns the place of a block for n ids.
func (s *listSlab) alloc(n uint32) uint32 {
	class := listClass(n)
	if f := s.free[class]; len(f) > 0 {
		s.free[class] = f[:len(f)-1]
		return f[len(f)-1]
	}
	at := uint32(len(s.ids))
	s.ids = append(s.ids, make([]uint32, 1<<class)...)
	return at
}

func (s *listSlab) release(at, n uint32) {
	class := listClass(n)
	s.free[class] = append(s.free[class], at)
}

// add indexes a series; id is at least next. The caller has checked the key.
func (d *delta) add(id uint32, key, measurement []byte, tags model.Tags) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addLocked(id, key, measurement, tags)
}

func (d *delta) addLocked(id uint32, key, measurement []byte, tags model.Tags) {
	d.addKeyLocked(id, hashKey(d.seed, key), key)
	d.addTagsLocked(id, measurement, tags)
}

// addKey is addKeyLocked for who does not hold the lock.
func (d *delta) addKey(id uint32, h uint64, key []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.addKeyLocked(id, h, key)
}

// addKeyLocked adds the key, whose hash is h, and returns it as it is kept.
func (d *delta) addKeyLocked(id uint32, h uint64, key []byte) []byte {
	place := uint32(len(d.keys))
	if place == 0 || id != d.next {
		d.runs = append(d.runs, idRun{id, place})
	}
	ref := d.names.add(key)
	d.keys = append(d.keys, ref)
	d.table.add(hashTag(h), place)
	d.next = id + 1
	return d.names.at(ref)
}

// addTagsLocked adds the id to the measurement and the tag values. It touches
// nothing that addKeyLocked does.
func (d *delta) addTagsLocked(id uint32, measurement []byte, tags model.Tags) {
	m := d.measurements[string(measurement)]
	if m == nil {
		m = &deltaMeasurement{d: d, series: roaring.New(), keys: make(map[string]*deltaKey)}
		d.measurements[string(measurement)] = m
	}
	m.series.Add(id)
	for i := range tags {
		if len(tags[i].Value) > 0 { // the empty value is the same as no tag
			m.addTag(id, tags[i].Key, tags[i].Value)
		}
	}
}

// skip leaves the ids before id without keys.
func (d *delta) skip(id uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if id > d.next {
		d.next = id
		if len(d.keys) > 0 {
			d.runs = append(d.runs, idRun{id, uint32(len(d.keys))})
		}
	}
}

func (m *deltaMeasurement) addTag(id uint32, key, value []byte) {
	k := m.keys[string(key)]
	if k == nil {
		k = &deltaKey{d: m.d, all: roaring.New()}
		m.keys[string(key)] = k
	}
	k.all.Add(id)
	tag := hashTag(hashKey(m.d.seed, value))
	if i, ok := k.number(tag, value); ok {
		k.addID(&k.entries[i], id)
		return
	}
	k.table.add(tag, uint32(len(k.entries)))
	k.entries = append(k.entries, deltaValue{name: m.d.values.add(value), n: 1, at: id})
	m.d.valueCount++
}

// number returns the number of a value; tag is the hashTag of its hash.
func (k *deltaKey) number(tag uint32, value []byte) (uint32, bool) {
	return k.table.find(tag, func(n uint32) bool { return bytes.Equal(k.d.values.at(k.entries[n].name), value) })
}

// addID adds an id that is greater than those of e.
func (k *deltaKey) addID(e *deltaValue, id uint32) {
	s := &k.d.lists
	switch {
	case e.n == 1:
		at := s.alloc(2)
		s.ids[at], s.ids[at+1] = e.at, id
		e.at = at
	case e.n+1 < smallPosting:
		if e.n&(e.n-1) == 0 { // the block is full
			at := s.alloc(e.n + 1)
			copy(s.ids[at:], s.ids[e.at:e.at+e.n])
			s.release(e.at, e.n)
			e.at = at
		}
		s.ids[e.at+e.n] = id
	case e.n+1 == smallPosting:
		bm := roaring.BitmapOf(s.ids[e.at : e.at+e.n]...)
		bm.Add(id)
		s.release(e.at, e.n)
		e.at = uint32(len(k.bitmaps))
		k.bitmaps = append(k.bitmaps, bm)
	default:
		k.bitmaps[e.at].Add(id)
	}
	e.n++
}

// postingLocked copies the ids of value i.
func (k *deltaKey) postingLocked(i int) posting {
	switch e := k.entries[i]; {
	case e.n == 1:
		return posting{list: []uint32{e.at}}
	case e.n < smallPosting:
		return posting{list: slices.Clone(k.d.lists.ids[e.at : e.at+e.n])}
	default:
		return posting{bm: k.bitmaps[e.at].Clone()}
	}
}

// limit returns the id after the last one that is indexed completely.
func (d *delta) limit() uint32 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.next
}

// find returns the id of key, whose hash is h.
func (d *delta) find(h uint64, key []byte, dead *roaring.Bitmap) (uint32, bool, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	n, ok := d.table.find(hashTag(h), func(n uint32) bool {
		return bytes.Equal(d.names.at(d.keys[n]), key) && (dead == nil || !dead.Contains(idOf(d.runs, n)))
	})
	if !ok {
		return 0, false, nil
	}
	return idOf(d.runs, n), true, nil
}

// eachKey calls fn with the keys of those ids of bm that d holds. Ids without a
// key give a nil key.
func (d *delta) eachKey(bm *roaring.Bitmap, fn func(id uint32, key []byte) error) error {
	d.mu.RLock()
	keys, runs, chunks, next := d.keys, d.runs, d.names.chunks, d.next
	d.mu.RUnlock()
	it := bm.Iterator()
	it.AdvanceIfNeeded(d.first)
	for it.HasNext() {
		id := it.Next()
		if id < d.first || id >= next {
			break
		}
		var key []byte
		if at, ok := placeOf(runs, len(keys), id); ok {
			key = nameAt(chunks, keys[at])
		}
		if err := fn(id, key); err != nil {
			return err
		}
	}
	return nil
}

// key returns the key of id; it must not be changed. It is nil when the id has none.
func (d *delta) key(id uint32) []byte {
	d.mu.RLock()
	defer d.mu.RUnlock()
	at, ok := placeOf(d.runs, len(d.keys), id)
	if !ok {
		return nil
	}
	return d.names.at(d.keys[at])
}

func (d *delta) measurement(name string) (partMeasurement, bool, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	m, ok := d.measurements[name]
	return m, ok, nil
}

func (d *delta) eachMeasurement(fn func(name []byte, m partMeasurement) error) error {
	d.mu.RLock()
	names := sortedKeys(d.measurements)
	d.mu.RUnlock()
	for _, name := range names {
		d.mu.RLock()
		m := d.measurements[name]
		d.mu.RUnlock()
		if err := fn([]byte(name), m); err != nil {
			return err
		}
	}
	return nil
}

func (m *deltaMeasurement) all() (posting, error) {
	m.d.mu.RLock()
	defer m.d.mu.RUnlock()
	return posting{bm: m.series.Clone()}, nil
}

func (m *deltaMeasurement) meets(bm *roaring.Bitmap) (bool, error) {
	m.d.mu.RLock()
	defer m.d.mu.RUnlock()
	return m.series.Intersects(bm), nil
}

func (m *deltaMeasurement) key(name string) (partKey, bool, error) {
	m.d.mu.RLock()
	defer m.d.mu.RUnlock()
	k, ok := m.keys[name]
	return k, ok, nil
}

func (m *deltaMeasurement) eachKey(fn func(name []byte, k partKey) error) error {
	m.d.mu.RLock()
	names := sortedKeys(m.keys)
	m.d.mu.RUnlock()
	for _, name := range names {
		m.d.mu.RLock()
		k := m.keys[name]
		m.d.mu.RUnlock()
		if err := fn([]byte(name), k); err != nil {
			return err
		}
	}
	return nil
}

func (k *deltaKey) union() (posting, error) {
	k.d.mu.RLock()
	defer k.d.mu.RUnlock()
	return posting{bm: k.all.Clone()}, nil
}

func (k *deltaKey) size() (int, error) {
	k.d.mu.RLock()
	defer k.d.mu.RUnlock()
	return int(k.all.GetCardinality()), nil
}

func (k *deltaKey) meets(bm *roaring.Bitmap) (bool, error) {
	k.d.mu.RLock()
	defer k.d.mu.RUnlock()
	return k.all.Intersects(bm), nil
}

func (k *deltaKey) values() int {
	k.d.mu.RLock()
	defer k.d.mu.RUnlock()
	return len(k.entries)
}

func (k *deltaKey) find(value string) (posting, bool, error) {
	k.d.mu.RLock()
	defer k.d.mu.RUnlock()
	v := []byte(value)
	if i, ok := k.number(hashTag(hashKey(k.d.seed, v)), v); ok {
		return k.postingLocked(int(i)), true, nil
	}
	return posting{}, false, nil
}

// snapshot returns what is needed to read the values without the lock.
func (k *deltaKey) snapshot() (names []nameRef, chunks [][]byte) {
	k.d.mu.RLock()
	defer k.d.mu.RUnlock()
	names = make([]nameRef, len(k.entries))
	for i := range k.entries {
		names[i] = k.entries[i].name
	}
	return names, k.d.values.chunks
}

func (k *deltaKey) addMatches(prefix string, plan *regexPlan, u *unionBuilder) error {
	names, chunks := k.snapshot()
	for i, ref := range names {
		value := nameAt(chunks, ref)
		if len(value) < len(prefix) || string(value[:len(prefix)]) != prefix || !plan.match(value) {
			continue
		}
		k.d.mu.RLock()
		p := k.postingLocked(i)
		k.d.mu.RUnlock()
		u.add(p)
	}
	return nil
}

// deltaCursor walks the values of a key in order.
type deltaCursor struct {
	k      *deltaKey
	names  []nameRef
	chunks [][]byte
	order  []uint32
	i      int
}

func (k *deltaKey) cursor() valueCursor {
	c := &deltaCursor{k: k, i: -1}
	c.names, c.chunks = k.snapshot()
	c.order = make([]uint32, len(c.names))
	for i := range c.order {
		c.order[i] = uint32(i)
	}
	slices.SortFunc(c.order, func(a, b uint32) int {
		return bytes.Compare(nameAt(c.chunks, c.names[a]), nameAt(c.chunks, c.names[b]))
	})
	return c
}

func (c *deltaCursor) next() bool   { c.i++; return c.i < len(c.order) }
func (c *deltaCursor) name() []byte { return nameAt(c.chunks, c.names[c.order[c.i]]) }
func (c *deltaCursor) err() error   { return nil }
func (c *deltaCursor) posting() (posting, error) {
	c.k.d.mu.RLock()
	defer c.k.d.mu.RUnlock()
	return c.k.postingLocked(int(c.order[c.i])), nil
}

// size returns about how many bytes d holds.
func (d *delta) size() int64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.names.bytes + d.values.bytes + int64(len(d.keys)*8+len(d.table.slots)*8+cap(d.lists.ids)*4) +
		int64(d.valueCount)*(16+12) + int64(len(d.measurements))*256
}

// count returns the number of series that have a key.
func (d *delta) count() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.keys)
}

func sortedKeys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
