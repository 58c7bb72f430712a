package index

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// CountTagValues returns how many distinct non-empty values some tag keys of a
// measurement have together among its series within the ids. Dictionaries whose
// values are all wanted, or belong to one series each, are counted without a look
// into them.
func (x *Index) CountTagValues(measurement string, keys []string, within *roaring.Bitmap) (int64, error) {
	s, err := x.acquire()
	if err != nil {
		return 0, err
	}
	defer s.release()
	dicts, err := s.dictionaries(measurement, keys, within)
	if err != nil || len(dicts) == 0 {
		return 0, err
	}
	slices.SortStableFunc(dicts, func(a, b dictionary) int { return cmp.Compare(b.values, a.values) })
	others := 0
	for _, d := range dicts[1:] {
		others += d.values
	}
	if others*findCost > dicts[0].values {
		return countMerged(dicts, within)
	}
	return countLargest(dicts, within)
}

// findCost is about how many values of a dictionary are walked over in the time
// in which one is looked up.
const findCost = 16

// dictionary holds the values of a tag key in one part.
type dictionary struct {
	key    partKey
	part   part
	name   string
	values int
	ids    *roaring.Bitmap // of the key; may be shared
	wanted uint64          // how many of ids are asked for; not 0
}

// dictionaries returns those of the keys that have wanted series.
func (s snapshot) dictionaries(measurement string, keys []string, within *roaring.Bitmap) ([]dictionary, error) {
	var dicts []dictionary
	for _, p := range s.parts() {
		m, ok, err := p.measurement(measurement)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		for _, name := range keys {
			k, ok, err := m.key(name)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			// The values are counted first: when series are added meanwhile, the ids are
			// too many, and the dictionary is not taken for one that is wanted whole.
			d := dictionary{key: k, part: p, name: name, values: k.values()}
			ids, err := k.union()
			if err != nil {
				return nil, err
			}
			d.ids = ids.bitmap()
			if d.wanted = d.ids.AndCardinality(within); d.wanted > 0 {
				dicts = append(dicts, d)
			}
		}
	}
	return dicts, nil
}

// count returns the number of values that wanted series have.
func (d *dictionary) count(within *roaring.Bitmap) (int64, error) {
	all := d.ids.GetCardinality()
	switch {
	case d.wanted == all:
		return int64(d.values), nil
	case uint64(d.values) == all: // one series has each
		return int64(d.wanted), nil
	case d.wanted*keyScanCost < uint64(d.values):
		values, ok, err := valuesOfKeys(d.part, d.name, roaring.And(d.ids, within))
		if ok || err != nil {
			return int64(len(values)), err
		}
	}
	n := int64(0)
	err := d.each(within, func([]byte) error { n++; return nil })
	return n, err
}

// each calls fn with the values that wanted series have, in order.
func (d *dictionary) each(within *roaring.Bitmap, fn func(value []byte) error) error {
	c := d.key.cursor()
	for c.next() {
		ids, err := c.posting()
		if err != nil {
			return err
		}
		if ids.intersects(within) {
			if err := fn(c.name()); err != nil {
				return err
			}
		}
	}
	return c.err()
}

// has reports whether a wanted series has the value.
func (d *dictionary) has(value []byte, within *roaring.Bitmap) (bool, error) {
	ids, ok, err := d.key.find(string(value))
	return ok && ids.intersects(within), err
}

// countLargest counts the first dictionary, and of the others, which are much
// smaller, what none before has.
func countLargest(dicts []dictionary, within *roaring.Bitmap) (int64, error) {
	n, err := dicts[0].count(within)
	if err != nil {
		return 0, err
	}
	for i := range dicts[1:] {
		err := dicts[i+1].each(within, func(value []byte) error {
			for j := range dicts[:i+1] {
				if has, err := dicts[j].has(value, within); has || err != nil {
					return err
				}
			}
			n++
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return n, nil
}

// countMerged walks all dictionaries at once; it is the plain twin of
// countLargest.
func countMerged(dicts []dictionary, within *roaring.Bitmap) (int64, error) {
	var all sortKey
	for _, d := range dicts {
		all.parts = append(all.parts, d.key)
	}
	n := int64(0)
	var last []byte
	err := walkValues(all, func(value []byte, p posting) error {
		if (n == 0 || !bytes.Equal(value, last)) && p.intersects(within) {
			last = append(last[:0], value...)
			n++
		}
		return nil
	})
	return n, err
}
