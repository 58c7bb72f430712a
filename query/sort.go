package query

import (
	"cmp"
	"slices"

	"github.com/timberlinedb/timberline/model"
)

// sortKey is one element of ORDER BY.
type sortKey struct {
	column     int // -1: the time
	descending bool
}

// compare orders two values: null behind everything, whatever the direction; numbers by size, false before true, strings
// by bytes. Values of different kinds are in the order of the kinds, numbers first.
func (k sortKey) compare(a, b value) int {
	if a.null() || b.null() {
		return cmp.Compare(rank(a), rank(b))
	}
	c := compareValues(a, b)
	if k.descending {
		return -c
	}
	return c
}

func rank(v value) int {
	switch v.kind {
	case model.Float, model.Integer, model.Unsigned:
		return 0
	case model.Boolean:
		return 1
	case model.String:
		return 2
	}
	return 3
}

func compareValues(a, b value) int {
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	switch {
	case a.kind == b.kind && a.kind == model.Integer: //nolint:gocritic // the next case differs in the kind
		return cmp.Compare(a.integer(), b.integer())
	case a.kind == b.kind && a.kind != model.Float:
		return cmp.Or(cmp.Compare(a.bits, b.bits), cmp.Compare(a.str, b.str))
	}
	x, _ := a.number()
	y, _ := b.number()
	return cmp.Compare(x, y)
}

// sortedRows sorts the rows of each series of the answer. Within a subquery, the rows that LIMIT leaves go on in the order
// of time, which the statement around relies on.
type sortedRows struct {
	in         rowCursor
	run        *statementRun
	opt        *scanOptions
	keys       []sortKey
	outer      subsetter // the groups whose rows come one behind the other
	inSubquery bool

	ahead    row // read, of the next group
	hasAhead bool
	done     bool

	rows  []row // of the group at hand, in their order
	next0 int
	held  int64
}

const rowBytes = 96 // of memory for a held row, without its values

func (s *sortedRows) close() { s.in.close() }

func (s *sortedRows) scan(r *row) (bool, error) {
	for s.next0 == len(s.rows) {
		if s.done {
			return false, nil
		}
		if err := s.fillGroup(); err != nil {
			return false, err
		}
	}
	from := &s.rows[s.next0]
	s.next0++
	r.time, r.name, r.tags = from.time, from.name, from.tags
	r.values = append(r.values[:0], from.values...)
	return true, nil
}

// fillGroup reads and sorts the rows of the next group.
func (s *sortedRows) fillGroup() error {
	s.run.memory.release(s.held)
	s.rows, s.next0, s.held = nil, 0, 0
	series := make(map[string]*seriesRows)
	var order []*seriesRows
	for {
		if !s.hasAhead {
			ok, err := s.in.scan(&s.ahead)
			if err != nil {
				return err
			}
			if !ok {
				s.done = true
				break
			}
			s.hasAhead = true
		}
		r := &s.ahead
		if len(order) > 0 && (r.name != order[0].rows[0].name || s.outer.of(r.tags).id != s.outer.of(order[0].rows[0].tags).id) {
			break
		}
		one := series[r.tags.id]
		if one == nil {
			one = &seriesRows{}
			series[r.tags.id] = one
			order = append(order, one)
		}
		if err := s.add(one, r); err != nil {
			return err
		}
		s.hasAhead = false
	}
	for _, one := range order {
		if err := s.sort(one); err != nil {
			return err
		}
		rows := one.rows[min(s.opt.rowOffset, len(one.rows)):]
		if s.opt.limit > 0 {
			rows = rows[:min(s.opt.limit, len(rows))]
		}
		s.rows = append(s.rows, rows...)
	}
	if s.inSubquery {
		slices.SortStableFunc(s.rows, func(a, b row) int {
			c := cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.tags.id, b.tags.id))
			if s.opt.ascending {
				return c
			}
			return -c
		})
	}
	return nil
}

// seriesRows is the rows of one series of the answer.
type seriesRows struct {
	rows   []row
	sorted int // so many of them, from the first, are in order
}

// add holds a copy of a row. With a LIMIT no more rows are held than may yet be in the answer, and about as many again.
func (s *sortedRows) add(one *seriesRows, r *row) error {
	size := int64(rowBytes)
	for i := range r.values {
		size += valueBytes + int64(len(r.values[i].str))
	}
	if err := s.run.memory.reserve(size); err != nil {
		return err
	}
	s.held += size
	one.rows = append(one.rows, row{time: r.time, name: r.name, tags: r.tags, values: slices.Clone(r.values)})
	most := addCounts(s.opt.limit, s.opt.rowOffset)
	if s.opt.limit <= 0 || len(one.rows) < 2*most+sortRun {
		return nil
	}
	if err := s.sort(one); err != nil {
		return err
	}
	released := int64(0)
	for i := range one.rows[most:] {
		r := &one.rows[most+i]
		released += rowBytes
		for j := range r.values {
			released += valueBytes + int64(len(r.values[j].str))
		}
		*r = row{}
	}
	one.rows, one.sorted = one.rows[:most], most
	s.run.memory.release(released)
	s.held -= released
	return nil
}

const (
	valueBytes = 40
	sortRun    = 1 << 14 // rows that are sorted without looking whether the query goes on
)

// sort sorts the rows of a series: runs of a bounded length, which are then merged, so that a query that is killed ends
// soon. Equal rows stay in their order.
func (s *sortedRows) sort(one *seriesRows) error {
	rows := one.rows
	for from := one.sorted; from < len(rows); from += sortRun {
		if err := s.run.ctx.Err(); err != nil {
			return err
		}
		slices.SortStableFunc(rows[from:min(from+sortRun, len(rows))], s.compare)
	}
	if one.sorted > 0 { // one sorted stretch, and behind it a few runs
		rest, err := s.mergeRuns(rows[one.sorted:], sortRun)
		if err != nil {
			return err
		}
		one.rows = s.merge(make([]row, 0, len(rows)), rows[:one.sorted], rest)
		one.sorted = len(one.rows)
		return nil
	}
	sorted, err := s.mergeRuns(rows, sortRun)
	one.rows, one.sorted = sorted, len(sorted)
	return err
}

// mergeRuns merges sorted runs of a width until there is one.
func (s *sortedRows) mergeRuns(rows []row, width int) ([]row, error) {
	var spare []row
	for ; width < len(rows); width *= 2 {
		spare = spare[:0]
		for from := 0; from < len(rows); from += 2 * width {
			if err := s.run.ctx.Err(); err != nil {
				return nil, err
			}
			mid, end := min(from+width, len(rows)), min(from+2*width, len(rows))
			spare = s.merge(spare, rows[from:mid], rows[mid:end])
		}
		rows, spare = spare, rows
	}
	return rows, nil
}

// merge appends two sorted lists to dst in order.
func (s *sortedRows) merge(dst, a, b []row) []row {
	for len(a) > 0 && len(b) > 0 {
		if s.compare(b[0], a[0]) < 0 {
			dst, b = append(dst, b[0]), b[1:]
		} else {
			dst, a = append(dst, a[0]), a[1:]
		}
	}
	return append(append(dst, a...), b...)
}

func (s *sortedRows) compare(a, b row) int {
	for _, k := range s.keys {
		c := 0
		switch {
		case k.column >= 0:
			c = k.compare(a.values[k.column], b.values[k.column])
		case k.descending:
			c = cmp.Compare(b.time, a.time)
		default:
			c = cmp.Compare(a.time, b.time)
		}
		if c != 0 {
			return c
		}
	}
	return 0
}
