package httpapi

import (
	"math"
	"strconv"
)

// appendFloat appends f as encoding/json prints a float64. JSON has no word
// for NaN and the infinities; they become null.
func appendFloat(dst []byte, f float64) []byte {
	if short, ok := appendShortFloat(dst, f); ok {
		return short
	}
	return appendFloatPlain(dst, f)
}

// appendFixed appends f without an exponent.
func appendFixed(dst []byte, f float64) []byte {
	if short, ok := appendShortFloat(dst, f); ok {
		return short
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

// appendShortFloat appends f when it has few digits, as most measurements
// have. A decimal of at most 15 digits that reads back as f is the shortest
// one, so trying two scales with one exact division each answers most calls
// without the general algorithm.
func appendShortFloat(dst []byte, f float64) ([]byte, bool) {
	const maxExact = 1e15
	abs := math.Abs(f)
	if !(abs < maxExact) {
		return dst, false
	}
	if n := int64(f); float64(n) == f && (n != 0 || !math.Signbit(f)) {
		return strconv.AppendInt(dst, n, 10), true
	}
	if abs < maxExact/1e2 {
		if n := math.Round(f * 1e2); n/1e2 == f && n != 0 {
			return appendDecimal(dst, int64(n), 2), true
		}
	}
	if abs < maxExact/1e4 {
		if n := math.Round(f * 1e4); n/1e4 == f && n != 0 {
			return appendDecimal(dst, int64(n), 4), true
		}
	}
	return dst, false
}

// appendFloatPlain is appendFloat without its short cuts.
func appendFloatPlain(dst []byte, f float64) []byte {
	abs := math.Abs(f)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	format := byte('f')
	if abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, 64)
	if n := len(dst); format == 'e' && n >= 4 && dst[n-4] == 'e' && dst[n-3] == '-' && dst[n-2] == '0' {
		dst[n-2] = dst[n-1] // e-09 is written e-9
		dst = dst[:n-1]
	}
	return dst
}

// appendDecimal appends n divided by 10^places, which is not a whole number,
// without zeros at the end. places is at most 4.
func appendDecimal(dst []byte, n int64, places int) []byte {
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	scale := int64(100)
	if places == 4 {
		scale = 10_000
	}
	dst = strconv.AppendInt(dst, n/scale, 10)
	dst = append(dst, '.')
	frac := n % scale
	if places == 4 {
		dst = append(dst, byte('0'+frac/1000), byte('0'+frac/100%10))
		frac %= 100
	}
	dst = append(dst, byte('0'+frac/10), byte('0'+frac%10))
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}
