package influxql

import (
	"slices"
	"strings"
)

// NextWords returns the words that may follow the given ones at the beginning of a statement, those of extensions
// included, sorted and in upper case: all first words for none. It returns nil where the words are no beginning, or
// where they are a whole path, behind which names and clauses follow.
func NextWords(words ...string) []string {
	g := statements
	for _, word := range words {
		if g = g.follow(Lexeme{Token: Lookup(word), Text: word}); g == nil {
			return nil
		}
	}
	var next []string
	for tok := range g.tokens {
		next = append(next, tok.String())
	}
	for word := range g.words {
		next = append(next, word)
	}
	slices.Sort(next)
	return next
}

// Keywords returns the reserved words, in upper case and sorted.
func Keywords() []string {
	words := make([]string, 0, len(reserved))
	for word := range reserved {
		words = append(words, strings.ToUpper(word))
	}
	slices.Sort(words)
	return words
}
