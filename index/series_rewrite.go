package index

import (
	"fmt"
	"io"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/internal/vfs"
)

// The keys of freed series go from the series log when a checkpoint leaves the
// series out: segments that are full and of which less than a half lives on are
// written again under the generation of that checkpoint, without the others. The
// checkpoint names the places in the new files; with its publication they count,
// and the old files go.

// rotateShare is the part of the size of a full segment from which on the last
// one is closed for the sake of a rewrite: one of rotateShare.
const rotateShare = 32

// segmentUse is what is known of a full segment.
type segmentUse struct {
	file   segmentFile
	first  uint32
	end    uint32 // the id after those of which it tells
	stored int    // keys
	live   int    // keys of series that live on
	blocks []blockLoc
}

// logRewrite plans and carries out the rewriting for one checkpoint.
type logRewrite struct {
	fs         vfs.FS
	dir        string
	generation uint32          // of the new files
	live       *roaring.Bitmap // ids that stay
	blocks     []blockLoc      // all that have a key that stays, by id; changed to the new places
	superseded []segmentFile
	count      int64
	saved      int64       // bytes
	written    generations // of all segments, with the new files
}

// run rewrites those of the files before the segment end that lose most of
// their keys. Files that cannot be read stay as they are.
func (r *logRewrite) run(files []segmentFile, end uint32) error {
	kept := r.blocks[:0:0]
	for _, l := range r.blocks {
		if r.live.IntersectsWithInterval(uint64(l.first), uint64(l.first)+uint64(l.count)) {
			kept = append(kept, l)
		}
	}
	r.blocks = kept
	var out []blockLoc
	rest := r.blocks
	for i, f := range files {
		if f.number >= end || i+1 == len(files) {
			break
		}
		n := 0
		for n < len(rest) && rest[n].at.segment <= f.number {
			n++
		}
		use, err := r.use(f, files[i+1], rest[:n])
		if err != nil {
			return err
		}
		blocks := rest[:n]
		if use != nil && use.live*2 < use.stored {
			if blocks, err = r.rewrite(use); err != nil {
				return err
			}
			if blocks == nil {
				blocks = rest[:n] // it could not be read
			}
		}
		out, rest = append(out, blocks...), rest[n:]
	}
	r.blocks = append(out, rest...) //nolint:gocritic // out is the first part of the new list
	return nil
}

// use counts the keys of a file; nil when its header or that of the next one
// cannot be read.
func (r *logRewrite) use(f, next segmentFile, blocks []blockLoc) (*segmentUse, error) {
	h, ok, err := r.header(f)
	if err != nil || !ok {
		return nil, err
	}
	u := &segmentUse{file: f, first: h.first, end: h.end, stored: int(h.keys), blocks: blocks}
	if h.end == 0 {
		after, ok, err := r.header(next)
		if err != nil || !ok || after.first < h.first {
			return nil, err
		}
		u.end, u.stored = after.first, int(after.first-h.first)
	}
	for _, l := range blocks {
		if l.at.segment != f.number || l.first < u.first || l.first+uint32(l.count) > u.end {
			return nil, nil // not what the header says
		}
		u.live += int(r.live.CardinalityInRange(uint64(l.first), uint64(l.first)+uint64(l.count)))
	}
	return u, nil
}

func (r *logRewrite) header(f segmentFile) (h segmentHeader, ok bool, err error) {
	m, err := r.fs.Map(f.path(r.dir))
	if err != nil {
		return h, false, fmt.Errorf("rewrite series log: %w", err)
	}
	defer m.Close()
	h, err = decodeSegmentHeader(m.Bytes())
	return h, err == nil, nil
}

// rewrite writes a segment without the keys of freed series and returns the
// places of its blocks; nil when some cannot be read.
func (r *logRewrite) rewrite(u *segmentUse) ([]blockLoc, error) {
	m, err := r.fs.Map(u.file.path(r.dir))
	if err != nil {
		return nil, fmt.Errorf("rewrite series log: %w", err)
	}
	defer m.Close()
	w := segmentWriter{segment: u.file.number, live: r.live}
	w.buf = appendSegmentHeader(w.buf, segmentHeader{segment: u.file.number, first: u.first, end: u.end, keys: uint32(u.live)})
	for _, l := range u.blocks {
		if !w.copyBlock(m.Bytes(), l) {
			return nil, nil
		}
	}
	w.closeBlock()
	file := segmentFile{u.file.number, r.generation}
	err = vfs.WriteFile(r.fs, file.path(r.dir), func(to io.Writer) error {
		_, err := to.Write(w.buf)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("rewrite series log: %w", err)
	}
	r.superseded = append(r.superseded, u.file)
	r.written[u.file.number] = r.generation
	r.count++
	r.saved += int64(len(m.Bytes()) - len(w.buf))
	if w.blocks == nil {
		w.blocks = []blockLoc{}
	}
	return w.blocks, nil
}

// segmentWriter collects the blocks of a rewritten segment, which is at most half
// as large as a full one.
type segmentWriter struct {
	segment uint32
	live    *roaring.Bitmap
	buf     []byte
	blocks  []blockLoc

	first       uint32 // of the open block
	count       int
	plain, prev []byte
	scratch     []byte
}

// copyBlock takes over the live keys of a block. It returns false when the block
// cannot be read.
func (w *segmentWriter) copyBlock(data []byte, l blockLoc) bool {
	if uint64(l.at.offset) > uint64(len(data)) {
		return false
	}
	data = data[l.at.offset:]
	h, err := decodeBlockHeader(data, w.segment)
	if err != nil || h.first != l.first || h.count != l.count {
		return false
	}
	plain, err := decodeBlockPayload(&h, data, w.scratch)
	if err != nil {
		return false
	}
	if h.codec == codecSnappy {
		w.scratch = plain
	}
	return walkBlock(plain, int(h.count), func(i int, key []byte) bool {
		if id := l.first + uint32(i); w.live.Contains(id) {
			w.add(id, key)
		}
		return true
	}) == nil
}

func (w *segmentWriter) add(id uint32, key []byte) {
	if w.count > 0 && (id != w.first+uint32(w.count) || w.count == maxBlockKeys || len(w.plain) >= fullBlock) {
		w.closeBlock()
	}
	if w.count == 0 {
		w.first = id
	}
	w.plain = appendFrontCoded(w.plain, w.prev, key)
	w.prev = append(w.prev[:0], key...)
	w.count++
}

func (w *segmentWriter) closeBlock() {
	if w.count == 0 {
		return
	}
	at := logPosition{w.segment, uint32(len(w.buf))}
	w.blocks = append(w.blocks, blockLoc{first: w.first, count: uint16(w.count), at: at})
	w.buf = appendBlock(w.buf, w.segment, w.first, w.count, w.plain)
	w.count, w.plain, w.prev = 0, w.plain[:0], w.prev[:0]
}
