package tsm

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/timberlinedb/timberline/model"
)

// noTopTime stands for the time of a leaf that is found by its series alone.
const noTopTime = math.MinInt64

// cellLeafHead is the size of what stands before the records of a leaf of cells.
const cellLeafHead = 8

// cellSeed starts the checksums of leaves of cells, so that no other leaf is
// taken for one.
func cellSeed(generation uint64) uint32 {
	return checksum(generationSeed(generation), []byte("cells"))
}

// HasCells reports whether any series of the file has cells.
func (r *Reader) HasCells() bool { return r.cells.leaves() > 0 }

// Cells reads the cells that a series has in the hours that overlap tr, of the
// given fields, of all of its fields when there are none. It returns false when
// the series has no cells. The strings of the statistics are valid as long as a
// reference to the reader is held.
func (r *Reader) Cells(series model.SeriesID, fields []uint32, tr model.TimeRange, dst *CellSet) (bool, error) {
	if !r.HasCells() {
		return false, nil
	}
	i := r.cells.find(series, math.MaxInt64)
	record, err := r.cellRecord(i, series)
	if record == nil || err != nil {
		return false, err
	}
	if len(fields) == 0 {
		if dst.fields, err = recordFields(record, dst); err != nil {
			return false, r.badCells(i, series, "%v", err)
		}
		fields = dst.fields
	}
	if !dst.decode(record, fields, tr) {
		return false, r.badCells(i, series, "malformed record")
	}
	return true, nil
}

func (r *Reader) badCells(leaf int, series model.SeriesID, format string, args ...any) error {
	return r.lost(r.cells.at(leaf).offset, "cells", series, noRange, nil, format, args...)
}

// recordFields returns the numbers of the fields of a record, in the memory of
// dst.
func recordFields(record []byte, dst *CellSet) ([]uint32, error) {
	in := byteReader{b: record}
	var ok bool
	if dst.slots, ok = readSlots(&in, dst.slots[:0]); !ok {
		return nil, fmt.Errorf("malformed slots")
	}
	fields := dst.fields[:0]
	before := uint64(0)
	for count := in.uvarint(); count > 0 && !in.bad; count-- {
		number := in.fieldNumber(before)
		in.byte()
		in.bytes(in.uvarint())
		fields = append(fields, number)
		before = uint64(number) + 1
	}
	if in.bad || len(in.b) > 0 || len(dst.slots)*len(fields) > maxCells {
		return nil, fmt.Errorf("malformed fields")
	}
	return fields, nil
}

// cellRecord returns the record of a series in leaf i, nil when it has none.
func (r *Reader) cellRecord(i int, series model.SeriesID) ([]byte, error) {
	top := r.cells.at(i)
	if series < top.series {
		return nil, nil
	}
	b := r.index[top.offset:][:top.length]
	if err := r.checkCells(i, b); err != nil {
		return nil, err
	}
	at := uint64(top.series)
	in := byteReader{b: b[cellLeafHead : len(b)-checksumSize]}
	for left := binary.LittleEndian.Uint32(b[4:]); left > 0 && !in.bad; left-- {
		at += in.uvarint()
		record := in.bytes(in.uvarint())
		if at >= uint64(series) {
			if at > uint64(series) || in.bad {
				break
			}
			return record, nil
		}
	}
	if in.bad {
		return nil, r.badCells(i, series, "malformed records")
	}
	return nil, nil
}

// checkCells checks leaf i of the cells, whose bytes are b, once while it is used
// again and again.
func (r *Reader) checkCells(i int, b []byte) error {
	top := r.cells.at(i)
	slot := &r.checked[slotOf(top.offset)]
	place := top.offset<<16 ^ int64(top.length)
	if slot.Load() == place {
		return nil
	}
	if len(b) < cellLeafHead+checksumSize {
		return r.badCells(i, 0, "leaf of %d bytes", len(b))
	}
	body := b[:len(b)-checksumSize]
	if got, want := checksum(r.cellSeed, body), binary.LittleEndian.Uint32(b[len(body):]); got != want {
		return r.badCells(i, 0, "checksum is %08x, stored %08x", got, want)
	}
	if got := model.SeriesID(binary.LittleEndian.Uint32(b)); got != top.series {
		return r.badCells(i, 0, "leaf begins with series %d, the index names %d", got, top.series)
	}
	slot.Store(place)
	return nil
}

// eachCells calls visit with every record of the file in order of series.
// Damaged leaves are passed to report.
func (r *Reader) eachCells(visit func(series model.SeriesID, record []byte), report func(error) bool) {
	for i := range r.cells.leaves() {
		top := r.cells.at(i)
		b := r.index[top.offset:][:top.length]
		if report(r.checkCells(i, b)) {
			continue
		}
		at := uint64(top.series)
		in := byteReader{b: b[cellLeafHead : len(b)-checksumSize]}
		for left := binary.LittleEndian.Uint32(b[4:]); left > 0; left-- {
			at += in.uvarint()
			record := in.bytes(in.uvarint())
			if in.bad || at > math.MaxUint32 {
				in.fail()
				break
			}
			visit(model.SeriesID(at), record)
		}
		if in.bad || len(in.b) > 0 {
			report(r.badCells(i, 0, "malformed records"))
		}
	}
}
