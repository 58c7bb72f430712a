package catalog

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"

	"golang.org/x/crypto/bcrypt"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
)

// The file, as docs/formats/catalog.md describes it.
const (
	fileName      = "catalog"
	copySuffix    = ".copy"
	fileMagic     = "TBLCATLG"
	fileVersion   = 1
	headerBytes   = 24
	maxFileBytes  = 1 << 30
	crcAt         = 20
	payloadSizeAt = 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Open reads the catalog of a directory, which is made when it is missing.
func Open(dir string, opt Options) (*Catalog, error) {
	if err := vfs.MkdirAll(opt.FS, dir); err != nil {
		return nil, err
	}
	if opt.PasswordCost == 0 {
		opt.PasswordCost = bcrypt.DefaultCost
	}
	if opt.Clock == nil {
		opt.Clock = clock.System
	}
	c := &Catalog{opt: opt, path: filepath.Join(dir, fileName)}
	s, err := load(opt.FS, c.path)
	if err != nil {
		return nil, err
	}
	c.current.Store(s)
	return c, nil
}

// load reads the file, or its copy when the file is damaged. The copy is never
// older: it is written first.
func load(fsys vfs.FS, path string) (*Snapshot, error) {
	s, err := loadFile(fsys, path)
	if errors.Is(err, ErrCorrupt) || err == nil && s.LastDatabaseID == 0 {
		if c, copyErr := loadFile(fsys, path+copySuffix); copyErr == nil && c.LastDatabaseID > 0 {
			return c, nil
		}
	}
	return s, err
}

func loadFile(fsys vfs.FS, path string) (*Snapshot, error) {
	b, err := vfs.ReadFile(fsys, path, maxFileBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return new(Snapshot), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read catalog: %w", err)
	}
	s, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("catalog %s: %w", path, err)
	}
	return s, nil
}

// save publishes the state, twice, so that one damaged file does not take the
// meaning of all data with it; it is durable when save returns nil.
func (c *Catalog) save(s *Snapshot) error {
	b, err := encode(s)
	if err != nil {
		return err
	}
	for _, path := range []string{c.path + copySuffix, c.path} {
		err := vfs.WriteFile(c.opt.FS, path, func(w io.Writer) error {
			_, err := w.Write(b)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func encode(s *Snapshot) ([]byte, error) {
	payload, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	return frame(payload), nil
}

// frame puts the header before a payload.
func frame(payload []byte) []byte {
	b := append(make([]byte, 0, headerBytes+len(payload)), fileMagic...)
	b = binary.LittleEndian.AppendUint32(b, fileVersion)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, checksum(b, payload))
	return append(b, payload...)
}

func checksum(header, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(header[:crcAt], castagnoli), castagnoli, payload)
}

func decode(b []byte) (*Snapshot, error) {
	if len(b) < headerBytes || string(b[:len(fileMagic)]) != fileMagic {
		return nil, fmt.Errorf("%w: no catalog header in %d bytes", ErrCorrupt, len(b))
	}
	header, payload := b[:headerBytes], b[headerBytes:]
	if n := binary.LittleEndian.Uint64(header[payloadSizeAt:]); n != uint64(len(payload)) {
		return nil, fmt.Errorf("%w: payload is %d bytes, header says %d", ErrCorrupt, len(payload), n)
	}
	if got, want := checksum(header, payload), binary.LittleEndian.Uint32(header[crcAt:]); got != want {
		return nil, fmt.Errorf("%w: checksum is %08x, header says %08x", ErrCorrupt, got, want)
	}
	if v := binary.LittleEndian.Uint32(header[len(fileMagic):]); v > fileVersion {
		return nil, fmt.Errorf("%w: format %d, this program knows %d", ErrNewerFormat, v, fileVersion)
	}
	s := new(Snapshot)
	if err := json.Unmarshal(payload, s); err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrCorrupt, err)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}
