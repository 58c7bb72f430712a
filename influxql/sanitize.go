package influxql

import (
	"regexp"
	"strings"
	"unicode"
)

// passwordIntro matches what stands before a password: PASSWORD FOR user = and WITH PASSWORD. It is generous about what
// is between the words, because texts that are not quite statements are logged too.
var passwordIntro = func() *regexp.Regexp {
	const gap = `(?:\s|/\*.*?\*/|--[^\n]*\n)`
	const quotedUser = `"(?:[^"\\]|\\.)*"`
	return regexp.MustCompile(`(?is)password` + gap + `+for` + gap + `*(?:` + quotedUser + `)?[^=]*=` + gap + `*|` +
		`with` + gap + `+password` + gap + `*`)
}()

// Sanitize returns a query text for the log: wherever a password seems to stand there is [REDACTED] instead, the rest
// is as it was. The text need not be a statement; if a quoted password has no end, all that follows is hidden.
func Sanitize(text string) string {
	if !mentionsPassword(text) {
		return text
	}
	var b strings.Builder
	for {
		intro := passwordIntro.FindStringIndex(text)
		if intro == nil {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:intro[1]])
		text = text[intro[1]:]
		if n := passwordLength(text); n > 0 {
			b.WriteString(redacted)
			text = text[n:]
		}
	}
}

// mentionsPassword spares most texts the regular expression.
func mentionsPassword(text string) bool {
	const word = "password"
	for i := 0; i+len(word) <= len(text); i++ {
		if (text[i] == 'p' || text[i] == 'P') && strings.EqualFold(text[i:i+len(word)], word) {
			return true
		}
	}
	return false
}

// passwordLength returns how many bytes at the front of text are the password: up to the closing quote or, without
// quotes, up to the next blank.
func passwordLength(text string) int {
	if text == "" {
		return 0
	}
	quote := text[0]
	if quote != '\'' && quote != '"' {
		if end := strings.IndexFunc(text, unicode.IsSpace); end >= 0 {
			return end
		}
		return len(text)
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case quote:
			return i + 1
		}
	}
	return len(text)
}
