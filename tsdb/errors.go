package tsdb

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/timberlinedb/timberline/index"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// Errors when a store is opened.
var (
	// ErrVersion says that the data directory was written by a newer program.
	ErrVersion = errors.New("data directory has a newer format")
)

// Errors of requests.
var (
	// ErrClosed says that the store is closed.
	ErrClosed = errors.New("store is closed")
	// ErrDatabaseNotFound says that no database has the number asked for.
	ErrDatabaseNotFound = errors.New("database is not in the store")
	// ErrShardNotFound says that the database has no such shard.
	ErrShardNotFound = errors.New("shard is not in the store")
	// ErrCacheFull says that the cache is above its limit and that flushing did
	// not make room in time. The write was not stored; it may be sent again.
	ErrCacheFull = errors.New("cache is full")
)

// reasonMissing is the Reason for a file that is named and not there.
const reasonMissing = "the file is missing"

// CorruptError names damaged data. It matches cursor.ErrCorrupt.
type CorruptError struct {
	File   string
	Offset int64 // -1 when it is not known
	Reason string
}

// Error tells the file, the place and what is wrong.
func (e *CorruptError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("%s: offset %d: %s", e.File, e.Offset, e.Reason)
}

// Unwrap returns cursor.ErrCorrupt.
func (e *CorruptError) Unwrap() error { return cursor.ErrCorrupt }

// errIndexCorrupt is the class of damage in a series index.
var errIndexCorrupt = index.ErrCorrupt

const tempSuffix = vfs.TempSuffix

// ignoreMissing turns the error for a name that is not there into none.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
