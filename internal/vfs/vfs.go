// Package vfs is the seam for files: every room that stores data reaches the
// disk through an FS, so that tests can cut the power and break calls.
//
//	OS()      the machine's file system
//	NewMem()  memory that knows what was synced; Crash gives what a power cut leaves
//	NewFault  any FS, with the n-th operation failing
//
// Names are paths of the machine. Durability follows POSIX: bytes are durable
// after Sync or SyncData of the file, a name (created, renamed, removed) after
// SyncDir of its directory.
package vfs

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// FS is a file system. All methods may be called concurrently. Errors for
// missing names match fs.ErrNotExist.
type FS interface {
	// Create makes a file, or empties an existing one, for reading and writing.
	Create(name string) (File, error)
	// Open opens an existing file for reading.
	Open(name string) (File, error)
	// OpenReadWrite opens an existing file for reading and writing.
	OpenReadWrite(name string) (File, error)
	// Remove deletes a file or an empty directory.
	Remove(name string) error
	// RemoveAll deletes a tree; a missing name is no error.
	RemoveAll(name string) error
	// Rename moves a file or directory over newName.
	Rename(oldName, newName string) error
	// MkdirAll makes a directory and its missing parents.
	MkdirAll(dir string) error
	// List returns the names in a directory, sorted, without the directory.
	List(dir string) ([]string, error)
	// Stat describes a name.
	Stat(name string) (Info, error)
	// SyncDir makes the names of a directory durable.
	SyncDir(dir string) error
	// Map maps a whole file for reading.
	Map(name string) (Mapping, error)
	// Lock takes the file as a lock of this process until the closer is
	// closed. It fails with ErrLocked when another holder exists.
	Lock(name string) (io.Closer, error)
	// Free returns the bytes that the volume of dir can still take.
	Free(dir string) (uint64, error)
}

// File is an open file. ReadAt and WriteAt may be called concurrently.
type File interface {
	io.Reader
	io.Writer
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Truncate sets the size in bytes.
	Truncate(size int64) error
	// Sync makes the bytes and the metadata durable.
	Sync() error
	// SyncData makes the bytes durable and of the metadata what is needed to
	// read them.
	SyncData() error
	// Size returns the size in bytes.
	Size() (int64, error)
}

// Mapping is a file mapped for reading. Bytes is valid until Close.
type Mapping interface {
	Bytes() []byte
	Close() error
}

// Info describes a name.
type Info struct {
	Size int64
	Dir  bool
}

// ErrLocked says that somebody else holds a lock file.
var ErrLocked = errors.New("already locked")

// TempSuffix ends the name of a file that is not published yet; such files
// are removed at start.
const TempSuffix = ".tmp"

// WriteFile publishes a file in one step: write fills it under a temporary
// name; when WriteFile returns nil the complete file is durable under name, and
// after a crash at any point there is either the old file or the new one.
func WriteFile(fs FS, name string, write func(io.Writer) error) (err error) {
	tmp := name + TempSuffix
	f, err := fs.Create(tmp)
	if err != nil {
		return fmt.Errorf("create %s: %w", tmp, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			_ = fs.Remove(tmp) // the first error is the one to tell
		}
	}()
	if err = write(f); err != nil {
		return fmt.Errorf("write %s: %w", tmp, err)
	}
	if err = f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", tmp, err)
	}
	if err = f.Close(); err != nil {
		return fmt.Errorf("close %s: %w", tmp, err)
	}
	return Publish(fs, tmp, name)
}

// Publish renames a durable temporary file to its name and makes the name durable.
func Publish(fs FS, tmp, name string) error {
	if err := fs.Rename(tmp, name); err != nil {
		return fmt.Errorf("publish %s: %w", name, err)
	}
	if err := fs.SyncDir(filepath.Dir(name)); err != nil {
		return fmt.Errorf("sync directory of %s: %w", name, err)
	}
	return nil
}

// MkdirAll makes dir and its missing parents and makes their names durable.
func MkdirAll(fs FS, dir string) error {
	var missing []string
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := fs.Stat(d); err == nil || d == filepath.Dir(d) {
			break
		}
		missing = append(missing, d)
	}
	if err := fs.MkdirAll(dir); err != nil {
		return fmt.Errorf("make directory %s: %w", dir, err)
	}
	for i := len(missing) - 1; i >= 0; i-- {
		if err := fs.SyncDir(filepath.Dir(missing[i])); err != nil {
			return fmt.Errorf("sync directory of %s: %w", missing[i], err)
		}
	}
	return nil
}

// ReadFile returns the content of a file of at most limit bytes.
func ReadFile(fs FS, name string, limit int64) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, fmt.Errorf("size of %s: %w", name, err)
	}
	if size > limit {
		return nil, fmt.Errorf("%s has %d bytes, at most %d are read", name, size, limit)
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); err != nil && !(errors.Is(err, io.EOF) && n == len(b)) {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}
