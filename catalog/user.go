package catalog

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/timberlinedb/timberline/influxql"
)

// User is somebody who may use the server, when it asks who that is.
type User struct {
	Name  string
	Hash  string // bcrypt, with its cost and salt
	Admin bool   // may do everything

	Grants []Grant `json:",omitempty"` // sorted by Database

	token *Token // what may be done instead of Grants, of who is a token; such users are not in the catalog
}

// Grant is what a user may do in a database. A grant of nothing is kept: it says that there was one.
type Grant struct {
	Database  string
	Privilege influxql.Privilege
}

// User returns the user of that name, nil when there is none.
func (s *Snapshot) User(name string) *User {
	i := sort.Search(len(s.Users), func(i int) bool { return s.Users[i].Name >= name })
	if i < len(s.Users) && s.Users[i].Name == name {
		return s.Users[i]
	}
	return nil
}

// Login returns whom a name and a password are asked of: the user of that name, otherwise the one that a token with
// that login stands for; nil when there is neither.
func (s *Snapshot) Login(name string) *User {
	if u := s.User(name); u != nil {
		return u
	}
	if i := slices.IndexFunc(s.Tokens, func(t *Token) bool { return t.Login == name }); i >= 0 && name != "" {
		return s.Tokens[i].User()
	}
	return nil
}

// HasAdmin reports whether any user is an administrator.
func (s *Snapshot) HasAdmin() bool {
	return slices.ContainsFunc(s.Users, func(u *User) bool { return u.Admin })
}

// Privilege returns what the user was granted in a database.
func (u *User) Privilege(database string) influxql.Privilege {
	if i, ok := u.grant(database); ok {
		return u.Grants[i].Privilege
	}
	return influxql.NoPrivileges
}

// Allows reports whether the user may do in a database what a privilege says.
func (u *User) Allows(p influxql.Privilege, database string) bool {
	if u.Admin || p == influxql.NoPrivileges {
		return true
	}
	if u.token != nil {
		return !slices.ContainsFunc(actionsOf(p), func(a Action) bool { return !u.token.allows(a, database, "", "") })
	}
	have := u.Privilege(database)
	return have == p || have == influxql.AllPrivileges
}

// Sees reports whether the user may know that a database exists.
func (u *User) Sees(database string) bool {
	if u.token != nil {
		return u.token.sees(database)
	}
	return u.Allows(influxql.ReadPrivilege, database) || u.Allows(influxql.WritePrivilege, database)
}

// grant returns where the grant for a database is, or would be.
func (u *User) grant(database string) (int, bool) {
	return slices.BinarySearchFunc(u.Grants, database, func(g Grant, name string) int { return strings.Compare(g.Database, name) })
}

// MaxPasswordBytes is the longest password; bcrypt takes no more into account.
const MaxPasswordBytes = 72

// hashPassword returns what is stored of a password.
func (c *Catalog) hashPassword(password string) (string, error) {
	if len(password) > MaxPasswordBytes {
		return "", ErrPasswordTooLong
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(password), c.opt.PasswordCost)
	return string(hash), err
}

// nobodyHash has the form and the cost of a password's hash, and is that of no password that anybody knows.
func (c *Catalog) nobodyHash() string {
	return fmt.Sprintf("$2a$%02d$7EqJtq98hPqEX7fNZaFWoOyGMBtxMQ5iZeqmFL4lQFfbMlqJxPsUu", c.opt.PasswordCost)
}

// CheckPassword reports whether a password is the user's. It takes its time for everybody, also for nobody (nil), so
// that the time does not tell which users there are.
func (c *Catalog) CheckPassword(u *User, password string) bool {
	hash, known := c.nobodyHash(), u != nil && u.Hash != "" // a login without a password yet is nobody's
	if known {
		hash = u.Hash
	}
	return bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil && known
}
