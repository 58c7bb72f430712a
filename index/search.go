package index

import (
	"errors"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
)

// idSet is a set of ids of one measurement, or, when not is set, all ids of it
// but these. So a filter that excludes much costs no more than one that selects
// little, and the ids of the measurement are needed only at the very end. The
// bitmap may be shared; it is only read.
type idSet struct {
	bm  *roaring.Bitmap
	not bool
}

// tagSearch evaluates a filter for one measurement of one part.
type tagSearch struct {
	p    part
	m    partMeasurement
	name string // of the measurement
}

// keyScanCost is about how many values of a dictionary are matched in the time
// in which the key of one series is read.
const keyScanCost = 64

// searchPart returns the ids of p that f selects within the given ids (nil: all).
// The caller owns the bitmap, but it may still point into p.
func searchPart(p part, measurement string, f *model.TagFilter, within *roaring.Bitmap) (*roaring.Bitmap, error) {
	limit := p.limit()
	m, ok, err := p.measurement(measurement)
	if err != nil || !ok {
		return roaring.New(), err
	}
	s := tagSearch{p: p, m: m, name: measurement}
	set := idSet{bm: roaring.New(), not: true}
	if f != nil {
		if set, err = s.eval(f, within); err != nil {
			return nil, err
		}
	}
	out, err := s.resolve(set, within)
	if err != nil {
		return nil, err
	}
	// Later ids may be in some postings already and in others not yet.
	out.RemoveRange(uint64(limit), 1<<32)
	return out, nil
}

// resolve turns a set into the ids it stands for.
func (s *tagSearch) resolve(set idSet, within *roaring.Bitmap) (*roaring.Bitmap, error) {
	if !set.not {
		if within == nil {
			return set.bm.Clone(), nil
		}
		return roaring.And(set.bm, within), nil
	}
	all, err := s.m.all()
	if err != nil {
		return nil, err
	}
	out := all.bitmap()
	if within != nil {
		out = roaring.And(out, within)
	}
	return roaring.AndNot(out, set.bm), nil
}

// eval returns what f selects. Only the ids of cand (nil: all) matter: of the
// others the set may contain any.
func (s *tagSearch) eval(f *model.TagFilter, cand *roaring.Bitmap) (idSet, error) {
	switch f.Op {
	case model.TagAnd:
		return s.and(f.Args, cand)
	case model.TagOr:
		return s.or(f.Args, cand)
	case model.TagNot:
		if len(f.Args) != 1 {
			return idSet{}, fmt.Errorf("tag filter: not has %d operands, want 1", len(f.Args))
		}
		set, err := s.eval(f.Args[0], cand)
		return idSet{set.bm, !set.not}, err
	case model.TagEqual:
		return s.equal(f.Key, f.Value)
	case model.TagNotEqual:
		set, err := s.equal(f.Key, f.Value)
		return idSet{set.bm, !set.not}, err
	case model.TagMatch, model.TagNotMatch:
		if f.Regex == nil {
			return idSet{}, fmt.Errorf("tag filter: no regular expression for key %q", f.Key)
		}
		set, err := s.match(f, cand)
		return idSet{set.bm, set.not != (f.Op == model.TagNotMatch)}, err
	}
	return idSet{}, fmt.Errorf("tag filter: unknown operator %d", f.Op)
}

// filterCost orders the operands of an And: what is cheap first.
func filterCost(f *model.TagFilter) int {
	switch f.Op {
	case model.TagEqual, model.TagNotEqual:
		return 0
	case model.TagMatch, model.TagNotMatch:
		return 2
	}
	return 1
}

func (s *tagSearch) and(args []*model.TagFilter, cand *roaring.Bitmap) (idSet, error) {
	args = slices.Clone(args)
	slices.SortStableFunc(args, func(a, b *model.TagFilter) int { return filterCost(a) - filterCost(b) })
	var with, without []*roaring.Bitmap
	for _, f := range args {
		if filterCost(f) > 0 && len(with) > 0 {
			// What follows is asked only about the ids that are left.
			with = []*roaring.Bitmap{intersect(with)}
			if with[0].IsEmpty() {
				return idSet{bm: with[0]}, nil
			}
			cand = with[0]
		}
		set, err := s.eval(f, cand)
		if err != nil {
			return idSet{}, err
		}
		if set.not {
			without = append(without, set.bm)
		} else {
			with = append(with, set.bm)
		}
	}
	if len(with) == 0 {
		return idSet{roaring.FastOr(without...), true}, nil
	}
	out := intersect(with)
	for _, bm := range without {
		out = roaring.AndNot(out, bm)
	}
	return idSet{bm: out}, nil
}

// intersect joins the smallest sets first.
func intersect(sets []*roaring.Bitmap) *roaring.Bitmap {
	slices.SortFunc(sets, func(a, b *roaring.Bitmap) int {
		return int(int64(a.GetCardinality()) - int64(b.GetCardinality()))
	})
	out := sets[0]
	for _, bm := range sets[1:] {
		out = roaring.And(out, bm)
	}
	return out
}

func (s *tagSearch) or(args []*model.TagFilter, cand *roaring.Bitmap) (idSet, error) {
	var with, without []*roaring.Bitmap
	for _, f := range args {
		set, err := s.eval(f, cand)
		if err != nil {
			return idSet{}, err
		}
		if set.not {
			without = append(without, set.bm)
		} else {
			with = append(with, set.bm)
		}
	}
	out := roaring.New()
	for _, bm := range with {
		out.Or(bm)
	}
	if len(without) == 0 {
		return idSet{bm: out}, nil
	}
	return idSet{roaring.AndNot(intersect(without), out), true}, nil
}

// union returns the ids that have the key.
func (s *tagSearch) union(key string) (*roaring.Bitmap, error) {
	k, ok, err := s.m.key(key)
	if err != nil || !ok {
		return roaring.New(), err
	}
	p, err := k.union()
	return p.bitmap(), err
}

func (s *tagSearch) equal(key, value string) (idSet, error) {
	if value == "" {
		bm, err := s.union(key)
		return idSet{bm, true}, err
	}
	k, ok, err := s.m.key(key)
	if err != nil || !ok {
		return idSet{bm: roaring.New()}, err
	}
	p, _, err := k.find(value)
	return idSet{bm: p.bitmap()}, err
}

// match returns the ids whose value of the key matches. When the expression
// matches the empty value, these are all but those that have another value.
func (s *tagSearch) match(f *model.TagFilter, cand *roaring.Bitmap) (idSet, error) {
	empty := f.Regex.MatchString("")
	k, ok, err := s.m.key(f.Key)
	if err != nil || !ok {
		return idSet{roaring.New(), empty}, err
	}
	if cand != nil && cand.GetCardinality()*keyScanCost < uint64(k.values()) {
		bm, err := s.matchKeys(f, cand)
		if !errors.Is(err, errLostKey) {
			return idSet{bm: bm}, err
		}
	}
	matching, err := s.matchValues(f, k)
	if err != nil || !empty {
		return idSet{bm: matching}, err
	}
	all, err := k.union()
	if err != nil {
		return idSet{}, err
	}
	return idSet{roaring.AndNot(all.bitmap(), matching), true}, nil
}

// errLostKey says that keys cannot answer because one is lost; postings can.
var errLostKey = errors.New("series key is lost")

// matchKeys tries the expression on the keys of the candidates.
func (s *tagSearch) matchKeys(f *model.TagFilter, cand *roaring.Bitmap) (*roaring.Bitmap, error) {
	out := roaring.New()
	var tags model.Tags
	key := []byte(f.Key)
	err := s.p.eachKey(cand, func(id uint32, series []byte) (err error) {
		if series == nil {
			return errLostKey
		}
		if _, tags, err = model.ParseSeriesKey(series, tags); err == nil && f.Regex.Match(tags.Get(key)) {
			out.Add(id)
		}
		return err
	})
	return out, err
}

// matchValues returns the ids with a non-empty value that matches.
func (s *tagSearch) matchValues(f *model.TagFilter, k partKey) (*roaring.Bitmap, error) {
	b, cached := s.p.(*base)
	key := regexKey{s.name, f.Key, f.Regex.String()}
	if cached {
		if bm := b.regexes.get(key); bm != nil {
			return bm, nil
		}
	}
	plan := planRegex(f.Regex)
	u := newUnion()
	if err := plan.addMatches(k, u); err != nil {
		return nil, err
	}
	bm := u.bitmap()
	if cached {
		bm.CloneCopyOnWriteContainers()
		b.regexes.put(key, bm)
	}
	return bm, nil
}

// unionBuilder collects postings: lists are sorted and added at once, since adding
// scattered ids one by one to a large bitmap is slow.
type unionBuilder struct {
	ids []uint32
	bm  *roaring.Bitmap
}

const unionListIDs = 1 << 20

func newUnion() *unionBuilder { return &unionBuilder{bm: roaring.New()} }

func (u *unionBuilder) add(p posting) {
	if p.bm != nil {
		u.bm.Or(p.bm)
		return
	}
	if u.ids = append(u.ids, p.list...); len(u.ids) >= unionListIDs {
		u.flush()
	}
}

func (u *unionBuilder) flush() {
	slices.Sort(u.ids)
	u.bm.AddMany(u.ids)
	u.ids = u.ids[:0]
}

func (u *unionBuilder) bitmap() *roaring.Bitmap {
	u.flush()
	return u.bm
}
