package index

import (
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
)

// Search returns the series of a measurement that f selects among the ids of
// within; nil stands for all series ever created. The caller owns the bitmap.
func (x *Index) Search(measurement string, f *model.TagFilter, within *roaring.Bitmap) (*roaring.Bitmap, error) {
	s, err := x.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	return s.search(measurement, f, within)
}

func (s snapshot) search(measurement string, f *model.TagFilter, within *roaring.Bitmap) (*roaring.Bitmap, error) {
	var out *roaring.Bitmap
	for _, p := range s.parts() {
		bm, err := searchPart(p, measurement, f, within)
		if err != nil {
			return nil, err
		}
		if out == nil || out.IsEmpty() {
			out = bm
		} else {
			out.Or(bm)
		}
	}
	if within == nil && s.dead != nil {
		out.AndNot(s.dead)
	}
	out.CloneCopyOnWriteContainers() // nothing points into the mapping any more
	return out, nil
}

// MeasurementSeries returns all series of a measurement. The caller owns the
// bitmap. It is empty when the index is closed or the measurement cannot be
// read: Search without a filter returns the same with the error.
func (x *Index) MeasurementSeries(measurement string) *roaring.Bitmap {
	bm, err := x.Search(measurement, nil, nil)
	if err != nil {
		return roaring.New()
	}
	return bm
}

// names collects distinct names of several parts.
type names map[string]struct{}

func (n names) addIf(name []byte, within *roaring.Bitmap, meets func(*roaring.Bitmap) (bool, error)) error {
	if _, ok := n[string(name)]; ok {
		return nil
	}
	if within != nil {
		if ok, err := meets(within); err != nil || !ok {
			return err
		}
	}
	n[string(name)] = struct{}{}
	return nil
}

func (n names) sorted() []string { return sortedKeys(n) }

// Measurements returns the measurements that have series within the ids (nil:
// all), sorted.
func (x *Index) Measurements(within *roaring.Bitmap) ([]string, error) {
	s, err := x.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	found := make(names)
	within = s.within(within)
	for _, p := range s.parts() {
		err := p.eachMeasurement(func(name []byte, m partMeasurement) error {
			return found.addIf(name, within, m.meets)
		})
		if err != nil {
			return nil, err
		}
	}
	return found.sorted(), nil
}

// TagKeys returns the tag keys of the series of a measurement within the ids
// (nil: all), sorted.
func (x *Index) TagKeys(measurement string, within *roaring.Bitmap) ([]string, error) {
	s, err := x.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	found := make(names)
	within = s.within(within)
	for _, p := range s.parts() {
		m, ok, err := p.measurement(measurement)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		err = m.eachKey(func(name []byte, k partKey) error { return found.addIf(name, within, k.meets) })
		if err != nil {
			return nil, err
		}
	}
	return found.sorted(), nil
}

// HasTagKey reports whether a series of a measurement within the ids (nil: all) has
// a tag key.
func (x *Index) HasTagKey(measurement, key string, within *roaring.Bitmap) (bool, error) {
	s, err := x.acquire()
	if err != nil {
		return false, err
	}
	defer s.release()
	within = s.within(within)
	for _, p := range s.parts() {
		m, ok, err := p.measurement(measurement)
		if err != nil {
			return false, err
		}
		if !ok {
			continue
		}
		k, ok, err := m.key(key)
		if ok && within != nil {
			ok, err = k.meets(within)
		}
		if ok || err != nil {
			return ok && err == nil, err
		}
	}
	return false, nil
}

// TagValues returns the distinct non-empty values of a tag key among the series
// of a measurement within the ids (nil: all), sorted.
func (x *Index) TagValues(measurement, key string, within *roaring.Bitmap) ([]string, error) {
	s, err := x.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	var list valueList
	within = s.within(within)
	for _, p := range s.parts() {
		m, ok, err := p.measurement(measurement)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		k, ok, err := m.key(key)
		if err != nil {
			return nil, err
		}
		if ok {
			if err := list.addPart(p, k, key, within, p == part(s.live)); err != nil {
				return nil, err
			}
		}
	}
	values := list.strings()
	if !slices.IsSorted(values) {
		slices.Sort(values)
	}
	return slices.Compact(values), nil
}

// valueList collects values as one text, so that a million of them are two pieces of
// memory.
type valueList struct {
	text strings.Builder
	ends []int // of the values in text
}

func (v *valueList) add(value []byte) {
	if n := len(v.ends); n == foreseenValues { // the rest will be as long
		v.text.Grow((v.text.Len()/n + 1) * (cap(v.ends) - n))
	}
	v.text.Write(value)
	v.ends = append(v.ends, v.text.Len())
}

// foreseenValues is how many values tell how long the others will be.
const foreseenValues = 1024

// strings returns the values, which share their memory.
func (v *valueList) strings() []string {
	text, values, at := v.text.String(), make([]string, len(v.ends)), 0
	for i, end := range v.ends {
		values[i] = text[at:end]
		at = end
	}
	return values
}

// addPart adds the values of a key of a part that some of the ids within (nil: all)
// have. A part that grows may get values meanwhile that none of the ids has.
func (v *valueList) addPart(p part, k partKey, key string, within *roaring.Bitmap, grows bool) error {
	if within != nil {
		all, err := k.union()
		if err != nil {
			return err
		}
		cand := roaring.And(all.bitmap(), within)
		switch n := cand.GetCardinality(); {
		case !grows && n == uint64(all.len()): // every value is of one of them
			within = nil
		case n*keyScanCost < uint64(k.values()):
			if read, ok, err := valuesOfKeys(p, key, cand); ok || err != nil {
				for _, value := range read {
					v.add([]byte(value))
				}
				return err
			}
		}
	}
	v.ends = slices.Grow(v.ends, k.values())
	c := k.cursor()
	for c.next() {
		if within != nil {
			ids, err := c.posting()
			if err != nil {
				return err
			}
			if !ids.intersects(within) {
				continue
			}
		}
		v.add(c.name())
	}
	return c.err()
}

// valuesOfKeys reads the values from the keys of the candidates; ok is false
// when one of them is lost.
func valuesOfKeys(p part, key string, cand *roaring.Bitmap) (values []string, ok bool, err error) {
	found := make(names)
	ok = true
	var tags model.Tags
	name := []byte(key)
	err = p.eachKey(cand, func(id uint32, series []byte) (err error) {
		if series == nil {
			ok = false
			return nil
		}
		if _, tags, err = model.ParseSeriesKey(series, tags); err == nil {
			found[string(tags.Get(name))] = struct{}{}
		}
		return err
	})
	return found.sorted(), ok, err
}
