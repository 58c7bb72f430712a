package query

import (
	"sync"
	"sync/atomic"

	"github.com/timberlinedb/timberline/influxql"
)

// A statement that wants the newest few windows, as ORDER BY time DESC LIMIT n does, mostly finds them at the end of its
// time range. So a scan first reads just that end. If every group has rows in as many windows as are wanted, older ones
// cannot be part of the answer, whatever fill says; otherwise all is read.

// newestProbe is the state of such an attempt.
type newestProbe struct {
	tried bool
	from  int64 // rows before are not read; influxql.MinTime: all are
}

// mostNewest bounds the windows that are tried first.
const mostNewest = 1000

// newestWanted returns how many windows of a call are enough for a statement, 0 when it takes all.
func newestWanted(call *influxql.Call, opt *scanOptions) int {
	n := addCounts(opt.limit, opt.rowOffset)
	if opt.limit <= 0 || opt.ascending || opt.interval == 0 || n > mostNewest || aggregateKinds[call.Name] == aggregateNone {
		return 0
	}
	if _, ok := call.Args[0].(*influxql.VarRef); !ok {
		return 0
	}
	return n
}

// newestFrom returns the start of the windows to try; false when that is no less than all.
func (o *scanOptions) newestFrom() (from int64, ok bool) {
	from = o.end
	if from >= influxql.MaxTime {
		return 0, false
	}
	for range o.newest + 1 { // the last window may have begun just now
		start, _ := o.of(from)
		if start <= o.start {
			return 0, false
		}
		from = start - 1
	}
	return from + 1, true
}

// tryNewest reads the newest windows, if that may be enough. When it is, their cells are those of the scan.
func (a *aggregateScan) tryNewest() error {
	if a.newest.tried || a.started > 0 {
		return nil
	}
	a.newest.tried = true
	opt := a.source.opt
	if opt.newest == 0 || a.edge != aggregateNone || a.orderShows() {
		return nil
	}
	from, ok := opt.newestFrom()
	if !ok {
		return nil
	}
	a.newest.from = from
	results, err := a.runAll()
	if err != nil {
		return err
	}
	if !a.enough(results, opt.newest) {
		a.newest.from = influxql.MinTime
		for i := range results {
			found := 0
			for _, cells := range results[i].cells {
				found += len(cells)
			}
			a.source.run.memory.release(int64(found) * cellBytes)
		}
		return nil
	}
	a.started = len(a.units)
	for i := range results {
		result := make(chan unitResult, 1)
		result <- results[i]
		a.flying = append(a.flying, result)
	}
	return nil
}

// orderShows reports whether values are added in an order that hangs on series which have rows in older windows only.
func (a *aggregateScan) orderShows() bool {
	if len(a.source.view.shards) <= 1 && len(a.source.groups) == len(a.source.series) {
		return false
	}
	for _, c := range a.calls {
		if c.inOrder {
			return true
		}
	}
	return false
}

// runAll runs all units and waits for them.
func (a *aggregateScan) runAll() ([]unitResult, error) {
	results := make([]unitResult, len(a.units))
	var next atomic.Int64
	var running sync.WaitGroup
	for range min(a.source.run.engine.opt.Workers, len(a.units)) {
		running.Add(1)
		go func() {
			defer running.Done()
			for i := next.Add(1) - 1; i < int64(len(a.units)); i = next.Add(1) - 1 {
				results[i] = a.runUnit(a.units[i])
			}
		}()
	}
	running.Wait()
	for i := range results {
		if results[i].err != nil {
			return nil, results[i].err
		}
	}
	return results, nil
}

// enough reports whether every group has cells in as many windows for every call.
func (a *aggregateScan) enough(results []unitResult, windows int) bool {
	type place struct {
		group  int32
		window int64
	}
	for k := range a.calls {
		counts := make([]int, len(a.source.groups))
		seen := make(map[place]bool)
		for i := range results {
			for _, c := range results[i].cells[k] {
				if p := (place{c.group, c.window}); !seen[p] {
					seen[p] = true
					counts[c.group]++
				}
			}
		}
		for _, n := range counts {
			if n < windows {
				return false
			}
		}
	}
	return true
}
