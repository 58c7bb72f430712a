package tsdb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/tsm"
)

// shard is one time range of a retention policy: a cache, the caches that are
// being flushed, and files, from the newest rows to the oldest. Generations
// order them; where two have a value for one point, the higher generation wins.
type shard struct {
	store *Store
	db    *database
	spec  ShardSpec
	dir   string

	fields *fieldTable
	tombs  *tsm.Tombstones // deletes that files do not reflect yet; has its own lock

	flushMu    sync.Mutex // one flush at a time
	compactMu  sync.Mutex // one merge at a time
	deleteMu   sync.Mutex // one delete at a time; merges choose their inputs under it
	manifestMu sync.Mutex // guards manifest
	manifest   *manifest

	// writeMu makes the order of rows in the cache that of their frames in the
	// log: it is held from the append of a frame to its effect. It guards the
	// pins: the oldest frames that the log must keep beside those of rows.
	writeMu   sync.Mutex
	fieldsPin uint64          // of fields that the field table's file does not have
	unsaved   []pendingDelete // their tombstones are not durable
	unsettled *roaring.Bitmap // series that may have lost their last row to a delete

	mu        sync.RWMutex // guards the fields below; never held across file I/O
	active    *cache       // takes rows
	frozen    []*cache     // being flushed, oldest first; never changed once published
	files     []*shardFile // ascending by generation; never changed once published
	lost      []lostFile
	deletes   []tsm.Delete // of tombs and those on their way there; never changed once published
	next      uint64       // next number and generation
	lastFlush time.Time
	dropped   bool

	// Of an opening shard: files that a damaged end of the manifest may have named,
	// and the LSN up to which rows are flushed as far as its whole records know. See
	// settleSuspects.
	suspects      []string
	suspectsAfter uint64

	activity shardActivity

	retry backoff // of flushes; see flusher
	merge backoff // of compactions
}

// shardFile is a TSM file of a shard.
type shardFile struct {
	fileEntry
	path   string
	reader *tsm.Reader
}

// lastSeries returns the greatest id of a series in the file, 0 if it has none.
func (f *shardFile) lastSeries() uint32 {
	if ids := f.reader.SeriesIDs(); !ids.IsEmpty() {
		return ids.Maximum()
	}
	return 0
}

// lostFile is a file that the manifest names and that cannot be read.
type lostFile struct {
	fileEntry
	err error
}

func (sh *shard) ref() ShardRef { return ShardRef{Database: sh.db.id, Shard: sh.spec.ID} }

func (sh *shard) filePath(number uint64) string {
	return filepath.Join(sh.dir, fmt.Sprintf("%016x.tsm", number))
}

// parseFileName returns the number of the file with a name that filePath makes.
func parseFileName(name string) (number uint64, ok bool) {
	number, err := strconv.ParseUint(strings.TrimSuffix(name, ".tsm"), 16, 64)
	return number, err == nil && name == fmt.Sprintf("%016x.tsm", number)
}

// openShard opens the files of a shard, or starts an empty one.
func openShard(s *Store, db *database, spec ShardSpec) (_ *shard, err error) {
	sh := &shard{store: s, db: db, spec: spec, dir: db.shardDir(spec), unsettled: roaring.New()}
	if err := vfs.MkdirAll(s.fs, sh.dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			sh.closeFiles()
			err = fmt.Errorf("open shard %d: %w", spec.ID, err)
		}
	}()
	if sh.manifest, err = openManifest(s.fs, filepath.Join(sh.dir, manifestName)); err != nil {
		return nil, err
	}
	if sh.fields, err = openFieldTable(s.fs, filepath.Join(sh.dir, fieldsName)); err != nil {
		return nil, err
	}
	if err := sh.removeOrphans(); err != nil {
		return nil, err
	}
	if sh.tombs, err = openTombstones(s.fs, sh.dir); err != nil {
		return nil, err
	}
	for _, d := range sh.tombs.Damage() {
		s.corrupted(damaged(d))
	}
	sh.loadDeletes()
	sh.next = max(sh.manifest.state.next, maxTombstoneGeneration(sh.tombs)+1)
	sh.active = newCache(s.pool, s.cacheAccount)
	sh.lastFlush = s.clock.Now()
	for _, e := range sh.manifest.state.files {
		sh.openFile(e)
	}
	return sh, nil
}

// openFile opens a file that the manifest names. One that cannot be read is set
// aside, and reads over its time range say so.
func (sh *shard) openFile(e fileEntry) {
	path := sh.filePath(e.Number)
	r, err := tsm.Open(sh.store.fs, path)
	if err == nil {
		if info := r.Info(); info.Generation != e.Generation || info.Size != e.Size {
			err = &CorruptError{File: path, Offset: -1, Reason: fmt.Sprintf(
				"file has generation %d and %d bytes, the manifest says %d and %d", info.Generation, info.Size, e.Generation, e.Size)}
			r.Close()
		}
	}
	if err == nil {
		sh.files = append(sh.files, &shardFile{fileEntry: e, path: path, reader: r})
		return
	}
	sh.lost = append(sh.lost, lostFile{fileEntry: e, err: sh.store.setAside(sh.ref(), path, e.Range, damaged(err))})
}

// removeOrphans removes what a crash left: files that were never published, and
// those that a published edit took out.
func (sh *shard) removeOrphans() error {
	names, err := sh.store.fs.List(sh.dir)
	if err != nil {
		return fmt.Errorf("list %s: %w", sh.dir, err)
	}
	sh.suspectsAfter = sh.manifest.state.flushed
	known := map[string]bool{}
	for _, e := range sh.manifest.state.files {
		known[filepath.Base(sh.filePath(e.Number))] = true
	}
	for _, name := range names {
		ext := filepath.Ext(name)
		if ext != vfs.TempSuffix && (ext != ".tsm" || known[name]) {
			continue
		}
		if ext == ".tsm" && sh.manifest.cut > 0 {
			sh.suspects = append(sh.suspects, filepath.Join(sh.dir, name))
			continue
		}
		if err := sh.store.removeOrphan(filepath.Join(sh.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// freeze closes the active cache for writes and puts an empty one in its place.
func (sh *shard) freeze() {
	sh.writeMu.Lock()
	defer sh.writeMu.Unlock()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.dropped || sh.active.empty() {
		return
	}
	c := sh.active
	c.generation = sh.next
	sh.next++
	c.frozen.Store(true)
	sh.frozen = append(slices.Clip(sh.frozen), c)
	sh.active = newCache(sh.store.pool, sh.store.cacheAccount)
}

// oldestFrozen returns the frozen cache to flush first, nil when there is none.
// The caller holds it until he releases it.
func (sh *shard) oldestFrozen() *cache {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if sh.dropped || len(sh.frozen) == 0 {
		return nil
	}
	sh.frozen[0].acquire()
	return sh.frozen[0]
}

// number gives out the next file number, which is a generation too.
func (sh *shard) number() uint64 {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	n := sh.next
	sh.next++
	return n
}

// oldestLSN returns the oldest frame of the log that the shard still needs, 0
// when there is none.
func (sh *shard) oldestLSN() uint64 {
	sh.writeMu.Lock()
	defer sh.writeMu.Unlock()
	low := sh.fieldsPin
	for _, p := range sh.unsaved {
		low = olderLSN(low, p.lsn)
	}
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if sh.dropped {
		return 0
	}
	low = olderLSN(low, sh.active.minLSN)
	for _, c := range sh.frozen {
		low = olderLSN(low, c.minLSN)
	}
	return low
}

// olderLSN returns the smaller of two LSNs of which 0 means none.
func olderLSN(a, b uint64) uint64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// saveFields makes the field table durable, so that the log may forget the
// frames that changed it. These are durable before it is: the file must not
// know of a change that a crash undoes.
func (sh *shard) saveFields(ctx context.Context) error {
	lsn, err := sh.fields.save(sh.store.fs, filepath.Join(sh.dir, fieldsName), func(lsn uint64) error {
		return sh.store.waitDurable(ctx, lsn)
	})
	if err != nil {
		return err
	}
	sh.writeMu.Lock()
	defer sh.writeMu.Unlock()
	sh.fieldsPin = 0
	if sh.fields.unsaved() {
		sh.fieldsPin = lsn + 1
	}
	return nil
}

// cached returns the series that have rows in the caches of the shard.
func (sh *shard) cached() *roaring.Bitmap {
	sh.mu.RLock()
	caches := append(slices.Clone(sh.frozen), sh.active)
	for _, c := range caches {
		c.acquire()
	}
	sh.mu.RUnlock()
	bm := roaring.New()
	for _, c := range caches {
		for _, id := range c.series() {
			bm.Add(id)
		}
		c.release()
	}
	return bm
}

// closeFiles closes what the shard holds open. Views keep their files.
func (sh *shard) closeFiles() error {
	var errs []error
	for _, f := range sh.files {
		errs = append(errs, f.reader.Close())
	}
	if sh.tombs != nil {
		errs = append(errs, sh.tombs.Close())
	}
	if sh.manifest != nil {
		errs = append(errs, sh.manifest.close())
	}
	return errors.Join(errs...)
}

// shut waits for the flush, the merge and the write that run and closes the
// shard.
func (sh *shard) shut() error {
	sh.flushMu.Lock()
	defer sh.flushMu.Unlock()
	sh.compactMu.Lock()
	defer sh.compactMu.Unlock()
	sh.deleteMu.Lock()
	defer sh.deleteMu.Unlock()
	sh.manifestMu.Lock()
	defer sh.manifestMu.Unlock()
	sh.writeMu.Lock()
	defer sh.writeMu.Unlock()
	return sh.closeLocked()
}

// closeLocked releases the caches and closes the files. All locks of the shard
// but mu must be held.
func (sh *shard) closeLocked() error {
	sh.mu.Lock()
	caches := append(slices.Clone(sh.frozen), sh.active)
	sh.frozen, sh.active = nil, newCache(sh.store.pool, sh.store.cacheAccount)
	sh.dropped = true
	sh.mu.Unlock()
	for _, c := range caches {
		c.release()
	}
	return sh.closeFiles()
}

// backoff spaces out attempts after failures.
type backoff struct {
	mu       sync.Mutex
	failures int
	until    time.Time
}

// ready reports whether the next attempt is due.
func (b *backoff) ready(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures == 0 || !now.Before(b.until)
}

// failed notes a failed attempt.
func (b *backoff) failed(now time.Time, first time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.until = now.Add(first << min(b.failures, 6))
	b.failures++
}

// worked notes a successful attempt.
func (b *backoff) worked() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures = 0
}

// has reports whether the file has values of a field.
func (f *shardFile) has(number uint32) bool {
	_, ok := f.reader.Field(number)
	return ok
}
