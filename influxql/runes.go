package influxql

import "unicode/utf8"

// endOfText is what reading past the end yields. A NUL in the text reads the same: the lexeme at hand ends there, the
// NUL is skipped, and reading goes on behind it.
const endOfText = rune(0)

// Position is a place in the query text. Both counts start at zero; messages show them from one.
type Position struct {
	Line, Char int
}

// placedRune is one character read, with its place.
type placedRune struct {
	ch  rune
	pos Position
}

// runeReader reads the text one character at a time and can step back over the last two. Line ends of all three kinds
// read as '\n', bytes that are not UTF-8 as U+FFFD.
//
// The positions it gives are part of error messages and therefore exact to the oddity: the first read past the end
// still moves on by one character, later ones do not, and after a NUL characters are no longer counted.
type runeReader struct {
	text   string
	offset int      // of the first byte not yet in the window
	at     Position // of the character there
	ended  bool     // the end, or a NUL, was read
	window [4]placedRune
	taken  uint // characters ever put into the window
	pushed uint // how many of them are stepped back over
}

// read returns the next character.
func (r *runeReader) read() rune {
	if r.pushed > 0 {
		r.pushed--
		return r.last().ch
	}
	ch := r.decode()
	r.taken++
	r.window[r.taken%4] = placedRune{ch, r.at}
	if ch == '\n' {
		r.at = Position{Line: r.at.Line + 1}
	} else if !r.ended {
		r.at.Char++
	}
	if ch == endOfText {
		r.ended = true
	}
	return ch
}

// unread steps back over the character read last.
func (r *runeReader) unread() { r.pushed++ }

// last returns the character read last and not stepped back over; before the first one it is the zero value.
func (r *runeReader) last() placedRune { return r.window[(r.taken-r.pushed)%4] }

// peek returns the next character without taking it. The end of the text (or a NUL) is taken all the same.
func (r *runeReader) peek() rune {
	ch := r.read()
	if ch != endOfText {
		r.unread()
	}
	return ch
}

func (r *runeReader) decode() rune {
	if r.offset >= len(r.text) {
		return endOfText
	}
	b := r.text[r.offset]
	if b >= utf8.RuneSelf {
		ch, size := utf8.DecodeRuneInString(r.text[r.offset:])
		r.offset += size
		return ch
	}
	r.offset++
	if b != '\r' {
		return rune(b)
	}
	if r.offset < len(r.text) && r.text[r.offset] == '\n' {
		r.offset++
	}
	return '\n'
}

func isSpace(ch rune) bool      { return ch == ' ' || ch == '\t' || ch == '\n' }
func isLetter(ch rune) bool     { return 'a' <= ch && ch <= 'z' || 'A' <= ch && ch <= 'Z' }
func isDigit(ch rune) bool      { return '0' <= ch && ch <= '9' }
func isIdentStart(ch rune) bool { return isLetter(ch) || ch == '_' }
func isIdentChar(ch rune) bool  { return isLetter(ch) || isDigit(ch) || ch == '_' }
