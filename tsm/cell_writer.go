package tsm

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/timberlinedb/timberline/model"
)

// cellBuilder computes the cells of one series after the other from its rows,
// which come in order of time. A series in blocks of its own gets a record when
// its rows lie in two hours or more and the record is small against the blocks.
type cellBuilder struct {
	slots   []CellSlot // closed
	slot    CellSlot   // at hand; without rows when there is none
	columns []*cellColumn
	free    []*cellColumn
	size    int  // bytes of the blocks of the series
	without bool // the series will have no cells

	record []byte
	buffer rowBuffer // of rows that come decoded
	block  Block     // of copied blocks that have to be decoded
	fields []uint32
	cells  CellSet
	chain  cellChain
}

// reset makes the builder ready for the next series.
func (b *cellBuilder) reset() {
	b.slots, b.slot = b.slots[:0], CellSlot{}
	b.free = append(b.free, b.columns...)
	b.columns = b.columns[:0]
	b.size, b.without = 0, false
	b.chain.drop()
}

// column returns the column of a field.
func (b *cellBuilder) column(field uint32, typ model.FieldType, hint int) *cellColumn {
	if hint < len(b.columns) && b.columns[hint].field == field {
		return b.columns[hint]
	}
	for _, c := range b.columns {
		if c.field == field {
			return c
		}
	}
	c := new(cellColumn)
	if n := len(b.free); n > 0 {
		c, b.free = b.free[n-1], b.free[:n-1]
	}
	c.field, c.typ, c.base = field, typ, cellBase{}
	c.flags, c.data = c.flags[:0], c.data[:0]
	c.open.Stats = Stats{Type: typ, FirstBytes: c.open.FirstBytes[:0], LastBytes: c.open.LastBytes[:0]}
	b.columns = append(b.columns, c)
	return c
}

// enter makes the slot of an hour the one at hand.
func (b *cellBuilder) enter(hour int64) {
	if b.slot.Rows > 0 && b.slot.Hour == hour {
		return
	}
	b.closeSlot()
	b.slot = CellSlot{Hour: hour}
}

func (b *cellBuilder) closeSlot() {
	if b.slot.Rows == 0 {
		return
	}
	for _, c := range b.columns {
		c.close(&b.slot, len(b.slots))
	}
	b.slots = append(b.slots, b.slot)
	b.slot.Rows = 0
	if len(b.slots) > maxCellSlots {
		b.without = true
	}
}

// grow notes rows in the slot at hand.
func (s *CellSlot) grow(rows int, first, last int64) {
	if s.Rows == 0 {
		s.First = first
	}
	s.Rows, s.Last = s.Rows+rows, last
}

// add takes the rows of a block of one series; its columns are finished. Only
// those rows count that lie in span.
func (b *cellBuilder) add(rows *rowBuffer, span model.TimeRange) {
	if b.without {
		return
	}
	var places [16]int // values passed, by column
	passed := places[:]
	if len(rows.columns) > len(places) {
		passed = make([]int, len(rows.columns))
	}
	n := rows.rows()
	if cellHour(rows.times[0]) < -maxCellHour || cellHour(rows.times[n-1]) >= maxCellHour {
		b.without = true // the hour does not lie within the timestamps
		return
	}
	for at := 0; at < n; {
		hour := cellHour(rows.times[at])
		end := at + endOfHour(rows.times[at:], (hour+1)*CellWidth)
		if span.Contains(rows.times[at]) {
			b.enter(hour)
			b.slot.grow(end-at, rows.times[at], rows.times[end-1])
			b.addColumns(rows, at, end, passed)
		} else {
			for i, c := range rows.columns {
				passed[i] += c.valuesIn(at, end)
			}
		}
		at = end
	}
}

// addColumns adds the values of rows that lie in the hour at hand.
func (b *cellBuilder) addColumns(rows *rowBuffer, at, end int, passed []int) {
	for i, c := range rows.columns {
		n := c.valuesIn(at, end)
		if n == 0 {
			continue
		}
		first, last := rows.times[at], rows.times[end-1]
		if n < end-at {
			first, last = c.edges(rows.times, at, end)
		}
		b.column(c.field, c.typ, i).open.add(c, passed[i], passed[i]+n, first, last)
		passed[i] += n
	}
}

// endOfHour returns how many times lie before end. At least the first does.
func endOfHour(times []int64, end int64) int {
	if times[len(times)-1] < end {
		return len(times)
	}
	n, _ := slices.BinarySearch(times, end)
	return n
}

// valuesIn returns how many of the rows [from, to) have a value.
func (c *bufferedColumn) valuesIn(from, to int) int {
	if !c.partial {
		return to - from
	}
	return countBits(c.present, from, to)
}

// edges returns the timestamps of the first and the last of the rows [from, to)
// that have a value; one has.
func (c *bufferedColumn) edges(times []int64, from, to int) (first, last int64) {
	for c.present[from>>6]>>(from&63)&1 == 0 {
		from++
	}
	to--
	for c.present[to>>6]>>(to&63)&1 == 0 {
		to--
	}
	return times[from], times[to]
}

// finish returns the record of the series, nil when it gets none because it would
// take more than so many percent of the blocks. It is valid until the next call.
func (b *cellBuilder) finish(percent int) []byte {
	b.closeSlot()
	if b.without || len(b.slots) < 2 || len(b.slots)*len(b.columns) > maxCells {
		return nil
	}
	slices.SortFunc(b.columns, func(x, y *cellColumn) int { return cmp.Compare(x.field, y.field) })
	r := appendSlots(b.record[:0], b.slots)
	r = binary.AppendUvarint(r, uint64(len(b.columns)))
	before := uint32(0)
	for _, c := range b.columns {
		r = c.appendTo(r, len(b.slots), before)
		before = c.field + 1
	}
	b.record = r
	if len(r) > maxCellBytes || len(r)*100 > b.size*percent {
		return nil
	}
	return r
}

// cellIndexWriter collects the leaves of records.
type cellIndexWriter struct {
	leaf   []byte // records so far, without the head
	count  int
	first  model.SeriesID
	last   model.SeriesID
	leaves []byte // finished leaves that are not in the file yet
	tops   []topEntry
	placed int
}

func (x *cellIndexWriter) add(series model.SeriesID, record []byte, seed uint32) {
	if x.count == 0 {
		x.first, x.last = series, series
	}
	x.leaf = binary.AppendUvarint(x.leaf, uint64(series-x.last))
	x.leaf = binary.AppendUvarint(x.leaf, uint64(len(record)))
	x.leaf = append(x.leaf, record...)
	x.last = series
	if x.count++; len(x.leaf) >= leafTarget {
		x.closeLeaf(seed)
	}
}

func (x *cellIndexWriter) closeLeaf(seed uint32) {
	if x.count == 0 {
		return
	}
	at := len(x.leaves)
	x.leaves = binary.LittleEndian.AppendUint32(x.leaves, uint32(x.first))
	x.leaves = binary.LittleEndian.AppendUint32(x.leaves, uint32(x.count))
	x.leaves = append(x.leaves, x.leaf...)
	x.leaves = binary.LittleEndian.AppendUint32(x.leaves, checksum(seed, x.leaves[at:]))
	x.tops = append(x.tops, topEntry{series: x.first, time: noTopTime, offset: int64(at), length: len(x.leaves) - at})
	x.leaf, x.count = x.leaf[:0], 0
}
