package influxql

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The bounds on one statement. They are far above what people and dashboards write and keep every walk over a tree
// within a few dozen megabytes of stack.
const (
	// MaxNesting is how deep parentheses and function calls may nest.
	MaxNesting = 10_000
	// MaxSubqueries is how deep subqueries may nest.
	MaxSubqueries = 250
	// MaxOperators is how many binary operators a statement may have.
	MaxOperators = 1 << 18
)

// Parser reads statements from a text. It is used by one goroutine and once.
type Parser struct {
	lexemes lexemeBuffer
	params  map[string]boundValue

	extensions  []Form // met so far
	inDimension bool   // where calendar intervals may stand

	// Spent of the bounds above, in the statement at hand.
	nesting, subqueries, operators int
}

// NewParser returns a parser at the beginning of text.
func NewParser(text string) *Parser {
	return &Parser{lexemes: lexemeBuffer{scanner: *NewScanner(text)}}
}

// ParseQuery reads all statements of a text, separated by semicolons.
func ParseQuery(text string) (*Query, error) { return NewParser(text).ParseQuery() }

// ParseStatement reads the first statement of a text. What follows it is not looked at.
func ParseStatement(text string) (Statement, error) { return NewParser(text).ParseStatement() }

// ParseExpr reads the expression at the beginning of a text. What follows it is not looked at.
func ParseExpr(text string) (Expr, error) { return NewParser(text).ParseExpr() }

// MustParseStatement is ParseStatement for texts known to be right; it panics on others.
func MustParseStatement(text string) Statement {
	stmt, err := ParseStatement(text)
	if err != nil {
		panic(err)
	}
	return stmt
}

// MustParseExpr is ParseExpr for texts known to be right; it panics on others.
func MustParseExpr(text string) Expr {
	expr, err := ParseExpr(text)
	if err != nil {
		panic(err)
	}
	return expr
}

// ParseQuery reads the statements up to the end of the text.
func (p *Parser) ParseQuery() (*Query, error) {
	query := &Query{}
	separated := true
	for {
		l := p.next()
		switch {
		case l.Token == EOF:
			return query, nil
		case l.Token == SEMICOLON:
			separated = true
		case !separated:
			return nil, notExpected(l, ";")
		default:
			p.back()
			stmt, err := p.ParseStatement()
			if err != nil {
				return nil, err
			}
			query.Statements = append(query.Statements, stmt)
			separated = false
		}
	}
}

// ParseStatement reads one statement.
func (p *Parser) ParseStatement() (Statement, error) {
	p.nesting, p.subqueries, p.operators = 0, 0, 0
	return statements.parseStatement(p)
}

// lexemeBuffer lets the parser step back over the last three lexemes.
type lexemeBuffer struct {
	scanner Scanner
	window  [3]Lexeme
	last    int // index of the lexeme scanned last
	pushed  int // how many are stepped back over
}

// read returns the next lexeme, from the text with scan if none was stepped back over.
func (b *lexemeBuffer) read(scan func(*Scanner) Lexeme) Lexeme {
	if b.pushed > 0 {
		b.pushed--
		return b.window[(b.last+2*len(b.window)-b.pushed)%len(b.window)]
	}
	b.last = (b.last + 1) % len(b.window)
	b.window[b.last] = scan(&b.scanner)
	return b.window[b.last]
}

// scan returns the next lexeme, white space and comments included.
func (p *Parser) scan() Lexeme { return p.substitute(p.lexemes.read((*Scanner).Scan)) }

// scanRegex returns the next lexeme, which should be a regular expression.
func (p *Parser) scanRegex() Lexeme { return p.substitute(p.lexemes.read((*Scanner).ScanRegex)) }

// next returns the next lexeme that is not white space or a comment.
func (p *Parser) next() Lexeme {
	for {
		if l := p.scan(); l.Token != WS && l.Token != COMMENT {
			return l
		}
	}
}

// back steps back over the last lexeme.
func (p *Parser) back() { p.lexemes.pushed++ }

// skipSpace takes the next lexeme if it is white space.
func (p *Parser) skipSpace() {
	if p.scan().Token != WS {
		p.back()
	}
}

// peekRune returns the next character of the text. Lexemes stepped back over stand before it.
func (p *Parser) peekRune() rune { return p.lexemes.scanner.runes.peek() }

// accept takes the next lexeme if it is tok.
func (p *Parser) accept(tok Token) bool {
	if p.next().Token == tok {
		return true
	}
	p.back()
	return false
}

// expect takes the given lexemes.
func (p *Parser) expect(tokens ...Token) error {
	for _, tok := range tokens {
		if l := p.next(); l.Token != tok {
			return notExpected(l, tok.String())
		}
	}
	return nil
}

// expectNow takes the given lexeme, which no white space may come before.
func (p *Parser) expectNow(tok Token) error {
	if l := p.scan(); l.Token != tok {
		return notExpected(l, tok.String())
	}
	return nil
}

// enter counts one more level of a bounded kind; the caller takes it back when it leaves the level.
func (p *Parser) enter(level *int, bound int, kind string) error {
	if *level++; *level > bound {
		l := Lexeme{Position: p.lexemes.scanner.runes.last().pos}
		return failAt(l, fmt.Sprintf("too many %s, the limit is %d", kind, bound))
	}
	return nil
}

// name reads an identifier.
func (p *Parser) name() (string, error) {
	l := p.next()
	if l.Token != IDENT {
		return "", notExpected(l, "identifier")
	}
	return l.Text, nil
}

// names reads identifiers separated by commas.
func (p *Parser) names() ([]string, error) { return list(p, p.name) }

// text reads a string literal.
func (p *Parser) text() (string, error) {
	l := p.next()
	if l.Token != STRING {
		return "", notExpected(l, "string")
	}
	return l.Text, nil
}

// texts reads string literals separated by commas.
func (p *Parser) texts() ([]string, error) { return list(p, p.text) }

// list reads one or more elements separated by commas.
func list[T any](p *Parser, element func() (T, error)) ([]T, error) {
	var all []T
	for {
		one, err := element()
		if err != nil {
			return nil, err
		}
		all = append(all, one)
		if !p.accept(COMMA) {
			return all, nil
		}
	}
}

// positiveInt reads an integer from 1 to the largest of 32 bits.
func (p *Parser) positiveInt() (int, error) {
	l := p.next()
	if l.Token != INTEGER {
		return 0, notExpected(l, "integer")
	}
	n, err := strconv.Atoi(l.Text)
	if err != nil {
		return 0, failAt(l, err.Error())
	}
	if n < 1 || n > math.MaxInt32 {
		return 0, failAt(l, fmt.Sprintf("invalid value %d: must be %d <= n <= %d", n, 1, math.MaxInt32))
	}
	return n, nil
}

// id reads an unsigned integer.
func (p *Parser) id() (uint64, error) {
	l := p.next()
	if l.Token != INTEGER {
		return 0, notExpected(l, "integer")
	}
	n, err := strconv.ParseUint(l.Text, 10, 64)
	if err != nil {
		return 0, failAt(l, err.Error())
	}
	return n, nil
}

// duration reads a duration; INF is 0.
func (p *Parser) duration() (time.Duration, error) {
	if p.accept(INF) {
		return 0, nil
	}
	return p.finiteDuration()
}

// finiteDuration reads a duration other than INF.
func (p *Parser) finiteDuration() (time.Duration, error) {
	l := p.next()
	if l.Token != DURATIONVAL {
		return 0, notExpected(l, "duration")
	}
	d, err := ParseDuration(l.Text)
	if err != nil {
		return 0, failAt(l, err.Error())
	}
	return d, nil
}

// segments reads up to three names joined by dots. A dot may be last: what follows it, a regular expression or
// :MEASUREMENT, is then for the caller to read.
func (p *Parser) segments() ([]string, error) {
	first, err := p.name()
	if err != nil {
		return nil, err
	}
	names := []string{first}
	for {
		if p.scan().Token != DOT {
			p.back()
			break
		}
		ch := p.peekRune()
		if ch == '/' || ch == ':' {
			break
		}
		if ch == '.' {
			names = append(names, "")
			continue
		}
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if len(names) > 3 {
		return nil, &ParseError{Message: "too many segments in " + QuoteIdent(names...)}
	}
	return names, nil
}

// isCallOf reports whether l is the name of a clause written as a call.
func isCallOf(l Lexeme, name string) bool {
	return l.Token == IDENT && strings.ToLower(l.Text) == name
}
