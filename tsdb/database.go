package tsdb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/timberlinedb/timberline/index"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// database is one series index and the shards whose rows it numbers.
type database struct {
	store *Store
	id    uint32
	dir   string
	index *index.Index
	gate  gate // entered by who uses ids that he has looked up

	freeMu    sync.Mutex // serialises freeSeries, guards the fields below
	condemned bool       // series wait for those who may still use them
	turned    bool       // the gate has turned since

	pinMu      sync.Mutex // guards the fields below
	seriesPin  uint64     // oldest frame of series that are not durable in the index; 0 for none
	seriesLast uint64     // newest one

	makeMu sync.Mutex // one shard is made or dropped at a time; taken before mu

	mu      sync.RWMutex // guards the fields below
	shards  map[uint64]*shard
	dormant map[uint64]*dormantShard
	failed  map[uint64]*failedShard
	lost    []*index.CorruptionError // ranges of series whose keys cannot be read; set by openDatabase
	gone    map[uint64]bool          // dropped since the store was opened
	dropped bool
}

func (s *Store) databaseDir(id uint32) string {
	return filepath.Join(s.dir, "db", strconv.FormatUint(uint64(id), 10))
}

func (db *database) policyDir(policy uint32) string {
	return filepath.Join(db.dir, strconv.FormatUint(uint64(policy), 10))
}

func (db *database) shardDir(spec ShardSpec) string {
	return filepath.Join(db.policyDir(spec.Policy), strconv.FormatUint(spec.ID, 10))
}

// openDatabase opens the index of a database, or starts an empty one.
func openDatabase(ctx context.Context, s *Store, id uint32) (*database, error) {
	db := &database{store: s, id: id, dir: s.databaseDir(id), shards: map[uint64]*shard{}, dormant: map[uint64]*dormantShard{}, gone: map[uint64]bool{}}
	if err := vfs.MkdirAll(s.fs, db.dir); err != nil {
		return nil, err
	}
	var err error
	db.index, err = index.Open(ctx, filepath.Join(db.dir, "series"), filepath.Join(db.dir, "index"), s.opt.Index)
	if err != nil {
		return nil, fmt.Errorf("open database %d: %w", id, err)
	}
	for _, d := range db.index.Damage() {
		s.corrupted(d)
		db.noteLostSeries(d)
	}
	return db, nil
}

// shard returns an open shard, nil when there is none; see awaken.
func (db *database) shard(id uint64) *shard {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return db.shards[id]
}

// list returns the open shards, ascending by number.
func (db *database) list() []*shard {
	db.mu.RLock()
	defer db.mu.RUnlock()
	list := make([]*shard, 0, len(db.shards))
	for _, sh := range db.shards {
		list = append(list, sh)
	}
	slices.SortFunc(list, func(a, b *shard) int {
		if a.spec.ID < b.spec.ID {
			return -1
		}
		return 1
	})
	return list
}

// ensure makes a shard unless it is there.
func (db *database) ensure(spec ShardSpec) error {
	db.makeMu.Lock()
	defer db.makeMu.Unlock()
	db.mu.RLock()
	there := db.shards[spec.ID] != nil || db.dormant[spec.ID] != nil
	gone := db.dropped || db.gone[spec.ID]
	db.mu.RUnlock()
	switch {
	case gone:
		return fmt.Errorf("shard %d: it was dropped: %w", spec.ID, ErrShardNotFound)
	case there:
		return nil
	}
	if err := db.failure(spec.ID); err != nil {
		return err
	}
	sh, err := openShard(db.store, db, spec)
	if err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.shards[spec.ID] = sh
	return nil
}

// dropShard forgets a shard and removes its files. Views that are open keep
// what they hold.
func (db *database) dropShard(id uint64) error {
	db.makeMu.Lock()
	defer db.makeMu.Unlock()
	db.mu.Lock()
	sh := db.shards[id]
	delete(db.shards, id)
	db.gone[id] = true
	db.mu.Unlock()
	if sh == nil {
		there, err := db.dropDormant(id)
		if !there {
			there, err = db.dropFailed(id)
		}
		if !there {
			err = ErrShardNotFound
		}
		db.index.DropShard(id)
		if err != nil {
			return fmt.Errorf("drop shard %d: %w", id, err)
		}
		return nil
	}
	err := sh.drop()
	db.index.DropShard(id)
	if err != nil {
		return fmt.Errorf("drop shard %d: %w", id, err)
	}
	return nil
}

// drop closes the shard and removes its directory.
func (sh *shard) drop() error {
	sh.mu.Lock()
	sh.dropped = true // flushes and merges that are at work give up
	sh.mu.Unlock()
	fs := sh.store.fs
	return errors.Join(sh.shut(), fs.RemoveAll(sh.dir), fs.SyncDir(filepath.Dir(sh.dir)))
}

// ended returns the error of the store in place of one that tells that the index
// is closed: because the database was dropped, or with the store.
func (db *database) ended(err error) error {
	if !errors.Is(err, index.ErrClosed) {
		return err
	}
	db.mu.RLock()
	defer db.mu.RUnlock()
	if db.dropped {
		return fmt.Errorf("database %d: it was dropped: %w", db.id, ErrDatabaseNotFound)
	}
	return ErrClosed
}

// journal appends new series to the log, before any row can use them.
func (db *database) journal(first model.SeriesID, keys [][]byte) error {
	db.pinMu.Lock()
	defer db.pinMu.Unlock()
	for len(keys) > 0 {
		n, bytes := 0, 0
		for n < len(keys) && (n == 0 || bytes+len(keys[n]) <= db.store.opt.FrameBytes) {
			bytes += len(keys[n]) + 4
			n++
		}
		lsn, err := db.store.appendSeries(db.id, first, keys[:n])
		if err != nil {
			return err
		}
		db.seriesPin = olderLSN(db.seriesPin, lsn)
		db.seriesLast = lsn
		first += model.SeriesID(n)
		keys = keys[n:]
	}
	return nil
}

// syncIndex makes the series durable in the index, so that the log may forget
// the frames that created them.
func (db *database) syncIndex() error {
	db.pinMu.Lock()
	pin, last := db.seriesPin, db.seriesLast
	db.pinMu.Unlock()
	if pin == 0 {
		return nil
	}
	if err := db.index.Sync(); err != nil {
		return fmt.Errorf("sync series of database %d: %w", db.id, err)
	}
	db.pinMu.Lock()
	defer db.pinMu.Unlock()
	if db.seriesLast == last {
		db.seriesPin = 0
	} else {
		db.seriesPin = last + 1
	}
	return nil
}

// oldestLSN returns the oldest frame of the log that the database needs beside
// those of its shards, 0 when there is none.
func (db *database) oldestLSN() uint64 {
	db.pinMu.Lock()
	defer db.pinMu.Unlock()
	return olderLSN(db.seriesPin, db.failedPin())
}
