package tsm

import (
	"math"
	"slices"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsm/encoding"
)

// BlockRef names the rows of one series in one block. It holds what the index
// says of the block and is valid while a reference to its reader is held.
type BlockRef struct {
	Series model.SeriesID

	// Range covers the timestamps of the rows; exactly in a block of one series,
	// while it is that of all series of a shared block.
	Range model.TimeRange
	Rows  int // rows of the series in the block

	blockEntry
	reader   *Reader
	firstRow int

	// The place of a block of one series in the index, when Blocks found it.
	leafAt, entryAt int
	endsLeaf        bool
}

// Shared reports whether the block holds rows of other series too.
func (b *BlockRef) Shared() bool { return b.multi }

// Offset returns where the block begins in its file, which is never 0.
func (b *BlockRef) Offset() int64 { return b.offset }

// Reader returns the reader of the file that the block lies in.
func (b *BlockRef) Reader() *Reader { return b.reader }

// BlockRows returns the rows of the whole block.
func (b *BlockRef) BlockRows() int { return b.rows }

// Fields appends the numbers of the fields that the block has, ascending.
func (b *BlockRef) Fields(dst []uint32) ([]uint32, error) {
	err := b.eachField(func(f *fieldEntry, _ int64) bool {
		dst = append(dst, f.number)
		return true
	})
	return dst, err
}

// eachField calls visit with the fields of the block and the offsets of their
// pages until visit returns false.
func (b *BlockRef) eachField(visit func(f *fieldEntry, offset int64) bool) error {
	in := byteReader{b: b.fields}
	at := b.offset + int64(b.seriesLen) + int64(b.timeLen)
	before := uint32(0)
	var f fieldEntry
	for range b.fieldCount {
		readField(&in, &f, before, b.span, b.rows)
		if in.bad || int64(f.pageLen) > b.reader.dataEnd-at {
			return b.reader.lost(b.offset, "index entry of block", b.refSeries(), b.span, nil, "malformed field entries")
		}
		if !visit(&f, at) {
			return nil
		}
		before = f.number + 1
		at += int64(f.pageLen)
	}
	if len(in.b) != 0 {
		return b.reader.lost(b.offset, "index entry of block", b.refSeries(), b.span, nil, "%d bytes behind the fields", len(in.b))
	}
	return nil
}

// refSeries is the series to name in errors: none when several are affected.
func (b *BlockRef) refSeries() model.SeriesID {
	if b.multi {
		return 0
	}
	return b.Series
}

// Blocks appends the blocks that hold rows of a series in a time range to dst,
// ascending by time. For a shared block the range is not looked at row by row:
// the series may have no row in tr.
func (r *Reader) Blocks(series model.SeriesID, tr model.TimeRange, dst []BlockRef) ([]BlockRef, error) {
	if tr.Empty() {
		return dst, nil
	}
	if d := r.directory.Load(); d != nil {
		if places := d.of(series); len(places) > 0 {
			return r.placedBlocks(places, series, tr, dst)
		}
	}
	if !r.ids.Contains(uint32(series)) {
		return dst, nil
	}
	found, dst, err := r.singleBlocks(nil, series, tr, dst)
	if err != nil || found {
		return dst, err
	}
	return r.sharedBlock(series, tr, dst)
}

// singleBlocks looks for blocks of one series. found says that the series has
// such, though perhaps not in tr. The search begins at place, if that is not nil
// and the blocks lie behind it, and leaves there where it ended.
func (r *Reader) singleBlocks(place *leafPlace, series model.SeriesID, tr model.TimeRange, dst []BlockRef) (found bool, _ []BlockRef, err error) {
	var scan leafScan
	i := 0
	resumed := place != nil && place.reaches(r.single, series)
	if resumed {
		i, scan = place.leaf, place.scan
	} else {
		i = r.single.find(series, tr.Min)
	}
	for ; i < r.single.leaves(); i++ {
		if !resumed {
			if top := r.single.at(i); top.series > series || top.series == series && top.time > tr.Max {
				break
			}
			l, err := r.leaf(r.single, i, series)
			if err != nil {
				return found, dst, err
			}
			scan = l.scan()
		}
		resumed = false
		mark := scan.mark()
		for scan.next() && scan.series <= series {
			mark = scan.mark()
			if scan.series < series {
				continue
			}
			found = true
			if span, ok := scan.span(); ok && !span.Overlaps(tr) {
				continue
			}
			dst = append(dst, BlockRef{Series: series, reader: r, leafAt: i, entryAt: scan.leaf.count - scan.left, endsLeaf: scan.left == 0})
			b := &dst[len(dst)-1]
			if !scan.entry(&b.blockEntry, false, r.dataEnd) {
				return found, dst[:len(dst)-1], r.badLeaf(r.single, i, series)
			}
			b.Range, b.Rows = b.span, b.rows
		}
		if scan.damaged() {
			return found, dst, r.badLeaf(r.single, i, series)
		}
		if place != nil {
			scan.returnTo(mark)
			place.scan, place.leaf, place.series = scan, i, series
		}
	}
	return found, dst, nil
}

// sharedBlock looks for the multi-series block of a series; there is at most
// one.
func (r *Reader) sharedBlock(series model.SeriesID, tr model.TimeRange, dst []BlockRef) ([]BlockRef, error) {
	if r.multi.leaves() == 0 {
		return dst, nil
	}
	i := r.multi.find(series, math.MaxInt64)
	l, err := r.leaf(r.multi, i, series)
	if err != nil {
		return dst, err
	}
	// The last block that begins at or before the series.
	scan := l.scan()
	last := scan
	for scan.next() && scan.series <= series {
		last = scan
	}
	if scan.damaged() {
		return dst, r.badLeaf(r.multi, i, series)
	}
	if last.body == nil {
		return dst, nil
	}
	b := BlockRef{Series: series, reader: r}
	if !last.entry(&b.blockEntry, true, r.dataEnd) {
		return dst, r.badLeaf(r.multi, i, series)
	}
	if series > b.last || !b.span.Overlaps(tr) {
		return dst, nil
	}
	list, err := r.seriesList(&b)
	if err != nil {
		return dst, err
	}
	at, ok := slices.BinarySearch(list.ids, int64(series))
	if !ok {
		return dst, nil
	}
	b.Range = b.span
	b.firstRow, b.Rows = int(list.starts[at]), int(list.starts[at+1]-list.starts[at])
	return append(dst, b), nil
}

// slotOf returns the slot of a structure in the small caches of a reader.
func slotOf(offset int64) uint64 {
	return uint64(offset) * 0x9e3779b97f4a7c15 >> 61 & (listSlots - 1)
}

// leaf returns leaf i of an index after its checks; series is whom it is wanted
// for. The checksum of a leaf that is used again and again, as by a walk over
// series, is computed once.
func (r *Reader) leaf(t topIndex, i int, series model.SeriesID) (leaf, error) {
	top := t.at(i)
	b := r.index[top.offset:][:top.length]
	slot := &r.checked[slotOf(top.offset)]
	var reason string
	if place := top.offset<<16 ^ int64(top.length); len(b) < leafHeaderSize+checksumSize || slot.Load() != place {
		if reason = checkLeaf(b, r.seed); reason == "" {
			slot.Store(place)
		}
	}
	var l leaf
	if reason == "" {
		l = decodeLeaf(b)
		if l.first != top.series || top.time != math.MinInt64 && l.baseTime != top.time {
			reason = "it is not the leaf that the index names"
		}
	}
	if reason != "" {
		return l, r.lost(top.offset, "leaf", series, noRange, nil, "%s", reason)
	}
	return l, nil
}

func (r *Reader) badLeaf(t topIndex, i int, series model.SeriesID) error {
	return r.lost(t.at(i).offset, "leaf", series, noRange, nil, "malformed entries")
}

// seriesList is a decoded series page: ids ascending, and the first row of each
// with the number of rows at the end.
type seriesList struct {
	offset int64
	ids    []int64
	starts []int32
}

// seriesList returns the series of a shared block.
func (r *Reader) seriesList(b *BlockRef) (*seriesList, error) {
	slot := &r.lists[slotOf(b.offset)]
	if l := slot.Load(); l != nil && l.offset == b.offset {
		return l, nil
	}
	page := make([]byte, b.seriesLen)
	if err := r.readAt(page, b.offset, "series page", b); err != nil {
		return nil, err
	}
	var seed pageSeed
	seed.set(b.first, b.span.Min, b.rows)
	body, err := r.openPage(b, &seed, seriesPageNumber, page, b.offset)
	if err != nil {
		return nil, err
	}
	l, err := decodeSeriesPage(body, b)
	if err != nil {
		return nil, r.lost(b.offset, "series page", 0, b.span, err, "malformed")
	}
	slot.Store(l)
	return l, nil
}

func decodeSeriesPage(page []byte, b *BlockRef) (*seriesList, error) {
	ids, rest, err := encoding.CutIntegers(nil, page, b.series)
	if err != nil {
		return nil, err
	}
	counts, err := encoding.DecodeIntegers(nil, rest, b.series)
	if err != nil {
		return nil, err
	}
	l := &seriesList{offset: b.offset, ids: ids, starts: make([]int32, 0, b.series+1)}
	row, last := int64(0), int64(b.first)-1
	for i, id := range ids {
		if id <= last || id > int64(b.last) || counts[i] <= 0 || counts[i] > int64(b.rows)-row {
			return nil, encoding.ErrMalformed
		}
		l.starts = append(l.starts, int32(row))
		last = id
		row += counts[i]
	}
	if row != int64(b.rows) || ids[0] != int64(b.first) || last != int64(b.last) {
		return nil, encoding.ErrMalformed
	}
	l.starts = append(l.starts, int32(row))
	return l, nil
}

// PageStats returns the statistics of a field in a block, from the index alone.
// It returns false when there are none for these rows: the block is shared, a
// float is not a number, or a string is long. For a field that the block does
// not have, the statistics count no values.
func (r *Reader) PageStats(b *BlockRef, field uint32) (s Stats, ok bool, err error) {
	if b.multi {
		return s, false, nil
	}
	ok = true
	err = b.eachField(func(f *fieldEntry, _ int64) bool {
		if f.number == field {
			s, ok = f.stats, f.flags&entryStats != 0
		}
		return f.number < field
	})
	return s, ok && err == nil, err
}

// Size returns the bytes of the whole block in the file.
func (b *BlockRef) Size() (int64, error) {
	size := int64(b.seriesLen) + int64(b.timeLen)
	err := b.eachField(func(f *fieldEntry, _ int64) bool {
		size += int64(f.pageLen)
		return true
	})
	return size, err
}
