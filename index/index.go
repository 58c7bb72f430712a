package index

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// maxSeriesID is the last id that is given out.
const maxSeriesID = 1<<32 - 2

const checkpointName = "checkpoint"

// Index is the series index of one database. Its methods may be called
// concurrently.
//
// Locks, in the order in which they are taken: mergeMu, checkpointMu, that of freeing's
// life, createMu, those of the series log, freeing's other one, mu, that of a
// delta or of presence; that of the fingerprint table is taken alone, and that of the
// sketches before those of deltas and presence. Readers take
// only mu, those of deltas and presence, none of which is held across file I/O.
type Index struct {
	opt       Options
	seriesDir string
	indexDir  string
	seed      uint64
	instance  uint64
	log       *seriesLog

	fingerprints fingerprintTable
	presence     presence
	freeing      freeing
	sketches     sketches

	mergeMu      sync.Mutex // one merge of layers at a time
	checkpointMu sync.Mutex // serialises changes of the chain of layers, guards the fields below
	frozenBlocks []blockLoc
	frozenEnd    logPosition
	generations  generations // of the files of the series log; changed with mergeMu, too

	createMu sync.Mutex // serialises creations: ids, log and journal have one order; guards values
	values   valueCounts

	mu     sync.RWMutex // guards the fields below
	snap   snapshot
	closed bool

	found   recovery    // by open
	damaged atomic.Bool // the checkpoint turned out damaged since

	rewritten       atomic.Int64 // segments of the series log
	checkpointBytes atomic.Int64 // written
	burials         atomic.Int64 // times that series were made dead
	regexStats      regexStats
}

// recovery is what open found.
type recovery struct {
	damage            []error
	tornBytes         int64
	checkpointSetAway bool
	presenceLost      bool
}

// snapshot holds the parts that make up the index. The ids of each of bases are
// smaller than those of the next, all of them smaller than those of frozen, and these
// smaller than those of live.
type snapshot struct {
	bases  []*base // the checkpoint and its layers; never changed once published
	frozen *delta  // nil when no layer is being written
	live   *delta  // nil only while the index is opened

	dead *roaring.Bitmap // freed series that the parts still have; never changed; nil for none
}

func (s snapshot) parts() []part {
	parts := make([]part, 0, len(s.bases)+2)
	for _, b := range s.bases {
		parts = append(parts, b)
	}
	if s.frozen != nil {
		parts = append(parts, s.frozen)
	}
	if s.live != nil {
		parts = append(parts, s.live)
	}
	return parts
}

func (s snapshot) release() {
	for _, b := range s.bases {
		b.release()
	}
}

// partOf returns the part that holds id.
func (s snapshot) partOf(id uint32) (part, bool) {
	for _, p := range s.parts() {
		if id < p.limit() {
			return p, id > 0
		}
	}
	return nil, false
}

// Open opens the index of a database, or makes an empty one. It maps the
// checkpoint and reads the keys that follow it; a missing or damaged checkpoint
// is made from the whole series log, without presence (see Metrics.PresenceLost).
func Open(ctx context.Context, seriesDir, indexDir string, opt Options) (*Index, error) {
	opt.EnsureDefaults()
	if err := opt.Validate(); err != nil {
		return nil, fmt.Errorf("options of series index: %w", err)
	}
	x := &Index{opt: opt, seriesDir: seriesDir, indexDir: indexDir, instance: instances.Add(1)}
	if err := x.prepare(); err != nil {
		return nil, err
	}
	bases, err := x.openCheckpoint()
	if err == nil {
		bases, err = x.openLayers(bases)
	}
	if err == nil {
		err = x.removeStrayLayers(bases)
	}
	if err == nil {
		err = x.chooseSeed(bases)
	}
	if err != nil {
		return nil, errors.Join(err, releaseBases(bases))
	}
	if err := x.recover(ctx, bases); err != nil {
		return nil, err
	}
	return x, nil
}

// prepare makes the directories and removes what a crash left.
func (x *Index) prepare() error {
	for _, dir := range []string{x.seriesDir, x.indexDir} {
		if err := vfs.MkdirAll(x.opt.FS, dir); err != nil {
			return err
		}
	}
	names, err := x.opt.FS.List(x.indexDir)
	if err != nil {
		return fmt.Errorf("list index %s: %w", x.indexDir, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, vfs.TempSuffix) {
			if err := x.opt.FS.Remove(filepath.Join(x.indexDir, name)); err != nil {
				return fmt.Errorf("remove unfinished file: %w", err)
			}
		}
	}
	return nil
}

func (x *Index) checkpointPath() string { return filepath.Join(x.indexDir, checkpointName) }

// openCheckpoint returns the checkpoint without its layers, with its presence
// loaded, or nil when there is none that can be used.
func (x *Index) openCheckpoint() ([]*base, error) {
	b, err := x.openBase(x.checkpointPath())
	if err == nil {
		if b.h.after != 0 {
			err = b.p.corrupt(40, fmt.Sprintf("checkpoint starts with id %d", b.h.after+1))
		} else if err = x.loadPresence(b); err == nil {
			return []*base{b}, nil
		}
		b.release()
	}
	if isNotExist(err) {
		x.found.presenceLost = true // if there are series, which the scan will tell
		return nil, nil
	}
	if !errors.Is(err, ErrCorrupt) {
		return nil, err
	}
	x.found.damage = append(x.found.damage, err)
	x.found.presenceLost = true
	return nil, x.setAside(x.checkpointPath())
}

// openBase opens a checkpoint or layer.
func (x *Index) openBase(name string) (*base, error) {
	b, err := openBase(x.opt.FS, name, x.seriesDir)
	if err == nil {
		b.p.onDamage = func() {
			b.damaged.Store(true)
			x.damaged.Store(true)
		}
		b.regexes.stats = &x.regexStats
	}
	return b, err
}

func (x *Index) loadPresence(b *base) error {
	raw, err := b.p.view(b.presence.offset, b.presence.length)
	if err != nil {
		return err
	}
	shards, err := decodePresence(raw)
	if err != nil {
		return b.p.corrupt(b.presence.offset, err.Error())
	}
	x.presence.load(shards)
	x.found.presenceLost = x.found.presenceLost || b.h.flags&flagPresenceLost != 0
	return nil
}

// setAside keeps a damaged checkpoint or layer under another name.
func (x *Index) setAside(name string) error {
	if err := vfs.Publish(x.opt.FS, name, name+".bad"); err != nil && !isNotExist(err) {
		return fmt.Errorf("set aside damaged checkpoint: %w", err)
	}
	x.found.checkpointSetAway = true
	x.damaged.Store(false)
	return nil
}

func (x *Index) chooseSeed(bases []*base) (err error) {
	switch {
	case len(bases) > 0:
		x.seed = bases[0].h.seed
	case x.opt.HashSeed != 0:
		x.seed = x.opt.HashSeed
	default:
		x.seed, err = randomSeed()
	}
	return err
}

// recover reads what the series log has after the checkpoint, cuts a torn tail
// and opens the log for appending.
func (x *Index) recover(ctx context.Context, bases []*base) error {
	segments, err := x.findSegments(bases)
	if err != nil {
		return errors.Join(err, releaseBases(bases))
	}
	freed, err := freedIn(bases)
	if err != nil && !errors.Is(err, ErrCorrupt) {
		return errors.Join(err, releaseBases(bases))
	}
	r := newRebuild(x, bases, freed, x.found.presenceLost)
	scan := &logScan{fs: x.opt.FS, dir: x.seriesDir, next: r.d.first, onBlock: r.add}
	err = scan.run(ctx, segments, r.end)
	r.tagged.close()
	if err == nil {
		x.log, err = openLog(x.opt, x.seriesDir, segments, scan)
	}
	if err != nil {
		return errors.Join(err, releaseBases(r.bases))
	}
	r.d.skip(scan.next)
	x.log.blocks = r.blocks
	x.snap = snapshot{bases: r.bases, live: r.d}
	x.bury(r.dead)
	for _, d := range scan.damage {
		x.found.damage = append(x.found.damage, d)
	}
	x.found.tornBytes = scan.torn
	x.found.presenceLost = x.found.presenceLost && x.snap.count() > 0
	return nil
}

// findSegments returns the files of the series log that go with the checkpoint
// and removes the others: those that the checkpoint has superseded, and those of
// a checkpoint that a crash has cut off. Without a checkpoint the newest files
// count, which lack nothing but the keys of freed series.
func (x *Index) findSegments(bases []*base) ([]segmentFile, error) {
	segments, others, err := openSegments(x.opt.FS, x.seriesDir, generationsIn(bases))
	if err != nil {
		return nil, err
	}
	x.generations = generationsOf(segments)
	return segments, removeSegments(x.opt.FS, x.seriesDir, others)
}

// Close makes the series log durable and closes the files. Searches that run
// end well; later calls fail with ErrClosed. It may be called twice.
func (x *Index) Close() error {
	x.mergeMu.Lock()
	defer x.mergeMu.Unlock()
	x.checkpointMu.Lock()
	defer x.checkpointMu.Unlock()
	x.createMu.Lock()
	defer x.createMu.Unlock()
	x.mu.Lock()
	if x.closed {
		x.mu.Unlock()
		return nil
	}
	x.closed = true
	s := x.snap
	x.mu.Unlock()
	return errors.Join(x.log.close(), releaseBases(s.bases))
}

// acquire returns the parts; they must be released.
func (x *Index) acquire() (snapshot, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.closed {
		return snapshot{}, ErrClosed
	}
	for _, b := range x.snap.bases {
		b.retain()
	}
	return x.snap, nil
}

// Sync makes the keys of all series created so far durable in the series log.
func (x *Index) Sync() error {
	s, err := x.acquire()
	if err != nil {
		return err
	}
	defer s.release()
	// A creation that has journaled its series and not yet appended them is waited
	// for: who syncs believes that the journal may forget them afterwards.
	x.createMu.Lock()
	//lint:ignore SA2001 there is nothing to do inside
	x.createMu.Unlock()
	return x.log.sync()
}

// AppendKey appends the canonical key of a series to dst. The error matches
// ErrUnknownSeries when the id was never given out, and ErrCorrupt when the
// key is lost.
func (x *Index) AppendKey(dst []byte, id model.SeriesID) ([]byte, error) {
	s, err := x.acquire()
	if err != nil {
		return dst, err
	}
	defer s.release()
	return x.appendKey(s, dst, id)
}

func (x *Index) appendKey(s snapshot, dst []byte, id model.SeriesID) ([]byte, error) {
	p, ok := s.partOf(uint32(id))
	if !ok {
		return dst, fmt.Errorf("key of series %d: %w", id, ErrUnknownSeries)
	}
	if d, ok := p.(*delta); ok {
		key := d.key(uint32(id))
		if key == nil {
			return dst, lostKey(x.seriesDir, uint32(id))
		}
		return append(dst, key...), nil
	}
	return p.(*base).appendKey(dst, uint32(id))
}

// Tags returns the measurement and the tags of a series. They lie in buf, which
// is overwritten and returned grown; tags are appended to dst[:0].
func (x *Index) Tags(id model.SeriesID, dst model.Tags, buf []byte) (measurement []byte, tags model.Tags, _ []byte, err error) {
	buf, err = x.AppendKey(buf[:0], id)
	if err != nil {
		return nil, dst[:0], buf, err
	}
	measurement, tags, err = model.ParseSeriesKey(buf, dst)
	if err != nil {
		err = fmt.Errorf("tags of series %d: %w", id, err)
	}
	return measurement, tags, buf, err
}

// MarkPresent says that the series have data in a shard.
func (x *Index) MarkPresent(shard uint64, ids []model.SeriesID) { x.presence.mark(shard, ids) }

// SetPresence replaces what is known of a shard. The index keeps bm.
func (x *Index) SetPresence(shard uint64, bm *roaring.Bitmap) { x.presence.set(shard, bm) }

// NoteNamed says that files of shards whose presence is not told yet name ids up to
// this one: none of them is given out.
func (x *Index) NoteNamed(last model.SeriesID) { x.presence.named(uint32(last)) }

// DropShard forgets a shard.
func (x *Index) DropShard(shard uint64) {
	x.presence.drop(shard)
	x.sketches.drop(shard)
}

// RemovePresent says that the series have no data in a shard any more.
func (x *Index) RemovePresent(shard uint64, ids *roaring.Bitmap) { x.presence.remove(shard, ids) }

// Present returns the series that have data in one of the shards. The caller
// owns the bitmap.
func (x *Index) Present(shards []uint64) *roaring.Bitmap {
	return x.presence.union(shards)
}

// PresentCount returns how many series have data in a shard.
func (x *Index) PresentCount(shard uint64) int64 { return x.presence.count(shard) }

// PresentVersion is Present with a number that stands for the result: as long as it
// is the same, the same shards have the same series, and these the same tags. Others
// read the bitmap too: it must not be changed.
func (x *Index) PresentVersion(shards []uint64) (ids *roaring.Bitmap, version uint64) {
	return x.presence.shared(shards)
}

// instances counts the indexes that this process has opened.
var instances atomic.Uint64

// Instance returns a number that no other index of this process has.
func (x *Index) Instance() uint64 { return x.instance }

// Shards returns the shards whose presence is known, sorted.
func (x *Index) Shards() []uint64 { return x.presence.shards() }

// Damage returns what was found damaged by Open; each error matches ErrCorrupt.
func (x *Index) Damage() []error { return append([]error(nil), x.found.damage...) }
