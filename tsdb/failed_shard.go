package tsdb

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// failedShard stands for a shard that could not be opened because what says how
// to read it is damaged: its manifest, fields or tombstones. Everything else is
// served; reads over its range and writes to it fail with what is wrong. Its
// files stay as they are, and so does what the log has for it, so that the next
// start finds all of it when an operator has put the damaged file back.
type failedShard struct {
	spec ShardSpec
	err  error
	pin  uint64 // oldest frame of the log that names the shard, 0 for none
}

// fail notes a shard that cannot be opened. It returns the error when that does
// not tell of damage: then the start has failed.
func (db *database) fail(spec ShardSpec, err error) error {
	if err = damaged(err); !isDamage(err) {
		return err
	}
	db.store.corrupted(err)
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.failed == nil {
		db.failed = make(map[uint64]*failedShard)
	}
	db.failed[spec.ID] = &failedShard{spec: spec, err: err}
	return nil
}

// failure returns what keeps a shard from being used, nil when nothing does.
func (db *database) failure(id uint64) error {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if f := db.failed[id]; f != nil {
		return fmt.Errorf("shard %d cannot be used until it is repaired or dropped: %w", id, asCorrupt(f.err))
	}
	return nil
}

// failures returns what keeps the shards given from being read in a time range.
func (db *database) failures(ids []uint64, r model.TimeRange) error {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if len(db.failed) == 0 {
		return nil
	}
	var errs []error
	for _, id := range ids {
		if f := db.failed[id]; f != nil && f.spec.Range.Overlaps(r) {
			errs = append(errs, fmt.Errorf("shard %d cannot be read: %w", id, asCorrupt(f.err)))
		}
	}
	return errors.Join(errs...)
}

// asCorrupt makes an error of any kind of damage one that callers can ask for.
func asCorrupt(err error) error {
	if errors.Is(err, cursor.ErrCorrupt) {
		return err
	}
	return fmt.Errorf("%w: %w", cursor.ErrCorrupt, err)
}

// pinFailed keeps the log from the frame lsn on, which names the shard. It
// reports whether the shard is a failed one.
func (db *database) pinFailed(id, lsn uint64) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	f := db.failed[id]
	if f == nil {
		return false
	}
	f.pin = olderLSN(f.pin, lsn)
	return true
}

// failedPin returns the oldest frame that a failed shard needs, 0 for none.
func (db *database) failedPin() (low uint64) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	for _, f := range db.failed {
		low = olderLSN(low, f.pin)
	}
	return low
}

func (db *database) failedCount() int {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return len(db.failed)
}

// dropFailed removes a failed shard with its files; there says whether it was one.
func (db *database) dropFailed(id uint64) (there bool, err error) {
	db.mu.Lock()
	f := db.failed[id]
	delete(db.failed, id)
	db.mu.Unlock()
	if f == nil {
		return false, nil
	}
	fs, dir := db.store.fs, db.shardDir(f.spec)
	return true, errors.Join(fs.RemoveAll(dir), fs.SyncDir(filepath.Dir(dir)))
}
