package tsdb

import (
	"math"
	"slices"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
	"github.com/timberlinedb/timberline/tsm"
)

// unit is a run of rows of one source that is decoded at once.
type unit struct {
	span    model.TimeRange // of its rows; may be wider than they are
	at, end int             // what it is to its source: number of a block, or first row and end of the rows
}

// laterRows is the place of a unit that stands for rows not looked up yet.
const laterRows = -1

// cellRows is the place of a unit that is known as a cell. Its rows may lie in
// several units, which take its place when they are wanted.
const cellRows = -2

// source yields the rows of one series from one file or cache, unit by unit.
// Units ascend in time and do not overlap.
type source struct {
	units  []unit
	decode func(u unit, wanted model.TimeRange) (*tsm.SeriesRows, error) // rows out of wanted may be left out
	dead   []model.TimeRange                                             // deleted; may overlap, in any order

	// later replaces the unit of laterRows, the only one left, by those of its rows.
	// Nil when there is never such a unit.
	later func()

	// split returns the units of rows that a unit of cellRows stands for, in the
	// memory given. Nil when there is never such a unit.
	split func(u unit, dst []unit) []unit

	// describe fills in the summary of a unit; false when there is none. Nil when
	// there is never one.
	describe func(u unit, dst *cursor.Summary) (bool, error)

	// The unit in work: rows [lo, hi) are still to come.
	rows   *tsm.SeriesRows
	lo, hi int
}

// merger walks the rows of several sources of one series in order of time.
// Where sources overlap, rows are merged field by field; where they do not,
// rows go through untouched. Only the units that overlap are in memory.
type merger struct {
	span       model.TimeRange
	descending bool
	sources    []*source // from the oldest to the newest
	inputs     []tsm.MergeInput
	pieces     []unit
	rows       tsm.RowMerger
}

func (m *merger) reset(span model.TimeRange, descending bool) {
	m.span, m.descending = span, descending
	m.sources = m.sources[:0]
}

// add takes one more source, newer than those before. Units outside of the
// merger's range are dropped.
func (m *merger) add(s *source) {
	s.rows = nil
	s.units = slices.DeleteFunc(s.units, func(u unit) bool { return !u.span.Overlaps(m.span) })
	if len(s.units) > 0 {
		m.sources = append(m.sources, s)
	}
}

// next returns the next rows, nil at the end. Descending walks yield descending
// windows, each of which ascends in itself. Rows are valid until the next call.
func (m *merger) next() (*tsm.SeriesRows, error) {
	for {
		m.drop()
		m.expand()
		edge, ok := m.edge()
		for ok && m.split(edge) {
			edge, _ = m.edge()
		}
		if !ok {
			return nil, nil
		}
		m.inputs = m.inputs[:0]
		for _, s := range m.sources {
			if !m.reaches(s, edge) {
				continue
			}
			if err := m.load(s); err != nil {
				return nil, err
			}
			m.take(s, edge)
		}
		if len(m.inputs) == 0 {
			continue
		}
		if rows, _ := m.rows.Merge(m.inputs); len(rows.Times) > 0 {
			return rows, nil
		}
	}
}

// edge returns the time up to which rows can be taken with the units that come
// first in every source: the earliest end of them (the latest start when
// descending).
func (m *merger) edge() (edge int64, ok bool) {
	edge = math.MaxInt64
	if m.descending {
		edge = math.MinInt64
	}
	for _, s := range m.sources {
		if len(s.units) == 0 {
			continue
		}
		ok = true
		if u := m.front(s); m.descending {
			edge = max(edge, u.span.Min)
		} else {
			edge = min(edge, u.span.Max)
		}
	}
	return edge, ok
}

func (m *merger) front(s *source) unit {
	if m.descending {
		return s.units[len(s.units)-1]
	}
	return s.units[0]
}

// reaches reports whether the first unit of s may have rows on this side of edge.
func (m *merger) reaches(s *source, edge int64) bool {
	if len(s.units) == 0 {
		return false
	}
	if m.descending {
		return m.front(s).span.Max >= edge
	}
	return m.front(s).span.Min <= edge
}

// load decodes the first unit of s unless it was.
func (m *merger) load(s *source) (err error) {
	if s.rows != nil {
		return nil
	}
	wanted := m.span.Intersect(m.front(s).span)
	if s.rows, err = s.decode(m.front(s), wanted); err != nil {
		s.rows = nil
		return err
	}
	s.lo, s.hi = rowsIn(s.rows.Times, wanted)
	return nil
}

// rowsIn returns the rows [lo, hi) of times that lie in r.
func rowsIn(times []int64, r model.TimeRange) (lo, hi int) {
	lo, _ = slices.BinarySearch(times, r.Min)
	hi = len(times)
	if r.Max < math.MaxInt64 {
		hi, _ = slices.BinarySearch(times, r.Max+1)
	}
	return lo, max(lo, hi)
}

// take makes the rows of s up to edge inputs of the merge and moves past them.
func (m *merger) take(s *source, edge int64) {
	from, to := s.lo, s.hi
	if m.descending {
		lo, _ := rowsIn(s.rows.Times, model.TimeRange{Min: edge, Max: math.MaxInt64})
		from = max(from, lo)
		s.hi = min(from, to)
	} else {
		_, hi := rowsIn(s.rows.Times, model.TimeRange{Min: math.MinInt64, Max: edge})
		to = min(to, hi)
		s.lo = max(from, to)
	}
	for from < to {
		end := to
		if len(s.dead) > 0 {
			if from, end = liveRows(s.rows.Times, from, to, s.dead); from == end {
				return
			}
		}
		m.inputs = append(m.inputs, tsm.MergeInput{Rows: s.rows, From: from, To: end})
		from = end
	}
}

// liveRows returns the first run of rows in [from, to) outside of all ranges of
// dead; an empty one at to when there is none.
func liveRows(times []int64, from, to int, dead []model.TimeRange) (lo, hi int) {
	for moved := true; moved && from < to; {
		moved = false
		for _, r := range dead {
			if r.Contains(times[from]) {
				_, after := rowsIn(times[:to], r)
				from, moved = after, true
				break
			}
		}
	}
	if from >= to {
		return to, to
	}
	end := to
	for _, r := range dead {
		if r.Min > times[from] {
			first, _ := slices.BinarySearch(times[:end], r.Min)
			end = min(end, first)
		}
	}
	return from, end
}

// expand looks up the rows of units that were left for later.
func (m *merger) expand() {
	for _, s := range m.sources {
		if len(s.units) > 0 && m.front(s).at == laterRows {
			s.later()
		}
	}
}

// split replaces the cells that come first and may have rows on this side of edge
// by units of their rows; false when there are none.
func (m *merger) split(edge int64) (any bool) {
	for _, s := range m.sources {
		if !m.reaches(s, edge) || m.front(s).at != cellRows {
			continue
		}
		any = true
		m.pieces = s.split(m.front(s), m.pieces[:0])
		switch n := len(m.pieces); {
		case m.descending:
			s.units = append(s.units[:len(s.units)-1], m.pieces...)
		case n == 1:
			s.units[0] = m.pieces[0]
		default:
			s.units = append(slices.Clone(m.pieces), s.units[1:]...)
		}
	}
	return any
}

// alone returns the source whose first unit comes next when nothing is mixed
// with it: no row of it was taken yet, all of it is asked for and alive, and no
// other source has rows within its range. Otherwise it returns nil.
func (m *merger) alone() *source {
	m.drop()
	m.expand()
	var next *source
	for _, s := range m.sources {
		if len(s.units) > 0 && (next == nil || m.ahead(s, next)) {
			next = s
		}
	}
	if next == nil || next.rows != nil {
		return nil
	}
	u := m.front(next)
	if u.span.Min < m.span.Min || u.span.Max > m.span.Max {
		return nil
	}
	for _, r := range next.dead {
		if r.Overlaps(u.span) {
			return nil
		}
	}
	for _, s := range m.sources {
		if s != next && len(s.units) > 0 && m.rest(s).Overlaps(u.span) {
			return nil
		}
	}
	return next
}

// ahead reports whether rows of a come before those of b.
func (m *merger) ahead(a, b *source) bool {
	if m.descending {
		return m.rest(a).Max > m.rest(b).Max
	}
	return m.rest(a).Min < m.rest(b).Min
}

// rest returns the time range of what is left of the first unit of s.
func (m *merger) rest(s *source) model.TimeRange {
	if s.rows != nil {
		return model.TimeRange{Min: s.rows.Times[s.lo], Max: s.rows.Times[s.hi-1]}
	}
	return m.front(s).span
}

// skip passes over the first unit of s.
func (m *merger) skip(s *source) {
	if m.descending {
		s.units = s.units[:len(s.units)-1]
	} else {
		s.units = s.units[1:]
	}
}

// drop forgets the units that have no rows left.
func (m *merger) drop() {
	for _, s := range m.sources {
		if s.rows == nil || s.lo < s.hi {
			continue
		}
		s.rows = nil
		m.skip(s)
	}
}
