package tsdb

import (
	"fmt"
	"time"

	"github.com/timberlinedb/timberline/model"
)

// overwrites are the rows and values that newer ones took the place of in one
// flush or merge.
type overwrites struct {
	rows, values int64
	last         string // the first of them that was looked at last; empty: none
}

// note counts values of rows of one series, ordered by time. The example is the
// first of them whose timestamp comes twice.
func (o *overwrites) note(values int64, measurement string, id model.SeriesID, rows []rowAt) {
	o.values += values
	if values == 0 || o.last != "" {
		return // the texts are for people; one a flush will do
	}
	for i := 1; i < len(rows); i++ {
		if rows[i].time == rows[i-1].time {
			o.last = fmt.Sprintf("flush: series %d of measurement %q has two values at %s",
				id, measurement, time.Unix(0, rows[i].time).UTC().Format(time.RFC3339Nano))
			return
		}
	}
}

// noteOverwrites adds what a flush or merge has found to the counters.
func (sh *shard) noteOverwrites(o overwrites) {
	c := &sh.store.counters
	c.rowsOverwritten.Add(o.rows)
	c.valuesOverwritten.Add(o.values)
	if o.last != "" {
		setText(&c.lastOverwritten, fmt.Sprintf("database %d, shard %d: %s", sh.db.id, sh.spec.ID, o.last))
	}
}
