package conflict

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// ErrFull says that the file of a database has reached its bound.
var ErrFull = errors.New("the store of field conflicts is full")

// Options configures a store.
type Options struct {
	FS vfs.FS // required

	// MaxBytes bounds the file of each database; 0: 64 MiB.
	MaxBytes int64

	// Databases are the numbers of those that exist. Files of others, which a
	// crash has left behind, are removed.
	Databases []uint32

	// Damaged is told of a file that cannot be read. It is set aside under
	// another name and an empty one takes its place. Nil is told nothing.
	Damaged func(err error, moved string)
}

// Store keeps the entries of all databases. Its methods may be called
// concurrently.
type Store struct {
	opt Options
	dir string

	mu    sync.Mutex // guards the files and what is in them
	files map[uint32]*file

	full int64 // entries that had no room
}

// asideSuffix ends the name of a damaged file that was set aside.
const asideSuffix = ".damaged"

// Open opens the store in a directory, which is made when it is missing.
func Open(dir string, opt Options) (*Store, error) {
	if opt.MaxBytes == 0 {
		opt.MaxBytes = 64 << 20
	}
	if err := vfs.MkdirAll(opt.FS, dir); err != nil {
		return nil, err
	}
	s := &Store{opt: opt, dir: dir, files: make(map[uint32]*file)}
	names, err := opt.FS.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, err)
	}
	for _, name := range names {
		if err := s.found(name); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// found opens a file of the directory, or removes what a crash has left.
func (s *Store) found(name string) error {
	path := filepath.Join(s.dir, name)
	if strings.HasSuffix(name, vfs.TempSuffix) {
		return s.opt.FS.Remove(path)
	}
	id, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return nil //nolint:nilerr // not ours
	}
	if !slices.Contains(s.opt.Databases, uint32(id)) {
		return s.opt.FS.Remove(path)
	}
	x, err := openFile(s.opt.FS, path)
	var damage *CorruptError
	if errors.As(err, &damage) {
		if err := s.setAside(path, damage); err != nil {
			return err
		}
		x, err = openFile(s.opt.FS, path)
	}
	if err != nil {
		return err
	}
	s.files[uint32(id)] = x
	return nil
}

// setAside renames a damaged file to a name that is free.
func (s *Store) setAside(path string, damage error) error {
	moved := path + asideSuffix
	for n := 2; ; n++ {
		if _, err := s.opt.FS.Stat(moved); err != nil {
			break
		}
		moved = path + asideSuffix + strconv.Itoa(n)
	}
	if err := vfs.Publish(s.opt.FS, path, moved); err != nil {
		return err
	}
	if s.opt.Damaged != nil {
		s.opt.Damaged(damage, moved)
	}
	return nil
}

// of returns the file of a database.
func (s *Store) of(database uint32) (*file, error) {
	x := s.files[database]
	if x != nil {
		return x, nil
	}
	x, err := openFile(s.opt.FS, filepath.Join(s.dir, strconv.FormatUint(uint64(database), 10)))
	if err != nil {
		return nil, err
	}
	s.files[database] = x
	return x, nil
}

// Append keeps entries, all or none; they are durable when it returns nil. When
// there is no room for them the error is ErrFull. Numbers are filled in.
func (s *Store) Append(database uint32, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.of(database)
	if err != nil {
		return err
	}
	size := int64(0)
	for i := range entries {
		e := &entries[i]
		size += int64(64 + len(e.Policy) + len(e.Measurement) + len(e.Field) + len(e.Reason) + len(e.Client) + len(e.Line))
	}
	if x.size+size > s.opt.MaxBytes {
		s.full += int64(len(entries))
		return ErrFull
	}
	return x.append(entries)
}

// List returns the entries of a database, the oldest first; at most limit of
// them, and the newest if there are more. 0 is no limit.
func (s *Store) List(database uint32, limit int) ([]Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.of(database)
	if err != nil {
		return nil, err
	}
	var all []Entry
	err = x.list(func(e Entry) {
		all = append(all, e)
		if limit > 0 && len(all) >= 2*limit {
			all = append(all[:0], all[len(all)-limit:]...)
		}
	})
	if limit > 0 && len(all) > limit {
		all = all[len(all)-limit:]
	}
	return all, err
}

// Remove takes the entries with these numbers out, durably, and returns how many
// there were.
func (s *Store) Remove(database uint32, ids map[uint64]bool) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.of(database)
	if err != nil {
		return 0, err
	}
	return x.remove(func(e Entry) bool { return ids[e.ID] })
}

// Drop removes all entries of a database.
func (s *Store) Drop(database uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.files[database]
	if x == nil || x.f == nil {
		delete(s.files, database)
		return nil
	}
	delete(s.files, database)
	return errors.Join(x.close(), s.opt.FS.Remove(x.path), s.opt.FS.SyncDir(s.dir))
}

// Metrics tell how much is kept.
type Metrics struct {
	Entries int64
	Bytes   int64 // of all files
	Full    int64 // entries that had no room since the start
}

// Metrics returns the state of the store.
func (s *Store) Metrics() Metrics {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := Metrics{Full: s.full}
	for _, x := range s.files {
		m.Entries += int64(x.entries)
		m.Bytes += x.size
	}
	return m
}

// Close closes the files.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, x := range s.files {
		errs = append(errs, x.close())
	}
	clear(s.files)
	return errors.Join(errs...)
}
