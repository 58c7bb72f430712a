package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// The layout of a segment: two equal copies of the header, then frames.
const (
	segmentMagic   = "TLWALSEG"
	segmentVersion = 1

	headerBlockBytes = 512
	headerChecksumAt = headerBlockBytes - 4
	framesAt         = 2 * headerBlockBytes
)

// Endings of file names.
const (
	segmentSuffix = ".wal"
	spareSuffix   = ".spare"
)

func segmentName(number uint64) string { return fmt.Sprintf("%016d%s", number, segmentSuffix) }
func spareName(number uint64) string   { return fmt.Sprintf("%016d%s", number, spareSuffix) }

// parseName returns the number in a file name with the given ending.
func parseName(name, suffix string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) < 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && n > 0
}

// segmentHeader identifies a segment and its predecessor.
type segmentHeader struct {
	generation uint32 // of this use of the file; unique in the directory
	number     uint64
	firstLSN   uint64 // of its first frame

	// The predecessor at the time of creation, zeros when there was none. Its
	// last LSN is firstLSN-1 except after LSNs were skipped on purpose.
	prevNumber     uint64
	prevLSN        uint64
	prevGeneration uint32
}

// appendSegmentHeader appends both copies of a header.
func appendSegmentHeader(dst []byte, h *segmentHeader) []byte {
	start := len(dst)
	dst = append(dst, segmentMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, segmentVersion)
	dst = binary.LittleEndian.AppendUint32(dst, h.generation)
	dst = binary.LittleEndian.AppendUint64(dst, h.number)
	dst = binary.LittleEndian.AppendUint64(dst, h.firstLSN)
	dst = binary.LittleEndian.AppendUint64(dst, h.prevNumber)
	dst = binary.LittleEndian.AppendUint64(dst, h.prevLSN)
	dst = binary.LittleEndian.AppendUint32(dst, h.prevGeneration)
	dst = append(dst, make([]byte, headerChecksumAt-(len(dst)-start))...)
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	return append(dst, dst[start:]...)
}

// decodeSegmentHeader reads one copy of a header.
func decodeSegmentHeader(b []byte) (h segmentHeader, reason string) {
	if len(b) < headerBlockBytes {
		return h, fmt.Sprintf("header has %d bytes, want %d", len(b), headerBlockBytes)
	}
	b = b[:headerBlockBytes]
	if !bytes.HasPrefix(b, []byte(segmentMagic)) {
		return h, fmt.Sprintf("magic is %q, want %q", b[:len(segmentMagic)], segmentMagic)
	}
	want, got := binary.LittleEndian.Uint32(b[headerChecksumAt:]), crc32.Checksum(b[:headerChecksumAt], castagnoli)
	if want != got {
		return h, fmt.Sprintf("header checksum is %08x, computed %08x", want, got)
	}
	if v := binary.LittleEndian.Uint32(b[8:]); v != segmentVersion {
		return h, fmt.Sprintf("version is %d, known is %d", v, segmentVersion)
	}
	return segmentHeader{
		generation:     binary.LittleEndian.Uint32(b[12:]),
		number:         binary.LittleEndian.Uint64(b[16:]),
		firstLSN:       binary.LittleEndian.Uint64(b[24:]),
		prevNumber:     binary.LittleEndian.Uint64(b[32:]),
		prevLSN:        binary.LittleEndian.Uint64(b[40:]),
		prevGeneration: binary.LittleEndian.Uint32(b[48:]),
	}, ""
}

// segment is one file of the log.
type segment struct {
	segmentHeader
	name string // path
	size int64  // of the file
	seed uint32

	lastLSN     uint64 // of its last frame; below firstLSN when there is none
	damaged     bool   // has a hole
	quarantined bool   // a copy is in the quarantine

	// Of a segment that was created by this log; guarded by Log.mu, except that
	// the file belongs to the committer.
	file    vfs.File // nil once nothing more is written
	end     int64    // where the next frame goes
	secured int64    // zeros are on the disk up to here
	limit   int64    // where the next segment begins
}

func (s *segment) empty() bool { return s.lastLSN < s.firstLSN }
