package influxql

// sources reads sources separated by commas.
func (p *Parser) sources(subqueries bool) (Sources, error) {
	return list(p, func() (Source, error) { return p.source(subqueries) })
}

// source reads a measurement or, where they are allowed, a subquery.
func (p *Parser) source(subqueries bool) (Source, error) {
	re, err := p.regex()
	if err != nil {
		return nil, err
	}
	if re != nil {
		return &Measurement{Regex: re}, nil
	}
	if subqueries && p.accept(LPAREN) {
		src, err := p.subquery()
		if err != nil {
			return nil, err
		}
		return p.joined(src.(*SubQuery))
	}
	return p.measurement()
}

// subquery reads what follows the opening parenthesis.
func (p *Parser) subquery() (Source, error) {
	if err := p.enter(&p.subqueries, MaxSubqueries, "levels of subqueries"); err != nil {
		return nil, err
	}
	defer func() { p.subqueries-- }()

	if err := p.expect(SELECT); err != nil {
		return nil, err
	}
	stmt, err := p.selectBody(targetOptional)
	if err != nil {
		return nil, err
	}
	return &SubQuery{Statement: stmt}, p.expect(RPAREN)
}

// measurement reads database.policy.name with any of the parts before the last left out; the last may be a regular
// expression.
func (p *Parser) measurement() (Source, error) {
	segments, err := p.segments()
	if err != nil {
		return nil, err
	}
	m := &Measurement{}
	if len(segments) == 3 {
		m.Database, m.RetentionPolicy, m.Name = segments[0], segments[1], segments[2]
		return m, nil
	}
	if m.Regex, err = p.regex(); err != nil {
		return nil, err
	}
	if m.Regex == nil {
		m.Name = segments[len(segments)-1]
		segments = segments[:len(segments)-1]
	}
	switch len(segments) {
	case 1:
		m.RetentionPolicy = segments[0]
	case 2:
		m.Database, m.RetentionPolicy = segments[0], segments[1]
	}
	return m, nil
}
