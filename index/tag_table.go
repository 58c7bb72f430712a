package index

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
)

// TagTable has the tags of many series of one measurement as columns: per tag key
// the number of each series' value. It is made from the dictionaries, value by
// value, without a look at keys; or, when the series are few beside the values,
// from their keys in the order in which these are stored. It never changes.
type TagTable struct {
	places  []uint32 // of series i among the ids in ascending order
	columns []TagColumn
}

// TagColumn has the values of one tag key.
type TagColumn struct {
	key     []byte
	numbers []uint32 // by place; 0 is no value
	ends    []uint32 // of value n in text, n from 1; ends[0] is 0
	text    []byte
}

// Key returns the tag key.
func (c *TagColumn) Key() []byte { return c.key }

// Values returns the number of different values.
func (c *TagColumn) Values() int { return len(c.ends) - 1 }

// Value returns value n, from 1 to Values. It must not be changed.
func (c *TagColumn) Value(n uint32) []byte { return c.text[c.ends[n-1]:c.ends[n]:c.ends[n]] }

// Len returns the number of series.
func (t *TagTable) Len() int { return len(t.places) }

// Columns returns the columns, sorted by key.
func (t *TagTable) Columns() []TagColumn { return t.columns }

// Number returns the number of the value that series i has in a column of the
// table, 0 when it has none.
func (t *TagTable) Number(c *TagColumn, i int) uint32 { return c.numbers[t.places[i]] }

// Tags appends the tags of series i to dst[:0]. They must not be changed.
func (t *TagTable) Tags(i int, dst model.Tags) model.Tags {
	dst = dst[:0]
	at := t.places[i]
	for k := range t.columns {
		c := &t.columns[k]
		if n := c.numbers[at]; n != 0 {
			dst = append(dst, model.Tag{Key: c.key, Value: c.Value(n)})
		}
	}
	return dst
}

// Size returns the bytes that the table holds.
func (t *TagTable) Size() int64 {
	size := int64(len(t.places)) * 4
	for i := range t.columns {
		c := &t.columns[i]
		size += int64(len(c.numbers)+cap(c.ends))*4 + int64(cap(c.text))
	}
	return size
}

// TagTable returns the tags of series, which are of one measurement, in the order
// given.
func (x *Index) TagTable(series []model.SeriesID) (*TagTable, error) {
	return x.TagTableOf(series, nil)
}

// TagTableOf is TagTable with those tags alone that have one of the keys; all of
// them if only is nil.
func (x *Index) TagTableOf(series []model.SeriesID, only []string) (*TagTable, error) {
	if len(series) == 0 {
		return &TagTable{}, nil
	}
	s, err := x.acquire()
	if err != nil {
		return nil, err
	}
	defer s.release()
	bm := roaring.New()
	for _, id := range series {
		bm.Add(uint32(id))
	}
	measurement, err := x.measurementOf(s, bm)
	if err != nil {
		return nil, err
	}
	keys, cost, err := s.someKeys(measurement, only)
	if err != nil {
		return nil, err
	}
	t := &TagTable{places: make([]uint32, len(series))}
	ids := bm.ToArray()
	if bm.GetCardinality()*keyScanCost <= cost {
		err = t.readKeys(s, bm, only)
	} else {
		err = t.readValues(keys, bm, ids)
	}
	if err != nil {
		return nil, err
	}
	for i, id := range series {
		at, _ := slices.BinarySearch(ids, uint32(id))
		t.places[i] = uint32(at)
	}
	return t, nil
}

// add adds a value, which is not there yet.
func (c *TagColumn) add(value []byte) error {
	if len(c.text)+len(value) > math.MaxUint32 {
		return fmt.Errorf("values of tag %q have more than %d bytes", c.key, uint32(math.MaxUint32))
	}
	c.text = append(c.text, value...)
	c.ends = append(c.ends, uint32(len(c.text)))
	return nil
}

// readValues walks the values of each key.
func (t *TagTable) readValues(keys []sortKey, bm *roaring.Bitmap, ids []uint32) error {
	set := newRankSetter(bm, ids)
	for _, k := range keys {
		c := TagColumn{key: []byte(k.name), numbers: make([]uint32, len(ids)), ends: []uint32{0}}
		set.ranks = c.numbers
		var last []byte
		err := walkValues(k, func(name []byte, p posting) error {
			more := len(c.ends) == 1 || !bytes.Equal(name, last) // another part may have the same value
			n := uint32(len(c.ends))
			if !more {
				n--
			}
			if !set.set(p, n) || !more {
				return nil
			}
			last = append(last[:0], name...)
			return c.add(name)
		})
		if err != nil {
			return err
		}
		if c.Values() > 0 {
			t.columns = append(t.columns, c)
		}
	}
	return nil
}

// readKeys reads the keys of the series. It is the plain twin of readValues, with
// other numbers.
func (t *TagTable) readKeys(s snapshot, bm *roaring.Bitmap, only []string) error {
	type building struct {
		TagColumn
		known map[string]uint32
	}
	byKey := make(map[string]*building)
	n := int(bm.GetCardinality())
	place := 0
	var tags model.Tags
	for _, p := range s.parts() {
		err := p.eachKey(bm, func(_ uint32, key []byte) (err error) {
			at := place
			place++
			if key == nil {
				return nil // lost; told elsewhere
			}
			if _, tags, err = model.ParseSeriesKey(key, tags); err != nil {
				return err
			}
			for _, tag := range tags {
				if len(tag.Value) == 0 || only != nil && !slices.Contains(only, string(tag.Key)) {
					continue
				}
				c := byKey[string(tag.Key)]
				if c == nil {
					c = &building{TagColumn{key: bytes.Clone(tag.Key), numbers: make([]uint32, n), ends: []uint32{0}}, make(map[string]uint32)}
					byKey[string(tag.Key)] = c
				}
				number, ok := c.known[string(tag.Value)]
				if !ok {
					number = uint32(len(c.ends))
					c.known[string(tag.Value)] = number
					if err := c.add(tag.Value); err != nil {
						return err
					}
				}
				c.numbers[at] = number
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(byKey) {
		t.columns = append(t.columns, byKey[name].TagColumn)
	}
	return nil
}
