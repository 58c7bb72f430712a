package index

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// segmentFile is one file of the series log: a segment as it was written
// (generation 0), or as the checkpoint of a generation left it when it took the
// keys of freed series out. Checkpoints name places in the files that were
// current when they were made.
type segmentFile struct {
	number, generation uint32
}

func (s segmentFile) path(dir string) string {
	if s.generation == 0 {
		return segmentName(dir, s.number)
	}
	return filepath.Join(dir, fmt.Sprintf("%08d-%08d.series", s.number, s.generation))
}

// listSegments returns the files of the series log in dir, ascending by number,
// then by generation.
func listSegments(fsys vfs.FS, dir string) ([]segmentFile, error) {
	names, err := fsys.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list series log %s: %w", dir, err)
	}
	var files []segmentFile
	for _, name := range names {
		if f, ok := parseSegmentName(name); ok {
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b segmentFile) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.generation, b.generation))
	})
	return files, nil
}

func parseSegmentName(name string) (f segmentFile, ok bool) {
	name, ok = strings.CutSuffix(name, ".series")
	if !ok {
		return f, false
	}
	number, generation, rewritten := strings.Cut(name, "-")
	if f.number, ok = parseDigits(number); !ok || !rewritten {
		return f, ok
	}
	f.generation, ok = parseDigits(generation)
	return f, ok
}

// parseDigits reads eight digits that are not all zero.
func parseDigits(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && len(s) == 8 && n > 0
}

// generations tells which generation of a segment is current, of those that were
// rewritten. Nil stands for the newest ones.
type generations map[uint32]uint32

// currentSegments splits files into the current one of every segment and the
// others: those that were superseded, and those of a checkpoint that was not
// finished.
func currentSegments(files []segmentFile, which generations) (current, others []segmentFile) {
	for _, f := range files {
		last := len(current) - 1
		switch {
		case which != nil && f.generation != which[f.number]:
			others = append(others, f)
		case last >= 0 && current[last].number == f.number:
			others = append(others, current[last])
			current[last] = f
		default:
			current = append(current, f)
		}
	}
	return current, others
}

// openSegments returns the files of the series log in dir.
func openSegments(fsys vfs.FS, dir string, which generations) (current, others []segmentFile, err error) {
	files, err := listSegments(fsys, dir)
	if err != nil {
		return nil, nil, err
	}
	current, others = currentSegments(files, which)
	return current, others, nil
}

// generationsOf returns the generations of files, which are current.
func generationsOf(files []segmentFile) generations {
	g := make(generations)
	for _, f := range files {
		if f.generation > 0 {
			g[f.number] = f.generation
		}
	}
	return g
}

// removeSegments removes files that nothing refers to any more. Who has mapped
// one may go on reading it.
func removeSegments(fsys vfs.FS, dir string, files []segmentFile) error {
	for _, f := range files {
		if err := fsys.Remove(f.path(dir)); err != nil && !isNotExist(err) {
			return fmt.Errorf("remove segment of the series log: %w", err)
		}
	}
	if len(files) == 0 {
		return nil
	}
	return fsys.SyncDir(dir)
}
