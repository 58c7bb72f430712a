package wal

import (
	"errors"
	"fmt"
	"syscall"
)

// Errors of a running log.
var (
	// ErrPoisoned says that a write or a sync has failed. The log takes nothing
	// more; open it anew.
	ErrPoisoned = errors.New("log is poisoned")
	// ErrNoSpace says that a frame was not taken because the disk is full. The
	// same frame can be appended again later.
	ErrNoSpace = errors.New("no space for the log")
	// ErrClosed says that the log is closed.
	ErrClosed = errors.New("log is closed")
	// ErrTooLarge says that a payload has more than MaxPayloadBytes.
	ErrTooLarge = errors.New("payload is too large for a frame")
	// ErrUnknownLSN says that Append has not given out an LSN.
	ErrUnknownLSN = errors.New("unknown LSN")
)

// ErrCorrupt is matched by every error about bytes that are not what was written.
var ErrCorrupt = errors.New("log is corrupt")

// CorruptError says where bytes are not what was written.
type CorruptError struct {
	Segment string // name of the file, or the kind of an entry
	Offset  int64
	Reason  string
}

// Error describes the place and the damage.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s at offset %d: %s", e.Segment, e.Offset, e.Reason)
}

// Unwrap returns ErrCorrupt.
func (e *CorruptError) Unwrap() error { return ErrCorrupt }

func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// isBroken tells a medium that does not give its bytes back from trouble of
// the process, like missing rights or too many open files.
func isBroken(err error) bool {
	return errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EBADMSG) || errors.Is(err, syscall.EUCLEAN)
}
