package tsdb

import (
	"context"

	"github.com/timberlinedb/timberline/tsm"
)

// Which merge comes first is decided anew after each one: that in the shard whose
// files make reads pay most (tsm.Debt). Three limits keep merges from taking the
// machine over, above all after a start that finds hundreds of shards to merge:
//
//   - as many shards at once as there are workers, half of the processors;
//   - bytes per second, read by all merges together (Options.CompactionBytes);
//   - memory, which a merge takes from the budget before it begins.

// mergeQueue is what waits for merges.
type mergeQueue struct {
	Jobs  int
	Bytes int64 // of the inputs
	Debt  int64 // see tsm.Debt
}

// add counts the merges that a shard wants.
func (q *mergeQueue) add(jobs []tsm.Job, debt int64) {
	if len(jobs) == 0 {
		return
	}
	q.Jobs += len(jobs)
	q.Debt += debt
	for _, j := range jobs {
		for _, f := range j.Inputs {
			q.Bytes += f.Size
		}
	}
}

// compactDue merges, in the shard that needs it most, until the planner is
// content with all that can be merged now.
func (s *Store) compactDue(ctx context.Context) {
	done := make(map[*shard]bool) // that have failed or had nothing after all
	for ctx.Err() == nil {
		sh := s.nextMerge(done)
		if sh == nil {
			return
		}
		s.compactor.kick() // there may be work for another worker
		s.counters.merging.Add(1)
		merged, err := sh.compactLocked(ctx, mergeRule{closed: sh.cold(s.clock.Now())})
		s.counters.merging.Add(-1)
		sh.compactMu.Unlock()
		s.noteMerge(ctx, sh, err)
		if !merged || err != nil {
			done[sh] = true
		}
	}
}

// nextMerge returns the shard to merge in next, with its compactMu held; nil when
// there is none that nobody works on.
func (s *Store) nextMerge(except map[*shard]bool) *shard {
	passed := make(map[*shard]bool) // others are at work there
	for {
		best := s.worstShard(except, passed)
		if best == nil || best.compactMu.TryLock() {
			return best
		}
		passed[best] = true
	}
}

func (s *Store) worstShard(except, passed map[*shard]bool) (worst *shard) {
	now := s.clock.Now()
	most := int64(-1)
	for _, db := range s.list() {
		for _, sh := range db.list() {
			if except[sh] || passed[sh] || !sh.merge.ready(now) {
				continue
			}
			jobs, _, debt := sh.plan(mergeRule{closed: sh.cold(now)})
			if len(jobs) > 0 && debt > most {
				worst, most = sh, debt
			}
		}
	}
	return worst
}

// mergeRule says how much is to be merged.
type mergeRule struct {
	closed bool // the shard takes no writes any more
	whole  bool // everything becomes one file
}

// holdMemory takes what a merge holds from the budget. It may be denied at first;
// what the merge needs on top when it is on its way is taken in any case.
func (s *Store) holdMemory(inputs int) (hold func(bytes int64), release func(), err error) {
	held := tsm.MergeMemory(inputs)
	if err := s.mergeAccount.Reserve(held); err != nil {
		return nil, nil, err
	}
	hold = func(bytes int64) {
		s.mergeAccount.Force(bytes - held)
		held = bytes
	}
	return hold, func() { s.mergeAccount.Release(held) }, nil
}
