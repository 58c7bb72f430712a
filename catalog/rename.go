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
		s.renameGrants(from, to)
		s.renameInQueries(from, to)
		return nil
	})
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

// renameInQueries changes the database in the texts of continuous queries. A text that cannot be read is left as it is.
func (s *Snapshot) renameInQueries(from, to string) {
	for _, name := range s.databaseNames() {
		d := s.edit(name)
		for i := range d.ContinuousQueries {
			q := &d.ContinuousQueries[i]
			q.Query = renamedQuery(q.Query, from, to)
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

// renamedQuery returns the text of a continuous query with another name of a database.
func renamedQuery(text, from, to string) string {
	parsed, err := influxql.ParseStatement(text)
	if err != nil {
		return text
	}
	stmt, ok := parsed.(*influxql.CreateContinuousQueryStatement)
	if !ok {
		return text
	}
	changed := stmt.Database == from
	if changed {
		stmt.Database = to
	}
	influxql.WalkFunc(stmt, func(n influxql.Node) {
		if m, ok := n.(*influxql.Measurement); ok && m.Database == from {
			m.Database, changed = to, true
		}
	})
	if !changed {
		return text
	}
	return stmt.String()
}
