package index

import (
	"context"
	"errors"
	"fmt"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// logScan walks the blocks of the series log from a position.
type logScan struct {
	fs      vfs.FS
	dir     string
	from    logPosition
	next    uint32 // the id that the next block should start with
	damage  []*CorruptionError
	end     logPosition // of the last segment: where appending goes on
	keysEnd uint32      // of the last segment: after the last block with keys
	torn    int64       // bytes after end
	remake  bool        // the last segment was torn while it was made
	bytes   int64       // of all segments
	keyed   bool        // the last segment has keys after its last mark
	onBlock func(loc blockLoc, keys *blockKeys) error

	file   segmentFile // the one that is read
	sparse bool        // it was rewritten: ids without a block are those of freed series
}

// blockKeys is a decoded block.
type blockKeys struct {
	plain []byte
	count int
}

// run scans the segments. from.segment 0 means the start of the log.
func (s *logScan) run(ctx context.Context, segments []segmentFile, from logPosition) error {
	want := max(from.segment, 1)
	s.from = from
	for i, f := range segments {
		n := f.number
		if n < want {
			if err := s.addSize(f); err != nil {
				return err
			}
			continue
		}
		for ; want < n; want++ {
			s.report(want, 0, s.next, 0, "segment is missing")
		}
		start := uint32(segmentHeaderSize)
		if n == from.segment {
			start = from.offset
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.segment(f, start, i == len(segments)-1); err != nil {
			return err
		}
		want = n + 1
	}
	for ; want <= from.segment; want++ {
		s.report(want, 0, 0, 0, "segment is missing")
	}
	return nil
}

func (s *logScan) addSize(f segmentFile) error {
	st, err := s.fs.Stat(f.path(s.dir))
	if err != nil {
		return fmt.Errorf("open series log: %w", err)
	}
	s.bytes += st.Size
	return nil
}

func (s *logScan) report(segment uint32, offset int64, first, last uint32, reason string) {
	if last < first {
		first, last = 0, 0
	}
	file := segmentFile{number: segment}
	if s.file.number == segment {
		file = s.file
	}
	s.damage = append(s.damage, &CorruptionError{File: file.path(s.dir), Offset: offset,
		First: model.SeriesID(first), Last: model.SeriesID(last), Reason: reason})
}

func (s *logScan) segment(f segmentFile, start uint32, last bool) error {
	n, name := f.number, f.path(s.dir)
	s.file, s.sparse = f, f.generation > 0
	m, err := s.fs.Map(name)
	if err != nil {
		return fmt.Errorf("open series log segment %s: %w", name, err)
	}
	defer m.Close()
	data := m.Bytes()
	s.bytes += int64(len(data))
	s.end, s.keysEnd, s.torn, s.keyed = logPosition{n, start}, start, 0, false
	end, err := s.header(n, data, last)
	if err != nil {
		return err
	}
	if len(data) < int(start) {
		if start > segmentHeaderSize {
			s.report(n, int64(len(data)), 0, 0, fmt.Sprintf("segment ends before offset %d, up to which the checkpoint covers it", start))
		}
		s.end = logPosition{}
		return nil
	}
	if err := s.blocks(n, data, start, last && !s.sparse); err != nil {
		return err
	}
	s.next = max(s.next, end)
	return nil
}

// header checks the header of a segment and returns the id after those of which a
// rewritten segment tells. Damage is reported, but the blocks carry all that is
// needed to read them.
func (s *logScan) header(n uint32, data []byte, last bool) (end uint32, err error) {
	h, err := decodeSegmentHeader(data)
	switch {
	case errors.Is(err, ErrVersion):
		return 0, fmt.Errorf("open %s: %w", s.file.path(s.dir), err)
	case err != nil && last && !s.sparse && len(data) <= segmentHeaderSize:
		s.remake = true
		return 0, nil
	case err != nil:
		s.report(n, 0, 0, 0, err.Error())
	case h.segment != n:
		s.report(n, 12, 0, 0, fmt.Sprintf("segment has number %d in its header", h.segment))
	default:
		sparse := s.sparse
		s.sparse = false // what is missing before the segment is not its freed series
		s.jump(n, 0, h.first)
		s.sparse = sparse
	}
	return h.end, nil
}

func (s *logScan) blocks(n uint32, data []byte, off uint32, last bool) error {
	var buf []byte
	for int(off) < len(data) {
		h, plain, err := s.block(n, data[off:], buf)
		if err != nil {
			resume, ok := s.resume(n, data, off, last)
			if !ok {
				s.torn = int64(len(data)) - int64(off)
				return nil
			}
			next := max(s.next, s.firstAt(n, data, resume))
			s.report(n, int64(off), s.next, next-1, err.Error())
			s.next, off = next, resume
			continue
		}
		s.jump(n, int64(off), h.first)
		if h.mark() {
			s.keyed = s.keyed && h.plain < s.keysEnd
		} else {
			s.keyed = true
			if s.onBlock != nil {
				loc := blockLoc{first: h.first, count: h.count, at: logPosition{n, off}}
				if err := s.onBlock(loc, &blockKeys{plain, int(h.count)}); err != nil {
					return err
				}
			}
			if cap(plain) > cap(buf) && h.codec == codecSnappy {
				buf = plain
			}
			s.next = h.end()
			s.keysEnd = off + uint32(h.size())
		}
		off += uint32(h.size())
		s.end.offset = off
	}
	return nil
}

// jump leaves out the ids before first: blocks before were lost without a
// trace, or the ids were reserved because their keys were.
func (s *logScan) jump(n uint32, off int64, first uint32) {
	if s.sparse {
		s.next = max(s.next, first)
	} else if first > s.next {
		s.report(n, off, s.next, first-1, "keys before are not in the series log")
		s.next = first
	}
}

// block decodes the block at the start of data and checks that it fits.
func (s *logScan) block(n uint32, data, buf []byte) (h blockHeader, plain []byte, err error) {
	if h, err = decodeBlockHeader(data, n); err != nil {
		return h, nil, err
	}
	if h.mark() {
		return h, nil, nil
	}
	if h.first < s.next {
		return h, nil, fmt.Errorf("block starts with id %d, want %d or more", h.first, s.next)
	}
	if plain, err = decodeBlockPayload(&h, data, buf); err != nil {
		return h, nil, err
	}
	if err = walkBlock(plain, int(h.count), func(int, []byte) bool { return true }); err != nil {
		return h, nil, err
	}
	return h, plain, nil
}

// resume finds the block after damage at off. In the last segment only damage
// before the synced offset of a later mark is damage; anything else is a tail
// that was never acknowledged, whatever of it reached the disk.
func (s *logScan) resume(n uint32, data []byte, off uint32, last bool) (uint32, bool) {
	resume, found := uint32(0), false
	for i := int(off) + 1; i+blockHeaderSize <= len(data); i++ {
		h, err := decodeBlockHeader(data[i:], n)
		if err != nil || len(data)-i < h.size() {
			continue
		}
		if !h.mark() {
			if h.first < s.next {
				continue
			}
			if _, err := decodeBlockPayload(&h, data[i:], nil); err != nil {
				continue
			}
		}
		if !found {
			resume, found = uint32(i), true
		}
		if !last || h.mark() && h.plain > off {
			return resume, true
		}
		i += h.size() - 1
	}
	if !last {
		return uint32(len(data)), true
	}
	return 0, false
}

// firstAt returns the first id of the block at off, or the next id when there
// is none.
func (s *logScan) firstAt(n uint32, data []byte, off uint32) uint32 {
	if int(off) < len(data) {
		if h, err := decodeBlockHeader(data[off:], n); err == nil {
			return h.first
		}
	}
	return s.next
}
