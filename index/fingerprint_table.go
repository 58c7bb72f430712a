package index

import (
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/slab"
	"github.com/timberlinedb/timberline/model"
)

// fingerprintTable maps fingerprints of raw spellings to ids. It is an
// extendible hash table: a directory, indexed by the upper bits of a hash,
// points to segments of one fixed size. A full segment is split in two, which
// moves a few thousand entries; nothing ever moves the whole table, so no writer
// stalls and readers go on with the segment they have.
//
// Readers take no lock. A slot is published by the store of its id after its
// fingerprint was written and does not change as long as the version of the bucket
// stays the same; readers load version, ids, fingerprints, and the version again.
// A reader that still holds a segment which was split may miss an entry: it
// then asks Resolve, which is only slower.
//
// Segments lie outside of the heap of the garbage collector, in large pages when
// there are many: a lookup is one access to a random place of a large memory.
// Segments that were split are used again; their memory goes with the table.
type fingerprintTable struct {
	directory atomic.Pointer[fingerprintDirectory]

	mu       sync.Mutex // guards the fields below and all writes to segments
	entries  int
	segments int // in use
	regions  *slab.Regions
	fresh    []byte                // of the last region: not used yet
	free     []*fingerprintSegment // used before
}

type fingerprintDirectory struct {
	depth    uint // len(segments) == 1<<depth
	segments []atomic.Pointer[fingerprintSegment]
	memory   *slab.Regions // keeps the segments mapped
}

// fingerprintBucket fills one cache line. Its slots are filled from the first to
// the last; all are accessed atomically.
type fingerprintBucket struct {
	hi, lo [bucketSlots]uint64
	ids    [bucketSlots]uint32 // 0 is a free slot
	note   uint32              // version<<noteBits | what writers keep, see fingerprintSegment
}

// fingerprintSegment has no header, so that the directory points straight at
// the buckets. What writers need to know of a segment is in the notes of its
// first buckets. A version counts how often the bucket was emptied.
type fingerprintSegment [segmentBuckets]fingerprintBucket

// depth returns the number of directory bits that all entries share.
func (s *fingerprintSegment) depth() uint { return uint(s[0].note & noteMask) }

// used returns the number of entries.
func (s *fingerprintSegment) used() int { return int(s[1].note & noteMask) }

// empty prepares a segment that was used before. Readers that still look at it
// see the new versions.
func (s *fingerprintSegment) empty() {
	for i := range s {
		b := &s[i]
		atomic.StoreUint32(&b.note, (b.note>>noteBits+1)<<noteBits)
		for j := range bucketSlots {
			atomic.StoreUint32(&b.ids[j], 0)
			atomic.StoreUint64(&b.hi[j], 0) // a free slot must not match
			atomic.StoreUint64(&b.lo[j], 0)
		}
	}
}

const (
	noteBits           = 12 // hold segmentMaxEntries
	noteMask           = 1<<noteBits - 1
	bucketSlots        = 3
	segmentBuckets     = 1024
	segmentMaxEntries  = segmentBuckets * bucketSlots * 7 / 8
	maxDirectoryDepth  = 22
	fingerprintSegSize = segmentBuckets * 64
)

// mixFingerprint spreads a fingerprint over 64 bits; the upper ones select the
// segment, the lower ones the bucket.
func mixFingerprint(fp model.Fingerprint) uint64 {
	h := (fp.Hi ^ bits.RotateLeft64(fp.Lo, 32)) * hashMul1
	return h ^ h>>29
}

// lookup returns the id of fp.
func (t *fingerprintTable) lookup(fp model.Fingerprint) (model.SeriesID, bool) {
	d := t.directory.Load()
	if d == nil {
		return 0, false
	}
	h := mixFingerprint(fp)
	for {
		s := d.segments[h>>(64-d.depth)].Load()
		id, ok, again := s.find(h, fp)
		if !again {
			runtime.KeepAlive(d.memory)
			return id, ok
		}
		d = t.directory.Load()
	}
}

// lookupBatch is how many lookups wait for memory together.
const lookupBatch = 64

// lookupAll sets ids to what lookup returns for each of fps. It first touches the
// buckets of many fingerprints, with nothing between that depends on what is there,
// so that the processor fetches them at the same time: a large table costs one
// wait for its memory per batch, rather than one per fingerprint.
func (t *fingerprintTable) lookupAll(ids []model.SeriesID, fps []model.Fingerprint) {
	ids = ids[:len(fps)]
	var segments [lookupBatch]*fingerprintSegment
	for len(fps) > 0 {
		d := t.directory.Load()
		if d == nil {
			clear(ids)
			return
		}
		n := min(len(fps), lookupBatch)
		for i, fp := range fps[:n] {
			h := mixFingerprint(fp)
			s := d.segments[h>>(64-d.depth)].Load()
			atomic.LoadUint32(&s[h%segmentBuckets].note)
			segments[i] = s
		}
		for i, fp := range fps[:n] {
			id, _, again := segments[i].find(mixFingerprint(fp), fp)
			if again {
				id, _ = t.lookup(fp)
			}
			ids[i] = id
		}
		runtime.KeepAlive(d.memory)
		ids, fps = ids[n:], fps[n:]
	}
}

// find compares all slots of a bucket without branching on the outcome of each:
// which slot it is cannot be predicted, and a wrong guess would make one lookup
// wait for the memory of another. again says that the bucket was changed meanwhile.
func (s *fingerprintSegment) find(h uint64, fp model.Fingerprint) (_ model.SeriesID, ok, again bool) {
	for i := uint(h); ; i++ {
		b := &s[i%segmentBuckets]
		note := atomic.LoadUint32(&b.note)
		id0, id1, id2 := atomic.LoadUint32(&b.ids[0]), atomic.LoadUint32(&b.ids[1]), atomic.LoadUint32(&b.ids[2])
		x0 := (atomic.LoadUint64(&b.hi[0]) ^ fp.Hi) | (atomic.LoadUint64(&b.lo[0]) ^ fp.Lo)
		x1 := (atomic.LoadUint64(&b.hi[1]) ^ fp.Hi) | (atomic.LoadUint64(&b.lo[1]) ^ fp.Lo)
		x2 := (atomic.LoadUint64(&b.hi[2]) ^ fp.Hi) | (atomic.LoadUint64(&b.lo[2]) ^ fp.Lo)
		var id uint32
		if x0 == 0 {
			id = id0
		}
		if x1 == 0 {
			id = id1
		}
		if x2 == 0 {
			id = id2
		}
		if atomic.LoadUint32(&b.note) != note {
			return 0, false, true
		}
		if id != 0 {
			return model.SeriesID(id), true, false
		}
		if id2 == 0 { // the bucket never was full, so nothing went past it
			return 0, false, false
		}
	}
}

// insert adds an entry whose fingerprint is not in s; s has a free slot.
func (s *fingerprintSegment) insert(h uint64, fp model.Fingerprint, id uint32) {
	for i := uint(h); ; i++ {
		b := &s[i%segmentBuckets]
		for j := range bucketSlots {
			if atomic.LoadUint32(&b.ids[j]) == 0 {
				atomic.StoreUint64(&b.hi[j], fp.Hi)
				atomic.StoreUint64(&b.lo[j], fp.Lo)
				atomic.StoreUint32(&b.ids[j], id)
				atomic.AddUint32(&s[1].note, 1)
				return
			}
		}
	}
}

// The sizes of what is mapped at once: single segments for small tables.
const (
	smallRegion       = fingerprintSegSize
	largeRegion       = 2 << 20
	largeFromSegments = largeRegion / fingerprintSegSize
)

// segmentLocked returns an empty segment.
func (t *fingerprintTable) segmentLocked(depth uint) *fingerprintSegment {
	t.segments++
	var s *fingerprintSegment
	if n := len(t.free); n > 0 {
		s, t.free = t.free[n-1], t.free[:n-1]
		s.empty()
	} else {
		if len(t.fresh) == 0 {
			size := smallRegion
			if t.segments > largeFromSegments {
				size = largeRegion
			}
			t.fresh = t.regions.Add(size)
		}
		s = slab.At[fingerprintSegment](t.fresh[:fingerprintSegSize])
		t.fresh = t.fresh[fingerprintSegSize:]
	}
	atomic.StoreUint32(&s[0].note, s[0].note&^noteMask|uint32(depth))
	return s
}

// retireLocked keeps a segment for later, to which nothing points any more.
func (t *fingerprintTable) retireLocked(s *fingerprintSegment) {
	t.segments--
	t.free = append(t.free, s)
}

// teach adds the ids of those fingerprints that are not zero. The table is
// emptied first when it holds more than limit entries: clients that spell one
// series in many ways must not fill the memory.
func (t *fingerprintTable) teach(fps []model.Fingerprint, ids []model.SeriesID, limit int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.directory.Load() == nil || t.entries > limit {
		t.resetLocked()
	}
	for i, fp := range fps {
		if fp != (model.Fingerprint{}) && ids[i] != 0 {
			t.addLocked(fp, uint32(ids[i]))
		}
	}
}

func (t *fingerprintTable) resetLocked() {
	t.regions = slab.NewRegions() // readers keep the old one as long as they need it
	t.fresh, t.free, t.entries, t.segments = nil, nil, 0, 0
	d := &fingerprintDirectory{segments: make([]atomic.Pointer[fingerprintSegment], 1), memory: t.regions}
	d.segments[0].Store(t.segmentLocked(0))
	t.directory.Store(d)
}

func (t *fingerprintTable) addLocked(fp model.Fingerprint, id uint32) {
	h := mixFingerprint(fp)
	for {
		d := t.directory.Load()
		s := d.segments[h>>(64-d.depth)].Load()
		if _, ok, _ := s.find(h, fp); ok {
			return
		}
		if s.used() < segmentMaxEntries {
			s.insert(h, fp, id)
			t.entries++
			return
		}
		if !t.splitLocked(d, s, h) {
			return // fingerprints that share all upper bits; they stay unknown
		}
	}
}

// splitLocked replaces the segment of hash h by two that differ in one more bit.
func (t *fingerprintTable) splitLocked(d *fingerprintDirectory, s *fingerprintSegment, h uint64) bool {
	depth := s.depth()
	if depth == d.depth {
		if d.depth == maxDirectoryDepth {
			return false
		}
		d = d.doubled()
	}
	halves := [2]*fingerprintSegment{t.segmentLocked(depth + 1), t.segmentLocked(depth + 1)}
	s.each(func(h uint64, fp model.Fingerprint, id uint32) { halves[h>>(63-depth)&1].insert(h, fp, id) })
	first, span := d.places(h, depth)
	for i := range span {
		d.segments[first+i].Store(halves[i/(span/2)])
	}
	t.directory.Store(d)
	t.retireLocked(s)
	return true
}

// places returns the directory entries that point to the segment of hash h,
// which has a depth.
func (d *fingerprintDirectory) places(h uint64, depth uint) (first, span int) {
	span = 1 << (d.depth - depth)
	return int(h>>(64-d.depth)) &^ (span - 1), span
}

// each calls fn with all entries and their hashes.
func (s *fingerprintSegment) each(fn func(h uint64, fp model.Fingerprint, id uint32)) {
	for i := range s {
		b := &s[i]
		for j := range bucketSlots {
			if b.ids[j] != 0 {
				fp := model.Fingerprint{Hi: b.hi[j], Lo: b.lo[j]}
				fn(mixFingerprint(fp), fp, b.ids[j])
			}
		}
	}
}

// forget takes out the entries of series. Lookups that began before may still
// find them. Each segment that has one is replaced by a copy without it.
func (t *fingerprintTable) forget(series *roaring.Bitmap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	d := t.directory.Load()
	if d == nil {
		return
	}
	for at := 0; at < len(d.segments); {
		s := d.segments[at].Load()
		span := 1 << (d.depth - s.depth())
		if kept := t.withoutLocked(s, series); kept != s {
			for i := range span {
				d.segments[at+i].Store(kept)
			}
			t.retireLocked(s)
		}
		at += span
	}
}

// withoutLocked returns s itself when no entry belongs to series, or else a copy
// of the others.
func (t *fingerprintTable) withoutLocked(s *fingerprintSegment, series *roaring.Bitmap) *fingerprintSegment {
	hit := false
	for i := range s {
		for _, id := range s[i].ids {
			hit = hit || id != 0 && series.Contains(id)
		}
	}
	if !hit {
		return s
	}
	kept := t.segmentLocked(s.depth())
	s.each(func(h uint64, fp model.Fingerprint, id uint32) {
		if !series.Contains(id) {
			kept.insert(h, fp, id)
		}
	})
	t.entries -= s.used() - kept.used()
	return kept
}

func (d *fingerprintDirectory) doubled() *fingerprintDirectory {
	n := &fingerprintDirectory{depth: d.depth + 1, segments: make([]atomic.Pointer[fingerprintSegment], 2*len(d.segments)), memory: d.memory}
	for i := range d.segments {
		s := d.segments[i].Load()
		n.segments[2*i].Store(s)
		n.segments[2*i+1].Store(s)
	}
	return n
}

// stats returns the number of entries and the bytes held.
func (t *fingerprintTable) stats() (entries int, bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d := t.directory.Load(); d != nil {
		bytes = t.regions.Bytes() - int64(len(t.fresh)) + int64(len(d.segments)*8)
	}
	return t.entries, bytes
}
