package tsm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// Input is a file to merge with the deletes that apply to it.
type Input struct {
	Reader  *Reader
	Deletes []Delete
}

// MergeOptions say how Merge writes its output.
type MergeOptions struct {
	// BlockRows, SparseRows and CellPercent are those of WriterOptions; zero
	// BlockRows means CompactedBlockRows.
	BlockRows, SparseRows, CellPercent int

	// Codecs are those of WriterOptions, for blocks that are not copied.
	Codecs CodecChoice

	// Level of the output; zero means one more than the highest of the inputs.
	Level int

	// AppliedDeletes goes to the header of the output: the sequence up to which
	// the inputs' Deletes are complete. Take it from LastSequence before the
	// Deletes are taken from For: a delete that comes between the two is then
	// applied twice instead of never. A value below that of all inputs is raised.
	AppliedDeletes uint64

	// DroppedFields are the numbers of fields whose values are left out, ascending.
	DroppedFields []uint32

	// Verify reads the output back before Merge returns.
	Verify bool

	// Pace, when set, is called with the bytes of every block that was read, and
	// may wait to keep within a budget.
	Pace func(ctx context.Context, bytes int) error

	// Hold, when set, is told how many bytes the merge holds when that has changed.
	Hold func(bytes int64)
}

// MergeResult describes what a merge did.
type MergeResult struct {
	Info
	Overwritten int64 // values for which a newer file had another
	Deleted     int64 // values that deletes took away, and those of dropped fields
	Copied      int   // blocks that were copied without decoding
}

// ErrConflict says that the files of a merge disagree on what a field is.
var ErrConflict = errors.New("files disagree on a field")

// Merge writes the rows of inputs, which are ordered from the oldest generation
// to the newest, to one file. For every series, timestamp and field the value of
// the newest input stays; deletes are applied to the input that they come with.
// The output has the generation of the newest input. When Merge returns nil, the
// temporary file is complete and durable; Publish makes it visible. After an
// error nothing is left.
func Merge(ctx context.Context, fs vfs.FS, path string, opt MergeOptions, inputs ...Input) (MergeResult, error) {
	writerOptions, err := outputOptions(opt, inputs)
	if err != nil {
		return MergeResult{}, fmt.Errorf("merge to %s: %w", path, err)
	}
	w, err := Create(fs, path, writerOptions)
	if err != nil {
		return MergeResult{}, err
	}
	m := merger{
		writer: w, pace: opt.Pace, hold: opt.Hold, held: MergeMemory(len(inputs)),
		sources: make([]mergeSource, len(inputs)), dropped: opt.DroppedFields,
	}
	var values int64
	for i, in := range inputs {
		m.sources[i].Input = in
		values += in.Reader.Info().Values
	}
	if err := m.run(ctx); err != nil {
		return MergeResult{}, errors.Join(fmt.Errorf("merge to %s: %w", path, err), w.Abort())
	}
	info, err := w.Finish()
	if err != nil {
		return MergeResult{}, fmt.Errorf("merge to %s: %w", path, err)
	}
	if opt.Verify {
		if err := verifyOutput(ctx, fs, info); err != nil {
			return MergeResult{}, errors.Join(fmt.Errorf("merge to %s: %w", path, err), fs.Remove(path+vfs.TempSuffix))
		}
	}
	m.result.Info = info
	m.result.Deleted = values - m.result.Overwritten - info.Values
	return m.result, nil
}

// outputOptions derives the options of the output from the inputs.
func outputOptions(opt MergeOptions, inputs []Input) (WriterOptions, error) {
	if len(inputs) == 0 {
		return WriterOptions{}, errors.New("no files")
	}
	out := WriterOptions{
		Level: opt.Level, BlockRows: opt.BlockRows, SparseRows: opt.SparseRows, CellPercent: opt.CellPercent, Codecs: opt.Codecs,
		MinLSN: math.MaxUint64, AppliedDeletes: opt.AppliedDeletes,
	}
	if out.BlockRows == 0 {
		out.BlockRows = CompactedBlockRows
	}
	applied := uint64(math.MaxUint64) // by all inputs
	for i, in := range inputs {
		info := in.Reader.Info()
		applied = min(applied, info.AppliedDeletes)
		if i > 0 && info.Generation <= out.Generation {
			return out, fmt.Errorf("%s has generation %d after %d: %w", info.Path, info.Generation, out.Generation, ErrOrder)
		}
		out.Generation = info.Generation
		out.MinLSN, out.MaxLSN = min(out.MinLSN, info.MinLSN), max(out.MaxLSN, info.MaxLSN)
		if opt.Level == 0 {
			out.Level = max(out.Level, info.Level+1)
		}
		var err error
		if out.Fields, err = addFields(out.Fields, in.Reader); err != nil {
			return out, err
		}
	}
	out.AppliedDeletes = max(out.AppliedDeletes, applied)
	return out, nil
}

func addFields(fields []FieldDef, r *Reader) ([]FieldDef, error) {
	for _, f := range r.Fields() {
		i := slices.IndexFunc(fields, func(g FieldDef) bool { return g.Number == f.Number })
		if i < 0 {
			fields = append(fields, f)
			continue
		}
		// A field that was renamed has its new name in newer files.
		if was := fields[i]; was.Measurement == f.Measurement && was.Type == f.Type {
			fields[i].Name = f.Name
		} else {
			return fields, fmt.Errorf("%s: field %d is %q of %q (%v), elsewhere %q of %q (%v): %w", r.Path(), f.Number,
				f.Name, f.Measurement, f.Type, fields[i].Name, fields[i].Measurement, fields[i].Type, ErrConflict)
		}
	}
	return fields, nil
}

func verifyOutput(ctx context.Context, fs vfs.FS, info Info) error {
	r, err := Open(fs, info.Path+vfs.TempSuffix)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	err = r.Verify(ctx)
	got := r.Info()
	if got.Path = info.Path; err == nil && got != info {
		err = corrupt(r.Path(), 0, "file", "it is %+v, written was %+v", got, info)
	}
	if err := errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	return nil
}

// merger merges series after series. Of each input it holds one decoded block.
type merger struct {
	writer  *Writer
	pace    func(ctx context.Context, bytes int) error
	hold    func(bytes int64)
	held    int64 // bytes, as hold was told
	sources []mergeSource
	dropped []uint32 // fields that are left out
	rows    RowMerger
	spans   []MergeInput
	result  MergeResult
}

// mergeSource is an input at a place in the blocks of the current series.
type mergeSource struct {
	Input
	deletes []Delete // those that name the current series
	refs    []BlockRef
	next    int // index of the next block to decode
	block   Block
	loaded  bool
	held    int64 // bytes of block
	at      int   // next row of block
	fields  []uint32
}

func (m *merger) run(ctx context.Context) error {
	bitmaps := make([]*roaring.Bitmap, len(m.sources))
	for i := range m.sources {
		bitmaps[i] = m.sources[i].Reader.SeriesIDs()
	}
	for ids := roaring.FastOr(bitmaps...).Iterator(); ids.HasNext(); {
		if err := m.mergeSeries(ctx, model.SeriesID(ids.Next())); err != nil {
			return err
		}
	}
	return nil
}

// mergeSeries walks the blocks of a series in time order. Where a block stands
// alone it is copied; where several overlap, their rows are merged up to the
// timestamp up to which all rows are known.
func (m *merger) mergeSeries(ctx context.Context, series model.SeriesID) (err error) {
	for i := range m.sources {
		if err := m.sources[i].enter(series); err != nil {
			return err
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		first, limit := m.first()
		if first == nil {
			return nil
		}
		copies, err := m.canCopy(first, limit)
		if err != nil {
			return err
		}
		if copies {
			b := &first.refs[first.next]
			if err := m.writer.AddEncoded(b); err != nil {
				return err
			}
			if err := m.wait(ctx, b); err != nil {
				return err
			}
			first.next++
			m.result.Copied++
			continue
		}
		horizon, err := m.load(ctx)
		if err != nil {
			return err
		}
		if err := m.emit(horizon); err != nil {
			return err
		}
	}
}

// enter moves a source to a series.
func (s *mergeSource) enter(series model.SeriesID) (err error) {
	s.next, s.loaded = 0, false
	if s.refs, err = s.Reader.Blocks(series, model.AllTime, s.refs[:0]); err != nil {
		return err
	}
	s.deletes = s.deletes[:0]
	if len(s.refs) == 0 {
		return nil
	}
	for i := range s.Deletes {
		if d := &s.Deletes[i]; d.Series.Contains(uint32(series)) {
			s.deletes = append(s.deletes, *d)
		}
	}
	return nil
}

// start returns the timestamp of the next row of a source, or a lower one.
func (s *mergeSource) start() (int64, bool) {
	switch {
	case s.loaded:
		return s.block.Times[s.at], true
	case s.next < len(s.refs):
		return s.refs[s.next].Range.Min, true
	}
	return 0, false
}

// first returns the source that starts first and the start of the others.
func (m *merger) first() (first *mergeSource, limit int64) {
	least, limit := int64(math.MaxInt64), int64(math.MaxInt64)
	for i := range m.sources {
		t, ok := m.sources[i].start()
		if !ok {
			continue
		}
		if t < least {
			first, least, limit = &m.sources[i], t, least
		} else {
			limit = min(limit, t)
		}
	}
	return first, limit
}

// canCopy reports whether the next block of a source can go to the output as it
// is: it overlaps no other, no delete touches it, no field of it was dropped, and
// it is neither small itself nor does it make the rows before it a small block.
func (m *merger) canCopy(s *mergeSource, limit int64) (bool, error) {
	if s.loaded {
		return false, nil
	}
	b := &s.refs[s.next]
	target := m.writer.opt.BlockRows
	if b.Shared() || b.Range.Max >= limit || b.Rows < target-target/4 {
		return false, nil
	}
	if waiting := m.writer.waiting(b.Series); waiting > 0 && waiting < target/4 {
		return false, nil
	}
	for i := range s.deletes {
		if s.deletes[i].Range.Overlaps(b.Range) {
			return false, nil
		}
	}
	dropped, err := m.hasDropped(b)
	return !dropped, err
}

// waiting returns how many rows of a series are not in a block yet.
func (w *Writer) waiting(series model.SeriesID) int {
	if series != w.current {
		return 0
	}
	return w.pending.rows()
}

// load decodes the next block of every source that may have rows before the
// first decoded block ends. It returns the timestamp of that end: all rows up to
// it are decoded.
func (m *merger) load(ctx context.Context) (horizon int64, err error) {
	for {
		horizon = m.horizon()
		var next *mergeSource
		least := horizon
		for i := range m.sources {
			s := &m.sources[i]
			if t, ok := s.start(); ok && !s.loaded && t <= least {
				next, least = s, t
			}
		}
		if next == nil {
			return horizon, nil
		}
		if err := m.decode(ctx, next); err != nil {
			return 0, err
		}
	}
}

// horizon returns the smallest end of the decoded blocks, and a time behind all
// others when there is none.
func (m *merger) horizon() int64 {
	h := int64(math.MaxInt64)
	for i := range m.sources {
		if s := &m.sources[i]; s.loaded {
			h = min(h, s.block.Times[len(s.block.Times)-1])
		}
	}
	return h
}

func (m *merger) decode(ctx context.Context, s *mergeSource) (err error) {
	b := &s.refs[s.next]
	if s.fields, err = b.Fields(s.fields[:0]); err != nil {
		return err
	}
	if had := len(s.fields); had > 0 {
		if s.fields = m.keepFields(s.fields); len(s.fields) == 0 {
			s.next++
			return nil
		}
	}
	if err := s.Reader.ReadBlock(b, s.fields, &s.block); err != nil {
		return err
	}
	m.noteHeld(s)
	s.block.Apply(s.deletes)
	s.next++
	s.loaded, s.at = true, 0
	return m.wait(ctx, b)
}

// What a merge is taken to hold beside decoded blocks: rows that wait for the
// writer and its buffers, and for each input references to the blocks of a series.
const (
	mergeBytes = 1 << 20
	inputBytes = 16 << 10
)

// MergeMemory returns what a merge of n inputs holds before it has read anything.
func MergeMemory(n int) int64 { return mergeBytes + int64(n)*inputBytes }

// noteHeld tells when the memory of a decoded block has changed.
func (m *merger) noteHeld(s *mergeSource) {
	if m.hold == nil {
		return
	}
	if now := s.block.Memory(); now != s.held {
		m.held += now - s.held
		s.held = now
		m.hold(m.held)
	}
}

func (m *merger) wait(ctx context.Context, b *BlockRef) error {
	if m.pace == nil {
		return nil
	}
	size, err := b.Size()
	if err != nil {
		return err
	}
	return m.pace(ctx, int(size*int64(b.Rows)/int64(b.BlockRows())))
}

// emit merges the decoded rows up to and with horizon and writes them.
func (m *merger) emit(horizon int64) error {
	m.spans = m.spans[:0]
	for i := range m.sources {
		s := &m.sources[i]
		if !s.loaded {
			continue
		}
		to, found := slices.BinarySearch(s.block.Times, horizon)
		if found {
			to++
		}
		m.spans = append(m.spans, MergeInput{Rows: &s.block.SeriesRows, From: s.at, To: to})
		if s.at = to; s.at == len(s.block.Times) {
			s.loaded = false
		}
	}
	rows, overwritten := m.rows.Merge(m.spans)
	m.result.Overwritten += overwritten
	if len(rows.Times) == 0 {
		return nil
	}
	return m.writer.Add(rows)
}
