package tsdb

import "slices"

// rowAt is a row of a cache table with its timestamp.
type rowAt struct {
	time int64
	row  uint32
}

// gathered is what gather fills: rows of one series as columns, one row per
// timestamp. It is reused from series to series.
type gathered struct {
	times []int64

	// touched lists the columns of the table that have values, ascending.
	touched []int32

	columns []gatheredColumn // by column of the table
	epoch   uint32
	places  []placed
}

// gatheredColumn holds the values of one column; only those in touched are
// of the current rows.
type gatheredColumn struct {
	values  []uint64
	present []uint64
	count   int

	replaced int // values that a newer one of the same row has taken the place of
	epoch    uint32
}

// placed tells where a row lies and which output row it belongs to.
type placed struct {
	chunk, offset, out int32
}

// replaced returns how many of the current rows' values a newer one has taken
// the place of.
func (g *gathered) replaced() (values int64) {
	for _, column := range g.touched {
		values += int64(g.columns[column].replaced)
	}
	return values
}

// presence returns the bitmap of present rows, or nil when all rows have a value.
func (g *gathered) presence(column int32) []uint64 {
	if c := &g.columns[column]; c.count < len(g.times) {
		return c.present
	}
	return nil
}

// gather fills g with the values of rows, which collect ordered. Rows of equal
// timestamps become one, in which the value that arrived last wins field by
// field. want tells which columns of the table to take; nil takes all. The
// number of rows whose timestamp was there before is returned.
func (ct *cacheTable) gather(rows []rowAt, want []bool, g *gathered) (merged int) {
	g.begin(len(ct.columns))
	for i, r := range rows {
		if i == 0 || r.time != rows[i-1].time {
			g.times = append(g.times, r.time)
		}
		ci, offset := place(r.row)
		g.places = append(g.places, placed{int32(ci), int32(offset), int32(len(g.times) - 1)})
	}
	merged = len(rows) - len(g.times)
	if merged > 0 {
		ct.gatherByRow(want, g)
	} else {
		ct.gatherByColumn(want, g)
	}
	slices.Sort(g.touched)
	return merged
}

// gatherByColumn takes the values of rows that all have their own timestamp:
// no value meets another one, so columns can be taken one after the other.
func (ct *cacheTable) gatherByColumn(want []bool, g *gathered) {
	for slot, column := range ct.dense {
		if want == nil || want[column] {
			ct.gatherDense(slot, column, g)
		}
	}
	if ct.sparseCount == 0 {
		return
	}
	for i := range g.places {
		ct.gatherSparse(&g.places[i], want, g)
	}
}

// gatherByRow takes the values in order of arrival. A field may be dense in
// one row and sparse in another of the same timestamp; only this order tells
// which of them is the newer.
func (ct *cacheTable) gatherByRow(want []bool, g *gathered) {
	for i := range g.places {
		p := &g.places[i]
		c := ct.chunks[p.chunk]
		for slot, column := range ct.dense {
			if (want == nil || want[column]) && c.has(slot) && hasBit(c.dense[slot].present, int(p.offset)) {
				g.touch(column).put(p.out, c.dense[slot].values[p.offset])
			}
		}
		ct.gatherSparse(p, want, g)
	}
}

func (g *gathered) begin(columns int) {
	g.times, g.touched, g.places = g.times[:0], g.touched[:0], g.places[:0]
	if len(g.columns) < columns {
		g.columns = append(g.columns, make([]gatheredColumn, columns-len(g.columns))...)
	}
	g.epoch++
	if g.epoch == 0 { // wrapped: no old column may look current
		for i := range g.columns {
			g.columns[i].epoch = 0
		}
		g.epoch = 1
	}
}

// touch returns the output of a column, empty if it had no value yet.
func (g *gathered) touch(column int32) *gatheredColumn {
	c := &g.columns[column]
	if c.epoch != g.epoch {
		c.epoch, c.count, c.replaced = g.epoch, 0, 0
		c.values = slices.Grow(c.values[:0], len(g.times))[:len(g.times)]
		words := (len(g.times) + 63) / 64
		c.present = slices.Grow(c.present[:0], words)[:words]
		clear(c.present)
		g.touched = append(g.touched, column)
	}
	return c
}

// put stores a value; a later put to the same row replaces it.
func (c *gatheredColumn) put(out int32, v uint64) {
	c.values[out] = v
	if w, b := out>>6, uint64(1)<<(out&63); c.present[w]&b == 0 {
		c.present[w] |= b
		c.count++
	} else {
		c.replaced++
	}
}

// gatherDense takes the values of one dense slot. As long as every row has one,
// presence is only counted; the bitmap is made when the first row without a
// value turns up.
func (ct *cacheTable) gatherDense(slot int, column int32, g *gathered) {
	n := ct.gatherFull(slot, column, g)
	if n == len(g.places) {
		return
	}
	var out *gatheredColumn
	if n > 0 {
		out = &g.columns[column]
		clear(out.present)
		setBits(out.present, 0, n)
		out.count = n
	}
	var s *segment
	last := int32(-1)
	for i := n; i < len(g.places); i++ {
		p := &g.places[i]
		if p.chunk != last {
			last, s = p.chunk, nil
			if c := ct.chunks[p.chunk]; c.has(slot) {
				s = &c.dense[slot]
			}
		}
		if s == nil || !hasBit(s.present, int(p.offset)) {
			continue
		}
		if out == nil {
			out = g.touch(column)
		}
		out.put(p.out, s.values[p.offset])
	}
}

// gatherFull takes values from the first row on as long as every row has one,
// and returns how many they are.
func (ct *cacheTable) gatherFull(slot int, column int32, g *gathered) int {
	var values []uint64
	var s *segment
	full := false // every row of the chunk has a value: the bitmap need not be fetched
	last := int32(-1)
	for i := range g.places {
		p := &g.places[i]
		if p.chunk != last {
			last = p.chunk
			c := ct.chunks[last]
			if !c.has(slot) {
				return i
			}
			s = &c.dense[slot]
			full = s.count == len(s.values)
		}
		if !full && !hasBit(s.present, int(p.offset)) {
			return i
		}
		if values == nil {
			out := g.touch(column)
			out.count = len(g.times)
			values = out.values
		}
		values[i] = s.values[p.offset]
	}
	return len(g.places)
}

// gatherSparse takes the values that hang on one row.
func (ct *cacheTable) gatherSparse(p *placed, want []bool, g *gathered) {
	c := ct.chunks[p.chunk]
	if c.sparse == nil {
		return
	}
	for e := c.sparse[p.offset]; e != 0; {
		bi, offset := place(e - 1)
		b := &ct.sparse[bi]
		if column := int32(b.field[offset]); want == nil || want[column] {
			g.touch(column).put(p.out, b.value[offset])
		}
		e = b.next[offset]
	}
}
