package tsdb

import (
	"errors"
	"fmt"
	"math"

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
	block   tsm.Block
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
	return s
}

// open finds the blocks of a series.
func (s *fileSource) open(id model.SeriesID, r model.TimeRange) (err error) {
	s.units = s.units[:0]
	if s.refs, err = s.file.reader.Blocks(id, r, s.refs[:0]); err != nil {
		return err
	}
	for i := range s.refs {
		s.units = append(s.units, unit{span: s.refs[i].Range, at: i})
	}
	return nil
}

func (s *fileSource) decodeBlock(at int) (*tsm.SeriesRows, error) {
	if err := s.file.reader.ReadBlock(&s.refs[at], s.numbers, &s.block); err != nil {
		return nil, err
	}
	return &s.block.SeriesRows, nil
}

// cacheSource reads the series of one measurement of a cache.
type cacheSource struct {
	source
	cache *cache
	table *cacheTable
	limit uint32 // rows from here on are not visible

	numbers []uint32 // fields to read; nil for all
	want    []bool   // by column of the table
	found   []rowAt
	gather  gathered
	out     tsm.SeriesRows
	flags   [][]bool
	texts   [][][]byte
}

func newCacheSource(c *cache, t *cacheTable, limit uint32, numbers []uint32) *cacheSource {
	s := &cacheSource{cache: c, table: t, limit: limit, numbers: numbers}
	s.decode = s.decodeRows
	return s
}

// lock keeps writers of the table away while it is read. A frozen cache has none.
func (s *cacheSource) lock() (unlock func()) {
	if s.cache.frozen.Load() {
		return func() {}
	}
	s.cache.mu.RLock()
	return s.cache.mu.RUnlock
}

// open finds the rows of a series.
func (s *cacheSource) open(id model.SeriesID, r model.TimeRange) {
	defer s.lock()()
	s.units = s.units[:0]
	s.found = s.table.collect(uint32(id), s.limit, r, s.found)
	for at := 0; at < len(s.found); {
		end := unitEnd(s.found, at)
		s.units = append(s.units, unit{span: model.TimeRange{Min: s.found[at].time, Max: s.found[end-1].time}, at: at})
		at = end
	}
}

// unitEnd returns the end of the unit that starts at row at. Rows of equal
// timestamps are never torn apart.
func unitEnd(rows []rowAt, at int) int {
	end := min(at+cacheUnitRows, len(rows))
	for end < len(rows) && rows[end].time == rows[end-1].time {
		end++
	}
	return end
}

func (s *cacheSource) decodeRows(at int) (*tsm.SeriesRows, error) {
	defer s.lock()()
	s.choose()
	s.table.gather(s.found[at:unitEnd(s.found, at)], s.want, &s.gather)
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
