package index

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
)

// SortedSeries returns the ids of bm, series of one measurement, in the order of
// their tag sets: compared tag by tag, key first, then value, byte by byte. A tag
// set that another one starts with comes first.
func (x *Index) SortedSeries(bm *roaring.Bitmap) ([]model.SeriesID, error) {
	switch bm.GetCardinality() {
	case 0:
		return nil, nil
	case 1:
		return []model.SeriesID{model.SeriesID(bm.Minimum())}, nil
	}
	s, err := x.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	measurement, err := x.measurementOf(s, bm)
	if err != nil {
		return nil, err
	}
	keys, cost, err := s.sortKeys(measurement)
	if err != nil {
		return nil, err
	}
	if bm.GetCardinality()*keyScanCost <= cost {
		return x.sortByKeys(s, bm)
	}
	return sortByColumns(bm, keys)
}

func (x *Index) measurementOf(s snapshot, bm *roaring.Bitmap) (string, error) {
	key, err := x.appendKey(s, nil, model.SeriesID(bm.Minimum()))
	if err != nil {
		return "", err
	}
	name, err := model.SeriesMeasurement(key)
	return string(name), err
}

// sortKey is a tag key with what the parts know of it.
type sortKey struct {
	name  string
	parts []partKey
}

// sortKeys returns the tag keys of a measurement, sorted, and about what it
// costs to walk all their values.
func (s snapshot) sortKeys(measurement string) (keys []sortKey, cost uint64, err error) {
	return s.someKeys(measurement, nil)
}

// someKeys is sortKeys for some of the keys; for all of them if only is nil.
func (s snapshot) someKeys(measurement string, only []string) (keys []sortKey, cost uint64, err error) {
	byName := make(map[string]*sortKey)
	for _, p := range s.parts() {
		m, ok, err := p.measurement(measurement)
		if err != nil {
			return nil, 0, err
		}
		if !ok {
			continue
		}
		err = m.eachKey(func(name []byte, k partKey) error {
			if only != nil && !slices.Contains(only, string(name)) {
				return nil
			}
			sk := byName[string(name)]
			if sk == nil {
				sk = &sortKey{name: string(name)}
				byName[sk.name] = sk
			}
			sk.parts = append(sk.parts, k)
			n, err := k.size()
			cost += 4*uint64(k.values()) + uint64(n)
			return err
		})
		if err != nil {
			return nil, 0, err
		}
	}
	for _, name := range sortedKeys(byName) {
		keys = append(keys, *byName[name])
	}
	return keys, cost, nil
}

// sortByKeys reads the keys and compares them; it is the plain twin of
// sortByColumns.
func (x *Index) sortByKeys(s snapshot, bm *roaring.Bitmap) ([]model.SeriesID, error) {
	type entry struct {
		id   model.SeriesID
		tags model.Tags
	}
	entries := make([]entry, 0, bm.GetCardinality())
	for _, p := range s.parts() {
		err := p.eachKey(bm, func(id uint32, key []byte) error {
			if key == nil {
				return lostKey(x.seriesDir, id)
			}
			_, tags, err := model.ParseSeriesKey(bytes.Clone(key), nil)
			entries = append(entries, entry{model.SeriesID(id), tags})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(compareTags(a.tags, b.tags), cmp.Compare(a.id, b.id))
	})
	ids := make([]model.SeriesID, len(entries))
	for i := range entries {
		ids[i] = entries[i].id
	}
	return ids, nil
}

// compareTags compares tag by tag.
func compareTags(a, b model.Tags) int {
	return slices.CompareFunc(a, b, func(a, b model.Tag) int {
		return cmp.Or(bytes.Compare(a.Key, b.Key), bytes.Compare(a.Value, b.Value))
	})
}

// sortByColumns sorts without reading keys. For each tag key in turn, a walk
// over its values in order gives every series the rank of its value; groups of
// series that are equal so far are sorted by it. It ends when all groups have
// one member, which is usually after a few keys.
func sortByColumns(bm *roaring.Bitmap, keys []sortKey) ([]model.SeriesID, error) {
	ids := bm.ToArray()
	last, err := lastKeys(bm, ids, keys)
	if err != nil {
		return nil, err
	}
	order := make([]sortItem, len(ids)) // by rank so far
	for i := range order {
		order[i].i = uint32(i)
	}
	set := newRankSetter(bm, ids)
	for n, k := range keys {
		ranks := set.ranks
		clear(ranks)
		if err := rankValues(k, set); err != nil {
			return nil, err
		}
		for i := range order {
			it := &order[i]
			switch {
			case ranks[it.i] != 0:
				it.rank = ranks[it.i]
			case last[it.i] < int32(n):
				it.rank = 0 // no tags are left: the shorter set is first
			default:
				it.rank = math.MaxUint32 // its next key is a greater one
			}
		}
		if !sortGroups(order) {
			break
		}
	}
	out := make([]model.SeriesID, len(ids))
	for i := range order {
		out[i] = model.SeriesID(ids[order[i].i])
	}
	return out, nil
}

// sortItem is a series in the order: group is the same for series that are
// equal in the keys looked at.
type sortItem struct {
	i, group, rank uint32
}

// sortGroups sorts each group by rank and makes the groups finer. It reports
// whether some group has more than one member.
func sortGroups(order []sortItem) (more bool) {
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && order[to].group == order[from].group {
			to++
		}
		if to-from > 1 {
			slices.SortFunc(order[from:to], func(a, b sortItem) int {
				if a.rank != b.rank {
					return cmp.Compare(a.rank, b.rank)
				}
				return cmp.Compare(a.i, b.i)
			})
		}
		from = to
	}
	group, prev := uint32(0), sortItem{}
	for i, it := range order {
		if i > 0 && it.group == prev.group && it.rank == prev.rank {
			more = true
		} else {
			group++
		}
		order[i].group, prev = group, it
	}
	return more
}

// lastKeys returns per series the number of its last tag key, or -1.
func lastKeys(bm *roaring.Bitmap, ids []uint32, keys []sortKey) ([]int32, error) {
	last := make([]int32, len(ids))
	for i := range last {
		last[i] = -1
	}
	for n, k := range keys {
		for _, p := range k.parts {
			all, err := p.union()
			if err != nil {
				return nil, err
			}
			at := 0
			roaring.And(all.bitmap(), bm).Iterate(func(id uint32) bool {
				for ids[at] != id {
					at++
				}
				last[at] = int32(n)
				return true
			})
		}
	}
	return last, nil
}

// rankValues sets the rank of every series that has the key: the number, from
// one, of its value among all values.
func rankValues(k sortKey, set *rankSetter) error {
	var last []byte
	rank := uint32(0)
	return walkValues(k, func(name []byte, p posting) error {
		if rank == 0 || !bytes.Equal(name, last) {
			last = append(last[:0], name...)
			rank++
		}
		set.set(p, rank)
		return nil
	})
}

// walkValues calls fn with all values of a key in order and their ids. A value
// that several parts have comes several times in a row. Name and posting are valid
// until fn returns.
func walkValues(k sortKey, fn func(name []byte, p posting) error) error {
	cursors := make([]valueCursor, 0, len(k.parts))
	for _, p := range k.parts {
		c := p.cursor()
		if c.next() {
			cursors = append(cursors, c)
		} else if err := c.err(); err != nil {
			return err
		}
	}
	for len(cursors) > 0 {
		least := 0
		for i := 1; i < len(cursors); i++ {
			if bytes.Compare(cursors[i].name(), cursors[least].name()) < 0 {
				least = i
			}
		}
		c := cursors[least]
		p, err := c.posting()
		if err != nil {
			return err
		}
		if err := fn(c.name(), p); err != nil {
			return err
		}
		if !c.next() {
			if err := c.err(); err != nil {
				return err
			}
			cursors = slices.Delete(cursors, least, least+1)
		}
	}
	return nil
}

// rankSetter finds the places of ids.
type rankSetter struct {
	bm     *roaring.Bitmap
	ids    []uint32
	ranks  []uint32 // per place
	places []uint32 // of ids[0], ids[0]+1, …: place+1; nil when the ids lie far apart
}

func newRankSetter(bm *roaring.Bitmap, ids []uint32) *rankSetter {
	s := &rankSetter{bm: bm, ids: ids, ranks: make([]uint32, len(ids))}
	if span := uint64(ids[len(ids)-1]-ids[0]) + 1; span <= 16*uint64(len(ids)) {
		s.places = make([]uint32, span)
		for i, id := range ids {
			s.places[id-ids[0]] = uint32(i + 1)
		}
	}
	return s
}

// set gives the ids of p that are wanted a rank, and reports whether there are any.
func (s *rankSetter) set(p posting, rank uint32) (any bool) {
	if p.bm != nil {
		roaring.And(p.bm, s.bm).Iterate(func(id uint32) bool { any = s.one(id, rank); return true })
		return any
	}
	for _, id := range p.list {
		any = s.one(id, rank) || any
	}
	return any
}

func (s *rankSetter) one(id, rank uint32) bool {
	if s.places == nil {
		at, ok := slices.BinarySearch(s.ids, id)
		if ok {
			s.ranks[at] = rank
		}
		return ok
	}
	i := id - s.ids[0]
	if uint64(i) >= uint64(len(s.places)) || s.places[i] == 0 {
		return false
	}
	s.ranks[s.places[i]-1] = rank
	return true
}
