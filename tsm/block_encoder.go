package tsm

import (
	"encoding/binary"
	"math/bits"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsm/encoding"
)

// pageSeed starts the checksums of the pages of a block. It covers what the
// page belongs to, so that a page in the place of another one is found; it does
// not cover the file, so that merges can copy blocks.
type pageSeed struct {
	b [20]byte
}

func (s *pageSeed) set(series model.SeriesID, minTime int64, rows int) {
	binary.LittleEndian.PutUint32(s.b[0:], uint32(series))
	binary.LittleEndian.PutUint64(s.b[8:], uint64(minTime))
	binary.LittleEndian.PutUint32(s.b[16:], uint32(rows))
}

// sum returns the checksum of the page of field number.
func (s *pageSeed) sum(number uint32, page []byte) uint32 {
	binary.LittleEndian.PutUint32(s.b[4:], number)
	return checksum(checksum(0, s.b[:]), page)
}

// blockEncoder turns a rowBuffer into the bytes of a block and its index entry.
// Both are valid until the next call.
type blockEncoder struct {
	codecs encoding.Choice
	bytes  []byte
	fields []byte
	entry  blockEntry
	seed   pageSeed
}

// encode encodes rows of one series, or of those that the buffer lists when multi
// is set. The offset of the entry is left for the writer to fill in.
func (e *blockEncoder) encode(b *rowBuffer, series model.SeriesID, multi bool) {
	b.finish()
	e.bytes, e.fields = e.bytes[:0], e.fields[:0]
	rows := b.rows()
	e.entry = blockEntry{first: series, last: series, rows: rows, multi: multi, series: 1}
	e.entry.span = model.TimeRange{Min: b.times[0], Max: b.times[rows-1]}
	if multi {
		for _, t := range b.times {
			e.entry.span.Min, e.entry.span.Max = min(e.entry.span.Min, t), max(e.entry.span.Max, t)
		}
		e.entry.first, e.entry.last = model.SeriesID(b.series[0]), model.SeriesID(b.series[len(b.series)-1])
		e.entry.series = len(b.series)
	}
	e.seed.set(e.entry.first, e.entry.span.Min, rows)
	if multi {
		e.bytes = e.codecs.AppendIntegers(e.bytes, b.series)
		e.bytes = e.codecs.AppendIntegers(e.bytes, b.counts)
		e.entry.seriesLen = e.closePage(0, seriesPageNumber)
	}
	at := len(e.bytes)
	e.bytes = e.codecs.AppendTimestamps(e.bytes, b.times)
	e.entry.timeLen = e.closePage(at, timePageNumber)
	before := uint32(0)
	for _, c := range b.columns {
		if c.count == 0 {
			continue
		}
		e.encodeField(b, c, before)
		before = c.field + 1
		e.entry.fieldCount++
	}
	e.entry.fields = e.fields
}

// closePage appends the checksum of the page that starts at at and returns the
// length of the page with it.
func (e *blockEncoder) closePage(at int, number uint32) int {
	e.bytes = binary.LittleEndian.AppendUint32(e.bytes, e.seed.sum(number, e.bytes[at:]))
	return len(e.bytes) - at
}

func (e *blockEncoder) encodeField(b *rowBuffer, c *bufferedColumn, before uint32) {
	at := len(e.bytes)
	f := fieldEntry{number: c.field, stats: Stats{Type: c.typ, Count: int64(c.count), FirstTime: e.entry.span.Min, LastTime: e.entry.span.Max}}
	if c.count < b.rows() {
		e.bytes = encoding.AppendPresence(e.bytes, c.present, b.rows())
	}
	e.bytes = appendValues(e.bytes, c, &f.stats, e.codecs)
	f.pageLen = e.closePage(at, c.field)
	// Rows of a multi-series block are in no order of time, and nobody asks for
	// statistics over unrelated series.
	if !e.entry.multi {
		f.flags = entryStats
		if c.count < b.rows() {
			first, last := edgeBits(c.present, b.rows())
			f.stats.FirstTime, f.stats.LastTime = b.times[first], b.times[last]
		}
	}
	e.fields = appendField(e.fields, &f, before, e.entry.span, b.rows())
}

// appendValues appends the values of a column and sums them up.
func appendValues(dst []byte, c *bufferedColumn, s *Stats, codecs encoding.Choice) []byte {
	switch c.typ {
	case model.Float:
		s.Floats = summaryOf(c.floats)
		return codecs.AppendFloats(dst, c.floats)
	case model.Integer:
		s.Integers = summaryOf(c.integers)
		return codecs.AppendIntegers(dst, c.integers)
	case model.Unsigned:
		s.Unsigneds = summaryOf(c.unsigneds)
		return codecs.AppendUnsigneds(dst, c.unsigneds)
	case model.Boolean:
		for _, v := range c.booleans {
			if v {
				s.Trues++
			}
		}
		s.FirstBool, s.LastBool = c.booleans[0], c.booleans[len(c.booleans)-1]
		return codecs.AppendBooleans(dst, c.booleans)
	}
	values := c.stringValues()
	s.FirstBytes, s.LastBytes = values[0], values[len(values)-1]
	return codecs.AppendStrings(dst, values)
}

// edgeBits returns the first and the last of n bits that is set; at least one is.
func edgeBits(bitmap []uint64, n int) (first, last int) {
	for i, w := range bitmap[:words(n)] {
		if w != 0 {
			first = i*64 + bits.TrailingZeros64(w)
			break
		}
	}
	for i := words(n) - 1; i >= 0; i-- {
		if w := bitmap[i]; w != 0 {
			last = i*64 + 63 - bits.LeadingZeros64(w)
			break
		}
	}
	return first, last
}
