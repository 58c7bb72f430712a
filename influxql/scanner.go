package influxql

import "unicode/utf8"

// Lexeme is one element of the text.
type Lexeme struct {
	Token    Token
	Position Position
	// Text is the content of a literal or name without its quotes, the blanks of a WS, or the character that made an
	// ILLEGAL. Operators, signs and keywords have none.
	Text string
}

// String returns the lexeme as an error message quotes it.
func (l Lexeme) String() string {
	if l.Text != "" {
		return l.Text
	}
	return l.Token.String()
}

// Scanner cuts a query text into lexemes. Whether a slash divides or opens a regular expression depends on the grammar,
// so regular expressions are asked for with ScanRegex.
type Scanner struct {
	runes   runeReader
	scratch []byte // text of the lexeme at hand, reused
}

// NewScanner returns a scanner at the beginning of text.
func NewScanner(text string) *Scanner { return &Scanner{runes: runeReader{text: text}} }

// signs are the lexemes of exactly one character that begins no other lexeme.
var signs = [utf8.RuneSelf]Token{
	'+': ADD, '*': MUL, '%': MOD, '&': BITAND, '|': BITOR, '^': BITXOR,
	'(': LPAREN, ')': RPAREN, ',': COMMA, ';': SEMICOLON,
}

// Scan returns the next lexeme; at the end of the text its token is EOF.
func (s *Scanner) Scan() Lexeme {
	ch := s.runes.read()
	pos := s.runes.last().pos
	switch {
	case isSpace(ch):
		s.runes.unread()
		return s.scanSpace(pos)
	case isIdentStart(ch), ch == '"':
		s.runes.unread()
		return s.scanName(true)
	case isDigit(ch):
		s.runes.unread()
		return s.scanNumber(pos)
	case ch == '\'':
		return s.scanQuoted()
	case ch == '$':
		return s.scanParameter(pos)
	case ch == '.':
		return s.scanDot(pos)
	case ch == endOfText:
		return Lexeme{Token: EOF, Position: pos}
	case ch < utf8.RuneSelf && signs[ch] != ILLEGAL:
		return Lexeme{Token: signs[ch], Position: pos}
	}
	if tok := s.scanOperator(ch); tok != ILLEGAL {
		return Lexeme{Token: tok, Position: pos}
	}
	if ch == '/' { // a comment without its end has no text
		return Lexeme{Token: ILLEGAL, Position: pos}
	}
	return Lexeme{Token: ILLEGAL, Position: pos, Text: string(ch)}
}

// scanOperator reads the rest of an operator or comment that began with ch; ILLEGAL if ch begins none.
func (s *Scanner) scanOperator(ch rune) Token {
	switch ch {
	case '-':
		if s.accept('-') {
			s.skipLine()
			return COMMENT
		}
		return SUB
	case '/':
		if s.accept('*') {
			if !s.skipBlockComment() {
				return ILLEGAL
			}
			return COMMENT
		}
		return DIV
	case '=':
		if s.accept('~') {
			return EQREGEX
		}
		return EQ
	case '!':
		if s.accept('=') {
			return NEQ
		}
		if s.accept('~') {
			return NEQREGEX
		}
	case '>':
		if s.accept('=') {
			return GTE
		}
		return GT
	case '<':
		if s.accept('=') {
			return LTE
		}
		if s.accept('>') {
			return NEQ
		}
		return LT
	case ':':
		if s.accept(':') {
			return DOUBLECOLON
		}
		return COLON
	}
	return ILLEGAL
}

// accept takes the next character if it is ch.
func (s *Scanner) accept(ch rune) bool {
	if s.runes.read() == ch {
		return true
	}
	s.runes.unread()
	return false
}

func (s *Scanner) skipLine() {
	for {
		if ch := s.runes.read(); ch == '\n' || ch == endOfText {
			return
		}
	}
}

// skipBlockComment reads to the end of the comment; false if the text ends first.
func (s *Scanner) skipBlockComment() bool {
	for {
		ch := s.runes.read()
		for ch == '*' {
			if ch = s.runes.read(); ch == '/' {
				return true
			}
		}
		if ch == endOfText {
			return false
		}
	}
}

func (s *Scanner) scanSpace(pos Position) Lexeme {
	s.scratch = s.scratch[:0]
	for {
		ch := s.runes.read()
		if isSpace(ch) {
			s.scratch = append(s.scratch, byte(ch))
			continue
		}
		if ch != endOfText {
			s.runes.unread()
		}
		return Lexeme{Token: WS, Position: pos, Text: s.spaceText()}
	}
}

// spaceText spares the allocation for the usual single blank.
func (s *Scanner) spaceText() string {
	if len(s.scratch) == 1 && s.scratch[0] == ' ' {
		return " "
	}
	return string(s.scratch)
}

// scanName reads a bare or quoted name; a bare one may turn out a keyword if keywords is set. When a quote follows a
// bare name at once, the quoted part alone is the name.
func (s *Scanner) scanName(keywords bool) Lexeme {
	ch := s.runes.read()
	pos := s.runes.last().pos
	s.scratch = s.scratch[:0]
	for ; ch != endOfText; ch = s.runes.read() {
		if ch == '"' {
			quoted := s.scanQuoted()
			if quoted.Token == STRING {
				return Lexeme{Token: IDENT, Position: pos, Text: quoted.Text}
			}
			return quoted
		}
		if !isIdentChar(ch) {
			s.runes.unread()
			break
		}
		for isIdentChar(ch) {
			s.scratch = append(s.scratch, byte(ch))
			ch = s.runes.read()
		}
		if ch != endOfText {
			s.runes.unread()
		}
	}
	if keywords {
		if tok, ok := reserved[string(s.lowerScratch())]; ok {
			return Lexeme{Token: tok, Position: pos}
		}
	}
	return Lexeme{Token: IDENT, Position: pos, Text: string(s.scratch)}
}

// lowerScratch returns the scratch text in lower case, kept behind it in the same buffer.
func (s *Scanner) lowerScratch() []byte {
	n := len(s.scratch)
	buf := s.scratch
	for _, b := range s.scratch {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		buf = append(buf, b)
	}
	s.scratch = buf[:n]
	return buf[n:]
}

// scanQuoted reads a string or quoted name whose opening quote was read last. The position it reports is that of the
// character before the quote, or of the offending character for a bad escape.
func (s *Scanner) scanQuoted() Lexeme {
	quote := s.runes.last().ch
	s.runes.unread()
	pos := s.runes.last().pos
	s.runes.read()

	s.scratch = s.scratch[:0]
	for {
		ch := s.runes.read()
		switch ch {
		case quote:
			return Lexeme{Token: STRING, Position: pos, Text: string(s.scratch)}
		case endOfText, '\n':
			return Lexeme{Token: BADSTRING, Position: pos, Text: string(s.scratch)}
		case '\\':
			escaped := s.runes.read()
			switch escaped {
			case 'n':
				ch = '\n'
			case '\\', '"', '\'':
				ch = escaped
			default:
				return Lexeme{Token: BADESCAPE, Position: s.runes.last().pos, Text: `\` + string(escaped)}
			}
		}
		s.scratch = utf8.AppendRune(s.scratch, ch)
	}
}

func (s *Scanner) scanParameter(pos Position) Lexeme {
	name := s.scanName(false)
	if name.Token == IDENT {
		name.Token = BOUNDPARAM
	}
	return Lexeme{Token: name.Token, Position: pos, Text: "$" + name.Text}
}

// scanDot tells the dot between names from the one that begins a number.
func (s *Scanner) scanDot(pos Position) Lexeme {
	ch := s.runes.read()
	s.runes.unread()
	if !isDigit(ch) {
		return Lexeme{Token: DOT, Position: pos}
	}
	s.runes.unread()
	return s.scanNumber(pos)
}

// scanNumber reads an integer, a number with a fraction, or a duration. A dot without digits behind it is swallowed.
func (s *Scanner) scanNumber(pos Position) Lexeme {
	s.scratch = s.scratch[:0]
	s.scanWhile(isDigit)
	if s.accept('.') {
		if ch := s.runes.read(); isDigit(ch) {
			s.scratch = append(s.scratch, '.', byte(ch))
			s.scanWhile(isDigit)
		} else {
			s.runes.unread()
		}
		return Lexeme{Token: NUMBER, Position: pos, Text: string(s.scratch)}
	}
	digits := len(s.scratch)
	if ch := s.runes.read(); isUnitChar(ch) {
		s.runes.unread()
		s.scanWhile(func(ch rune) bool { return isUnitChar(ch) || isDigit(ch) })
	} else {
		s.runes.unread()
	}
	if len(s.scratch) > digits {
		return Lexeme{Token: DURATIONVAL, Position: pos, Text: string(s.scratch)}
	}
	return Lexeme{Token: INTEGER, Position: pos, Text: string(s.scratch)}
}

func isUnitChar(ch rune) bool { return isLetter(ch) || ch == 'µ' }

// scanWhile adds characters to the scratch text as long as they are in the class.
func (s *Scanner) scanWhile(class func(rune) bool) {
	for {
		ch := s.runes.read()
		if !class(ch) {
			s.runes.unread()
			return
		}
		s.scratch = utf8.AppendRune(s.scratch, ch)
	}
}

// ScanRegex reads a regular expression between slashes. Only \/ is an escape; any other backslash is part of the
// pattern, and the character behind it is looked at once more, so that \\/ ends with an escaped slash.
func (s *Scanner) ScanRegex() Lexeme {
	bad := Lexeme{Token: BADREGEX, Position: s.runes.last().pos}
	if s.runes.read() != '/' {
		return bad
	}
	s.scratch = s.scratch[:0]
	for {
		ch := s.runes.read()
		switch ch {
		case '/':
			return Lexeme{Token: REGEX, Position: bad.Position, Text: string(s.scratch)}
		case endOfText, '\n':
			return bad
		case '\\':
			escaped := s.runes.read()
			switch escaped {
			case endOfText:
				return bad
			case '/':
				ch = '/'
			default:
				s.runes.unread()
			}
		}
		s.scratch = utf8.AppendRune(s.scratch, ch)
	}
}
