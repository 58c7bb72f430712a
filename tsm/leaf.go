package tsm

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/timberlinedb/timberline/model"
)

// The index of the blocks has two levels. A leaf describes some dozens of blocks
// with the statistics of all their pages; the top has one entry per leaf. Blocks
// of one series and multi-series blocks have an index each; both are ordered by
// the first series of the block, blocks of one series also by time.
//
//	leaf:  first series u32 │ base time i64 │ base offset u64 │ entries u16 │ entry … │ CRC-32C u32
//	entry: length uvarint │ series - series of the entry before uvarint │ body
//	body:  first time - base time zigzag, last time - first time uvarint, rows uvarint,
//	       offset - base offset uvarint,
//	       (multi-series only) last series - series, series, bytes of the series page: uvarints
//	       bytes of the timestamp page uvarint, fields uvarint, field …
//	field: number - number before - 1 uvarint, flags u8, bytes of the page uvarint,
//	       (partial) values uvarint,
//	       (inner) first value's time - first time, last time - last value's time: uvarints
//	       (statistics) see stats.go
//
// An entry depends on the head of its leaf and, for its series, on the entries
// before it, but not on their bodies.

// leafTarget is the size at which a leaf is closed.
const leafTarget = 4096

// blockEntry describes one block.
type blockEntry struct {
	first, last model.SeriesID // equal in a block of one series
	span        model.TimeRange
	rows        int
	offset      int64 // of the block: series page (if any), timestamp page, field pages
	multi       bool
	series      int // number of series
	seriesLen   int // bytes of the series page, 0 in a block of one series
	timeLen     int
	fieldCount  int
	fields      []byte // the encoded field entries
}

// fieldEntry describes one field page of a block.
type fieldEntry struct {
	number  uint32
	flags   byte
	pageLen int
	stats   Stats // counts and times are always set; sums and the rest with entryStats
}

func (f *fieldEntry) partial(rows int) bool { return f.stats.Count < int64(rows) }

// appendField appends a field entry; before is the number that the entry before
// has, plus one.
func appendField(dst []byte, f *fieldEntry, before uint32, span model.TimeRange, rows int) []byte {
	dst = binary.AppendUvarint(dst, uint64(f.number-before))
	at := len(dst)
	flags := byte(f.stats.Type)
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, uint64(f.pageLen))
	if f.partial(rows) {
		flags |= entryPartial
		dst = binary.AppendUvarint(dst, uint64(f.stats.Count))
	}
	if f.flags&entryStats != 0 {
		if f.stats.FirstTime != span.Min || f.stats.LastTime != span.Max {
			flags |= entryInner
			dst = binary.AppendUvarint(dst, uint64(f.stats.FirstTime)-uint64(span.Min))
			dst = binary.AppendUvarint(dst, uint64(span.Max)-uint64(f.stats.LastTime))
		}
		var described byte
		dst, described = appendStats(dst, &f.stats)
		flags |= described
	}
	dst[at] = flags
	return dst
}

// readField reads the next field entry of a block of rows rows over span.
func readField(in *byteReader, f *fieldEntry, before uint32, span model.TimeRange, rows int) {
	readFieldHead(in, f, before)
	f.stats = Stats{}
	readFieldBody(in, f, span, rows)
}

// readFieldHead reads the number, the flags and the length of the page.
func readFieldHead(in *byteReader, f *fieldEntry, before uint32) {
	number := in.fieldNumber(uint64(before))
	flags := in.byte()
	length := in.uvarint()
	f.number, f.flags, f.pageLen = number, flags, int(length)
	if length < checksumSize+1 || length > math.MaxInt32 || !model.FieldType(flags&entryTypeMask).Valid() {
		in.fail()
	}
}

// readFieldBody reads what follows the head: counts, times and statistics. Of the
// latter it sets the part that is of the field's type.
func readFieldBody(in *byteReader, f *fieldEntry, span model.TimeRange, rows int) {
	s, flags := &f.stats, f.flags
	s.FirstTime, s.LastTime = span.Min, span.Max
	if readFieldCount(in, f, rows); in.bad {
		return
	}
	if flags&entryInner != 0 {
		s.FirstTime += int64(in.uvarint())
		s.LastTime -= int64(in.uvarint())
		if s.FirstTime < span.Min || s.LastTime > span.Max || s.FirstTime > s.LastTime {
			in.fail()
			return
		}
	}
	if flags&entryStats != 0 {
		readStats(in, s, flags)
	}
}

// readFieldCount reads the beginning of the body, the number of values, and sets the
// type.
func readFieldCount(in *byteReader, f *fieldEntry, rows int) {
	f.stats.Type, f.stats.Count = model.FieldType(f.flags&entryTypeMask), int64(rows)
	if f.flags&entryPartial != 0 {
		count := in.uvarint()
		if count == 0 || count >= uint64(rows) {
			in.fail()
			return
		}
		f.stats.Count = int64(count)
	}
}

// leafBuilder collects the entries of a leaf.
type leafBuilder struct {
	buf        []byte // header and entries so far
	body       []byte
	count      int
	first      model.SeriesID
	last       model.SeriesID // series of the latest entry
	baseTime   int64
	baseOffset int64
}

func (l *leafBuilder) add(e *blockEntry) {
	if l.count == 0 {
		l.first, l.last, l.baseTime, l.baseOffset = e.first, e.first, e.span.Min, e.offset
		l.buf = append(l.buf[:0], make([]byte, leafHeaderSize)...)
	}
	b := binary.AppendUvarint(l.body[:0], uint64(e.first-l.last))
	b = appendZigzag(b, e.span.Min-l.baseTime)
	b = binary.AppendUvarint(b, uint64(e.span.Max)-uint64(e.span.Min))
	b = binary.AppendUvarint(b, uint64(e.rows))
	b = binary.AppendUvarint(b, uint64(e.offset-l.baseOffset))
	if e.multi {
		b = binary.AppendUvarint(b, uint64(e.last-e.first))
		b = binary.AppendUvarint(b, uint64(e.series))
		b = binary.AppendUvarint(b, uint64(e.seriesLen))
	}
	b = binary.AppendUvarint(b, uint64(e.timeLen))
	b = binary.AppendUvarint(b, uint64(e.fieldCount))
	b = append(b, e.fields...)
	l.body = b
	l.buf = binary.AppendUvarint(l.buf, uint64(len(b)))
	l.buf = append(l.buf, b...)
	l.last = e.first
	l.count++
}

func (l *leafBuilder) full() bool { return len(l.buf) >= leafTarget || l.count == math.MaxUint16 }

// appendTo appends the finished leaf to dst.
func (l *leafBuilder) appendTo(dst []byte, seed uint32) []byte {
	h := binary.LittleEndian.AppendUint32(l.buf[:0], uint32(l.first))
	h = binary.LittleEndian.AppendUint64(h, uint64(l.baseTime))
	h = binary.LittleEndian.AppendUint64(h, uint64(l.baseOffset))
	binary.LittleEndian.AppendUint16(h, uint16(l.count))
	dst = append(dst, l.buf...)
	dst = binary.LittleEndian.AppendUint32(dst, checksum(seed, l.buf))
	l.count = 0
	return dst
}

// leaf is a leaf that passed its checksum.
type leaf struct {
	first      model.SeriesID
	baseTime   int64
	baseOffset int64
	count      int
	entries    []byte
}

// checkLeaf returns what is wrong with the bytes of a leaf, if anything.
func checkLeaf(b []byte, seed uint32) (reason string) {
	if len(b) < leafHeaderSize+checksumSize {
		return "it is too short"
	}
	body := b[:len(b)-checksumSize]
	if got, want := checksum(seed, body), binary.LittleEndian.Uint32(b[len(body):]); got != want {
		return fmt.Sprintf("checksum is %08x, stored %08x", got, want)
	}
	return ""
}

// decodeLeaf reads the head of a leaf that checkLeaf has passed.
func decodeLeaf(b []byte) leaf {
	return leaf{
		first:      model.SeriesID(binary.LittleEndian.Uint32(b)),
		baseTime:   int64(binary.LittleEndian.Uint64(b[4:])),
		baseOffset: int64(binary.LittleEndian.Uint64(b[12:])),
		count:      int(binary.LittleEndian.Uint16(b[20:])),
		entries:    b[leafHeaderSize : len(b)-checksumSize],
	}
}

// leafScan walks the entries of a leaf; bodies are decoded on demand.
type leafScan struct {
	leaf   leaf
	in     byteReader
	left   int
	series model.SeriesID
	body   []byte
}

func (l leaf) scan() leafScan {
	return leafScan{leaf: l, in: byteReader{b: l.entries}, left: l.count, series: l.first}
}

// next moves to the next entry. At the end of the leaf it returns false; damaged
// tells whether that was too early.
func (s *leafScan) next() bool {
	if s.left == 0 {
		return false
	}
	body := byteReader{b: s.in.bytes(s.in.uvarint())}
	series := uint64(s.series) + body.uvarint()
	if s.in.bad || body.bad || series > math.MaxUint32 {
		s.in.fail()
		return false
	}
	s.series, s.body = model.SeriesID(series), body.b
	s.left--
	return true
}

// leafMark is a place of a scan between two entries.
type leafMark struct {
	rest   []byte
	left   int
	series model.SeriesID
}

func (s *leafScan) mark() leafMark { return leafMark{s.in.b, s.left, s.series} }

// returnTo goes back to a mark in the same leaf.
func (s *leafScan) returnTo(m leafMark) {
	s.in.b, s.left, s.series, s.body = m.rest, m.left, m.series, nil
}

func (s *leafScan) damaged() bool { return s.in.bad || s.left == 0 && len(s.in.b) != 0 }

// span returns the time range and rows of the current entry without the rest.
func (s *leafScan) span() (r model.TimeRange, ok bool) {
	in := byteReader{b: s.body}
	r.Min = s.leaf.baseTime + in.zigzag()
	r.Max = r.Min + int64(in.uvarint())
	return r, !in.bad && !r.Empty()
}

// entry decodes the current entry up to its fields. dataEnd bounds the pages.
func (s *leafScan) entry(e *blockEntry, multi bool, dataEnd int64) bool {
	in := byteReader{b: s.body}
	*e = blockEntry{first: s.series, last: s.series, multi: multi, series: 1}
	e.span.Min = s.leaf.baseTime + in.zigzag()
	e.span.Max = e.span.Min + int64(in.uvarint())
	rows := in.uvarint()
	offset := uint64(s.leaf.baseOffset) + in.uvarint()
	step, series, seriesLen := uint64(0), uint64(1), uint64(0)
	if multi {
		step = in.uvarint()
		series = in.uvarint()
		seriesLen = in.uvarint()
	}
	timeLen := in.uvarint()
	fields := in.uvarint()
	end := uint64(dataEnd)
	switch {
	case in.bad || e.span.Empty() || rows == 0 || rows > MaxBlockRows || step > math.MaxUint32-uint64(e.first) || series == 0 || series > rows:
		return false
	case offset < headerSize || offset > end || seriesLen > end-offset || timeLen > end-offset-seriesLen:
		return false
	case timeLen < checksumSize+1 || multi && seriesLen < checksumSize+1 || fields > uint64(len(in.b)):
		return false
	}
	e.last, e.rows, e.offset = e.first+model.SeriesID(step), int(rows), int64(offset)
	e.series, e.seriesLen, e.timeLen, e.fieldCount, e.fields = int(series), int(seriesLen), int(timeLen), int(fields), in.b
	return true
}

// topEntry leads to a leaf: its first series and, for blocks of one series, the
// first timestamp of its first block.
type topEntry struct {
	series model.SeriesID
	time   int64
	offset int64
	length int
}

func appendTopEntry(dst []byte, e topEntry) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(e.series))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.time))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.offset))
	return binary.LittleEndian.AppendUint32(dst, uint32(e.length))
}

// topIndex is the encoded top of an index.
type topIndex []byte

func (t topIndex) leaves() int { return len(t) / topEntrySize }

func (t topIndex) at(i int) topEntry {
	b := t[i*topEntrySize:][:topEntrySize]
	return topEntry{
		series: model.SeriesID(binary.LittleEndian.Uint32(b)),
		time:   int64(binary.LittleEndian.Uint64(b[4:])),
		offset: int64(binary.LittleEndian.Uint64(b[12:])),
		length: int(binary.LittleEndian.Uint32(b[20:])),
	}
}

// find returns the last leaf that starts at or before (series, time), or the
// first leaf when there is none.
func (t topIndex) find(series model.SeriesID, time int64) int {
	lo, hi := 0, t.leaves()
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		e := t.at(mid)
		if e.series < series || e.series == series && e.time <= time {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return max(lo-1, 0)
}
