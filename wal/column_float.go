package wal

import (
	"encoding/binary"
	"math"
)

// A column of floats is raw, 8 bytes each, or decimal: integers that are
// divided by a power of ten and give the very same bits.
const (
	floatsRaw     = 0
	floatsDecimal = 1 // + index of the power of ten
)

var powersOfTen = [...]float64{1, 10, 100, 1000, 10000}

// maxMantissa is the largest integer that a float64 counts up to without gaps.
const maxMantissa = 1 << 53

func appendFloats(dst []byte, vals []uint64) []byte {
	start := len(dst)
	if scale := decimalScale(vals); scale >= 0 {
		if dst, ok := appendDecimals(append(dst, byte(floatsDecimal+scale)), vals, powersOfTen[scale]); ok {
			return dst
		}
	}
	dst, out := extend(append(dst[:start], floatsRaw), len(vals)*8)
	for i, v := range vals {
		binary.LittleEndian.PutUint64(out[i*8:], v)
	}
	return dst
}

// decimalScale returns the index of the first power of ten that makes all
// values integers, as far as one look at each can tell, or -1.
func decimalScale(vals []uint64) int {
	scale := 0
	for _, v := range vals {
		for {
			if _, ok := mantissa(v, powersOfTen[scale]); ok {
				break
			}
			if scale++; scale == len(powersOfTen) {
				return -1
			}
		}
	}
	return scale
}

// mantissa returns the integer that power divides to v, if there is one.
func mantissa(v uint64, power float64) (int64, bool) {
	m := math.RoundToEven(math.Float64frombits(v) * power)
	if !(m >= -maxMantissa && m <= maxMantissa) {
		return 0, false
	}
	x := int64(m)
	return x, math.Float64bits(float64(x)/power) == v
}

// appendDecimals appends the mantissas, or tells that a value has none.
func appendDecimals(dst []byte, vals []uint64, power float64) ([]byte, bool) {
	var block [intBlockValues]int64
	for len(vals) > 0 {
		n := min(len(vals), intBlockValues)
		for i, v := range vals[:n] {
			x, ok := mantissa(v, power)
			if !ok {
				return dst, false
			}
			block[i] = x
		}
		dst = appendIntBlock(dst, block[:n])
		vals = vals[n:]
	}
	return dst, true
}

func takeFloats(d *decoder, out []uint64) {
	mode := d.byte()
	if mode == floatsRaw {
		b := d.take(len(out) * 8)
		if b == nil {
			return
		}
		for i := range out {
			out[i] = binary.LittleEndian.Uint64(b[i*8:])
		}
		return
	}
	if int(mode-floatsDecimal) >= len(powersOfTen) {
		d.fail("form of floats is %d", mode)
		return
	}
	power := powersOfTen[mode-floatsDecimal]
	takeInts(d, out)
	for i, x := range out {
		out[i] = math.Float64bits(float64(int64(x)) / power)
	}
}
