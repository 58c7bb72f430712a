package testmodel

import (
	"context"
	"fmt"
	"math"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/query"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// Storage is a Store behind a catalog, as the query engine wants it.
type Storage struct {
	Store   *Store
	Catalog *catalog.Catalog
}

var _ query.Storage = (*Storage)(nil)

// policyName resolves the empty name.
func (s *Storage) policyName(databaseName, policyName string) (string, error) {
	db := s.Catalog.Snapshot().Database(databaseName)
	if db == nil {
		return "", &catalog.DatabaseNotFoundError{Name: databaseName}
	}
	p := db.Policy(policyName)
	if p == nil {
		return "", &catalog.PolicyNotFoundError{Name: policyName}
	}
	return p.Name, nil
}

// View opens a view on a policy.
func (s *Storage) View(_ context.Context, databaseName, policyName string, r model.TimeRange) (cursor.View, error) {
	name, err := s.policyName(databaseName, policyName)
	if err != nil {
		return nil, err
	}
	return s.Store.View(databaseName, name, r), nil
}

// Write stores points, each in the shard group of its time.
func (s *Storage) Write(databaseName, policyName string, points ...Point) error {
	name, err := s.policyName(databaseName, policyName)
	if err != nil {
		return err
	}
	var first error
	for _, p := range points {
		g, err := s.Catalog.GroupFor(databaseName, name, p.Time)
		if err != nil {
			return err
		}
		if err := s.Store.Write(databaseName, name, g.Range, p); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Delete removes rows or series.
func (s *Storage) Delete(_ context.Context, d query.Delete) error {
	s.Store.Delete(d.Database, d.Policy, d.Measurement, d.Filter, d.Range, d.Whole)
	return nil
}

// DropDatabase removes a database.
func (s *Storage) DropDatabase(_ context.Context, name string) error {
	s.Store.DropDatabase(name)
	_, err := s.Catalog.DropDatabase(name)
	return err
}

// DropPolicy removes a policy.
func (s *Storage) DropPolicy(_ context.Context, databaseName, policyName string) error {
	s.Store.DropPolicy(databaseName, policyName)
	_, err := s.Catalog.DropPolicy(databaseName, policyName)
	return err
}

// DropShard removes a shard.
func (s *Storage) DropShard(_ context.Context, id uint64) error {
	for _, db := range s.Catalog.Snapshot().Databases {
		for _, p := range db.Policies {
			for _, g := range p.Groups {
				if g.Shard == id {
					s.Store.DropShards(db.Name, p.Name, g.Range)
				}
			}
		}
	}
	_, _, _, err := s.Catalog.DropShard(id)
	return err
}

// ChangeField renames, replaces or drops a field.
func (s *Storage) ChangeField(_ context.Context, c query.FieldChange) (int, error) {
	return s.Store.ChangeField(c.Database, c.Measurement, c.Field, c.NewName, c.Replace)
}

// RenameDatabase gives a database another name.
func (s *Storage) RenameDatabase(_ context.Context, from, to string) error {
	if err := s.Catalog.RenameDatabase(from, to); err != nil {
		return err
	}
	s.Store.RenameDatabase(from, to)
	return nil
}

// Exclusive runs work.
func (s *Storage) Exclusive(_ context.Context, _ string, work func(query.WritePoints) error) error {
	return work(s.WritePoints)
}

// WritePoints stores a batch. What is refused does not keep the rest from being stored.
func (s *Storage) WritePoints(_ context.Context, databaseName, policyName string, b *model.Batch) error {
	var first error
	for _, t := range b.Tables {
		points, err := tablePoints(t)
		if err != nil {
			return err
		}
		if err := s.Write(databaseName, policyName, points...); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// tablePoints turns the rows of a table into points.
func tablePoints(t *model.Table) ([]Point, error) {
	points := make([]Point, t.Rows())
	for i := range points {
		points[i] = Point{
			Measurement: string(t.Measurement), Time: t.Times[i], Tags: map[string]string{}, Fields: map[string]any{},
		}
	}
	var tags model.Tags
	for _, k := range t.NewKeys {
		var err error
		if _, tags, err = model.ParseSeriesKey(k.Key, tags); err != nil {
			return nil, fmt.Errorf("row %d of measurement %q: %w", k.Row, t.Measurement, err)
		}
		for _, tag := range tags {
			points[k.Row].Tags[string(tag.Key)] = string(tag.Value)
		}
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		for j, bits := range c.Values {
			row := j
			if c.Rows != nil {
				row = int(c.Rows[j])
			}
			points[row].Fields[string(c.Name)] = columnValue(c, bits)
		}
	}
	return points, nil
}

func columnValue(c *model.Column, bits uint64) any {
	switch c.Type {
	case model.Float:
		return math.Float64frombits(bits)
	case model.Integer:
		return int64(bits)
	case model.Unsigned:
		return bits
	case model.Boolean:
		return bits != 0
	}
	return string(c.StringAt(bits))
}
