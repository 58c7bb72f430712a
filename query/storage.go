package query

import (
	"context"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// Storage is what the engine needs of the rooms that keep data. Its methods may be called concurrently.
type Storage interface {
	// View opens a read view on a retention policy ("" is the default one) for a time range. The caller closes it.
	View(ctx context.Context, database, policy string, r model.TimeRange) (cursor.View, error)

	// Delete removes rows or whole series.
	Delete(ctx context.Context, d Delete) error

	// DropDatabase removes a database, from the catalog and from disk. A missing one is no error.
	DropDatabase(ctx context.Context, name string) error

	// DropPolicy removes a retention policy with its data. A missing one is no error.
	DropPolicy(ctx context.Context, database, policy string) error

	// DropShard removes a shard with its data. A missing one is no error.
	DropShard(ctx context.Context, id uint64) error

	// ChangeField changes a field of a measurement and reports in how many shards there was one. After an error some
	// shards may have the change; the same call goes on with the others.
	ChangeField(ctx context.Context, c FieldChange) (changed int, err error)

	// RenameDatabase gives a database another name.
	RenameDatabase(ctx context.Context, from, to string) error

	// Exclusive runs work while no points are written to a database but those that work writes by the function it is given.
	Exclusive(ctx context.Context, database string, work func(write WritePoints) error) error

	// WritePoints stores the points that SELECT … INTO yields. The batch is not kept.
	WritePoints(ctx context.Context, database, policy string, b *model.Batch) error
}

// WritePoints stores points. The batch is not kept.
type WritePoints func(ctx context.Context, database, policy string, b *model.Batch) error

// Delete describes what to remove: the rows in Range of the series that Filter selects.
type Delete struct {
	Database    string
	Policy      string // "" is every policy of the database
	Measurement string // "" is every measurement
	Filter      *model.TagFilter
	Range       model.TimeRange
	Whole       bool // the series go too, not only their rows
}
