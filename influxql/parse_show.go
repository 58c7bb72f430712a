package influxql

// The functions below read what follows the words of their rule in the grammar.

func (p *Parser) parseShowDiagnostics() (*ShowDiagnosticsStatement, error) {
	stmt := &ShowDiagnosticsStatement{}
	return stmt, p.module(&stmt.Module)
}

func (p *Parser) parseShowStats() (*ShowStatsStatement, error) {
	stmt := &ShowStatsStatement{}
	return stmt, p.module(&stmt.Module)
}

// module reads [FOR 'name'].
func (p *Parser) module(name *string) (err error) {
	if p.accept(FOR) {
		*name, err = p.text()
	}
	return err
}

func (p *Parser) parseShowGrants() (*ShowGrantsForUserStatement, error) {
	name, err := p.name()
	return &ShowGrantsForUserStatement{Name: name}, err
}

func (p *Parser) parseShowRetentionPolicies() (*ShowRetentionPoliciesStatement, error) {
	stmt := &ShowRetentionPoliciesStatement{}
	return stmt, p.on(&stmt.Database)
}

func (p *Parser) parseShowMeasurements() (*ShowMeasurementsStatement, error) {
	stmt := &ShowMeasurementsStatement{}
	if p.accept(ON) {
		if err := p.nameOrWildcard(&stmt.Database, &stmt.WildcardDatabase); err != nil {
			return nil, err
		}
		if p.accept(DOT) {
			if err := p.nameOrWildcard(&stmt.RetentionPolicy, &stmt.WildcardRetentionPolicy); err != nil {
				return nil, err
			}
		}
	}
	if p.accept(WITH) {
		var err error
		if stmt.Source, err = p.withMeasurement(); err != nil {
			return nil, err
		}
	}
	return stmt, p.clauses(optionalClauses{
		where: &stmt.Condition, orderBy: &stmt.SortFields, limit: &stmt.Limit, offset: &stmt.Offset,
	})
}

func (p *Parser) nameOrWildcard(name *string, wildcard *bool) error {
	l := p.next()
	switch l.Token {
	case IDENT:
		*name = l.Text
	case MUL:
		*wildcard = true
	default:
		return notExpected(l, "identifier or *")
	}
	return nil
}

// withMeasurement reads what follows WITH. Which of the two operators stands there makes no difference.
func (p *Parser) withMeasurement() (Source, error) {
	if err := p.expect(MEASUREMENT); err != nil {
		return nil, err
	}
	if l := p.next(); l.Token != EQ && l.Token != EQREGEX {
		return nil, notExpected(l, "=", "=~")
	}
	return p.source(false)
}

// parseShowSeries reads SHOW SERIES or, if the word follows, SHOW SERIES CARDINALITY. EXACT before another word is
// taken and means nothing.
func (p *Parser) parseShowSeries() (Statement, error) {
	exact := p.accept(EXACT)
	if p.accept(CARDINALITY) {
		stmt := &ShowSeriesCardinalityStatement{Exact: exact}
		return stmt, p.clauses(optionalClauses{
			on: &stmt.Database, from: &stmt.Sources, where: &stmt.Condition, groupBy: &stmt.Dimensions,
			limit: &stmt.Limit, offset: &stmt.Offset,
		})
	}
	stmt := &ShowSeriesStatement{}
	return stmt, p.clauses(optionalClauses{
		on: &stmt.Database, from: &stmt.Sources, where: &stmt.Condition, orderBy: &stmt.SortFields,
		limit: &stmt.Limit, offset: &stmt.Offset,
	})
}

func (p *Parser) parseShowMeasurementExactCardinality() (*ShowMeasurementCardinalityStatement, error) {
	if err := p.expect(CARDINALITY); err != nil {
		return nil, err
	}
	stmt, err := p.parseShowMeasurementCardinality()
	stmt.Exact = true
	return stmt, err
}

func (p *Parser) parseShowMeasurementCardinality() (*ShowMeasurementCardinalityStatement, error) {
	stmt := &ShowMeasurementCardinalityStatement{}
	return stmt, p.clauses(optionalClauses{
		on: &stmt.Database, from: &stmt.Sources, where: &stmt.Condition, groupBy: &stmt.Dimensions,
		limit: &stmt.Limit, offset: &stmt.Offset,
	})
}

// keyCardinality reads [EXACT] CARDINALITY.
func (p *Parser) keyCardinality() (exact bool, err error) {
	exact = p.accept(EXACT)
	l := p.next()
	switch {
	case l.Token == CARDINALITY:
		return exact, nil
	case exact:
		return exact, notExpected(l, "CARDINALITY")
	}
	return exact, notExpected(l, "EXACT", "CARDINALITY")
}

func (p *Parser) parseShowTagKeyCardinality() (*ShowTagKeyCardinalityStatement, error) {
	exact, err := p.keyCardinality()
	if err != nil {
		return nil, err
	}
	stmt := &ShowTagKeyCardinalityStatement{Exact: exact}
	return stmt, p.clauses(optionalClauses{
		on: &stmt.Database, from: &stmt.Sources, where: &stmt.Condition, groupBy: &stmt.Dimensions,
		limit: &stmt.Limit, offset: &stmt.Offset,
	})
}

func (p *Parser) parseShowFieldKeyCardinality() (*ShowFieldKeyCardinalityStatement, error) {
	exact, err := p.keyCardinality()
	if err != nil {
		return nil, err
	}
	stmt := &ShowFieldKeyCardinalityStatement{Exact: exact}
	return stmt, p.clauses(optionalClauses{
		on: &stmt.Database, from: &stmt.Sources, where: &stmt.Condition, groupBy: &stmt.Dimensions,
		limit: &stmt.Limit, offset: &stmt.Offset,
	})
}

func (p *Parser) parseShowFieldKeys() (*ShowFieldKeysStatement, error) {
	stmt := &ShowFieldKeysStatement{}
	return stmt, p.clauses(optionalClauses{
		on: &stmt.Database, from: &stmt.Sources, orderBy: &stmt.SortFields, limit: &stmt.Limit, offset: &stmt.Offset,
	})
}

func (p *Parser) parseShowTagKeys() (*ShowTagKeysStatement, error) {
	stmt := &ShowTagKeysStatement{}
	return stmt, p.clauses(optionalClauses{
		on: &stmt.Database, from: &stmt.Sources,
		withKey: &tagKey{op: &stmt.TagKeyOp, expr: &stmt.TagKeyExpr, optional: true},
		where:   &stmt.Condition, orderBy: &stmt.SortFields, limit: &stmt.Limit, offset: &stmt.Offset,
		seriesLimit: &stmt.SLimit, seriesOffset: &stmt.SOffset,
	})
}

// parseShowTagValues reads SHOW TAG VALUES or, if the word follows, SHOW TAG VALUES CARDINALITY.
func (p *Parser) parseShowTagValues() (Statement, error) {
	switch {
	case p.accept(EXACT):
		if err := p.expect(CARDINALITY); err != nil {
			return nil, err
		}
		return p.showTagValuesCardinality(true)
	case p.accept(CARDINALITY):
		return p.showTagValuesCardinality(false)
	}
	stmt := &ShowTagValuesStatement{}
	return stmt, p.clauses(optionalClauses{
		on: &stmt.Database, from: &stmt.Sources, withKey: &tagKey{op: &stmt.Op, expr: &stmt.TagKeyExpr},
		where: &stmt.Condition, orderBy: &stmt.SortFields, limit: &stmt.Limit, offset: &stmt.Offset,
	})
}

func (p *Parser) showTagValuesCardinality(exact bool) (Statement, error) {
	stmt := &ShowTagValuesCardinalityStatement{Exact: exact}
	return stmt, p.clauses(optionalClauses{
		on: &stmt.Database, from: &stmt.Sources, withKey: &tagKey{op: &stmt.Op, expr: &stmt.TagKeyExpr},
		where: &stmt.Condition, groupBy: &stmt.Dimensions, limit: &stmt.Limit, offset: &stmt.Offset,
	})
}
