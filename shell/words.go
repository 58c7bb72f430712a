package shell

import "strings"

// functions of InfluxQL, for completion.
var functions = strings.Fields(`
	count distinct integral mean median mode spread stddev sum
	bottom first last max min percentile sample top
	abs acos asin atan atan2 ceil cos cumulative_sum derivative difference elapsed exp floor ln log log2 log10
	moving_average non_negative_derivative non_negative_difference pow round sin sqrt tan
	holt_winters holt_winters_with_fit
	chande_momentum_oscillator double_exponential_moving_average exponential_moving_average kaufmans_adaptive_moving_average
	kaufmans_efficiency_ratio relative_strength_index triple_exponential_derivative triple_exponential_moving_average`)

// clauses of a SELECT behind its sources, and of the statements that SHOW names.
var clauses = []string{"WHERE", "GROUP BY", "ORDER BY", "LIMIT", "OFFSET", "SLIMIT", "SOFFSET", "FILL(", "TZ("}

// lexeme is one word of a line that is being typed, as far as it goes.
type lexeme struct {
	text   string // without quotes
	quote  byte   // of a name or a string; 0 for none
	open   bool   // the end of the quote is missing
	begin  int    // byte of the line where it begins, its quote included
	symbol bool
}

// is reports whether the lexeme is the bare word, given in upper case.
func (l lexeme) is(word string) bool {
	return l.quote == 0 && strings.EqualFold(l.text, word)
}

// lexemes splits what is typed so far. It never fails: unfinished text is part of typing.
func lexemes(line string) []lexeme {
	var all []lexeme
	for i := 0; i < len(line); {
		c := line[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '"' || c == '\'':
			l, next := quoted(line, i)
			all, i = append(all, l), next
		case isWord(c):
			begin := i
			for i < len(line) && isWord(line[i]) {
				i++
			}
			all = append(all, lexeme{text: line[begin:i], begin: begin})
		default:
			all = append(all, lexeme{text: line[i : i+1], begin: i, symbol: true})
			i++
		}
	}
	return all
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// quoted reads a name or string from its opening quote.
func quoted(line string, begin int) (l lexeme, next int) {
	l = lexeme{quote: line[begin], begin: begin}
	var text strings.Builder
	for i := begin + 1; i < len(line); i++ {
		switch c := line[i]; {
		case c == l.quote:
			l.text = text.String()
			return l, i + 1
		case c == '\\' && i+1 < len(line):
			i++
			text.WriteByte(line[i])
		default:
			text.WriteByte(c)
		}
	}
	l.text, l.open = text.String(), true
	return l, len(line)
}
