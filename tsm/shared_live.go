package tsm

import (
	"context"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
)

// LiveInShared looks through the shared blocks that have rows of some series: live
// gets those of ids that have rows in tr, and known all of ids that are in shared
// blocks, live or not. Each block is decoded once, and of it only the series and the
// timestamps; a block that lies in tr, or outside, is not decoded at all but for its
// series.
func (r *Reader) LiveInShared(ctx context.Context, ids *roaring.Bitmap, tr model.TimeRange, live, known *roaring.Bitmap) error {
	s := sharedSearch{reader: r, ids: ids, span: tr, live: live, known: known}
	for i := range r.multi.leaves() {
		if err := ctx.Err(); err != nil {
			return err
		}
		l, err := r.leaf(r.multi, i, 0)
		if err != nil {
			return err
		}
		scan := l.scan()
		for scan.next() {
			b := BlockRef{Series: scan.series, reader: r}
			if !scan.entry(&b.blockEntry, true, r.dataEnd) {
				return r.badLeaf(r.multi, i, 0)
			}
			b.Range, b.Rows = b.span, b.rows
			if err := s.look(&b); err != nil {
				return err
			}
		}
		if scan.damaged() {
			return r.badLeaf(r.multi, i, 0)
		}
	}
	return nil
}

// sharedSearch is a walk over shared blocks.
type sharedSearch struct {
	reader      *Reader
	ids         *roaring.Bitmap
	span        model.TimeRange
	live, known *roaring.Bitmap

	block Block
	here  []uint32 // of the block at hand
	found []uint32
}

// look looks into one block.
func (s *sharedSearch) look(b *BlockRef) error {
	if !overlaps(s.ids, b.first, b.last) {
		return nil
	}
	list, err := s.reader.seriesList(b)
	if err != nil {
		return err
	}
	s.here, s.found = s.here[:0], s.found[:0]
	for _, id := range list.ids {
		s.here = append(s.here, uint32(id))
	}
	switch {
	case s.span.Covers(b.span):
		s.found = append(s.found, s.here...)
	case s.span.Overlaps(b.span):
		if err := s.reader.ReadBlock(b, nil, &s.block); err != nil {
			return err
		}
		for i, id := range s.here {
			if s.hasRow(s.block.Times[list.starts[i]:list.starts[i+1]]) {
				s.found = append(s.found, id)
			}
		}
	}
	s.add(s.known, s.here)
	s.add(s.live, s.found)
	return nil
}

// hasRow reports whether one of the times of a series, which ascend, is in the range.
func (s *sharedSearch) hasRow(times []int64) bool {
	at, _ := slices.BinarySearch(times, s.span.Min)
	return at < len(times) && times[at] <= s.span.Max
}

// add adds those of some ids that are wanted.
func (s *sharedSearch) add(dst *roaring.Bitmap, ids []uint32) {
	if len(ids) == 0 {
		return
	}
	some := roaring.BitmapOf(ids...)
	some.And(s.ids)
	dst.Or(some)
}

// overlaps reports whether a set has an id from first to last.
func overlaps(ids *roaring.Bitmap, first, last model.SeriesID) bool {
	it := ids.Iterator()
	it.AdvanceIfNeeded(uint32(first))
	return it.HasNext() && it.PeekNext() <= uint32(last)
}
