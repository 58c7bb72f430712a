package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// base is a mapped checkpoint or layer with the segments of the series log that it
// refers to. It never changes. Files stay mapped until the last user has released it.
type base struct {
	p        *pages
	h        checkpointHeader
	freed    *roaring.Bitmap // series of earlier layers that were freed; nil for none
	keys     section
	blocks   section
	presence section
	segments map[uint32]mappedSegment

	generations generations // of the segments; not nil
	dir         string      // of the series log
	slots       uint64      // home slots of the exact-match table
	refs        atomic.Int64
	readers     sync.Pool // of *keyReader
	regexes     regexCache
	checked     []atomic.Uint32 // a bit per granule: the bitmap that starts there is well-formed

	unreadable atomic.Int64 // blocks of the series log that turned out damaged
	damaged    atomic.Bool  // a page turned out damaged
}

// openBase opens the checkpoint name; fs.ErrNotExist when there is none.
func openBase(fsys vfs.FS, name, seriesDir string) (*base, error) {
	p, h, sections, err := openPages(fsys, name)
	if err != nil {
		return nil, err
	}
	b := &base{p: p, h: h, dir: seriesDir, segments: make(map[uint32]mappedSegment), generations: generations{}}
	b.refs.Store(1)
	b.checked = newChecked(p)
	b.readers.New = func() any { return &keyReader{b: b} }
	if err := b.open(fsys, sections); err != nil {
		b.release()
		return nil, err
	}
	return b, nil
}

func (b *base) open(fsys vfs.FS, sections []section) error {
	seen := map[uint16]*section{sectionKeys: &b.keys, sectionBlocks: &b.blocks, sectionTags: {}, sectionPresence: &b.presence}
	for _, s := range sections {
		switch s.typ {
		case sectionSegments:
			if err := b.loadGenerations(s); err != nil {
				return err
			}
			continue
		case sectionFreed:
			if err := b.loadFreed(s); err != nil {
				return err
			}
			continue
		}
		if to := seen[s.typ]; to != nil {
			*to = s
			delete(seen, s.typ)
		} else if s.flags&sectionRequired != 0 {
			return fmt.Errorf("open checkpoint %s: section type %d: %w", b.p.name, s.typ, ErrVersion)
		}
	}
	if len(seen) > 0 {
		return b.p.corrupt(0, fmt.Sprintf("%d required sections are missing", len(seen)))
	}
	if b.keys.length < 8 || b.keys.length%8 != 0 || b.blocks.length%blockEntrySize != 0 {
		return b.p.corrupt(b.keys.offset, "sections of keys and blocks have odd lengths")
	}
	head, err := b.p.view(b.keys.offset, 8)
	if err != nil {
		return err
	}
	b.slots = binary.LittleEndian.Uint64(head)
	if b.slots > b.keys.length {
		return b.p.corrupt(b.keys.offset, fmt.Sprintf("%d slots do not fit the section", b.slots))
	}
	if b.h.covered > maxSeriesID || b.h.after > b.h.covered || b.h.series > b.h.covered-b.h.after || uint64(b.h.series) > b.keys.length/8-1 {
		return b.p.corrupt(16, fmt.Sprintf("%d series of the ids from %d to %d do not fit a section of %d bytes",
			b.h.series, b.h.after+1, b.h.covered, b.keys.length))
	}
	return b.mapSegments(fsys)
}

// loadGenerations reads which segments were rewritten.
func (b *base) loadGenerations(s section) error {
	raw, err := b.p.view(s.offset, s.length)
	if err != nil {
		return err
	}
	if len(raw)%segmentEntrySize != 0 {
		return b.p.corrupt(s.offset, "section of segments has an odd length")
	}
	for ; len(raw) > 0; raw = raw[segmentEntrySize:] {
		b.generations[binary.LittleEndian.Uint32(raw)] = binary.LittleEndian.Uint32(raw[4:])
	}
	return nil
}

// loadFreed reads which series of earlier layers were freed.
func (b *base) loadFreed(s section) error {
	raw, err := b.p.view(s.offset, s.length)
	if err != nil {
		return err
	}
	if b.freed, err = decodeBitmap(raw); err != nil {
		return b.p.corrupt(s.offset, fmt.Sprintf("freed series: %v", err))
	}
	return nil
}

// mapSegments maps the segments that hold the covered keys. A missing one makes
// its keys unreadable, not the index.
func (b *base) mapSegments(fsys vfs.FS) error {
	if b.blocks.length == 0 {
		return nil
	}
	first, err := b.blockAt(0)
	if err != nil {
		return err
	}
	files, _, err := openSegments(fsys, b.dir, b.generations)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.number < first.at.segment {
			continue
		}
		if f.number > b.h.log.segment {
			break
		}
		m, err := fsys.Map(f.path(b.dir))
		if err != nil {
			return fmt.Errorf("map series log: %w", err)
		}
		b.segments[f.number] = mappedSegment{m, f}
	}
	return nil
}

// mappedSegment is a segment of the series log.
type mappedSegment struct {
	vfs.Mapping
	file segmentFile
}

// segmentPath names the file of a segment in errors.
func (b *base) segmentPath(number uint32) string {
	if m, ok := b.segments[number]; ok {
		return m.file.path(b.dir)
	}
	return segmentName(b.dir, number)
}

func (b *base) retain() { b.refs.Add(1) }

func (b *base) release() error {
	if b.refs.Add(-1) > 0 {
		return nil
	}
	err := b.p.mapping.Close()
	for _, m := range b.segments {
		err = errors.Join(err, m.Close())
	}
	return err
}

func (b *base) limit() uint32 { return b.h.covered + 1 }

// keyReader decodes blocks of the series log and keeps the last one.
type keyReader struct {
	b     *base
	loc   blockLoc
	plain []byte
	buf   []byte
}

// blockOf returns the block of id; ok is false when the log has no key for it.
func (b *base) blockOf(id uint32) (loc blockLoc, ok bool, err error) {
	n := int(b.blocks.length / blockEntrySize)
	i := sort.Search(n, func(i int) bool {
		l, e := b.blockAt(i)
		if e != nil {
			err = e
			return true
		}
		return l.first > id
	})
	if err != nil || i == 0 {
		return loc, false, err
	}
	loc, err = b.blockAt(i - 1)
	return loc, err == nil && id < loc.first+uint32(loc.count), err
}

func (b *base) blockAt(i int) (blockLoc, error) {
	e, err := b.p.view(b.blocks.offset+uint64(i)*blockEntrySize, blockEntrySize)
	if err != nil {
		return blockLoc{}, err
	}
	return decodeBlockEntry(e), nil
}

// allBlocks returns all blocks, by id.
func (b *base) allBlocks() ([]blockLoc, error) {
	raw, err := b.p.view(b.blocks.offset, b.blocks.length)
	if err != nil {
		return nil, err
	}
	blocks := make([]blockLoc, 0, len(raw)/blockEntrySize)
	for ; len(raw) > 0; raw = raw[blockEntrySize:] {
		blocks = append(blocks, decodeBlockEntry(raw))
	}
	return blocks, nil
}

func appendBlockEntry(dst []byte, l blockLoc) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, l.first)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(l.count))
	dst = binary.LittleEndian.AppendUint32(dst, l.at.segment)
	return binary.LittleEndian.AppendUint32(dst, l.at.offset)
}

func decodeBlockEntry(e []byte) blockLoc {
	return blockLoc{
		first: binary.LittleEndian.Uint32(e),
		count: binary.LittleEndian.Uint16(e[4:]),
		at:    logPosition{binary.LittleEndian.Uint32(e[8:]), binary.LittleEndian.Uint32(e[12:])},
	}
}

// load decodes the block at loc, unless it is the one decoded last.
func (r *keyReader) load(loc blockLoc) error {
	if r.loc == loc {
		return nil
	}
	r.loc = blockLoc{}
	plain, err := r.decode(loc)
	if err != nil {
		r.b.unreadable.Add(1)
		return &CorruptionError{File: r.b.segmentPath(loc.at.segment), Offset: int64(loc.at.offset),
			First: model.SeriesID(loc.first), Last: model.SeriesID(loc.first + uint32(loc.count) - 1), Reason: err.Error()}
	}
	r.loc, r.plain = loc, plain
	return nil
}

func (r *keyReader) decode(loc blockLoc) ([]byte, error) {
	m, ok := r.b.segments[loc.at.segment]
	if !ok {
		return nil, errors.New("segment is missing")
	}
	data := m.Bytes()
	if uint64(loc.at.offset) > uint64(len(data)) {
		return nil, fmt.Errorf("segment has only %d bytes", len(data))
	}
	data = data[loc.at.offset:]
	h, err := decodeBlockHeader(data, loc.at.segment)
	if err != nil {
		return nil, err
	}
	if h.first != loc.first || h.count != loc.count {
		return nil, fmt.Errorf("block has %d series from %d, want %d from %d", h.count, h.first, loc.count, loc.first)
	}
	plain, err := decodeBlockPayload(&h, data, r.buf)
	if err == nil && h.codec == codecSnappy {
		r.buf = plain
	}
	return plain, err
}

// walk calls fn with the keys of the loaded block.
func (r *keyReader) walk(fn func(id uint32, key []byte) bool) error {
	err := walkBlock(r.plain, int(r.loc.count), func(i int, key []byte) bool { return fn(r.loc.first+uint32(i), key) })
	if err != nil {
		return &CorruptionError{File: r.b.segmentPath(r.loc.at.segment), Offset: int64(r.loc.at.offset), Reason: err.Error()}
	}
	return nil
}

// appendKey appends the key of id.
func (b *base) appendKey(dst []byte, id uint32) ([]byte, error) {
	loc, ok, err := b.blockOf(id)
	if err != nil {
		return dst, err
	}
	if !ok {
		return dst, lostKey(b.dir, id)
	}
	r := b.readers.Get().(*keyReader)
	defer b.readers.Put(r)
	if err := r.load(loc); err != nil {
		return dst, err
	}
	err = r.walk(func(i uint32, key []byte) bool {
		if i == id {
			dst = append(dst, key...)
		}
		return i < id
	})
	return dst, err
}

func lostKey(dir string, id uint32) error {
	return &CorruptionError{File: dir, First: model.SeriesID(id), Last: model.SeriesID(id), Reason: "series log has no key for the series"}
}

// find returns the greatest id of the key: a crash may leave it under the id of
// a freed series, too.
func (b *base) find(h uint64, key []byte, dead *roaring.Bitmap) (found uint32, ok bool, err error) {
	tag := hashTag(h)
	end := b.keys.length/8 - 1
	var buf []byte
	for i := uint64(tag) * b.slots >> 32; i < end; i++ {
		s, err := b.p.view(b.keys.offset+8+i*8, 8)
		if err != nil {
			return 0, false, err
		}
		slot := binary.LittleEndian.Uint64(s)
		if slot == 0 || uint32(slot>>32) > tag {
			break
		}
		if uint32(slot>>32) != tag || isDead(dead, uint32(slot)) {
			continue
		}
		// A key that cannot be read counts as another one: the series gets a
		// new id and can be written again.
		buf, err = b.appendKey(buf[:0], uint32(slot))
		if err == nil && bytes.Equal(buf, key) {
			found, ok = max(found, uint32(slot)), true
		}
	}
	return found, ok, nil
}

func (b *base) eachKey(bm *roaring.Bitmap, fn func(id uint32, key []byte) error) error {
	r := b.readers.Get().(*keyReader)
	defer b.readers.Put(r)
	it := bm.Iterator()
	it.AdvanceIfNeeded(b.h.after + 1)
	for it.HasNext() && it.PeekNext() <= b.h.covered {
		id := it.PeekNext()
		loc, ok, err := b.blockOf(id)
		if err != nil {
			return err
		}
		end := id + 1 // of the ids whose keys are lost
		if ok {
			if r.load(loc) == nil {
				if err := r.each(it, fn); err != nil {
					return err
				}
				continue
			}
			end = loc.first + uint32(loc.count)
		}
		for it.HasNext() && it.PeekNext() < end {
			if err := fn(it.Next(), nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// each calls fn with the keys of the loaded block that the iterator asks for.
func (r *keyReader) each(it roaring.IntPeekable, fn func(id uint32, key []byte) error) error {
	var fail error
	err := r.walk(func(id uint32, key []byte) bool {
		if id == it.PeekNext() {
			it.Next()
			fail = fn(id, key)
		}
		return fail == nil && it.HasNext()
	})
	return errors.Join(fail, err)
}
