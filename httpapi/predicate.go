package httpapi

import (
	"fmt"
	"strings"

	"github.com/timberlinedb/timberline/model"
)

// predicate is what the v2 API has for a condition on series:
//
//	predicate  = [ term { "AND" term } ] .
//	term       = comparison | "(" predicate ")" .
//	comparison = name "=" value .
//
// A name is bare or in double quotes, a value bare or in quotes of either kind. The name _measurement means the
// measurement, which is "" when none is named.
type predicate struct {
	measurement string
	filter      *model.TagFilter // nil: every series
}

// predicateError says where a predicate is wrong.
type predicateError struct {
	at     int // byte
	reason string
	field  bool // it asks for a field
}

func (e *predicateError) Error() string {
	if e.field {
		return e.reason
	}
	return fmt.Sprintf("%s, at position %d", e.reason, e.at)
}

// maxPredicateDepth bounds how deep parentheses may be nested.
const maxPredicateDepth = 100

// predicateParser reads a predicate from the left.
type predicateParser struct {
	text string
	at   int
	out  predicate
}

// parsePredicate reads a predicate; blank text is every series.
func parsePredicate(text string) (predicate, *predicateError) {
	p := predicateParser{text: text}
	p.blanks()
	if p.at == len(p.text) {
		return p.out, nil
	}
	if err := p.conjunction(0); err != nil {
		return predicate{}, err
	}
	if p.at < len(p.text) {
		return predicate{}, p.wrong("bad logical expression")
	}
	return p.out, nil
}

func (p *predicateParser) wrong(reason string) *predicateError {
	return &predicateError{at: p.at, reason: reason}
}

func (p *predicateParser) blanks() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// take reads one character when it is the next.
func (p *predicateParser) take(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *predicateParser) conjunction(depth int) *predicateError {
	if depth > maxPredicateDepth {
		return p.wrong("parentheses are nested too deep")
	}
	for {
		if err := p.term(depth); err != nil {
			return err
		}
		p.blanks()
		start := p.at
		word := p.bare()
		switch {
		case strings.EqualFold(word, "and"):
			p.blanks()
			continue
		case strings.EqualFold(word, "or"):
			p.at = start
			return p.wrong("the logical operator OR is not supported yet")
		}
		p.at = start
		return nil
	}
}

func (p *predicateParser) term(depth int) *predicateError {
	if !p.take('(') {
		return p.comparison()
	}
	p.blanks()
	if err := p.conjunction(depth + 1); err != nil {
		return err
	}
	if !p.take(')') {
		return p.wrong("extra ( seen")
	}
	return nil
}

func (p *predicateParser) comparison() *predicateError {
	start := p.at
	name, err := p.word(false)
	if err != nil {
		return err
	}
	p.blanks()
	if !p.take('=') {
		return p.wrong("invalid operator, want =")
	}
	if p.at < len(p.text) && (p.text[p.at] == '~' || p.text[p.at] == '=') {
		return p.wrong("invalid operator, want =")
	}
	p.blanks()
	value, err := p.word(true)
	if err != nil {
		return err
	}
	return p.add(start, name, value)
}

// add makes a comparison part of the predicate.
func (p *predicateParser) add(at int, name, value string) *predicateError {
	switch name {
	case "_field":
		return &predicateError{at: at, reason: "delete by field is not supported", field: true}
	case "_measurement":
		switch {
		case value == "":
			return &predicateError{at: at, reason: "the measurement has no name"}
		case p.out.measurement != "" && p.out.measurement != value:
			return &predicateError{at: at, reason: "two measurements, which no series has"}
		}
		p.out.measurement = value
		return nil
	}
	equal := &model.TagFilter{Op: model.TagEqual, Key: name, Value: value}
	if p.out.filter == nil {
		p.out.filter = equal
		return nil
	}
	if p.out.filter.Op != model.TagAnd {
		p.out.filter = &model.TagFilter{Op: model.TagAnd, Args: []*model.TagFilter{p.out.filter}}
	}
	p.out.filter.Args = append(p.out.filter.Args, equal)
	return nil
}

// word reads a name or a value. Single quotes are for values.
func (p *predicateParser) word(isValue bool) (string, *predicateError) {
	if p.at == len(p.text) {
		return "", p.wrong("unexpected end")
	}
	switch c := p.text[p.at]; {
	case c == '"', c == '\'' && isValue:
		return p.quoted(c)
	}
	word := p.bare()
	if word == "" {
		return "", p.wrong("bad tag name or value")
	}
	return word, nil
}

// bare reads letters, digits and what is harmless between them.
func (p *predicateParser) bare() string {
	start := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		if c < 0x80 && !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("_-.:%", c) >= 0) {
			break
		}
		p.at++
	}
	return p.text[start:p.at]
}

// quoted reads text up to the closing quote; a backslash takes the meaning from a quote, from itself, and makes a line
// break of n.
func (p *predicateParser) quoted(quote byte) (string, *predicateError) {
	start := p.at
	p.at++
	var b strings.Builder
	for p.at < len(p.text) {
		c := p.text[p.at]
		p.at++
		switch {
		case c == quote:
			return b.String(), nil
		case c != '\\':
			b.WriteByte(c)
			continue
		case p.at == len(p.text):
			return "", &predicateError{at: start, reason: "the quote is not closed"}
		}
		c = p.text[p.at]
		p.at++
		switch c {
		case 'n':
			b.WriteByte('\n')
		case '\\', '"', '\'':
			b.WriteByte(c)
		default:
			return "", p.wrong("bad escape")
		}
	}
	return "", &predicateError{at: start, reason: "the quote is not closed"}
}
