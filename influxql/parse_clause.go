package influxql

import (
	"errors"
	"slices"
	"strconv"
)

// optionalClauses names the clauses a statement may have, by where they go. They are read in the order of the fields;
// nil is a clause the statement does not have.
type optionalClauses struct {
	on           *string
	from         *Sources
	withKey      *tagKey
	where        *Expr
	groupBy      *Dimensions
	orderBy      *SortFields
	limit        *int
	offset       *int
	seriesLimit  *int
	seriesOffset *int
}

func (p *Parser) clauses(c optionalClauses) (err error) {
	read := func(present bool, clause func() error) {
		if err == nil && present {
			err = clause()
		}
	}
	read(c.on != nil, func() error { return p.on(c.on) })
	read(c.from != nil, func() error { return p.from(c.from) })
	read(c.withKey != nil, func() error { return p.withKey(c.withKey) })
	read(c.where != nil, func() error { return p.where(c.where) })
	read(c.groupBy != nil, func() error { return p.groupBy(c.groupBy) })
	read(c.orderBy != nil, func() error { return p.orderBy(c.orderBy, nil) })
	read(c.limit != nil, func() error { return p.count(LIMIT, c.limit) })
	read(c.offset != nil, func() error { return p.count(OFFSET, c.offset) })
	read(c.seriesLimit != nil, func() error { return p.count(SLIMIT, c.seriesLimit) })
	read(c.seriesOffset != nil, func() error { return p.count(SOFFSET, c.seriesOffset) })
	return err
}

// on reads [ON database].
func (p *Parser) on(database *string) (err error) {
	if p.accept(ON) {
		*database, err = p.name()
	}
	return err
}

// from reads [FROM measurement, …].
func (p *Parser) from(sources *Sources) (err error) {
	if p.accept(FROM) {
		*sources, err = p.sources(false)
	}
	return err
}

// where reads [WHERE condition].
func (p *Parser) where(condition *Expr) (err error) {
	if p.accept(WHERE) {
		*condition, err = p.ParseExpr()
	}
	return err
}

// groupBy reads [GROUP BY dimension, …].
func (p *Parser) groupBy(dimensions *Dimensions) error {
	if !p.accept(GROUP) {
		return nil
	}
	if err := p.expect(BY); err != nil {
		return err
	}
	for {
		d, err := p.dimension()
		if err != nil {
			return err
		}
		*dimensions = append(*dimensions, d)
		if p.scan().Token != COMMA {
			p.back()
			return nil
		}
	}
}

// dimension reads one element of GROUP BY. No blank may stand between a regular expression and the comma.
func (p *Parser) dimension() (*Dimension, error) {
	re, err := p.optionalRegex()
	if err != nil {
		return nil, err
	}
	if re != nil {
		return &Dimension{Expr: re}, nil
	}
	p.inDimension = true
	expr, err := p.ParseExpr()
	p.inDimension = false
	if err != nil {
		return nil, err
	}
	p.skipSpace()
	return &Dimension{Expr: expr}, nil
}

var errOrderByTime = errors.New("only ORDER BY time supported at this time")

// orderBy reads [ORDER BY field, …]. Without a SELECT, only the time alone is supported; with one, the columns of its result
// are too, which 1.x does not have.
func (p *Parser) orderBy(fields *SortFields, s *SelectStatement) error {
	if !p.accept(ORDER) {
		return nil
	}
	if err := p.expect(BY); err != nil {
		return err
	}
	first, err := p.firstSortField(s)
	if err != nil {
		return err
	}
	all := SortFields{first}
	for p.accept(COMMA) {
		next, err := p.sortField()
		if err != nil {
			return err
		}
		all = append(all, next)
	}
	if slices.ContainsFunc(all, func(f *SortField) bool { return f.byColumn() && !s.sortable(f.Name) }) {
		return errOrderByTime
	}
	switch {
	case slices.ContainsFunc(all, (*SortField).byColumn):
		p.extend(OrderByColumn)
	case len(all) > 1:
		return errOrderByTime
	}
	*fields = all
	return nil
}

// sortable reports whether rows can be sorted by a name: that of a column, as far as the columns are known yet.
func (s *SelectStatement) sortable(name string) bool {
	return s != nil && (name == "time" || s.HasFieldWildcard() || slices.Contains(s.ColumnNames(), name))
}

// firstSortField reads an element of ORDER BY that may be a mere ASC or DESC.
func (p *Parser) firstSortField(s *SelectStatement) (*SortField, error) {
	l := p.next()
	switch l.Token {
	case ASC, DESC:
		return &SortField{Ascending: l.Token == ASC}, nil
	case IDENT:
		p.back()
		field, err := p.sortField()
		if err == nil && field.Name != "time" && !s.sortable(field.Name) {
			err = errOrderByTime
		}
		return field, err
	}
	return nil, notExpected(l, "identifier", "ASC", "DESC")
}

func (p *Parser) sortField() (*SortField, error) {
	name, err := p.name()
	if err != nil {
		return nil, err
	}
	field := &SortField{Name: name, Ascending: true}
	switch p.next().Token {
	case ASC:
	case DESC:
		field.Ascending = false
	default:
		p.back()
	}
	return field, nil
}

// count reads [LIMIT n] or another clause of that form. A number too large means the largest.
func (p *Parser) count(keyword Token, n *int) error {
	if !p.accept(keyword) {
		return nil
	}
	l := p.next()
	if l.Token != INTEGER {
		return notExpected(l, "integer")
	}
	value, _ := strconv.ParseInt(l.Text, 10, 64)
	if value < 0 {
		return failAt(l, keyword.String()+" must be >= 0")
	}
	*n = int(value)
	return nil
}

// tagKey is where WITH KEY goes.
type tagKey struct {
	op       *Token
	expr     *Literal
	optional bool
}

// withKey reads WITH KEY and the comparison behind it.
func (p *Parser) withKey(key *tagKey) error {
	if key.optional && !p.peekIs(WITH) {
		return nil
	}
	if err := p.expect(WITH, KEY); err != nil {
		return err
	}
	l := p.next()
	*key.op = l.Token
	switch l.Token {
	case IN:
		names, err := p.parenthesizedNames()
		*key.expr = &ListLiteral{Values: names}
		return err
	case EQ, NEQ:
		name, err := p.name()
		*key.expr = &StringLiteral{Value: name}
		return err
	case EQREGEX, NEQREGEX:
		re, err := p.requiredRegex()
		*key.expr = re
		return err
	}
	return notExpected(l, "IN", "=", "=~")
}

// peekIs reports whether the next lexeme is tok, without taking it.
func (p *Parser) peekIs(tok Token) bool {
	found := p.accept(tok)
	if found {
		p.back()
	}
	return found
}

func (p *Parser) parenthesizedNames() ([]string, error) {
	if err := p.expect(LPAREN); err != nil {
		return nil, err
	}
	names, err := p.names()
	if err != nil {
		return nil, err
	}
	return names, p.expect(RPAREN)
}
