package tsm

import (
	"time"

	"github.com/timberlinedb/timberline/model"
)

// CellWidth is the length of a cell in nanoseconds: one hour. Cells begin at its
// multiples since the epoch.
const CellWidth = int64(time.Hour)

// cellHour returns the number of the hour that t lies in, counted from the epoch.
func cellHour(t int64) int64 {
	h := t / CellWidth
	if t < h*CellWidth {
		h--
	}
	return h
}

// CellSlot tells of the rows that a series has in a file in one hour. The slots
// of a series name all of its rows.
type CellSlot struct {
	Hour        int64 // since the epoch
	Rows        int
	First, Last int64 // timestamps of the first and the last row
}

// Range returns the time range from the first to the last row.
func (s *CellSlot) Range() model.TimeRange { return model.TimeRange{Min: s.First, Max: s.Last} }

// The flags of a cell.
const (
	cellValues     = 1 << 0 // there are values
	cellInner      = 1 << 1 // fewer than rows, or not from the first to the last: count and times follow
	cellKnown      = 1 << 2 // statistics follow
	cellWhole      = 1 << 3 // floats: whole numbers whose sums are exact
	cellFlat       = 1 << 4 // numbers: all are equal; last, least and greatest value do not follow, nor the sum of integers
	cellNearSum    = 1 << 5 // floats: the sum is a decimal and the distance from it
	cellDecimal    = 1 << 6 // floats: the numbers but the sum are decimals
	cellDecimalSum = 1 << 7 // floats: so is the sum
)

// Bounds of the record of a series. Series beyond them have no cells.
const (
	maxCellSlots = 1 << 15
	maxCells     = 1 << 18 // slots × fields
	maxCellBytes = 1 << 20
)

// maxWholeSum bounds the sums of whole floats: up to it every whole number is a
// float64.
const maxWholeSum = 1 << 53

// cellState holds the statistics of one field in one hour.
type cellState struct {
	Stats
	whole bool // floats: all values are whole numbers
}

// add takes the values of one more run of rows, which come after those before.
func (c *cellState) add(col *bufferedColumn, from, to int, first, last int64) {
	fresh := c.Count == 0
	if fresh {
		c.FirstTime = first
	}
	c.LastTime = last
	c.Count += int64(to - from)
	switch c.Type {
	case model.Float:
		values := col.floats[from:to]
		c.whole = (fresh || c.whole) && allWhole(values)
		addValues(&c.Floats, values, fresh)
	case model.Integer:
		addValues(&c.Integers, col.integers[from:to], fresh)
	case model.Unsigned:
		addValues(&c.Unsigneds, col.unsigneds[from:to], fresh)
	case model.Boolean:
		values := col.booleans[from:to]
		if fresh {
			c.FirstBool, c.Trues = values[0], 0
		}
		c.LastBool = values[len(values)-1]
		for _, v := range values {
			if v {
				c.Trues++
			}
		}
	case model.String:
		if fresh {
			c.FirstBytes = append(c.FirstBytes[:0], col.stringAt(from)...)
		}
		c.LastBytes = append(c.LastBytes[:0], col.stringAt(to-1)...)
	}
}

// stringAt returns string value i.
func (c *bufferedColumn) stringAt(i int) []byte {
	if i == 0 {
		return c.text[:c.ends[0]]
	}
	return c.text[c.ends[i-1]:c.ends[i]]
}

// addValues adds values to a summary one by one, in their order. A fresh summary
// has none yet; its sum starts from zero.
func addValues[T int64 | uint64 | float64](s *Summary[T], values []T, fresh bool) {
	if fresh {
		*s = Summary[T]{Min: values[0], Max: values[0], First: values[0]}
	}
	least, most, sum := s.Min, s.Max, s.Sum
	for _, v := range values {
		least, most = min(least, v), max(most, v)
		sum += v
	}
	s.Min, s.Max, s.Sum, s.Last = least, most, sum, values[len(values)-1]
}

// allWhole reports whether all values are whole numbers.
func allWhole(values []float64) bool {
	for _, v := range values {
		if v != float64(int64(v)) {
			return false
		}
	}
	return true
}

// exactSums reports whether the values can be added in any order, in whatever
// parts, without rounding.
func (c *cellState) exactSums() bool {
	return c.whole && float64(c.Count)*max(-c.Floats.Min, c.Floats.Max) <= maxWholeSum
}

// set makes c the cell that was read from a file.
func (c *cellState) set(s *Stats, whole bool) {
	first, last := c.FirstBytes[:0], c.LastBytes[:0]
	c.Stats, c.whole = *s, whole
	c.FirstBytes, c.LastBytes = append(first, s.FirstBytes...), append(last, s.LastBytes...) //nolint:gocritic // the old bytes are written over
}
