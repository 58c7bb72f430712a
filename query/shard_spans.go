package query

import (
	"sort"

	"github.com/timberlinedb/timberline/model"
)

// shardSpans are the spans of the shards under a view, in order. InfluxDB computes shard by shard and joins what it has
// of each. That shows in two places: simultaneous rows of several series are ordered anew at each edge, and sums of
// floats begin anew, which is visible in their last digits.
type shardSpans []model.TimeRange

// spansOf returns the spans of a policy that overlap a time range.
func (r *statementRun) spansOf(database, policy string, times model.TimeRange) shardSpans {
	db := r.engine.catalog.Snapshot().Database(database)
	if db == nil {
		return nil
	}
	p := db.Policy(policy)
	if p == nil {
		return nil
	}
	var spans shardSpans
	for _, g := range p.Groups {
		if g.Range.Min <= times.Max && g.Range.Max >= times.Min {
			spans = append(spans, g.Range)
		}
	}
	return spans
}

// of returns the place of the span that t lies in; between two spans, that of the later.
func (s shardSpans) of(t int64) int {
	return sort.Search(len(s), func(i int) bool { return s[i].Max >= t })
}

// around returns the place of the span of t with its edges: from, included, to end, not included.
func (s shardSpans) around(t int64) (place int, from, end int64) {
	place = s.of(t)
	from, end = model.MinTime, model.MaxTime+1
	if place > 0 {
		from = s[place-1].Max + 1
	}
	if place < len(s) && s[place].Max < model.MaxTime {
		end = s[place].Max + 1
	}
	return place, from, end
}
