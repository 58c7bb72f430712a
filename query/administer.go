package query

import (
	"errors"
	"fmt"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/influxql"
)

// administer runs a statement about users, continuous queries or subscriptions; handled is false for other statements.
func (r *statementRun) administer(stmt influxql.Statement) (handled bool, err error) {
	cat := r.engine.catalog
	switch stmt := stmt.(type) {
	case *influxql.CreateUserStatement:
		err = cat.CreateUser(stmt.Name, stmt.Password, stmt.Admin)
	case *influxql.DropUserStatement:
		err = cat.DropUser(stmt.Name)
	case *influxql.SetPasswordUserStatement:
		err = cat.SetPassword(stmt.Name, stmt.Password)
	case *influxql.GrantStatement:
		err = cat.GrantPrivilege(stmt.User, stmt.On, stmt.Privilege)
	case *influxql.GrantAdminStatement:
		err = cat.SetAdmin(stmt.User, true)
	case *influxql.RevokeStatement:
		err = cat.RevokePrivilege(stmt.User, stmt.On, stmt.Privilege)
	case *influxql.RevokeAdminStatement:
		err = cat.SetAdmin(stmt.User, false)
	case *influxql.CreateContinuousQueryStatement:
		err = r.createContinuousQuery(stmt)
	case *influxql.DropContinuousQueryStatement:
		err = cat.DropContinuousQuery(stmt.Database, stmt.Name)
	case *influxql.CreateSubscriptionStatement:
		err = cat.CreateSubscription(stmt.Database, stmt.RetentionPolicy,
			catalog.Subscription{Name: stmt.Name, Mode: stmt.Mode, Destinations: stmt.Destinations})
	case *influxql.DropSubscriptionStatement:
		err = cat.DropSubscription(stmt.Database, stmt.RetentionPolicy, stmt.Name)
	default:
		rows, handled, err := r.showAdministered(stmt)
		if err != nil || !handled {
			return handled, err
		}
		return true, r.sendSeries(stmt, rows, nil)
	}
	return true, r.changed(stmt, err)
}

// showAdministered lists users, continuous queries or subscriptions.
func (r *statementRun) showAdministered(stmt influxql.Statement) (rows []*Series, handled bool, err error) {
	switch stmt := stmt.(type) {
	case *influxql.ShowUsersStatement:
		rows = r.showUsers()
	case *influxql.ShowGrantsForUserStatement:
		rows, err = r.showGrants(stmt.Name)
	case *influxql.ShowContinuousQueriesStatement:
		rows = r.showContinuousQueries()
	case *influxql.ShowSubscriptionsStatement:
		rows = r.showSubscriptions()
	default:
		return nil, false, nil
	}
	return rows, true, err
}

func (r *statementRun) showUsers() []*Series {
	t := newTable("", "user", "admin")
	for _, u := range r.engine.catalog.Snapshot().Users {
		t.row(stringValue(u.Name), booleanValue(u.Admin))
	}
	return []*Series{t.series()}
}

func (r *statementRun) showGrants(name string) ([]*Series, error) {
	u := r.engine.catalog.Snapshot().User(name)
	if u == nil {
		return nil, catalog.ErrUserNotFound
	}
	t := newTable("", "database", "privilege")
	for _, g := range u.Grants {
		t.row(stringValue(g.Database), stringValue(g.Privilege.String()))
	}
	return []*Series{t.series()}, nil
}

// createContinuousQuery stores a continuous query with the databases and policies that it means today.
func (r *statementRun) createContinuousQuery(stmt *influxql.CreateContinuousQueryStatement) error {
	if stmt.Source.GroupByMonths() > 0 {
		return errors.New("continuous queries need intervals of one length")
	}
	if err := r.normalize(stmt.Source, stmt.Database, r.req.Policy); err != nil {
		return err
	}
	snap := r.engine.catalog.Snapshot()
	var missing error
	influxql.WalkFunc(stmt, func(n influxql.Node) {
		m, ok := n.(*influxql.Measurement)
		if !ok || missing != nil {
			return
		}
		if db := snap.Database(m.Database); db == nil || db.Policy(m.RetentionPolicy) == nil {
			missing = fmt.Errorf("retention policy not found: %s.%s", m.Database, m.RetentionPolicy)
		}
	})
	if missing != nil {
		return missing
	}
	return r.engine.catalog.CreateContinuousQuery(stmt.Database, stmt.Name, stmt.String())
}

// showContinuousQueries lists the continuous queries of every database that the user may read.
func (r *statementRun) showContinuousQueries() []*Series {
	var rows []*Series
	for _, db := range r.engine.catalog.Snapshot().Databases {
		if !r.mayRead(db.Name) {
			continue
		}
		t := newTable(db.Name, "name", "query")
		for _, q := range db.ContinuousQueries {
			t.row(stringValue(q.Name), stringValue(q.Query))
		}
		rows = append(rows, t.series())
	}
	return rows
}

// showSubscriptions lists the subscriptions of the databases that have some.
func (r *statementRun) showSubscriptions() []*Series {
	var rows []*Series
	for _, db := range r.engine.catalog.Snapshot().Databases {
		t := newTable(db.Name, "retention_policy", "name", "mode")
		var destinations [][]string
		for _, p := range db.Policies {
			for _, s := range p.Subscriptions {
				t.row(stringValue(p.Name), stringValue(s.Name), stringValue(s.Mode))
				destinations = append(destinations, s.Destinations)
			}
		}
		if len(destinations) == 0 {
			continue
		}
		s := t.series()
		s.Columns = append(s.Columns, "destinations")
		s.Values = append(s.Values, Column{Kind: ListColumn, Lists: destinations})
		rows = append(rows, s)
	}
	return rows
}
