package query

import (
	"strings"

	"github.com/timberlinedb/timberline/influxql"
)

// AuditEvent says that a statement was run that changes something.
type AuditEvent struct {
	User       string // empty: nobody is asked who he is, or the server itself
	Client, ID string // of the request
	Database   string // of the request
	Statement  string // without passwords
	Err        error
}

// audit tells of a statement that has run, unless it only reads.
func (e *Engine) audit(stmt influxql.Statement, req *Request, err error) {
	if e.opt.Audit == nil {
		return
	}
	text, changes := changing(stmt)
	if !changes {
		return
	}
	event := AuditEvent{Client: req.Client, ID: req.ID, Database: req.Database, Statement: Shown(text), Err: err}
	if req.User != nil {
		event.User = req.User.Name
	}
	e.opt.Audit(event)
}

// changing returns the text of a statement that changes something other than by writing points.
func changing(stmt influxql.Statement) (text string, changes bool) {
	switch stmt.(type) {
	case *influxql.SelectStatement, *influxql.ExplainStatement:
		return "", false
	}
	text = stmt.String()
	return text, !strings.HasPrefix(text, "SHOW ")
}
