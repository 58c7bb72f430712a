package tsm

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// The fixed structures of a file; docs/formats/tsm.md has the whole picture. All
// integers are little endian.
const (
	formatVersion = 1

	headerSize         = 56
	footerSize         = 40
	directoryEntrySize = 24
	topEntrySize       = 24
	leafHeaderSize     = 22
	checksumSize       = 4

	headerMagic = "\x89TSM2\r\n\x1a"
	footerMagic = "\x1a\n\r2MST\x89"
)

// MaxBlockRows bounds the rows of a block.
const MaxBlockRows = 1 << 16

// sectionType is the number of a section. Numbers never change their meaning.
type sectionType uint16

const (
	sectionSchema     sectionType = 1
	sectionSeries     sectionType = 2 // roaring bitmap of series ids
	sectionStatistics sectionType = 3
	sectionBlockIndex sectionType = 4 // top of the index of blocks of one series
	sectionMultiIndex sectionType = 5 // top of the index of multi-series blocks
	sectionCells      sectionType = 6 // set aside; cells stand between the blocks
	sectionCellIndex  sectionType = 7 // top of the index of aggregate cells; optional
)

// sectionRequired marks sections without which a reader would give wrong
// answers.
const sectionRequired = 1

func (t sectionType) String() string {
	switch t {
	case sectionSchema:
		return "schema"
	case sectionSeries:
		return "series ids"
	case sectionStatistics:
		return "statistics"
	case sectionBlockIndex:
		return "block index"
	case sectionMultiIndex:
		return "multi-series index"
	case sectionCells:
		return "cells"
	case sectionCellIndex:
		return "cell index"
	}
	return fmt.Sprintf("section %d", uint16(t))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is CRC-32C of b, continued from seed.
func checksum(seed uint32, b []byte) uint32 { return crc32.Update(seed, castagnoli, b) }

// generationSeed starts the checksums of leaves, so that a leaf of another file
// is never taken for one of this.
func generationSeed(generation uint64) uint32 {
	return checksum(0, binary.LittleEndian.AppendUint64(nil, generation))
}

// header stands at the start of a file.
type header struct {
	version        uint16
	level          uint32
	generation     uint64
	minLSN, maxLSN uint64
	applied        uint64 // deletes up to this sequence are reflected
}

func appendHeader(dst []byte, h header) []byte {
	start := len(dst)
	dst = append(dst, headerMagic...)
	dst = binary.LittleEndian.AppendUint16(dst, h.version)
	dst = binary.LittleEndian.AppendUint16(dst, 0)
	dst = binary.LittleEndian.AppendUint32(dst, h.level)
	dst = binary.LittleEndian.AppendUint64(dst, h.generation)
	dst = binary.LittleEndian.AppendUint64(dst, h.minLSN)
	dst = binary.LittleEndian.AppendUint64(dst, h.maxLSN)
	dst = binary.LittleEndian.AppendUint64(dst, h.applied)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	return binary.LittleEndian.AppendUint32(dst, checksum(0, dst[start:]))
}

func decodeHeader(file string, b []byte) (h header, err error) {
	const part = "header"
	if len(b) < headerSize {
		return h, corrupt(file, 0, part, "file has %d bytes, a header has %d", len(b), headerSize)
	}
	b = b[:headerSize]
	if string(b[:8]) != headerMagic {
		return h, corrupt(file, 0, part, "magic is %q, want %q", b[:8], headerMagic)
	}
	if got, want := checksum(0, b[:52]), binary.LittleEndian.Uint32(b[52:]); got != want {
		return h, corrupt(file, 0, part, "checksum is %08x, stored %08x", got, want)
	}
	h = header{
		version:    binary.LittleEndian.Uint16(b[8:]),
		level:      binary.LittleEndian.Uint32(b[12:]),
		generation: binary.LittleEndian.Uint64(b[16:]),
		minLSN:     binary.LittleEndian.Uint64(b[24:]),
		maxLSN:     binary.LittleEndian.Uint64(b[32:]),
		applied:    binary.LittleEndian.Uint64(b[40:]),
	}
	if flags := binary.LittleEndian.Uint16(b[10:]); h.version != formatVersion || flags != 0 {
		return h, fmt.Errorf("%s has version %d and flags %#x, this program reads version %d: %w",
			file, h.version, flags, formatVersion, ErrUnsupported)
	}
	return h, nil
}

// footer stands at the end of a file.
type footer struct {
	directoryOffset uint64
	directoryLength uint32
	directorySum    uint32
	generation      uint64
}

func appendFooter(dst []byte, f footer) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, f.directoryOffset)
	dst = binary.LittleEndian.AppendUint32(dst, f.directoryLength)
	dst = binary.LittleEndian.AppendUint32(dst, f.directorySum)
	dst = binary.LittleEndian.AppendUint64(dst, f.generation)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	dst = binary.LittleEndian.AppendUint32(dst, checksum(0, dst[start:]))
	return append(dst, footerMagic...)
}

// decodeFooter reads the footer of a file of which b is the content.
func decodeFooter(file string, b []byte) (f footer, err error) {
	const part = "footer"
	if len(b) < headerSize+footerSize {
		return f, corrupt(file, int64(len(b)), part, "file has %d bytes, the smallest has %d", len(b), headerSize+footerSize)
	}
	at := int64(len(b) - footerSize)
	tail := b[at:]
	if string(tail[32:]) != footerMagic {
		return f, corrupt(file, at, part, "magic is %q, want %q: the file is cut off or continued", tail[32:], footerMagic)
	}
	if got, want := checksum(0, tail[:28]), binary.LittleEndian.Uint32(tail[28:]); got != want {
		return f, corrupt(file, at, part, "checksum is %08x, stored %08x", got, want)
	}
	f = footer{
		directoryOffset: binary.LittleEndian.Uint64(tail),
		directoryLength: binary.LittleEndian.Uint32(tail[8:]),
		directorySum:    binary.LittleEndian.Uint32(tail[12:]),
		generation:      binary.LittleEndian.Uint64(tail[16:]),
	}
	if f.directoryOffset < headerSize || f.directoryOffset > uint64(at) || f.directoryOffset+uint64(f.directoryLength) != uint64(at) {
		return f, corrupt(file, at, part, "directory of %d bytes at %d does not end at the footer", f.directoryLength, f.directoryOffset)
	}
	return f, nil
}

// section is an entry of the directory.
type section struct {
	typ      sectionType
	required bool
	sum      uint32
	offset   uint64
	length   uint64
}

func appendDirectory(dst []byte, sections []section) []byte {
	for _, s := range sections {
		flags := uint16(0)
		if s.required {
			flags |= sectionRequired
		}
		dst = binary.LittleEndian.AppendUint16(dst, uint16(s.typ))
		dst = binary.LittleEndian.AppendUint16(dst, flags)
		dst = binary.LittleEndian.AppendUint32(dst, s.sum)
		dst = binary.LittleEndian.AppendUint64(dst, s.offset)
		dst = binary.LittleEndian.AppendUint64(dst, s.length)
	}
	return dst
}

// decodeDirectory reads the directory that f names. Sections of unknown types are
// returned too; requireKnown judges them.
func decodeDirectory(file string, b []byte, f footer) ([]section, error) {
	const part = "directory"
	at := int64(f.directoryOffset)
	d := b[f.directoryOffset:][:f.directoryLength]
	if got := checksum(0, d); got != f.directorySum {
		return nil, corrupt(file, at, part, "checksum is %08x, stored %08x", got, f.directorySum)
	}
	if len(d)%directoryEntrySize != 0 {
		return nil, corrupt(file, at, part, "%d bytes are not a multiple of %d", len(d), directoryEntrySize)
	}
	sections := make([]section, 0, len(d)/directoryEntrySize)
	for ; len(d) > 0; d = d[directoryEntrySize:] {
		s := section{
			typ:      sectionType(binary.LittleEndian.Uint16(d)),
			required: binary.LittleEndian.Uint16(d[2:])&sectionRequired != 0,
			sum:      binary.LittleEndian.Uint32(d[4:]),
			offset:   binary.LittleEndian.Uint64(d[8:]),
			length:   binary.LittleEndian.Uint64(d[16:]),
		}
		if s.offset < headerSize || s.offset > f.directoryOffset || s.length > f.directoryOffset-s.offset {
			return nil, corrupt(file, at, part, "%v of %d bytes at %d lies outside of the file", s.typ, s.length, s.offset)
		}
		sections = append(sections, s)
	}
	return sections, nil
}
