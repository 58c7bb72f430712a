package tsm

import (
	"bytes"

	"github.com/timberlinedb/timberline/model"
)

// cellVerifier computes the cells of a file anew from its blocks and compares
// them with those that the file has. Which series have cells is up to the writer.
type cellVerifier struct {
	reader  *Reader
	builder cellBuilder
	series  model.SeriesID
	found   map[model.SeriesID][]byte // records that were not compared yet
}

// add takes the next block of the file, decoded.
func (v *cellVerifier) add(b *BlockRef, rows *Block, report func(error) bool) {
	if v.found == nil {
		v.found = make(map[model.SeriesID][]byte)
		v.reader.eachCells(func(series model.SeriesID, record []byte) { v.found[series] = record }, report)
	}
	if b.Shared() {
		return
	}
	v.enter(b.Series, report)
	if v.found[b.Series] == nil {
		return
	}
	c := &v.builder
	c.buffer.reset()
	c.buffer.append(&rows.SeriesRows, 0, len(rows.Times))
	c.buffer.finish()
	c.add(&c.buffer, model.AllTime)
}

func (v *cellVerifier) enter(series model.SeriesID, report func(error) bool) {
	if series != v.series {
		v.compare(report)
		v.series = series
	}
}

// skip passes over a block that cannot be read: the cells of its series cannot
// be judged.
func (v *cellVerifier) skip(b *BlockRef, report func(error) bool) {
	if !b.Shared() {
		v.enter(b.Series, report)
		v.builder.without = true
	}
}

// compare judges the record of the series at hand.
func (v *cellVerifier) compare(report func(error) bool) {
	record, without := v.found[v.series], v.builder.without
	v.builder.size = maxCellBytes
	if want := v.builder.finish(100); record != nil && !without && !bytes.Equal(record, want) {
		report(v.reader.lost(v.reader.cells.at(v.reader.cells.find(v.series, 0)).offset, "cells", v.series, noRange, nil,
			"they are not those of the rows"))
	}
	delete(v.found, v.series)
	v.builder.reset()
}

// finish judges what is left behind the last block.
func (v *cellVerifier) finish(report func(error) bool) {
	v.compare(report)
	for series := range v.found {
		report(v.reader.lost(v.reader.cells.at(0).offset, "cells", series, noRange, nil, "the series has no blocks of its own"))
	}
}
