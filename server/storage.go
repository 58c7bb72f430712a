package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/conflict"
	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/query"
	"github.com/timberlinedb/timberline/tsdb"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// storage gives the query engine the databases by name. It implements
// query.Storage over the catalog and the engine, which knows numbers only.
//
// What is dropped goes from the catalog first, durably: from then on nobody
// finds it, and a crash leaves only directories that the next start removes.
type storage struct {
	catalog *catalog.Catalog
	store   *tsdb.Store
	writer  *ingest.Writer

	conflicts *conflict.Store
}

// policy finds a retention policy by name.
func (s *storage) policy(database, policy string) (*catalog.Database, *catalog.Policy, error) {
	d := s.catalog.Snapshot().Database(database)
	if d == nil {
		return nil, nil, &catalog.DatabaseNotFoundError{Name: database}
	}
	p := d.Policy(policy)
	if p == nil {
		if policy == "" {
			policy = d.DefaultPolicy
		}
		return nil, nil, &catalog.PolicyNotFoundError{Name: policy}
	}
	return d, p, nil
}

// View opens a read view on a policy.
func (s *storage) View(ctx context.Context, database, policy string, r model.TimeRange) (cursor.View, error) {
	d, p, err := s.policy(database, policy)
	if err != nil {
		return nil, err
	}
	var shards []uint64
	for _, g := range p.Overlapping(r) {
		shards = append(shards, g.Shard)
	}
	v, err := s.open(ctx, d.ID, shards, r)
	switch {
	case errors.Is(err, tsdb.ErrDatabaseNotFound): // dropped meanwhile
		return nil, &catalog.DatabaseNotFoundError{Name: database}
	case err != nil:
		return nil, fmt.Errorf("open database %q: %w", database, err)
	}
	return v, nil
}

// open opens a view on shards of a database. The first reader or writer of a
// database makes its directory.
func (s *storage) open(ctx context.Context, database uint32, shards []uint64, r model.TimeRange) (cursor.View, error) {
	if err := s.store.CreateDatabase(database); err != nil {
		return nil, err
	}
	return s.store.View(ctx, database, shards, r)
}

// Delete removes rows or whole series.
func (s *storage) Delete(ctx context.Context, del query.Delete) error {
	d := s.catalog.Snapshot().Database(del.Database)
	if d == nil {
		return &catalog.DatabaseNotFoundError{Name: del.Database}
	}
	var shards []uint64
	for _, p := range d.Policies {
		if del.Policy != "" && del.Policy != p.Name {
			continue
		}
		for _, g := range p.Overlapping(del.Range) {
			shards = append(shards, g.Shard)
		}
	}
	if len(shards) == 0 {
		return nil
	}
	err := s.store.Delete(ctx, tsdb.DeleteRequest{
		Database: d.ID, Shards: shards, Measurement: del.Measurement,
		Filter: del.Filter, Range: del.Range, Whole: del.Whole,
	})
	return ignoreMissing(err)
}

// ignoreMissing turns "not there" into success: what is to be dropped and was
// never written to has no files.
func ignoreMissing(err error) error {
	if errors.Is(err, tsdb.ErrDatabaseNotFound) || errors.Is(err, tsdb.ErrShardNotFound) {
		return nil
	}
	return err
}

// DropDatabase removes a database with its data.
func (s *storage) DropDatabase(_ context.Context, name string) error {
	d, err := s.catalog.DropDatabase(name)
	if err != nil || d == nil {
		return err
	}
	return errors.Join(ignoreMissing(s.store.DropDatabase(d.ID)), s.conflicts.Drop(d.ID))
}

// DropPolicy removes a retention policy with its data.
func (s *storage) DropPolicy(_ context.Context, database, policy string) error {
	d := s.catalog.Snapshot().Database(database)
	if d == nil {
		return nil
	}
	p, err := s.catalog.DropPolicy(database, policy)
	if err != nil || p == nil {
		return err
	}
	var errs []error
	for _, g := range p.Groups {
		errs = append(errs, ignoreMissing(s.store.DropShard(d.ID, g.Shard)))
	}
	return errors.Join(errs...)
}

// DropShard removes one shard with its data.
func (s *storage) DropShard(_ context.Context, id uint64) error {
	database, _, ok, err := s.catalog.DropShard(id)
	if err != nil || !ok {
		return err
	}
	d := s.catalog.Snapshot().Database(database)
	if d == nil {
		return nil
	}
	return ignoreMissing(s.store.DropShard(d.ID, id))
}

// ChangeField changes a field in all shards of a database.
func (s *storage) ChangeField(ctx context.Context, c query.FieldChange) (int, error) {
	d := s.catalog.Snapshot().Database(c.Database)
	if d == nil {
		return 0, &catalog.DatabaseNotFoundError{Name: c.Database}
	}
	var shards []uint64
	for _, p := range d.Policies {
		for _, g := range p.Groups {
			shards = append(shards, g.Shard)
		}
	}
	n, err := s.store.ChangeField(ctx, tsdb.FieldChange{
		Database: d.ID, Shards: shards, Measurement: c.Measurement, Field: c.Field, NewName: c.NewName, Replace: c.Replace,
	})
	return n, ignoreMissing(err)
}

// RenameDatabase gives a database another name. Its directory has a number for a name.
func (s *storage) RenameDatabase(_ context.Context, from, to string) error {
	return s.catalog.RenameDatabase(from, to)
}

// Exclusive runs work while nobody else writes to a database.
func (s *storage) Exclusive(ctx context.Context, database string, work func(query.WritePoints) error) error {
	return s.writer.Hold(ctx, database, func(write ingest.WriteFunc) error {
		return work(func(ctx context.Context, database, policy string, b *model.Batch) error {
			return write(ctx, ingest.Request{Database: database, Policy: policy}, b)
		})
	})
}

// WritePoints stores what SELECT … INTO yields.
func (s *storage) WritePoints(ctx context.Context, database, policy string, b *model.Batch) error {
	return s.writer.WriteBatch(ctx, ingest.Request{Database: database, Policy: policy}, b)
}
