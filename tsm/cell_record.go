package tsm

import (
	"encoding/binary"
	"math"

	"github.com/timberlinedb/timberline/model"
)

// The record of a series holds its slots and the cells of its fields:
//
//	slots uvarint, then runs of slots that are alike and follow each other:
//	  hours since the end of the run before uvarint (first run: hour zigzag),
//	  slots of the run uvarint, rows uvarint,
//	  first timestamp in the hour, last timestamp in the hour: zigzags, less those of the run before
//	fields uvarint, then per field:
//	  number - number before - 1 uvarint, type u8 (bit 3: all cells have the flags that follow),
//	  bytes of what follows uvarint, flags u8 of all or of each slot, cells

// cellUniform is the bit beside the type of a field whose cells have the same
// flags.
const cellUniform = 1 << 3

// appendSlots appends slots as runs.
func appendSlots(dst []byte, slots []CellSlot) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(slots)))
	hour, first, last := int64(0), int64(0), int64(0)
	for at := 0; at < len(slots); {
		s := &slots[at]
		inFirst, inLast := s.First-s.Hour*CellWidth, s.Last-s.Hour*CellWidth
		n := 1
		for at+n < len(slots) && slots[at+n].like(s, n) {
			n++
		}
		if at == 0 {
			dst = appendZigzag(dst, s.Hour)
		} else {
			dst = binary.AppendUvarint(dst, uint64(s.Hour-hour))
		}
		dst = binary.AppendUvarint(dst, uint64(n))
		dst = binary.AppendUvarint(dst, uint64(s.Rows))
		dst = appendZigzag(dst, inFirst-first)
		dst = appendZigzag(dst, inLast-last)
		hour, first, last = s.Hour+int64(n), inFirst, inLast
		at += n
	}
	return dst
}

// like reports whether s is o, n hours later.
func (s *CellSlot) like(o *CellSlot, n int) bool {
	d := int64(n) * CellWidth
	return s.Hour == o.Hour+int64(n) && s.Rows == o.Rows && s.First == o.First+d && s.Last == o.Last+d
}

// maxCellHour is the number of the last hour that timestamps can lie in.
const maxCellHour = math.MaxInt64 / CellWidth

// readSlots reads what appendSlots wrote. It returns false when the bytes are
// malformed.
func readSlots(in *byteReader, dst []CellSlot) ([]CellSlot, bool) {
	count := in.uvarint()
	if count == 0 || count > maxCellSlots {
		return dst, false
	}
	hour, first, last := int64(0), int64(0), int64(0)
	for left := count; left > 0; {
		if left == count {
			hour = in.zigzag()
		} else {
			hour += int64(min(in.uvarint(), math.MaxInt32))
		}
		n, rows := in.uvarint(), in.uvarint()
		first += in.zigzag()
		last += in.zigzag()
		switch {
		case in.bad || n == 0 || n > left || rows == 0 || rows > math.MaxInt32:
			return dst, false
		case first < 0 || last < first || last >= CellWidth || hour < -maxCellHour || hour+int64(n) > maxCellHour:
			return dst, false
		}
		for range n {
			dst = append(dst, CellSlot{Hour: hour, Rows: int(rows), First: hour*CellWidth + first, Last: hour*CellWidth + last})
			hour++
		}
		left -= n
	}
	return dst, true
}

// cellColumn collects the cells of one field of the current series.
type cellColumn struct {
	field uint32
	open  cellState // of the slot at hand
	typ   model.FieldType
	flags []byte // of each closed slot
	data  []byte // the cells of the closed slots
	base  cellBase
}

// close appends the cell of slot number n.
func (c *cellColumn) close(slot *CellSlot, n int) {
	for len(c.flags) < n {
		c.flags = append(c.flags, 0)
	}
	var flags byte
	c.data, flags = appendCell(c.data, &c.open, slot, &c.base)
	c.flags = append(c.flags, flags)
	c.open.Count = 0
}

// appendTo appends the cells of all slots; before is the number that the field
// before has, plus one.
func (c *cellColumn) appendTo(dst []byte, slots int, before uint32) []byte {
	for len(c.flags) < slots {
		c.flags = append(c.flags, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(c.field-before))
	uniform := true
	for _, f := range c.flags[1:] {
		uniform = uniform && f == c.flags[0]
	}
	flags, typ := c.flags, byte(c.typ)
	if uniform {
		flags, typ = c.flags[:1], typ|cellUniform
	}
	dst = append(dst, typ)
	dst = binary.AppendUvarint(dst, uint64(len(flags)+len(c.data)))
	dst = append(dst, flags...)
	return append(dst, c.data...)
}

// CellSet holds the cells of some fields of one series in one file. Its memory
// is used again; the zero CellSet is ready to use, by one goroutine.
type CellSet struct {
	Slots []CellSlot // those asked for, ascending

	slots  []CellSlot // of the whole record
	fields []uint32   // where all were asked for
	stats  []cellStats
	width  int // fields per slot
}

// cellStats is a cell as it was read.
type cellStats struct {
	Stats
	known, whole bool
}

// Stats returns the statistics of field i of those asked for in a slot. A field
// without values has a Count of zero. known is false when there are values of
// which the file has no statistics. whole says that all values are whole floats
// whose sum is exact in any order of additions.
func (c *CellSet) Stats(slot, i int) (s *Stats, known, whole bool) {
	x := &c.stats[slot*c.width+i]
	return &x.Stats, x.known, x.whole
}

// decode reads the cells of fields in those slots that overlap tr. It returns
// false when the record is malformed.
func (c *CellSet) decode(record []byte, fields []uint32, tr model.TimeRange) bool {
	in := byteReader{b: record}
	var ok bool
	if c.slots, ok = readSlots(&in, c.slots[:0]); !ok {
		return false
	}
	from, to := 0, len(c.slots)
	for from < to && c.slots[from].Last < tr.Min {
		from++
	}
	for to > from && c.slots[to-1].First > tr.Max {
		to--
	}
	c.Slots, c.width = c.slots[from:to], len(fields)
	c.stats = grow(c.stats[:0], len(c.Slots)*len(fields))
	for i := range c.stats {
		c.stats[i].Count, c.stats[i].known = 0, true
	}
	if len(c.Slots) == 0 {
		return true
	}
	count := in.uvarint()
	before := uint64(0)
	for ; count > 0 && !in.bad; count-- {
		number := in.fieldNumber(before)
		typ := in.byte()
		body := byteReader{b: in.bytes(in.uvarint())}
		if in.bad || !model.FieldType(typ&entryTypeMask).Valid() {
			return false
		}
		before = uint64(number) + 1
		for i, f := range fields {
			if f == number && !c.decodeField(&body, typ, from, to, i) {
				return false
			}
		}
	}
	return !in.bad && len(in.b) == 0
}

// decodeField reads the cells of a field in the slots [from, to).
func (c *CellSet) decodeField(in *byteReader, typ byte, from, to, field int) bool {
	n := len(c.slots)
	if typ&cellUniform != 0 {
		n = 1
	}
	flags := in.bytes(uint64(n))
	if in.bad {
		return false
	}
	var passed Stats
	var base cellBase
	passed.Type = model.FieldType(typ & entryTypeMask)
	for i := range c.slots[:to] {
		f := flags[min(i, n-1)]
		if i < from {
			readCell(in, &passed, f, &c.slots[i], &base)
			continue
		}
		s := &c.stats[(i-from)*c.width+field]
		s.Type = passed.Type
		s.known, s.whole = readCell(in, &s.Stats, f, &c.slots[i], &base)
	}
	return !in.bad
}
