package conflict

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// The file, as docs/formats/conflicts.md describes it.
const (
	fileMagic   = "TBLCFLCT"
	fileVersion = 1
	headerBytes = len(fileMagic) + 4
	frameBytes  = 8 // length and checksum in front of a payload
)

// maxFileBytes bounds what is read of a file, whatever the limit was when it was
// written.
const maxFileBytes = 4 << 30

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendHeader(dst []byte) []byte {
	return binary.LittleEndian.AppendUint32(append(dst, fileMagic...), fileVersion)
}

// appendFrame appends entries as one frame.
func appendFrame(dst []byte, entries []Entry) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, frameBytes)...)
	for i := range entries {
		dst = appendEntry(dst, &entries[i])
	}
	payload := dst[at+frameBytes:]
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(dst[at+4:], crc32.Checksum(payload, castagnoli))
	return dst
}

// CorruptError says that a file is damaged before its end.
type CorruptError struct {
	File   string
	Offset int64
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s: offset %d: %s", e.File, e.Offset, e.Reason)
}

// scan calls each for the entries of a file's content and returns where the last
// whole frame ends. What follows that is the torn end of a write that was never
// acknowledged, or else damage, which is an error.
func scan(name string, b []byte, each func(Entry)) (whole int, err error) {
	corrupt := func(at int, reason string) error { return &CorruptError{File: name, Offset: int64(at), Reason: reason} }
	if len(b) < headerBytes {
		return 0, nil // the file was never whole
	}
	if string(b[:len(fileMagic)]) != fileMagic {
		return 0, corrupt(0, "not a file of field conflicts")
	}
	if v := binary.LittleEndian.Uint32(b[len(fileMagic):]); v != fileVersion {
		return 0, corrupt(len(fileMagic), fmt.Sprintf("version %d is not known", v))
	}
	at := headerBytes
	for at < len(b) {
		rest := b[at:]
		if len(rest) < frameBytes {
			return at, nil
		}
		size := int(binary.LittleEndian.Uint32(rest))
		if size > len(rest)-frameBytes {
			return at, nil
		}
		payload := rest[frameBytes : frameBytes+size]
		if size == 0 || crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(rest[4:]) {
			if size == len(rest)-frameBytes || zero(rest) {
				return at, nil
			}
			return at, corrupt(at, "checksum of a frame differs")
		}
		if err := decodeEntries(payload, each); err != nil {
			return at, corrupt(at, err.Error())
		}
		at += frameBytes + size
	}
	return at, nil
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// file is the file of one database. Its methods are called with the store's
// lock held.
type file struct {
	fs   vfs.FS
	path string
	f    vfs.File // nil: there is none yet

	size    int64
	entries int
	lastID  uint64
	broken  error // a sync has failed: what is on disk is not known any more
}

// openFile opens the file of a database, or finds that there is none.
func openFile(fsys vfs.FS, path string) (_ *file, err error) {
	x := &file{fs: fsys, path: path}
	b, err := vfs.ReadFile(fsys, path, maxFileBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return x, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read field conflicts: %w", err)
	}
	whole, err := scan(path, b, x.count)
	if err != nil {
		return nil, err
	}
	if x.f, err = fsys.OpenReadWrite(path); err != nil {
		return nil, fmt.Errorf("open field conflicts: %w", err)
	}
	defer func() {
		if err != nil {
			x.f.Close()
		}
	}()
	x.size = int64(whole)
	if whole < len(b) {
		if err := x.f.Truncate(x.size); err != nil {
			return nil, fmt.Errorf("cut torn end of %s: %w", path, err)
		}
	}
	if whole == 0 {
		return x, x.begin()
	}
	if whole < len(b) {
		if err := x.f.Sync(); err != nil {
			return nil, fmt.Errorf("sync %s: %w", path, err)
		}
	}
	return x, nil
}

func (x *file) count(e Entry) {
	x.entries++
	x.lastID = max(x.lastID, e.ID)
}

// begin writes the header of an empty file.
func (x *file) begin() error {
	if _, err := x.f.WriteAt(appendHeader(nil), 0); err != nil {
		return fmt.Errorf("write %s: %w", x.path, err)
	}
	if err := x.f.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", x.path, err)
	}
	x.size = int64(headerBytes)
	return x.fs.SyncDir(filepath.Dir(x.path))
}

// create makes the file.
func (x *file) create() (err error) {
	if x.f, err = x.fs.Create(x.path); err != nil {
		return fmt.Errorf("create %s: %w", x.path, err)
	}
	if err = x.begin(); err != nil {
		x.f.Close()
		x.f = nil
	}
	return err
}

// append makes a frame durable at the end of the file. A write that fails is
// taken back, a sync that fails makes the file useless until the next start.
func (x *file) append(entries []Entry) error {
	if x.broken != nil {
		return x.broken
	}
	if x.f == nil {
		if err := x.create(); err != nil {
			return err
		}
	}
	for i := range entries {
		entries[i].ID = x.lastID + 1 + uint64(i)
	}
	frame := appendFrame(nil, entries)
	if _, err := x.f.WriteAt(frame, x.size); err != nil {
		err = fmt.Errorf("write %s: %w", x.path, err)
		if cut := x.f.Truncate(x.size); cut != nil {
			x.broken = errors.Join(err, cut)
		}
		return err
	}
	if err := x.f.SyncData(); err != nil {
		x.broken = fmt.Errorf("sync %s: %w", x.path, err)
		return x.broken
	}
	x.size += int64(len(frame))
	for i := range entries {
		x.count(entries[i])
	}
	return nil
}

// list calls each for all entries, the oldest first.
func (x *file) list(each func(Entry)) error {
	if x.f == nil {
		return nil
	}
	b := make([]byte, x.size)
	if _, err := x.f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s: %w", x.path, err)
	}
	whole, err := scan(x.path, b, each)
	if err == nil && whole < len(b) {
		err = &CorruptError{File: x.path, Offset: int64(whole), Reason: "the end of the file is damaged"}
	}
	return err
}

// remove takes entries out: the file is written anew without them. The number
// of the last entry lives on in memory only, which is enough to tell entries
// apart that exist at the same time.
func (x *file) remove(gone func(Entry) bool) (removed int, err error) {
	var rest []Entry
	err = x.list(func(e Entry) {
		if gone(e) {
			removed++
		} else {
			rest = append(rest, e)
		}
	})
	if err != nil || removed == 0 {
		return 0, err
	}
	b := appendHeader(nil)
	for i := range rest {
		b = appendFrame(b, rest[i:i+1])
	}
	err = vfs.WriteFile(x.fs, x.path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
	if err != nil {
		return 0, err
	}
	x.f.Close() // the old file, which has no name any more
	if x.f, err = x.fs.OpenReadWrite(x.path); err != nil {
		x.f, x.broken = nil, fmt.Errorf("open %s: %w", x.path, err)
		return removed, x.broken
	}
	x.size, x.entries = int64(len(b)), len(rest)
	return removed, nil
}

func (x *file) close() error {
	if x.f == nil {
		return nil
	}
	return x.f.Close()
}
