package tsm

import (
	"errors"
	"fmt"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

const (
	// maxBlockText is the number of bytes of string values after which a block
	// is closed.
	maxBlockText = 4 << 20
	// writeBuffer is the size of writes to the file; leaves are kept together
	// up to leafBuffer bytes.
	writeBuffer = 256 << 10
	leafBuffer  = 1 << 20
)

// Writer writes one file. It is not safe for concurrent use. After an error it
// must be aborted.
type Writer struct {
	fs   vfs.FS
	path string
	file vfs.File
	opt  WriterOptions
	used []bool // by index in opt.Fields

	buf    []byte // not yet written
	offset int64  // of the end of buf in the file

	current model.SeriesID // series of the rows in pending; 0 before the first
	last    int64          // newest timestamp of the current series
	began   bool           // blocks of the current series were written
	target  int            // rows of a full block of the current series
	long    model.SeriesID // series that Expect said to be long
	pending rowBuffer
	sparse  rowBuffer
	encoder blockEncoder

	single, multi indexWriter
	cells         cellBuilder
	cellIndex     cellIndexWriter
	ids           *roaring.Bitmap
	info          Info
	err           error // the first failure
	closed        bool
}

// Create starts the file that will be published as path; until then it is path
// with vfs.TempSuffix.
func Create(fs vfs.FS, path string, opt WriterOptions) (*Writer, error) {
	opt.Fields = slices.Clone(opt.Fields)
	slices.SortFunc(opt.Fields, func(a, b FieldDef) int { return int(int64(a.Number) - int64(b.Number)) })
	opt.EnsureDefaults()
	if err := opt.Validate(); err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	f, err := fs.Create(path + vfs.TempSuffix)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	w := &Writer{
		fs: fs, path: path, file: f, opt: opt, used: make([]bool, len(opt.Fields)),
		multi: indexWriter{multi: true}, ids: roaring.New(), encoder: blockEncoder{codecs: opt.Codecs},
		info: Info{
			Path: path, Generation: opt.Generation, Level: opt.Level,
			Range: noRange, MinLSN: opt.MinLSN, MaxLSN: opt.MaxLSN, AppliedDeletes: opt.AppliedDeletes,
		},
	}
	w.buf = appendHeader(make([]byte, 0, writeBuffer+writeBuffer/4), header{
		version: formatVersion, level: uint32(opt.Level), generation: opt.Generation,
		minLSN: opt.MinLSN, maxLSN: opt.MaxLSN, applied: opt.AppliedDeletes,
	})
	w.offset = int64(len(w.buf))
	return w, nil
}

// Publish gives the finished file its name and makes the name durable.
func Publish(fs vfs.FS, path string) error { return vfs.Publish(fs, path+vfs.TempSuffix, path) }

// Add appends rows of one series. Series ascend; rows of one series ascend over
// all calls. The rows are copied.
func (w *Writer) Add(rows *SeriesRows) error {
	if err := w.ready(); err != nil {
		return err
	}
	if err := w.check(rows); err != nil {
		return w.fail(fmt.Errorf("add to %s: %w", w.path, err))
	}
	if len(rows.Times) == 0 {
		return nil
	}
	if err := w.enter(rows.Series); err != nil {
		return w.fail(err)
	}
	limit := w.target + w.target/4
	for at, n := 0, len(rows.Times); at < n; {
		end := n
		if w.pending.rows()+n-at > limit {
			end = min(n, at+max(0, w.target-w.pending.rows()))
		}
		end = cutText(rows, at, end, maxBlockText-w.pending.text)
		w.pending.append(rows, at, end)
		full := end < n || w.pending.rows() >= limit || w.pending.text >= maxBlockText
		at = end
		if full {
			if err := w.writeBlock(&w.pending, w.current); err != nil {
				return w.fail(err)
			}
			w.began = true
		}
	}
	w.last = rows.Times[len(rows.Times)-1]
	return nil
}

// Expect says that a series, whose first rows are still to come, will have about
// so many rows. When they fill a block of LongBlockRows, its blocks have as many.
func (w *Writer) Expect(series model.SeriesID, rows int) {
	if series != w.current && rows >= w.opt.LongBlockRows-w.opt.LongBlockRows/4 {
		w.long = series
	}
}

// cutText returns how far rows can be taken from at until their strings have
// more than room bytes.
func cutText(rows *SeriesRows, at, end, room int) int {
	text := false
	for i := range rows.Columns {
		text = text || rows.Columns[i].Type == model.String
	}
	if !text {
		return end
	}
	for row := at; row < end; row++ {
		for i := range rows.Columns {
			if c := &rows.Columns[i]; c.Type == model.String && c.Has(row) {
				room -= len(c.Strings[row])
			}
		}
		if room <= 0 {
			return row + 1
		}
	}
	return end
}

func (w *Writer) ready() error {
	if w.closed {
		return fmt.Errorf("write %s: %w", w.path, ErrClosed)
	}
	return w.err
}

func (w *Writer) fail(err error) error {
	w.err = err
	return err
}

// check validates rows against the order and the schema of the file.
func (w *Writer) check(rows *SeriesRows) error {
	if rows.Series == 0 || rows.Series < w.current {
		return fmt.Errorf("series %d after series %d: %w", rows.Series, w.current, ErrOrder)
	}
	if n := len(rows.Times); n > 0 && (rows.Times[0] < model.MinTime || rows.Times[n-1] > model.MaxTime) {
		return fmt.Errorf("series %d: timestamps %d to %d cannot be stored", rows.Series, rows.Times[0], rows.Times[n-1])
	}
	last, started := w.last, rows.Series == w.current
	for i, t := range rows.Times {
		if (started || i > 0) && t <= last {
			return fmt.Errorf("series %d: timestamp %d after %d: %w", rows.Series, t, last, ErrOrder)
		}
		last = t
	}
	for i := range rows.Columns {
		c := &rows.Columns[i]
		at, ok := findField(w.opt.Fields, c.Field)
		if !ok || w.opt.Fields[at].Type != c.Type {
			return fmt.Errorf("series %d: field %d of type %v is not in the schema", rows.Series, c.Field, c.Type)
		}
		if !c.Absent && c.rows() != len(rows.Times) || c.Present != nil && len(c.Present) < words(len(rows.Times)) {
			return fmt.Errorf("series %d: field %d has %d values for %d rows", rows.Series, c.Field, c.rows(), len(rows.Times))
		}
	}
	return nil
}

// enter makes series the current one and disposes of the rows of the one before.
func (w *Writer) enter(series model.SeriesID) error {
	if series == w.current {
		return nil
	}
	if err := w.leave(); err != nil {
		return err
	}
	w.current, w.began, w.target = series, false, w.opt.BlockRows
	if series == w.long {
		w.target = w.opt.LongBlockRows
	}
	w.ids.Add(uint32(series))
	w.info.Series++
	return nil
}

// leave writes the rows of the current series, or puts them to those of other
// sparse series.
func (w *Writer) leave() error {
	n := w.pending.rows()
	switch {
	case n == 0 && !w.began:
		return nil
	case w.began || n >= w.opt.SparseRows:
		if err := w.writeBlock(&w.pending, w.current); err != nil {
			return err
		}
		return w.writeCells()
	}
	w.sparse.appendBuffer(&w.pending, w.current)
	w.pending.reset()
	if w.sparse.rows() >= w.opt.BlockRows || w.sparse.text >= maxBlockText {
		return w.writeSparse()
	}
	return nil
}

func (w *Writer) writeSparse() error {
	if w.sparse.rows() == 0 {
		return nil
	}
	return w.writeBlock(&w.sparse, 0)
}

// writeBlock encodes the rows of a buffer and empties it. Series 0 stands for
// the series that the buffer lists.
func (w *Writer) writeBlock(b *rowBuffer, series model.SeriesID) error {
	if b.rows() == 0 {
		return nil
	}
	w.encoder.encode(b, series, series == 0)
	e := &w.encoder.entry
	e.offset = w.offset
	for _, c := range b.columns {
		at, _ := findField(w.opt.Fields, c.field)
		w.used[at] = w.used[at] || c.count > 0
		w.info.Values += int64(c.count)
	}
	if series != 0 && w.opt.CellPercent > 0 {
		if err := w.cells.settle(); err != nil {
			return err
		}
		w.cells.add(b, model.AllTime)
		w.cells.size += len(w.encoder.bytes) + len(e.fields)
	}
	b.reset()
	if err := w.write(w.encoder.bytes); err != nil {
		return err
	}
	return w.addEntry(e)
}

// writeCells ends the cells of the current series.
func (w *Writer) writeCells() error {
	if w.opt.CellPercent < 0 {
		return nil
	}
	if err := w.cells.settle(); err != nil {
		return err
	}
	if record := w.cells.finish(w.opt.CellPercent); record != nil {
		w.cellIndex.add(w.current, record, cellSeed(w.opt.Generation))
	}
	w.cells.reset()
	if len(w.cellIndex.leaves) >= leafBuffer {
		return w.placeCells(&w.cellIndex)
	}
	return nil
}

// AddEncoded appends a block of another file as it is. It must be a block of one
// series, all of whose rows come after those added before. The pages are
// checked against their checksums, but not decoded.
func (w *Writer) AddEncoded(b *BlockRef) error {
	if err := w.ready(); err != nil {
		return err
	}
	if b.Shared() {
		return fmt.Errorf("add to %s: block of series %d holds other series too", w.path, b.Series)
	}
	if b.Series < w.current || b.Series == w.current && b.Range.Min <= w.last {
		return w.fail(fmt.Errorf("add to %s: block of series %d from %d after series %d, timestamp %d: %w",
			w.path, b.Series, b.Range.Min, w.current, w.last, ErrOrder))
	}
	if err := w.enter(b.Series); err != nil {
		return w.fail(err)
	}
	// Rows of the series that wait for more would end up behind this block.
	if err := w.writeBlock(&w.pending, w.current); err != nil {
		return w.fail(err)
	}
	data, err := b.reader.rawBlock(b, w.noteField)
	if err != nil {
		return w.fail(fmt.Errorf("add to %s: %w", w.path, err))
	}
	if w.opt.CellPercent > 0 {
		if err := w.cells.carry(b); err != nil {
			return w.fail(fmt.Errorf("add to %s: %w", w.path, err))
		}
		w.cells.size += len(data) + len(b.fields)
	}
	e := b.blockEntry
	e.offset = w.offset
	if err := w.write(data); err != nil {
		return w.fail(err)
	}
	w.began, w.last = true, b.Range.Max
	if err := w.addEntry(&e); err != nil {
		return w.fail(err)
	}
	return nil
}

// noteField accounts for a field page of a copied block.
func (w *Writer) noteField(f *fieldEntry) error {
	at, ok := findField(w.opt.Fields, f.number)
	if !ok || w.opt.Fields[at].Type != f.stats.Type {
		return fmt.Errorf("field %d of type %v is not in the schema", f.number, f.stats.Type)
	}
	w.used[at] = true
	w.info.Values += f.stats.Count
	return nil
}

func (w *Writer) write(b []byte) error {
	w.offset += int64(len(b))
	w.buf = append(w.buf, b...)
	if len(w.buf) < writeBuffer {
		return nil
	}
	return w.flushBuffer()
}

func (w *Writer) flushBuffer() error {
	_, err := w.file.Write(w.buf)
	w.buf = w.buf[:0]
	if err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	return nil
}

// Finish writes the rest and closes the file. When it returns nil the temporary
// file is complete and durable; Publish makes it visible. After an error the
// temporary file is removed.
func (w *Writer) Finish() (Info, error) {
	if err := w.ready(); err != nil {
		return Info{}, errors.Join(err, w.Abort())
	}
	if err := w.finish(); err != nil {
		w.err = err
		return Info{}, errors.Join(err, w.Abort())
	}
	w.closed = true
	if err := w.file.Close(); err != nil {
		return Info{}, errors.Join(fmt.Errorf("close %s: %w", w.path, err), w.fs.Remove(w.path+vfs.TempSuffix))
	}
	return w.info, nil
}

func (w *Writer) finish() error {
	if err := w.leave(); err != nil {
		return err
	}
	if err := w.writeSparse(); err != nil {
		return err
	}
	w.cellIndex.closeLeaf(cellSeed(w.opt.Generation))
	if err := w.placeCells(&w.cellIndex); err != nil {
		return err
	}
	var sections []section
	for _, x := range []*indexWriter{&w.single, &w.multi} {
		x.closeLeaf(generationSeed(w.opt.Generation))
		if err := w.placeLeaves(x); err != nil {
			return err
		}
	}
	for _, x := range []*indexWriter{&w.single, &w.multi} {
		typ := sectionBlockIndex
		if x.multi {
			typ = sectionMultiIndex
		}
		if x.multi && len(x.tops) == 0 {
			continue
		}
		var top []byte
		for _, e := range x.tops {
			top = appendTopEntry(top, e)
		}
		if err := w.writeSection(&sections, typ, top, true); err != nil {
			return err
		}
	}
	if err := w.writeCellIndex(&sections); err != nil {
		return err
	}
	if err := w.writeTables(&sections); err != nil {
		return err
	}
	directory := appendDirectory(nil, sections)
	f := footer{
		directoryOffset: uint64(w.offset), directoryLength: uint32(len(directory)),
		directorySum: checksum(0, directory), generation: w.opt.Generation,
	}
	if err := w.write(appendFooter(directory, f)); err != nil {
		return err
	}
	if err := w.flushBuffer(); err != nil {
		return err
	}
	// From here on the content is durable; its name is not.
	if err := w.file.SyncData(); err != nil {
		return fmt.Errorf("sync %s: %w", w.path, err)
	}
	w.info.Size = w.offset
	return nil
}

// writeCellIndex writes the top of the index of cells, if there are any.
func (w *Writer) writeCellIndex(sections *[]section) error {
	if len(w.cellIndex.tops) == 0 {
		return nil
	}
	var top []byte
	for _, e := range w.cellIndex.tops {
		top = appendTopEntry(top, e)
	}
	return w.writeSection(sections, sectionCellIndex, top, false)
}

// writeTables writes the sections that are not indexes.
func (w *Writer) writeTables(sections *[]section) error {
	fields := make([]FieldDef, 0, len(w.opt.Fields))
	for i, f := range w.opt.Fields {
		if w.used[i] {
			fields = append(fields, f)
		}
	}
	if err := w.writeSection(sections, sectionSchema, appendSchema(nil, fields), true); err != nil {
		return err
	}
	w.ids.RunOptimize()
	ids, err := w.ids.ToBytes()
	if err != nil {
		return fmt.Errorf("write %s: encode series ids: %w", w.path, err)
	}
	if err := w.writeSection(sections, sectionSeries, ids, true); err != nil {
		return err
	}
	return w.writeSection(sections, sectionStatistics, appendStatistics(nil, &w.info), true)
}

func (w *Writer) writeSection(sections *[]section, typ sectionType, b []byte, required bool) error {
	*sections = append(*sections, section{
		typ: typ, required: required, sum: checksum(0, b), offset: uint64(w.offset), length: uint64(len(b)),
	})
	return w.write(b)
}

// Abort closes and removes the temporary file. It does nothing after Finish or
// another Abort.
func (w *Writer) Abort() error {
	if w.closed {
		return nil
	}
	w.closed = true
	err := w.file.Close()
	return errors.Join(err, w.fs.Remove(w.path+vfs.TempSuffix))
}
