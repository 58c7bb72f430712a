package influxql

import "strings"

var (
	stringEscapes = strings.NewReplacer("\n", `\n`, `\`, `\\`, `'`, `\'`)
	identEscapes  = strings.NewReplacer("\n", `\n`, `\`, `\\`, `"`, `\"`)
)

// QuoteString returns s as a string literal.
func QuoteString(s string) string { return "'" + stringEscapes.Replace(s) + "'" }

// QuoteIdent returns names joined by dots, quoted where they need it. The last one is quoted only if it needs it, the
// others always, except empty ones in the middle (database..measurement).
func QuoteIdent(segments ...string) string {
	last := len(segments) - 1
	if last == 0 && segments[0] != "" && !IdentNeedsQuotes(segments[0]) {
		return segments[0]
	}
	var b strings.Builder
	for i, segment := range segments {
		quote := IdentNeedsQuotes(segment)
		if segment == "" {
			quote = i == 0 || i == last
		} else if i < last {
			quote = true
		}
		if quote {
			b.WriteByte('"')
		}
		b.WriteString(identEscapes.Replace(segment))
		if quote {
			b.WriteByte('"')
		}
		if i < last {
			b.WriteByte('.')
		}
	}
	return b.String()
}

// IdentNeedsQuotes reports whether a name can be written only in quotes: it is a keyword or has characters other than
// ASCII letters, digits and the underscore, or begins with a digit.
func IdentNeedsQuotes(name string) bool {
	for i, ch := range name {
		if i == 0 && !isIdentStart(ch) || !isIdentChar(ch) {
			return true
		}
	}
	return Lookup(name) != IDENT
}
