package tsm

import "github.com/timberlinedb/timberline/model"

// StatsScan reads the statistics that the index holds of some fields of a block,
// in one pass and without looking at the others. The zero value is for use after
// Begin, and again for the next block.
type StatsScan struct {
	block  *BlockRef
	in     byteReader
	left   int    // entries behind the one at hand
	before uint32 // what the number of the next entry counts from
	held   bool   // the head of entry was read, its body was not
	entry  fieldEntry
}

// Begin starts before the fields of a block; false when it has no statistics,
// because it is shared.
func (s *StatsScan) Begin(b *BlockRef) bool {
	s.block, s.in = b, byteReader{b: b.fields}
	s.left, s.before, s.held = b.fieldCount, 0, false
	return !b.multi
}

// Find returns the statistics of a field, nil when the block does not have it.
// Numbers are asked for in ascending order. known is false where nothing but the
// type is known: a float is not a number, or a string is long. Of floats, integers
// and unsigned integers, and of what is there for other types, only the part of
// the field's type is set. The result is valid until the next call.
func (s *StatsScan) Find(number uint32) (stats *Stats, known bool, err error) {
	f := &s.entry
	if !s.held && s.before == number+1 { // it was asked for just now
		return &f.stats, f.flags&entryStats != 0, nil
	}
	for {
		if !s.held {
			if s.left == 0 {
				return nil, false, nil
			}
			s.left--
			readFieldHead(&s.in, f, s.before)
			s.before = f.number + 1
			s.held = true
		}
		if f.number > number && !s.in.bad {
			return nil, false, nil
		}
		s.held = false
		if f.number == number {
			readFieldBody(&s.in, f, s.block.span, s.block.rows)
		} else {
			skipFieldBody(&s.in, f.flags)
		}
		if s.in.bad {
			return nil, false, s.block.reader.lost(s.block.offset, "index entry of block", s.block.refSeries(), s.block.span, nil, "malformed field entries")
		}
		if f.number == number {
			return &f.stats, f.flags&entryStats != 0, nil
		}
	}
}

// skipFieldBody passes over what follows the head of a field entry: some varints,
// then some bytes.
func skipFieldBody(in *byteReader, flags byte) {
	numbers, fixed := 0, 0
	if flags&entryPartial != 0 {
		numbers = 1
	}
	if flags&entryInner != 0 {
		numbers += 2
	}
	if flags&entryStats != 0 {
		switch model.FieldType(flags & entryTypeMask) {
		case model.Float:
			switch {
			case flags&entryDecimal == 0:
				fixed = 5 * 8
			case flags&entryDecimalSum == 0:
				numbers, fixed = numbers+5, 8 // the power of ten is a byte that looks like a number
			default:
				numbers += 6
			}
		case model.Integer, model.Unsigned:
			numbers += 5
		case model.Boolean:
			numbers += 2 // the byte of the edges looks like a number too
		case model.String:
			skipNumbers(in, numbers)
			in.bytes(uint64(in.byte()))
			in.bytes(uint64(in.byte()))
			return
		}
	}
	skipNumbers(in, numbers)
	in.bytes(uint64(fixed))
}

// skipNumbers passes over n varints.
func skipNumbers(in *byteReader, n int) {
	i := 0
	for ; n > 0; i++ {
		if i == len(in.b) {
			in.fail()
			return
		}
		if in.b[i] < 0x80 {
			n--
		}
	}
	in.b = in.b[i:]
}
