package tsm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsm/encoding"
)

// Inspect prints every structure of a TSM file with its offset, its meaning and
// whether its checksum holds. It goes on behind damage as far as that can be
// done, and returns an error that joins all damage found.
func Inspect(w io.Writer, fs vfs.FS, name string) error {
	m, err := fs.Map(name)
	if err != nil {
		return fmt.Errorf("inspect %s: %w", name, err)
	}
	p := inspector{w: w, name: name, b: m.Bytes()}
	p.printEdges()
	if len(p.damage) == 0 {
		p.printBlocks(fs)
	}
	return errors.Join(append(p.damage, p.writeErr, m.Close())...)
}

// inspector prints one file.
type inspector struct {
	w        io.Writer
	name     string
	b        []byte
	damage   []error
	writeErr error
}

func (p *inspector) line(offset int64, format string, args ...any) {
	if p.writeErr == nil {
		_, p.writeErr = fmt.Fprintf(p.w, "%8d  %s\n", offset, fmt.Sprintf(format, args...))
	}
}

// verdict says whether err is nil, and keeps it.
func (p *inspector) verdict(err error) string {
	if err == nil {
		return "crc ok"
	}
	p.damage = append(p.damage, err)
	return "DAMAGED: " + err.Error()
}

// printEdges prints header, footer, directory and sections.
func (p *inspector) printEdges() {
	h, err := decodeHeader(p.name, p.b)
	p.line(0, "header: version %d, generation %d, level %d, LSN %d to %d, deletes applied up to %d, %s",
		h.version, h.generation, h.level, h.minLSN, h.maxLSN, h.applied, p.verdict(err))
	f, err := decodeFooter(p.name, p.b)
	p.line(int64(max(0, len(p.b)-footerSize)), "footer: generation %d, directory of %d bytes at %d, %s",
		f.generation, f.directoryLength, f.directoryOffset, p.verdict(err))
	if err != nil {
		return
	}
	sections, err := decodeDirectory(p.name, p.b, f)
	p.line(int64(f.directoryOffset), "directory: %d sections, %s", len(sections), p.verdict(err))
	for _, s := range sections {
		p.printSection(s)
	}
}

func (p *inspector) printSection(s section) {
	b := p.b[s.offset:][:s.length]
	var err error
	if got := checksum(0, b); got != s.sum {
		err = corrupt(p.name, int64(s.offset), s.typ.String(), "checksum is %08x, stored %08x", got, s.sum)
	}
	need := "optional"
	if s.required {
		need = "required"
	}
	p.line(int64(s.offset), "section %v: type %d, %d bytes, %s, %s", s.typ, uint16(s.typ), s.length, need, p.verdict(err))
	if err != nil {
		return
	}
	switch s.typ {
	case sectionSchema:
		fields, _ := decodeSchema(b)
		for _, f := range fields {
			p.line(int64(s.offset), "  field %d: %q of %q, %v", f.Number, f.Name, f.Measurement, f.Type)
		}
	case sectionSeries:
		if ids, err := decodeIDs(b); err == nil && !ids.IsEmpty() {
			p.line(int64(s.offset), "  %d series, %d to %d", ids.GetCardinality(), ids.Minimum(), ids.Maximum())
		}
	case sectionStatistics:
		var info Info
		if decodeStatistics(b, &info) {
			p.line(int64(s.offset), "  %d rows, %d values, %d series, %d blocks, timestamps %d to %d",
				info.Rows, info.Values, info.Series, info.Blocks, info.Range.Min, info.Range.Max)
		}
	case sectionBlockIndex, sectionMultiIndex, sectionCellIndex:
		top := topIndex(b)
		for i := range top.leaves() {
			e := top.at(i)
			from := ""
			if e.time != math.MinInt64 {
				from = fmt.Sprintf(", timestamp %d", e.time)
			}
			p.line(int64(s.offset)+int64(i*topEntrySize), "  leaf of %d bytes at %d: from series %d%s", e.length, e.offset, e.series, from)
		}
	}
}

// printBlocks prints the blocks with their pages.
func (p *inspector) printBlocks(fs vfs.FS) {
	r, err := Open(fs, p.name)
	if err != nil {
		p.line(0, "%s", p.verdict(err))
		return
	}
	defer r.Close()
	err = r.Walk(context.Background(), func(b *BlockRef) error {
		p.printBlock(r, b)
		return p.writeErr
	})
	if err != nil {
		p.line(0, "%s", p.verdict(err))
	}
	p.printCells(r)
}

// printCells prints what the file knows of every series by the hour.
func (p *inspector) printCells(r *Reader) {
	var set CellSet
	r.eachCells(func(series model.SeriesID, record []byte) {
		at := r.cells.at(r.cells.find(series, math.MaxInt64)).offset
		fields, err := recordFields(record, &set)
		if err == nil && !set.decode(record, fields, model.AllTime) {
			err = r.lost(at, "cells", series, noRange, nil, "malformed record")
		}
		p.line(at, "cells of series %d: %d bytes, %d slots, %s", series, len(record), len(set.Slots), p.verdict(err))
		for i := range set.Slots {
			s := &set.Slots[i]
			p.line(at, "  hour %d: %d rows, timestamps %d to %d", s.Hour, s.Rows, s.First, s.Last)
			for k, number := range fields {
				stats, known, whole := set.Stats(i, k)
				f := fieldEntry{flags: entryStats, stats: *stats}
				what := ""
				if !known {
					f.flags, what = 0, "; no statistics"
				}
				if whole {
					what = "; exact in any order"
				}
				if stats.Count > 0 {
					p.line(at, "    field %d: %d values%s%s", number, stats.Count, describeStats(&f), what)
				}
			}
		}
	}, func(err error) bool {
		if err != nil {
			p.line(0, "%s", p.verdict(err))
		}
		return err != nil
	})
}

func (p *inspector) printBlock(r *Reader, b *BlockRef) {
	if b.Shared() {
		p.line(b.offset, "block of %d series, %d to %d: %d rows, timestamps %d to %d", b.series, b.first, b.last, b.rows, b.span.Min, b.span.Max)
		p.printPage(r, b, fieldEntry{number: seriesPageNumber, pageLen: b.seriesLen}, b.offset)
	} else {
		p.line(b.offset, "block of series %d: %d rows, timestamps %d to %d", b.Series, b.rows, b.span.Min, b.span.Max)
	}
	p.printPage(r, b, fieldEntry{number: timePageNumber, pageLen: b.timeLen}, b.offset+int64(b.seriesLen))
	err := b.eachField(func(f *fieldEntry, offset int64) bool {
		p.printPage(r, b, *f, offset)
		return true
	})
	if err != nil {
		p.line(b.offset, "  %s", p.verdict(err))
	}
}

func (p *inspector) printPage(r *Reader, b *BlockRef, f fieldEntry, offset int64) {
	var seed pageSeed
	seed.set(b.first, b.span.Min, b.rows)
	body, err := r.openPage(b, &seed, f.number, p.b[offset:][:f.pageLen], offset)
	if err != nil {
		p.line(offset, "  %s: %d bytes, %s", pageName(f.number), f.pageLen, p.verdict(err))
		return
	}
	what, values := "", b.rows
	if f.number <= MaxFieldNumber {
		what, values = describeStats(&f), int(f.stats.Count)
		if f.partial(b.rows) {
			if _, _, body, err = encoding.CutPresence(nil, body, b.rows); err != nil {
				p.line(offset, "  %s: %d bytes, %s", pageName(f.number), f.pageLen, p.verdict(err))
				return
			}
		}
	}
	if f.number == seriesPageNumber {
		values = b.series
		_, err = decodeSeriesPage(body, b)
	} else {
		err = r.ReadBlock(b, fieldList(f.number), new(Block))
	}
	codec := encoding.Codec(0)
	if len(body) > 0 {
		codec = encoding.Codec(body[0])
	}
	p.line(offset, "  %s: %d bytes, %v, %d values, %s%s", pageName(f.number), f.pageLen, codec, values, p.verdict(err), what)
}

func fieldList(number uint32) []uint32 {
	if number > MaxFieldNumber {
		return nil
	}
	return []uint32{number}
}

func describeStats(f *fieldEntry) string {
	s := &f.stats
	if f.flags&entryStats == 0 {
		return ""
	}
	numbers := func(least, most, sum, first, last any) string {
		return fmt.Sprintf("; min %v, max %v, sum %v, first %v at %d, last %v at %d", least, most, sum, first, s.FirstTime, last, s.LastTime)
	}
	switch s.Type {
	case model.Float:
		return numbers(s.Floats.Min, s.Floats.Max, s.Floats.Sum, s.Floats.First, s.Floats.Last)
	case model.Integer:
		return numbers(s.Integers.Min, s.Integers.Max, s.Integers.Sum, s.Integers.First, s.Integers.Last)
	case model.Unsigned:
		return numbers(s.Unsigneds.Min, s.Unsigneds.Max, s.Unsigneds.Sum, s.Unsigneds.First, s.Unsigneds.Last)
	case model.Boolean:
		return fmt.Sprintf("; %d true, first %v at %d, last %v at %d", s.Trues, s.FirstBool, s.FirstTime, s.LastBool, s.LastTime)
	}
	return fmt.Sprintf("; first %q at %d, last %q at %d", s.FirstBytes, s.FirstTime, s.LastBytes, s.LastTime)
}

// InspectTombstones prints every frame of a tombstone log. It returns an error
// that joins all damage found; a torn tail is printed, but is no damage.
func InspectTombstones(w io.Writer, fs vfs.FS, name string) error {
	b, err := vfs.ReadFile(fs, name, maxTombstoneBytes)
	if err != nil {
		return fmt.Errorf("inspect %s: %w", name, err)
	}
	p := inspector{w: w, name: name, b: b}
	log, err := parseTombstones(name, b)
	p.line(0, "header: version %d, first sequence %d, %s", tombstoneVersion, log.base, p.verdict(err))
	if err != nil {
		return errors.Join(append(p.damage, p.writeErr)...)
	}
	for i := range log.frames {
		f := &log.frames[i]
		d := &f.delete
		if f.err != nil {
			p.line(f.offset, "frame: %d bytes, sequence %d", frameHeaderSize+f.length, f.sequence)
			continue
		}
		field := "all fields"
		if d.OneField {
			field = fmt.Sprintf("field %d", d.Field)
		}
		p.line(f.offset, "frame: %d bytes, sequence %d, crc ok; files up to generation %d, %d series from %d to %d, timestamps %d to %d, %s",
			frameHeaderSize+f.length, f.sequence, d.MaxGeneration, d.Series.GetCardinality(), d.Series.Minimum(), d.Series.Maximum(), d.Range.Min, d.Range.Max, field)
	}
	for _, err := range log.damage {
		var c *CorruptError
		if errors.As(err, &c) {
			p.line(c.Offset, "%s", p.verdict(err))
		}
	}
	if torn := int64(len(b)) - log.end; torn > 0 {
		p.line(log.end, "torn tail of %d bytes", torn)
	}
	return errors.Join(append(p.damage, p.writeErr)...)
}
