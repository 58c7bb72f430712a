package tsdb

import (
	"errors"
	"fmt"

	"github.com/timberlinedb/timberline/index"
)

// A checkpoint is written when the store is closed if at least
// closeCheckpointSeries series have none, and one of closeCheckpointShare of all:
// it is written as a whole, and reading less than that from the series log at the
// next start takes less time than that.
const (
	closeCheckpointSeries = 1000
	closeCheckpointShare  = 64
)

// checkpointClosing writes the checkpoints of indexes that have grown since the
// last one, so that the next start need not read their series one by one.
func (s *Store) checkpointClosing() error {
	var errs []error
	for _, db := range s.list() {
		if m := db.index.Metrics(); m.DeltaSeries < max(closeCheckpointSeries, m.Series/closeCheckpointShare) {
			continue
		}
		if err := db.index.Checkpoint(); err != nil {
			errs = append(errs, fmt.Errorf("checkpoint of database %d: %w", db.id, err))
		}
	}
	return errors.Join(errs...)
}

// indexMemory returns the bytes that an index holds, without what is mapped from
// files.
func indexMemory(m index.Metrics) int64 {
	return m.DeltaBytes + m.FingerprintBytes + m.PresenceBytes + m.RegexCacheBytes + m.SketchBytes
}

// chargeIndexes brings the account of the indexes up to the memory that they
// hold. What is mapped from files does not count: it goes when memory is short.
func (s *Store) chargeIndexes() {
	held := int64(0)
	for _, db := range s.list() {
		held += indexMemory(db.index.Metrics())
	}
	s.indexMu.Lock()
	defer s.indexMu.Unlock()
	s.indexAccount.Force(held - s.indexAccount.Used())
}
