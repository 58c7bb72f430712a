package index

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// logPosition is a place in the series log.
type logPosition struct {
	segment, offset uint32
}

// blockLoc says where the keys first … first+count-1 are.
type blockLoc struct {
	first uint32
	count uint16
	at    logPosition
}

// seriesLog appends keys to the last segment of the series log. Keys collect in
// an open block; blocks collect in a buffer, which is written to the file when
// it is large and by sync.
//
// A failed write leaves the buffer as it is, and the same bytes are written again
// at the same place later. After a failed sync the kernel may have dropped the
// bytes, so the log stays broken until it is opened again.
type seriesLog struct {
	fs           vfs.FS
	dir          string
	segmentBytes int64

	syncMu sync.Mutex // held while the file is synced or replaced; before mu

	mu       sync.Mutex // guards the fields below
	file     vfs.File
	segment  uint32
	written  uint32 // bytes of the file
	buf      []byte // what follows them
	dirty    uint32 // end of the last block with keys
	synced   uint32 // blocks before this offset are durable
	first    uint32 // of the open block, or of the next one
	count    int    // keys of the open block
	plain    []byte // the open block, front-coded
	prev     []byte // the last key of the open block
	blocks   []blockLoc
	sealed   int64 // bytes of earlier segments
	writeErr error // of the last write; the next one may succeed
	syncErr  error // for good
}

const writeBufferBytes = 64 << 10

func segmentName(dir string, segment uint32) string {
	return filepath.Join(dir, fmt.Sprintf("%08d.series", segment))
}

// listSegments returns the numbers of the segments in dir, ascending.
func listSegments(fsys vfs.FS, dir string) ([]uint32, error) {
	names, err := fsys.List(dir)
	if err != nil {
		return nil, fmt.Errorf("list series log %s: %w", dir, err)
	}
	var segments []uint32
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, ".series")
		if !ok || len(digits) != 8 {
			continue
		}
		if n, err := strconv.ParseUint(digits, 10, 32); err == nil && n > 0 {
			segments = append(segments, uint32(n))
		}
	}
	return segments, nil
}

// create starts a segment; its name and header are durable afterwards.
func (l *seriesLog) create(segment, next uint32) error {
	name := segmentName(l.dir, segment)
	f, err := l.fs.Create(name)
	if err != nil {
		return fmt.Errorf("create series log segment %s: %w", name, err)
	}
	_, err = f.WriteAt(appendSegmentHeader(nil, segmentHeader{segment: segment, first: next}), 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = l.fs.SyncDir(l.dir)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("start series log segment %s: %w", name, err), f.Close())
	}
	l.file, l.segment = f, segment
	l.written, l.dirty, l.synced = segmentHeaderSize, segmentHeaderSize, segmentHeaderSize
	return nil
}

// ready prepares for a creation: it repeats what failed before and starts a new
// segment when the last one is full.
func (l *seriesLog) ready(next uint32) error {
	l.syncMu.Lock()
	defer l.syncMu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.syncErr != nil {
		return fmt.Errorf("%w: %w", ErrSeriesLog, l.syncErr)
	}
	if l.writeErr != nil {
		if err := l.writeLocked(); err != nil {
			return fmt.Errorf("%w: %w", ErrSeriesLog, err)
		}
	}
	if int64(l.written)+int64(len(l.buf)) < l.segmentBytes {
		return nil
	}
	if err := l.rotateLocked(next); err != nil {
		return fmt.Errorf("%w: %w", ErrSeriesLog, err)
	}
	return nil
}

func (l *seriesLog) rotateLocked(next uint32) error {
	l.closeBlockLocked()
	if err := l.writeLocked(); err != nil {
		return err
	}
	// Only the last segment may have a torn tail, be it only a mark.
	if err := l.file.SyncData(); err != nil {
		l.syncErr = fmt.Errorf("sync %s: %w", segmentName(l.dir, l.segment), err)
		return l.syncErr
	}
	l.synced = l.dirty
	old, size := l.file, l.written
	if err := l.create(l.segment+1, next); err != nil {
		return err
	}
	l.sealed += int64(size)
	return old.Close()
}

// append adds the key of a series. Errors show in the next ready or sync.
func (l *seriesLog) append(id uint32, key []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count > 0 && id != l.first+uint32(l.count) {
		l.closeBlockLocked()
	}
	if l.count == 0 {
		l.first = id
	}
	l.plain = appendFrontCoded(l.plain, l.prev, key)
	l.prev = append(l.prev[:0], key...)
	l.count++
	if l.count == maxBlockKeys || len(l.plain) >= fullBlock {
		l.closeBlockLocked()
		if len(l.buf) >= writeBufferBytes && l.writeErr == nil {
			l.writeLocked()
		}
	}
}

func (l *seriesLog) closeBlockLocked() {
	if l.count == 0 {
		return
	}
	at := logPosition{l.segment, l.written + uint32(len(l.buf))}
	l.blocks = append(l.blocks, blockLoc{first: l.first, count: uint16(l.count), at: at})
	l.buf = appendBlock(l.buf, l.segment, l.first, l.count, l.plain)
	l.dirty = l.written + uint32(len(l.buf))
	l.first += uint32(l.count)
	l.count, l.plain, l.prev = 0, l.plain[:0], l.prev[:0]
}

func (l *seriesLog) writeLocked() error {
	if len(l.buf) > 0 {
		if _, err := l.file.WriteAt(l.buf, int64(l.written)); err != nil {
			l.writeErr = fmt.Errorf("write %s at offset %d: %w", segmentName(l.dir, l.segment), l.written, err)
			return l.writeErr
		}
		l.written += uint32(len(l.buf))
		l.buf = l.buf[:0]
	}
	l.writeErr = nil
	return nil
}

// cut closes the open block and returns the position after it with the blocks
// since the last cut. A mark that follows is left out: it need not be durable.
func (l *seriesLog) cut() (logPosition, []blockLoc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closeBlockLocked()
	blocks := l.blocks
	l.blocks = nil
	return logPosition{l.segment, l.dirty}, blocks
}

// sync makes all keys that were appended before durable.
func (l *seriesLog) sync() error {
	l.syncMu.Lock()
	defer l.syncMu.Unlock()
	file, end, err := l.prepareSync()
	if err != nil || file == nil {
		return err
	}
	err = file.SyncData()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.syncErr = fmt.Errorf("sync %s: %w", segmentName(l.dir, l.segment), err)
		return fmt.Errorf("%w: %w", ErrSeriesLog, l.syncErr)
	}
	// From here on the keys are durable. The mark tells a later open that
	// damage before this offset is damage and not a torn tail.
	l.synced = end
	l.buf = appendMark(l.buf, l.segment, l.first, end)
	l.writeLocked()
	return nil
}

// prepareSync writes what is buffered; file is nil when nothing is to be synced.
func (l *seriesLog) prepareSync() (file vfs.File, end uint32, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil, 0, ErrClosed
	}
	if l.syncErr != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrSeriesLog, l.syncErr)
	}
	l.closeBlockLocked()
	if err := l.writeLocked(); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrSeriesLog, err)
	}
	if l.dirty == l.synced {
		return nil, 0, nil
	}
	return l.file, l.dirty, nil
}

// reserve makes durable that next is the next id, although the keys of the ids
// before it are not in the log.
func (l *seriesLog) reserve(next uint32) error {
	l.mu.Lock()
	l.closeBlockLocked()
	l.buf = appendMark(l.buf, l.segment, next, l.synced)
	l.dirty = l.written + uint32(len(l.buf))
	l.first = next
	l.mu.Unlock()
	return l.sync()
}

// close syncs and closes the file. What was created stays readable elsewhere.
func (l *seriesLog) close() error {
	err := l.sync()
	l.syncMu.Lock()
	defer l.syncMu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	if err == nil {
		// The last mark is made durable, too.
		if err = l.file.SyncData(); err != nil {
			err = fmt.Errorf("sync %s: %w", segmentName(l.dir, l.segment), err)
		}
	}
	err = errors.Join(err, l.file.Close())
	l.file = nil
	return err
}

func (l *seriesLog) bytes() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sealed + int64(l.written) + int64(len(l.buf)) + int64(len(l.plain))
}

// randomSeed draws a hash seed that is not zero.
func randomSeed() (uint64, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("draw hash seed: %w", err)
	}
	return binary.LittleEndian.Uint64(b[:]) | 1, nil
}

// logScan walks the blocks of the series log from a position.
type logScan struct {
	fs      vfs.FS
	dir     string
	from    logPosition
	next    uint32 // the id that the next block should start with
	damage  []*CorruptionError
	end     logPosition // of the last segment: where appending goes on
	keysEnd uint32      // of the last segment: after the last block with keys
	torn    int64       // bytes after end
	remake  bool        // the last segment was torn while it was made
	bytes   int64       // of all segments
	keyed   bool        // the last segment has keys after its last mark
	onBlock func(loc blockLoc, keys *blockKeys) error
}

// blockKeys is a decoded block.
type blockKeys struct {
	plain []byte
	count int
}

// run scans the segments. from.segment 0 means the start of the log.
func (s *logScan) run(ctx context.Context, segments []uint32, from logPosition) error {
	want := max(from.segment, 1)
	s.from = from
	for i, n := range segments {
		if n < want {
			if err := s.addSize(n); err != nil {
				return err
			}
			continue
		}
		for ; want < n; want++ {
			s.report(want, 0, s.next, 0, "segment is missing")
		}
		start := uint32(segmentHeaderSize)
		if n == from.segment {
			start = from.offset
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.segment(n, start, i == len(segments)-1); err != nil {
			return err
		}
		want = n + 1
	}
	for ; want <= from.segment; want++ {
		s.report(want, 0, 0, 0, "segment is missing")
	}
	return nil
}

func (s *logScan) addSize(n uint32) error {
	st, err := s.fs.Stat(segmentName(s.dir, n))
	if err != nil {
		return fmt.Errorf("open series log: %w", err)
	}
	s.bytes += st.Size
	return nil
}

func (s *logScan) report(segment uint32, offset int64, first, last uint32, reason string) {
	if last < first {
		first, last = 0, 0
	}
	s.damage = append(s.damage, &CorruptionError{File: segmentName(s.dir, segment), Offset: offset,
		First: model.SeriesID(first), Last: model.SeriesID(last), Reason: reason})
}

func (s *logScan) segment(n, start uint32, last bool) error {
	name := segmentName(s.dir, n)
	m, err := s.fs.Map(name)
	if err != nil {
		return fmt.Errorf("open series log segment %s: %w", name, err)
	}
	defer m.Close()
	data := m.Bytes()
	s.bytes += int64(len(data))
	s.end, s.keysEnd, s.torn, s.keyed = logPosition{n, start}, start, 0, false
	if err := s.header(n, data, last); err != nil {
		return err
	}
	if len(data) < int(start) {
		if start > segmentHeaderSize {
			s.report(n, int64(len(data)), 0, 0, fmt.Sprintf("segment ends before offset %d, up to which the checkpoint covers it", start))
		}
		s.end = logPosition{}
		return nil
	}
	return s.blocks(n, data, start, last)
}

// header checks the header of a segment. Damage is reported, but the blocks
// carry all that is needed to read them.
func (s *logScan) header(n uint32, data []byte, last bool) error {
	h, err := decodeSegmentHeader(data)
	switch {
	case errors.Is(err, ErrVersion):
		return fmt.Errorf("open %s: %w", segmentName(s.dir, n), err)
	case err != nil && last && len(data) <= segmentHeaderSize:
		s.remake = true
		return nil
	case err != nil:
		s.report(n, 0, 0, 0, err.Error())
	case h.segment != n:
		s.report(n, 12, 0, 0, fmt.Sprintf("segment has number %d in its header", h.segment))
	default:
		s.jump(n, 0, h.first)
	}
	return nil
}

func (s *logScan) blocks(n uint32, data []byte, off uint32, last bool) error {
	var buf []byte
	for int(off) < len(data) {
		h, plain, err := s.block(n, data[off:], buf)
		if err != nil {
			resume, ok := s.resume(n, data, off, last)
			if !ok {
				s.torn = int64(len(data)) - int64(off)
				return nil
			}
			next := max(s.next, s.firstAt(n, data, resume))
			s.report(n, int64(off), s.next, next-1, err.Error())
			s.next, off = next, resume
			continue
		}
		s.jump(n, int64(off), h.first)
		if h.mark() {
			s.keyed = s.keyed && h.plain < s.keysEnd
		} else {
			s.keyed = true
			if s.onBlock != nil {
				loc := blockLoc{first: h.first, count: h.count, at: logPosition{n, off}}
				if err := s.onBlock(loc, &blockKeys{plain, int(h.count)}); err != nil {
					return err
				}
			}
			if cap(plain) > cap(buf) && h.codec == codecSnappy {
				buf = plain
			}
			s.next = h.end()
			s.keysEnd = off + uint32(h.size())
		}
		off += uint32(h.size())
		s.end.offset = off
	}
	return nil
}

// jump leaves out the ids before first: blocks before were lost without a
// trace, or the ids were reserved because their keys were.
func (s *logScan) jump(n uint32, off int64, first uint32) {
	if first > s.next {
		s.report(n, off, s.next, first-1, "keys before are not in the series log")
		s.next = first
	}
}

// block decodes the block at the start of data and checks that it fits.
func (s *logScan) block(n uint32, data, buf []byte) (h blockHeader, plain []byte, err error) {
	if h, err = decodeBlockHeader(data, n); err != nil {
		return h, nil, err
	}
	if h.mark() {
		return h, nil, nil
	}
	if h.first < s.next {
		return h, nil, fmt.Errorf("block starts with id %d, want %d or more", h.first, s.next)
	}
	if plain, err = decodeBlockPayload(&h, data, buf); err != nil {
		return h, nil, err
	}
	if err = walkBlock(plain, int(h.count), func(int, []byte) bool { return true }); err != nil {
		return h, nil, err
	}
	return h, plain, nil
}

// resume finds the block after damage at off. In the last segment only damage
// before the synced offset of a later mark is damage; anything else is a tail
// that was never acknowledged, whatever of it reached the disk.
func (s *logScan) resume(n uint32, data []byte, off uint32, last bool) (uint32, bool) {
	resume, found := uint32(0), false
	for i := int(off) + 1; i+blockHeaderSize <= len(data); i++ {
		h, err := decodeBlockHeader(data[i:], n)
		if err != nil || len(data)-i < h.size() {
			continue
		}
		if !h.mark() {
			if h.first < s.next {
				continue
			}
			if _, err := decodeBlockPayload(&h, data[i:], nil); err != nil {
				continue
			}
		}
		if !found {
			resume, found = uint32(i), true
		}
		if !last || h.mark() && h.plain > off {
			return resume, true
		}
		i += h.size() - 1
	}
	if !last {
		return uint32(len(data)), true
	}
	return 0, false
}

// firstAt returns the first id of the block at off, or the next id when there
// is none.
func (s *logScan) firstAt(n uint32, data []byte, off uint32) uint32 {
	if int(off) < len(data) {
		if h, err := decodeBlockHeader(data[off:], n); err == nil {
			return h.first
		}
	}
	return s.next
}

// openLog continues the log where the scan ended.
func openLog(opt Options, dir string, segments []uint32, s *logScan) (*seriesLog, error) {
	l := &seriesLog{fs: opt.FS, dir: dir, segmentBytes: opt.SegmentBytes}
	l.first = s.next
	if len(segments) == 0 {
		return l, l.create(s.from.segment+1, s.next)
	}
	last := segments[len(segments)-1]
	if s.remake {
		l.sealed = s.bytes
		return l, l.create(last, s.next)
	}
	if s.end.segment != last {
		// The last segment ends before what the checkpoint covers: its offsets
		// must not be used a second time.
		l.sealed = s.bytes
		return l, l.create(max(last, s.from.segment)+1, s.next)
	}
	name := segmentName(dir, last)
	f, err := l.fs.OpenReadWrite(name)
	if err != nil {
		return nil, fmt.Errorf("open series log segment %s: %w", name, err)
	}
	if s.torn > 0 {
		err = f.Truncate(int64(s.end.offset))
	}
	if err == nil && (s.torn > 0 || s.keyed) {
		// What the scan delivered counts as known from now on, so it must stay.
		err = f.Sync()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("recover series log segment %s: %w", name, err), f.Close())
	}
	l.file, l.segment, l.written = f, last, s.end.offset
	l.dirty, l.synced = s.keysEnd, s.keysEnd
	l.sealed = s.bytes - s.torn - int64(s.end.offset)
	if s.keyed {
		l.buf = appendMark(l.buf, last, s.next, s.keysEnd)
		l.writeLocked()
	}
	return l, nil
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
