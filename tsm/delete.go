package tsm

import (
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
)

// Delete removes values of some series in a time range from all files up to a
// generation.
type Delete struct {
	// Sequence orders the deletes of a shard. Append gives it.
	Sequence uint64

	// MaxGeneration is the newest generation that the delete applies to; what
	// is written later stays.
	MaxGeneration uint64

	Series *roaring.Bitmap // must not be changed
	Range  model.TimeRange

	// Field is the number of the only field that is deleted, when OneField is
	// set; otherwise whole rows are.
	Field    uint32
	OneField bool
}

// validate reports deletes that mean nothing.
func (d *Delete) validate() error {
	switch {
	case d.Series == nil || d.Series.IsEmpty():
		return fmt.Errorf("delete names no series")
	case d.Range.Empty():
		return fmt.Errorf("delete has the empty time range %d to %d", d.Range.Min, d.Range.Max)
	}
	return nil
}

// Touches reports whether d could delete a value of a series in a time range.
func (d *Delete) Touches(series model.SeriesID, tr model.TimeRange) bool {
	return d.Range.Overlaps(tr) && d.Series.Contains(uint32(series))
}

// Apply takes the values away that deletes name, whatever their generations. The
// rows stay; RowMerger leaves those out that have no value any more. Apply
// returns how many values it took from the columns that are decoded.
func (b *Block) Apply(deletes []Delete) (deleted int64) {
	if len(b.Times) == 0 {
		return 0
	}
	span := model.TimeRange{Min: b.Times[0], Max: b.Times[len(b.Times)-1]}
	for i := range deletes {
		d := &deletes[i]
		if !d.Touches(b.Series, span) {
			continue
		}
		from, _ := slices.BinarySearch(b.Times, d.Range.Min)
		to, found := slices.BinarySearch(b.Times, d.Range.Max)
		if found {
			to++
		}
		for k := range b.Columns {
			if c := &b.Columns[k]; !d.OneField || c.Field == d.Field {
				deleted += b.clearRows(k, c, from, to)
			}
		}
	}
	return deleted
}

// clearRows takes the values of rows [from, to) from column k. The bitmap of a
// shown column belongs to the view, so the decoded block stays whole.
func (b *Block) clearRows(k int, c *FieldColumn, from, to int) int64 {
	count := c.Count(from, to)
	if count == 0 {
		return 0
	}
	n := len(b.Times)
	if c.Present == nil {
		view := &b.columns[k].view
		*view = grow((*view)[:0], words(n))
		clear(*view)
		setBits(*view, 0, n)
		c.Present = *view
	}
	clearBits(c.Present, from, to)
	if countBits(c.Present, 0, n) == 0 {
		*c = FieldColumn{Field: c.Field, Type: c.Type, Absent: true}
	}
	return int64(count)
}
