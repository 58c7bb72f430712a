package index

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/timberlinedb/timberline/internal/vfs"
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

// rotate starts a new segment when the last one has at least min bytes. Creations
// are kept out by the caller.
func (l *seriesLog) rotate(next uint32, min int64) error {
	l.syncMu.Lock()
	defer l.syncMu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil || l.syncErr != nil || int64(l.written)+int64(len(l.buf)) < min {
		return nil // the next creation or sync tells
	}
	return l.rotateLocked(next)
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
			_ = l.writeLocked() // kept in writeErr, which the next sync returns
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
	_ = l.writeLocked() // kept in writeErr; the keys are safe without the mark
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

// shrunk tells that earlier segments have lost bytes.
func (l *seriesLog) shrunk(bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sealed -= bytes
}

// openLog continues the log where the scan ended.
func openLog(opt Options, dir string, segments []segmentFile, s *logScan) (*seriesLog, error) {
	l := &seriesLog{fs: opt.FS, dir: dir, segmentBytes: opt.SegmentBytes}
	l.first = s.next
	if len(segments) == 0 {
		return l, l.create(s.from.segment+1, s.next)
	}
	last := segments[len(segments)-1].number
	if s.remake {
		l.sealed = s.bytes
		return l, l.create(last, s.next)
	}
	if s.end.segment != last || segments[len(segments)-1].generation > 0 {
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
		_ = l.writeLocked() // kept in writeErr, which the next sync returns
	}
	return l, nil
}
