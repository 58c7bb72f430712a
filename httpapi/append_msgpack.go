package httpapi

import (
	"encoding/binary"
	"math"
	"time"
)

// The functions below append MessagePack, each value in its shortest form.

func appendMsgNil(dst []byte) []byte { return append(dst, 0xc0) }

func appendMsgBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 0xc3)
	}
	return append(dst, 0xc2)
}

func appendMsgFloat(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, 0xcb), math.Float64bits(f))
}

// appendMsgInt appends n in the signed forms, as the original does.
func appendMsgInt(dst []byte, n int64) []byte {
	switch {
	case n >= -32 && n <= math.MaxInt8:
		return append(dst, byte(n))
	case n >= math.MinInt8 && n <= math.MaxInt8:
		return append(dst, 0xd0, byte(n))
	case n >= math.MinInt16 && n <= math.MaxInt16:
		return binary.BigEndian.AppendUint16(append(dst, 0xd1), uint16(n))
	case n >= math.MinInt32 && n <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(append(dst, 0xd2), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xd3), uint64(n))
}

func appendMsgUint(dst []byte, n uint64) []byte {
	switch {
	case n <= math.MaxInt8:
		return append(dst, byte(n))
	case n <= math.MaxUint8:
		return append(dst, 0xcc, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, 0xcd), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, 0xce), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xcf), n)
}

func appendMsgString(dst []byte, s string) []byte {
	switch n := len(s); {
	case n < 32:
		dst = append(dst, 0xa0|byte(n))
	case n <= math.MaxUint8:
		dst = append(dst, 0xd9, byte(n))
	case n <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0xda), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, 0xdb), uint32(n))
	}
	return append(dst, s...)
}

func appendMsgArray(dst []byte, n int) []byte { return appendMsgLength(dst, n, 0x90, 0xdc) }

func appendMsgMap(dst []byte, n int) []byte { return appendMsgLength(dst, n, 0x80, 0xde) }

// appendMsgLength appends the head of an array or map of n members; long is the
// code of its 16-bit form, the 32-bit form is the next one.
func appendMsgLength(dst []byte, n int, short, long byte) []byte {
	switch {
	case n < 16:
		return append(dst, short|byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, long), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, long+1), uint32(n))
}

// appendMsgTime appends t as extension type 5: seconds in 64 bits and
// nanoseconds in 32.
func appendMsgTime(dst []byte, t time.Time) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, 0xc7, 12, 5), uint64(t.Unix()))
	return binary.BigEndian.AppendUint32(dst, uint32(t.Nanosecond()))
}
