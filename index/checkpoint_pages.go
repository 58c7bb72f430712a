package index

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"sync/atomic"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// pageWriter counts what is written and takes the checksum of every page.
type pageWriter struct {
	w      *bufio.Writer
	offset uint64
	crc    uint32
	sums   []uint32
}

func newPageWriter(w io.Writer) *pageWriter { return &pageWriter{w: bufio.NewWriterSize(w, 256<<10)} }

// Write writes b; errors of the file stick and show at the end, too.
func (p *pageWriter) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		room := checksumPage - int(p.offset%checksumPage)
		part := b[:min(room, len(b))]
		p.crc = crc32.Update(p.crc, castagnoli, part)
		if _, err := p.w.Write(part); err != nil {
			return 0, err
		}
		p.offset += uint64(len(part))
		b = b[len(part):]
		if p.offset%checksumPage == 0 {
			p.closePage()
		}
	}
	return n, nil
}

func (p *pageWriter) closePage() {
	p.sums = append(p.sums, p.crc)
	p.crc = 0
}

// align writes zeros up to a multiple of eight.
func (p *pageWriter) align() error {
	var zeros [8]byte
	_, err := p.Write(zeros[:-p.offset&7])
	return err
}

// finish writes page checksums, directory and footer.
func (p *pageWriter) finish(sections []section, root tableRef) error {
	f := checkpointFooter{dataEnd: p.offset, sections: uint32(len(sections)), root: root}
	if p.offset%checksumPage != 0 {
		p.closePage()
	}
	var tail []byte
	for _, sum := range p.sums {
		tail = binary.LittleEndian.AppendUint32(tail, sum)
	}
	for _, s := range sections {
		tail = appendSection(tail, s)
	}
	f.tailCRC = crc32.Checksum(tail, castagnoli)
	if _, err := p.w.Write(appendCheckpointFooter(tail, &f)); err != nil {
		return err
	}
	return p.w.Flush()
}

// pages is a mapped checkpoint whose pages are verified when they are first
// looked at.
type pages struct {
	name     string
	mapping  vfs.Mapping
	data     []byte // header and sections
	sums     []byte // a checksum per page
	verified []atomic.Uint32
	onDamage func()
}

// openPages maps a checkpoint and verifies what is needed to find the sections.
func openPages(fsys vfs.FS, name string) (p *pages, h checkpointHeader, sections []section, err error) {
	m, err := fsys.Map(name)
	if err != nil {
		return nil, h, nil, fmt.Errorf("open checkpoint: %w", err)
	}
	p = &pages{name: name, mapping: m}
	if h, sections, err = p.head(m.Bytes()); err != nil {
		m.Close()
		return nil, h, nil, err
	}
	return p, h, sections, nil
}

func (p *pages) head(b []byte) (h checkpointHeader, sections []section, err error) {
	fail := func(off int, err error) (checkpointHeader, []section, error) {
		if isVersion(err) {
			return h, nil, fmt.Errorf("open checkpoint %s: %w", p.name, err)
		}
		return h, nil, &CorruptionError{File: p.name, Offset: int64(off), Reason: err.Error()}
	}
	if h, err = decodeCheckpointHeader(b); err != nil {
		return fail(0, err)
	}
	if len(b) < checkpointHeaderSize+checkpointFooterSize {
		return fail(len(b), fmt.Errorf("checkpoint has only %d bytes", len(b)))
	}
	end := len(b) - checkpointFooterSize
	f, err := decodeCheckpointFooter(b[end:])
	if err != nil {
		return fail(end, err)
	}
	if f.dataEnd > uint64(end) || f.dataEnd+f.pages()*4+uint64(f.sections)*sectionEntrySize != uint64(end) {
		return fail(end, fmt.Errorf("data of %d bytes and %d sections do not fit %d bytes", f.dataEnd, f.sections, len(b)))
	}
	tail := b[f.dataEnd:end]
	if got := crc32.Checksum(tail, castagnoli); got != f.tailCRC {
		return fail(int(f.dataEnd), fmt.Errorf("directory has checksum %08x, want %08x", got, f.tailCRC))
	}
	p.data, p.sums = b[:f.dataEnd:f.dataEnd], tail[:f.pages()*4]
	p.verified = make([]atomic.Uint32, (f.pages()+31)/32)
	h.root = f.root
	for dir := tail[f.pages()*4:]; len(dir) > 0; dir = dir[sectionEntrySize:] {
		s := decodeSection(dir)
		if s.offset > f.dataEnd || s.length > f.dataEnd-s.offset {
			return fail(int(f.dataEnd), fmt.Errorf("section %d at %d with %d bytes lies outside of the file", s.typ, s.offset, s.length))
		}
		sections = append(sections, s)
	}
	return h, sections, nil
}

// view returns n bytes at off after verifying the pages they lie in.
func (p *pages) view(off, n uint64) ([]byte, error) {
	if off > uint64(len(p.data)) || n > uint64(len(p.data))-off {
		return nil, p.corrupt(off, fmt.Sprintf("%d bytes lie outside of the file", n))
	}
	if n == 0 {
		return nil, nil
	}
	for i := off / checksumPage; i <= (off+n-1)/checksumPage; i++ {
		if p.verified[i/32].Load()&(1<<(i%32)) == 0 {
			if err := p.verify(i); err != nil {
				return nil, err
			}
		}
	}
	return p.data[off : off+n : off+n], nil
}

func (p *pages) verify(i uint64) error {
	start := i * checksumPage
	page := p.data[start:min(start+checksumPage, uint64(len(p.data)))]
	want := binary.LittleEndian.Uint32(p.sums[i*4:])
	if got := crc32.Checksum(page, castagnoli); got != want {
		return p.corrupt(start, fmt.Sprintf("page has checksum %08x, want %08x", got, want))
	}
	p.verified[i/32].Or(1 << (i % 32))
	return nil
}

func (p *pages) corrupt(off uint64, reason string) error {
	if p.onDamage != nil {
		p.onDamage()
	}
	return &CorruptionError{File: p.name, Offset: int64(off), Reason: reason}
}
