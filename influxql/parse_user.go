package influxql

// The functions below read what follows the words of their rule in the grammar.

func (p *Parser) parseCreateUser() (*CreateUserStatement, error) {
	stmt := &CreateUserStatement{}
	var err error
	if stmt.Name, err = p.name(); err != nil {
		return nil, err
	}
	if err := p.expect(WITH, PASSWORD); err != nil {
		return nil, err
	}
	if stmt.Password, err = p.text(); err != nil {
		return nil, err
	}
	if !p.accept(WITH) {
		return stmt, nil
	}
	stmt.Admin = true
	return stmt, p.expect(ALL, PRIVILEGES)
}

func (p *Parser) parseDropUser() (*DropUserStatement, error) {
	name, err := p.name()
	return &DropUserStatement{Name: name}, err
}

func (p *Parser) parseSetPassword() (*SetPasswordUserStatement, error) {
	stmt := &SetPasswordUserStatement{}
	var err error
	if stmt.Name, err = p.name(); err != nil {
		return nil, err
	}
	if err := p.expect(EQ); err != nil {
		return nil, err
	}
	stmt.Password, err = p.text()
	return stmt, err
}

// parseGrant reads GRANT privilege ON database TO user or GRANT ALL TO user.
func (p *Parser) parseGrant() (Statement, error) {
	privilege, database, user, err := p.grant(TO)
	if err != nil {
		return nil, err
	}
	if database == nil {
		return &GrantAdminStatement{User: user}, nil
	}
	return &GrantStatement{Privilege: privilege, On: *database, User: user}, nil
}

// parseRevoke reads REVOKE privilege ON database FROM user or REVOKE ALL FROM user.
func (p *Parser) parseRevoke() (Statement, error) {
	privilege, database, user, err := p.grant(FROM)
	if err != nil {
		return nil, err
	}
	if database == nil {
		return &RevokeAdminStatement{User: user}, nil
	}
	return &RevokeStatement{Privilege: privilege, On: *database, User: user}, nil
}

// grant reads privilege [ON database] TO user, with the given word for TO. ON may be left out, which makes the database
// nil, only behind ALL.
func (p *Parser) grant(to Token) (privilege Privilege, database *string, user string, err error) {
	if privilege, err = p.privilege(); err != nil {
		return 0, nil, "", err
	}
	l := p.next()
	switch {
	case l.Token == ON:
		if database, err = given(p.name()); err != nil {
			return 0, nil, "", err
		}
		if err = p.expect(to); err != nil {
			return 0, nil, "", err
		}
	case privilege != AllPrivileges:
		return 0, nil, "", notExpected(l, "ON")
	case l.Token != to:
		return 0, nil, "", notExpected(l, "ON", to.String())
	}
	user, err = p.name()
	return privilege, database, user, err
}

// privilege reads READ, WRITE or ALL [PRIVILEGES].
func (p *Parser) privilege() (Privilege, error) {
	l := p.next()
	switch l.Token {
	case READ:
		return ReadPrivilege, nil
	case WRITE:
		return WritePrivilege, nil
	case ALL:
		p.accept(PRIVILEGES)
		return AllPrivileges, nil
	}
	return NoPrivileges, notExpected(l, "READ", "WRITE", "ALL [PRIVILEGES]")
}
