package wal

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
)

// SyncMode says what Wait waits for.
type SyncMode uint8

const (
	// Durable confirms a frame after its bytes were synced.
	Durable SyncMode = iota
	// Interval confirms a frame when it was handed to the system; what was not
	// synced yet, up to SyncInterval, is lost when the power fails.
	Interval
)

// String returns the name of the mode as settings spell it.
func (m SyncMode) String() string {
	if m == Interval {
		return "interval"
	}
	return "durable"
}

// Options of a log.
type Options struct {
	FS    vfs.FS      // nil is the machine's
	Clock clock.Clock // nil is the machine's

	// SegmentBytes is the size at which a new segment is begun; zero is 64 MiB.
	// A frame that is larger gets a segment of its own size.
	SegmentBytes int64
	// SpareSegments is how many released segments are kept for their next use;
	// zero is 2, negative is none.
	SpareSegments int
	// SpareAge is how long a spare may be of no use before Trim removes it; zero
	// is 1 minute.
	SpareAge time.Duration

	SyncMode     SyncMode
	SyncInterval time.Duration // of the Interval mode; zero is 100 ms

	// MaxPendingBytes bounds what waits for the committer; Append blocks while
	// it is reached. Zero is 32 MiB. A single larger frame is taken when nothing
	// else waits.
	MaxPendingBytes int64

	// QuarantineDir takes copies of damaged segments; empty is "quarantine" in
	// the log's directory.
	QuarantineDir string

	// MinLSN is the lowest LSN that may be given out; zero is 1. An engine
	// passes one more than the highest LSN that its files name, so that a lost
	// log never leads to the same number twice.
	MinLSN uint64

	Events Events
}

// Events are told to whoever listens; nil functions are left out. They are
// called without locks held, from the goroutine that has the news, and must
// not call methods of the log that block.
type Events struct {
	SegmentCreated  func(name string, recycled bool)
	SegmentReleased func(name string, recycled bool) // recycled: became a spare
	Synced          func(bytes int64, took time.Duration)
	Poisoned        func(err error)
	NoSpace         func(err error)                                // the first of a row of refusals
	SpaceReturned   func()                                         // the first success after NoSpace
	Truncated       func(segment string, offset int64, torn int64) // a torn tail was cut
	HoleFound       func(Hole)
	Unreadable      func(Unreadable)
}

// The smallest and largest segment size; offsets of frames have 32 bits.
const (
	minSegmentBytes = 4 << 10
	maxSegmentBytes = 1 << 30
)

// maxPendingLimit keeps the number of frames of an epoch below what a frame's
// header can say.
const maxPendingLimit = 128 << 20

// EnsureDefaults fills in what is zero, for a log in dir.
func (o *Options) EnsureDefaults(dir string) {
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	if o.Clock == nil {
		o.Clock = clock.System
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 64 << 20
	}
	if o.SpareSegments == 0 {
		o.SpareSegments = 2
	}
	if o.SpareAge == 0 {
		o.SpareAge = time.Minute
	}
	if o.SyncInterval == 0 {
		o.SyncInterval = 100 * time.Millisecond
	}
	if o.MaxPendingBytes == 0 {
		o.MaxPendingBytes = 32 << 20
	}
	if o.QuarantineDir == "" {
		o.QuarantineDir = filepath.Join(dir, "quarantine")
	}
	o.MinLSN = max(o.MinLSN, 1)
}

// Validate names every option that cannot work.
func (o *Options) Validate() error {
	var errs []error
	if o.SegmentBytes < minSegmentBytes || o.SegmentBytes > maxSegmentBytes {
		errs = append(errs, fmt.Errorf("segment size is %d bytes, want %d to %d", o.SegmentBytes, minSegmentBytes, maxSegmentBytes))
	}
	if o.SpareAge < 0 {
		errs = append(errs, fmt.Errorf("age of spares is %v, want a positive one", o.SpareAge))
	}
	if o.SyncMode > Interval {
		errs = append(errs, fmt.Errorf("sync mode %d is not known", o.SyncMode))
	}
	if o.SyncInterval < 0 {
		errs = append(errs, fmt.Errorf("sync interval is %v, want a positive one", o.SyncInterval))
	}
	if o.MaxPendingBytes < 0 || o.MaxPendingBytes > maxPendingLimit {
		errs = append(errs, fmt.Errorf("pending limit is %d bytes, want up to %d", o.MaxPendingBytes, maxPendingLimit))
	}
	return errors.Join(errs...)
}
