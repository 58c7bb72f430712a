package catalog

import (
	"slices"
	"strings"
)

// ContinuousQuery is a statement that runs at intervals and writes its answer back.
type ContinuousQuery struct {
	Name  string
	Query string // the whole CREATE CONTINUOUS QUERY statement

	// LastRun is the end of the time that was computed last, in nanoseconds since the epoch; 0: it never ran. It may
	// lag behind: what is computed twice is the same twice.
	LastRun int64 `json:",omitempty"`
}

// ContinuousQuery returns the continuous query of that name, nil when there is none. It belongs to the snapshot.
func (d *Database) ContinuousQuery(name string) *ContinuousQuery {
	for i := range d.ContinuousQueries {
		if d.ContinuousQueries[i].Name == name {
			return &d.ContinuousQueries[i]
		}
	}
	return nil
}

// CreateContinuousQuery adds a continuous query to a database. An equal one that exists already is no error.
func (c *Catalog) CreateContinuousQuery(database, name, query string) error {
	return ignoreUnchanged(c.change(func(s *Snapshot) error {
		d := s.edit(database)
		if d == nil {
			return &DatabaseNotFoundError{Name: database}
		}
		if have := d.ContinuousQuery(name); have != nil {
			if strings.EqualFold(have.Query, query) {
				return errUnchanged
			}
			return ErrContinuousQueryExists
		}
		d.ContinuousQueries = append(d.ContinuousQueries, ContinuousQuery{Name: name, Query: query})
		return nil
	}))
}

// DropContinuousQuery removes a continuous query. A missing one is no error, nor is a missing database.
func (c *Catalog) DropContinuousQuery(database, name string) error {
	return ignoreUnchanged(c.change(func(s *Snapshot) error {
		d := s.edit(database)
		if d == nil || d.ContinuousQuery(name) == nil {
			return errUnchanged
		}
		d.ContinuousQueries = slices.DeleteFunc(d.ContinuousQueries, func(q ContinuousQuery) bool { return q.Name == name })
		return nil
	}))
}

// Run is how far a continuous query has come.
type Run struct {
	Database, Name string
	Query          string // of which this is told; a query that was made anew meanwhile is left alone
	LastRun        int64
}

// SetLastRuns stores how far continuous queries have come. Those that are gone are passed over.
func (c *Catalog) SetLastRuns(runs []Run) error {
	return ignoreUnchanged(c.change(func(s *Snapshot) error {
		changed := false
		for _, r := range runs {
			d := s.edit(r.Database)
			if d == nil {
				continue
			}
			if q := d.ContinuousQuery(r.Name); q != nil && q.Query == r.Query && q.LastRun != r.LastRun {
				q.LastRun, changed = r.LastRun, true
			}
		}
		if !changed {
			return errUnchanged
		}
		return nil
	}))
}
