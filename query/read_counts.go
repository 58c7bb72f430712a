package query

import "sync/atomic"

// readCounts tells what the answers of functions were computed from.
type readCounts struct {
	rows   int64 // that were decoded
	blocks int64 // whose statistics were enough
	cells  int64 // that stood for the rows of an hour
}

// readTotals adds up the counts of several goroutines.
type readTotals struct{ rows, blocks, cells atomic.Int64 }

func (t *readTotals) add(c *readCounts) {
	t.rows.Add(c.rows)
	t.blocks.Add(c.blocks)
	t.cells.Add(c.cells)
}

func (t *readTotals) counts() readCounts {
	return readCounts{rows: t.rows.Load(), blocks: t.blocks.Load(), cells: t.cells.Load()}
}
