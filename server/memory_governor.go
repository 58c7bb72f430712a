package server

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/internal/clock"
)

// governor keeps the process near its memory limit. Accounts of the budget know
// what caches, indexes, merges and queries hold. Beside it there are the Go heap
// with its garbage, memory of the runtime, recycled blocks and mapped files. The
// governor compares what the system says with what the accounts say: the rest goes
// to an account of its own, so that whoever draws from the budget sees what is
// really left, and the collector is told how large the Go heap may become beside
// all the memory that it does not know.
//
// Garbage counts with as much as the collector is allowed to leave, not with what
// there happens to be: it goes when there is need.
type governor struct {
	rest    *budget.Account
	budget  *budget.Budget
	limit   int64 // 0: none
	samples []metrics.Sample

	heapLimit, percent int64 // as told to the collector last
}

// held is the memory of the process.
type held struct {
	Resident int64 // as the system counts it, mapped files included
	Files    int64 // of mapped files and the program itself
	Go       int64 // that the Go runtime has
	Live     int64 // of the Go heap after the last collection
}

const (
	governorPause = 200 * time.Millisecond
	// heapSlack is how much garbage the collector may leave before it runs. It is
	// a size and not a share of the heap: what grows with series has no pointers
	// and is quickly passed over.
	heapSlack = 32 << 20
	// The share of garbage in percent of the live heap stays between these.
	leastPercent, mostPercent = 25, 400
)

// What the runtime is asked for; the order is that of governor.samples.
const (
	sampleTotal = iota
	sampleReleased
	sampleLive
)

func newGovernor(b *budget.Budget) *governor {
	g := &governor{rest: b.Account("process", 0), budget: b, limit: b.Limit()}
	g.samples = []metrics.Sample{
		sampleTotal:    {Name: "/memory/classes/total:bytes"},
		sampleReleased: {Name: "/memory/classes/heap/released:bytes"},
		sampleLive:     {Name: "/gc/heap/live:bytes"},
	}
	return g
}

// run looks at the memory every now and then until ctx ends.
func (g *governor) run(ctx context.Context, clk clock.Clock) {
	tick := clk.NewTicker(governorPause)
	defer tick.Stop()
	for {
		g.look()
		select {
		case <-tick.C():
		case <-ctx.Done():
			return
		}
	}
}

// look measures and acts.
func (g *governor) look() {
	h, ok := g.measure()
	if !ok {
		return
	}
	rest, heap, percent := g.decide(h, g.budget.Used()-g.rest.Used())
	g.rest.Force(rest - g.rest.Used())
	if percent != g.percent {
		g.percent = percent
		debug.SetGCPercent(int(percent))
	}
	if heap != g.heapLimit && g.limit > 0 {
		g.heapLimit = heap
		debug.SetMemoryLimit(heap)
	}
}

// decide returns what to charge beside the known accounts, and how large the Go
// heap and the garbage in it, in percent of the live heap, may become.
func (g *governor) decide(h held, known int64) (rest, heap, percent int64) {
	percent = mostPercent
	if h.Live > 0 {
		percent = min(max(heapSlack*100/h.Live, leastPercent), mostPercent)
	}
	outside := max(h.Resident-h.Go, 0) // recycled blocks, caches, mapped files
	garbage := h.Live * percent / 100
	if g.limit > 0 {
		heap = max(g.limit-outside, h.Live+h.Live/8+16<<20)
		garbage = min(garbage, heap-h.Live)
		heap -= heap % (1 << 20)
	}
	anonymous := max(outside-h.Files, 0) + h.Live + garbage
	return max(anonymous-known, 0), heap, percent
}

// measure asks the runtime and the system.
func (g *governor) measure() (h held, ok bool) {
	metrics.Read(g.samples)
	for i := range g.samples {
		if g.samples[i].Value.Kind() != metrics.KindUint64 {
			return h, false
		}
	}
	h.Go = int64(g.samples[sampleTotal].Value.Uint64() - g.samples[sampleReleased].Value.Uint64())
	h.Live = int64(g.samples[sampleLive].Value.Uint64())
	h.Resident, h.Files, ok = residentMemory()
	return h, ok
}

// residentMemory returns the memory of this process as the system counts it, and
// the part of it that is of files.
func residentMemory() (all, files int64, ok bool) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, 0, false
	}
	fields := strings.Fields(string(b))
	if len(fields) < 3 {
		return 0, 0, false
	}
	resident, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0, 0, false
	}
	shared, err := strconv.ParseInt(fields[2], 10, 64)
	if err != nil {
		return 0, 0, false
	}
	page := int64(os.Getpagesize())
	return resident * page, shared * page, true
}
