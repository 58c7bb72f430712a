package catalog

import (
	"slices"
	"strings"
	"time"
)

// DefaultOrganization is the name of the one organization until it gets another.
const DefaultOrganization = "timberline"

// Organization returns the name of the one organization that clients of version 2 are told of.
func (s *Snapshot) Organization() string {
	if s.OrganizationName == "" {
		return DefaultOrganization
	}
	return s.OrganizationName
}

// RenameOrganization changes the name of the organization.
func (c *Catalog) RenameOrganization(name string) error {
	if !ValidName(name) {
		return ErrInvalidName
	}
	if len(name) > MaxNameBytes {
		return ErrNameTooLong
	}
	return c.change(func(s *Snapshot) error {
		s.OrganizationName = name
		return nil
	})
}

// DescribePolicy sets the description of a policy.
func (c *Catalog) DescribePolicy(database, policy, description string) error {
	if len(description) > maxTokenText {
		return ErrDescriptionTooLong
	}
	return c.change(func(s *Snapshot) error {
		d := s.edit(database)
		if d == nil {
			return &DatabaseNotFoundError{Name: database}
		}
		p := d.editPolicy(policy)
		if p == nil {
			return &PolicyNotFoundError{Name: policy}
		}
		p.Description, p.Updated = description, s.now
		return nil
	})
}

// Onboarding is what a server without an administrator begins with.
type Onboarding struct {
	User, Password string
	Organization   string
	Database       string // made unless it is there
	Policy         PolicySpec
	Secret         string // of the administrator's token
}

// Onboard makes the first administrator, with an organization, a database and a token, all or nothing.
func (c *Catalog) Onboard(o Onboarding, now time.Time) (*Token, error) {
	if err := checkNames(o.Database, &o.Policy); err != nil {
		return nil, err
	}
	switch {
	case o.User == "":
		return nil, ErrUserNameRequired
	case o.Password == "":
		return nil, ErrPasswordRequired
	case !ValidName(o.Organization):
		return nil, ErrInvalidName
	}
	if c.Snapshot().HasAdmin() {
		return nil, ErrOnboarded
	}
	hash, err := c.hashPassword(o.Password)
	if err != nil {
		return nil, err
	}
	var token *Token
	err = c.change(func(s *Snapshot) error {
		switch {
		case s.HasAdmin():
			return ErrOnboarded
		case s.User(o.User) != nil:
			return ErrUserExists
		}
		s.addUser(&User{Name: o.User, Hash: hash, Admin: true})
		s.OrganizationName = o.Organization
		if s.Database(o.Database) == nil {
			s.LastDatabaseID++
			s.insert(&Database{ID: s.LastDatabaseID, Name: o.Database})
			if err := s.createWithPolicy(o.Database, o.Policy); err != nil {
				return err
			}
		}
		var err error
		token, err = s.addToken(TokenSpec{
			Description: o.User + "'s Token", Owner: o.User, Permissions: []Permission{{Action: ActionAdmin}},
		}, o.Secret, now)
		return err
	})
	return token, err
}

// addUser inserts a user in order of name.
func (s *Snapshot) addUser(u *User) {
	s.Users = append(s.Users, u)
	slices.SortFunc(s.Users, func(a, b *User) int { return strings.Compare(a.Name, b.Name) })
}
