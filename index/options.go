package index

import (
	"errors"
	"fmt"
	"math"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// Options configure an index.
type Options struct {
	// FS is the file system; nil means the machine's.
	FS vfs.FS

	// CheckpointSeries is the number of series in the delta that makes NeedsLayer
	// true; with more than sixteen times as many series, up to twice that number.
	// It bounds what an open reads one by one after a crash. 0 means 100,000.
	CheckpointSeries int

	// RebuildSeries is the number of series after which an open that reads the
	// series log from its start writes a checkpoint in between, to bound memory;
	// from four times that number on, a quarter of the checkpoint. 0 means
	// 1,000,000.
	RebuildSeries int

	// MaxSeries is the number of series that may be created; 0 means no limit
	// but that of the ids.
	MaxSeries int

	// MaxTagValues is the number of values that a tag key may have among the
	// series of a measurement; 0 means no limit.
	MaxTagValues int

	// OverflowValue is a value that every tag key may have beyond that; empty:
	// there is none.
	OverflowValue string

	// SegmentBytes is the size from which on a segment of the series log is
	// followed by a new one. 0 means 64 MiB.
	SegmentBytes int64

	// HashSeed keys the hash of series keys in a new checkpoint. 0 means a
	// random one.
	HashSeed uint64
}

// EnsureDefaults replaces zero values by their meaning.
func (o *Options) EnsureDefaults() {
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	if o.CheckpointSeries == 0 {
		o.CheckpointSeries = 100_000
	}
	if o.RebuildSeries == 0 {
		o.RebuildSeries = 1_000_000
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 64 << 20
	}
}

// Validate reports values that make no sense.
func (o *Options) Validate() error {
	var errs []error
	if o.CheckpointSeries < 0 {
		errs = append(errs, fmt.Errorf("checkpoint series: %d is negative", o.CheckpointSeries))
	}
	if o.RebuildSeries < 0 {
		errs = append(errs, fmt.Errorf("rebuild series: %d is negative", o.RebuildSeries))
	}
	if o.MaxSeries < 0 {
		errs = append(errs, fmt.Errorf("max series: %d is negative", o.MaxSeries))
	}
	if o.MaxTagValues < 0 {
		errs = append(errs, fmt.Errorf("max tag values: %d is negative", o.MaxTagValues))
	}
	if o.SegmentBytes < segmentHeaderSize || o.SegmentBytes > math.MaxUint32/2 {
		errs = append(errs, fmt.Errorf("segment bytes: %d is not between %d and %d", o.SegmentBytes, segmentHeaderSize, math.MaxUint32/2))
	}
	return errors.Join(errs...)
}
