package index

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/timberlinedb/timberline/model"
)

// Errors of every call.
var (
	// ErrClosed says that the index is closed.
	ErrClosed = errors.New("series index is closed")
	// ErrCorrupt is the class of errors that say that stored data is damaged.
	// The error in question is a *CorruptionError.
	ErrCorrupt = errors.New("series index data is damaged")
	// ErrVersion says that a file was written by a newer program.
	ErrVersion = errors.New("unknown format version")
	// ErrUnknownSeries says that an id was never given out.
	ErrUnknownSeries = errors.New("unknown series id")
)

// Errors of creating series.
var (
	// ErrSeriesLimit says that the 32-bit series ids of the database are used up.
	ErrSeriesLimit = errors.New("database has run out of series ids")
	// ErrMaxSeries says that the configured number of series is reached.
	ErrMaxSeries = errors.New("limit of series is reached")
	// ErrMaxValues says that a tag key has as many values as it may have, or
	// that some new series might be too many for it. Of one series the error is
	// a *TagValuesError.
	ErrMaxValues = errors.New("limit of tag values is reached")
	// ErrSeriesLog says that the series log could not be written. After a failed
	// write the next creation tries again; after a failed sync no series is
	// created until the index is opened again.
	ErrSeriesLog = errors.New("series log cannot be written")
)

// CorruptionError tells where stored data is damaged.
type CorruptionError struct {
	File        string
	Offset      int64
	First, Last model.SeriesID // ids concerned, both included; 0 when not known
	Reason      string
}

// Error names the file, the place and the ids.
func (e *CorruptionError) Error() string {
	s := fmt.Sprintf("%s: offset %d: %s", e.File, e.Offset, e.Reason)
	if e.First != 0 {
		s += fmt.Sprintf(" (series %d to %d)", e.First, e.Last)
	}
	return s
}

// Is reports whether target is ErrCorrupt.
func (e *CorruptionError) Is(target error) bool { return target == ErrCorrupt }

func isVersion(err error) bool { return errors.Is(err, ErrVersion) }

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
