package tsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsm/encoding"
)

// Block holds decoded rows of one series: its embedded SeriesRows, with one
// column for each of the fields asked for, in their order. Its memory is used
// again by the next ReadBlock; the zero Block is ready to use. A Block is for
// one goroutine.
//
// After ReadBlock of a shared block, the block keeps all its series, so that
// reading the next series of it decodes nothing.
type Block struct {
	SeriesRows

	times   []int64 // of the whole block
	columns []columnBuffer
	page    []byte
	seed    pageSeed
	wanted  []wantedPage

	// What is decoded, to be found again: all rows in this time range, which are
	// the rows [from, to).
	source   *Reader
	offset   int64
	fields   []uint32
	decoded  model.TimeRange
	from, to int
}

// columnBuffer is the memory of one column.
type columnBuffer struct {
	whole   FieldColumn // of the whole block
	present []uint64
	arena   []byte
	view    []uint64 // bitmap of the rows of one series of a shared block
}

// wantedPage is a page that ReadBlock has to read.
type wantedPage struct {
	entry  fieldEntry
	offset int64
	column int // index in columns; -1 for the timestamp page
}

// Memory returns about how many bytes the block holds.
func (b *Block) Memory() int64 {
	n := 8*cap(b.times) + cap(b.page)
	for i := range b.columns {
		c := &b.columns[i]
		w := &c.whole
		n += 8*(cap(c.present)+cap(c.view)+cap(w.Floats)+cap(w.Integers)+cap(w.Unsigneds)) + cap(c.arena) + cap(w.Booleans) + 24*cap(w.Strings)
	}
	return int64(n)
}

// Forget drops what the block remembers of its last read. It must be called
// before the reader is released when the block outlives it.
func (b *Block) Forget() { b.source = nil }

// ReadBlock decodes the timestamps of a block and the pages of the given fields,
// which must be distinct.
// A field that the block does not have becomes an absent column. After an error,
// dst holds nothing.
func (r *Reader) ReadBlock(b *BlockRef, fields []uint32, dst *Block) error {
	return r.readRows(b, fields, model.AllTime, dst)
}

// ReadRows is ReadBlock for a reader that wants only the rows in a time range: those
// before and behind it may be left out of a block of one series. Whoever asks for
// other rows of the same block gets all of them at once.
func (r *Reader) ReadRows(b *BlockRef, fields []uint32, wanted model.TimeRange, dst *Block) error {
	if b.multi || wanted.Covers(b.span) {
		wanted = model.AllTime
	}
	return r.readRows(b, fields, wanted, dst)
}

func (r *Reader) readRows(b *BlockRef, fields []uint32, wanted model.TimeRange, dst *Block) error {
	again := dst.source == r && dst.offset == b.offset && slices.Equal(dst.fields, fields)
	if again && !dst.decoded.Covers(wanted) {
		again, wanted = false, model.AllTime
	}
	if !again {
		dst.source, dst.decoded = nil, wanted
		if err := r.decodeBlock(b, fields, dst); err != nil {
			dst.Times, dst.Columns = nil, nil
			return err
		}
		dst.source, dst.offset = r, b.offset
		dst.fields = append(dst.fields[:0], fields...)
	}
	dst.Series = b.Series
	if b.multi {
		dst.show(b.firstRow, b.Rows)
	} else {
		dst.show(dst.from, dst.to-dst.from)
	}
	return nil
}

// show makes the embedded rows those from first on.
func (d *Block) show(first, rows int) {
	d.Times = d.times[first : first+rows]
	d.Columns = grow(d.Columns[:0], len(d.columns))
	for i := range d.columns {
		c := &d.columns[i]
		view := &d.Columns[i]
		*view = FieldColumn{Field: c.whole.Field, Type: c.whole.Type, Absent: c.whole.Absent}
		if c.whole.Absent {
			continue
		}
		view.slice(&c.whole, first, first+rows)
		if c.whole.Present == nil {
			continue
		}
		c.view = sliceBits(c.view, c.whole.Present, first, first+rows)
		switch countBits(c.view, 0, rows) {
		case 0:
			*view = FieldColumn{Field: view.Field, Type: view.Type, Absent: true}
		case rows:
		default:
			view.Present = c.view
		}
	}
}

// slice makes the values of c the rows [from, to) of src.
func (c *FieldColumn) slice(src *FieldColumn, from, to int) {
	switch c.Type {
	case model.Float:
		c.Floats = src.Floats[from:to]
	case model.Integer:
		c.Integers = src.Integers[from:to]
	case model.Unsigned:
		c.Unsigneds = src.Unsigneds[from:to]
	case model.Boolean:
		c.Booleans = src.Booleans[from:to]
	case model.String:
		c.Strings = src.Strings[from:to]
	}
}

func (r *Reader) decodeBlock(b *BlockRef, fields []uint32, dst *Block) error {
	if err := r.wantPages(b, fields, dst); err != nil {
		return err
	}
	dst.seed.set(b.first, b.span.Min, b.rows)
	base, err := r.readWanted(b, dst)
	if err != nil {
		return err
	}
	for i := range dst.wanted {
		w := &dst.wanted[i]
		var page []byte
		if base >= 0 {
			page = dst.page[w.offset-base:][:w.entry.pageLen]
		} else {
			dst.page = grow(dst.page[:0], w.entry.pageLen)
			page = dst.page
			if err := r.readAt(page, w.offset, w.name(), b); err != nil {
				return err
			}
		}
		if err := r.decodePage(b, w, page, dst); err != nil {
			return err
		}
	}
	return nil
}

// wantPages lists the pages to read, ascending by offset.
func (r *Reader) wantPages(b *BlockRef, fields []uint32, dst *Block) error {
	dst.columns = grow(dst.columns, len(fields))
	for i, number := range fields {
		c := &dst.columns[i].whole
		c.Field, c.Type, c.Present, c.Absent = number, model.NoType, nil, true
		if def, ok := r.Field(number); ok {
			c.Type = def.Type
		}
	}
	dst.wanted = append(dst.wanted[:0], wantedPage{
		entry: fieldEntry{number: timePageNumber, pageLen: b.timeLen}, offset: b.offset + int64(b.seriesLen), column: -1,
	})
	if len(fields) == 0 {
		return nil
	}
	var f fieldEntry
	in := byteReader{b: b.fields}
	at, before, next := b.offset+int64(b.seriesLen)+int64(b.timeLen), uint32(0), 0
	for left := b.fieldCount; left > 0 && len(dst.wanted) <= len(fields); left-- {
		readFieldHead(&in, &f, before)
		body := in
		skipFieldBody(&in, f.flags)
		if in.bad || int64(f.pageLen) > r.dataEnd-at {
			return r.lost(b.offset, "index entry of block", b.refSeries(), b.span, nil, "malformed field entries")
		}
		offset := at
		before, at = f.number+1, at+int64(f.pageLen)
		if next >= len(fields) || fields[next] != f.number { // they are mostly asked for in the order of the block
			i := slices.Index(fields, f.number)
			if i < 0 {
				continue
			}
			next = i
		}
		readFieldCount(&body, &f, b.rows)
		if body.bad {
			return r.lost(b.offset, "index entry of block", b.refSeries(), b.span, nil, "malformed field entries")
		}
		c := &dst.columns[next].whole
		if c.Type != f.stats.Type {
			return r.lost(offset, pageName(f.number), b.refSeries(), b.span, nil, "type is %v in the index, %v in the schema", f.stats.Type, c.Type)
		}
		c.Absent = false
		dst.wanted = append(dst.wanted, wantedPage{entry: f, offset: offset, column: next})
		next++
	}
	return nil
}

// maxReadWaste is what one read may take too much to save another.
const maxReadWaste = 32 << 10

// readWanted reads all wanted pages at once into dst.page and returns the offset
// of its first byte, or -1 when they lie too far apart for that.
func (r *Reader) readWanted(b *BlockRef, dst *Block) (base int64, err error) {
	base, end, sum := dst.wanted[0].offset, int64(0), int64(0)
	for i := range dst.wanted {
		w := &dst.wanted[i]
		end = w.offset + int64(w.entry.pageLen)
		sum += int64(w.entry.pageLen)
	}
	if end-base > 2*sum+maxReadWaste {
		return -1, nil
	}
	dst.page = grow(dst.page[:0], int(end-base))
	return base, r.readAt(dst.page, base, "block", b)
}

// readAt reads len(p) bytes; the end of the file is damage.
func (r *Reader) readAt(p []byte, offset int64, part string, b *BlockRef) error {
	n, err := r.file.ReadAt(p, offset)
	if n == len(p) {
		return nil
	}
	if errors.Is(err, io.EOF) || err == nil {
		return r.lost(offset, part, b.refSeries(), b.span, err, "%d of %d bytes are there", n, len(p))
	}
	return fmt.Errorf("read %s of %s at offset %d: %w", part, r.path, offset, err)
}

func pageName(number uint32) string {
	switch number {
	case timePageNumber:
		return "timestamp page"
	case seriesPageNumber:
		return "series page"
	}
	return fmt.Sprintf("page of field %d", number)
}

func (w *wantedPage) name() string { return pageName(w.entry.number) }

// openPage checks a page and returns it without its checksum.
func (r *Reader) openPage(b *BlockRef, seed *pageSeed, number uint32, page []byte, offset int64) ([]byte, error) {
	body := page[:len(page)-checksumSize]
	if got, want := seed.sum(number, body), binary.LittleEndian.Uint32(page[len(body):]); got != want {
		return nil, r.lost(offset, pageName(number), b.refSeries(), b.span, nil, "checksum is %08x, stored %08x", got, want)
	}
	return body, nil
}

func (r *Reader) decodePage(b *BlockRef, w *wantedPage, page []byte, dst *Block) error {
	body, err := r.openPage(b, &dst.seed, w.entry.number, page, w.offset)
	if err != nil {
		return err
	}
	if w.column < 0 {
		err = dst.decodeTimes(body, b)
	} else {
		err = dst.columns[w.column].decode(body, b.rows, dst.from, dst.to, &w.entry)
	}
	if err != nil {
		return r.lost(w.offset, w.name(), b.refSeries(), b.span, err, "malformed")
	}
	return nil
}

func (d *Block) decodeTimes(page []byte, b *BlockRef) (err error) {
	if b.multi || d.decoded == model.AllTime {
		d.from, d.to = 0, b.rows
		d.times, err = encoding.DecodeTimestamps(d.times, page, b.rows)
	} else {
		d.times, d.from, d.to, err = encoding.DecodeTimestampsIn(d.times, page, b.rows, d.decoded.Min, d.decoded.Max)
	}
	if err != nil {
		return err
	}
	if !b.multi && (d.times[0] != b.span.Min || d.times[b.rows-1] != b.span.Max) {
		return fmt.Errorf("timestamps run from %d to %d", d.times[0], d.times[b.rows-1])
	}
	return nil
}

// decode decodes at least the rows [from, to) of a field page of a block of rows
// rows.
func (c *columnBuffer) decode(page []byte, rows, from, to int, f *fieldEntry) error {
	count := rows
	var err error
	c.whole.Present = nil
	if f.partial(rows) {
		if c.present, count, page, err = encoding.CutPresence(c.present, page, rows); err != nil {
			return err
		}
		if int64(count) != f.stats.Count {
			return fmt.Errorf("%d rows have a value, the index counts %d", count, f.stats.Count)
		}
		c.whole.Present = c.present
		from, to = 0, count
	}
	w := &c.whole
	switch w.Type {
	case model.Float:
		if w.Floats, err = encoding.DecodeFloatsRange(w.Floats, page, count, from, to); err == nil {
			w.Floats = spread(w.Floats, w.Present, count, rows)
		}
	case model.Integer:
		if w.Integers, err = encoding.DecodeIntegersRange(w.Integers, page, count, from, to); err == nil {
			w.Integers = spread(w.Integers, w.Present, count, rows)
		}
	case model.Unsigned:
		if w.Unsigneds, err = encoding.DecodeUnsignedsRange(w.Unsigneds, page, count, from, to); err == nil {
			w.Unsigneds = spread(w.Unsigneds, w.Present, count, rows)
		}
	case model.Boolean:
		if w.Booleans, err = encoding.DecodeBooleans(w.Booleans, page, count); err == nil {
			w.Booleans = spread(w.Booleans, w.Present, count, rows)
		}
	case model.String:
		if w.Strings, c.arena, err = encoding.DecodeStrings(w.Strings, c.arena, page, count); err == nil {
			w.Strings = spread(w.Strings, w.Present, count, rows)
		}
	}
	return err
}

// spread moves count values without gaps to the rows that present names, from
// the end on, so that no value is overwritten before it was moved.
func spread[T any](values []T, present []uint64, count, rows int) []T {
	if count == rows {
		return values
	}
	values = grow(values, rows)
	from := count - 1
	for row := rows - 1; row > from && from >= 0; row-- {
		if present[row>>6]>>(row&63)&1 == 1 {
			values[row] = values[from]
			from--
		}
	}
	return values
}

// rawBlock returns the bytes of a block of one series after checking the
// checksums of its pages. It calls note for each field.
func (r *Reader) rawBlock(b *BlockRef, note func(f *fieldEntry) error) ([]byte, error) {
	var pages []wantedPage
	var noted error
	end := b.offset + int64(b.timeLen)
	err := b.eachField(func(f *fieldEntry, offset int64) bool {
		pages = append(pages, wantedPage{entry: *f, offset: offset})
		end = offset + int64(f.pageLen)
		noted = note(f)
		return noted == nil
	})
	if err := errors.Join(err, noted); err != nil {
		return nil, err
	}
	data := make([]byte, end-b.offset)
	if err := r.readAt(data, b.offset, "block", b); err != nil {
		return nil, err
	}
	var seed pageSeed
	seed.set(b.first, b.span.Min, b.rows)
	if _, err := r.openPage(b, &seed, timePageNumber, data[:b.timeLen], b.offset); err != nil {
		return nil, err
	}
	for i := range pages {
		p := &pages[i]
		page := data[p.offset-b.offset:][:p.entry.pageLen]
		if _, err := r.openPage(b, &seed, p.entry.number, page, p.offset); err != nil {
			return nil, err
		}
	}
	return data, nil
}
