package tsm

import (
	"math"
	"slices"

	"github.com/timberlinedb/timberline/model"
)

// blockDirectory tells where the index describes the blocks of each series that
// has blocks of its own, so that one is found without a search of the top and a
// walk over a leaf. It is made by the first who asks for many series, from leaves
// that passed their checks, and holds no pointers into them.
type blockDirectory struct {
	series  []uint32 // ascending
	starts  []uint32 // the blocks of series[i] are places[starts[i]:starts[i+1]]
	places  []blockPlace
	numbers []uint32 // of the id series[0]+k: place in series, plus one; nil when ids lie far apart
}

// blockPlace is where an entry of the index begins.
type blockPlace struct {
	leaf    uint32
	at      uint16 // behind the head of the leaf
	ordinal uint16 // from one
}

// Files with more blocks or leaves have no directory.
const (
	maxDirectoryBlocks = 1 << 16
	maxDirectoryLeaves = 1 << 13
)

// denseIDs is how many ids there may be for each series for a table of all ids.
const denseIDs = 4

// Hasten says that Blocks will be asked for so many series. When all who said so
// asked for more than there are leaves, Blocks is made faster, which takes as long
// as a look at each leaf. It does nothing when the file is too large for it, or when
// a leaf is damaged, which Blocks tells of the series that are in it.
func (r *Reader) Hasten(series int) {
	leaves := r.single.leaves()
	if leaves == 0 || leaves > maxDirectoryLeaves || r.wanted.Load() > int64(leaves) {
		return
	}
	if r.wanted.Add(int64(series)) > int64(leaves) {
		r.directoryOnce.Do(func() { r.directory.Store(r.makeDirectory()) })
	}
}

func (r *Reader) makeDirectory() *blockDirectory {
	d := &blockDirectory{}
	for i := range r.single.leaves() {
		l, err := r.leaf(r.single, i, 0)
		if err != nil || !d.addLeaf(uint32(i), l) {
			return nil
		}
	}
	if len(d.series) == 0 {
		return nil
	}
	d.starts = append(d.starts, uint32(len(d.places)))
	d.series, d.starts, d.places = slices.Clip(d.series), slices.Clip(d.starts), slices.Clip(d.places)
	d.number()
	return d
}

// addLeaf takes the entries of a leaf; false when it cannot.
func (d *blockDirectory) addLeaf(i uint32, l leaf) bool {
	if l.count == 0 || l.count > math.MaxUint16 {
		return l.count == 0
	}
	scan := l.scan()
	for at := 0; scan.next(); at = len(l.entries) - len(scan.in.b) {
		if at > math.MaxUint16 || len(d.places) == maxDirectoryBlocks {
			return false
		}
		switch last := len(d.series) - 1; {
		case last < 0 || d.series[last] < uint32(scan.series):
			d.series = append(d.series, uint32(scan.series))
			d.starts = append(d.starts, uint32(len(d.places)))
		case d.series[last] > uint32(scan.series):
			return false
		}
		d.places = append(d.places, blockPlace{leaf: i, at: uint16(at), ordinal: uint16(l.count - scan.left)})
	}
	return !scan.damaged()
}

// number makes the table of ids where these are dense.
func (d *blockDirectory) number() {
	first := d.series[0]
	span := uint64(d.series[len(d.series)-1]-first) + 1
	if span > denseIDs*uint64(len(d.series)) {
		return
	}
	d.numbers = make([]uint32, span)
	for i, id := range d.series {
		d.numbers[id-first] = uint32(i) + 1
	}
}

// of returns the places of the blocks of a series, none when it has no blocks of
// its own.
func (d *blockDirectory) of(id model.SeriesID) []blockPlace {
	i := 0
	if d.numbers != nil {
		k := uint32(id) - d.series[0]
		if uint64(k) >= uint64(len(d.numbers)) || d.numbers[k] == 0 {
			return nil
		}
		i = int(d.numbers[k]) - 1
	} else {
		var ok bool
		if i, ok = slices.BinarySearch(d.series, uint32(id)); !ok {
			return nil
		}
	}
	return d.places[d.starts[i]:d.starts[i+1]]
}

// placedBlocks appends the blocks of a series at some places that have rows in a
// time range.
func (r *Reader) placedBlocks(places []blockPlace, id model.SeriesID, tr model.TimeRange, dst []BlockRef) ([]BlockRef, error) {
	for _, p := range places {
		l := r.openLeaf(r.single, int(p.leaf))
		scan := leafScan{leaf: l, in: byteReader{b: l.entries[p.at:]}, left: l.count - int(p.ordinal)}
		body := byteReader{b: scan.in.bytes(scan.in.uvarint())}
		body.uvarint() // the distance of the series
		scan.series, scan.body = id, body.b
		span, ok := scan.span()
		if ok && span.Min > tr.Max {
			break
		}
		if ok && !span.Overlaps(tr) {
			continue
		}
		dst = append(dst, BlockRef{Series: id, reader: r, leafAt: int(p.leaf), entryAt: int(p.ordinal), endsLeaf: scan.left == 0})
		b := &dst[len(dst)-1]
		if !scan.entry(&b.blockEntry, false, r.dataEnd) {
			return dst[:len(dst)-1], r.badLeaf(r.single, int(p.leaf), id)
		}
		b.Range, b.Rows = b.span, b.rows
	}
	return dst, nil
}

// openLeaf returns leaf i of an index, which has passed its checks.
func (r *Reader) openLeaf(t topIndex, i int) leaf {
	top := t.at(i)
	return decodeLeaf(r.index[top.offset:][:top.length])
}
