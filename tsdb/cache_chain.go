package tsdb

import (
	"cmp"
	"slices"
	"sync"

	"github.com/timberlinedb/timberline/model"
)

// chain is a walk over the rows of one series of a cache table, from the row
// that arrived last back to the first. It stops early where all rows that are
// left are known to be too old.
type chain struct {
	next    uint32 // row to look at, noRow at the end
	rows    []rowAt
	ordered bool  // so far no row is newer than one that arrived after it
	last    int64 // timestamp of the row found last
	oldest  int64 // timestamp of the oldest row found
}

// chainWalk says which rows a walk is after.
type chainWalk struct {
	table *cacheTable
	limit uint32 // rows from here on are not visible
	span  model.TimeRange

	// most, if not 0, lets a walk stop once it has so many rows, all of which are
	// newer than what is left.
	most int
}

// begin puts the walk before the newest row of a series.
func (ch *chain) begin(w *chainWalk, id uint32) {
	ch.next, ch.rows = w.table.heads.find(id), ch.rows[:0]
	ch.ordered, ch.last, ch.oldest = true, int64(model.MaxTime)+1, int64(model.MaxTime)+1
}

// done reports whether the rows that are left are none or not needed now.
func (ch *chain) done(w *chainWalk) bool {
	if ch.next == noRow {
		return true
	}
	ci, _ := place(ch.next)
	left := w.table.chunks[ci].newest
	return left < w.span.Min || w.most > 0 && len(ch.rows) >= w.most && left < ch.oldest
}

// step looks at the next row.
func (ch *chain) step(w *chainWalk) {
	row := ch.next
	ci, offset := place(row)
	c := w.table.chunks[ci]
	t := c.times[offset]
	ch.next = c.prev[offset]
	if row >= w.limit || t == deadTime || t < w.span.Min || t > w.span.Max {
		return
	}
	ch.ordered = ch.ordered && t <= ch.last
	ch.last, ch.oldest = t, min(ch.oldest, t)
	ch.rows = append(ch.rows, rowAt{t, row})
}

// run walks to the end.
func (ch *chain) run(w *chainWalk) {
	for !ch.done(w) {
		ch.step(w)
	}
}

// settle brings the rows that were found into order of time and then of arrival.
func (ch *chain) settle() {
	slices.Reverse(ch.rows)
	if !ch.ordered && !sortNearly(ch.rows) {
		slices.SortFunc(ch.rows, compareRows)
	}
}

// left returns the time range of the rows that the walk has left behind, empty
// when there are none.
func (ch *chain) left(w *chainWalk) model.TimeRange {
	if ch.next == noRow {
		return model.TimeRange{Min: 1, Max: 0}
	}
	ci, _ := place(ch.next)
	return model.TimeRange{Min: w.span.Min, Max: min(w.span.Max, w.table.chunks[ci].newest)}
}

func compareRows(a, b rowAt) int {
	return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.row, b.row))
}

// sortNearly sorts rows that are almost in order, as those of writers that
// overtake each other are. It gives up, with false, when too much has to move.
func sortNearly(rows []rowAt) bool {
	moves := 8 * len(rows)
	for i := 1; i < len(rows); i++ {
		r := rows[i]
		j := i
		for ; j > 0 && compareRows(rows[j-1], r) > 0; j-- {
			rows[j] = rows[j-1]
		}
		rows[j] = r
		if moves -= i - j; moves < 0 {
			return false
		}
	}
	return true
}

// runTogether walks several chains in turns, each up to so many rows. The
// memory of the rows of different series is waited for at the same time.
func runTogether(chains []chain, w *chainWalk, rows int) {
	var open [chainGroup]int
	n := 0
	for i := range chains {
		open[n] = i
		n++
	}
	for n > 0 {
		kept := 0
		for _, i := range open[:n] {
			ch := &chains[i]
			if ch.done(w) {
				continue
			}
			ch.step(w)
			if len(ch.rows) < rows {
				open[kept] = i
				kept++
			}
		}
		n = kept
	}
}

// chainGroup is how many series are looked up together.
const chainGroup = 16

// chainPool holds the memory of walks for the next cursors.
var chainPool = sync.Pool{New: func() any { return new([chainGroup]chain) }}

// releaseChains gives memory back to the pool, but not that of very long series.
func releaseChains(chains *[chainGroup]chain) {
	for i := range chains {
		if cap(chains[i].rows) > 2*maxTogether {
			chains[i].rows = nil
		}
	}
	chainPool.Put(chains)
}

// collect appends the live rows of a series below limit whose timestamps are
// in r to dst[:0], ordered by time and then by arrival.
func (ct *cacheTable) collect(id, limit uint32, r model.TimeRange, dst []rowAt) []rowAt {
	w := chainWalk{table: ct, limit: limit, span: r}
	ch := chain{rows: dst}
	ch.begin(&w, id)
	ch.run(&w)
	ch.settle()
	return ch.rows
}
