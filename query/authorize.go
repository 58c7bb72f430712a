package query

import (
	"fmt"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/influxql"
)

// Nobody is the user of requests to a server that asks for users and has no administrator yet. All that it may do is to
// make one.
var Nobody = &catalog.User{}

// AuthorizationError says that the user of a request may not run one of its statements. None of them was run.
type AuthorizationError struct {
	User   string // empty for Nobody
	Reason string
}

// Error returns the text that clients see.
func (e *AuthorizationError) Error() string {
	if e.User == "" {
		return "error authorizing query: " + e.Reason
	}
	return fmt.Sprintf("error authorizing query: %s not authorized to execute %s", e.User, e.Reason)
}

// authorize checks that the user of a request may run all of its statements. Without a user everything is allowed:
// the server does not ask for users, or the request is its own.
func (e *Engine) authorize(q *influxql.Query, req *Request) error {
	u := req.User
	if u == nil || u.Admin {
		return nil
	}
	if u == Nobody {
		return e.authorizeFirst(q)
	}
	check := authorizeUser
	if u.Token() != nil {
		check = e.authorizeToken
	}
	for _, stmt := range q.Statements {
		if err := check(stmt, req); err != nil {
			return err
		}
	}
	return nil
}

// authorizeUser checks that a user may run a statement.
func authorizeUser(stmt influxql.Statement, req *Request) error {
	u := req.User
	for _, p := range demands(stmt) {
		if p.Admin {
			return &AuthorizationError{User: u.Name, Reason: fmt.Sprintf("statement '%s', requires admin privilege", stmt)}
		}
		database := p.Name
		if database == "" {
			database = req.Database
		}
		if !u.Allows(p.Privilege, database) {
			return &AuthorizationError{User: u.Name, Reason: fmt.Sprintf("statement '%s', requires %s on %s", stmt, p.Privilege, database)}
		}
	}
	return nil
}

// authorizeFirst lets a request through that begins by making the first administrator.
func (e *Engine) authorizeFirst(q *influxql.Query) error {
	if e.catalog.Snapshot().HasAdmin() {
		return &AuthorizationError{Reason: "no user provided"}
	}
	if len(q.Statements) > 0 {
		if first, ok := q.Statements[0].(*influxql.CreateUserStatement); ok && first.Admin {
			return nil
		}
	}
	return &AuthorizationError{Reason: "create admin user first or disable authentication"}
}

// demands returns what a user must be allowed to run a statement. Beside what InfluxDB 1.x asks for it is read for
// every database that is a source and write for that of a target, wherever they stand: a count, a listing or a
// continuous query must not reach what its user cannot.
func demands(stmt influxql.Statement) []influxql.ExecutionPrivilege {
	needed := stmt.RequiredPrivileges()
	switch stmt.(type) {
	case *influxql.DeleteSeriesStatement, *influxql.DropSeriesStatement:
		return needed // they work in the request's database, whatever their sources name
	}
	home := "" // the database of measurements that name none; "" is that of the request, which needed has
	if s, ok := stmt.(interface{ DefaultDatabase() string }); ok {
		home = s.DefaultDatabase()
	}
	if len(needed) == 0 {
		needed = append(needed, influxql.ExecutionPrivilege{Name: home, Privilege: influxql.ReadPrivilege})
	}
	influxql.WalkFunc(stmt, func(n influxql.Node) {
		m, ok := n.(*influxql.Measurement)
		if !ok {
			return
		}
		p := influxql.ExecutionPrivilege{Name: m.Database, Privilege: influxql.ReadPrivilege}
		if p.Name == "" {
			p.Name = home
		}
		if m.IsTarget {
			p.Privilege = influxql.WritePrivilege
		}
		if p.Name != "" {
			needed = append(needed, p)
		}
	})
	return needed
}

// mayRead reports whether the user of the request may read a database.
func (r *statementRun) mayRead(database string) bool {
	return r.req.User == nil || r.req.User.Allows(influxql.ReadPrivilege, database)
}

// maySee reports whether the user of the request may know of a database.
func (r *statementRun) maySee(database string) bool {
	return r.req.User == nil || r.req.User.Sees(database)
}
