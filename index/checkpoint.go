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

// NeedsLayer reports whether the delta is large enough for a layer.
func (x *Index) NeedsLayer() bool {
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
	return n >= min(max(want, seriesOf(s.bases)/16), 2*want)
}

// NeedsMerge reports whether the checkpoint has layers that should be merged, or a
// fifth of the series was freed since that was done with all of them, or something
// was found damaged and should be made again.
func (x *Index) NeedsMerge() bool {
	s, err := x.acquire()
	if err != nil {
		return false
	}
	defer s.release()
	_, merge := planLayers(seriesIn(s.bases))
	return merge || x.damaged.Load() || s.deadIsMuch()
}

// WorthSettling reports whether a merge of all layers to one file would write not
// much more than sixteen times what the layers hold, so that who has time may do it
// with Checkpoint.
func (x *Index) WorthSettling() bool {
	s, err := x.acquire()
	if err != nil {
		return false
	}
	defer s.release()
	if len(s.bases) < 2 {
		return false
	}
	return int64(seriesOf(s.bases[1:]))*settleShare >= int64(s.bases[0].h.series)
}

// settleShare is the part of the first file that the layers must hold together for
// a merge of all when there is time: one of settleShare.
const settleShare = 16

// deadShare is the part of the series that must have been freed for a merge of all
// layers: one of deadShare.
const deadShare = 5

func (s snapshot) deadIsMuch() bool {
	dead := s.deadCount()
	return dead > 0 && dead*deadShare >= s.count()+dead
}

func seriesIn(bases []*base) []int {
	sizes := make([]int, len(bases))
	for i, b := range bases {
		sizes[i] = int(b.h.series)
	}
	return sizes
}

// WriteLayer writes a layer of all series that were created since the last one.
// Creations, writes and searches go on meanwhile. After an error the series stay in
// memory, and the call may be repeated.
func (x *Index) WriteLayer() error {
	x.checkpointMu.Lock()
	defer x.checkpointMu.Unlock()
	if err := x.writeLayerLocked(false); err != nil {
		return fmt.Errorf("layer of series index %s: %w", x.indexDir, err)
	}
	return nil
}

// Merge merges layers as NeedsMerge asks for. Everything else goes on meanwhile.
// After an error the files stay as they are, and the call may be repeated. What is
// damaged is set aside and made again from the series log.
func (x *Index) Merge() error {
	s, err := x.acquire()
	if err != nil {
		return err
	}
	much := s.deadIsMuch()
	s.release()
	if much || x.damaged.Load() {
		return x.Checkpoint()
	}
	x.mergeMu.Lock()
	defer x.mergeMu.Unlock()
	err = x.mergeSome(planLayers)
	if errors.Is(err, ErrCorrupt) {
		err = x.remakeBases()
	}
	if err != nil {
		return fmt.Errorf("merge layers of series index %s: %w", x.indexDir, err)
	}
	return nil
}

// Checkpoint writes a checkpoint of all series created so far and of the
// presence as it is now, as one file. Creations, writes and searches go on
// meanwhile. After an error the old files stay in use and the call may be
// repeated. What is damaged is set aside and made again from the series log.
func (x *Index) Checkpoint() error {
	x.mergeMu.Lock()
	defer x.mergeMu.Unlock()
	x.checkpointMu.Lock()
	err := x.writeLayerLocked(true)
	x.checkpointMu.Unlock()
	if err == nil && x.damaged.Load() {
		err = x.remakeBases()
	}
	if err == nil {
		err = x.mergeSome(mergeAll)
	}
	if errors.Is(err, ErrCorrupt) {
		if err = x.remakeBases(); err == nil {
			err = x.mergeSome(mergeAll)
		}
	}
	if err != nil {
		return fmt.Errorf("checkpoint of series index %s: %w", x.indexDir, err)
	}
	return nil
}

// mergeAll is the plan that leaves one file.
func mergeAll(sizes []int) (keep int, ok bool) { return 0, len(sizes) > 0 }

// mergeSome merges the files that plan names. mergeMu must be held.
func (x *Index) mergeSome(plan func(sizes []int) (keep int, ok bool)) error {
	s, err := x.acquire()
	if err != nil {
		return err
	}
	defer s.release()
	keep, ok := plan(seriesIn(s.bases))
	if !ok {
		return nil
	}
	var dead *roaring.Bitmap
	if keep == 0 {
		covered, _ := coveredBy(s.bases)
		dead = x.freedUpTo(covered)
	}
	return x.mergeLayers(s.bases, keep, dead)
}

// writeLayerLocked writes the delta as a layer, the first one as the checkpoint.
// whole says that a merge of all follows. checkpointMu must be held.
func (x *Index) writeLayerLocked(whole bool) error {
	frozen, bases, err := x.freeze(whole)
	if err != nil {
		return err
	}
	// What the layer covers is never read again at open, so it has to be durable
	// before.
	if err := x.log.sync(); err != nil {
		return err
	}
	after, _ := coveredBy(bases)
	if after == frozen.next-1 && len(bases) > 0 { // nothing new
		x.mu.Lock()
		x.snap.frozen = nil
		x.mu.Unlock()
		return nil
	}
	in := checkpointInput{
		header: checkpointHeader{after: after, covered: frozen.next - 1, log: x.frozenEnd},
		delta:  frozen, blocks: x.frozenBlocks, presence: x.presence.copy(after), generations: x.generations,
		freed: x.freedUpTo(frozen.next - 1),
	}
	b, err := x.publish(in)
	if err != nil {
		return err
	}
	x.mu.Lock()
	x.snap.bases = append(slices.Clip(x.snap.bases), b)
	x.snap.frozen = nil
	x.mu.Unlock()
	x.frozenBlocks = nil
	return nil
}

// freeze puts a new delta in the place of the one that the layer takes. A delta
// that an earlier attempt has left goes first.
func (x *Index) freeze(whole bool) (_ *delta, bases []*base, err error) {
	x.createMu.Lock()
	defer x.createMu.Unlock()
	if whole {
		if err := x.closeSegment(); err != nil {
			return nil, nil, err
		}
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
	return x.snap.frozen, x.snap.bases, nil
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

// rewriteLog takes the keys of freed series out of the series log, as far as
// that is worth it, and gives the checkpoint the places of the others. It returns
// nil when nothing was freed.
func (x *Index) rewriteLog(in *checkpointInput) (*logRewrite, error) {
	if in.dead == nil {
		return nil, nil
	}
	live, err := snapshot{bases: in.bases, live: in.delta, dead: in.dead}.all()
	if err != nil {
		return nil, err
	}
	r := &logRewrite{fs: x.opt.FS, dir: x.seriesDir, generation: 1, live: live, written: maps.Clone(x.generations)}
	for _, b := range in.bases {
		blocks, err := b.allBlocks()
		if err != nil {
			return nil, err
		}
		r.blocks = append(r.blocks, blocks...)
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

// publish writes a checkpoint or layer, which is durable afterwards, and maps it.
func (x *Index) publish(in checkpointInput) (*base, error) {
	in.header.seed = x.seed
	in.header.series = uint32(seriesOf(in.bases) + in.delta.count())
	if in.dead != nil {
		in.header.series -= uint32(in.dead.GetCardinality())
	}
	name := x.checkpointFile(in.header.after, in.header.covered)
	err := vfs.WriteFile(x.opt.FS, name, func(w io.Writer) error { return writeCheckpoint(w, in) })
	if err != nil {
		return nil, err
	}
	b, err := x.openBase(name)
	if err == nil {
		x.checkpointBytes.Add(int64(len(b.p.mapping.Bytes())))
	}
	return b, err
}

// remakeBases makes damaged files of the checkpoint and all that follow them again,
// from the series log. mergeMu must be held.
func (x *Index) remakeBases() error {
	x.checkpointMu.Lock()
	defer x.checkpointMu.Unlock()
	s, err := x.acquire()
	if err != nil {
		return err
	}
	defer s.release()
	good, err := x.setDamagedAside(s.bases)
	if err != nil || good == len(s.bases) {
		return err
	}
	if err := x.remakeAfter(s, good); err != nil {
		x.damaged.Store(true) // the next attempt finds the same ones
		return err
	}
	return nil
}

// remakeAfter makes the files of the checkpoint after the first good ones again.
func (x *Index) remakeAfter(s snapshot, good int) error {
	segments, _, err := openSegments(x.opt.FS, x.seriesDir, x.generations)
	if err != nil {
		return err
	}
	covered, end := coveredBy(s.bases)
	r := newRebuild(x, s.bases[:good], s.dead, false)
	r.until = covered
	scan := &logScan{fs: x.opt.FS, dir: x.seriesDir, next: r.d.first, onBlock: r.add}
	err = scan.run(context.Background(), segments, r.end)
	r.tagged.close()
	if err != nil && !errors.Is(err, errScanned) {
		return errors.Join(err, releaseBases(r.bases[good:]))
	}
	r.end = end
	if err := r.flush(covered); err != nil {
		return errors.Join(err, releaseBases(r.bases[good:]))
	}
	x.mu.Lock()
	x.snap.bases = r.bases
	x.mu.Unlock()
	x.bury(r.dead)
	return errors.Join(releaseBases(s.bases[good:]), x.removeStrayLayers(r.bases))
}

// setDamagedAside sets the damaged ones of bases aside and returns how many come
// before the first of them.
func (x *Index) setDamagedAside(bases []*base) (good int, err error) {
	x.damaged.Store(false)
	good = len(bases)
	for i := len(bases) - 1; i >= 0; i-- {
		if !bases[i].damaged.Load() {
			continue
		}
		if err := x.setAside(bases[i].p.name); err != nil {
			return 0, err
		}
		good = i
	}
	return good, nil
}

// rebuild collects blocks of the series log in a delta. When it becomes large
// it writes a checkpoint, so that memory stays bounded.
type rebuild struct {
	x      *Index
	bases  []*base
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

// newRebuild makes a rebuild of what follows bases. dead are the freed series that
// are known, nil for none.
func newRebuild(x *Index, bases []*base, dead *roaring.Bitmap, presenceLost bool) *rebuild {
	r := &rebuild{x: x, bases: slices.Clip(bases), tagged: newTagIndexer(), dead: roaring.New()}
	covered, end := coveredBy(bases)
	r.d, r.end = newDelta(covered+1, x.seed), end
	if dead != nil {
		r.dead.Or(dead)
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
// few beside those of the checkpoint, and writing a layer would make the start wait.
func (r *rebuild) limit() int {
	if len(r.bases) == 0 {
		return r.x.opt.RebuildSeries
	}
	return max(r.x.opt.RebuildSeries, seriesOf(r.bases)/4)
}

// supersede makes the series dead that has the key so far: it was freed before
// the key was created again, and no checkpoint has seen it.
func (r *rebuild) supersede(h uint64, key []byte) error {
	id, ok, err := r.d.find(h, key, r.dead)
	if !ok && err == nil {
		id, ok, err = findInBases(r.bases, h, key, r.dead)
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

// flush writes the delta as a layer that reaches up to covered and starts a new one.
func (r *rebuild) flush(covered uint32) error {
	r.tagged.wait()
	after, _ := coveredBy(r.bases)
	in := checkpointInput{
		header: checkpointHeader{flags: r.flags, after: after, covered: covered, log: r.end},
		delta:  r.d, blocks: r.blocks, presence: r.x.presence.copy(after), generations: r.x.generations,
	}
	if freed := r.dead.Clone(); !freed.IsEmpty() {
		freed.RemoveRange(uint64(covered)+1, 1<<32)
		in.freed = freed
	}
	b, err := r.x.publish(in)
	if err != nil {
		return err
	}
	r.bases = append(r.bases, b)
	r.d, r.blocks = newDelta(covered+1, r.x.seed), nil
	return nil
}
