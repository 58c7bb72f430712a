package index

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// NeedsCheckpoint reports whether the delta is large enough for a checkpoint, or
// a fifth of the series was freed since the last one, or it was found damaged and
// should be made again.
func (x *Index) NeedsCheckpoint() bool {
	s, err := x.acquire()
	if err != nil {
		return false
	}
	defer s.release()
	n := s.live.count()
	if s.frozen != nil {
		n += s.frozen.count()
	}
	want := x.opt.CheckpointSeries
	if s.base != nil {
		want = max(want, int(s.base.h.series)/16)
	}
	dead := s.deadCount()
	return n >= want || dead > 0 && dead*deadShare >= s.count()+dead || x.damaged.Load()
}

// deadShare is the part of the series that must have been freed for a checkpoint:
// one of deadShare.
const deadShare = 5

// Checkpoint writes a checkpoint of all series created so far and of the
// presence as it is now. Creations, writes and searches go on meanwhile. After
// an error the old checkpoint stays in use and the call may be repeated. A
// damaged one is set aside and made again from the series log.
func (x *Index) Checkpoint() error {
	x.checkpointMu.Lock()
	defer x.checkpointMu.Unlock()
	frozen, dead, err := x.freeze()
	if err != nil {
		return err
	}
	// What the checkpoint covers is never read again at open, so it has to be
	// durable before.
	if err := x.log.sync(); err != nil {
		return err
	}
	if x.damaged.Load() {
		if err := x.remakeBase(); err != nil {
			return err
		}
	}
	err = x.merge(frozen, dead)
	if errors.Is(err, ErrCorrupt) {
		if err = x.remakeBase(); err == nil {
			err = x.merge(frozen, dead)
		}
	}
	if err != nil {
		return fmt.Errorf("checkpoint of series index %s: %w", x.indexDir, err)
	}
	return nil
}

// freeze puts a new delta in the place of the one that the checkpoint takes. A
// delta that an earlier attempt has left goes first. dead are the freed series
// among those of the checkpoint, nil for none.
func (x *Index) freeze() (_ *delta, dead *roaring.Bitmap, err error) {
	x.createMu.Lock()
	defer x.createMu.Unlock()
	if err := x.closeSegment(); err != nil {
		return nil, nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		return nil, nil, ErrClosed
	}
	if x.snap.frozen == nil {
		x.frozenEnd, x.frozenBlocks = x.log.cut()
		x.snap.frozen, x.snap.live = x.snap.live, newDelta(x.snap.live.limit(), x.seed)
	}
	if x.snap.dead != nil {
		dead = x.snap.dead.Clone()
		dead.RemoveRange(uint64(x.snap.frozen.next), 1<<32)
		if dead.IsEmpty() {
			dead = nil
		}
	}
	return x.snap.frozen, dead, nil
}

// closeSegment starts a new segment of the series log when there are freed
// series, so that those of the last segment can go with the others. createMu must
// be held.
func (x *Index) closeSegment() error {
	s, err := x.acquire()
	if err != nil {
		return err
	}
	defer s.release()
	if s.dead == nil || s.frozen != nil {
		return nil
	}
	if err := x.log.rotate(s.live.limit(), x.opt.SegmentBytes/rotateShare); err != nil {
		return fmt.Errorf("%w: %w", ErrSeriesLog, err)
	}
	return nil
}

// merge writes base and frozen delta as the new checkpoint, without the dead, and
// takes it in use.
func (x *Index) merge(frozen *delta, dead *roaring.Bitmap) error {
	x.mu.RLock()
	old := x.snap.base // stays, since only checkpoints replace it
	x.mu.RUnlock()
	in := checkpointInput{
		header: checkpointHeader{covered: frozen.next - 1, log: x.frozenEnd},
		base:   old, delta: frozen, blocks: x.frozenBlocks, presence: x.presence.copy(), dead: dead,
	}
	in.generations = x.generations
	rewrite, err := x.rewriteLog(&in)
	if err != nil {
		return err
	}
	b, err := x.publish(in)
	if err != nil {
		return err
	}
	x.generations = in.generations
	if old != nil {
		b.regexes.takeOver(&old.regexes, frozen, dead)
	}
	x.mu.Lock()
	x.snap.base, x.snap.frozen = b, nil
	x.forgetDeadLocked(dead)
	x.mu.Unlock()
	x.frozenBlocks = nil
	err = releaseBase(old)
	if rewrite != nil {
		x.rewritten.Add(rewrite.count)
		x.log.shrunk(rewrite.saved)
		err = errors.Join(err, removeSegments(x.opt.FS, x.seriesDir, rewrite.superseded))
	}
	return err
}

// rewriteLog takes the keys of freed series out of the series log, as far as
// that is worth it, and gives the checkpoint the places of the others. It returns
// nil when nothing was freed.
func (x *Index) rewriteLog(in *checkpointInput) (*logRewrite, error) {
	if in.dead == nil {
		return nil, nil
	}
	live, err := snapshot{base: in.base, live: in.delta, dead: in.dead}.all()
	if err != nil {
		return nil, err
	}
	r := &logRewrite{fs: x.opt.FS, dir: x.seriesDir, generation: 1, live: live, written: maps.Clone(x.generations)}
	if in.base != nil {
		if r.blocks, err = in.base.allBlocks(); err != nil {
			return nil, err
		}
	}
	r.blocks = append(r.blocks, in.blocks...)
	files, others, err := openSegments(x.opt.FS, x.seriesDir, x.generations)
	if err != nil {
		return nil, err
	}
	for _, f := range slices.Concat(files, others) { // some may be of an attempt that failed
		r.generation = max(r.generation, f.generation+1)
	}
	r.superseded = others
	if err := r.run(files, in.header.log.segment); err != nil {
		return nil, err
	}
	in.blocks, in.allBlocks, in.generations = r.blocks, true, r.written
	return r, nil
}

// publish writes a checkpoint, which is durable afterwards, and maps it.
func (x *Index) publish(in checkpointInput) (*base, error) {
	in.header.seed = x.seed
	in.header.series = uint32(in.delta.count())
	if in.base != nil {
		in.header.series += in.base.h.series
	}
	if in.dead != nil {
		in.header.series -= uint32(in.dead.GetCardinality())
	}
	err := vfs.WriteFile(x.opt.FS, x.checkpointPath(), func(w io.Writer) error { return writeCheckpoint(w, in) })
	if err != nil {
		return nil, err
	}
	return x.openBase()
}

// remakeBase makes a damaged checkpoint again from the series log.
func (x *Index) remakeBase() error {
	x.mu.RLock()
	old := x.snap.base
	x.mu.RUnlock()
	if old == nil {
		return nil
	}
	segments, _, err := openSegments(x.opt.FS, x.seriesDir, x.generations)
	if err != nil {
		return err
	}
	if err := x.setAside(); err != nil {
		return err
	}
	r := newRebuild(x, nil, false)
	r.until = old.h.covered
	scan := &logScan{fs: x.opt.FS, dir: x.seriesDir, next: 1, onBlock: r.add}
	err = scan.run(context.Background(), segments, logPosition{})
	r.tagged.close()
	if err != nil && !errors.Is(err, errScanned) {
		return errors.Join(err, releaseBase(r.base))
	}
	r.end = old.h.log
	if err := r.flush(old.h.covered); err != nil {
		return errors.Join(err, releaseBase(r.base))
	}
	x.mu.Lock()
	x.snap.base = r.base
	x.mu.Unlock()
	x.bury(r.dead)
	return old.release()
}

// rebuild collects blocks of the series log in a delta. When it becomes large
// it writes a checkpoint, so that memory stays bounded.
type rebuild struct {
	x      *Index
	base   *base
	d      *delta
	blocks []blockLoc  // of the delta
	end    logPosition // after the last block
	until  uint32      // last id to take; 0 means all
	flags  uint32
	tags   model.Tags
	tagged *tagIndexer     // adds the tags of the delta's series
	dead   *roaring.Bitmap // ids whose key has come again with a higher one
}

// errScanned ends a scan that has seen enough.
var errScanned = errors.New("all wanted blocks are read")

func newRebuild(x *Index, b *base, presenceLost bool) *rebuild {
	r := &rebuild{x: x, base: b, d: newDelta(1, x.seed), tagged: newTagIndexer(), dead: roaring.New()}
	if b != nil {
		r.d, r.end = newDelta(b.h.covered+1, x.seed), b.h.log
	}
	if presenceLost {
		r.flags = flagPresenceLost
	}
	return r
}

func (r *rebuild) add(loc blockLoc, keys *blockKeys) error {
	if r.until != 0 && loc.first > r.until {
		return errScanned
	}
	if r.d.count() >= r.limit() {
		r.end = loc.at
		if err := r.checkpoint(); err != nil {
			return err
		}
	}
	r.blocks = append(r.blocks, loc)
	var fail error
	err := walkBlock(keys.plain, keys.count, func(i int, key []byte) bool {
		id := loc.first + uint32(i)
		var err error
		_, r.tags, err = parseNewKey(key, r.tags)
		if err != nil {
			// The checksum is right, so the key was written like this. The id
			// stays without tags.
			r.x.found.damage = append(r.x.found.damage, &CorruptionError{File: segmentName(r.x.seriesDir, loc.at.segment),
				Offset: int64(loc.at.offset), First: model.SeriesID(id), Last: model.SeriesID(id), Reason: err.Error()})
			return true
		}
		h := hashKey(r.x.seed, key)
		fail = r.supersede(h, key)
		r.tagged.add(r.d, id, r.d.addKey(id, h, key))
		return fail == nil
	})
	return errors.Join(fail, err)
}

// limit returns the number of series that are collected. After a crash they are
// few beside those of the checkpoint, and writing that again would make the start
// wait.
func (r *rebuild) limit() int {
	if r.base == nil {
		return r.x.opt.RebuildSeries
	}
	return max(r.x.opt.RebuildSeries, int(r.base.h.series)/4)
}

// supersede makes the series dead that has the key so far: it was freed before
// the key was created again, and no checkpoint has seen it.
func (r *rebuild) supersede(h uint64, key []byte) error {
	id, ok, err := r.d.find(h, key, r.dead)
	if !ok && err == nil && r.base != nil {
		id, ok, err = r.base.find(h, key, r.dead)
	}
	if errors.Is(err, ErrCorrupt) {
		return nil // found again when it matters
	}
	if ok {
		r.dead.Add(id)
	}
	return err
}

// checkpoint makes the log durable up to the end and flushes.
func (r *rebuild) checkpoint() error {
	files, _, err := openSegments(r.x.opt.FS, r.x.seriesDir, r.x.generations)
	if err != nil {
		return err
	}
	name := segmentName(r.x.seriesDir, r.end.segment)
	for _, f := range files {
		if f.number == r.end.segment {
			name = f.path(r.x.seriesDir)
		}
	}
	f, err := r.x.opt.FS.OpenReadWrite(name)
	if err != nil {
		return fmt.Errorf("open series log segment %s: %w", name, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("sync series log segment %s: %w", name, err)
	}
	return r.flush(r.d.next - 1)
}

// flush writes a checkpoint of the ids up to covered and starts a new delta.
func (r *rebuild) flush(covered uint32) error {
	r.tagged.wait()
	b, err := r.x.publish(checkpointInput{
		header: checkpointHeader{flags: r.flags, covered: covered, log: r.end},
		base:   r.base, delta: r.d, blocks: r.blocks, presence: r.x.presence.copy(), generations: r.x.generations,
	})
	if err != nil {
		return err
	}
	err = releaseBase(r.base)
	r.base, r.d, r.blocks = b, newDelta(covered+1, r.x.seed), nil
	return err
}
