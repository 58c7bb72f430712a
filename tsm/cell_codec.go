package tsm

import (
	"encoding/binary"
	"math"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsm/encoding"
)

// cellBase is what the next cell of a field is written relative to: the last
// value of the cell before, as an integer or as the mantissa of a decimal.
type cellBase struct {
	last  int64
	power int
}

// appendCell appends a cell of a slot, without its flags, which it returns.
func appendCell(dst []byte, c *cellState, slot *CellSlot, base *cellBase) ([]byte, byte) {
	if c.Count == 0 {
		return dst, 0
	}
	flags := byte(cellValues)
	if c.Count != int64(slot.Rows) || c.FirstTime != slot.First || c.LastTime != slot.Last {
		flags |= cellInner
		dst = binary.AppendUvarint(dst, uint64(int64(slot.Rows)-c.Count))
		dst = binary.AppendUvarint(dst, uint64(c.FirstTime-slot.First))
		dst = binary.AppendUvarint(dst, uint64(slot.Last-c.LastTime))
	}
	var known byte
	switch c.Type {
	case model.Float:
		dst, known = appendFloatCell(dst, c, base)
	case model.Integer:
		dst, known = appendIntegerCell(dst, c.Integers, c.Count, base)
	case model.Unsigned:
		u := &c.Unsigneds
		dst, known = appendIntegerCell(dst, Summary[int64]{
			Min: int64(u.Min), Max: int64(u.Max), Sum: int64(u.Sum), First: int64(u.First), Last: int64(u.Last),
		}, c.Count, base)
	default:
		if dst, known = appendStats(dst, &c.Stats); known != 0 {
			known = cellKnown
		}
	}
	return dst, flags | known
}

// readCell reads what appendCell wrote under flags; the type of s is set.
func readCell(in *byteReader, s *Stats, flags byte, slot *CellSlot, base *cellBase) (known, whole bool) {
	s.Count, s.FirstTime, s.LastTime = 0, slot.First, slot.Last
	if flags&cellValues == 0 {
		return true, false
	}
	s.Count = int64(slot.Rows)
	if flags&cellInner != 0 {
		s.Count -= int64(in.uvarint())
		s.FirstTime += int64(in.uvarint())
		s.LastTime -= int64(in.uvarint())
		if s.Count <= 0 || s.Count > int64(slot.Rows) || s.FirstTime < slot.First || s.LastTime > slot.Last || s.FirstTime > s.LastTime {
			in.fail()
			return false, false
		}
	}
	if flags&cellKnown == 0 {
		return false, false
	}
	switch s.Type {
	case model.Float:
		s.Floats = readFloatCell(in, flags, s.Count, base)
	case model.Integer:
		s.Integers = readIntegerCell(in, flags, s.Count, base)
	case model.Unsigned:
		i := readIntegerCell(in, flags, s.Count, base)
		s.Unsigneds = Summary[uint64]{
			Min: uint64(i.Min), Max: uint64(i.Max), Sum: uint64(i.Sum), First: uint64(i.First), Last: uint64(i.Last),
		}
	default:
		readStats(in, s, 0)
	}
	return true, flags&cellWhole != 0
}

// appendIntegerCell writes the first value relative to the last of the cell
// before, the sum relative to the middle of least and greatest value. All
// differences are modulo 2^64.
func appendIntegerCell(dst []byte, s Summary[int64], count int64, base *cellBase) ([]byte, byte) {
	dst = appendZigzag(dst, s.First-base.last)
	base.last = s.Last
	if s.Min == s.Max && s.Sum == s.First*count {
		return dst, cellKnown | cellFlat
	}
	dst = appendRest(dst, &s)
	return appendZigzag(dst, s.Sum-middle(&s)*count), cellKnown
}

// appendRest writes the numbers between the first value and the sum.
func appendRest(dst []byte, s *Summary[int64]) []byte {
	dst = appendZigzag(dst, s.Last-s.First)
	dst = binary.AppendUvarint(dst, uint64(s.First)-uint64(s.Min))
	return binary.AppendUvarint(dst, uint64(s.Max)-uint64(s.First))
}

func middle(s *Summary[int64]) int64 { return s.Min + int64((uint64(s.Max)-uint64(s.Min))/2) }

func readIntegerCell(in *byteReader, flags byte, count int64, base *cellBase) (s Summary[int64]) {
	s.First = base.last + in.zigzag()
	if flags&cellFlat != 0 {
		s.Last, s.Min, s.Max, s.Sum = s.First, s.First, s.First, s.First*count
	} else {
		readRest(in, &s)
		s.Sum = middle(&s)*count + in.zigzag()
	}
	base.last = s.Last
	return s
}

func readRest(in *byteReader, s *Summary[int64]) {
	s.Last = s.First + in.zigzag()
	s.Min = s.First - int64(in.uvarint())
	s.Max = s.First + int64(in.uvarint())
}

// appendFloatCell writes decimals as integers where all of first, last, least and
// greatest value are such.
func appendFloatCell(dst []byte, c *cellState, base *cellBase) ([]byte, byte) {
	s := &c.Floats
	if math.IsNaN(s.Min) || math.IsNaN(s.Max) || math.IsNaN(s.Sum) {
		return dst, 0
	}
	flags := byte(cellKnown)
	if c.exactSums() {
		flags |= cellWhole
	}
	m, power, ok := decimalSummary(s)
	if !ok {
		for _, v := range []float64{s.First, s.Last, s.Min, s.Max, s.Sum} {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
		}
		return dst, flags
	}
	flags |= cellDecimal
	dst = append(dst, byte(power))
	if power != base.power {
		base.last = 0
	}
	dst = appendZigzag(dst, m.First-base.last)
	base.last, base.power = m.Last, power
	if m.Min == m.Max {
		flags |= cellFlat
	} else {
		dst = appendRest(dst, &m)
	}
	if sum, ok := encoding.Mantissa(s.Sum, power); ok {
		return appendZigzag(dst, sum-middle(&m)*c.Count), flags | cellDecimalSum
	}
	// Additions were rounded: the sum lies a few steps beside a decimal.
	if near := math.Round(s.Sum * float64(pow10(power))); math.Abs(near) < maxWholeSum {
		sum := int64(near)
		dst = appendZigzag(dst, sum-middle(&m)*c.Count)
		return appendZigzag(dst, int64(math.Float64bits(s.Sum)-math.Float64bits(encoding.FloatOfMantissa(sum, power)))), flags | cellNearSum
	}
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(s.Sum)), flags
}

func pow10(power int) int64 {
	p := int64(1)
	for range power {
		p *= 10
	}
	return p
}

func readFloatCell(in *byteReader, flags byte, count int64, base *cellBase) (s Summary[float64]) {
	if flags&cellDecimal == 0 {
		for _, p := range []*float64{&s.First, &s.Last, &s.Min, &s.Max, &s.Sum} {
			*p = math.Float64frombits(in.uint64())
		}
		return s
	}
	power := int(in.byte())
	if power > encoding.MaxDecimalPower {
		in.fail()
		return s
	}
	if power != base.power {
		base.last = 0
	}
	var m Summary[int64]
	m.First = base.last + in.zigzag()
	if flags&cellFlat != 0 {
		m.Last, m.Min, m.Max = m.First, m.First, m.First
	} else {
		readRest(in, &m)
	}
	base.last, base.power = m.Last, power
	s.First, s.Last = encoding.FloatOfMantissa(m.First, power), encoding.FloatOfMantissa(m.Last, power)
	s.Min, s.Max = encoding.FloatOfMantissa(m.Min, power), encoding.FloatOfMantissa(m.Max, power)
	if flags&(cellDecimalSum|cellNearSum) == 0 {
		s.Sum = math.Float64frombits(in.uint64())
		return s
	}
	s.Sum = encoding.FloatOfMantissa(middle(&m)*count+in.zigzag(), power)
	if flags&cellNearSum != 0 {
		s.Sum = math.Float64frombits(math.Float64bits(s.Sum) + uint64(in.zigzag()))
	}
	return s
}
