package influxql

// The statements below change what is stored under which name. InfluxQL 1.x does not have them.

// DropFieldStatement is DROP FIELD name FROM measurement.
type DropFieldStatement struct {
	Name        string
	Measurement string
}

// AlterFieldStatement is ALTER FIELD name FROM measurement TYPE type.
type AlterFieldStatement struct {
	Name        string
	Measurement string
	Type        DataType
}

// RenamedKind says what a RENAME renames.
type RenamedKind uint8

// What can be renamed.
const (
	RenamedDatabase RenamedKind = iota
	RenamedMeasurement
	RenamedTagKey
	RenamedField
)

// RenameStatement is RENAME DATABASE | MEASUREMENT | TAG KEY | FIELD old TO new [FROM measurement].
type RenameStatement struct {
	Kind        RenamedKind
	Old, New    string
	Measurement string // of a tag key or field
}

func (*DropFieldStatement) statement()  {}
func (*AlterFieldStatement) statement() {}
func (*RenameStatement) statement()     {}

// String returns the node as InfluxQL text.
func (s *DropFieldStatement) String() string { return nodeText(s) }

// String returns the node as InfluxQL text.
func (s *AlterFieldStatement) String() string { return nodeText(s) }

// String returns the node as InfluxQL text.
func (s *RenameStatement) String() string { return nodeText(s) }

// RequiredPrivileges returns administrator.
func (*DropFieldStatement) RequiredPrivileges() []ExecutionPrivilege { return adminOnly() }

// RequiredPrivileges returns administrator.
func (*AlterFieldStatement) RequiredPrivileges() []ExecutionPrivilege { return adminOnly() }

// RequiredPrivileges returns administrator.
func (*RenameStatement) RequiredPrivileges() []ExecutionPrivilege { return adminOnly() }

func (s *DropFieldStatement) print(w *printer) {
	w.ident("DROP FIELD ", s.Name)
	w.ident(" FROM ", s.Measurement)
}

func (s *AlterFieldStatement) print(w *printer) {
	w.ident("ALTER FIELD ", s.Name)
	w.ident(" FROM ", s.Measurement)
	w.text(" TYPE ", s.Type.String())
}

var renamedText = [...]string{"DATABASE", "MEASUREMENT", "TAG KEY", "FIELD"}

func (s *RenameStatement) print(w *printer) {
	w.ident("RENAME "+renamedText[s.Kind]+" ", s.Old)
	w.ident(" TO ", s.New)
	if s.Measurement != "" {
		w.ident(" FROM ", s.Measurement)
	}
}

// nameFrom reads name FROM measurement.
func (p *Parser) nameFrom() (name, measurement string, err error) {
	if name, err = p.name(); err != nil {
		return "", "", err
	}
	if err = p.expect(FROM); err != nil {
		return "", "", err
	}
	measurement, err = p.name()
	return name, measurement, err
}

func (p *Parser) parseDropField() (*DropFieldStatement, error) {
	p.extend(DropField)
	stmt := &DropFieldStatement{}
	var err error
	stmt.Name, stmt.Measurement, err = p.nameFrom()
	return stmt, err
}

func (p *Parser) parseAlterField() (*AlterFieldStatement, error) {
	p.extend(AlterField)
	stmt := &AlterFieldStatement{}
	var err error
	if stmt.Name, stmt.Measurement, err = p.nameFrom(); err != nil {
		return nil, err
	}
	l := p.next()
	if !isCallOf(l, "type") {
		return nil, notExpected(l, "TYPE")
	}
	stmt.Type, err = p.fieldType()
	if err != nil {
		return nil, err
	}
	return stmt, nil
}

// fieldType reads the name of a field type.
func (p *Parser) fieldType() (DataType, error) {
	p.skipSpace()
	l := p.scan()
	switch t := DataTypeFromString(l.Text); t {
	case Float, Integer, Unsigned, String, Boolean:
		return t, nil
	}
	return Unknown, notExpected(l, "float", "integer", "unsigned", "string", "boolean")
}

// parseRename returns the parse function of a RENAME.
func parseRename(kind RenamedKind) func(*Parser) (Statement, error) {
	return func(p *Parser) (Statement, error) {
		p.extend(RenameAny)
		stmt := &RenameStatement{Kind: kind}
		var err error
		if stmt.Old, err = p.name(); err != nil {
			return nil, err
		}
		if err = p.expect(TO); err != nil {
			return nil, err
		}
		if stmt.New, err = p.name(); err != nil {
			return nil, err
		}
		if kind == RenamedTagKey || kind == RenamedField {
			if err = p.expect(FROM); err != nil {
				return nil, err
			}
			stmt.Measurement, err = p.name()
		}
		return stmt, err
	}
}
