package wal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// Recovery says what Open found.
type Recovery struct {
	Segments          int    // that hold frames
	Frames            int64  // replayed
	Bytes             int64  // of the replayed frames, with headers
	FirstLSN, LastLSN uint64 // of what was replayed; 0 when nothing was

	// The torn tail that was cut off, if TornSegment is set: bytes of the last
	// epoch that nobody was told to be durable. TornFrames counts good frames
	// in it; they came after a bad one and would break the order.
	TornSegment string
	TornOffset  int64
	TornBytes   int64
	TornFrames  int64

	Holes       []Hole       // durable frames that are lost
	Salvaged    int64        // frames replayed after the first hole
	Blemishes   []error      // damage that cost no frame, like a bad copy of a header
	Unreadable  []Unreadable // files that do not give their bytes back
	Quarantined []string     // files in the quarantine, by this Open
}

// Hole is a place where durable frames are lost.
type Hole struct {
	Segment  string // path
	Missing  bool   // the segment is not there at all
	From, To int64  // offsets of the first bad byte and of the next good frame or the end

	// FirstLSN to LastLSN are lost. A place where frames contradict the order
	// without a loss has LastLSN < FirstLSN.
	FirstLSN, LastLSN uint64
	Reason            string
}

// Unreadable is a file that does not give its bytes back.
type Unreadable struct {
	Segment string // path at the time of Open
	Offset  int64  // frames before it were replayed
	Err     error
}

// Open opens the log in dir, makes the directory when it is missing, replays
// every frame that is there in the order of LSNs, and begins a new segment. What
// it has cut off or found damaged is in the Recovery, which is also filled when
// Open fails. Frames that were handed to replay are durable when Open returns.
// An error of replay ends Open; a nil replay skips the frames.
func Open(ctx context.Context, dir string, opt Options, replay func(Frame) error) (*Log, Recovery, error) {
	opt.EnsureDefaults(dir)
	if err := opt.Validate(); err != nil {
		return nil, Recovery{}, fmt.Errorf("open log %s: %w", dir, err)
	}
	r := recoverer{ctx: ctx, fs: opt.FS, dir: dir, opt: &opt, replay: replay}
	if err := r.run(); err != nil {
		return nil, r.rec, fmt.Errorf("open log %s: %w", dir, err)
	}
	l := r.log()
	l.loops.Add(2)
	go l.commitLoop()
	go l.prepareLoop()
	l.mu.Lock()
	err := l.requestSpaceLocked(0) // the first segment
	l.mu.Unlock()
	if err != nil && !errors.Is(err, ErrNoSpace) { // a full disk still lets us read
		return nil, r.rec, errors.Join(fmt.Errorf("open log %s: %w", dir, err), l.Close())
	}
	return l, r.rec, nil
}

// recoverer reads a log's directory.
type recoverer struct {
	ctx    context.Context
	fs     vfs.FS
	dir    string
	opt    *Options
	replay func(Frame) error
	rec    Recovery

	segments   []*segment // oldest first
	spares     []spare
	number     uint64 // highest number of a file
	generation uint32 // highest generation of a file

	last    uint64 // LSN up to which the log is read
	skip    uint64 // LSNs that unreadable places may hold behind last
	cut     bool   // the torn tail was found, nothing behind it counts
	buf     []byte // of scanners
	touched bool   // the directory has changes
}

// run reads the log: names, headers, frames; then puts the files in order.
func (r *recoverer) run() error {
	if err := vfs.MkdirAll(r.fs, r.dir); err != nil {
		return err
	}
	if err := r.readNames(); err != nil {
		return err
	}
	if err := r.readHeaders(); err != nil {
		return err
	}
	for i := range r.segments {
		if err := r.readSegment(i); err != nil {
			return err
		}
		if r.cut {
			break
		}
	}
	if err := r.settleTail(); err != nil {
		return err
	}
	r.quarantineDamaged()
	if r.touched {
		if err := r.fs.SyncDir(r.dir); err != nil {
			return err
		}
	}
	r.tell()
	return nil
}

// tell calls the listeners for what was found.
func (r *recoverer) tell() {
	events := &r.opt.Events
	if events.Truncated != nil && r.rec.TornSegment != "" {
		events.Truncated(r.rec.TornSegment, r.rec.TornOffset, r.rec.TornBytes)
	}
	for _, h := range r.rec.Holes {
		if events.HoleFound != nil {
			events.HoleFound(h)
		}
	}
	for _, u := range r.rec.Unreadable {
		if events.Unreadable != nil {
			events.Unreadable(u)
		}
	}
}

// readNames sorts out the directory.
func (r *recoverer) readNames() error {
	names, err := r.fs.List(r.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(r.dir, name)
		if n, ok := parseName(name, segmentSuffix); ok {
			r.segments = append(r.segments, &segment{name: path, segmentHeader: segmentHeader{number: n}})
			r.number = max(r.number, n)
		} else if _, ok := parseName(name, spareSuffix); ok {
			if err := r.readSpare(path); err != nil {
				return err
			}
		} else if filepath.Ext(name) == vfs.TempSuffix {
			if err := r.remove(path); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(r.segments, func(a, b *segment) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
	return nil
}

// readSpare takes over a spare, or removes it when it is of no use. Its
// generation counts, because its old frames bear it.
func (r *recoverer) readSpare(path string) error {
	s, err := openScanner(r.fs, path, r.buf)
	if err != nil {
		return err
	}
	h, _, err := s.header()
	r.buf = s.buf
	s.close()
	if err != nil || len(r.spares) >= r.opt.SpareSegments || s.size > r.opt.SegmentBytes {
		return r.remove(path)
	}
	r.generation = max(r.generation, h.generation)
	r.spares = append(r.spares, spare{name: path, size: s.size, since: r.opt.Clock.Now()})
	return nil
}

func (r *recoverer) remove(path string) error {
	r.touched = true
	if err := r.fs.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return nil
}

// readHeaders reads the header of every segment and sets those aside that have none.
func (r *recoverer) readHeaders() error {
	kept := r.segments[:0]
	for _, seg := range r.segments {
		err := r.readHeader(seg)
		switch {
		case err == nil:
			kept = append(kept, seg)
		case errors.Is(err, ErrCorrupt) || isBroken(err):
			r.setAside(seg, err)
		default:
			return err
		}
	}
	r.segments = kept
	return nil
}

func (r *recoverer) readHeader(seg *segment) error {
	s, err := openScanner(r.fs, seg.name, r.buf)
	if err != nil {
		return err
	}
	defer s.close()
	seg.size = s.size
	number := seg.number
	h, reasons, err := s.header()
	r.buf = s.buf
	if err != nil {
		return err
	}
	if h.number != number || h.firstLSN == 0 {
		return &CorruptError{Segment: seg.name, Reason: fmt.Sprintf("header is of segment %d from LSN %d", h.number, h.firstLSN)}
	}
	for i, reason := range reasons {
		if reason != "" {
			r.rec.Blemishes = append(r.rec.Blemishes,
				&CorruptError{Segment: seg.name, Offset: int64(i) * headerBlockBytes, Reason: reason})
		}
	}
	seg.segmentHeader, seg.seed, seg.lastLSN = h, s.seed, h.firstLSN-1
	r.generation = max(r.generation, h.generation)
	return nil
}

// setAside moves a file without a readable header to the quarantine. What it
// held is unknown; LSNs are skipped so that none of its own is given out again.
func (r *recoverer) setAside(seg *segment, cause error) {
	u := Unreadable{Segment: seg.name, Err: cause}
	name := fmt.Sprintf("%s.unreadable", filepath.Base(seg.name))
	if err := setAside(r.fs, r.opt.QuarantineDir, seg.name, name); err != nil {
		u.Err = errors.Join(cause, err)
	} else {
		r.touched = true
		r.rec.Quarantined = append(r.rec.Quarantined, filepath.Join(r.opt.QuarantineDir, name))
	}
	r.rec.Unreadable = append(r.rec.Unreadable, u)
	r.skip += uint64(max(seg.size, r.opt.SegmentBytes)/frameHeaderBytes) + 1
}

// quarantineName is the name of a segment's copy. With the generation in it,
// one file is copied once however often the log is opened.
func (s *segment) quarantineName() string {
	return fmt.Sprintf("%s.%d", filepath.Base(s.name), s.generation)
}

// setAside moves a file to the quarantine.
func setAside(fsys vfs.FS, quarantine, path, name string) error {
	if err := vfs.MkdirAll(fsys, quarantine); err != nil {
		return err
	}
	if err := fsys.Rename(path, filepath.Join(quarantine, name)); err != nil {
		return fmt.Errorf("set aside %s: %w", path, err)
	}
	if err := fsys.SyncDir(quarantine); err != nil {
		return fmt.Errorf("set aside %s: %w", path, err)
	}
	return nil
}

// quarantineDamaged copies the segments with holes. A copy that fails costs
// nothing: the segment stays where it is, and Release moves it instead.
func (r *recoverer) quarantineDamaged() {
	for _, seg := range r.segments {
		if !seg.damaged {
			continue
		}
		name := filepath.Join(r.opt.QuarantineDir, seg.quarantineName())
		if _, err := r.fs.Stat(name); err == nil {
			seg.quarantined = true
			continue
		}
		if err := r.copyTo(name, seg.name); err != nil {
			r.rec.Blemishes = append(r.rec.Blemishes, fmt.Errorf("quarantine %s: %w", seg.name, err))
			continue
		}
		seg.quarantined = true
		r.rec.Quarantined = append(r.rec.Quarantined, name)
	}
}

// log makes the Log that goes on behind what was read.
func (r *recoverer) log() *Log {
	l := &Log{
		dir: r.dir, opt: *r.opt, fs: r.fs,
		wake: make(chan struct{}, 1), prepare: make(chan struct{}, 1), stop: make(chan struct{}),
		next: max(r.last+1+r.skip, r.opt.MinLSN), open: newEpoch(),
		segments: r.segments, spares: r.spares, number: r.number,
	}
	l.changed.L = &l.mu
	l.metrics.Generation = r.generation
	if n := len(r.segments); n > 0 {
		newest := r.segments[n-1]
		l.link = link{number: newest.number, generation: newest.generation, lastLSN: r.last}
	}
	l.written = l.next - 1
	l.durable.Store(l.next - 1)
	return l
}
