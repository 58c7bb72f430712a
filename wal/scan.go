package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// scanBytes is how much of a segment is in memory at once while its frames fit.
const scanBytes = 1 << 20

// scanner reads the frames of one segment.
type scanner struct {
	file vfs.File
	name string
	size int64
	seed uint32

	buf   []byte // bytes of the file from start on
	start int64
}

// openScanner opens a segment file; its header is read with header.
func openScanner(fs vfs.FS, name string, buf []byte) (*scanner, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open segment %s: %w", name, err)
	}
	size, err := f.Size()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("size of segment %s: %w", name, err)
	}
	return &scanner{file: f, name: name, size: size, buf: buf[:0]}, nil
}

func (s *scanner) close() error { return s.file.Close() }

// header returns the segment's header, from the first good copy, and why the
// other copy is bad, if it is.
func (s *scanner) header() (h segmentHeader, reasons [2]string, err error) {
	b, err := s.window(0, framesAt)
	if err != nil {
		return h, reasons, err
	}
	found := false
	for i := range reasons {
		copyAt := min(i*headerBlockBytes, len(b))
		one, reason := decodeSegmentHeader(b[copyAt:])
		reasons[i] = reason
		if reason == "" && (!found || one.generation > h.generation) {
			h, found = one, true
		}
	}
	if !found {
		return h, reasons, &CorruptError{Segment: s.name, Reason: reasons[0]}
	}
	s.seed = generationSeed(h.generation)
	return h, reasons, nil
}

// window returns n bytes at offset, fewer at the end of the file. They are
// valid until the next call.
func (s *scanner) window(offset int64, n int) ([]byte, error) {
	if n = int(min(int64(n), max(0, s.size-offset))); n == 0 {
		return nil, nil
	}
	if at := offset - s.start; at >= 0 && at+int64(n) <= int64(len(s.buf)) {
		return s.buf[at : at+int64(n)], nil
	}
	want := int(min(int64(max(n, scanBytes)), s.size-offset))
	if want > cap(s.buf) {
		s.buf = make([]byte, want)
	}
	s.buf, s.start = s.buf[:want], offset
	got, err := s.file.ReadAt(s.buf, offset)
	if got < want {
		s.buf = s.buf[:got]
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("read segment %s at offset %d: %w", s.name, offset, err)
	}
	return s.buf[:n], nil
}

// frame returns the frame at offset with its payload. The reason is empty
// when the frame is good, endReason when there are zeros or the file ends, and
// else says what is wrong. An error is one of reading.
func (s *scanner) frame(offset int64) (h frameHeader, payload []byte, reason string, err error) {
	b, err := s.window(offset, frameHeaderBytes)
	if err != nil {
		return h, nil, "", err
	}
	if len(b) < frameHeaderBytes {
		if allZero(b) {
			return h, nil, endReason, nil
		}
		return h, nil, fmt.Sprintf("frame header has %d bytes, want %d", len(b), frameHeaderBytes), nil
	}
	h = decodeFrameHeader(b)
	if h == (frameHeader{}) {
		return h, nil, endReason, nil
	}
	if h.length > MaxPayloadBytes || h.bytes() > s.size-offset {
		return h, nil, fmt.Sprintf("frame length is %d, the file has %d bytes more", h.length, s.size-offset-frameHeaderBytes), nil
	}
	if h.lsn == 0 {
		return h, nil, "frame LSN is 0", nil
	}
	if b, err = s.window(offset, int(h.bytes())); err != nil {
		return h, nil, "", err
	}
	if got := frameChecksum(s.seed, offset, b); got != h.checksum {
		return h, nil, fmt.Sprintf("frame checksum is %08x, computed %08x", h.checksum, got), nil
	}
	return h, b[frameHeaderBytes:], "", nil
}

// endReason is the reason of a place where no frame was ever completed.
const endReason = "end of frames"

// resync returns the place of the first good frame behind offset whose LSN is
// above last, or -1. Every lost frame took at least a header's bytes, which
// bounds the LSNs that can come next and makes the search fast.
func (s *scanner) resync(offset int64, last uint64) (int64, error) {
	const step = 256 << 10
	for from := offset + 1; from+frameHeaderBytes <= s.size; from += step {
		b, err := s.window(from, step+frameHeaderBytes)
		if err != nil {
			return -1, err
		}
		for i := 0; i+frameHeaderBytes <= len(b) && i < step; i++ {
			lsn := binary.LittleEndian.Uint64(b[i+frameLSNAt:])
			if lsn == 0 && i+frameHeaderBytes+4 <= len(b) && binary.LittleEndian.Uint64(b[i+frameLSNAt+8:]) == 0 {
				i += 8 // no LSN begins in 16 zeros
				continue
			}
			ahead := lsn - last - 1
			if ahead > uint64(from+int64(i)-offset)/frameHeaderBytes+1 {
				continue
			}
			h, _, reason, err := s.frame(from + int64(i))
			if err != nil {
				return -1, err
			}
			if reason == "" && h.lsn > last {
				return from + int64(i), nil
			}
			if b, err = s.window(from, step+frameHeaderBytes); err != nil { // the buffer has moved
				return -1, err
			}
		}
	}
	return -1, nil
}

// lastNonZero returns the end of the bytes from offset on that are not zero.
func (s *scanner) lastNonZero(offset int64) (int64, error) {
	end := offset
	for at := offset; at < s.size; at += scanBytes {
		b, err := s.window(at, scanBytes)
		if err != nil {
			return end, err
		}
		for i := len(b) - 1; i >= 0; i-- {
			if b[i] != 0 {
				end = at + int64(i) + 1
				break
			}
		}
	}
	return end, nil
}

func allZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
