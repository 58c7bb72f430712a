package query

import (
	"fmt"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/influxql"
)

// authorizeToken checks what a token may run. Beside what a user is asked for, deletes need their own permission; and
// a token that is bound to policies or measurements may run the statements that name everything they look at.
func (e *Engine) authorizeToken(stmt influxql.Statement, req *Request) error {
	u := req.User
	switch stmt.(type) {
	case *influxql.DeleteSeriesStatement, *influxql.DropSeriesStatement:
		if !u.May(catalog.ActionDelete, catalog.Scope{Database: req.Database}) {
			return &AuthorizationError{User: u.Name, Reason: fmt.Sprintf("statement '%s', requires DELETE on %s", stmt, req.Database)}
		}
		return nil
	}
	err := authorizeUser(stmt, req)
	if err == nil || e.withinScope(stmt, req) {
		return nil
	}
	return err
}

// withinScope reports whether a statement looks only at measurements that it names, and the token may see each.
func (e *Engine) withinScope(stmt influxql.Statement, req *Request) bool {
	switch stmt := stmt.(type) {
	case *influxql.SelectStatement:
		return e.selectWithinScope(stmt, req)
	case *influxql.ExplainStatement:
		return e.selectWithinScope(stmt.Statement, req)
	case *influxql.ShowTagKeysStatement:
		return e.namesWithinScope(stmt.Database, stmt.Sources, req)
	case *influxql.ShowTagValuesStatement:
		return e.namesWithinScope(stmt.Database, stmt.Sources, req)
	case *influxql.ShowFieldKeysStatement:
		return e.namesWithinScope(stmt.Database, stmt.Sources, req)
	case *influxql.ShowSeriesStatement:
		return e.namesWithinScope(stmt.Database, stmt.Sources, req)
	}
	return false
}

func (e *Engine) selectWithinScope(stmt *influxql.SelectStatement, req *Request) bool {
	if stmt.Target != nil {
		m := stmt.Target.Measurement
		if m.Name == "" || !req.User.May(catalog.ActionWrite, e.scopeOf(m, req)) {
			return false
		}
	}
	for _, source := range stmt.Sources {
		switch source := source.(type) {
		case *influxql.Measurement:
			if source.Name == "" || source.Regex != nil || !req.User.May(catalog.ActionRead, e.scopeOf(source, req)) {
				return false
			}
		case *influxql.SubQuery:
			if !e.selectWithinScope(source.Statement, req) {
				return false
			}
		default:
			return false
		}
	}
	return len(stmt.Sources) > 0
}

// scopeOf returns the measurement that a name in a SELECT means.
func (e *Engine) scopeOf(m *influxql.Measurement, req *Request) catalog.Scope {
	s := catalog.Scope{Database: m.Database, Policy: m.RetentionPolicy, Measurement: m.Name}
	if s.Database == "" {
		s.Database = req.Database
	}
	if s.Policy == "" {
		s.Policy = req.Policy
	}
	if db := e.catalog.Snapshot().Database(s.Database); s.Policy == "" && db != nil {
		s.Policy = db.DefaultPolicy
	}
	return s
}

// namesWithinScope is for statements about the index, which does not tell policies apart.
func (e *Engine) namesWithinScope(database string, sources influxql.Sources, req *Request) bool {
	if database == "" {
		database = req.Database
	}
	for _, source := range sources {
		m, ok := source.(*influxql.Measurement)
		if !ok || m.Name == "" || m.Regex != nil || m.Database != "" && m.Database != database ||
			!req.User.May(catalog.ActionRead, catalog.Scope{Database: database, Measurement: m.Name}) {
			return false
		}
	}
	return len(sources) > 0
}
