package lineproto

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unsafe"

	"github.com/timberlinedb/timberline/model"
)

// fastValue is a field value as the fast path reads it.
type fastValue struct {
	at       int // index in the body: of the value, then after it
	typ      model.FieldType
	bits     uint64 // as in model.Column.Values
	newlines int    // inside a string
}

// read reads the value at body[v.at:]. It reports false when there is none or
// it may be wrong.
func (v *fastValue) read(p *Parser) bool {
	b := p.body
	if v.at >= len(b) {
		return false
	}
	switch c := b[v.at]; {
	case isDigit(c) || c == '-' || c == '.':
		return v.readNumber(b)
	case c == '"':
		return v.readString(p)
	}
	return v.readBoolean(b)
}

// maxDigits is how many digits always fit a uint64.
const maxDigits = 19

// readNumber reads an integer, an unsigned integer or a float.
func (v *fastValue) readNumber(b []byte) bool {
	start, i := v.at, v.at
	negative := b[i] == '-'
	if negative {
		i++
	}
	digits, n := readDigits(b, i)
	i += n
	if n == 0 || n > maxDigits || i >= len(b) {
		return v.readFloat(b, start, i)
	}
	switch b[i] {
	case 'i':
		if negative {
			digits = -digits
		}
		// Zero has no sign; anything else must have come out with the right one.
		if digits != 0 && int64(digits) < 0 != negative {
			return false
		}
		v.typ, v.bits, v.at = model.Integer, digits, i+1
		return true
	case 'u':
		v.typ, v.bits, v.at = model.Unsigned, digits, i+1
		return !negative
	case '.':
		return v.readFraction(b, start, i+1, digits, n, negative)
	case ',', ' ', '\n', '\r':
		return v.setDecimal(i, digits, 0, negative)
	}
	return v.readFloat(b, start, i)
}

// readFraction goes on with a float after its point.
func (v *fastValue) readFraction(b []byte, start, i int, digits uint64, n int, negative bool) bool {
	fraction, scale := readDigits(b, i)
	i += scale
	if n+scale > maxDigits || i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		return v.readFloat(b, start, i)
	}
	return v.setDecimal(i, digits*powersOfTen[scale]+fraction, scale, negative)
}

// powersOfTen holds the powers of ten that fit a uint64.
var powersOfTen = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// setDecimal sets the float digits / 10^scale, spelled up to b[end].
func (v *fastValue) setDecimal(end int, digits uint64, scale int, negative bool) bool {
	var f float64
	switch {
	case scale == 0:
		f = float64(digits)
	case digits < 1<<53:
		// Both are exact as float64, so their quotient is rounded once.
		f = float64(digits) / float64(powersOfTen[scale])
	default:
		f = quotient(digits, powersOfTen[scale])
	}
	v.typ, v.bits, v.at = model.Float, math.Float64bits(f), end
	if negative {
		v.bits |= 1 << 63
	}
	return true
}

// quotient returns the float64 nearest to a / b, which are not 0. It divides
// integers to 63 bits or more and keeps in the lowest bit whether there is
// a rest, so that the conversion to 53 bits rounds as the exact quotient would.
func quotient(a, b uint64) float64 {
	shiftA, shiftB := bits.LeadingZeros64(a), bits.LeadingZeros64(b)
	a <<= shiftA
	q, rest := bits.Div64(a>>1, a<<63, b<<shiftB)
	if rest != 0 {
		q |= 1
	}
	power := math.Float64frombits(uint64(1023-63+shiftB-shiftA) << 52)
	return float64(q) * power
}

// readFloat reads the float that begins at b[start:] and reaches at least to
// b[i], in the general way.
func (v *fastValue) readFloat(b []byte, start, i int) bool {
	for i < len(b) && isFloatByte(b[i]) {
		i++
	}
	token := b[start:i]
	if len(token) == 0 || !looksLikeFloat(token) {
		return false
	}
	f, err := strconv.ParseFloat(unsafe.String(&token[0], len(token)), 64) // #nosec G103 -- keeps nothing
	v.typ, v.bits, v.at = model.Float, math.Float64bits(f), i
	return err == nil
}

func isFloatByte(c byte) bool {
	return isDigit(c) || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}

// readDigits returns the number that the digits at b[i:] make, and how many
// they are. The number is wrong when they are more than maxDigits.
func readDigits(b []byte, i int) (number uint64, n int) {
	for i+8 <= len(b) {
		word, digits := eightDigits(binary.LittleEndian.Uint64(b[i:]))
		if digits == 0 {
			return number, n
		}
		number, n, i = number*powersOfTen[digits]+word, n+digits, i+digits
		if digits < 8 || n > maxDigits {
			return number, n
		}
	}
	for ; i < len(b) && isDigit(b[i]); i++ {
		number, n = number*10+uint64(b[i]-'0'), n+1
	}
	return number, n
}

// eightDigits returns the number that the digits at the start of eight
// characters make, and how many they are. The number means nothing when there
// are none.
func eightDigits(word uint64) (number uint64, n int) {
	word ^= 0x3030303030303030
	// A byte is above 9 where adding 0x76 carries into its high bit; carries
	// out of a byte only disturb those after the first that is no digit.
	other := (word + 0x7676767676767676 | word) & 0x8080808080808080
	n = bits.TrailingZeros64(other) / 8
	return joinDigits(word << (uint(64-8*n) & 63)), n
}

// joinDigits returns the number that eight digits make, each from 0 to 9 and the
// first one in the lowest byte. Zeros in front make a shorter number.
func joinDigits(word uint64) uint64 {
	word = (word * (1 + 10<<8) >> 8) & 0x00FF00FF00FF00FF
	word = (word * (1 + 100<<16) >> 16) & 0x0000FFFF0000FFFF
	return word * (1 + 10000<<32) >> 32
}

// readBoolean reads one of the ten spellings of a boolean.
func (v *fastValue) readBoolean(b []byte) bool {
	end := v.at
	for end < len(b) && end-v.at <= len("false") && 'A' <= b[end] && b[end] <= 'z' {
		end++
	}
	value, err := parseBoolean(b[v.at:end])
	v.typ, v.bits, v.at = model.Boolean, value, end
	return err == nil
}

// readString reads a quoted string into the arena.
func (v *fastValue) readString(p *Parser) bool {
	b, start := p.body, v.at+1
	n := bytes.IndexByte(b[start:], '"')
	if n < 0 {
		return false
	}
	text := b[start : start+n]
	at := len(p.batch.Arena)
	if bytes.IndexByte(text, '\\') < 0 {
		p.batch.Arena = append(p.batch.Arena, text...)
	} else {
		end := stringEnd(b, start)
		if end == len(b) {
			return false
		}
		text = b[start:end]
		p.batch.Arena = appendString(p.batch.Arena, text)
	}
	size := len(p.batch.Arena) - at
	v.typ, v.bits, v.at = model.String, model.StringRef(at, size), start+len(text)+1
	v.newlines = bytes.Count(text, []byte{'\n'})
	return size <= model.MaxStringBytes
}
