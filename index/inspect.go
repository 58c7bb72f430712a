package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// printer writes lines and keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// InspectSeries prints a segment of the series log: every block with its offset
// and keys. Damage is printed where it is, and the walk goes on behind it; the
// error then matches ErrCorrupt.
func InspectSeries(w io.Writer, fsys vfs.FS, name string) error {
	m, err := fsys.Map(name)
	if err != nil {
		return fmt.Errorf("inspect %s: %w", name, err)
	}
	defer m.Close()
	data := m.Bytes()
	p := &printer{w: w}
	p.line("series log segment %s: %d bytes", filepath.Base(name), len(data))
	h, err := decodeSegmentHeader(data)
	if err != nil {
		p.line("%08d header: %v", 0, err)
		f, ok := parseSegmentName(filepath.Base(name))
		if !ok || isVersion(err) {
			return errors.Join(p.err, &CorruptionError{File: name, Reason: err.Error()})
		}
		h.segment = f.number
	} else if h.end != 0 {
		p.line("%08d header: version %d, segment %d, first id %d, rewritten: %d keys of the ids to %d", 0, rewrittenVersion, h.segment, h.first, h.keys, h.end-1)
	} else {
		p.line("%08d header: version %d, segment %d, first id %d", 0, seriesVersion, h.segment, h.first)
	}
	damage := p.blocks(name, data, h.segment)
	if err != nil && damage == nil {
		damage = &CorruptionError{File: name, Reason: err.Error()}
	}
	return errors.Join(p.err, damage)
}

func (p *printer) blocks(name string, data []byte, segment uint32) (damage error) {
	for off := segmentHeaderSize; off < len(data); {
		h, err := decodeBlockHeader(data[off:], segment)
		if err != nil {
			next := off + 1
			for next < len(data) {
				if _, err := decodeBlockHeader(data[next:], segment); err == nil {
					break
				}
				next++
			}
			p.line("%08d damaged: %v, %d bytes skipped", off, err, next-off)
			damage = &CorruptionError{File: name, Offset: int64(off), Reason: err.Error()}
			off = next
			continue
		}
		if err := p.block(&h, data[off:], off); err != nil {
			p.line("%08d damaged: %v", off, err)
			damage = &CorruptionError{File: name, Offset: int64(off), First: model.SeriesID(h.first), Last: model.SeriesID(h.end()) - 1, Reason: err.Error()}
		}
		off = min(off+h.size(), len(data))
	}
	return damage
}

func (p *printer) block(h *blockHeader, data []byte, off int) error {
	if h.mark() {
		p.line("%08d mark: next id %d, durable up to offset %d", off, h.first, h.plain)
		return nil
	}
	codec := "plain"
	if h.codec == codecSnappy {
		codec = "snappy"
	}
	p.line("%08d block: ids %d to %d, %s, %d bytes stored, %d plain, checksum %08x", off, h.first, h.end()-1, codec, h.length, h.plain, h.payloadCRC)
	plain, err := decodeBlockPayload(h, data, nil)
	if err != nil {
		return err
	}
	return walkBlock(plain, int(h.count), func(i int, key []byte) bool {
		measurement, tags, err := model.ParseSeriesKey(key, nil)
		if err != nil {
			p.line("         %6d %q: %v", h.first+uint32(i), key, err)
		} else {
			p.line("         %6d %q", h.first+uint32(i), model.AppendSeriesText(nil, measurement, tags))
		}
		return true
	})
}

// InspectIndex prints a checkpoint: header, sections, the exact-match table, the
// blocks, the tree of measurements, tag keys and values with their ids, and the
// presence, each with its offset.
func InspectIndex(w io.Writer, fsys vfs.FS, name string) error {
	pages, h, sections, err := openPages(fsys, name)
	if err != nil {
		return err
	}
	defer pages.mapping.Close()
	p := &printer{w: w}
	p.line("index checkpoint %s: %d bytes", filepath.Base(name), len(pages.mapping.Bytes()))
	p.line("%08d header: version %d, flags %d, ids %d to %d, %d series, hash seed %#x, series log up to segment %d offset %d",
		0, checkpointVersion, h.flags, h.after+1, h.covered, h.series, h.seed, h.log.segment, h.log.offset)
	for i := range pages.sums[:len(pages.sums)/4] {
		if i%4 == 0 {
			p.line("%08d page checksum: offset %d, %08x", len(pages.data)+i, i/4*checksumPage, binary.LittleEndian.Uint32(pages.sums[i:]))
		}
	}
	b := &base{p: pages, h: h}
	b.checked = newChecked(pages)
	for _, s := range sections {
		if err := p.section(b, s); err != nil {
			return errors.Join(p.err, fmt.Errorf("inspect section %d: %w", s.typ, err))
		}
	}
	p.line("%08d footer: %d sections, tables start at %d", len(pages.mapping.Bytes())-checkpointFooterSize, len(sections), h.root.index)
	return p.err
}

func (p *printer) section(b *base, s section) error {
	names := map[uint16]string{sectionKeys: "keys", sectionBlocks: "blocks", sectionTags: "tags", sectionPresence: "presence", sectionSegments: "segments", sectionFreed: "freed"}
	kind := "optional"
	if s.flags&sectionRequired != 0 {
		kind = "required"
	}
	p.line("%08d section %d %s: %s, %d bytes", s.offset, s.typ, names[s.typ], kind, s.length)
	raw, err := b.p.view(s.offset, s.length)
	if err != nil {
		return err
	}
	switch s.typ {
	case sectionKeys:
		p.keys(raw, s.offset)
	case sectionBlocks:
		for i := 0; i+blockEntrySize <= len(raw); i += blockEntrySize {
			l := decodeBlockEntry(raw[i:])
			p.line("%08d   ids %d to %d: segment %d, offset %d", s.offset+uint64(i), l.first, l.first+uint32(l.count)-1, l.at.segment, l.at.offset)
		}
	case sectionTags:
		return p.measurements(b)
	case sectionPresence:
		return p.presence(raw, s.offset)
	case sectionFreed:
		freed, err := decodeBitmap(raw)
		if err != nil {
			return err
		}
		p.line("%08d   freed: %s, %d bytes", s.offset, printRuns(freed), s.length)
	case sectionSegments:
		for i := 0; i+segmentEntrySize <= len(raw); i += segmentEntrySize {
			p.line("%08d   segment %d: generation %d", s.offset+uint64(i), binary.LittleEndian.Uint32(raw[i:]), binary.LittleEndian.Uint32(raw[i+4:]))
		}
	}
	return nil
}

func (p *printer) keys(raw []byte, offset uint64) {
	for i := 0; i+8 <= len(raw); i += 8 {
		v := binary.LittleEndian.Uint64(raw[i:])
		switch {
		case i == 0:
			p.line("%08d   %d home slots", offset, v)
		case v != 0:
			p.line("%08d   slot %d: hash %08x, id %d", offset+uint64(i), i/8-1, v>>32, uint32(v))
		}
	}
}

func (p *printer) measurements(b *base) error {
	return p.table(b.root(), "  measurement", func(name string, payload []byte) error {
		ids, keys, err := b.splitPayload(payload)
		if err != nil {
			return err
		}
		if err := p.posting(b, "    all", ids); err != nil {
			return err
		}
		return p.table(keys, "    tag key", func(name string, payload []byte) error {
			ids, values, err := b.splitPayload(payload)
			if err != nil {
				return err
			}
			if err := p.posting(b, "      all", ids); err != nil {
				return err
			}
			return p.table(values, "      tag value", func(name string, payload []byte) error {
				return p.posting(b, "        ids", payload)
			})
		})
	})
}

// table prints a table and has fn print what belongs to each entry.
func (p *printer) table(t table, what string, fn func(name string, payload []byte) error) error {
	p.line("%08d %s table: %d entries in %d blocks", t.ref.index, what, t.ref.entries, t.ref.blocks)
	c := tableCursor{t: t}
	for c.next() {
		p.line("%08d %s %q", c.offset, what, c.key)
		if err := fn(string(c.key), c.payload); err != nil {
			return err
		}
	}
	return c.fail
}

func (p *printer) posting(b *base, what string, payload []byte) error {
	ref, _, err := decodePosting(payload, nil)
	if err != nil {
		return err
	}
	ids, _, err := b.posting(payload)
	if err != nil {
		return err
	}
	if ids.bm == nil {
		p.line("         %s: %d", what, ids.list)
	} else {
		p.line("%08d %s: %s, %d bytes", ref.offset, what, printRuns(ids.bm), ref.length)
	}
	return nil
}

// printRuns prints a bitmap as at most eight ranges.
func printRuns(bm *roaring.Bitmap) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d ids:", bm.GetCardinality())
	runs := 0
	for it := bm.Iterator(); it.HasNext(); runs++ {
		first := it.Next()
		last := first
		for it.HasNext() && it.PeekNext() == last+1 {
			last = it.Next()
		}
		if runs == 8 {
			b.WriteString(" …")
			break
		}
		if first == last {
			fmt.Fprintf(&b, " %d", first)
		} else {
			fmt.Fprintf(&b, " %d-%d", first, last)
		}
	}
	return b.String()
}

func (p *printer) presence(raw []byte, offset uint64) error {
	if _, err := decodePresence(raw); err != nil {
		return err
	}
	for at := 4; at+12 <= len(raw); {
		shard, size := binary.LittleEndian.Uint64(raw[at:]), int(binary.LittleEndian.Uint32(raw[at+8:]))
		bm := roaring.New()
		if err := bm.UnmarshalBinary(raw[at+12 : at+12+size]); err != nil {
			return err
		}
		p.line("%08d   shard %d: %s, %d bytes", offset+uint64(at), shard, printRuns(bm), size)
		at += 12 + size
	}
	return nil
}
