package wal

import (
	"bufio"
	"fmt"
	"io"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// Inspect prints every structure of a segment file with its offset: both
// copies of the header, each frame with what its entry says, damage, and what is
// behind the last frame. Damage is printed, not returned; an error is one of
// reading or writing.
func Inspect(w io.Writer, fs vfs.FS, name string) error {
	s, err := openScanner(fs, name, nil)
	if err != nil {
		return err
	}
	defer s.close()
	out := bufio.NewWriter(w)
	p := inspector{scanner: s, out: out}
	if err := p.print(); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("inspect segment %s: %w", name, err)
	}
	return nil
}

// inspector prints one segment. Its entries are reused from frame to frame.
type inspector struct {
	scanner *scanner
	out     *bufio.Writer
	last    uint64 // LSN of the frame before

	series Series
	fields Fields
	rows   Rows
	delete Delete
}

// line prints one structure: where it is, how long it is, what it says.
func (p *inspector) line(offset, length int64, format string, args ...any) {
	fmt.Fprintf(p.out, "%08x %8d  ", offset, length)
	fmt.Fprintf(p.out, format, args...)
	p.out.WriteByte('\n')
}

func (p *inspector) print() error {
	s := p.scanner
	fmt.Fprintf(p.out, "segment, %d bytes\n  offset   length  content\n", s.size)
	b, err := s.window(0, framesAt)
	if err != nil {
		return err
	}
	for _, at := range []int{0, headerBlockBytes} {
		at := min(at, len(b))
		p.header(int64(at), b[at:])
	}
	h, _, err := s.header()
	if err != nil {
		p.line(0, 0, "no good header: frames cannot be checked")
		return nil //nolint:nilerr // told on the line above
	}
	p.last = h.firstLSN - 1
	return p.frames()
}

func (p *inspector) header(offset int64, b []byte) {
	length := int64(min(len(b), headerBlockBytes))
	h, reason := decodeSegmentHeader(b)
	if reason != "" {
		p.line(offset, length, "header    DAMAGED: %s", reason)
		return
	}
	p.line(offset, length, "header    version %d, segment %d, generation %d, first LSN %d, follows segment %d of generation %d up to LSN %d",
		segmentVersion, h.number, h.generation, h.firstLSN, h.prevNumber, h.prevGeneration, h.prevLSN)
}

// frames prints frames, and damage between them, up to the end.
func (p *inspector) frames() error {
	s := p.scanner
	for offset := int64(framesAt); ; {
		h, payload, reason, err := s.frame(offset)
		if err != nil {
			return err
		}
		if reason == "" && h.lsn > p.last {
			p.frame(offset, &h, payload)
			offset += h.bytes()
			continue
		}
		next, err := s.resync(offset, p.last)
		if err != nil {
			return err
		}
		if next < 0 {
			return p.rest(offset, reason)
		}
		p.line(offset, next-offset, "damage    %s", orNotAscending(reason, h.lsn))
		offset = next
	}
}

func orNotAscending(reason string, lsn uint64) string {
	if reason == "" {
		return fmt.Sprintf("LSN %d does not ascend", lsn)
	}
	return reason
}

func (p *inspector) frame(offset int64, h *frameHeader, payload []byte) {
	if h.lsn != p.last+1 {
		p.line(offset, 0, "gap       LSN %d to %d are missing", p.last+1, h.lsn-1)
	}
	p.last = h.lsn
	p.line(offset, h.bytes(), "frame     LSN %d, durable up to %d, checksum %08x, kind %d %s%s",
		h.lsn, h.provenLSN(), h.checksum, h.kind, h.kind, p.entry(h.kind, payload))
}

// rest describes what is behind the last frame.
func (p *inspector) rest(offset int64, reason string) error {
	used, err := p.scanner.lastNonZero(offset)
	if err != nil {
		return err
	}
	if reason != endReason {
		p.line(offset, used-offset, "tail      torn or from an earlier use: %s", orNotAscending(reason, 0))
		offset = used
	} else if used > offset {
		p.line(offset, endMarkBytes, "end mark")
		p.line(offset+endMarkBytes, used-offset-endMarkBytes, "tail      from an earlier use")
		offset = used
	}
	if p.scanner.size > offset {
		p.line(offset, p.scanner.size-offset, "zeros")
	}
	return nil
}

// entry sums up a payload.
func (p *inspector) entry(kind Kind, payload []byte) string {
	text, err := "", error(nil)
	switch kind {
	case KindSeries:
		if err = DecodeSeries(payload, &p.series); err == nil {
			text = fmt.Sprintf("database %d, %d from ID %d on", p.series.Database, len(p.series.Keys), p.series.First)
		}
	case KindFields:
		if err = DecodeFields(payload, &p.fields); err == nil {
			text = fmt.Sprintf("database %d, shard %d", p.fields.Database, p.fields.Shard)
			for _, f := range p.fields.Fields {
				text += fmt.Sprintf(", %d is %q.%q %s", f.Number, f.Measurement, f.Name, f.Type)
			}
		}
	case KindRows:
		if err = DecodeRows(payload, &p.rows); err == nil {
			text = p.rowsSummary()
		}
	case KindDelete:
		if err = DecodeDelete(payload, &p.delete); err == nil {
			d := &p.delete
			text = fmt.Sprintf("database %d, times %d to %d, %d bytes of series, shards %v", d.Database, d.Min, d.Max, len(d.Series), d.Shards)
			if d.Measurement != nil {
				text += fmt.Sprintf(", measurement %q", d.Measurement)
			}
		}
	default:
		return fmt.Sprintf(", %d bytes", len(payload))
	}
	if err != nil {
		return fmt.Sprintf(", DAMAGED: %v", err)
	}
	return ": " + text
}

func (p *inspector) rowsSummary() string {
	t := p.rows.Table
	text := fmt.Sprintf("database %d, shard %d, %d rows", p.rows.Database, p.rows.Shard, t.Rows())
	if n := t.Rows(); n > 0 {
		text += fmt.Sprintf(", first series %d at %d", t.Series[0], t.Times[0])
	}
	for i := range t.Columns {
		c := &t.Columns[i]
		text += fmt.Sprintf(", field %d %s", p.rows.Fields[i], c.Type)
		if !c.Dense() {
			text += fmt.Sprintf(" in %d", len(c.Values))
		}
	}
	return text
}
