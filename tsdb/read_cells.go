package tsdb

import (
	"slices"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
	"github.com/timberlinedb/timberline/tsm"
)

// hourCutter cuts the blocks of a file at the hours of its cells, for a reader
// whose windows are made of whole hours. A block that lies in one window stays
// one unit, because its own statistics tell all of it at once.
type hourCutter struct {
	store            *Store
	interval, offset int64
	cells            tsm.CellSet
	at               []int // place in the cells of each field of the request, -1 if none
}

// newHourCutter returns nil when cells are of no use to a request.
func newHourCutter(s *fileSource, req *cursor.Request, store *Store) *hourCutter {
	if req.First > 0 || req.Interval%tsm.CellWidth != 0 || req.Offset%tsm.CellWidth != 0 || !s.file.reader.HasCells() {
		return nil
	}
	h := &hourCutter{store: store, interval: req.Interval, offset: req.Offset}
	for _, f := range s.fields {
		at := -1
		for i, n := range s.numbers {
			if f.known && n == f.number {
				at = i
			}
		}
		h.at = append(h.at, at)
	}
	return h
}

// inOneWindow reports whether a range lies between two edges.
func (h *hourCutter) inOneWindow(r model.TimeRange) bool {
	return h.interval == 0 || floorDiv(r.Min-h.offset, h.interval) == floorDiv(r.Max-h.offset, h.interval)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// cut makes units of cells and of the rows between them; false when the series
// has none of use. Damaged cells are reported, and done without.
func (h *hourCutter) cut(s *fileSource, id model.SeriesID, r model.TimeRange) bool {
	all := true
	for i := range s.refs {
		if s.refs[i].Shared() {
			return false
		}
		all = all && h.whole(&s.refs[i], r)
	}
	if all {
		return false
	}
	ok, err := s.file.reader.Cells(id, s.numbers, r, &h.cells)
	if err != nil {
		_ = h.store.readFailed(err) // counted; the rows themselves can be read
	}
	if !ok || err != nil {
		return false
	}
	c := hourCut{hours: h, file: s, span: r}
	for i := range s.refs {
		c.addBlock(i)
	}
	return true
}

// whole reports whether a block of one series stays one unit.
func (h *hourCutter) whole(b *tsm.BlockRef, r model.TimeRange) bool {
	return r.Covers(b.Range) && h.inOneWindow(b.Range)
}

// hourCut is a walk over the blocks and the slots of a series.
type hourCut struct {
	hours *hourCutter
	file  *fileSource
	span  model.TimeRange
	slot  int  // the next one
	torn  bool // rows of that slot are in units already
}

func (c *hourCut) addBlock(i int) {
	b := &c.file.refs[i]
	slots := c.hours.cells.Slots
	whole := c.hours.whole(b, c.span)
	if whole {
		c.file.spans = append(c.file.spans, unit{span: b.Range, at: i})
	}
	for ; c.slot < len(slots) && slots[c.slot].First <= b.Range.Max; c.slot++ {
		s := &slots[c.slot]
		beyond := s.Last > b.Range.Max // rows of the slot are in the next block too
		switch {
		case whole && beyond:
			c.torn = true
			return
		case whole:
		case !c.torn && c.span.Covers(s.Range()) && !(beyond && c.tornBy(i+1, s)):
			c.file.spans = append(c.file.spans, unit{span: s.Range(), at: cellRows, end: c.slot})
		default:
			c.addRows(i, s.Range().Intersect(b.Range))
			if beyond {
				c.torn = true
				return
			}
		}
		c.torn = false
	}
}

// tornBy reports whether a slot has rows in a block, from i on, that is a unit.
func (c *hourCut) tornBy(i int, s *tsm.CellSlot) bool {
	for ; i < len(c.file.refs) && c.file.refs[i].Range.Min <= s.Last; i++ {
		if c.hours.whole(&c.file.refs[i], c.span) {
			return true
		}
	}
	return false
}

// addRows makes a unit of rows of a block, or makes the one before longer.
func (c *hourCut) addRows(i int, span model.TimeRange) {
	if n := len(c.file.spans); n > 0 && c.file.spans[n-1].at == i {
		c.file.spans[n-1].span.Max = span.Max
		return
	}
	c.file.spans = append(c.file.spans, unit{span: span, at: i})
}

// splitCell appends the units of the rows of a cell.
func (s *fileSource) splitCell(u unit, dst []unit) []unit {
	for i := range s.refs {
		if b := &s.refs[i]; b.Range.Overlaps(u.span) {
			dst = append(dst, unit{span: b.Range.Intersect(u.span), at: i})
		}
	}
	return dst
}

// summarize fills in the summary of a cell; false when the file does not know
// all of it.
func (h *hourCutter) summarize(s *fileSource, u unit, dst *cursor.Summary) bool {
	slot := &h.cells.Slots[u.end]
	dst.Range, dst.Rows, dst.Cell = u.span, slot.Rows, true
	dst.Fields = slices.Grow(dst.Fields[:0], len(s.fields))[:len(s.fields)]
	for i := range s.fields {
		dst.Fields[i].Type, dst.Fields[i].Count = s.fields[i].typ, 0
		if h.at[i] < 0 {
			continue
		}
		stats, known, whole := h.cells.Stats(u.end, h.at[i])
		if !known || stats.Count > 0 && stats.Type != s.fields[i].typ {
			return false
		}
		if stats.Count == 0 {
			continue
		}
		setStatistics(&dst.Fields[i], stats)
		dst.Fields[i].Whole = whole
	}
	return true
}
