package influxql

import "strconv"

// The statements below are about values whose type is not that of their field. InfluxQL 1.x does not have them.

// AlterDatabaseStatement is ALTER DATABASE name WITH FIELD CONFLICTS WIDEN | REJECT.
type AlterDatabaseStatement struct {
	Name           string
	WidenConflicts bool
}

// ShowFieldConflictsStatement is SHOW FIELD CONFLICTS [ON database] [LIMIT n].
type ShowFieldConflictsStatement struct {
	Database string // "" is the one the request names
	Limit    int    // 0: all
}

// ReplayFieldConflictsStatement is REPLAY FIELD CONFLICTS ON database [FROM measurement] [FIELD name] AS type | INTO name.
type ReplayFieldConflictsStatement struct {
	Database    string
	Measurement string   // "": of any
	Field       string   // "": any
	Type        DataType // Unknown with INTO
	Into        string   // "" with AS
}

func (*AlterDatabaseStatement) statement()        {}
func (*ShowFieldConflictsStatement) statement()   {}
func (*ReplayFieldConflictsStatement) statement() {}

// String returns the node as InfluxQL text.
func (s *AlterDatabaseStatement) String() string { return nodeText(s) }

// String returns the node as InfluxQL text.
func (s *ShowFieldConflictsStatement) String() string { return nodeText(s) }

// String returns the node as InfluxQL text.
func (s *ReplayFieldConflictsStatement) String() string { return nodeText(s) }

// RequiredPrivileges returns administrator.
func (*AlterDatabaseStatement) RequiredPrivileges() []ExecutionPrivilege { return adminOnly() }

// RequiredPrivileges returns administrator: entries tell addresses of clients.
func (*ShowFieldConflictsStatement) RequiredPrivileges() []ExecutionPrivilege { return adminOnly() }

// RequiredPrivileges returns administrator.
func (*ReplayFieldConflictsStatement) RequiredPrivileges() []ExecutionPrivilege { return adminOnly() }

func (s *AlterDatabaseStatement) print(w *printer) {
	w.ident("ALTER DATABASE ", s.Name)
	if s.WidenConflicts {
		w.text(" WITH FIELD CONFLICTS WIDEN")
	} else {
		w.text(" WITH FIELD CONFLICTS REJECT")
	}
}

func (s *ShowFieldConflictsStatement) print(w *printer) {
	w.text("SHOW FIELD CONFLICTS")
	if s.Database != "" {
		w.ident(" ON ", s.Database)
	}
	if s.Limit > 0 {
		w.text(" LIMIT ", strconv.Itoa(s.Limit))
	}
}

func (s *ReplayFieldConflictsStatement) print(w *printer) {
	w.ident("REPLAY FIELD CONFLICTS ON ", s.Database)
	if s.Measurement != "" {
		w.ident(" FROM ", s.Measurement)
	}
	if s.Field != "" {
		w.ident(" FIELD ", s.Field)
	}
	if s.Into != "" {
		w.ident(" INTO ", s.Into)
	} else {
		w.text(" AS ", s.Type.String())
	}
}

func (p *Parser) parseAlterDatabase() (stmt *AlterDatabaseStatement, err error) {
	p.extend(AnyConflicts)
	stmt = &AlterDatabaseStatement{}
	if stmt.Name, err = p.name(); err != nil {
		return nil, err
	}
	if err := p.expect(WITH); err != nil {
		return nil, err
	}
	if err := p.expect(FIELD); err != nil {
		return nil, err
	}
	if l := p.next(); !isCallOf(l, "conflicts") {
		return nil, notExpected(l, "CONFLICTS")
	}
	l := p.next()
	stmt.WidenConflicts = isCallOf(l, "widen")
	if !stmt.WidenConflicts && !isCallOf(l, "reject") {
		return nil, notExpected(l, "WIDEN", "REJECT")
	}
	return stmt, nil
}

func (p *Parser) parseShowConflicts() (stmt *ShowFieldConflictsStatement, err error) {
	p.extend(AnyConflicts)
	stmt = &ShowFieldConflictsStatement{}
	if p.accept(ON) {
		if stmt.Database, err = p.name(); err != nil {
			return nil, err
		}
	}
	return stmt, p.count(LIMIT, &stmt.Limit)
}

func (p *Parser) parseReplayConflicts() (stmt *ReplayFieldConflictsStatement, err error) {
	p.extend(AnyConflicts)
	stmt = &ReplayFieldConflictsStatement{}
	if err := p.expect(ON); err != nil {
		return nil, err
	}
	if stmt.Database, err = p.name(); err != nil {
		return nil, err
	}
	if p.accept(FROM) {
		if stmt.Measurement, err = p.name(); err != nil {
			return nil, err
		}
	}
	if p.accept(FIELD) {
		if stmt.Field, err = p.name(); err != nil {
			return nil, err
		}
	}
	switch l := p.next(); l.Token {
	case INTO:
		stmt.Into, err = p.name()
		return stmt, err
	case AS:
		stmt.Type, err = p.fieldType()
		return stmt, err
	default:
		return nil, notExpected(l, "AS", "INTO")
	}
}
