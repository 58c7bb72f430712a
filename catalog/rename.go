package catalog

import (
	"errors"
	"slices"

	"github.com/timberlinedb/timberline/influxql"
)

// ErrDatabaseExists says that a database cannot get a name, because there is one of that name.
var ErrDatabaseExists = errors.New("database already exists")

// RenameDatabase gives a database another name, with one change of the catalog: its data stay where they are. What users
// were granted in it stays granted, and continuous queries of any database that name it name it anew.
func (c *Catalog) RenameDatabase(from, to string) error {
	if err := checkNames(to, nil); err != nil {
		return err
	}
	return c.change(func(s *Snapshot) error {
		d := s.edit(from)
		switch {
		case d == nil:
			return &DatabaseNotFoundError{Name: from}
		case s.Database(to) != nil:
			return ErrDatabaseExists
		}
		s.Databases = slices.DeleteFunc(s.Databases, func(x *Database) bool { return x == d })
		d.Name = to
		s.insert(d)
		for i := range d.Policies {
			d.editPolicy(d.Policies[i].Name).Updated = s.now
		}
		s.renameGrants(from, to)
		s.renamePermissions(func(p *Permission) bool { return p.Database == from }, func(p *Permission) { p.Database = to })
		s.renameInQueries(func(m *influxql.Measurement) bool { return m.Database == from }, func(m *influxql.Measurement) { m.Database = to }, from, to)
		return nil
	})
}

// RenamePolicy gives a policy of a database another name; its data stay where they are. What tokens may do in it they may
// go on doing, and continuous queries that name it name it anew.
func (c *Catalog) RenamePolicy(database, from, to string) error {
	if !ValidName(to) {
		return ErrInvalidName
	}
	if len(to) > MaxNameBytes {
		return ErrNameTooLong
	}
	return c.change(func(s *Snapshot) error {
		d := s.edit(database)
		if d == nil {
			return &DatabaseNotFoundError{Name: database}
		}
		var p *Policy
		if from != "" {
			p = d.editPolicy(from)
		}
		switch {
		case p == nil:
			return &PolicyNotFoundError{Name: from}
		case d.Policy(to) != nil:
			return ErrPolicyExists
		}
		p.Name, p.Updated = to, s.now
		if d.DefaultPolicy == from {
			d.DefaultPolicy = to
		}
		s.renamePermissions(func(p *Permission) bool { return p.Database == database && p.Policy == from }, func(p *Permission) { p.Policy = to })
		s.renameInQueries(func(m *influxql.Measurement) bool { return m.Database == database && m.RetentionPolicy == from },
			func(m *influxql.Measurement) { m.RetentionPolicy = to }, "", "")
		return nil
	})
}

// renamePermissions changes what tokens may do where it names what has another name now.
func (s *Snapshot) renamePermissions(concerns func(*Permission) bool, rename func(*Permission)) {
	for _, t := range slices.Clone(s.Tokens) {
		if !slices.ContainsFunc(t.Permissions, func(p Permission) bool { return concerns(&p) }) {
			continue
		}
		e := s.editToken(t.ID)
		for i := range e.Permissions {
			if p := &e.Permissions[i]; concerns(p) {
				rename(p)
			}
		}
	}
}

// SetWidenConflicts says what becomes of values of a database whose type is not
// that of their field; see Database.WidenConflicts.
func (c *Catalog) SetWidenConflicts(database string, widen bool) error {
	return c.change(func(s *Snapshot) error {
		d := s.edit(database)
		if d == nil {
			return &DatabaseNotFoundError{Name: database}
		}
		d.WidenConflicts = widen
		return nil
	})
}

// renameGrants moves what users were granted to the new name. Names of databases that do not exist have no grants.
func (s *Snapshot) renameGrants(from, to string) {
	for _, u := range s.Users {
		i, ok := u.grant(from)
		if !ok {
			continue
		}
		e := s.editUser(u.Name)
		grant := e.Grants[i]
		grant.Database = to
		e.Grants = slices.Delete(e.Grants, i, i+1)
		at, _ := e.grant(to)
		e.Grants = slices.Insert(e.Grants, at, grant)
	}
}

// renameInQueries changes measurements in the texts of continuous queries, and the database that one is of. A text that
// cannot be read is left as it is.
func (s *Snapshot) renameInQueries(concerns func(*influxql.Measurement) bool, rename func(*influxql.Measurement), from, to string) {
	for _, name := range s.databaseNames() {
		d := s.edit(name)
		for i := range d.ContinuousQueries {
			q := &d.ContinuousQueries[i]
			q.Query = renamedQuery(q.Query, concerns, rename, from, to)
		}
	}
}

func (s *Snapshot) databaseNames() []string {
	names := make([]string, len(s.Databases))
	for i, d := range s.Databases {
		names[i] = d.Name
	}
	return names
}

// renamedQuery returns the text of a continuous query with other names.
func renamedQuery(text string, concerns func(*influxql.Measurement) bool, rename func(*influxql.Measurement), from, to string) string {
	parsed, err := influxql.ParseStatement(text)
	if err != nil {
		return text
	}
	stmt, ok := parsed.(*influxql.CreateContinuousQueryStatement)
	if !ok {
		return text
	}
	changed := from != to && stmt.Database == from
	if changed {
		stmt.Database = to
	}
	influxql.WalkFunc(stmt, func(n influxql.Node) {
		if m, ok := n.(*influxql.Measurement); ok && concerns(m) {
			rename(m)
			changed = true
		}
	})
	if !changed {
		return text
	}
	return stmt.String()
}
