package tsm

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
)

// Every byte of a file is covered: with one flipped, reading everything fails
// with ErrCorrupt, and what can be read is right.
func TestFlippedBytes(t *testing.T) {
	fs := vfs.NewMem()
	goldenFile(t, fs, "/a.tsm")
	whole := readBytes(t, fs, "/a.tsm")
	want := make(naive)
	for _, r := range goldenRows() {
		want.add(r)
	}
	for at := range whole {
		b := bytes.Clone(whole)
		b[at] ^= byte(1 << (at % 8))
		putFile(t, fs, "/b.tsm", b)
		checkDamaged(t, fs, want, fmt.Sprintf("byte %d", at))
	}
}

// checkDamaged opens /b.tsm, which is damaged, and reads all pages one by one.
func checkDamaged(t *testing.T, fs vfs.FS, want naive, what string) {
	t.Helper()
	r, err := Open(fs, "/b.tsm")
	if err != nil {
		if !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%s: open: %v", what, err)
		}
		return
	}
	defer r.Close()
	good, bad := 0, 0
	failed := func(err error) bool {
		var c *CorruptError
		if err != nil && (!errors.As(err, &c) || c.File != "/b.tsm" || c.Part == "") {
			t.Fatalf("%s: %v", what, err)
		}
		if err != nil {
			bad++
		}
		return err != nil
	}
	var block Block
	for _, id := range r.SeriesIDs().ToArray() {
		refs, err := r.Blocks(model.SeriesID(id), model.AllTime, nil)
		if failed(err) {
			continue
		}
		for i := range refs {
			fields, err := refs[i].Fields(nil)
			if failed(err) {
				continue
			}
			for _, f := range fields {
				if failed(r.ReadBlock(&refs[i], []uint32{f}, &block)) {
					continue
				}
				good++
				for row, at := range block.Times {
					if c := &block.Columns[0]; c.Has(row) && valueAt(c, row) != want[block.Series][f][at] {
						t.Fatalf("%s: series %d, field %d, timestamp %d: wrong value", what, id, f, at)
					}
				}
			}
		}
	}
	if bad == 0 {
		t.Fatalf("%s: damage is not found", what)
	}
	if err := r.Verify(context.Background()); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("%s: verify: %v", what, err)
	}
	// One damaged page leaves the others alone; one leaf is half of this file.
	if bad == 1 && good == 0 {
		t.Fatalf("%s: nothing can be read", what)
	}
}

// Pages and leaves that change places keep their own checksums, and are found
// all the same.
func TestSwappedPages(t *testing.T) {
	fs := vfs.NewMem()
	var all []*SeriesRows
	want := make(naive)
	for series := model.SeriesID(1); series <= 2; series++ {
		rows := &SeriesRows{Series: series, Times: []int64{1, 2, 3}, Columns: []FieldColumn{
			{Field: 0, Type: model.Float, Floats: []float64{1, 2, float64(series)}},
			{Field: 3, Type: model.Integer, Integers: []int64{1, 5, int64(series)}},
		}}
		want.add(rows)
		all = append(all, rows)
	}
	writeFile(t, fs, "/a.tsm", WriterOptions{SparseRows: 1}, all...)
	whole := readBytes(t, fs, "/a.tsm")
	r := openFile(t, fs, "/a.tsm")
	a, err := r.Blocks(1, model.AllTime, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Blocks(2, model.AllTime, nil)
	if err != nil {
		t.Fatal(err)
	}
	size, err := a[0].Size()
	if err != nil {
		t.Fatal(err)
	}
	swapped := bytes.Clone(whole)
	copy(swapped[a[0].offset:], whole[b[0].offset:b[0].offset+size])
	copy(swapped[b[0].offset:], whole[a[0].offset:a[0].offset+size])
	putFile(t, fs, "/b.tsm", swapped)
	checkDamaged(t, fs, want, "swapped blocks")
}

func TestTruncatedFile(t *testing.T) {
	fs := vfs.NewMem()
	goldenFile(t, fs, "/a.tsm")
	whole := readBytes(t, fs, "/a.tsm")
	for size := range whole {
		putFile(t, fs, "/b.tsm", whole[:size])
		if _, err := Open(fs, "/b.tsm"); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%d of %d bytes: %v", size, len(whole), err)
		}
	}
	putFile(t, fs, "/b.tsm", append(bytes.Clone(whole), 0))
	if _, err := Open(fs, "/b.tsm"); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("a byte more: %v", err)
	}
}

// Sections of types that this version does not know are skipped when they are
// optional, and refused when they are required.
func TestUnknownSections(t *testing.T) {
	fs := vfs.NewMem()
	goldenFile(t, fs, "/a.tsm")
	whole := readBytes(t, fs, "/a.tsm")
	foot, err := decodeFooter("a", whole)
	if err != nil {
		t.Fatal(err)
	}
	sections, err := decodeDirectory("a", whole, foot)
	if err != nil {
		t.Fatal(err)
	}
	for _, required := range []bool{false, true} {
		more := append(sections[:len(sections):len(sections)], section{typ: 900, required: required, offset: foot.directoryOffset}) //nolint:gocritic // a copy of the beginning, longer
		directory := appendDirectory(nil, more)
		f := foot
		f.directoryLength, f.directorySum = uint32(len(directory)), checksum(0, directory)
		putFile(t, fs, "/b.tsm", appendFooter(append(bytes.Clone(whole[:foot.directoryOffset]), directory...), f))
		r, err := Open(fs, "/b.tsm")
		if required != errors.Is(err, ErrUnsupported) || !required && err != nil {
			t.Errorf("required %v: %v", required, err)
		}
		if err == nil {
			if err := r.Verify(context.Background()); err != nil {
				t.Error(err)
			}
			r.Close()
		}
	}
	newer := bytes.Clone(whole)
	binary.LittleEndian.PutUint16(newer[8:], formatVersion+1)
	binary.LittleEndian.PutUint32(newer[52:], checksum(0, newer[:52]))
	putFile(t, fs, "/b.tsm", newer)
	if _, err := Open(fs, "/b.tsm"); !errors.Is(err, ErrUnsupported) || errors.Is(err, ErrCorrupt) {
		t.Errorf("newer version: %v", err)
	}
}

// FuzzOpen reads files that are damaged anywhere; the checksums are made right
// again for a part of them, so that the decoders behind see the damage.
func FuzzOpen(f *testing.F) {
	fs := vfs.NewMem()
	goldenFile(f, fs, "/a.tsm")
	whole := readBytes(f, fs, "/a.tsm")
	f.Add(whole, uint32(0), byte(0))
	f.Add(whole, uint32(len(whole)-60), byte(1))
	f.Add(whole[:200], uint32(60), byte(1))
	f.Fuzz(func(t *testing.T, b []byte, at uint32, x byte) {
		b = bytes.Clone(b)
		if len(b) > 0 {
			b[int(at)%len(b)] ^= x
		}
		mend(b)
		fs := vfs.NewMem()
		putFile(t, fs, "/b.tsm", b)
		r, err := Open(fs, "/b.tsm")
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		defer r.Close()
		if err := r.Verify(context.Background()); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
		var block Block
		for i, ids := 0, r.SeriesIDs().Iterator(); ids.HasNext() && i < 100; i++ {
			refs, err := r.Blocks(model.SeriesID(ids.Next()), model.AllTime, nil)
			if err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			for k := range refs {
				r.PageStats(&refs[k], 3)
				var scan StatsScan
				if scan.Begin(&refs[k]) {
					for _, number := range []uint32{0, 3, 3, 12} {
						if _, _, err := scan.Find(number); err != nil && !errors.Is(err, ErrCorrupt) {
							t.Fatal(err)
						}
					}
				}
				if err := r.ReadBlock(&refs[k], []uint32{3, 0, 12}, &block); err != nil && !errors.Is(err, ErrCorrupt) {
					t.Fatal(err)
				}
			}
		}
	})
}

// mend makes the checksums of a file right as far as its structures can be
// found.
func mend(b []byte) {
	if len(b) < headerSize+footerSize {
		return
	}
	copy(b, headerMagic)
	binary.LittleEndian.PutUint32(b[52:], checksum(0, b[:52]))
	tail := b[len(b)-footerSize:]
	copy(tail[32:], footerMagic)
	binary.LittleEndian.PutUint32(tail[28:], checksum(0, tail[:28]))
	f, err := decodeFooter("", b)
	if err != nil {
		return
	}
	d := b[f.directoryOffset:][:f.directoryLength]
	seed := generationSeed(f.generation)
	for ; len(d) >= directoryEntrySize; d = d[directoryEntrySize:] {
		offset, length := binary.LittleEndian.Uint64(d[8:]), binary.LittleEndian.Uint64(d[16:])
		if offset > uint64(len(b)) || length > uint64(len(b))-offset {
			continue
		}
		s := b[offset:][:length]
		binary.LittleEndian.PutUint32(d[4:], checksum(0, s))
		if typ := sectionType(binary.LittleEndian.Uint16(d)); typ == sectionBlockIndex || typ == sectionMultiIndex {
			mendLeaves(b, topIndex(s), seed, typ == sectionMultiIndex)
		}
	}
	binary.LittleEndian.PutUint32(tail[12:], checksum(0, b[f.directoryOffset:][:f.directoryLength]))
	binary.LittleEndian.PutUint32(tail[28:], checksum(0, tail[:28]))
}

func mendLeaves(b []byte, top topIndex, seed uint32, multi bool) {
	for i := range top.leaves() {
		e := top.at(i)
		if e.offset < 0 || e.offset > int64(len(b)) || int64(e.length) > int64(len(b))-e.offset || e.length < leafHeaderSize+checksumSize {
			continue
		}
		raw := b[e.offset:][:e.length]
		body := raw[:len(raw)-checksumSize]
		binary.LittleEndian.PutUint32(raw[len(body):], checksum(seed, body))
		scan := decodeLeaf(raw).scan()
		for scan.next() {
			ref := BlockRef{reader: &Reader{dataEnd: int64(len(b))}}
			if !scan.entry(&ref.blockEntry, multi, int64(len(b))) {
				break
			}
			mendBlock(b, &ref)
		}
	}
}

func mendBlock(b []byte, ref *BlockRef) {
	var s pageSeed
	s.set(ref.first, ref.span.Min, ref.rows)
	page := func(offset int64, length int, number uint32) {
		p := b[offset:][:length]
		binary.LittleEndian.PutUint32(p[length-checksumSize:], s.sum(number, p[:length-checksumSize]))
	}
	if ref.multi {
		page(ref.offset, ref.seriesLen, seriesPageNumber)
	}
	page(ref.offset+int64(ref.seriesLen), ref.timeLen, timePageNumber)
	_ = ref.eachField(func(f *fieldEntry, offset int64) bool {
		page(offset, f.pageLen, f.number)
		return true
	})
}
