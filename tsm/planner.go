package tsm

import (
	"math"
	"slices"
)

// PlanOptions say when files are worth a merge.
type PlanOptions struct {
	// Closed says that the shard takes no writes any more (or hardly any): its
	// files become one. Large merged files that follow each other in time stay as
	// they are; to write them once more would give readers next to nothing.
	Closed bool

	// Whole says that all files become one whatever they are like.
	Whole bool

	// FlushFiles is the number of adjacent files of level 0 that are merged to
	// level 1; zero means 4. Twice as many may wait when they follow each other in
	// time.
	FlushFiles int

	// TierFiles is the number of adjacent files of one higher level that are
	// merged to the next; zero means 12. It bounds the files that a read has to
	// look at in a shard that stays open for long. Three times as many may wait
	// when they follow each other in time.
	TierFiles int

	// MaxFiles bounds the inputs of a merge in an open shard; zero means 32.
	MaxFiles int
}

// EnsureDefaults replaces zero values.
func (o *PlanOptions) EnsureDefaults() {
	if o.FlushFiles == 0 {
		o.FlushFiles = 4
	}
	if o.TierFiles == 0 {
		o.TierFiles = 12
	}
	if o.MaxFiles == 0 {
		o.MaxFiles = 32
	}
}

// FileInfo is what the planner knows of a file.
type FileInfo struct {
	Info
	Busy    bool // a job works on it
	Deletes bool // deletes apply to it, or it has values of dropped fields
}

// Job is a merge to do.
type Job struct {
	Inputs []FileInfo // ordered by generation, adjacent in the shard
	Level  int        // of the output
	Final  bool       // the output is all that the shard has
}

// Plan decides which files of a shard to merge; it does no I/O. Only files that
// are adjacent in generation order are merged, because the output takes the
// place of the newest of them. The jobs share no file and may run at the same
// time.
func Plan(files []FileInfo, opt PlanOptions) []Job {
	opt.EnsureDefaults()
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b FileInfo) int {
		switch {
		case a.Generation < b.Generation:
			return -1
		case a.Generation > b.Generation:
			return 1
		}
		return 0
	})
	if opt.Closed || opt.Whole {
		return planFinal(files, opt.Whole)
	}
	var jobs []Job
	for at := 0; at < len(files); {
		end := sameLevel(files, at)
		jobs = appendTier(jobs, files[at:end], opt)
		at = end
	}
	return jobs
}

// planFinal makes one file of all, or of those that are not final yet, unless
// there is one already that needs no rewriting.
func planFinal(files []FileInfo, whole bool) []Job {
	if slices.ContainsFunc(files, func(f FileInfo) bool { return f.Busy }) {
		return nil
	}
	kept := 0
	if !whole {
		kept = finalFiles(files)
	}
	rest := files[kept:]
	level := 0
	for _, f := range rest {
		level = max(level, f.Level)
	}
	if len(rest) == 0 || len(rest) == 1 && level > 0 && !rest[0].Deletes {
		return nil
	}
	if kept == 0 || level == 0 {
		level++
	}
	return []Job{{Inputs: rest, Level: level, Final: kept == 0}}
}

const (
	// orderedDepth is up to how many files lie over a point in time, on average,
	// for files to count as following each other. Writers that overtake one another
	// make the ends of flushes overlap a little.
	orderedDepth = 1.5
	// A closed shard has at most finalMost files, of at least one of finalShare
	// of its bytes.
	finalMost  = 32
	finalShare = 64
)

// finalFiles returns how many of the oldest files of a closed shard may stay as
// they are.
func finalFiles(files []FileInfo) int {
	if depth(files) > orderedDepth {
		return 0
	}
	total := int64(0)
	for _, f := range files {
		total += f.Size
	}
	n := 0
	for n < len(files) && files[n].Level > 0 && !files[n].Deletes && files[n].Size >= total/finalShare {
		n++
	}
	if n >= finalMost {
		return 0
	}
	return n
}

// depth returns how many of the files lie over a point of their time range, on
// average; at least 1.
func depth(files []FileInfo) float64 {
	first, last, sum := int64(math.MaxInt64), int64(math.MinInt64), 0.0
	for _, f := range files {
		if f.Range.Empty() {
			continue
		}
		first, last = min(first, f.Range.Min), max(last, f.Range.Max)
		sum += float64(f.Range.Max) - float64(f.Range.Min) + 1
	}
	if first > last {
		return 1
	}
	return max(sum/(float64(last)-float64(first)+1), 1)
}

// Debt measures what reads pay for the state of a shard's files: the bytes beyond
// one file, times how many files lie over a point in time. It orders shards by
// need and has no unit of its own; it is 0 for a single file.
func Debt(files []FileInfo) int64 {
	if len(files) < 2 {
		return 0
	}
	total := int64(0)
	for _, f := range files {
		total += f.Size
	}
	return int64(float64(total) * depth(files) * float64(len(files)-1))
}

// sameLevel returns the end of the run of idle files of one level that starts at
// at; it is at least one file long.
func sameLevel(files []FileInfo, at int) int {
	end := at + 1
	for end < len(files) && !files[at].Busy && !files[end].Busy && files[end].Level == files[at].Level {
		end++
	}
	return end
}

// appendTier adds the jobs of a run of files of one level.
func appendTier(jobs []Job, run []FileInfo, opt PlanOptions) []Job {
	least := opt.TierFiles
	waits := 3 // times as many while they follow each other in time
	if run[0].Level == 0 {
		least, waits = opt.FlushFiles, 2
	}
	if depth(run) <= orderedDepth {
		least *= waits
	}
	for len(run) >= max(least, 2) && !run[0].Busy {
		n := min(len(run), opt.MaxFiles)
		jobs = append(jobs, Job{Inputs: run[:n:n], Level: run[0].Level + 1})
		run = run[n:]
	}
	return jobs
}
