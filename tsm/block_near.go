package tsm

import (
	"slices"

	"github.com/timberlinedb/timberline/model"
)

// BlocksNear is Blocks for a walk over series: near is a block that Blocks found
// for another series, or the zero BlockRef. When near is shared and holds rows of
// the series too, the index is not searched.
func (r *Reader) BlocksNear(near *BlockRef, series model.SeriesID, tr model.TimeRange, dst []BlockRef) ([]BlockRef, error) {
	if near.reader != r || !near.multi || series < near.first || series > near.last || tr.Empty() {
		return r.Blocks(series, tr, dst)
	}
	list, err := r.seriesList(near)
	if err != nil {
		return dst, err
	}
	at, ok := slices.BinarySearch(list.ids, int64(series))
	if !ok {
		return r.Blocks(series, tr, dst)
	}
	if !near.span.Overlaps(tr) {
		return dst, nil
	}
	b := *near
	b.Series = series
	b.firstRow, b.Rows = int(list.starts[at]), int(list.starts[at+1]-list.starts[at])
	return append(dst, b), nil
}
