package index

import (
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
)

// TagValuesError says that a series would give a tag key of a measurement more
// values than it may have. It matches ErrMaxValues.
type TagValuesError struct {
	Measurement, Key, Value string
	Values, Limit           int // that the key has, and may have
}

// Error is what InfluxDB 1.x says.
func (e *TagValuesError) Error() string {
	return fmt.Sprintf("max-values-per-tag limit exceeded (%d/%d): measurement=%q tag=%q value=%q", e.Values, e.Limit, e.Measurement, e.Key, e.Value)
}

// Is reports whether target is ErrMaxValues.
func (e *TagValuesError) Is(target error) bool { return target == ErrMaxValues }

// valueCounts watches how many values tag keys have, as far as that matters. A
// key cannot have more values than there are series, so nothing is counted before
// there are as many of these as a key may have values. From then on a key has a
// slack: so many series can be created whatever their values are. It comes from
// the sizes of the dictionaries, which count a value once for each part that has
// it, and those of freed series. When it is used up and they give no more, the
// values are counted exactly, once, and each creation asks whether its value is a
// new one. createMu guards all of it.
type valueCounts struct {
	byMeasurement map[string]map[string]*valueCount
	keys          int
}

// valueCount is what is known of a tag key of a measurement.
type valueCount struct {
	slack int

	// exact is the number of values if known, and if no series was freed since
	// there were as many burials.
	exact   int
	known   bool
	burials int64
}

const (
	// maxCountedKeys bounds the keys that are watched; then all are looked at anew.
	maxCountedKeys = 1 << 16
	// leastGrant is the room from which on a half of it is granted without a look
	// at each value: values are counted again only when it is used up.
	leastGrant = 4096
)

func (v *valueCounts) of(measurement, key []byte) *valueCount {
	if c := v.byMeasurement[string(measurement)][string(key)]; c != nil {
		return c
	}
	if v.byMeasurement == nil || v.keys >= maxCountedKeys {
		*v = valueCounts{byMeasurement: make(map[string]map[string]*valueCount)}
	}
	keys := v.byMeasurement[string(measurement)]
	if keys == nil {
		keys = make(map[string]*valueCount)
		v.byMeasurement[string(measurement)] = keys
	}
	c := new(valueCount)
	keys[string(key)] = c
	v.keys++
	return c
}

// admitValues checks that no tag key gets more values than it may have by the
// creation of some series, and returns the counts that grow by one with it. Of
// several series it says no when they might be too many; of one it is exact.
// createMu must be held.
func (x *Index) admitValues(keys [][]byte) (grown []*valueCount, err error) {
	limit := x.opt.MaxTagValues
	s, err := x.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	if limit == 0 || s.count()+len(keys) <= limit {
		return nil, nil
	}
	var tags model.Tags
	for _, key := range keys {
		var measurement []byte
		if measurement, tags, err = model.ParseSeriesKey(key, tags); err != nil {
			return nil, err
		}
		for _, tag := range tags {
			if len(tag.Value) == 0 || string(tag.Value) == x.opt.OverflowValue {
				continue
			}
			c := x.values.of(measurement, tag.Key)
			fresh, err := x.admitValue(s, c, measurement, tag, len(keys))
			if err != nil {
				return nil, err
			}
			if fresh {
				grown = append(grown, c)
			}
		}
	}
	return grown, nil
}

// admitValue checks one tag of one of n series; fresh says that its value counts
// as one more when the series is created.
func (x *Index) admitValue(s snapshot, c *valueCount, measurement []byte, tag model.Tag, n int) (fresh bool, err error) {
	if c.slack > 0 {
		c.slack--
		return false, nil
	}
	if !c.known || c.burials != x.burials.Load() {
		most, err := s.mostValues(string(measurement), string(tag.Key))
		if err != nil {
			return false, err
		}
		if c.slack = x.opt.MaxTagValues - most - n; c.slack >= 0 {
			c.known = false
			return false, nil
		}
		c.slack = 0
	}
	if n > 1 {
		return false, fmt.Errorf("%d new series, one of which might have a new value of tag %q: %w", n, tag.Key, ErrMaxValues)
	}
	has, err := s.hasValue(string(measurement), string(tag.Key), string(tag.Value))
	if has || err != nil {
		return false, err
	}
	if !c.known || c.burials != x.burials.Load() {
		if err := x.countValues(s, c, string(measurement), string(tag.Key)); err != nil {
			return false, err
		}
	}
	room := x.opt.MaxTagValues - c.exact
	if room <= 0 {
		return false, &TagValuesError{string(measurement), string(tag.Key), string(tag.Value), c.exact, x.opt.MaxTagValues}
	}
	if room >= leastGrant {
		c.slack, c.known = room/2-1, false
		return false, nil
	}
	return true, nil
}

// mostValues returns a number of values that a tag key does not exceed.
func (s snapshot) mostValues(measurement, key string) (n int, err error) {
	err = s.eachKeyOf(measurement, key, func(k partKey) error { n += k.values(); return nil })
	return n, err
}

// hasValue reports whether a series that is not dead has the value.
func (s snapshot) hasValue(measurement, key, value string) (has bool, err error) {
	err = s.eachKeyOf(measurement, key, func(k partKey) error {
		ids, ok, err := k.find(value)
		has = has || ok && ids.outlives(s.dead)
		return err
	})
	return has, err
}

// eachKeyOf calls fn with a tag key in the parts that have it.
func (s snapshot) eachKeyOf(measurement, key string, fn func(partKey) error) error {
	for _, p := range s.parts() {
		m, ok, err := p.measurement(measurement)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		k, ok, err := m.key(key)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := fn(k); err != nil {
			return err
		}
	}
	return nil
}

// countValues counts the values that series which are not dead have.
func (x *Index) countValues(s snapshot, c *valueCount, measurement, key string) error {
	burials := x.burials.Load()
	alive := roaring.New()
	for _, p := range s.parts() {
		m, ok, err := p.measurement(measurement)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		ids, err := m.all()
		if err != nil {
			return err
		}
		ids.addTo(alive)
	}
	if s.dead != nil {
		alive.AndNot(s.dead)
	}
	n, err := x.CountTagValues(measurement, []string{key}, alive)
	if err != nil {
		return err
	}
	if x.opt.OverflowValue != "" {
		over, err := s.hasValue(measurement, key, x.opt.OverflowValue)
		if err != nil {
			return err
		}
		if over { // it does not count
			n--
		}
	}
	c.exact, c.known, c.burials = int(n), true, burials
	return nil
}

// outlives reports whether an id of p is not in dead, which may be nil.
func (p posting) outlives(dead *roaring.Bitmap) bool {
	switch {
	case dead == nil:
		return p.len() > 0
	case p.bm != nil:
		return p.bm.AndCardinality(dead) < p.bm.GetCardinality()
	}
	for _, id := range p.list {
		if !dead.Contains(id) {
			return true
		}
	}
	return false
}
