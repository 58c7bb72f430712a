package catalog

import (
	"slices"

	"github.com/timberlinedb/timberline/influxql"
)

// CreateUser makes a user. One that exists already is no error when it has this password and is as much an
// administrator.
func (c *Catalog) CreateUser(name, password string, admin bool) error {
	if name == "" {
		return ErrUserNameRequired
	}
	if u := c.Snapshot().User(name); u != nil {
		if u.Admin != admin || !c.CheckPassword(u, password) {
			return ErrUserExists
		}
		return nil
	}
	hash, err := c.hashPassword(password) // before the lock: it takes long
	if err != nil {
		return err
	}
	return c.change(func(s *Snapshot) error {
		if s.Login(name) != nil {
			return ErrUserExists
		}
		s.addUser(&User{Name: name, Hash: hash, Admin: admin})
		return nil
	})
}

// DropUser removes a user with its tokens.
func (c *Catalog) DropUser(name string) error {
	return c.change(func(s *Snapshot) error {
		if s.User(name) == nil {
			return ErrUserNotFound
		}
		s.Users = slices.DeleteFunc(s.Users, func(u *User) bool { return u.Name == name })
		s.dropTokensOf(name)
		return nil
	})
}

// SetPassword changes a user's password.
func (c *Catalog) SetPassword(name, password string) error {
	if c.Snapshot().User(name) == nil {
		return ErrUserNotFound
	}
	hash, err := c.hashPassword(password)
	if err != nil {
		return err
	}
	return c.changeUser(name, func(u *User) { u.Hash = hash })
}

// SetAdmin makes a user an administrator, or an ordinary one.
func (c *Catalog) SetAdmin(name string, admin bool) error {
	return c.changeUser(name, func(u *User) { u.Admin = admin })
}

// GrantPrivilege gives a user a privilege in a database, in place of the one it had there.
func (c *Catalog) GrantPrivilege(name, database string, p influxql.Privilege) error {
	return c.changeGrant(name, database, func(influxql.Privilege) influxql.Privilege { return p })
}

// RevokePrivilege takes a privilege in a database from a user; what it has beyond that stays.
func (c *Catalog) RevokePrivilege(name, database string, p influxql.Privilege) error {
	return c.changeGrant(name, database, func(had influxql.Privilege) influxql.Privilege { return had &^ p })
}

func (c *Catalog) changeGrant(name, database string, edit func(influxql.Privilege) influxql.Privilege) error {
	return c.change(func(s *Snapshot) error {
		u := s.editUser(name)
		if u == nil {
			return ErrUserNotFound
		}
		if s.Database(database) == nil {
			return &DatabaseNotFoundError{Name: database}
		}
		i, ok := u.grant(database)
		if !ok {
			u.Grants = slices.Insert(u.Grants, i, Grant{Database: database})
		}
		u.Grants[i].Privilege = edit(u.Grants[i].Privilege)
		return nil
	})
}

func (c *Catalog) changeUser(name string, edit func(*User)) error {
	return c.change(func(s *Snapshot) error {
		u := s.editUser(name)
		if u == nil {
			return ErrUserNotFound
		}
		edit(u)
		return nil
	})
}

// editUser replaces the user of that name by a copy, to be changed by the caller, and returns the copy; nil when there
// is none.
func (s *Snapshot) editUser(name string) *User {
	for i, u := range s.Users {
		if u.Name == name {
			c := *u
			c.Grants = slices.Clone(u.Grants)
			s.Users[i] = &c
			return &c
		}
	}
	return nil
}

// dropGrants removes what users were granted in a database. Another one of that name is not theirs.
func (s *Snapshot) dropGrants(database string) {
	for _, u := range s.Users {
		if i, ok := u.grant(database); ok {
			e := s.editUser(u.Name)
			e.Grants = slices.Delete(e.Grants, i, i+1)
		}
	}
}
