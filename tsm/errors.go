package tsm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/timberlinedb/timberline/model"
)

var (
	// ErrCorrupt is the class of all errors that say that stored bytes are
	// damaged. The error itself is a *CorruptError.
	ErrCorrupt = errors.New("corrupt data")

	// ErrUnsupported says that a file is whole but of a newer format.
	ErrUnsupported = errors.New("format is not supported by this version")

	// ErrOrder says that rows were added out of order.
	ErrOrder = errors.New("rows out of order")

	// ErrClosed says that a reader, writer or tombstone log was closed before.
	ErrClosed = errors.New("already closed")
)

// CorruptError says which bytes of which file are damaged, and what is lost
// with them.
type CorruptError struct {
	File   string
	Offset int64  // of the damaged structure
	Part   string // "footer", "leaf", "page of field 3", …
	Reason string
	Err    error // may be nil

	// Series is the series whose rows are affected, 0 when that is not known or
	// they are many. Range is the time range of these rows; empty when not known.
	Series model.SeriesID
	Range  model.TimeRange
}

// Error describes the damage in one line.
func (e *CorruptError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s at offset %d is damaged: %s", e.File, e.Part, e.Offset, e.Reason)
	if e.Series != 0 {
		fmt.Fprintf(&b, "; series %d", e.Series)
	}
	if !e.Range.Empty() {
		fmt.Fprintf(&b, ", timestamps %d to %d", e.Range.Min, e.Range.Max)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Is makes every CorruptError match ErrCorrupt.
func (e *CorruptError) Is(target error) bool { return target == ErrCorrupt }

// Unwrap returns the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// noRange is the time range of errors that do not know one.
var noRange = model.TimeRange{Min: 0, Max: -1}

// corrupt makes a CorruptError that names no rows.
func corrupt(file string, offset int64, part, format string, args ...any) *CorruptError {
	return &CorruptError{File: file, Offset: offset, Part: part, Reason: fmt.Sprintf(format, args...), Range: noRange}
}
