package query

import (
	"cmp"
	"slices"
	"sync"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// A statement with a limit needs rows of few series, but the first rows of all of them to know of which. These are
// fetched by cursors that walk over many series in order of their ids, where neighbours lie side by side; a cursor of its
// own gets only the series whose further rows are wanted.

// manyRawSeries is how many series a merge must have for their first rows to be fetched beforehand.
const manyRawSeries = 16

// What a series is reckoned with whose first row was fetched, and each value of that row.
const (
	headBytes      = 512 // of a rawSeries, a point and a mergeItem
	headValueBytes = 32
)

// fetchHeads fetches the first row of every series of a walk, where that pays.
func (r *rawScan) fetchHeads(w *shardWalk) error {
	var list []*rawSeries
	for i := range w.groups {
		if w.groups[i].left >= 0 {
			list = append(list, w.groups[i].series...)
		}
	}
	run := r.source.run
	if len(list) < manyRawSeries {
		return nil
	}
	if err := run.memory.reserve(int64(len(list)) * int64(headBytes+headValueBytes*len(r.layout.aux))); err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b *rawSeries) int { return cmp.Compare(a.series.id, b.series.id) })
	workers := min(run.engine.opt.Workers, len(list)/manyRawSeries)
	errs := make([]error, workers)
	var running sync.WaitGroup
	for k := range workers {
		running.Add(1)
		go func() {
			defer running.Done()
			errs[k] = r.fetchSome(list[k*len(list)/workers : (k+1)*len(list)/workers])
		}()
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// fetchSome fetches the first rows of some series.
func (r *rawScan) fetchSome(list []*rawSeries) error {
	s := r.source
	ids := make([]model.SeriesID, len(list))
	for i, series := range list {
		ids[i] = series.series.id
		series.fetched, series.empty = true, true
	}
	cur, err := s.view.view.Read(s.run.ctx, cursor.Request{
		Measurement: s.measurement, Series: ids, Fields: r.layout.fields,
		Range: model.TimeRange{Min: s.opt.start, Max: s.opt.end}, Descending: !s.opt.ascending, First: 1,
	})
	if err != nil {
		return err
	}
	defer cur.Close()
	var points slab
	var keep []uint64
	for {
		i, ok := cur.NextSeries()
		if !ok {
			return cur.Err()
		}
		if keep, err = list[i].fetchHead(cur, &points, keep); err != nil {
			return err
		}
	}
}

// fetchHead reads rows of the series that a cursor stands at, up to the first that counts.
func (r *rawSeries) fetchHead(cur cursor.Cursor, points *slab, keep []uint64) ([]uint64, error) {
	filter := r.scan.layout.filterFor(r.scan.source, r.series)
	for b := cur.Next(); b != nil; b = cur.Next() {
		if err := r.scan.source.run.countPoints(len(b.Times)); err != nil {
			return keep, err
		}
		keep = r.scan.layout.selectRows(b, filter, keep)
		i, ok := nextBit(keep, 0)
		if !ok {
			continue
		}
		r.batch, r.tags = b, auxConstants(r.scan.layout, r.series.tags)
		own := r.slab
		r.slab = *points
		r.head = r.point(i)
		*points, r.slab = r.slab, own
		r.batch, r.tags = nil, nil
		r.empty, r.edge = false, r.head.time
		return keep, nil
	}
	return keep, nil
}
