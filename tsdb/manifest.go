package tsdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// The manifest of a shard says which TSM files belong to it and how far the
// log is in them. It is a header and one record per edit; an edit counts from
// the moment its record is synced. See docs/formats/manifest.md.
const (
	manifestName    = "MANIFEST"
	manifestMagic   = "TLMANIF1"
	manifestRecord  = 8 // length and checksum before the payload of a record
	manifestMaxEdit = 16 << 20
	manifestMaxFile = 1 << 30
	// manifestRewrite is the size above which a manifest is written anew when it
	// is opened.
	manifestRewrite = 64 << 10
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// manifest is the open manifest of a shard. Its methods must not be called
// concurrently.
type manifest struct {
	fs    vfs.FS
	path  string
	file  vfs.File
	size  int64
	state manifestState
	cut   int64 // offset of the damaged end that was dropped at open; 0: none was

	// unsure says that the last append failed and that nobody knows what the
	// file ends with. The next edit writes the whole file anew.
	unsure bool
}

// errManifestUnsure says that an edit failed in a way that leaves open whether
// it counts after a crash. Files that it names must be kept.
var errManifestUnsure = errors.New("whether the manifest has the edit is not known")

// openManifest reads the manifest at path, or starts one when there is none.
// What a crash left behind the last whole record is dropped.
func openManifest(fsys vfs.FS, path string) (*manifest, error) {
	m := &manifest{fs: fsys, path: path, state: manifestState{next: 1}}
	b, err := vfs.ReadFile(fsys, path, manifestMaxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return m, m.rewrite(m.state)
	case err != nil:
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	state, size, err := readManifest(path, b)
	if err != nil {
		return nil, err
	}
	m.state = state
	if size < int64(len(b)) {
		m.cut = size
	}
	if size < int64(len(b)) || size > manifestRewrite {
		return m, m.rewrite(state)
	}
	if m.file, err = fsys.OpenReadWrite(path); err != nil {
		return nil, fmt.Errorf("open manifest: %w", err)
	}
	m.size = size
	return m, nil
}

// readManifest adds up the edits in b and returns the size of the whole ones.
func readManifest(path string, b []byte) (state manifestState, size int64, err error) {
	if len(b) < len(manifestMagic) || string(b[:len(manifestMagic)]) != manifestMagic {
		return state, 0, &CorruptError{File: path, Offset: 0, Reason: "not a manifest of a known version"}
	}
	state.next = 1
	at := len(manifestMagic)
	for at < len(b) {
		payload, ok := manifestPayload(b[at:])
		if !ok {
			if manifestGoesOn(b[at:]) {
				return state, 0, &CorruptError{File: path, Offset: int64(at), Reason: "damaged record before whole ones"}
			}
			break
		}
		e, err := decodeManifestEdit(payload)
		if err != nil {
			return state, 0, &CorruptError{File: path, Offset: int64(at), Reason: err.Error()}
		}
		state = state.apply(e)
		at += manifestRecord + len(payload)
	}
	return state, int64(at), nil
}

// manifestPayload returns the payload of the record that b starts with.
func manifestPayload(b []byte) ([]byte, bool) {
	if len(b) < manifestRecord {
		return nil, false
	}
	n := binary.LittleEndian.Uint32(b)
	if n == 0 || n > manifestMaxEdit || int(n) > len(b)-manifestRecord {
		return nil, false
	}
	payload := b[manifestRecord : manifestRecord+int(n)]
	return payload, crc32.Checksum(payload, castagnoli) == binary.LittleEndian.Uint32(b[4:])
}

// manifestGoesOn reports whether a whole record starts anywhere behind the
// damaged one at the start of b. A crash can only damage the last record.
func manifestGoesOn(b []byte) bool {
	for i := 1; i+manifestRecord < len(b); i++ {
		if payload, ok := manifestPayload(b[i:]); ok {
			if _, err := decodeManifestEdit(payload); err == nil {
				return true
			}
		}
	}
	return false
}

func appendManifestRecord(dst []byte, e manifestEdit) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, manifestRecord)...)
	dst = appendManifestEdit(dst, e)
	payload := dst[at+manifestRecord:]
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(dst[at+4:], crc32.Checksum(payload, castagnoli))
	return dst
}

// apply makes an edit durable and then part of the state. When it fails, the
// edit does not count, now and after a crash, unless the error matches
// errManifestUnsure.
func (m *manifest) apply(e manifestEdit) error {
	next := m.state.apply(e)
	if m.unsure {
		if err := m.rewrite(next); err != nil {
			return fmt.Errorf("%w: %w", errManifestUnsure, err)
		}
		m.state = next
		return nil
	}
	if err := m.append(appendManifestRecord(nil, e)); err != nil {
		m.unsure = true
		if undo := m.rewrite(m.state); undo != nil {
			return fmt.Errorf("%w: %w", errManifestUnsure, errors.Join(err, undo))
		}
		return err
	}
	m.state = next
	return nil
}

func (m *manifest) append(record []byte) error {
	if _, err := m.file.WriteAt(record, m.size); err != nil {
		return fmt.Errorf("append to manifest %s: %w", m.path, err)
	}
	// Here the edit becomes durable.
	if err := m.file.SyncData(); err != nil {
		return fmt.Errorf("sync manifest %s: %w", m.path, err)
	}
	m.size += int64(len(record))
	return nil
}

// rewrite replaces the file by one that holds state alone.
func (m *manifest) rewrite(state manifestState) error {
	b := appendManifestRecord([]byte(manifestMagic), state.snapshot())
	err := vfs.WriteFile(m.fs, m.path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	file, err := m.fs.OpenReadWrite(m.path)
	if err != nil {
		return fmt.Errorf("open manifest: %w", err)
	}
	if m.file != nil {
		m.file.Close() // what it was opened for is no longer the manifest
	}
	m.file, m.size, m.unsure = file, int64(len(b)), false
	return nil
}

func (m *manifest) close() error {
	if m.file == nil {
		return nil
	}
	err := m.file.Close()
	m.file = nil
	return err
}
