package tsdb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// The files at the top of a data directory that belong to the store.
const (
	lockName      = "LOCK"
	versionName   = "VERSION"
	versionPrefix = "timberline "
	formatVersion = 1
)

// claim takes the lock of the directory and checks its version.
func (s *Store) claim() (err error) {
	if err := vfs.MkdirAll(s.fs, s.dir); err != nil {
		return err
	}
	if s.lock, err = s.fs.Lock(filepath.Join(s.dir, lockName)); err != nil {
		return fmt.Errorf("open data directory: %w", err)
	}
	path := filepath.Join(s.dir, versionName)
	b, err := vfs.ReadFile(s.fs, path, 1<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return vfs.WriteFile(s.fs, path, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%s%d\n", versionPrefix, formatVersion)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("read version of the data directory: %w", err)
	}
	text, ok := strings.CutPrefix(strings.TrimSpace(string(b)), versionPrefix)
	n, numErr := strconv.Atoi(text)
	switch {
	case !ok || numErr != nil:
		return &CorruptError{File: path, Offset: 0, Reason: fmt.Sprintf("%q is not a version", b)}
	case n > formatVersion:
		return fmt.Errorf("%s: the directory has format %d, this program knows formats up to %d: %w", path, n, formatVersion, ErrVersion)
	}
	return nil
}

// removeLeftovers removes the directories of databases, policies and shards that
// the layout does not have. Names that are not numbers are not ours.
func (s *Store) removeLeftovers(layout Layout) error {
	keep := map[string]bool{}
	for _, d := range layout {
		keep[s.databaseDir(d.ID)] = true
		db := &database{dir: s.databaseDir(d.ID)}
		for _, spec := range d.Shards {
			keep[db.policyDir(spec.Policy)] = true
			keep[db.shardDir(spec)] = true
		}
	}
	dirs := []string{filepath.Join(s.dir, "db")}
	for range 3 {
		var below []string
		for _, dir := range dirs {
			kept, err := s.removeUnknown(dir, keep)
			if err != nil {
				return err
			}
			below = append(below, kept...)
		}
		dirs = below
	}
	return nil
}

// removeUnknown removes the numbered directories in dir that keep does not have,
// and returns those that it has.
func (s *Store) removeUnknown(dir string, keep map[string]bool) (kept []string, err error) {
	names, err := s.fs.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	for _, name := range names {
		if n, err := strconv.ParseUint(name, 10, 64); err != nil || strconv.FormatUint(n, 10) != name {
			continue
		}
		path := filepath.Join(dir, name)
		if keep[path] {
			kept = append(kept, path)
			continue
		}
		if err := s.fs.RemoveAll(path); err != nil {
			return nil, fmt.Errorf("remove what no database has: %w", err)
		}
		s.orphanRemoved(path)
	}
	return kept, nil
}

func (s *Store) removeOrphan(path string) error {
	if err := s.fs.Remove(path); err != nil {
		return fmt.Errorf("remove unfinished file: %w", err)
	}
	s.orphanRemoved(path)
	return nil
}

func (s *Store) orphanRemoved(path string) {
	s.counters.orphans.Add(1)
	if tell := s.opt.Events.OrphanRemoved; tell != nil {
		tell(path)
	}
}

// setAside moves a file that cannot be opened because of its content to the
// quarantine, and returns the error that reads over its time range get.
func (s *Store) setAside(ref ShardRef, path string, lost model.TimeRange, cause error) error {
	if errors.Is(cause, fs.ErrNotExist) {
		cause = &CorruptError{File: path, Offset: -1, Reason: reasonMissing}
	}
	if !errors.Is(cause, cursor.ErrCorrupt) {
		return cause
	}
	s.corrupted(cause)
	if _, err := s.fs.Stat(path); err != nil {
		return cause
	}
	moved := filepath.Join(s.dir, "quarantine", fmt.Sprintf("%d-%d-%s", ref.Database, ref.Shard, filepath.Base(path)))
	err := vfs.MkdirAll(s.fs, filepath.Dir(moved))
	if err == nil {
		err = vfs.Publish(s.fs, path, moved)
	}
	if err != nil {
		return errors.Join(cause, err)
	}
	s.counters.quarantined.Add(1)
	if tell := s.opt.Events.Quarantined; tell != nil {
		tell(ref, path, moved, lost)
	}
	return cause
}
