package index

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// The layout of a checkpoint, see docs/formats/index.md.
const (
	checkpointMagic      = "TLINDEXC"
	checkpointVersion    = 1
	checkpointHeaderSize = 64
	checkpointFooterSize = 48
	sectionEntrySize     = 24
	checksumPage         = 16 << 10
	tableBlockEntries    = 16
	blockEntrySize       = 16
	segmentEntrySize     = 8
	blockLengthBits      = 24 // of a table index entry: offset<<24 | length

	flagPresenceLost = 1 << 0
	sectionRequired  = 1 << 0
)

// The types of sections.
const (
	sectionKeys     = 1 // exact-match table: hash tag and id of every key
	sectionBlocks   = 2 // where the keys are in the series log
	sectionTags     = 3 // measurements, tag keys, tag values, postings
	sectionPresence = 4 // ids of every shard
	sectionSegments = 5 // segments of the series log that were rewritten; only if there are any
	sectionFreed    = 6 // freed series that earlier checkpoints still have; only if there are any
)

// checkpointHeader is the head of a checkpoint.
type checkpointHeader struct {
	flags   uint32
	after   uint32 // ids from after+1 to covered are in the checkpoint; 0 but in layers
	covered uint32
	series  uint32 // how many of them have a key
	seed    uint64 // of hashKey
	log     logPosition
	root    tableRef // of the measurements
}

// tableRef is the place of a table: a list of sorted names with a payload each.
type tableRef struct {
	index   uint64 // offset of the table's index
	blocks  uint32
	entries uint32
}

func appendCheckpointHeader(dst []byte, h *checkpointHeader) []byte {
	n := len(dst)
	dst = append(dst, checkpointMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, checkpointVersion)
	dst = binary.LittleEndian.AppendUint32(dst, h.flags)
	dst = binary.LittleEndian.AppendUint32(dst, h.covered)
	dst = binary.LittleEndian.AppendUint32(dst, h.series)
	dst = binary.LittleEndian.AppendUint64(dst, h.seed)
	dst = binary.LittleEndian.AppendUint32(dst, h.log.segment)
	dst = binary.LittleEndian.AppendUint32(dst, h.log.offset)
	dst = binary.LittleEndian.AppendUint32(dst, h.after)
	dst = append(dst, make([]byte, 16)...)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[n:], castagnoli))
}

func decodeCheckpointHeader(src []byte) (h checkpointHeader, err error) {
	if len(src) < checkpointHeaderSize {
		return h, fmt.Errorf("header has %d bytes, want %d", len(src), checkpointHeaderSize)
	}
	want := binary.LittleEndian.Uint32(src[checkpointHeaderSize-4:])
	if got := crc32.Checksum(src[:checkpointHeaderSize-4], castagnoli); got != want {
		return h, fmt.Errorf("header has checksum %08x, want %08x", got, want)
	}
	if string(src[:8]) != checkpointMagic {
		return h, fmt.Errorf("file starts with %q, want %q", src[:8], checkpointMagic)
	}
	if v := binary.LittleEndian.Uint32(src[8:]); v != checkpointVersion {
		return h, fmt.Errorf("version %d, known is %d: %w", v, checkpointVersion, ErrVersion)
	}
	h.flags = binary.LittleEndian.Uint32(src[12:])
	h.covered = binary.LittleEndian.Uint32(src[16:])
	h.series = binary.LittleEndian.Uint32(src[20:])
	h.seed = binary.LittleEndian.Uint64(src[24:])
	h.log = logPosition{binary.LittleEndian.Uint32(src[32:]), binary.LittleEndian.Uint32(src[36:])}
	h.after = binary.LittleEndian.Uint32(src[40:])
	return h, nil
}

// section is an entry of the directory.
type section struct {
	typ, flags     uint16
	offset, length uint64
}

func appendSection(dst []byte, s section) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, s.typ)
	dst = binary.LittleEndian.AppendUint16(dst, s.flags)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	dst = binary.LittleEndian.AppendUint64(dst, s.offset)
	return binary.LittleEndian.AppendUint64(dst, s.length)
}

func decodeSection(src []byte) section {
	return section{
		typ:    binary.LittleEndian.Uint16(src),
		flags:  binary.LittleEndian.Uint16(src[2:]),
		offset: binary.LittleEndian.Uint64(src[8:]),
		length: binary.LittleEndian.Uint64(src[16:]),
	}
}

// checkpointFooter ends a checkpoint. The data before it is checked page by
// page with the checksums that lie between data and footer.
type checkpointFooter struct {
	dataEnd  uint64 // header and sections
	sections uint32 // entries of the directory, which follows the page checksums
	root     tableRef
	tailCRC  uint32 // of page checksums and directory
}

// pages returns the number of page checksums.
func (f *checkpointFooter) pages() uint64 { return (f.dataEnd + checksumPage - 1) / checksumPage }

func appendCheckpointFooter(dst []byte, f *checkpointFooter) []byte {
	n := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, f.dataEnd)
	dst = binary.LittleEndian.AppendUint64(dst, f.root.index)
	dst = binary.LittleEndian.AppendUint32(dst, f.root.blocks)
	dst = binary.LittleEndian.AppendUint32(dst, f.root.entries)
	dst = binary.LittleEndian.AppendUint32(dst, f.sections)
	dst = binary.LittleEndian.AppendUint32(dst, f.tailCRC)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	dst = append(dst, checkpointMagic...)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[n:], castagnoli))
}

func decodeCheckpointFooter(src []byte) (f checkpointFooter, err error) {
	if len(src) != checkpointFooterSize {
		return f, fmt.Errorf("footer has %d bytes, want %d", len(src), checkpointFooterSize)
	}
	want := binary.LittleEndian.Uint32(src[44:])
	if got := crc32.Checksum(src[:44], castagnoli); got != want {
		return f, fmt.Errorf("footer has checksum %08x, want %08x", got, want)
	}
	f.dataEnd = binary.LittleEndian.Uint64(src)
	f.root.index = binary.LittleEndian.Uint64(src[8:])
	f.root.blocks = binary.LittleEndian.Uint32(src[16:])
	f.root.entries = binary.LittleEndian.Uint32(src[20:])
	f.sections = binary.LittleEndian.Uint32(src[24:])
	f.tailCRC = binary.LittleEndian.Uint32(src[28:])
	return f, nil
}

func appendTableRef(dst []byte, r tableRef) []byte {
	dst = binary.AppendUvarint(dst, r.index)
	dst = binary.AppendUvarint(dst, uint64(r.blocks))
	return binary.AppendUvarint(dst, uint64(r.entries))
}

func decodeTableRef(src []byte) (r tableRef, rest []byte, err error) {
	index, rest, ok1 := cutUvarint(src)
	blocks, rest, ok2 := cutUvarint(rest)
	entries, rest, ok3 := cutUvarint(rest)
	if !ok1 || !ok2 || !ok3 || blocks > 1<<32-1 || entries > 1<<32-1 {
		return r, src, fmt.Errorf("place of a table is cut short or too large")
	}
	return tableRef{index, uint32(blocks), uint32(entries)}, rest, nil
}
