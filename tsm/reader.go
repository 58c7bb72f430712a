package tsm

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// Reader reads one file. All methods may be called concurrently.
//
// A reader starts with one reference, that of its opener, which Close gives
// back. Who uses a reader while the opener may close it takes a reference of his
// own with Ref. The file is closed with the last one; until then it may be
// removed from its directory and still be read. BlockRefs and the strings of
// Stats are valid while a reference is held.
type Reader struct {
	path    string
	file    vfs.File
	mapping vfs.Mapping
	index   []byte // the mapped file; only sections and leaves are read through it

	header      header
	info        Info
	sections    []section
	fields      []FieldDef // sorted by number
	ids         *roaring.Bitmap
	single      topIndex
	multi       topIndex
	cells       topIndex
	seed        uint32 // of the checksums of leaves
	cellSeed    uint32 // of those of cells
	dataEnd     int64  // blocks and leaves end here
	refs        atomic.Int64
	ownerClosed atomic.Bool

	// lists holds the series pages that were decoded last; a walk over the
	// series of a multi-series block finds its page here.
	lists [listSlots]atomic.Pointer[seriesList]
	// checked holds the places of leaves whose checksum was found right lately.
	checked [listSlots]atomic.Int64

	wanted        atomic.Int64 // series that Hasten was told of
	directoryOnce sync.Once
	directory     atomic.Pointer[blockDirectory] // set by Hasten
}

// listSlots is a power of two.
const listSlots = 8

// Open opens a published file, or one that Finish left, by its name. It reads
// and checks everything but leaves and blocks; these are checked when they are
// used.
func Open(fs vfs.FS, path string) (_ *Reader, err error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open TSM file: %w", err)
	}
	r := &Reader{path: path, file: f}
	r.refs.Store(1)
	defer func() {
		if err != nil {
			r.release()
		}
	}()
	if r.mapping, err = fs.Map(path); err != nil {
		return nil, fmt.Errorf("open TSM file: map %s: %w", path, err)
	}
	r.index = r.mapping.Bytes()
	size, err := f.Size()
	if err != nil {
		return nil, fmt.Errorf("open TSM file: size of %s: %w", path, err)
	}
	if size != int64(len(r.index)) {
		return nil, corrupt(path, size, "file", "it has %d bytes, %d are mapped", size, len(r.index))
	}
	if err := r.load(); err != nil {
		return nil, fmt.Errorf("open TSM file: %w", err)
	}
	return r, nil
}

// load reads header, footer, directory and sections.
func (r *Reader) load() (err error) {
	if r.header, err = decodeHeader(r.path, r.index); err != nil {
		return err
	}
	foot, err := decodeFooter(r.path, r.index)
	if err != nil {
		return err
	}
	if foot.generation != r.header.generation {
		return corrupt(r.path, int64(len(r.index)-footerSize), "footer", "generation is %d, that of the header %d", foot.generation, r.header.generation)
	}
	if r.sections, err = decodeDirectory(r.path, r.index, foot); err != nil {
		return err
	}
	r.seed, r.cellSeed = generationSeed(r.header.generation), cellSeed(r.header.generation)
	r.dataEnd = int64(foot.directoryOffset)
	r.info = Info{
		Path: r.path, Size: int64(len(r.index)), Generation: r.header.generation, Level: int(r.header.level),
		MinLSN: r.header.minLSN, MaxLSN: r.header.maxLSN, AppliedDeletes: r.header.applied,
	}
	found := make(map[sectionType]bool)
	for _, s := range r.sections {
		if found[s.typ] {
			return corrupt(r.path, int64(s.offset), s.typ.String(), "the directory has it twice")
		}
		found[s.typ] = true
		r.dataEnd = min(r.dataEnd, int64(s.offset))
		if err := r.loadSection(s); err != nil {
			return err
		}
	}
	for _, typ := range []sectionType{sectionSchema, sectionSeries, sectionStatistics, sectionBlockIndex} {
		if !found[typ] {
			return corrupt(r.path, int64(foot.directoryOffset), "directory", "%v is missing", typ)
		}
	}
	return r.checkTops()
}

func (r *Reader) loadSection(s section) error {
	at := int64(s.offset)
	b := r.index[s.offset:][:s.length:s.length]
	switch s.typ {
	case sectionSchema, sectionSeries, sectionStatistics, sectionBlockIndex, sectionMultiIndex, sectionCellIndex:
	default:
		if s.required {
			return fmt.Errorf("%s has a required %v of %d bytes at offset %d: %w", r.path, s.typ, s.length, at, ErrUnsupported)
		}
		return nil
	}
	if got := checksum(0, b); got != s.sum {
		return corrupt(r.path, at, s.typ.String(), "checksum is %08x, stored %08x", got, s.sum)
	}
	var err error
	switch s.typ {
	case sectionSchema:
		r.fields, err = decodeSchema(b)
	case sectionSeries:
		r.ids, err = decodeIDs(b)
	case sectionStatistics:
		if !decodeStatistics(b, &r.info) {
			err = errors.New("malformed numbers")
		}
	case sectionBlockIndex:
		r.single = topIndex(b)
	case sectionMultiIndex:
		r.multi = topIndex(b)
	case sectionCellIndex:
		r.cells = topIndex(b)
	}
	if err != nil {
		return corrupt(r.path, at, s.typ.String(), "%v", err)
	}
	return nil
}

// decodeIDs decodes a bitmap. It does not lie on b: set operations of the library
// may share containers with their result, which then would outlive the mapping.
// The decoder is not made for hostile bytes, so its panics are taken as damage.
func decodeIDs(b []byte) (ids *roaring.Bitmap, err error) {
	defer func() {
		if p := recover(); p != nil {
			ids, err = nil, fmt.Errorf("roaring bitmap: %v", p)
		}
	}()
	ids = roaring.New()
	n, err := ids.ReadFrom(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if n != int64(len(b)) {
		return nil, fmt.Errorf("roaring bitmap has %d bytes of %d", n, len(b))
	}
	if err := ids.Validate(); err != nil && !ids.IsEmpty() {
		return nil, err
	}
	return ids, nil
}

// checkTops makes sure that every leaf lies in the file and that keys ascend, so
// that searches need no further checks.
func (r *Reader) checkTops() error {
	for _, t := range []topIndex{r.single, r.multi, r.cells} {
		if len(t)%topEntrySize != 0 {
			return corrupt(r.path, r.dataEnd, "index", "%d bytes are not a multiple of %d", len(t), topEntrySize)
		}
		last := topEntry{time: math.MinInt64}
		for i := range t.leaves() {
			e := t.at(i)
			if e.series < last.series || e.series == last.series && e.time < last.time {
				return corrupt(r.path, r.dataEnd, "index", "leaf %d begins with series %d, the one before with %d", i, e.series, last.series)
			}
			if e.offset < headerSize || e.offset > r.dataEnd || int64(e.length) > r.dataEnd-e.offset {
				return corrupt(r.path, r.dataEnd, "index", "leaf %d of %d bytes at %d lies outside of the data", i, e.length, e.offset)
			}
			last = e
		}
	}
	return nil
}

// Info describes the file.
func (r *Reader) Info() Info { return r.info }

// Path returns the name that the file was opened with.
func (r *Reader) Path() string { return r.path }

// Fields returns what the field numbers of the file mean, sorted by number. The
// slice must not be changed.
func (r *Reader) Fields() []FieldDef { return r.fields }

// Field returns what a field number means in the file.
func (r *Reader) Field(number uint32) (FieldDef, bool) {
	i, ok := findField(r.fields, number)
	if !ok {
		return FieldDef{}, false
	}
	return r.fields[i], true
}

// SeriesIDs returns the ids of the series that have rows in the file. The bitmap
// must not be changed.
func (r *Reader) SeriesIDs() *roaring.Bitmap { return r.ids }

// Ref takes a reference. It returns false when the reader is closed for good.
func (r *Reader) Ref() bool {
	for {
		n := r.refs.Load()
		if n <= 0 {
			return false
		}
		if r.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Unref gives a reference back that Ref took.
func (r *Reader) Unref() error {
	switch n := r.refs.Add(-1); {
	case n == 0:
		return r.release()
	case n < 0:
		r.refs.Add(1)
		return fmt.Errorf("release %s: %w", r.path, ErrClosed)
	}
	return nil
}

// Close gives back the reference of the opener. Further calls do nothing.
func (r *Reader) Close() error {
	if r.ownerClosed.Swap(true) {
		return nil
	}
	return r.Unref()
}

func (r *Reader) release() error {
	r.refs.Store(0)
	var err error
	if r.mapping != nil {
		err = r.mapping.Close()
	}
	return errors.Join(err, r.file.Close())
}

// lost makes the error for damage that affects rows of one series, or, with
// series 0, of several.
func (r *Reader) lost(offset int64, part string, series model.SeriesID, span model.TimeRange, err error, format string, args ...any) error {
	return &CorruptError{
		File: r.path, Offset: offset, Part: part, Reason: fmt.Sprintf(format, args...), Err: err, Series: series, Range: span,
	}
}
