package influxql

import (
	"strings"
	"testing"
)

func TestSanitize(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`create user "admin" with password 'admin'`, `create user "admin" with password [REDACTED]`},
		{`create user admin with password "admin" with all privileges`, `create user admin with password [REDACTED] with all privileges`},
		{`CREATE USER a WITH  PASSWORD 'two words' WITH ALL PRIVILEGES`, `CREATE USER a WITH  PASSWORD [REDACTED] WITH ALL PRIVILEGES`},
		{`create user a with password 'it\'s "x"'; show users`, `create user a with password [REDACTED]; show users`},
		{`create user a with password s3cret; show users`, `create user a with password [REDACTED] show users`},
		{`create user a with /* x */ password'p'`, `create user a with /* x */ password[REDACTED]`},
		{`set password for "admin" = 'admin'`, `set password for "admin" = [REDACTED]`},
		{`set password for admin='admin'`, `set password for admin=[REDACTED]`},
		{`SET PASSWORD FOR "a=b" = 'pw'`, `SET PASSWORD FOR "a=b" = [REDACTED]`},
		{"set password for a =\n'pw' ; set password for b = \"qw\"", "set password for a =\n[REDACTED] ; set password for b = [REDACTED]"},
		{`set password for a = 'never ends; show users`, `set password for a = [REDACTED]`},
		{`SELECT password FROM users WHERE a = 'b'`, `SELECT password FROM users WHERE a = 'b'`},
		{`create user a with password`, `create user a with password`},
		{`SELECT a FROM m`, `SELECT a FROM m`},
	} {
		if got := Sanitize(c.text); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

func TestPasswordsAreNeverPrinted(t *testing.T) {
	for _, text := range []string{"CREATE USER a WITH PASSWORD 'hidden'", "SET PASSWORD FOR a = 'hidden'"} {
		if printed := MustParseStatement(text).String(); strings.Contains(printed, "hidden") {
			t.Errorf("%s", printed)
		}
	}
}
