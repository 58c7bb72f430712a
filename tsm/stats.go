package tsm

import (
	"encoding/binary"
	"math"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsm/encoding"
)

// Summary holds the statistics of the values of a page of numbers. Sums of
// integers are modulo 2^64; sums of floats were added in time order.
type Summary[T any] struct {
	Min, Max, Sum, First, Last T
}

// Stats describes the values of one field in one block. Only the part of its
// type is set.
type Stats struct {
	Type                model.FieldType
	Count               int64 // values, which is rows less those without a value
	FirstTime, LastTime int64 // timestamps of the first and the last value

	Floats    Summary[float64]
	Integers  Summary[int64]
	Unsigneds Summary[uint64]

	Trues                 int64 // booleans that are true
	FirstBool, LastBool   bool
	FirstBytes, LastBytes []byte // strings; valid as long as the reader is held
}

// The flags of a field entry in a leaf; the low three bits are the type.
const (
	entryTypeMask   = 7
	entryPartial    = 1 << 3 // not every row has a value: a count follows
	entryInner      = 1 << 4 // first or last value are not in the first and last row: times follow
	entryStats      = 1 << 5 // statistics follow
	entryDecimal    = 1 << 6 // floats: statistics are decimals
	entryDecimalSum = 1 << 7 // floats: the sum is a decimal too
)

// maxStatString is the longest string that statistics repeat.
const maxStatString = 32

// summaryOf returns the statistics of values, which must not be empty.
func summaryOf[T int64 | uint64 | float64](values []T) Summary[T] {
	s := Summary[T]{Min: values[0], Max: values[0], First: values[0], Last: values[len(values)-1]}
	for _, v := range values {
		s.Min, s.Max = min(s.Min, v), max(s.Max, v)
		s.Sum += v
	}
	return s
}

// appendStats appends the statistics and returns the flags that describe them;
// no bytes and no flags when the values cannot be summed up.
func appendStats(dst []byte, s *Stats) ([]byte, byte) {
	switch s.Type {
	case model.Float:
		return appendFloatStats(dst, &s.Floats, s.Count)
	case model.Integer:
		return appendIntegerStats(dst, s.Integers, s.Count), entryStats
	case model.Unsigned:
		u := s.Unsigneds
		return appendIntegerStats(dst, Summary[int64]{
			Min: int64(u.Min), Max: int64(u.Max), Sum: int64(u.Sum), First: int64(u.First), Last: int64(u.Last),
		}, s.Count), entryStats
	case model.Boolean:
		dst = binary.AppendUvarint(dst, uint64(s.Trues))
		edges := byte(0)
		if s.FirstBool {
			edges |= 1
		}
		if s.LastBool {
			edges |= 2
		}
		return append(dst, edges), entryStats
	case model.String:
		if len(s.FirstBytes) > maxStatString || len(s.LastBytes) > maxStatString {
			return dst, 0
		}
		dst = append(append(dst, byte(len(s.FirstBytes))), s.FirstBytes...)
		return append(append(dst, byte(len(s.LastBytes))), s.LastBytes...), entryStats
	}
	return dst, 0
}

// appendIntegerStats writes everything relative to the first value. Differences
// are modulo 2^64 and serve unsigned integers as well.
func appendIntegerStats(dst []byte, s Summary[int64], count int64) []byte {
	dst = appendZigzag(dst, s.First)
	dst = appendZigzag(dst, s.Last-s.First)
	dst = binary.AppendUvarint(dst, uint64(s.First)-uint64(s.Min))
	dst = binary.AppendUvarint(dst, uint64(s.Max)-uint64(s.First))
	return appendZigzag(dst, s.Sum-s.First*count)
}

func readIntegerStats(in *byteReader, count int64) (s Summary[int64]) {
	s.First = in.zigzag()
	s.Last = s.First + in.zigzag()
	s.Min = s.First - int64(in.uvarint())
	s.Max = s.First + int64(in.uvarint())
	s.Sum = s.First*count + in.zigzag()
	return s
}

func appendFloatStats(dst []byte, s *Summary[float64], count int64) ([]byte, byte) {
	if math.IsNaN(s.Min) || math.IsNaN(s.Max) || math.IsNaN(s.Sum) {
		return dst, 0
	}
	m, power, ok := decimalSummary(s)
	if !ok {
		for _, v := range []float64{s.First, s.Last, s.Min, s.Max, s.Sum} {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
		}
		return dst, entryStats
	}
	dst = append(dst, byte(power))
	dst = appendZigzag(dst, m.First)
	dst = appendZigzag(dst, m.Last-m.First)
	dst = binary.AppendUvarint(dst, uint64(m.First-m.Min))
	dst = binary.AppendUvarint(dst, uint64(m.Max-m.First))
	if sum, ok := encoding.Mantissa(s.Sum, power); ok {
		return appendZigzag(dst, sum-m.First*count), entryStats | entryDecimal | entryDecimalSum
	}
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(s.Sum)), entryStats | entryDecimal
}

// decimalSummary returns the statistics but the sum as mantissas of one power.
func decimalSummary(s *Summary[float64]) (m Summary[int64], power int, ok bool) {
	values := [...]float64{s.First, s.Last, s.Min, s.Max}
	for _, v := range values {
		if power, ok = encoding.DecimalPower(v, power); !ok {
			return m, 0, false
		}
	}
	mantissas := [...]*int64{&m.First, &m.Last, &m.Min, &m.Max}
	for i, v := range values {
		if *mantissas[i], ok = encoding.Mantissa(v, power); !ok {
			return m, 0, false
		}
	}
	return m, power, true
}

func readFloatStats(in *byteReader, flags byte, count int64) (s Summary[float64]) {
	if flags&entryDecimal == 0 {
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
	first := in.zigzag()
	last := first + in.zigzag()
	least := first - int64(in.uvarint())
	most := first + int64(in.uvarint())
	s.First, s.Last = encoding.FloatOfMantissa(first, power), encoding.FloatOfMantissa(last, power)
	s.Min, s.Max = encoding.FloatOfMantissa(least, power), encoding.FloatOfMantissa(most, power)
	if flags&entryDecimalSum != 0 {
		s.Sum = encoding.FloatOfMantissa(first*count+in.zigzag(), power)
	} else {
		s.Sum = math.Float64frombits(in.uint64())
	}
	return s
}

// readStats reads what appendStats wrote under flags. The type and the count of s
// are set.
func readStats(in *byteReader, s *Stats, flags byte) {
	switch s.Type {
	case model.Float:
		s.Floats = readFloatStats(in, flags, s.Count)
	case model.Integer:
		s.Integers = readIntegerStats(in, s.Count)
	case model.Unsigned:
		i := readIntegerStats(in, s.Count)
		s.Unsigneds = Summary[uint64]{
			Min: uint64(i.Min), Max: uint64(i.Max), Sum: uint64(i.Sum), First: uint64(i.First), Last: uint64(i.Last),
		}
	case model.Boolean:
		s.Trues = int64(in.uvarint())
		edges := in.byte()
		s.FirstBool, s.LastBool = edges&1 != 0, edges&2 != 0
	case model.String:
		s.FirstBytes = in.bytes(uint64(in.byte()))
		s.LastBytes = in.bytes(uint64(in.byte()))
	}
}
