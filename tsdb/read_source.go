package tsdb

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/timberlinedb/timberline/internal/slab"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
	"github.com/timberlinedb/timberline/tsm"
)

// cacheUnitRows is how many rows of a cache are taken at once.
const cacheUnitRows = 1024

// fileSource reads the series of one file. Its block is kept from series to
// series, because neighbours may share one.
type fileSource struct {
	source
	file    *shardFile
	numbers []uint32 // fields to read
	refs    []tsm.BlockRef
	near    tsm.Near
	single  bool // one series is read: the rest of a shared block is of no use
	spans   []unit
	block   *tsm.Block // lent while the source is in use
	shared  *sharedMemo
	few     bool // few rows of each series will be read: no more of a block than that is decoded

	// fields are those of the request; set where summaries are asked for. inOrder are
	// the places of those that the shard knows, by number.
	fields  []summedField
	inOrder []int
	stats   tsm.StatsScan
	hours   *hourCutter // where cells may be of use
}

// summedField is a field of a request: its number, the type that it is asked
// for as, and whether the shard has it at all.
type summedField struct {
	number uint32
	typ    model.FieldType
	known  bool
}

// newFileSource reads those of numbers that the file has, which gives every
// column the type that the file knows.
func newFileSource(f *shardFile, numbers []uint32) *fileSource {
	s := &fileSource{file: f}
	for _, n := range numbers {
		if f.has(n) {
			s.numbers = append(s.numbers, n)
		}
	}
	s.decode = s.decodeBlock
	s.source.split = s.splitCell
	return s
}

// open finds the blocks of a series.
func (s *fileSource) open(id model.SeriesID, r model.TimeRange) (err error) {
	s.spans = s.spans[:0]
	s.units = nil
	if s.refs, err = s.file.reader.BlocksNear(&s.near, id, r, s.refs[:0]); err != nil {
		return err
	}
	if s.hours == nil || !s.hours.cut(s, id, r) {
		for i := range s.refs {
			s.addUnits(i)
		}
	}
	s.units = s.spans
	return nil
}

const (
	// fewRows is up to how many rows of each series are few.
	fewRows = 64
	// sliceRows is about how many rows of a block are decoded for few of them.
	sliceRows = 256
)

// addUnits makes one unit of a block, or several when few of its rows will be read.
func (s *fileSource) addUnits(i int) {
	b := &s.refs[i]
	u := unit{span: b.Range, at: i}
	if slices := int64(b.Rows / sliceRows); s.few && slices > 1 && !b.Shared() {
		if width := int64((uint64(b.Range.Max) - uint64(b.Range.Min)) / uint64(slices)); width > 0 {
			for range slices - 1 {
				u.span.Max = u.span.Min + width - 1
				s.spans = append(s.spans, u)
				u.span.Min += width
			}
			u.span.Max = b.Range.Max
		}
	}
	s.spans = append(s.spans, u)
}

// sharedBlocks is how many decoded shared blocks a source keeps. Series come in
// order of their tags, which leads to and fro between a few blocks where numbers
// are ordered as text.
const sharedBlocks = 8

// sharedMemo holds the shared blocks that were decoded last, for the next series
// in them.
type sharedMemo struct {
	blocks  [sharedBlocks]tsm.Block
	offsets [sharedBlocks]int64 // of these; 0: none
	turn    int                 // which is replaced next
}

// decodeShared reads the rows of a series from a block of many.
func (s *fileSource) decodeShared(ref *tsm.BlockRef) (*tsm.SeriesRows, error) {
	if s.shared == nil {
		s.shared = new(sharedMemo)
	}
	m := s.shared
	at := slices.Index(m.offsets[:], ref.Offset())
	if at < 0 {
		at = m.turn
		m.turn = (m.turn + 1) % sharedBlocks
	}
	m.offsets[at] = 0
	if err := s.file.reader.ReadBlock(ref, s.numbers, &m.blocks[at]); err != nil {
		return nil, err
	}
	m.offsets[at] = ref.Offset()
	return &m.blocks[at].SeriesRows, nil
}

// blockPool holds the memory of decoded blocks for the next cursors.
var blockPool = sync.Pool{New: func() any { return new(tsm.Block) }}

// maxPooledBlock bounds the memory of a block in the pool.
const maxPooledBlock = 2 << 20

// forget drops what was decoded.
func (s *fileSource) forget() {
	if s.block != nil {
		s.block.Forget()
		if s.block.Memory() <= maxPooledBlock {
			blockPool.Put(s.block)
		}
		s.block = nil
	}
	s.shared = nil
}

func (s *fileSource) decodeBlock(u unit, wanted model.TimeRange) (*tsm.SeriesRows, error) {
	if s.refs[u.at].Shared() && !s.single {
		return s.decodeShared(&s.refs[u.at])
	}
	if s.block == nil {
		s.block = blockPool.Get().(*tsm.Block)
	}
	if err := s.file.reader.ReadRows(&s.refs[u.at], s.numbers, wanted, s.block); err != nil {
		return nil, err
	}
	if s.single && s.refs[u.at].Shared() {
		own := copyOf(&s.block.SeriesRows)
		s.forget()
		return own, nil
	}
	return &s.block.SeriesRows, nil
}

// copyOf returns rows that hold no memory but their own: a cursor of one series
// among very many must not keep a decoded block of thousands of others.
func copyOf(rows *tsm.SeriesRows) *tsm.SeriesRows {
	own := &tsm.SeriesRows{Series: rows.Series, Times: slices.Clone(rows.Times), Columns: slices.Clone(rows.Columns)}
	for i := range own.Columns {
		c := &own.Columns[i]
		c.Present = slices.Clone(c.Present)
		c.Floats, c.Integers, c.Unsigneds = slices.Clone(c.Floats), slices.Clone(c.Integers), slices.Clone(c.Unsigneds)
		c.Booleans, c.Strings = slices.Clone(c.Booleans), slices.Clone(c.Strings)
		for k, s := range c.Strings {
			c.Strings[k] = bytes.Clone(s)
		}
	}
	return own
}

// summarize fills in what the index of the file says of the fields of a block.
func (s *fileSource) summarize(u unit, dst *cursor.Summary) (bool, error) {
	if u.at == cellRows {
		return s.hours.summarize(s, u, dst), nil
	}
	ref := &s.refs[u.at]
	if u.span != ref.Range {
		return false, nil // rows beside cells
	}
	dst.Range, dst.Rows, dst.Cell = ref.Range, ref.Rows, false
	dst.Fields = slices.Grow(dst.Fields[:0], len(s.fields))[:len(s.fields)]
	for i := range s.fields {
		dst.Fields[i].Type, dst.Fields[i].Count = s.fields[i].typ, 0
	}
	if !s.stats.Begin(ref) {
		return false, nil
	}
	for _, i := range s.inOrder {
		page, known, err := s.stats.Find(s.fields[i].number)
		switch {
		case err != nil:
			return false, err
		case page == nil:
		case !known || page.Type != s.fields[i].typ:
			return false, nil
		default:
			setStatistics(&dst.Fields[i], page)
		}
	}
	return true, nil
}

// summed makes the source describe its blocks by these fields.
func (s *fileSource) summed(fields []summedField) {
	s.fields, s.describe = fields, s.summarize
	for i := range fields {
		if fields[i].known {
			s.inOrder = append(s.inOrder, i)
		}
	}
	slices.SortFunc(s.inOrder, func(a, b int) int { return cmp.Compare(fields[a].number, fields[b].number) })
}

// setStatistics sets what the index of a file says of a page. Extents of other types
// stay what they are.
func setStatistics(dst *cursor.Statistics, p *tsm.Stats) {
	dst.Type, dst.Count, dst.FirstTime, dst.LastTime, dst.Whole = p.Type, p.Count, p.FirstTime, p.LastTime, false
	switch p.Type {
	case model.Float:
		dst.Floats = extentOf(p.Floats)
	case model.Integer:
		dst.Integers = extentOf(p.Integers)
	case model.Unsigned:
		dst.Unsigneds = extentOf(p.Unsigneds)
	case model.Boolean:
		dst.FirstBool, dst.LastBool = p.FirstBool, p.LastBool
	case model.String:
		dst.FirstString, dst.LastString = p.FirstBytes, p.LastBytes
	}
}

func extentOf[T any](s tsm.Summary[T]) cursor.Extent[T] {
	return cursor.Extent[T]{Min: s.Min, Max: s.Max, Sum: s.Sum, First: s.First, Last: s.Last}
}

// cacheSource reads the series of one measurement of a cache. The rows of the
// series that come next are looked up together with those of the one asked for.
type cacheSource struct {
	source
	cache *cache
	table *cacheTable
	limit uint32 // rows from here on are not visible

	walk       chainWalk
	descending bool
	first      int  // rows of a series that are wanted mostly; 0: all
	gaps       bool // units end where the next row is an hour away
	memory     *[chainGroup]chain
	chains     []chain // in memory
	from       int     // index in the request of the series of the first chain
	current    *chain  // of the series at hand

	numbers []uint32 // fields to read; nil for all
	want    []bool   // by column of the table
	found   []rowAt
	spans   []unit
	gather  gathered
	out     tsm.SeriesRows
	flags   [][]bool
	texts   [][][]byte
	locked  bool
}

func newCacheSource(c *cache, t *cacheTable, limit uint32, numbers []uint32) *cacheSource {
	s := &cacheSource{cache: c, table: t, limit: limit, numbers: numbers}
	s.decode, s.later = s.decodeRows, s.lookUpRest
	s.begin(allTimestamps, false, 0)
	return s
}

// lock keeps writers of the table away while it is read. A frozen cache has none.
func (s *cacheSource) lock() {
	if !s.cache.frozen.Load() {
		s.cache.mu.RLock()
		s.locked = true
	}
}

func (s *cacheSource) unlock() {
	if s.locked {
		s.locked = false
		s.cache.mu.RUnlock()
	}
}

// begin says how series will be read.
func (s *cacheSource) begin(r model.TimeRange, descending bool, first int) {
	s.walk = chainWalk{table: s.table, limit: s.limit, span: r}
	s.descending, s.first = descending, first
	if descending {
		s.walk.most = first
	}
	s.chains, s.from = nil, 0
}

// close gives the memory of the walks back.
func (s *cacheSource) close() {
	if s.memory != nil {
		releaseChains(s.memory)
	}
	s.memory, s.chains, s.current, s.found = nil, nil, nil, nil
}

// maxTogether bounds the rows of a series that are looked up ahead.
const maxTogether = 2048

// open finds the rows of series i of a request. Series are opened in order.
func (s *cacheSource) open(series []model.SeriesID, i int) {
	s.lock()
	defer s.unlock()
	if i >= s.from+len(s.chains) || i < s.from {
		s.lookUp(series[i:min(i+chainGroup, len(series))])
		s.from = i
	}
	s.current = &s.chains[i-s.from]
	s.current.run(&s.walk)
	s.current.settle()
	s.found = s.current.rows
	s.cut()
}

func (s *cacheSource) lookUp(series []model.SeriesID) {
	if s.memory == nil {
		s.memory = chainPool.Get().(*[chainGroup]chain)
	}
	s.chains = s.memory[:len(series)]
	for k, id := range series {
		s.chains[k].begin(&s.walk, uint32(id))
	}
	runTogether(s.chains, &s.walk, maxTogether)
}

// cut makes units of the rows that were found.
func (s *cacheSource) cut() {
	s.spans = s.spans[:0]
	if left := s.current.left(&s.walk); !left.Empty() {
		s.spans = append(s.spans, unit{span: left, at: laterRows})
	}
	size := cacheUnitRows
	if s.first > 0 && !s.descending {
		size = min(s.first, size) // of the first unit
	}
	for at := 0; at < len(s.found); {
		end := unitEnd(s.found, at, size)
		if s.gaps {
			end = gapEnd(s.found, at, end)
		}
		s.spans = append(s.spans, s.unit(at, end))
		at, size = end, cacheUnitRows
	}
	s.units = s.spans
}

func (s *cacheSource) unit(at, end int) unit {
	return unit{span: model.TimeRange{Min: s.found[at].time, Max: s.found[end-1].time}, at: at, end: end}
}

// lookUpRest finds the rows that a walk after a few rows has left behind.
func (s *cacheSource) lookUpRest() {
	s.lock()
	defer s.unlock()
	w := s.walk
	w.most = 0
	s.current.rows = s.current.rows[:0]
	s.current.ordered, s.current.last = true, math.MaxInt64
	s.current.run(&w)
	s.current.settle()
	s.found = s.current.rows
	s.cut()
}

// unitEnd returns the end of the unit that starts at row at. Rows of equal
// timestamps are never torn apart.
func unitEnd(rows []rowAt, at, size int) int {
	end := min(at+size, len(rows))
	for end < len(rows) && rows[end].time == rows[end-1].time {
		end++
	}
	return end
}

// gapEnd returns the first place behind at, at most end, whose row is more than
// an hour behind the row before: few late rows shall not keep the cells between
// them from being used.
func gapEnd(rows []rowAt, at, end int) int {
	if rows[end-1].time-rows[at].time <= tsm.CellWidth {
		return end
	}
	for i := at + 1; i < end; i++ {
		if rows[i].time-rows[i-1].time > tsm.CellWidth {
			return i
		}
	}
	return end
}

func (s *cacheSource) decodeRows(u unit, _ model.TimeRange) (*tsm.SeriesRows, error) {
	s.lock()
	defer s.unlock()
	s.choose()
	s.table.gather(s.found[u.at:u.end], s.want, &s.gather)
	s.fill()
	return &s.out, nil
}

// choose brings want up to the columns of the table.
func (s *cacheSource) choose() {
	if s.numbers == nil {
		s.want = nil
		return
	}
	if len(s.want) == len(s.table.columns) {
		return
	}
	s.want = make([]bool, len(s.table.columns))
	for _, n := range s.numbers {
		if c, ok := s.table.byField[n]; ok {
			s.want[c] = true
		}
	}
}

// fill makes rows of what was gathered. Columns come in the order of the table.
func (s *cacheSource) fill() {
	g := &s.gather
	s.out.Times = g.times
	s.out.Columns = s.out.Columns[:0]
	for i, column := range g.touched {
		tc := &s.table.columns[column]
		values, present := g.columns[column].values, g.presence(column)
		c := tsm.FieldColumn{Field: tc.field, Type: tc.typ, Present: present}
		switch tc.typ {
		case model.Float:
			c.Floats = slab.View[float64](values)
		case model.Integer:
			c.Integers = slab.View[int64](values)
		case model.Unsigned:
			c.Unsigneds = values
		case model.Boolean:
			c.Booleans = s.booleans(i, values)
		case model.String:
			c.Strings = s.strings(i, values, present)
		}
		s.out.Columns = append(s.out.Columns, c)
	}
}

func (s *cacheSource) booleans(i int, values []uint64) []bool {
	for len(s.flags) <= i {
		s.flags = append(s.flags, nil)
	}
	b := grown(s.flags[i], len(values))
	for k, v := range values {
		b[k] = v == 1
	}
	s.flags[i] = b
	return b
}

func (s *cacheSource) strings(i int, values, present []uint64) [][]byte {
	for len(s.texts) <= i {
		s.texts = append(s.texts, nil)
	}
	b := grown(s.texts[i], len(values))
	for k, v := range values {
		b[k] = nil
		if present == nil || hasBit(present, k) {
			b[k] = s.table.strings.at(v)
		}
	}
	s.texts[i] = b
	return b
}

// damaged returns err as an error that matches cursor.ErrCorrupt when it tells
// of damaged data.
func damaged(err error) error {
	if errors.Is(err, tsm.ErrCorrupt) && !errors.Is(err, cursor.ErrCorrupt) {
		return fmt.Errorf("%w: %w", cursor.ErrCorrupt, err)
	}
	return err
}

// newest is the generation of the active cache: above that of every file.
const newest = math.MaxUint64
