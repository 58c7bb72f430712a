package tsm

import "slices"

// PlanOptions say when files are worth a merge.
type PlanOptions struct {
	// Closed says that the shard takes no writes any more (or hardly any): all
	// its files become one.
	Closed bool

	// FlushFiles is the number of adjacent files of level 0 that are merged to
	// level 1; zero means 4.
	FlushFiles int

	// TierFiles is the number of adjacent files of one higher level that are
	// merged to the next; zero means 12. It bounds the files that a read has to
	// look at in a shard that stays open for long.
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
	Deletes bool // deletes apply to it
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
	if opt.Closed {
		return planFinal(files)
	}
	var jobs []Job
	for at := 0; at < len(files); {
		end := sameLevel(files, at)
		jobs = appendTier(jobs, files[at:end], opt)
		at = end
	}
	return jobs
}

// planFinal makes one file of all, unless there is one already that needs no
// rewriting.
func planFinal(files []FileInfo) []Job {
	level := 0
	for _, f := range files {
		if f.Busy {
			return nil
		}
		level = max(level, f.Level)
	}
	if len(files) == 0 || len(files) == 1 && level > 0 && !files[0].Deletes {
		return nil
	}
	return []Job{{Inputs: files, Level: level + 1, Final: true}}
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
	if run[0].Level == 0 {
		least = opt.FlushFiles
	}
	for len(run) >= max(least, 2) && !run[0].Busy {
		n := min(len(run), opt.MaxFiles)
		jobs = append(jobs, Job{Inputs: run[:n:n], Level: run[0].Level + 1})
		run = run[n:]
	}
	return jobs
}
