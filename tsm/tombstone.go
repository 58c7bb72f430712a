package tsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"sync"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// The tombstone log; docs/formats/tombstone.md has the picture.
const (
	tombstoneVersion    = 1
	tombstoneMagic      = "\x89TMB1\r\n\x1a"
	tombstoneHeaderSize = 32
	frameHeaderSize     = 20

	deleteOneField = 1 // flag of a delete

	// maxTombstoneBytes bounds what is read of a log.
	maxTombstoneBytes = 1 << 30
)

// Tombstones is the log of the deletes of a shard that its files do not reflect
// yet. All methods may be called concurrently.
//
// A delete applies to the files up to its MaxGeneration whose AppliedDeletes is
// lower than its sequence: a merge applies it and says so in the header of its
// output.
type Tombstones struct {
	fs   vfs.FS
	path string

	mu      sync.Mutex // guards the fields below; held across file I/O
	file    vfs.File
	size    int64
	next    uint64   // sequence of the next delete
	deletes []Delete // never changed once published, only appended to or replaced
	cut     int64    // bytes of a torn tail that were removed at open
	damage  []error  // of frames that could not be read
	broken  error    // why nothing can be appended any more
}

// OpenTombstones opens the log of a shard, or creates it. A torn last frame,
// which no Append has acknowledged, is cut off and counted in CutBytes. Frames
// that are damaged in any other way are left out, and named by Damage.
func OpenTombstones(fsys vfs.FS, path string) (*Tombstones, error) {
	t := &Tombstones{fs: fsys, path: path}
	if _, err := fsys.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := t.create(1, nil); err != nil {
			return nil, fmt.Errorf("create tombstones: %w", err)
		}
	}
	b, err := vfs.ReadFile(fsys, path, maxTombstoneBytes)
	if err != nil {
		return nil, fmt.Errorf("open tombstones: %w", err)
	}
	log, err := parseTombstones(path, b)
	if err != nil {
		return nil, fmt.Errorf("open tombstones: %w", err)
	}
	if t.file, err = fsys.OpenReadWrite(path); err != nil {
		return nil, fmt.Errorf("open tombstones: %w", err)
	}
	t.size, t.next, t.damage = log.end, log.next, log.damage
	for i := range log.frames {
		if f := &log.frames[i]; f.err == nil {
			t.deletes = append(t.deletes, f.delete)
		}
	}
	if t.cut = int64(len(b)) - log.end; t.cut > 0 {
		err := t.file.Truncate(log.end)
		if err == nil {
			err = t.file.SyncData()
		}
		if err != nil {
			t.file.Close()
			return nil, fmt.Errorf("open tombstones: cut the torn tail of %s at %d: %w", path, log.end, err)
		}
	}
	return t, nil
}

// create publishes a log with the given deletes.
func (t *Tombstones) create(base uint64, deletes []Delete) error {
	return vfs.WriteFile(t.fs, t.path, func(w io.Writer) error {
		b := appendTombstoneHeader(nil, base)
		for i := range deletes {
			var err error
			if b, err = appendDeleteFrame(b, &deletes[i]); err != nil {
				return err
			}
		}
		_, err := w.Write(b)
		return err
	})
}

func appendTombstoneHeader(dst []byte, base uint64) []byte {
	start := len(dst)
	dst = append(dst, tombstoneMagic...)
	dst = binary.LittleEndian.AppendUint16(dst, tombstoneVersion)
	dst = binary.LittleEndian.AppendUint16(dst, 0)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	dst = binary.LittleEndian.AppendUint64(dst, base)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	return binary.LittleEndian.AppendUint32(dst, checksum(0, dst[start:]))
}

func decodeTombstoneHeader(file string, b []byte) (base uint64, err error) {
	const part = "header"
	if len(b) < tombstoneHeaderSize {
		return 0, corrupt(file, 0, part, "file has %d bytes, a header has %d", len(b), tombstoneHeaderSize)
	}
	b = b[:tombstoneHeaderSize]
	if string(b[:8]) != tombstoneMagic {
		return 0, corrupt(file, 0, part, "magic is %q, want %q", b[:8], tombstoneMagic)
	}
	if got, want := checksum(0, b[:28]), binary.LittleEndian.Uint32(b[28:]); got != want {
		return 0, corrupt(file, 0, part, "checksum is %08x, stored %08x", got, want)
	}
	version, flags := binary.LittleEndian.Uint16(b[8:]), binary.LittleEndian.Uint16(b[10:])
	if version != tombstoneVersion || flags != 0 {
		return 0, fmt.Errorf("%s has version %d and flags %#x, this program reads version %d: %w",
			file, version, flags, tombstoneVersion, ErrUnsupported)
	}
	return binary.LittleEndian.Uint64(b[16:]), nil
}

// appendDeleteFrame appends the frame of a delete; dst is the file from its start.
func appendDeleteFrame(dst []byte, d *Delete) ([]byte, error) {
	return appendFrameAt(dst, uint64(len(dst)), d)
}

// appendFrameAt appends the frame of a delete for a place in the file.
func appendFrameAt(dst []byte, offset uint64, d *Delete) ([]byte, error) {
	series, err := d.Series.ToBytes()
	if err != nil {
		return dst, fmt.Errorf("encode series of a delete: %w", err)
	}
	payload := binary.AppendUvarint(nil, d.MaxGeneration)
	payload = appendZigzag(appendZigzag(payload, d.Range.Min), d.Range.Max)
	if d.OneField {
		payload = binary.AppendUvarint(append(payload, deleteOneField), uint64(d.Field))
	} else {
		payload = append(payload, 0)
	}
	payload = append(payload, series...)
	start := len(dst)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.LittleEndian.AppendUint64(dst, d.Sequence)
	dst = binary.LittleEndian.AppendUint32(dst, checksum(0, payload))
	dst = binary.LittleEndian.AppendUint32(dst, frameSum(dst[start:], offset))
	return append(dst, payload...), nil
}

// frameSum is the checksum of the first 16 bytes of a frame header at an offset.
func frameSum(head []byte, offset uint64) uint32 {
	var place [8]byte
	binary.LittleEndian.PutUint64(place[:], offset)
	return checksum(checksum(0, place[:]), head[:16])
}

// tombstoneFrame is a frame as it was found.
type tombstoneFrame struct {
	offset   int64
	length   int // of the payload
	sequence uint64
	delete   Delete
	err      error // why the intact payload means nothing
}

// tombstoneLog is a parsed log.
type tombstoneLog struct {
	base   uint64
	frames []tombstoneFrame
	end    int64 // where the readable frames end; what follows is a torn tail
	next   uint64
	damage []error
}

// parseTombstones reads a log. It fails only for a header that cannot be read.
func parseTombstones(file string, b []byte) (log tombstoneLog, err error) {
	if log.base, err = decodeTombstoneHeader(file, b); err != nil {
		return log, err
	}
	log.next, log.end = log.base, tombstoneHeaderSize
	for at := tombstoneHeaderSize; at < len(b); {
		f, reason := frameAt(b, at)
		if reason != "" {
			// Frames behind this place say that it was whole once: damage, not a
			// torn tail.
			after := at + 1
			for after < len(b) {
				if _, reason := frameAt(b, after); reason == "" {
					break
				}
				after++
			}
			if after == len(b) {
				break
			}
			log.damage = append(log.damage, corrupt(file, int64(at), "frame", "%s; %d bytes are lost", reason, after-at))
			at = after
			continue
		}
		at += frameHeaderSize + f.length
		f.read(file, b[f.offset:at])
		if f.err != nil {
			log.damage = append(log.damage, f.err)
		}
		log.frames = append(log.frames, f)
		log.next = max(log.next, f.sequence+1)
		log.end = int64(at)
	}
	return log, nil
}

// frameAt returns the frame at a place, or the reason why there is none: its
// header or its payload differ from their checksums.
func frameAt(b []byte, at int) (f tombstoneFrame, reason string) {
	if len(b)-at < frameHeaderSize {
		return f, "the file ends in a frame header"
	}
	head := b[at:]
	if binary.LittleEndian.Uint32(head[16:]) != frameSum(head, uint64(at)) {
		return f, "checksum of the frame header differs"
	}
	length := uint64(binary.LittleEndian.Uint32(head))
	if length > uint64(len(head)-frameHeaderSize) {
		return f, "the file ends in a frame"
	}
	payload := head[frameHeaderSize:][:length]
	if got, want := checksum(0, payload), binary.LittleEndian.Uint32(head[12:]); got != want {
		return f, fmt.Sprintf("checksum of the frame is %08x, stored %08x", got, want)
	}
	return tombstoneFrame{offset: int64(at), length: int(length), sequence: binary.LittleEndian.Uint64(head[4:])}, ""
}

// read decodes the delete of an intact frame; b is the frame.
func (f *tombstoneFrame) read(file string, b []byte) {
	in := byteReader{b: b[frameHeaderSize:]}
	d := Delete{Sequence: f.sequence, MaxGeneration: in.uvarint()}
	d.Range = model.TimeRange{Min: in.zigzag(), Max: in.zigzag()}
	flags := in.byte()
	if flags&deleteOneField != 0 {
		d.OneField = true
		number := in.uvarint()
		if number > math.MaxUint32 {
			in.fail()
		}
		d.Field = uint32(number)
	}
	if in.bad || flags&^deleteOneField != 0 {
		f.err = corrupt(file, f.offset, "frame", "malformed delete")
		return
	}
	ids, err := decodeIDs(in.b)
	if err == nil {
		d.Series = ids
		err = d.validate()
	}
	if err != nil {
		f.err = corrupt(file, f.offset, "frame", "%v", err)
		return
	}
	f.delete = d
}

// Append logs a delete and gives it its sequence, which it returns. When it
// returns nil the delete is durable. The bitmap is kept.
func (t *Tombstones) Append(d Delete) (sequence uint64, err error) {
	if err := d.validate(); err != nil {
		return 0, fmt.Errorf("append to %s: %w", t.path, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken != nil {
		return 0, fmt.Errorf("append to %s: %w", t.path, t.broken)
	}
	d.Sequence = t.next
	frame, err := appendFrameAt(nil, uint64(t.size), &d)
	if err != nil {
		return 0, fmt.Errorf("append to %s: %w", t.path, err)
	}
	if _, err := t.file.WriteAt(frame, t.size); err != nil {
		err = fmt.Errorf("append to %s: %w", t.path, err)
		// Half a frame would be taken for a torn tail; but a later frame behind
		// it would make it damage.
		if cutErr := t.file.Truncate(t.size); cutErr != nil {
			t.broken = errors.Join(err, cutErr)
		}
		return 0, err
	}
	if err := t.file.SyncData(); err != nil {
		// What is on the disk now is unknown; only a reopening can tell.
		t.broken = fmt.Errorf("sync %s: %w", t.path, err)
		return 0, t.broken
	}
	t.size += int64(len(frame))
	t.next++
	t.deletes = append(t.deletes, d)
	return d.Sequence, nil
}

// For returns the deletes that apply to a file, oldest first. The slice must not
// be changed.
func (t *Tombstones) For(file Info) []Delete {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Delete
	for i := range t.deletes {
		if d := &t.deletes[i]; d.appliesTo(file) {
			out = append(out, *d)
		}
	}
	return out
}

func (d *Delete) appliesTo(file Info) bool {
	return file.Generation <= d.MaxGeneration && d.Sequence > file.AppliedDeletes && d.Range.Overlaps(file.Range)
}

// LastSequence returns the sequence of the newest delete ever logged, 0 when
// there was none. A merge that was given all of For records it as
// AppliedDeletes.
func (t *Tombstones) LastSequence() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.next - 1
}

// Len returns the number of deletes in the log.
func (t *Tombstones) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.deletes)
}

// CutBytes returns the length of the torn tail that was removed at open.
func (t *Tombstones) CutBytes() int64 { return t.cut }

// Damage returns an error for every frame that could not be read at open. The
// deletes in them are lost: the values may show up again.
func (t *Tombstones) Damage() []error { return t.damage }

// Prune removes the deletes that apply to none of the given files, which must be
// all of the shard. The log is replaced in one step.
func (t *Tombstones) Prune(files []Info) (removed int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken != nil {
		return 0, fmt.Errorf("prune %s: %w", t.path, t.broken)
	}
	var kept []Delete
	for i := range t.deletes {
		for _, f := range files {
			if t.deletes[i].appliesTo(f) {
				kept = append(kept, t.deletes[i])
				break
			}
		}
	}
	if removed = len(t.deletes) - len(kept); removed == 0 {
		return 0, nil
	}
	if err := t.create(t.next, kept); err != nil {
		// The old log may have been replaced already; its handle must not be
		// written to any more.
		t.broken = fmt.Errorf("an earlier prune failed: %w", err)
		return 0, fmt.Errorf("prune tombstones: %w", err)
	}
	return removed, t.reopen(kept)
}

// reopen moves on to the log that create has published.
func (t *Tombstones) reopen(kept []Delete) error {
	f, err := t.fs.OpenReadWrite(t.path)
	if err == nil {
		var size int64
		if size, err = f.Size(); err == nil {
			err = t.file.Close()
			t.file, t.size, t.deletes = f, size, kept
			return err
		}
		f.Close()
	}
	t.broken = err
	return fmt.Errorf("prune tombstones: %w", err)
}

// Close closes the log. It may be called twice.
func (t *Tombstones) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if errors.Is(t.broken, ErrClosed) {
		return nil
	}
	t.broken = ErrClosed
	return t.file.Close()
}
