package httpapi

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// plainJSON tells which bytes are ASCII characters that stand for themselves in a
// JSON string that may be put into HTML.
var plainJSON = func() (plain [256]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		plain[c] = true
	}
	for _, c := range `"\<>&` {
		plain[c] = false
	}
	plain[0x7f] = true
	return plain
}()

// appendString appends s as a JSON string, escaped as encoding/json does it:
// HTML characters, line separators and control characters as \u00xx, bytes
// that are not UTF-8 as the replacement character.
func appendString[S string | []byte](dst []byte, s S) []byte {
	n := 0
	for n < len(s) && plainJSON[s[n]] {
		n++
	}
	if n == len(s) { // as most are
		return append(append(append(dst, '"'), s...), '"')
	}
	return appendStringFrom(dst, s, n)
}

// appendStringFrom is appendString for s whose first bytes, up to from, are plain.
func appendStringFrom[S string | []byte](dst []byte, s S, from int) []byte {
	dst = append(dst, '"')
	start := 0
	for i := from; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if plainJSON[c] {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			dst = appendEscape(dst, c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\ufffd`...)
			start = i + 1
		case r == '\u2028' || r == '\u2029':
			dst = append(dst, s[start:i]...)
			dst = append(dst, `\u202`...)
			dst = append(dst, hexDigits[r&0xf])
			start = i + size
		}
		i += size
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// appendEscape appends the escape of an ASCII byte that is not plain.
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}
