package shell

import (
	"slices"
	"strings"

	"github.com/timberlinedb/timberline/influxql"
)

// Completer finds how the word at the cursor may go on.
type Completer struct {
	schema *Schema
	where  func() (database, policy string) // of the session
}

// maxCompletions bounds what is offered at once.
const maxCompletions = 200

// Complete returns the ways in which the text before the cursor may go on: line is what stands before the cursor, rest
// what stands behind it, pending the earlier lines of the same statement. Line up to byte from stays, each word replaces
// what is behind.
func (c *Completer) Complete(pending, line, rest string) (from int, words []string) {
	text := pending + line
	if begin := strings.LastIndexByte(outsideQuotes(text), ';'); begin >= len(pending) {
		line = line[begin+1-len(pending):]
		offset := begin + 1 - len(pending)
		at, found := c.Complete("", line, rest)
		return offset + at, found
	} else if begin >= 0 {
		pending, text = pending[begin+1:], text[begin+1:]
	}
	typed := lexemes(text)
	partial := lexeme{begin: len(text)}
	if n := len(typed); n > 0 {
		last := typed[n-1]
		bare := last.quote == 0 && !last.symbol && strings.HasSuffix(text, last.text)
		if last.open || bare {
			partial, typed = last, typed[:n-1]
		}
	}
	if partial.begin < len(pending) {
		return len(line), nil // the word began on an earlier line
	}
	w := &wanted{Completer: c, before: typed, partial: partial, rest: lexemes(rest)}
	w.find()
	return partial.begin - len(pending), w.words()
}

// outsideQuotes blanks what is quoted, so that signs in it count for nothing.
func outsideQuotes(text string) string {
	b := []byte(text)
	for _, l := range lexemes(text) {
		if l.quote == 0 {
			continue
		}
		_, end := quoted(text, l.begin)
		for i := l.begin; i < end; i++ {
			b[i] = ' '
		}
	}
	return string(b)
}

// wanted is one search for words.
type wanted struct {
	*Completer
	before  []lexeme // what stands before the word, of this statement
	partial lexeme   // the word so far
	rest    []lexeme // what stands behind the cursor
	found   []string
}

// words returns what was found and fits, without doubles.
func (w *wanted) words() []string {
	var fit []string
	for _, word := range w.found {
		if len(fit) < maxCompletions && !slices.Contains(fit, word) {
			fit = append(fit, word)
		}
	}
	return fit
}

// begins reports whether the word so far is the beginning of text.
func (w *wanted) begins(text string) bool {
	return len(text) >= len(w.partial.text) && strings.EqualFold(text[:len(w.partial.text)], w.partial.text)
}

// keywords offers words of the language, in the case in which the user writes.
func (w *wanted) keywords(words ...string) {
	if w.partial.quote != 0 {
		return
	}
	model := w.partial.text
	for i := len(w.before) - 1; model == "" && i >= 0; i-- {
		if l := w.before[i]; !l.symbol && l.quote == 0 && influxql.Lookup(l.text) != influxql.IDENT {
			model = l.text
		}
	}
	lower := model != "" && model == strings.ToLower(model)
	for _, word := range words {
		if !w.begins(word) {
			continue
		}
		if lower {
			word = strings.ToLower(word)
		}
		w.found = append(w.found, word)
	}
}

// plain offers words that are written as they are.
func (w *wanted) plain(words ...string) {
	for _, word := range words {
		if w.partial.quote == 0 && w.begins(word) {
			w.found = append(w.found, word)
		}
	}
}

// names offers names, quoted where they need it or where the user began with a quote.
func (w *wanted) names(names []string) {
	for _, name := range names {
		if w.partial.quote == '\'' || !w.begins(name) {
			continue
		}
		text := influxql.QuoteIdent(name)
		if w.partial.quote == '"' && !strings.HasPrefix(text, `"`) {
			text = `"` + text + `"`
		}
		w.found = append(w.found, text)
	}
}

// strings offers string literals.
func (w *wanted) strings(values []string) {
	for _, v := range values {
		if w.partial.quote != '"' && w.begins(v) {
			w.found = append(w.found, influxql.QuoteString(v))
		}
	}
}

// last returns the n-th lexeme from the end of what stands before, counted from one.
func (w *wanted) last(n int) lexeme {
	if n > len(w.before) {
		return lexeme{}
	}
	return w.before[len(w.before)-n]
}

// find collects what may stand at the cursor.
func (w *wanted) find() {
	if len(w.before) == 0 {
		w.keywords(influxql.NextWords()...)
		w.plain(commandNames()...)
		return
	}
	if w.command() {
		return
	}
	words := make([]string, 0, 4)
	for _, l := range w.before {
		if l.symbol || l.quote != 0 {
			break
		}
		words = append(words, l.text)
	}
	if len(words) == len(w.before) {
		w.keywords(influxql.NextWords(words...)...)
	}
	w.statement()
}

// command offers the words of a command and reports whether the line is one.
func (w *wanted) command() bool {
	first, n := w.before[0], len(w.before)
	if first.symbol && first.text == `\` {
		if n == 1 {
			w.plain(backslashNames()...)
		}
		return true
	}
	database, policy := w.where()
	switch strings.ToLower(first.text) {
	case "use":
		switch {
		case n == 1:
			w.names(w.schema.names(nameKey{kind: databaseNames}))
		case n == 3 && w.last(1).is("."):
			w.names(w.schema.names(nameKey{kind: policyNames, database: w.before[1].text}))
		}
	case "insert":
		switch {
		case n == 1:
			w.plain("into")
			w.names(w.schema.names(nameKey{kind: measurementNames, database: database, policy: policy}))
		case n == 2 && w.before[1].is("INTO"):
			w.names(w.schema.names(nameKey{kind: policyNames, database: database}))
		}
	case "format":
		w.plain(formats...)
	case "precision":
		w.plain(precisions...)
	case "help":
		w.plain(commandNames()...)
	case "consistency":
		w.plain("all", "any", "one", "quorum")
	case "clear":
		w.plain("database", "retention")
	case "chunk":
		w.plain("size")
	case "pretty", "timing", "pager", "chunked":
		w.plain("on", "off")
	default:
		return findCommand(first.text) != nil
	}
	return true
}

// statement offers what may stand in a statement behind its first words.
func (w *wanted) statement() {
	database, policy := w.where()
	prev := w.last(1)
	first := w.before[0]
	switch {
	case prev.is("ON"):
		w.names(w.schema.names(nameKey{kind: databaseNames}))
	case prev.is("DATABASE") && !first.is("CREATE"):
		w.names(w.schema.names(nameKey{kind: databaseNames}))
	case prev.is("USER") && !first.is("CREATE"), prev.is("TO") && first.is("GRANT"), prev.is("FOR"), prev.is("FROM") && first.is("REVOKE"):
		w.names(w.schema.names(nameKey{kind: userNames}))
	case prev.is("POLICY") && !first.is("CREATE"):
		w.names(w.schema.names(nameKey{kind: policyNames, database: database}))
	case prev.is("FROM"), prev.is("INTO"), prev.is("MEASUREMENT") && !first.is("CREATE"), w.last(2).is("MEASUREMENT") && prev.is("="):
		w.names(w.schema.names(nameKey{kind: measurementNames, database: database, policy: policy}))
		if prev.is("FROM") && first.is("SELECT") {
			w.plain("(")
		}
	case prev.is(".") && !w.last(2).symbol && w.clause() == "FROM":
		w.names(w.schema.names(nameKey{kind: measurementNames, database: database, policy: w.last(2).text}))
		w.names(w.schema.names(nameKey{kind: policyNames, database: w.last(2).text}))
	default:
		w.inClause(database, policy)
	}
}

// clause returns the clause in which the cursor is.
func (w *wanted) clause() string {
	for i := len(w.before) - 1; i >= 0; i-- {
		for _, word := range [...]string{"SELECT", "FROM", "WHERE", "BY", "WITH", "LIMIT", "INTO"} {
			if w.before[i].is(word) {
				return word
			}
		}
	}
	return ""
}

// measurement returns the first source that stands in the statement, before or behind the cursor.
func (w *wanted) measurement() string {
	for _, part := range [...][]lexeme{w.before, w.rest} {
		for i, l := range part {
			if !l.is("FROM") || i+1 == len(part) || part[i+1].symbol {
				continue
			}
			i++
			for i+2 < len(part) && part[i+1].text == "." && !part[i+2].symbol {
				i += 2
			}
			return part[i].text
		}
	}
	return ""
}

// inClause offers fields, tags, functions, values and the clauses that may follow.
func (w *wanted) inClause(database, policy string) {
	m := w.measurement()
	key := func(kind nameKind, tag string) []string {
		return w.schema.names(nameKey{kind: kind, database: database, policy: policy, measurement: m, tag: tag})
	}
	prev, clause := w.last(1), w.clause()
	operand := prev.symbol && prev.text != ")" && prev.text != "*" || prev.is("WHERE") || prev.is("AND") || prev.is("OR") || prev.is("BY") || prev.is("SELECT")
	switch {
	case clause == "WITH" && w.last(2).is("KEY"):
		w.names(key(tagNames, ""))
	case clause == "SELECT" && (operand || prev.is("DISTINCT")):
		w.names(key(fieldNames, ""))
		w.names(key(tagNames, ""))
		w.calls(functions)
	case clause == "SELECT":
		w.keywords("FROM", "AS", "INTO")
	case clause == "WHERE" && (prev.text == "=" || w.last(2).text == "!" || w.last(2).text == "<") && prev.symbol:
		w.values(key)
	case clause == "WHERE" && operand:
		w.names(append(slices.Clone(key(tagNames, "")), "time"))
		w.names(key(fieldNames, ""))
		w.plain("now()")
	case clause == "WHERE":
		w.keywords(append([]string{"AND", "OR"}, clauses[1:]...)...)
	case clause == "BY" && operand:
		w.plain("time(")
		w.names(key(tagNames, ""))
		w.plain("*")
	case clause == "BY" && w.last(2).is("ORDER"), prev.is("TIME"):
		w.keywords("ASC", "DESC", "LIMIT")
	case clause == "FROM" && !prev.symbol, clause == "BY", clause == "LIMIT", clause == "WITH", prev.text == ")":
		w.keywords(clauses...)
	case len(w.found) == 0:
		w.keywords("ON", "FROM", "WITH", "WHERE", "LIMIT", "OFFSET", "CARDINALITY")
	}
}

// values offers the values of the tag that is compared.
func (w *wanted) values(key func(nameKind, string) []string) {
	n := 2
	if w.last(2).symbol {
		n = 3 // != and <>
	}
	if tag := w.last(n); !tag.symbol && tag.text != "" {
		w.strings(key(tagValues, tag.text))
	}
}

// calls offers functions with the parenthesis that follows.
func (w *wanted) calls(names []string) {
	for _, name := range names {
		if w.partial.quote == 0 && w.begins(name) {
			w.found = append(w.found, name+"(")
		}
	}
}
