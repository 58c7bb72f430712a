package tsdb

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/timberlinedb/timberline/tsm"
)

// settleSuspects decides what becomes of files that the manifest does not name
// when its end was damaged. There are two stories:
//
//   - A crash cut the edit that named the file. Then nothing that the file holds
//     is gone elsewhere: the log still has the rows of a flush, and the inputs of a
//     merge are still there. The file is an orphan.
//   - The edit was durable once and was damaged later. Then the log has let go of
//     the rows, or the inputs are missing. The file is taken back, and the damage
//     is reported.
//
// There is a third story: the file was the input of a merge, an edit before the
// damaged one took it out, and the crash came before its removal was durable. A
// flush that the whole records do not know of has rows from beyond what they say
// is flushed; any other file of level 0 was taken out.
//
// firstLSN is the oldest frame that the log has, 0 for none.
func (sh *shard) settleSuspects(firstLSN uint64) error {
	for _, path := range sh.suspects {
		r, err := tsm.Open(sh.store.fs, path)
		if err != nil {
			continue // a damaged file that nobody names stays for the operator
		}
		info := r.Info()
		gone := sh.missing()
		onlyCopy := info.Level > 0 && len(gone) > 0
		if info.Level == 0 && info.MaxLSN > sh.suspectsAfter {
			onlyCopy = firstLSN == 0 || firstLSN > info.MinLSN
		}
		if !onlyCopy {
			if err := errors.Join(r.Close(), sh.store.removeOrphan(path)); err != nil {
				return err
			}
			continue
		}
		if err := sh.takeBack(path, r, gone); err != nil {
			return errors.Join(err, r.Close())
		}
	}
	sh.suspects = nil
	return nil
}

// isMissing tells a file that is not there from one that cannot be read.
func (l *lostFile) isMissing() bool {
	var c *CorruptError
	return errors.As(l.err, &c) && c.Reason == reasonMissing
}

// missing returns the numbers of files that the manifest names and that are not
// there at all.
func (sh *shard) missing() (numbers []uint64) {
	for _, l := range sh.lost {
		if l.isMissing() {
			numbers = append(numbers, l.Number)
		}
	}
	return numbers
}

// takeBack makes a file part of the shard again, in the place of those that are
// gone.
func (sh *shard) takeBack(path string, r *tsm.Reader, gone []uint64) error {
	number, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(path), ".tsm"), 16, 64)
	if err != nil {
		return fmt.Errorf("take back %s: %w", path, err)
	}
	info := r.Info()
	entry := fileEntry{Number: number, Generation: info.Generation, Level: uint8(info.Level), Size: info.Size, Range: info.Range}
	next := max(sh.next, number+1, info.Generation+1)
	file := &shardFile{fileEntry: entry, path: path, reader: r}
	edit := manifestEdit{Flushed: info.MaxLSN, Next: next, Removed: gone, Added: []fileEntry{entry}, Series: file.lastSeries()}
	if err := sh.publish(edit); err != nil {
		return fmt.Errorf("take back %s: %w", path, err)
	}
	sh.store.corrupted(&CorruptError{File: sh.manifest.path, Offset: sh.manifest.cut,
		Reason: fmt.Sprintf("the last record is damaged; %s, which it named, was taken back", filepath.Base(path))})
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.next = next
	sh.files = append(sh.files, file)
	sortFiles(sh.files)
	kept := sh.lost[:0:0]
	for _, l := range sh.lost {
		if !l.isMissing() {
			kept = append(kept, l)
		}
	}
	sh.lost = kept
	return nil
}
