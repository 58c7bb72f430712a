package tsm

import (
	"github.com/timberlinedb/timberline/model"
)

// A block that is copied brings the cells of its file along where they stay
// exact: where all the rows that its file has in an hour go to the output one
// after the other, with no row of another file before them in that hour. An hour
// that reaches into the next block of the file waits in a cellChain for that
// block. What cannot be carried over is computed from the decoded block.

// cellChain holds the copied blocks of one file whose last hour goes on in the
// block that follows them there.
type cellChain struct {
	hour   int64
	blocks []BlockRef // none: no hour waits
}

func (c *cellChain) drop() { c.blocks = c.blocks[:0] }

// continues reports whether b is the next link.
func (c *cellChain) continues(b *BlockRef, first *CellSlot) bool {
	n := len(c.blocks)
	return n > 0 && c.hour == first.Hour && b.follows(&c.blocks[n-1])
}

// follows reports whether b stands behind o in the index of the same file.
func (b *BlockRef) follows(o *BlockRef) bool {
	if b.reader != o.reader || b.Series != o.Series {
		return false
	}
	return b.leafAt == o.leafAt && b.entryAt == o.entryAt+1 || b.leafAt == o.leafAt+1 && o.endsLeaf && b.entryAt == 1
}

// settle adds the rows of the hour that waits, because they will not be all.
func (b *cellBuilder) settle() error {
	for i := range b.chain.blocks {
		if err := b.decode(&b.chain.blocks[i], hourRange(b.chain.hour)); err != nil {
			return err
		}
	}
	b.chain.drop()
	return nil
}

func hourRange(hour int64) model.TimeRange {
	return model.TimeRange{Min: hour * CellWidth, Max: hour*CellWidth + CellWidth - 1}
}

// decode adds the rows of a block of another file that lie in span, which is one
// hour or all time.
func (b *cellBuilder) decode(ref *BlockRef, span model.TimeRange) (err error) {
	if b.fields, err = ref.Fields(b.fields[:0]); err != nil {
		return err
	}
	if err := ref.reader.ReadBlock(ref, b.fields, &b.block); err != nil {
		return err
	}
	b.buffer.reset()
	b.buffer.append(&b.block.SeriesRows, 0, len(b.block.Times))
	b.buffer.finish()
	b.add(&b.buffer, span)
	return nil
}

// minCarryRows is how many rows an hour must have on average for a block without
// cells to be decoded for them.
const minCarryRows = 64

// carry takes a block that was copied.
func (b *cellBuilder) carry(ref *BlockRef) error {
	if b.without {
		return nil
	}
	if ok, err := ref.reader.Cells(ref.Series, nil, ref.Range, &b.cells); !ok || err != nil {
		if err := b.settle(); err != nil {
			return err
		}
		if hours := cellHour(ref.Range.Max) - cellHour(ref.Range.Min) + 1; int64(ref.Rows) < hours*minCarryRows {
			b.without = true
			return nil
		}
		return b.decode(ref, model.AllTime) // damaged cells, or none: the rows tell
	}
	for i := range b.cells.Slots {
		if err := b.carrySlot(ref, i); err != nil {
			return err
		}
	}
	return nil
}

// carrySlot takes slot i of a copied block.
func (b *cellBuilder) carrySlot(ref *BlockRef, i int) error {
	slot := &b.cells.Slots[i]
	starts, ends := slot.First >= ref.Range.Min, slot.Last <= ref.Range.Max
	known := true
	for k := range b.cells.fields {
		_, ok, _ := b.cells.Stats(i, k)
		known = known && ok
	}
	if known && b.chain.continues(ref, slot) {
		if !ends {
			b.chain.blocks = append(b.chain.blocks, *ref)
			return nil
		}
		b.chain.drop()
		b.load(slot, i)
		return nil
	}
	if err := b.settle(); err != nil {
		return err
	}
	occupied := b.slot.Rows > 0 && b.slot.Hour == slot.Hour
	switch {
	case !known || !starts || occupied:
		return b.decode(ref, hourRange(slot.Hour))
	case ends:
		b.load(slot, i)
	default:
		b.chain.hour, b.chain.blocks = slot.Hour, append(b.chain.blocks, *ref)
	}
	return nil
}

// load makes slot i of the cells of another file the one at hand.
func (b *cellBuilder) load(slot *CellSlot, i int) {
	b.enter(slot.Hour)
	b.slot = *slot
	for k, field := range b.cells.fields {
		if s, _, whole := b.cells.Stats(i, k); s.Count > 0 {
			b.column(field, s.Type, k).open.set(s, whole)
		}
	}
}
