package index

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/timberlinedb/timberline/model"
)

// fingerprintTable maps fingerprints of raw spellings to ids. It is an
// extendible hash table: a directory, indexed by the upper bits of a hash,
// points to segments of one fixed size. A full segment is split in two, which
// moves a few thousand entries; nothing ever moves the whole table, so no writer
// stalls and readers go on with the segment they have.
//
// Readers take no lock. A slot is published by the store of its id after its
// fingerprint was written and never changes afterwards; readers load the ids
// before the fingerprints. A reader that still
// holds a segment which was split may miss an entry that was added since: it
// then asks Resolve, which is only slower.
type fingerprintTable struct {
	directory atomic.Pointer[fingerprintDirectory]

	mu       sync.Mutex // guards the fields below and all writes to segments
	entries  int
	segments int
}

type fingerprintDirectory struct {
	depth    uint // len(segments) == 1<<depth
	segments []atomic.Pointer[fingerprintSegment]
}

// fingerprintBucket fills one cache line. Its slots are filled from the first to
// the last; all are accessed atomically.
type fingerprintBucket struct {
	hi, lo [bucketSlots]uint64
	ids    [bucketSlots]uint32 // 0 is a free slot
	note   uint32              // see fingerprintSegment; only for writers
}

// fingerprintSegment is one allocation without a header, so that the directory
// points straight at the buckets. What writers need to know of a segment is in
// the notes of its first buckets.
type fingerprintSegment [segmentBuckets]fingerprintBucket

// depth returns the number of directory bits that all entries share.
func (s *fingerprintSegment) depth() uint { return uint(s[0].note) }

// used returns the number of entries.
func (s *fingerprintSegment) used() int { return int(s[1].note) }

const (
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
	s := d.segments[h>>(64-d.depth)].Load()
	return s.find(h, fp)
}

// find compares all slots of a bucket without branching on the outcome of each:
// which slot it is cannot be predicted, and a wrong guess would make one lookup
// wait for the memory of another.
func (s *fingerprintSegment) find(h uint64, fp model.Fingerprint) (model.SeriesID, bool) {
	for i := uint(h); ; i++ {
		b := &s[i%segmentBuckets]
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
		if id != 0 {
			return model.SeriesID(id), true
		}
		if id2 == 0 { // the bucket never was full, so nothing went past it
			return 0, false
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
				s[1].note++
				return
			}
		}
	}
}

func newFingerprintSegment(depth uint) *fingerprintSegment {
	s := new(fingerprintSegment)
	s[0].note = uint32(depth)
	return s
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
	d := &fingerprintDirectory{segments: make([]atomic.Pointer[fingerprintSegment], 1)}
	d.segments[0].Store(newFingerprintSegment(0))
	t.entries, t.segments = 0, 1
	t.directory.Store(d)
}

func (t *fingerprintTable) addLocked(fp model.Fingerprint, id uint32) {
	h := mixFingerprint(fp)
	for {
		d := t.directory.Load()
		s := d.segments[h>>(64-d.depth)].Load()
		if _, ok := s.find(h, fp); ok {
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
	var halves [2]*fingerprintSegment
	halves[0], halves[1] = newFingerprintSegment(depth+1), newFingerprintSegment(depth+1)
	for i := range s {
		b := &s[i]
		for j := range bucketSlots {
			if b.ids[j] == 0 {
				continue
			}
			fp := model.Fingerprint{Hi: b.hi[j], Lo: b.lo[j]}
			eh := mixFingerprint(fp)
			halves[eh>>(63-depth)&1].insert(eh, fp, b.ids[j])
		}
	}
	span := 1 << (d.depth - depth) // directory entries that point to s
	first := int(h>>(64-d.depth)) &^ (span - 1)
	for i := range span {
		d.segments[first+i].Store(halves[i/(span/2)])
	}
	t.segments++
	t.directory.Store(d)
	return true
}

func (d *fingerprintDirectory) doubled() *fingerprintDirectory {
	n := &fingerprintDirectory{depth: d.depth + 1, segments: make([]atomic.Pointer[fingerprintSegment], 2*len(d.segments))}
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
		bytes = int64(t.segments*fingerprintSegSize + len(d.segments)*8)
	}
	return t.entries, bytes
}
