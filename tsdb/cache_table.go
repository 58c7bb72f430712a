package tsdb

import (
	"math"

	"github.com/timberlinedb/timberline/internal/slab"
	"github.com/timberlinedb/timberline/model"
)

// deadTime is the timestamp of a row that was deleted from the cache. No point
// can have it (model.MinTime is larger).
const deadTime = math.MinInt64

// cacheTable holds the rows of one measurement in a shard's cache, in order of
// arrival, which is the order of the log. Fields that many rows have are dense
// columns per chunk; values of other fields hang in a chain on their row, so
// that a measurement with thousands of rare fields takes memory for its values
// only.
type cacheTable struct {
	measurement string
	chunks      []*chunk
	rows        uint32
	heads       heads

	columns []tableColumn
	byField map[uint32]int32 // field number to column

	dense       []int32 // column of each dense slot
	sparse      []sparseBlock
	sparseCount uint32

	strings stringStore

	// pending tells which rows become visible with which LSN: rows of entry i
	// are visible once its lsn is durable. Ascending.
	pending []pendingRows
	visible uint32 // rows that are durable for sure

	deleted bool // some rows have deadTime
}

// tableColumn is a field of a cache table.
type tableColumn struct {
	field uint32 // number in the shard's field table
	name  string
	typ   model.FieldType
	slot  int32 // dense slot, -1 when no chunk has one
	// recent counts the sparse values of the chunk in use, to tell when a dense
	// segment pays.
	recent      int32
	recentChunk int32
}

type pendingRows struct {
	lsn  uint64
	rows uint32
}

// densePart is the share of a chunk's rows that must have a field before it
// gets a dense segment: one of densePart.
const densePart = 4

// insert appends the rows of t, whose columns have the field numbers given, and
// appends to fresh the series that had no row before.
func (ct *cacheTable) insert(a *slab.Arena, t *model.Table, fields []uint32, fresh []uint32) []uint32 {
	n := t.Rows()
	columns := make([]int32, len(fields))
	for i, f := range fields {
		columns[i] = ct.column(f, &t.Columns[i])
	}
	next := make([]int, len(fields)) // next value of each sparse batch column
	for from := 0; from < n; {
		ci, offset := place(ct.rows)
		if ci == len(ct.chunks) {
			ct.addChunk(a, chunkRows(ci))
		}
		c := ct.chunks[ci]
		to := min(n, from+len(c.times)-offset)
		fresh = ct.insertRows(a, c, offset, t, from, to, fresh)
		for i := range t.Columns {
			if t.Columns[i].Dense() {
				ct.insertDense(a, ci, offset, columns[i], &t.Columns[i], from, to)
			} else {
				next[i] = ct.insertSparse(a, ci, offset, columns[i], &t.Columns[i], next[i], from, to)
			}
		}
		ct.rows += uint32(to - from)
		from = to
	}
	return fresh
}

func (ct *cacheTable) addChunk(a *slab.Arena, rows int) {
	c := newChunk(a, rows)
	c.newest = deadTime
	if n := len(ct.chunks); n > 0 {
		c.newest = ct.chunks[n-1].newest
	}
	ct.chunks = append(ct.chunks, c)
}

// column returns the column of a field number, adding it first if need be.
func (ct *cacheTable) column(field uint32, col *model.Column) int32 {
	if c, ok := ct.byField[field]; ok {
		return c
	}
	c := int32(len(ct.columns))
	ct.columns = append(ct.columns, tableColumn{field: field, name: string(col.Name), typ: col.Type, slot: -1, recentChunk: -1})
	if ct.byField == nil {
		ct.byField = make(map[uint32]int32)
	}
	ct.byField[field] = c
	return c
}

func (ct *cacheTable) insertRows(a *slab.Arena, c *chunk, offset int, t *model.Table, from, to int, fresh []uint32) []uint32 {
	copy(c.times[offset:], t.Times[from:to])
	for _, t := range t.Times[from:to] {
		c.newest = max(c.newest, t)
	}
	row := ct.rows
	for i, id := range t.Series[from:to] {
		c.series[offset+i] = uint32(id)
		previous := ct.heads.swap(a, uint32(id), row+uint32(i))
		if previous == noRow {
			fresh = append(fresh, uint32(id))
		}
		c.prev[offset+i] = previous
	}
	return fresh
}

// insertDense stores rows [from, to) of a batch column that has a value in
// every row.
func (ct *cacheTable) insertDense(a *slab.Arena, ci, offset int, column int32, col *model.Column, from, to int) {
	values := col.Values[from:to]
	s := ct.denseSegment(a, ci, column, len(values))
	if s == nil {
		for i, v := range values {
			ct.addSparse(a, ct.chunks[ci], offset+i, column, ct.keep(a, col, v))
		}
		return
	}
	if col.Type == model.String {
		for i, v := range values {
			s.values[offset+i] = ct.keep(a, col, v)
		}
	} else {
		copy(s.values[offset:], values)
	}
	setBits(s.present, offset, offset+len(values))
	s.count += len(values)
}

// insertSparse stores those values of a batch column, from value v on, whose
// rows are in [from, to), and returns the next value.
func (ct *cacheTable) insertSparse(a *slab.Arena, ci, offset int, column int32, col *model.Column, v, from, to int) int {
	end := v
	for end < len(col.Rows) && int(col.Rows[end]) < to {
		end++
	}
	if end == v {
		return v
	}
	s := ct.denseSegment(a, ci, column, end-v)
	for ; v < end; v++ {
		at := offset + int(col.Rows[v]) - from
		value := ct.keep(a, col, col.Values[v])
		if s == nil {
			ct.addSparse(a, ct.chunks[ci], at, column, value)
			continue
		}
		s.values[at] = value
		setBit(s.present, at)
		s.count++
	}
	return end
}

// denseSegment returns the dense segment of a column in chunk ci when it has one
// or when n more values make one worth its memory; nil otherwise.
func (ct *cacheTable) denseSegment(a *slab.Arena, ci int, column int32, n int) *segment {
	c, tc := ct.chunks[ci], &ct.columns[column]
	if tc.slot >= 0 && c.has(int(tc.slot)) {
		return &c.dense[tc.slot]
	}
	if tc.recentChunk != int32(ci) {
		tc.recentChunk, tc.recent = int32(ci), 0
	}
	enough := len(c.times) / densePart
	if int(tc.recent)+n < enough && !ct.wasDense(ci-1, tc.slot) {
		tc.recent += int32(n)
		return nil
	}
	if tc.slot < 0 {
		tc.slot = int32(len(ct.dense))
		ct.dense = append(ct.dense, column)
	}
	return c.segment(a, int(tc.slot))
}

// wasDense reports whether enough rows of a chunk had a value in a dense slot.
func (ct *cacheTable) wasDense(ci int, slot int32) bool {
	if ci < 0 || slot < 0 || !ct.chunks[ci].has(int(slot)) {
		return false
	}
	c := ct.chunks[ci]
	return c.dense[slot].count >= len(c.times)/densePart
}

// addSparse hangs a value on the row at offset at of a chunk.
func (ct *cacheTable) addSparse(a *slab.Arena, c *chunk, at int, column int32, value uint64) {
	if c.sparse == nil {
		c.sparse = slab.Make[uint32](a, len(c.times))
	}
	bi, offset := place(ct.sparseCount)
	if bi == len(ct.sparse) {
		n := chunkRows(bi)
		ct.sparse = append(ct.sparse, sparseBlock{
			field: slab.Make[uint32](a, n),
			next:  slab.Make[uint32](a, n),
			value: slab.Make[uint64](a, n),
		})
	}
	b := &ct.sparse[bi]
	b.field[offset], b.value[offset], b.next[offset] = uint32(column), value, c.sparse[at]
	ct.sparseCount++
	c.sparse[at] = ct.sparseCount
}

// keep returns the value as the table stores it: strings are copied into the
// table's own memory.
func (ct *cacheTable) keep(a *slab.Arena, col *model.Column, v uint64) uint64 {
	if col.Type != model.String {
		return v
	}
	return ct.strings.add(a, col.StringAt(v))
}

// publish notes that the table's rows so far belong to frames up to lsn.
func (ct *cacheTable) publish(lsn, durable uint64) {
	ct.visibleRows(durable)
	ct.pending = append(ct.pending, pendingRows{lsn: lsn, rows: ct.rows})
}

// visibleRows forgets the pending entries that durable covers. The cache's
// lock must be held for writing.
func (ct *cacheTable) visibleRows(durable uint64) {
	i := 0
	for i < len(ct.pending) && ct.pending[i].lsn <= durable {
		ct.visible = ct.pending[i].rows
		i++
	}
	if i > 0 {
		ct.pending = append(ct.pending[:0], ct.pending[i:]...)
	}
}

// limit returns how many rows a reader may see when everything up to durable
// is durable. The cache's lock must be held.
func (ct *cacheTable) limit(durable uint64) uint32 {
	n := ct.visible
	for _, p := range ct.pending {
		if p.lsn > durable {
			break
		}
		n = p.rows
	}
	return n
}

// kill marks the rows of a series in a time range as deleted and reports
// whether the series has rows left. The cache's lock must be held for writing.
func (ct *cacheTable) kill(id uint32, r model.TimeRange) (killed, left bool) {
	row := ct.heads.find(id)
	if row == noRow {
		return false, false
	}
	for row != noRow {
		ci, offset := place(row)
		c := ct.chunks[ci]
		switch t := c.times[offset]; {
		case t == deadTime:
		case r.Contains(t):
			c.times[offset] = deadTime
			killed, ct.deleted = true, true
		default:
			left = true
		}
		row = c.prev[offset]
	}
	if !left {
		ct.heads.rows[ct.heads.slot(id)] = noRow
	}
	return killed, left
}

// stringStore keeps string values in blocks of the arena. A reference has the
// form of model.StringRef; its offset counts stringStride per block.
type stringStore struct {
	blocks [][]byte
	used   int // bytes used of the last block
}

const (
	firstStrings   = 1 << 10
	strideBits     = 21
	stringStride   = 1 << strideBits
	lastStrings    = 1 << 20
	stringLenMask  = 1<<24 - 1
	stringPlaceBit = 24
)

func (s *stringStore) add(a *slab.Arena, v []byte) uint64 {
	last := len(s.blocks) - 1
	if last < 0 || s.used+len(v) > len(s.blocks[last]) {
		size := lastStrings
		if last+1 < 10 {
			size = firstStrings << (last + 1)
		}
		s.blocks = append(s.blocks, slab.Make[byte](a, max(size, len(v))))
		s.used = 0
		last++
	}
	copy(s.blocks[last][s.used:], v)
	ref := model.StringRef(last<<strideBits|s.used, len(v))
	s.used += len(v)
	return ref
}

// at returns the value of a reference; it lies in the arena.
func (s *stringStore) at(ref uint64) []byte {
	place, n := ref>>stringPlaceBit, ref&stringLenMask
	if n == 0 {
		return []byte{}
	}
	off := place & (stringStride - 1)
	return s.blocks[place>>strideBits][off : off+n : off+n]
}
