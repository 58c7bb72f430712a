package lineproto

import "bytes"

// nextLine returns the first line of b without the blanks before it and
// without its line end, which is a newline that may follow a carriage return,
// or the end of b. size counts all the bytes it takes up, newlines the newline
// characters among them. The text is empty or begins with '#' when the line
// carries no point.
//
// A newline inside a quoted field value belongs to the line. A value is quoted
// when its first character, after an equal sign that no backslash precedes,
// is a quotation mark; this holds on lines that are refused, too.
func nextLine(b []byte) (text []byte, size, newlines int) {
	start := skipBlanks(b, 0)
	end := len(b)
	if start < len(b) && b[start] == '#' {
		if n := bytes.IndexByte(b[start:], '\n'); n >= 0 {
			end = start + n
		}
	} else {
		end = pointEnd(b, start)
	}
	size = end
	if end < len(b) {
		size++
	}
	if end > start && b[end-1] == '\r' {
		end--
	}
	return b[start:end], size, bytes.Count(b[:size], []byte{'\n'})
}

// pointEnd returns the index of the newline that ends the point at b[start:],
// or len(b).
func pointEnd(b []byte, start int) int {
	inFields := false
	for i := start; i < len(b); i++ {
		switch {
		case b[i] == '\n':
			return i
		case !inFields:
			inFields = b[i] == ' ' && b[i-1] != '\\'
		case b[i] == '"' && b[i-1] == '=' && b[i-2] != '\\':
			i = stringEnd(b, i+1)
		}
	}
	return len(b)
}

// stringEnd returns the index of the quotation mark that closes the string
// whose first byte is b[i], or len(b).
func stringEnd(b []byte, i int) int {
	for ; i < len(b); i++ {
		switch {
		case b[i] == '"':
			return i
		case b[i] == '\\' && i+1 < len(b) && (b[i+1] == '"' || b[i+1] == '\\'):
			i++
		}
	}
	return len(b)
}

// skipBlanks returns the index of the first byte at or after i that is not a
// space, tab or NUL.
func skipBlanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == 0) {
		i++
	}
	return i
}
