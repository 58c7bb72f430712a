package influxql

// CreateUserStatement is CREATE USER name WITH PASSWORD 'password' [WITH ALL PRIVILEGES].
type CreateUserStatement struct {
	Name     string
	Password string // never printed
	Admin    bool
}

// DropUserStatement is DROP USER name.
type DropUserStatement struct {
	Name string
}

// SetPasswordUserStatement is SET PASSWORD FOR name = 'password'.
type SetPasswordUserStatement struct {
	Name     string
	Password string // never printed
}

// GrantStatement is GRANT privilege ON database TO user.
type GrantStatement struct {
	Privilege Privilege
	On        string
	User      string
}

// GrantAdminStatement is GRANT ALL PRIVILEGES TO user.
type GrantAdminStatement struct {
	User string
}

// RevokeStatement is REVOKE privilege ON database FROM user.
type RevokeStatement struct {
	Privilege Privilege
	On        string
	User      string
}

// RevokeAdminStatement is REVOKE ALL PRIVILEGES FROM user.
type RevokeAdminStatement struct {
	User string
}

func (*CreateUserStatement) statement()      {}
func (*DropUserStatement) statement()        {}
func (*SetPasswordUserStatement) statement() {}
func (*GrantStatement) statement()           {}
func (*GrantAdminStatement) statement()      {}
func (*RevokeStatement) statement()          {}
func (*RevokeAdminStatement) statement()     {}
