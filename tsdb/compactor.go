package tsdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/timberlinedb/timberline/index"
	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/tsm"
)

// compactor wakes the compactLoops and holds them to their share of the disk.
type compactor struct {
	store *Store
	wake  chan struct{}
	disk  *throttle
}

func (c *compactor) init(s *Store) {
	c.store = s
	c.wake = make(chan struct{}, 1)
	c.disk = newThrottle(s.clock, s.opt.CompactionBytes, s.opt.CompactionBurst)
}

// kick asks for a look at the shards.
func (c *compactor) kick() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// compactLoop merges files as the planner asks for, and frees series that nothing
// names any more.
func (s *Store) compactLoop(tick clock.Ticker) {
	defer s.loops.Done()
	defer tick.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-s.compactor.wake:
		case <-tick.C():
		}
		s.compactDue(s.bg)
		s.freeDue()
		s.layers.merge()
	}
}

func (s *Store) noteMerge(ctx context.Context, sh *shard, err error) {
	switch {
	case err == nil:
		sh.merge.worked()
	case ctx.Err() != nil || sh.gone():
	default:
		sh.merge.failed(s.clock.Now(), s.opt.RetryAfter)
		if errors.Is(err, budget.ErrExceeded) {
			return // another time
		}
		s.counters.compactionFails.Add(1)
		sh.activity.compactionFails.Add(1)
		setText(&s.counters.lastCompactionError, err.Error())
		_ = s.readFailed(err)
		if tell := s.opt.Events.CompactionFailed; tell != nil {
			tell(sh.ref(), err)
		}
	}
}

// cold reports whether a shard has been left alone long enough for its final
// merge. Shards do not become cold at the same time.
func (sh *shard) cold(now time.Time) bool {
	after := sh.store.opt.ColdAfter
	after += after / 64 * time.Duration(sh.spec.ID*0x9e3779b97f4a7c15>>60)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.active.empty() && len(sh.frozen) == 0 && now.Sub(sh.lastFlush) >= after
}

// Compact merges the files of every shard to one, frees series that nothing names
// and writes the checkpoints of all indexes. Caches are left alone.
func (s *Store) Compact(ctx context.Context) error {
	s.mu.RLock()
	closed := s.closed
	s.mu.RUnlock()
	if closed {
		return ErrClosed
	}
	var errs []error
	for _, db := range s.list() {
		if err := db.awakenAll(); err != nil {
			errs = append(errs, err)
		}
		for _, sh := range db.list() {
			if err := sh.compact(ctx); err != nil && !sh.gone() {
				errs = append(errs, err)
			}
		}
		for _, err := range []error{db.freeSeries(), db.index.Checkpoint()} {
			if err != nil && !errors.Is(err, index.ErrClosed) { // closed: dropped meanwhile
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

func (sh *shard) compact(ctx context.Context) error {
	sh.compactMu.Lock()
	defer sh.compactMu.Unlock()
	for {
		merged, err := sh.compactLocked(ctx, mergeRule{whole: true})
		if err != nil || !merged {
			return err
		}
	}
}

// mergeJob is a merge with everything that it needs to know of the deletes.
type mergeJob struct {
	inputs  []*shardFile
	deletes [][]tsm.Delete // by input
	level   int
	final   bool     // the output is all that the shard has
	applied uint64   // sequence up to which deletes are complete
	dropped []uint32 // fields that are left out, ascending
}

// compactLocked runs the first merge that the planner asks for and reports
// whether there was one. compactMu must be held.
func (sh *shard) compactLocked(ctx context.Context, rule mergeRule) (merged bool, err error) {
	job, err := sh.planMerge(ctx, rule)
	if job == nil || err != nil {
		return false, err
	}
	defer job.release()
	hold, release, err := sh.store.holdMemory(len(job.inputs))
	if err != nil {
		return false, err
	}
	defer release()
	ended, started := sh.activity.merging(mergeClass(job.level, job.final)), sh.store.clock.Now()
	err = sh.runMerge(ctx, job, hold)
	ended(sh.store.clock.Now().Sub(started), err)
	if err != nil {
		return false, fmt.Errorf("compact shard %d: %w", sh.spec.ID, err)
	}
	return true, sh.pruneDeletes()
}

// planMerge asks the planner. Inputs and their deletes are taken while no delete
// is on its way, see shard.delete.
func (sh *shard) planMerge(ctx context.Context, rule mergeRule) (*mergeJob, error) {
	sh.deleteMu.Lock()
	defer sh.deleteMu.Unlock()
	if err := sh.saveDeletes(ctx); err != nil {
		return nil, err
	}
	jobs, files, _ := sh.plan(rule)
	if len(jobs) == 0 {
		return nil, nil
	}
	dropped, err := sh.droppedFields(ctx)
	if err != nil {
		return nil, err
	}
	job := &mergeJob{level: jobs[0].Level, final: jobs[0].Final, applied: sh.tombs.LastSequence(), dropped: dropped}
	for _, in := range jobs[0].Inputs {
		i := slices.IndexFunc(files, func(f *shardFile) bool { return f.path == in.Path })
		if i < 0 || !files[i].reader.Ref() {
			job.release()
			return nil, nil // dropped meanwhile
		}
		job.inputs = append(job.inputs, files[i])
		job.deletes = append(job.deletes, sh.tombs.For(files[i].reader.Info()))
	}
	return job, nil
}

// droppedFields returns the fields whose values a merge may leave out: a crash does
// not bring them back.
func (sh *shard) droppedFields(ctx context.Context) ([]uint32, error) {
	numbers, lsn := sh.fields.dropped()
	if len(numbers) == 0 {
		return nil, nil
	}
	return numbers, sh.store.waitDurable(ctx, lsn)
}

func (j *mergeJob) release() {
	for _, f := range j.inputs {
		f.reader.Unref()
	}
}

// plan returns what the planner asks for, and the debt of the shard. A shard with lost files is left as it
// is, so that what an operator brings back still fits.
func (sh *shard) plan(rule mergeRule) (jobs []tsm.Job, files []*shardFile, debt int64) {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if sh.dropped || len(sh.lost) > 0 {
		return nil, nil, 0
	}
	dropped, _ := sh.fields.dropped()
	infos := make([]tsm.FileInfo, len(sh.files))
	for i, f := range sh.files {
		infos[i].Info = f.reader.Info()
		infos[i].Deletes = len(deletesOf(sh.deletes, infos[i].Info)) > 0 || len(dropped) > 0 && f.reader.HasField(dropped)
	}
	return tsm.Plan(infos, tsm.PlanOptions{Closed: rule.closed, Whole: rule.whole}), sh.files, tsm.Debt(infos)
}

// runMerge writes the output, reads it back, and exchanges the inputs for it in
// one edit of the manifest. Until that edit is durable the inputs stay.
func (sh *shard) runMerge(ctx context.Context, job *mergeJob, hold func(bytes int64)) error {
	started := sh.store.clock.Now()
	number := sh.number()
	path := sh.filePath(number)
	inputs := make([]tsm.Input, len(job.inputs))
	for i, f := range job.inputs {
		inputs[i] = tsm.Input{Reader: f.reader, Deletes: job.deletes[i]}
	}
	fs := sh.store.fs
	result, err := tsm.Merge(ctx, fs, path, tsm.MergeOptions{
		Level: job.level, AppliedDeletes: job.applied, DroppedFields: job.dropped, Verify: true, Pace: sh.pace, Hold: hold,
		SparseRows: sh.store.opt.SparseRows, CellPercent: sh.store.opt.CellPercent,
		BlockRows: sh.store.opt.BlockRows, Codecs: sh.store.opt.Codecs,
	}, inputs...)
	if err != nil {
		return err
	}
	edit := manifestEdit{Next: number + 1}
	for _, f := range job.inputs {
		edit.Removed = append(edit.Removed, f.Number)
	}
	file, err := sh.openOutput(path, number, result.Info)
	if err != nil {
		return err
	}
	if file != nil {
		edit.Added, edit.Series = []fileEntry{file.fileEntry}, file.lastSeries()
	}
	if err := sh.publish(edit); err != nil {
		return errors.Join(err, sh.discard(file, err))
	}
	sh.exchange(job.inputs, file)
	counts := &sh.store.counters
	counts.compactions.Add(1)
	counts.compactedBytes.Add(result.Size)
	if n := result.Overwritten; n > 0 {
		sh.noteOverwrites(overwrites{values: n, last: fmt.Sprintf("merge of %d files: a newer one had another value", len(job.inputs))})
	}
	sh.activity.compactions.Add(1)
	if tell := sh.store.opt.Events.Compacted; tell != nil {
		tell(sh.ref(), len(job.inputs), result.Size, sh.store.clock.Now().Sub(started))
	}
	return nil
}

// pace stops a merge whose shard is dropped, and slows one down that is faster
// than merges may be.
func (sh *shard) pace(ctx context.Context, bytes int) error {
	if sh.gone() {
		return ErrShardNotFound
	}
	return sh.store.compactor.disk.take(ctx, bytes)
}

// openOutput publishes and opens the output of a merge. There is none when
// nothing is left of the inputs.
func (sh *shard) openOutput(path string, number uint64, info tsm.Info) (*shardFile, error) {
	fs := sh.store.fs
	if info.Rows == 0 {
		return nil, fs.Remove(path + tempSuffix)
	}
	if err := tsm.Publish(fs, path); err != nil {
		return nil, errors.Join(err, ignoreMissing(fs.Remove(path+tempSuffix)))
	}
	return sh.openPublished(path, number, info)
}

// exchange puts the output of a merge in the place of its inputs.
func (sh *shard) exchange(inputs []*shardFile, output *shardFile) {
	sh.mu.Lock()
	files := make([]*shardFile, 0, len(sh.files))
	for _, f := range sh.files {
		if !slices.Contains(inputs, f) {
			files = append(files, f)
		}
	}
	if output != nil {
		files = append(files, output)
	}
	sortFiles(files)
	sh.files = files
	sh.mu.Unlock()
	for _, f := range inputs {
		// Readers that have the file open keep it; what cannot be removed now is
		// an orphan at the next start.
		f.reader.Close()
		_ = sh.store.fs.Remove(f.path)
	}
}

// pruneDeletes drops the deletes that no file and no frozen cache needs any more.
func (sh *shard) pruneDeletes() error {
	sh.deleteMu.Lock()
	defer sh.deleteMu.Unlock()
	if sh.tombs.Len() == 0 {
		return nil
	}
	var infos []tsm.Info
	sh.mu.RLock()
	for _, f := range sh.files {
		infos = append(infos, f.reader.Info())
	}
	for _, c := range sh.frozen {
		infos = append(infos, tsm.Info{Generation: c.generation, Range: allTimestamps})
	}
	dropped := sh.dropped || len(sh.lost) > 0
	sh.mu.RUnlock()
	if dropped {
		return nil
	}
	sh.writeMu.Lock()
	unsaved := len(sh.unsaved)
	sh.writeMu.Unlock()
	if _, err := sh.tombs.Prune(infos); err != nil {
		return err
	}
	if unsaved == 0 {
		sh.loadDeletes()
	}
	return nil
}
