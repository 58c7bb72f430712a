package server

import (
	"runtime"
	"testing"

	"github.com/timberlinedb/timberline/internal/budget"
)

func TestGovernorDecides(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		name                    string
		limit                   int64
		h                       held
		known                   int64
		rest, heap, percentMost int64
	}{
		{"all is known", 1000 * mib, held{Resident: 300 * mib, Files: 20 * mib, Go: 80 * mib, Live: 32 * mib}, 400 * mib,
			0, 780 * mib, 100},
		{"recycled blocks and live heap are not", 1000 * mib, held{Resident: 500 * mib, Files: 20 * mib, Go: 150 * mib, Live: 64 * mib}, 100 * mib,
			(330 + 64 + 32 - 100) * mib, 650 * mib, 50},
		{"little is left for the heap", 400 * mib, held{Resident: 450 * mib, Files: 0, Go: 100 * mib, Live: 64 * mib}, 300 * mib,
			(350 + 64 + 24 - 300) * mib, (64 + 8 + 16) * mib, 50},
		{"no limit", 0, held{Resident: 300 * mib, Files: 20 * mib, Go: 80 * mib, Live: 480 * mib}, 0,
			(200 + 480 + 120) * mib, 0, 25},
		{"a small heap", 1000 * mib, held{Resident: 60 * mib, Files: 20 * mib, Go: 10 * mib, Live: 2 * mib}, 50 * mib,
			0, 950 * mib, 400},
	} {
		g := newGovernor(budget.New(c.limit))
		rest, heap, percent := g.decide(c.h, c.known)
		if rest != c.rest || heap != c.heap || percent != c.percentMost {
			t.Errorf("%s: rest %d MiB, heap %d MiB, %d %%; want %d, %d, %d", c.name, rest/mib, heap/mib, percent,
				c.rest/mib, c.heap/mib, c.percentMost)
		}
	}
}

// What the accounts do not know is charged to the process, once.
func TestGovernorCharges(t *testing.T) {
	b := budget.New(0)
	cache := b.Account("cache", 0)
	g := newGovernor(b)
	h, ok := g.measure()
	if !ok {
		t.Skip("the system does not tell what a process holds")
	}
	if h.Resident < 1<<20 || h.Files <= 0 || h.Go <= 0 {
		t.Fatalf("measured %+v", h)
	}
	cache.Force(1 << 40)
	g.look()
	if got := g.rest.Used(); got != 0 {
		t.Errorf("%d bytes are charged beside accounts that know more than there is", got)
	}
	cache.Release(1 << 40)
	ballast := make([]byte, 32<<20)
	runtime.GC()
	for range 3 {
		g.look()
	}
	runtime.KeepAlive(ballast)
	if got := g.rest.Used(); got < 32<<20 || got > h.Resident+1<<30 {
		t.Errorf("%d bytes are charged, the process holds %+v", got, h)
	}
	if b.Used() != g.rest.Used() {
		t.Errorf("the budget has %d bytes, the account %d", b.Used(), g.rest.Used())
	}
}
