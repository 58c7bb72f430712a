package tsdb

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/timberlinedb/timberline/model"
)

// fileEntry names a TSM file of a shard.
type fileEntry struct {
	// Number names the file and is never used twice in a shard.
	Number uint64
	// Generation orders files by the age of their rows: where two have a value
	// for the same point, the higher one wins. A merge of neighbours takes the
	// highest of theirs.
	Generation uint64
	Level      uint8
	Size       int64
	Range      model.TimeRange
}

// manifestEdit is one step of a shard's history: files that come and go
// together, and how far the log is in files.
type manifestEdit struct {
	Flushed uint64 // rows of frames up to this LSN are in files or deleted
	Next    uint64 // numbers and generations below are taken
	Removed []uint64
	Added   []fileEntry
	Series  uint32 // the greatest id of a series in the added files; 0: not known
}

// manifestState is what the edits of a manifest add up to.
type manifestState struct {
	flushed uint64
	next    uint64
	files   []fileEntry // ascending by generation
	series  uint32      // the greatest id of a series in files, past or present
	unknown bool        // an edit added files and did not say what their series are
}

// seriesKnown reports whether series holds for all files.
func (s *manifestState) seriesKnown() bool { return !s.unknown || len(s.files) == 0 }

// apply returns the state after e; the state itself stays as it is.
func (s manifestState) apply(e manifestEdit) manifestState {
	n := manifestState{
		flushed: max(s.flushed, e.Flushed), next: max(s.next, e.Next), series: max(s.series, e.Series),
		unknown: s.unknown || len(e.Added) > 0 && e.Series == 0,
	}
	for _, f := range s.files {
		if !slices.Contains(e.Removed, f.Number) {
			n.files = append(n.files, f)
		}
	}
	n.files = append(n.files, e.Added...)
	slices.SortStableFunc(n.files, func(a, b fileEntry) int {
		switch {
		case a.Generation < b.Generation:
			return -1
		case a.Generation > b.Generation:
			return 1
		}
		return 0
	})
	return n
}

// snapshot returns the edit that leads from nothing to s.
func (s manifestState) snapshot() manifestEdit {
	e := manifestEdit{Flushed: s.flushed, Next: s.next, Added: s.files}
	if s.seriesKnown() {
		e.Series = s.series
	}
	return e
}

var errManifestEdit = errors.New("malformed manifest edit")

// appendManifestEdit appends the bytes of e to dst.
func appendManifestEdit(dst []byte, e manifestEdit) []byte {
	dst = binary.AppendUvarint(dst, e.Flushed)
	dst = binary.AppendUvarint(dst, e.Next)
	dst = binary.AppendUvarint(dst, uint64(len(e.Removed)))
	for _, n := range e.Removed {
		dst = binary.AppendUvarint(dst, n)
	}
	dst = binary.AppendUvarint(dst, uint64(len(e.Added)))
	for _, f := range e.Added {
		dst = binary.AppendUvarint(dst, f.Number)
		dst = binary.AppendUvarint(dst, f.Generation)
		dst = append(dst, f.Level)
		dst = binary.AppendUvarint(dst, uint64(f.Size))
		dst = binary.AppendVarint(dst, f.Range.Min)
		dst = binary.AppendVarint(dst, f.Range.Max)
	}
	if e.Series != 0 {
		dst = binary.AppendUvarint(dst, uint64(e.Series))
	}
	return dst
}

// decodeManifestEdit reads the bytes of one edit; nothing may follow them.
func decodeManifestEdit(src []byte) (manifestEdit, error) {
	d := fieldDecoder{src: src}
	e := manifestEdit{Flushed: d.uvarint(), Next: d.uvarint()}
	for n := d.count(1); n > 0; n-- {
		e.Removed = append(e.Removed, d.uvarint())
	}
	for n := d.count(6); n > 0; n-- {
		e.Added = append(e.Added, fileEntry{
			Number:     d.uvarint(),
			Generation: d.uvarint(),
			Level:      d.byte(),
			Size:       int64(d.uvarint()),
			Range:      model.TimeRange{Min: d.varint(), Max: d.varint()},
		})
	}
	if !d.bad && len(d.src) > 0 {
		series := d.uvarint()
		if e.Series = uint32(series); series == 0 || series > math.MaxUint32 {
			d.fail()
		}
	}
	if d.bad || len(d.src) > 0 || slices.ContainsFunc(e.Added, func(f fileEntry) bool { return f.Size < 0 }) {
		return manifestEdit{}, errManifestEdit
	}
	return e, nil
}

// fieldDecoder reads numbers and strings one after the other. After the first
// that is not there it yields zeros and bad is set.
type fieldDecoder struct {
	src []byte
	bad bool
}

func (d *fieldDecoder) uvarint() uint64 {
	v, w := binary.Uvarint(d.src)
	if w <= 0 {
		d.fail()
		return 0
	}
	d.src = d.src[w:]
	return v
}

func (d *fieldDecoder) varint() int64 {
	v, w := binary.Varint(d.src)
	if w <= 0 {
		d.fail()
		return 0
	}
	d.src = d.src[w:]
	return v
}

func (d *fieldDecoder) byte() byte {
	if len(d.src) == 0 {
		d.fail()
		return 0
	}
	b := d.src[0]
	d.src = d.src[1:]
	return b
}

func (d *fieldDecoder) string() string {
	n := d.count(1)
	s := string(d.src[:n])
	d.src = d.src[n:]
	return s
}

// count reads a number of items that take at least size bytes each.
func (d *fieldDecoder) count(size int) int {
	n := d.uvarint()
	if n > uint64(len(d.src)/size) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *fieldDecoder) fail() { d.src, d.bad = nil, true }
