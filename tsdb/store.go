package tsdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/slab"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
	"github.com/timberlinedb/timberline/wal"
)

// Store is an open data directory: the databases, their shards and the log that
// all of them share. Its methods may be called concurrently.
//
// Goroutines that belong to it from Open to Close: flushLoop, which writes caches
// to files; compactLoop, as many as Options.CompactionWorkers, which merges files;
// and, if there are any of these, layerLoop and layerMergeLoop, which write the
// checkpoints of indexes, and surveyLoop, which looks at all shards once. The log has
// its own.
type Store struct {
	dir   string
	opt   Options
	fs    vfs.FS
	clock clock.Clock
	lock  io.Closer
	log   *wal.Log // nil while it is replayed

	pool         *slab.Pool
	cacheAccount *budget.Account
	mergeAccount *budget.Account
	indexMu      sync.Mutex // serialises chargeIndexes
	indexAccount *budget.Account
	counters     counters
	replayed     ReplayMetrics

	// committed is the highest LSN that Commit confirmed. With the log's Interval
	// mode it is ahead of what is durable.
	committed atomic.Uint64

	flusher   flusher
	compactor compactor
	layers    layerKeeper
	idleLog   idleLog         // flushLoop's own
	poolTicks int             // flushLoop's own
	closing   chan struct{}   // closed by Close
	bg        context.Context // cancelled by Close
	stop      context.CancelFunc
	loops     sync.WaitGroup
	closeOnce sync.Once
	closeErr  error

	makeMu sync.Mutex // one database is made or dropped at a time; taken before mu

	mu        sync.RWMutex // guards the fields below
	databases map[uint32]*database
	gone      map[uint32]bool // dropped since the store was opened
	closed    bool
}

// poolShare is the part of the cache limit that freed memory may keep: one of
// poolShare.
const poolShare = 4

// Open opens the data directory dir, or makes one. What the layout does not have
// is removed; what the log has and the files have not is put into the caches.
func Open(ctx context.Context, dir string, layout Layout, opt Options) (_ *Store, err error) {
	opt.EnsureDefaults()
	if err := opt.Validate(); err != nil {
		return nil, fmt.Errorf("options of the store: %w", err)
	}
	s := &Store{
		dir: dir, opt: opt, fs: opt.FS, clock: opt.Clock,
		pool:         slab.NewPool(int(opt.CacheLimit / poolShare)),
		cacheAccount: opt.Budget.Account("cache", 0),
		mergeAccount: opt.Budget.Account("compaction", opt.CompactionMemory),
		indexAccount: opt.Budget.Account("index", 0),
		databases:    make(map[uint32]*database),
		gone:         make(map[uint32]bool),
		closing:      make(chan struct{}),
	}
	s.opt.Index.FS = opt.FS
	s.flusher.init(s)
	s.compactor.init(s)
	s.layers.init()
	s.bg, s.stop = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
		}
	}()
	if err := s.claim(); err != nil {
		return nil, err
	}
	if err := s.removeLeftovers(layout); err != nil {
		return nil, err
	}
	if err := s.openDatabases(ctx, layout); err != nil {
		return nil, err
	}
	if err := s.recover(ctx); err != nil {
		return nil, err
	}
	s.start()
	return s, nil
}

func (s *Store) openDatabases(ctx context.Context, layout Layout) error {
	for _, d := range layout {
		db, err := openDatabase(ctx, s, d.ID)
		if err != nil {
			return err
		}
		s.databases[d.ID] = db
		for _, spec := range d.Shards {
			if err := ctx.Err(); err != nil {
				return err
			}
			resting, err := db.rest(spec)
			if err == nil && !resting {
				err = db.ensure(spec)
			}
			if err != nil {
				if err = db.fail(spec, err); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *Store) start() {
	s.chargeIndexes()
	// Tickers are made here, so that time that passes once Open has returned
	// counts even if a loop is scheduled late.
	s.loops.Add(1)
	go s.flushLoop(s.clock.NewTicker(flushTick))
	if s.opt.CompactionWorkers > 0 {
		s.loops.Add(3)
		go s.surveyLoop(s.clock.NewTicker(flushTick))
		go s.layerLoop(s.clock.NewTicker(flushTick))
		go s.layerMergeLoop(s.clock.NewTicker(s.opt.CompactionInterval))
		s.layers.write()
		s.layers.merge()
	}
	for range max(s.opt.CompactionWorkers, 0) {
		s.loops.Add(1)
		go s.compactLoop(s.clock.NewTicker(s.opt.CompactionInterval))
	}
}

// Close flushes the caches, stops the goroutines and closes everything. It may
// be called twice. What cannot be flushed stays in the log.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		close(s.closing)
		s.stop()
		s.loops.Wait()
		err := errors.Join(s.flushAll(context.Background()), s.writeClosingLayers())
		s.releaseLog()
		s.closeErr = errors.Join(err, s.release())
		s.indexAccount.Release(s.indexAccount.Used())
	})
	return s.closeErr
}

// release closes whatever is open.
func (s *Store) release() error {
	s.stop()
	var errs []error
	for _, db := range s.list() {
		for _, sh := range db.list() {
			errs = append(errs, sh.shut())
		}
	}
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	for _, db := range s.list() {
		errs = append(errs, db.index.Close())
	}
	s.pool.Close()
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// list returns the databases, ascending by number.
func (s *Store) list() []*database {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*database, 0, len(s.databases))
	for _, db := range s.databases {
		list = append(list, db)
	}
	slices.SortFunc(list, func(a, b *database) int { return int(int64(a.id) - int64(b.id)) })
	return list
}

func (s *Store) database(id uint32) (*database, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, ErrClosed
	}
	db := s.databases[id]
	if db == nil {
		return nil, fmt.Errorf("database %d: %w", id, ErrDatabaseNotFound)
	}
	return db, nil
}

// find returns a shard and its database.
func (s *Store) find(db uint32, shard uint64) (*database, *shard, error) {
	d, err := s.database(db)
	if err != nil {
		return nil, nil, err
	}
	sh, err := d.awaken(shard)
	if err != nil {
		return nil, nil, err
	}
	if sh == nil {
		if err := d.failure(shard); err != nil {
			return nil, nil, err
		}
		return nil, nil, fmt.Errorf("shard %d of database %d: %w", shard, db, ErrShardNotFound)
	}
	return d, sh, nil
}

// CreateDatabase makes a database unless it is there. The number of one that was
// dropped is not taken again.
func (s *Store) CreateDatabase(id uint32) error {
	if _, err := s.database(id); !errors.Is(err, ErrDatabaseNotFound) {
		return err
	}
	s.makeMu.Lock()
	defer s.makeMu.Unlock()
	s.mu.RLock()
	_, there := s.databases[id]
	gone, closed := s.gone[id], s.closed
	s.mu.RUnlock()
	switch {
	case closed:
		return ErrClosed
	case gone:
		return fmt.Errorf("database %d: it was dropped: %w", id, ErrDatabaseNotFound)
	case there:
		return nil
	}
	db, err := openDatabase(s.bg, s, id)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.databases[id] = db
	return nil
}

// EnsureShard makes a shard unless it is there.
func (s *Store) EnsureShard(db uint32, spec ShardSpec) error {
	d, err := s.database(db)
	if err != nil {
		return err
	}
	if d.has(spec.ID) {
		return nil
	}
	return d.ensure(spec)
}

// DropShard removes a shard with its files. Views that are open keep working.
func (s *Store) DropShard(db uint32, shard uint64) error {
	d, err := s.database(db)
	if err != nil {
		return err
	}
	err = d.dropShard(shard)
	s.flusher.announce()
	return err
}

// DropDatabase removes a database with its files. Views that are open keep the
// files of their shards; the names of series are gone.
func (s *Store) DropDatabase(id uint32) error {
	s.makeMu.Lock()
	defer s.makeMu.Unlock()
	db, err := s.database(id)
	if err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.databases, id)
	s.gone[id] = true
	s.mu.Unlock()
	db.makeMu.Lock() // a shard that is being made is in the list below
	db.mu.Lock()
	db.dropped = true
	db.mu.Unlock()
	db.makeMu.Unlock()
	var errs []error
	for _, d := range db.listDormant() {
		if err := db.dropShard(d.spec.ID); err != nil && !errors.Is(err, ErrShardNotFound) {
			errs = append(errs, err)
		}
	}
	for _, sh := range db.list() {
		if err := db.dropShard(sh.spec.ID); err != nil && !errors.Is(err, ErrShardNotFound) {
			errs = append(errs, err)
		}
	}
	errs = append(errs, db.index.Close(), s.fs.RemoveAll(db.dir), s.fs.SyncDir(filepath.Dir(db.dir)))
	s.flusher.announce()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("drop database %d: %w", id, err)
	}
	return nil
}

// SeriesTable finds the numbers of series spellings that were seen before.
type SeriesTable interface {
	// Lookup returns the number of the spelling with a fingerprint.
	Lookup(fp model.Fingerprint) (model.SeriesID, bool)
	// LookupAll sets ids to the numbers of all fingerprints, 0 where there is none.
	LookupAll(ids []model.SeriesID, fps []model.Fingerprint)
}

// Series returns the series table of a database, nil when there is no such
// database.
func (s *Store) Series(db uint32) SeriesTable {
	d, err := s.database(db)
	if err != nil {
		return nil
	}
	return d.index
}

// Commit returns nil when the frame is as durable as the log's mode asks for.
// From then on its rows are seen by every view that is opened.
func (s *Store) Commit(ctx context.Context, lsn uint64) error {
	if lsn == 0 {
		return nil
	}
	if err := s.log.Wait(ctx, lsn); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	for {
		old := s.committed.Load()
		if old >= lsn || s.committed.CompareAndSwap(old, lsn) {
			return nil
		}
	}
}

// readable returns the LSN up to which readers may see rows.
func (s *Store) readable() uint64 {
	if s.log == nil {
		return ^uint64(0)
	}
	return max(s.log.DurableLSN(), s.committed.Load())
}

// waitDurable returns nil when the frame is on the disk, whatever the log's mode.
func (s *Store) waitDurable(ctx context.Context, lsn uint64) error {
	if s.log == nil || lsn <= s.log.DurableLSN() {
		return nil
	}
	if err := s.log.Wait(ctx, lsn); err != nil {
		return err
	}
	for s.log.DurableLSN() < lsn {
		if err := s.log.Err(); err != nil {
			return err
		}
		select {
		case <-s.clock.After(max(s.opt.WAL.SyncInterval/4, minSyncPoll)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// corrupted reports damage that was found.
func (s *Store) corrupted(err error) {
	s.counters.corruptions.Add(1)
	setText(&s.counters.lastCorruption, err.Error())
	if tell := s.opt.Events.Corrupted; tell != nil {
		tell(err)
	}
}

// readFailed returns the error of a read as callers test it, and reports it when
// it tells of damage.
func (s *Store) readFailed(err error) error {
	err = damaged(err)
	if errors.Is(err, cursor.ErrCorrupt) {
		s.corrupted(err)
	}
	return err
}
