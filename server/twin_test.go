package server

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/httpapi"
	"github.com/timberlinedb/timberline/ingest"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/testmodel"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/query"
)

// twin is the plain counterpart of a system: maps instead of storage, and a
// writer that goes through the rules of a write one by one.
type twin struct {
	answers
	catalog *catalog.Catalog
	storage *testmodel.Storage
	clock   clock.Clock
}

func newTwin(clk clock.Clock) (*twin, error) {
	cat, err := catalog.Open("/catalog", catalog.Options{FS: vfs.NewMem()})
	if err != nil {
		return nil, err
	}
	tw := &twin{catalog: cat, clock: clk, storage: &testmodel.Storage{Store: testmodel.New(), Catalog: cat}}
	tw.storage.Store.BatchRows = 7
	tw.answers, err = newAnswers(clk, httpapi.Backend{Writer: tw, Engine: query.New(cat, tw.storage, query.Options{Clock: clk})})
	return tw, err
}

// Write is not reached: bodies go to write, which knows the points in them.
func (tw *twin) Write(context.Context, ingest.Request) error {
	return fmt.Errorf("the twin does not read line protocol")
}

func (tw *twin) WriteBatch(context.Context, ingest.Request, *model.Batch) error {
	return fmt.Errorf("the twin is given lines only")
}

// line is one line of a body: a point, or text that is none.
type line struct {
	testmodel.Point
	text   string
	reason string // why the line is malformed
}

// outcome is what a write must answer.
type outcome struct {
	err     string   // whole text; with reasons what is in front of the reason
	reasons []string // one of them
	dropped int
}

func (o outcome) agrees(err error) bool {
	got := ""
	if err != nil {
		got = err.Error()
	}
	if len(o.reasons) == 0 {
		return got == o.err
	}
	return slices.ContainsFunc(o.reasons, func(r string) bool {
		return got == fmt.Sprintf("%s%s dropped=%d", o.err, r, o.dropped)
	})
}

// write stores what may be stored and returns what a client must be told.
func (tw *twin) write(database, policy string, lines []line) outcome {
	d := tw.catalog.Snapshot().Database(database)
	if d == nil {
		return outcome{err: fmt.Sprintf("database not found: %q", database)}
	}
	p := d.Policy(policy)
	if p == nil {
		if policy == "" {
			policy = d.DefaultPolicy
		}
		return outcome{err: "retention policy not found: " + policy}
	}
	var malformed []string
	var points []testmodel.Point
	for _, l := range lines {
		if l.reason != "" {
			malformed = append(malformed, fmt.Sprintf("unable to parse '%s': %s", l.text, l.reason))
		} else {
			points = append(points, l.Point)
		}
	}
	names, points := withoutReserved(points)
	late, points := withoutOld(points, p.Oldest(tw.clock.Now()))
	conflicts, dropped, stored := tw.store(d.Name, p, points)

	o := outcome{dropped: names.dropped + late.dropped + dropped}
	switch {
	case len(malformed) == 0 && o.dropped == 0:
		return o
	case o.dropped == 0 && stored == 0:
		return outcome{err: strings.Join(malformed, "\n")}
	case o.dropped == 0:
		return outcome{err: "partial write: " + strings.Join(malformed, "\n") + " dropped=0"}
	}
	o.err = "partial write: "
	if len(malformed) > 0 {
		o.err += strings.Join(malformed, "\n") + "\n"
	}
	for _, r := range [][]string{names.reasons, late.reasons, conflicts} {
		if len(o.reasons) == 0 {
			o.reasons = r
		}
	}
	return o
}

// withoutReserved takes out what is named "time".
func withoutReserved(points []testmodel.Point) (o outcome, rest []testmodel.Point) {
	for _, p := range points {
		if _, ok := p.Tags["time"]; ok {
			o.dropped++
			o.reasons = append(o.reasons, fmt.Sprintf("invalid tag key: input tag \"time\" on measurement %q is invalid", p.Measurement))
			continue
		}
		if _, ok := p.Fields["time"]; ok {
			p.Fields = maps.Clone(p.Fields)
			delete(p.Fields, "time")
			if len(p.Fields) == 0 {
				o.dropped++
				o.reasons = append(o.reasons, fmt.Sprintf("invalid field name: input field \"time\" on measurement %q is invalid", p.Measurement))
				continue
			}
		}
		rest = append(rest, p)
	}
	return o, rest
}

func withoutOld(points []testmodel.Point, oldest int64) (o outcome, rest []testmodel.Point) {
	for _, p := range points {
		if p.Time < oldest {
			o.dropped++
			o.reasons = []string{"points beyond retention policy"}
			continue
		}
		rest = append(rest, p)
	}
	return o, rest
}

// store writes points shard by shard, oldest first, and returns the conflicts
// of types in the first shard that had any.
func (tw *twin) store(database string, p *catalog.Policy, points []testmodel.Point) (reasons []string, dropped, stored int) {
	byAge := slices.Clone(points)
	slices.SortStableFunc(byAge, func(a, b testmodel.Point) int { return cmp.Compare(a.Time, b.Time) })
	var groups []catalog.ShardGroup
	for _, pt := range byAge {
		g, err := tw.catalog.GroupFor(database, p.Name, pt.Time)
		if err != nil {
			panic(err) // database and policy are there
		}
		if n := len(groups); n == 0 || groups[n-1].ID != g.ID {
			groups = append(groups, g)
		}
	}
	for _, g := range groups {
		told := len(reasons) > 0
		for _, pt := range points {
			if !g.Range.Contains(pt.Time) {
				continue
			}
			if err := tw.storage.Store.Write(database, p.Name, g.Range, pt); err == nil {
				stored++
				continue
			} else if dropped++; !told {
				reasons = append(reasons, err.Error())
			}
		}
	}
	return reasons, dropped, stored
}

// enforceRetention drops what has expired.
func (tw *twin) enforceRetention() {
	for _, d := range tw.catalog.Snapshot().Databases {
		for _, p := range d.Policies {
			for _, g := range p.Groups {
				if p.Expired(g, tw.clock.Now()) {
					if err := tw.storage.DropShard(context.Background(), g.Shard); err != nil {
						panic(err)
					}
				}
			}
		}
	}
}
