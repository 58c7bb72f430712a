package ingest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/tsdb"
	"github.com/timberlinedb/timberline/wal"
)

// Errors that say that nothing of the write was stored and that it may be sent
// again later.
var (
	// ErrBusy says that the cache is full or a queue is.
	ErrBusy = errors.New("the server is busy, try again")
	// ErrNoSpace says that the disk is full.
	ErrNoSpace = errors.New("no space left for writes")
	// ErrUnavailable says that the log has failed and takes no writes until
	// the server is started again.
	ErrUnavailable = errors.New("the write-ahead log has failed")
)

// DatabaseNotFoundError says that the database of a write does not exist.
type DatabaseNotFoundError struct{ Name string }

func (e *DatabaseNotFoundError) Error() string { return fmt.Sprintf("database not found: %q", e.Name) }

// PolicyNotFoundError says that the retention policy of a write does not exist.
type PolicyNotFoundError struct{ Name string }

func (e *PolicyNotFoundError) Error() string { return "retention policy not found: " + e.Name }

// ForbiddenError says that the sender may not write to a measurement. Nothing
// of the write is stored.
type ForbiddenError struct{ Measurement string }

func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("not authorized to write to measurement %q", e.Measurement)
}

// TooManyPointsError says that a write has more points than its request allows.
// Nothing of it is stored.
type TooManyPointsError struct {
	Points, Limit int // of lines, those are counted that may be points
}

func (e *TooManyPointsError) Error() string {
	return fmt.Sprintf("max-points-per-request limit exceeded: (%d/%d)", e.Points, e.Limit)
}

// ParseError says that no line of a body could be stored because of its form.
type ParseError struct {
	// Lines has one text per refused line: unable to parse '<line>': <reason>.
	Lines []string
	// FirstLine is the number of the first refused line, from 1.
	FirstLine int
}

func (e *ParseError) Error() string { return strings.Join(e.Lines, "\n") }

// Cause is why rows were refused.
type Cause uint8

// The causes of refusals, in the order in which they are found.
const (
	Malformed       Cause = iota // the line could not be parsed
	InvalidKey                   // a tag or field name that may not be used
	BeyondRetention              // older than the retention policy keeps
	FieldConflict                // another field type than the shard has
	SeriesLimit                  // a new series, and the database has as many as it may
	ValuesLimit                  // a new value of a tag, and the tag has as many as it may
	BeyondFuture                 // further in the future than the server takes

	// The causes below are those of writes of which nothing was stored.
	NotFound    // no such database or retention policy
	Forbidden   // the sender may not write to a measurement
	TooMany     // the request has more points than it may
	Busy        // the cache or a queue is full
	NoSpace     // the disk is full
	Unavailable // the log has failed
	Interrupted // the sender has gone or its time was up
	Internal    // any other fault of the server
	causes
)

// String returns the name of the cause in metrics.
func (c Cause) String() string {
	return [...]string{
		"malformed", "invalid_key", "beyond_retention", "field_conflict", "max_series", "max_values", "beyond_future",
		"not_found", "forbidden", "too_many_points", "busy", "no_space", "unavailable", "interrupted", "internal",
	}[c]
}

// causeOf returns the cause of a write of which nothing was stored.
func causeOf(err error) Cause {
	var database *DatabaseNotFoundError
	var policy *PolicyNotFoundError
	var forbidden *ForbiddenError
	var tooMany *TooManyPointsError
	switch {
	case errors.As(err, &database), errors.As(err, &policy):
		return NotFound
	case errors.As(err, &forbidden):
		return Forbidden
	case errors.As(err, &tooMany):
		return TooMany
	case errors.Is(err, ErrBusy):
		return Busy
	case errors.Is(err, ErrNoSpace):
		return NoSpace
	case errors.Is(err, ErrUnavailable):
		return Unavailable
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Interrupted
	}
	return Internal
}

// PartialWriteError says that some rows of a write were refused; the others are
// stored.
type PartialWriteError struct {
	Cause     Cause  // of the first refusal that Reason tells
	Reason    string // without the "partial write: " in front
	Dropped   int    // rows that were well formed but refused
	FirstLine int    // number of the first malformed line, 0 when there is none
	Line      int    // number of the line that Reason tells of first, 0 when that is not known
}

func (e *PartialWriteError) Error() string {
	return fmt.Sprintf("partial write: %s dropped=%d", e.Reason, e.Dropped)
}

// classify turns an error of the rooms below, about a write to a database, into
// one that says what the client can do about it.
func classify(database string, err error) error {
	var noDatabase *catalog.DatabaseNotFoundError
	var policy *catalog.PolicyNotFoundError
	switch {
	case errors.As(err, &noDatabase), errors.Is(err, tsdb.ErrDatabaseNotFound):
		return &DatabaseNotFoundError{Name: database}
	case errors.As(err, &policy):
		return &PolicyNotFoundError{Name: policy.Name}
	case errors.Is(err, tsdb.ErrCacheFull):
		return fmt.Errorf("%w: %w", ErrBusy, err)
	case errors.Is(err, wal.ErrNoSpace), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	case errors.Is(err, wal.ErrPoisoned), errors.Is(err, wal.ErrClosed), errors.Is(err, tsdb.ErrClosed):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}
