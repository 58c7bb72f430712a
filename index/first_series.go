package index

import (
	"bytes"
	"errors"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
)

// FirstSeries returns the first n ids of SortedSeries. It looks at about as many
// values and keys as it takes to find these.
func (x *Index) FirstSeries(bm *roaring.Bitmap, n int) ([]model.SeriesID, error) {
	if n <= 0 || bm.IsEmpty() {
		return nil, nil
	}
	if uint64(n) >= bm.GetCardinality() {
		return x.SortedSeries(bm)
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
	f := firstSeries{x: x, s: s, keys: keys, cost: cost, left: uint64(n)}
	if err := f.take(bm, 0); err != nil {
		return nil, err
	}
	return f.ids, nil
}

// firstSeries collects the first series of a set in order: by ever longer
// beginnings of their tag sets, as a radix sort that starts with the most significant
// digit and ends when there are enough.
type firstSeries struct {
	x    *Index
	s    snapshot
	keys []sortKey
	cost uint64 // of a walk over all values of all keys
	left uint64 // how many are still wanted
	ids  []model.SeriesID
}

var errEnough = errors.New("enough series")

// take adds the first series of bm, which are equal in the keys before at.
func (f *firstSeries) take(bm *roaring.Bitmap, at int) error {
	size := bm.GetCardinality()
	if size == 0 || f.left == 0 {
		return nil
	}
	if at == len(f.keys) || f.sortsAtOnce(size, f.keys[at]) {
		return f.takeSorted(bm)
	}
	with, err := f.keys[at].among(bm)
	if err != nil {
		return err
	}
	// A shorter tag set comes before those it begins; one that goes on with a later
	// key comes last.
	rest := roaring.AndNot(bm, with)
	ended, err := f.endedAfter(rest, at)
	if err != nil {
		return err
	}
	if err := f.takeSorted(ended); err != nil {
		return err
	}
	if err := f.takeByValue(with, at); err != nil {
		return err
	}
	return f.take(roaring.AndNot(rest, ended), at+1)
}

// among returns those of bm that have the key. Bitmaps are joined into new ones
// throughout: in place that is slow for runs.
func (k sortKey) among(bm *roaring.Bitmap) (*roaring.Bitmap, error) {
	out := roaring.New()
	for _, p := range k.parts {
		ids, err := p.union()
		if err != nil {
			return nil, err
		}
		out = roaring.Or(out, roaring.And(ids.bitmap(), bm))
	}
	return out, nil
}

// endedAfter returns those of bm that have none of the keys after at.
func (f *firstSeries) endedAfter(bm *roaring.Bitmap, at int) (*roaring.Bitmap, error) {
	for _, k := range f.keys[at+1:] {
		if bm.IsEmpty() {
			break
		}
		with, err := k.among(bm)
		if err != nil {
			return nil, err
		}
		bm = roaring.AndNot(bm, with)
	}
	return bm, nil
}

// sortsAtOnce reports whether sorting size series costs less than finding the
// first of them by the values of k.
func (f *firstSeries) sortsAtOnce(size uint64, k sortKey) bool {
	values := uint64(0)
	for _, p := range k.parts {
		values += uint64(p.values())
	}
	return size <= 2*f.left || size*size*keyScanCost <= values*f.left
}

// takeSorted sorts bm as a whole and adds what is wanted of it.
func (f *firstSeries) takeSorted(bm *roaring.Bitmap) error {
	if bm.IsEmpty() || f.left == 0 {
		return nil
	}
	var ids []model.SeriesID
	var err error
	if bm.GetCardinality()*keyScanCost <= f.cost {
		ids, err = f.x.sortByKeys(f.s, bm)
	} else {
		ids, err = sortByColumns(bm, f.keys)
	}
	ids = ids[:min(uint64(len(ids)), f.left)]
	f.ids = append(f.ids, ids...)
	f.left -= uint64(len(ids))
	return err
}

// takeByValue adds the first series of bm, all of which have the key at. Values are
// collected until there are enough; only the series of the last value are too many
// and looked at further.
func (f *firstSeries) takeByValue(bm *roaring.Bitmap, at int) error {
	if bm.IsEmpty() {
		return nil
	}
	var value []byte
	whole, last := roaring.New(), roaring.New() // of the values before, of value
	flush := func() error {
		if whole.GetCardinality()+last.GetCardinality() <= f.left {
			whole, last = roaring.Or(whole, last), roaring.New()
			return nil
		}
		if err := f.takeSorted(whole); err != nil {
			return err
		}
		whole = roaring.New()
		if err := f.take(last, at+1); err != nil {
			return err
		}
		return errEnough
	}
	err := walkValues(f.keys[at], func(name []byte, p posting) error {
		if !bytes.Equal(name, value) && !last.IsEmpty() {
			if err := flush(); err != nil {
				return err
			}
		}
		value = append(value[:0], name...)
		if p.bm != nil {
			last = roaring.Or(last, roaring.And(p.bm, bm))
			return nil
		}
		for _, id := range p.list {
			if bm.Contains(id) {
				last.Add(id)
			}
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err == nil {
		err = f.takeSorted(whole)
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
