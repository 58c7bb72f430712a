package tsm

import (
	"context"
	"errors"

	"github.com/RoaringBitmap/roaring/v2"
)

// Walk calls visit for every block of the file: first the blocks of one series by
// series and time, then the shared ones, whose reference names all their rows
// and their first series. A damaged leaf is reported by the error that Walk
// returns in the end; the other leaves are still visited. An error of visit ends
// the walk.
func (r *Reader) Walk(ctx context.Context, visit func(b *BlockRef) error) error {
	var damage []error
	for kind, t := range []topIndex{r.single, r.multi} {
		multi := kind == 1
		for i := range t.leaves() {
			if err := ctx.Err(); err != nil {
				return err
			}
			l, err := r.leaf(t, i, 0)
			if err != nil {
				damage = append(damage, err)
				continue
			}
			scan := l.scan()
			for scan.next() {
				b := BlockRef{Series: scan.series, reader: r}
				if !scan.entry(&b.blockEntry, multi, r.dataEnd) {
					scan.in.fail()
					break
				}
				b.Range, b.Rows = b.span, b.rows
				if err := visit(&b); err != nil {
					return err
				}
			}
			if scan.damaged() {
				damage = append(damage, r.badLeaf(t, i, 0))
			}
		}
	}
	return errors.Join(damage...)
}

// Verify reads the whole file and checks every checksum, that every page can be
// decoded, and that the totals are those that the file claims. It returns an
// error that joins all damage found.
func (r *Reader) Verify(ctx context.Context) error {
	var damage []error
	var block Block
	var fields []uint32
	var rows, values int64
	blocks := 0
	seen := roaring.New()
	cells := cellVerifier{reader: r}
	report := func(err error) bool {
		if err != nil {
			damage = append(damage, err)
		}
		return err != nil
	}
	err := r.Walk(ctx, func(b *BlockRef) (err error) {
		if err := ctx.Err(); err != nil {
			return err
		}
		blocks++
		rows += int64(b.Rows)
		if fields, err = b.Fields(fields[:0]); report(err) {
			return nil
		}
		ids := []int64{int64(b.Series)}
		if b.Shared() {
			list, err := r.seriesList(b)
			if err != nil && !errors.Is(err, ErrCorrupt) {
				return err
			}
			if report(err) {
				return nil
			}
			ids = list.ids
		}
		for _, id := range ids {
			seen.Add(uint32(id))
		}
		if err := r.ReadBlock(b, fields, &block); err != nil {
			if !errors.Is(err, ErrCorrupt) {
				return err
			}
			r.verifyPages(b, fields, &block, report)
			cells.skip(b, report)
			return nil
		}
		cells.add(b, &block, report)
		for i := range block.Columns {
			values += int64(block.Columns[i].Count(0, len(block.Times)))
		}
		if !b.Shared() && !ascending(block.Times) {
			report(r.lost(b.offset, "timestamp page", b.Series, b.span, nil, "timestamps do not ascend"))
		}
		return nil
	})
	cells.finish(report)
	if err := errors.Join(append(damage, err)...); err != nil {
		return err
	}
	if rows != r.info.Rows || values != r.info.Values || blocks != r.info.Blocks || !seen.Equals(r.ids) {
		return corrupt(r.path, 0, "file", "it has %d blocks, %d rows, %d values, %d series; it claims %d, %d, %d, %d",
			blocks, rows, values, seen.GetCardinality(), r.info.Blocks, r.info.Rows, r.info.Values, r.ids.GetCardinality())
	}
	return nil
}

// verifyPages looks at the pages of a damaged block one by one, so that all the
// damage is reported.
func (r *Reader) verifyPages(b *BlockRef, fields []uint32, block *Block, report func(error) bool) {
	if report(r.ReadBlock(b, nil, block)) {
		return // without timestamps every page fails
	}
	for _, f := range fields {
		report(r.ReadBlock(b, []uint32{f}, block))
	}
}

func ascending(times []int64) bool {
	for i := 1; i < len(times); i++ {
		if times[i] <= times[i-1] {
			return false
		}
	}
	return true
}
