package tsm

import (
	"slices"

	"github.com/timberlinedb/timberline/model"
)

// Near remembers where a walk over the series of a file found blocks last. The
// zero value remembers nothing. It is valid while a reference to the reader is
// held and serves one walk at a time.
type Near struct {
	reader *Reader
	shared BlockRef // the shared block that was found last
	single leafPlace
}

// leafPlace is a place in the index of blocks of one series.
type leafPlace struct {
	scan   leafScan       // before the first entry behind those of series
	leaf   int            // that it walks
	series model.SeriesID // looked for last; 0: none was
}

// BlocksNear is Blocks for a walk over series, which goes on searching where the
// block of the series before was found.
func (r *Reader) BlocksNear(near *Near, series model.SeriesID, tr model.TimeRange, dst []BlockRef) ([]BlockRef, error) {
	if tr.Empty() {
		return dst, nil
	}
	if near.reader != r {
		*near = Near{reader: r}
	}
	if b := &near.shared; b.multi && series >= b.first && series <= b.last {
		list, err := r.seriesList(b)
		if err != nil {
			return dst, err
		}
		if at, ok := slices.BinarySearch(list.ids, int64(series)); ok {
			if !b.span.Overlaps(tr) {
				return dst, nil
			}
			dst = append(dst, *b)
			found := &dst[len(dst)-1]
			found.Series = series
			found.firstRow, found.Rows = int(list.starts[at]), int(list.starts[at+1]-list.starts[at])
			return dst, nil
		}
	}
	if d := r.directory.Load(); d != nil {
		if places := d.of(series); len(places) > 0 {
			return r.placedBlocks(places, series, tr, dst)
		}
	}
	if !r.ids.Contains(uint32(series)) {
		return dst, nil
	}
	found, dst, err := r.singleBlocks(&near.single, series, tr, dst)
	if err != nil || found {
		return dst, err
	}
	n := len(dst)
	if dst, err = r.sharedBlock(series, tr, dst); len(dst) > n {
		near.shared = dst[n]
	}
	return dst, err
}

// reaches reports whether the blocks of a series begin behind the place and in
// its leaf, or nowhere.
func (p *leafPlace) reaches(t topIndex, series model.SeriesID) bool {
	return p.series != 0 && series > p.series && (p.leaf+1 == t.leaves() || t.at(p.leaf+1).series > series)
}
