package index

import (
	"bytes"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
)

// Lookup returns the id of a raw spelling that Resolve has seen. It takes no
// lock.
func (x *Index) Lookup(fp model.Fingerprint) (model.SeriesID, bool) { return x.fingerprints.lookup(fp) }

// LookupAll sets ids, which is as long as fps, to what Lookup returns for each
// spelling, 0 for those it does not know. Of a large index this is faster than
// one Lookup after the other.
func (x *Index) LookupAll(ids []model.SeriesID, fps []model.Fingerprint) {
	x.fingerprints.lookupAll(ids, fps)
}

// Resolve finds the ids of canonical keys and creates the series that do not
// exist. fps[i] is the fingerprint of the spelling that key i came from, or
// zero; Lookup knows it afterwards. Keys may occur more than once.
//
// The created series get consecutive ids. Before anybody else sees them,
// journal is called with the first id and the keys, in the order of the ids; it
// must not call the index. All calls of journal come one after the other and in
// the order of the ids. When journal fails nothing was created, and what it
// wrote must not reach Replay. A nil journal stands for one that does nothing.
//
// After an error ids holds the ids that exist and zero for the others. Keys are
// not kept. Of several new series none is created when they are more than
// MaxSeries or might be more than MaxTagValues allow; who wants those that fit
// resolves key by key, and then learns of a TagValuesError.
func (x *Index) Resolve(keys [][]byte, fps []model.Fingerprint, ids []model.SeriesID, journal func(first model.SeriesID, created [][]byte) error) error {
	if len(fps) != len(keys) || len(ids) != len(keys) {
		return fmt.Errorf("resolve %d series: %d fingerprints and %d ids", len(keys), len(fps), len(ids))
	}
	clear(ids)
	x.freeing.life.RLock() // none of them is freed before it is known again
	defer x.freeing.life.RUnlock()
	missing, err := x.findKnown(keys, ids)
	if err == nil && missing > 0 {
		err = x.create(keys, ids, journal)
	}
	x.freeing.acquit(ids)
	x.fingerprints.teach(fps, ids, 4*x.SeriesCount()+1<<16)
	return err
}

// findKnown fills in the ids of existing series and counts the others.
func (x *Index) findKnown(keys [][]byte, ids []model.SeriesID) (missing int, err error) {
	s, err := x.acquire()
	if err != nil {
		return 0, err
	}
	defer s.release()
	for i, key := range keys {
		if ids[i] != 0 {
			continue
		}
		id, ok, err := s.find(hashKey(x.seed, key), key)
		if err != nil {
			return 0, err
		}
		if !ok {
			missing++
		} else {
			ids[i] = model.SeriesID(id)
		}
	}
	return missing, nil
}

// find looks for a key in the parts, the newest first.
func (s snapshot) find(h uint64, key []byte) (uint32, bool, error) {
	if id, ok, err := s.live.find(h, key, s.dead); ok || err != nil {
		return id, ok, err
	}
	if s.frozen != nil {
		if id, ok, err := s.frozen.find(h, key, s.dead); ok || err != nil {
			return id, ok, err
		}
	}
	return findInBases(s.bases, h, key, s.dead)
}

// create makes the series whose id is still zero.
func (x *Index) create(keys [][]byte, ids []model.SeriesID, journal func(first model.SeriesID, created [][]byte) error) error {
	x.createMu.Lock()
	defer x.createMu.Unlock()
	// Somebody may have created some of them since.
	missing, err := x.findKnown(keys, ids)
	if err != nil || missing == 0 {
		return err
	}
	created, places, err := newKeys(keys, ids, missing)
	if err != nil {
		return err
	}
	grown, err := x.admitValues(created)
	if err != nil {
		return err
	}
	first, err := x.admit(len(created))
	if err != nil {
		return err
	}
	if journal != nil {
		if err := journal(model.SeriesID(first), created); err != nil {
			return err
		}
	}
	if err := x.insert(first, created); err != nil {
		return err
	}
	for _, c := range grown {
		c.exact++
	}
	for i := range keys {
		if ids[i] == 0 {
			ids[i] = model.SeriesID(first + places[string(keys[i])])
		}
	}
	return nil
}

// newKeys returns the distinct keys without an id and their places.
func newKeys(keys [][]byte, ids []model.SeriesID, missing int) (created [][]byte, places map[string]uint32, err error) {
	created = make([][]byte, 0, missing)
	places = make(map[string]uint32, missing)
	var tags model.Tags
	for i, key := range keys {
		if ids[i] != 0 {
			continue
		}
		if _, ok := places[string(key)]; ok {
			continue
		}
		if _, tags, err = parseNewKey(key, tags); err != nil {
			return nil, nil, err
		}
		places[string(key)] = uint32(len(created))
		created = append(created, key)
	}
	return created, places, nil
}

// parseNewKey parses a key strictly: what is in the series log stays there.
func parseNewKey(key []byte, dst model.Tags) (measurement []byte, tags model.Tags, err error) {
	if len(key) > maxSeriesKey {
		return nil, dst, fmt.Errorf("series key has %d bytes, at most %d are stored: %w", len(key), maxSeriesKey, model.ErrSeriesKey)
	}
	measurement, tags, err = model.ParseSeriesKey(key, dst)
	if err != nil {
		return nil, tags, fmt.Errorf("series key %q: %w", key[:min(len(key), 200)], err)
	}
	for i := 1; i < len(tags); i++ {
		if bytes.Compare(tags[i-1].Key, tags[i].Key) >= 0 {
			return nil, tags, fmt.Errorf("series key has tag %q after %q: %w", tags[i].Key, tags[i-1].Key, model.ErrSeriesKey)
		}
	}
	return measurement, tags, nil
}

// admit checks that n series may be created and returns the first id.
func (x *Index) admit(n int) (first uint32, err error) {
	s, err := x.acquire()
	if err != nil {
		return 0, err
	}
	defer s.release()
	if limit := x.opt.MaxSeries; limit > 0 && s.count()+n > limit {
		return 0, fmt.Errorf("%d series and %d new ones, at most %d are allowed: %w", s.count(), n, limit, ErrMaxSeries)
	}
	first = s.live.limit()
	last := x.presence.lastPresent()
	if uint64(max(first, last))+uint64(n) > maxSeriesID {
		return 0, fmt.Errorf("%d series after id %d: %w", n, max(first, last+1)-1, ErrSeriesLimit)
	}
	if err := x.log.ready(first); err != nil {
		return 0, err
	}
	if last >= first {
		// Files name ids that the series log has lost: they must not be given
		// out a second time.
		if err := x.log.reserve(last + 1); err != nil {
			return 0, err
		}
		s.live.skip(last + 1)
		first = last + 1
	}
	return first, nil
}

// insert appends the keys to the series log and makes the series visible. From
// here on nothing fails: an error of the log shows in the next creation or sync,
// and until then the journal has the keys.
func (x *Index) insert(first uint32, keys [][]byte) error {
	s, err := x.acquire()
	if err != nil {
		return err
	}
	defer s.release()
	for i, key := range keys {
		x.log.append(first+uint32(i), key)
	}
	s.live.addAll(first, keys)
	return nil
}

// addAll indexes series with consecutive ids; their keys are valid.
func (d *delta) addAll(first uint32, keys [][]byte) {
	const step = 256 // readers get their turn between steps
	var tags model.Tags
	for len(keys) > 0 {
		n := min(step, len(keys))
		d.mu.Lock()
		for i, key := range keys[:n] {
			var measurement []byte
			measurement, tags, _ = model.ParseSeriesKey(key, tags)
			d.addLocked(first+uint32(i), key, measurement, tags)
		}
		d.mu.Unlock()
		first += uint32(n)
		keys = keys[n:]
	}
}

// Replay creates series as a log of the owner tells them after a crash: keys[0]
// has the id first, and so on. Ids that exist must have the same key; ids must
// not leave a gap. Otherwise the error matches ErrCorrupt, and the series before
// the one in question exist. Calls come in the order in which journal was called.
func (x *Index) Replay(first model.SeriesID, keys [][]byte) error {
	x.createMu.Lock()
	defer x.createMu.Unlock()
	x.values = valueCounts{}
	s, err := x.acquire()
	if err != nil {
		return err
	}
	defer s.release()
	if err := x.log.ready(s.live.limit()); err != nil {
		return err
	}
	if first == 0 {
		return fmt.Errorf("replay series 0: %w", ErrSeriesLimit)
	}
	known := 0
	if next := s.live.limit(); uint64(first) < uint64(next) {
		known = int(min(uint64(next)-uint64(first), uint64(len(keys))))
	}
	if err := x.compareKnown(s, first, keys[:known]); err != nil {
		return err
	}
	for i, key := range keys[known:] {
		if err := x.replayOne(s, uint64(first)+uint64(known+i), key); err != nil {
			return fmt.Errorf("replay series %d: %w", uint64(first)+uint64(known+i), err)
		}
	}
	return nil
}

// compareKnown compares the keys that a log tells with those that exist, block
// by block. Lost keys cannot be compared.
func (x *Index) compareKnown(s snapshot, first model.SeriesID, keys [][]byte) error {
	if len(keys) == 0 {
		return nil
	}
	ids := roaring.New()
	ids.AddRange(uint64(first), uint64(first)+uint64(len(keys)))
	for _, p := range s.parts() {
		err := p.eachKey(ids, func(id uint32, stored []byte) error {
			if key := keys[id-uint32(first)]; stored != nil && !bytes.Equal(stored, key) {
				return fmt.Errorf("replay series %d: %w", id, &CorruptionError{File: x.seriesDir,
					First: model.SeriesID(id), Last: model.SeriesID(id), Reason: fmt.Sprintf("key is %q, stored is %q", key, stored)})
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// replayOne creates the series id, the next one.
func (x *Index) replayOne(s snapshot, id uint64, key []byte) error {
	next := s.live.limit()
	if id == 0 || id > maxSeriesID {
		return ErrSeriesLimit
	}
	fail := func(format string, args ...any) error {
		return &CorruptionError{File: x.seriesDir, First: model.SeriesID(id), Last: model.SeriesID(id), Reason: fmt.Sprintf(format, args...)}
	}
	if id > uint64(next) {
		return fail("ids from %d on are missing", next)
	}
	measurement, tags, err := parseNewKey(key, nil)
	if err != nil {
		return fail("%v", err)
	}
	if other, ok, err := s.find(hashKey(x.seed, key), key); err != nil {
		return err
	} else if ok && x.presence.somewhere(other) {
		return fail("key is that of series %d", other)
	} else if ok { // it was freed before the crash, and the key created again
		x.bury(roaring.BitmapOf(other))
	}
	x.log.append(uint32(id), key)
	s.live.add(uint32(id), key, measurement, tags)
	return nil
}
