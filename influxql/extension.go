package influxql

import "slices"

// Form is a form of a statement that InfluxQL 1.x does not have. Every text in such a form is an error there.
type Form string

// The forms beyond 1.x.
const (
	OrderByColumn Form = "ORDER BY column"
	HavingClause  Form = "HAVING"
	DistinctTag   Form = "DISTINCT tag"
	CalendarTime  Form = "time(calendar interval)"
	FillWithAge   Form = "fill(previous, age)"
	JoinedSources Form = "JOIN"
	DropField     Form = "DROP FIELD"
	AlterField    Form = "ALTER FIELD"
	RenameAny     Form = "RENAME"
	AnyConflicts  Form = "FIELD CONFLICTS"
)

// Extensions returns the forms beyond InfluxQL 1.x that were met so far, each once.
func (p *Parser) Extensions() []Form { return slices.Clone(p.extensions) }

// extend notes that a form beyond 1.x was met.
func (p *Parser) extend(f Form) {
	if !slices.Contains(p.extensions, f) {
		p.extensions = append(p.extensions, f)
	}
}

// attempt reads a form that begins like an error of 1.x. When it does not hold to its end, the parser is back at its
// beginning, so that the error is told as 1.x does.
func (p *Parser) attempt(read func() bool) bool {
	saved := p.lexemes
	if read() {
		return true
	}
	p.lexemes = saved
	return false
}

// acceptWord takes the next lexeme if it is a word of an extension, which is no keyword.
func (p *Parser) acceptWord(word string) bool {
	if isCallOf(p.next(), word) {
		return true
	}
	p.back()
	return false
}

// having reads [HAVING condition].
func (p *Parser) having(s *SelectStatement) (err error) {
	if s.Having != nil || !p.acceptWord("having") {
		return nil
	}
	p.extend(HavingClause)
	s.Having, err = p.ParseExpr()
	return err
}

// joined reads what may follow a subquery that is the first of a list: AS a JOIN (SELECT …) AS b ON time, tag, …
func (p *Parser) joined(first *SubQuery) (Source, error) {
	if !p.attempt(func() bool { return p.alias(first) && p.acceptWord("join") }) {
		first.Alias = ""
		return first, nil
	}
	p.extend(JoinedSources)
	join := &SelectStatement{
		Fields: Fields{{Expr: &Wildcard{Type: FIELD}}}, Sources: Sources{first}, Join: true, IsRawQuery: true,
	}
	for {
		if err := p.joinedPart(join); err != nil {
			return nil, err
		}
		if !p.acceptWord("join") {
			return &SubQuery{Statement: join}, nil
		}
	}
}

// joinedPart reads (SELECT …) AS name ON time, tag, … All parts are joined by the same tags.
func (p *Parser) joinedPart(join *SelectStatement) error {
	if err := p.expect(LPAREN); err != nil {
		return err
	}
	src, err := p.subquery()
	if err != nil {
		return err
	}
	part := src.(*SubQuery)
	l := p.next()
	p.back()
	if !p.alias(part) {
		return notExpected(l, "AS")
	}
	for _, other := range join.Sources {
		if other.(*SubQuery).Alias == part.Alias {
			return failAt(l, "two sources of a JOIN are named "+QuoteIdent(part.Alias))
		}
	}
	tags, err := p.joinTags()
	if err != nil {
		return err
	}
	if len(join.Sources) > 1 && !slices.Equal(tags, join.joinTags()) {
		return failAt(l, "all sources of a JOIN must be joined on the same tags")
	}
	join.Sources, join.Dimensions = append(join.Sources, part), nil
	for _, tag := range tags {
		join.Dimensions = append(join.Dimensions, &Dimension{Expr: &VarRef{Name: tag}})
	}
	return nil
}

// alias reads AS name.
func (p *Parser) alias(s *SubQuery) bool {
	if !p.accept(AS) {
		return false
	}
	l := p.next()
	s.Alias = l.Text
	return l.Token == IDENT
}

// joinTags reads ON time, tag, …
func (p *Parser) joinTags() ([]string, error) {
	if err := p.expect(ON); err != nil {
		return nil, err
	}
	l := p.next()
	if !isCallOf(l, "time") {
		return nil, notExpected(l, "time")
	}
	if !p.accept(COMMA) {
		return nil, nil
	}
	return p.names()
}

// joinTags returns the tags that a JOIN joins on.
func (s *SelectStatement) joinTags() []string {
	var tags []string
	for _, d := range s.Dimensions {
		tags = append(tags, d.Expr.(*VarRef).Name)
	}
	return tags
}

// printJoin prints the sources of a JOIN.
func (s *SelectStatement) printJoin(w *printer) {
	for i, src := range s.Sources {
		part := src.(*SubQuery)
		if i > 0 {
			w.text(" JOIN ")
		}
		w.text("(")
		part.Statement.print(w)
		w.ident(") AS ", part.Alias)
		if i > 0 {
			w.text(" ON time")
			for _, tag := range s.joinTags() {
				w.ident(", ", tag)
			}
		}
	}
}
