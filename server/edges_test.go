package server

import (
	"fmt"
	"testing"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/tsdb"
)

// TestOracleOfEdges asks a system and its twin for the newest and oldest values of series after every step of a history:
// late writes, values written twice, deletes of all kinds, dropped and renamed fields, other types, retention, flushes,
// merges, restarts and power cuts.
func TestOracleOfEdges(t *testing.T) {
	ops := envInt(t, "TIMBERLINE_ORACLE_OPS", 1500)
	for name, change := range map[string]func(*tsdb.Options){
		"small files":  func(*tsdb.Options) {},
		"tiny blocks":  func(opt *tsdb.Options) { opt.BlockRows = 30 },
		"tiny caches":  func(opt *tsdb.Options) { opt.ShardCacheBytes, opt.CacheFlushBytes = 8<<10, 64<<10 },
		"large caches": func(opt *tsdb.Options) { opt.ShardCacheBytes, opt.CacheFlushBytes = 64<<20, 64<<20 },
	} {
		t.Run(name, func(t *testing.T) { runEdges(t, change, ops/8) })
	}
}

func runEdges(t *testing.T, change func(*tsdb.Options), ops int) {
	rng, _ := newRand(t)
	o := &oracle{t: t, rng: rng, clock: clock.NewManual(testNow), dir: dataDir, files: vfs.NewMem(), opt: smallOptions()}
	// Only blocks of one series have statistics.
	o.opt.SparseRows, o.opt.CellPercent = pick(rng, 1, 1, 1, 8, 30), pick(rng, -1, 0, 1000)
	change(&o.opt)
	o.gen.rng, o.gen.passing = rng, "fleeting"
	var err error
	if o.twin, err = newTwin(o.clock); err != nil {
		t.Fatal(err)
	}
	if err := o.open(); err != nil {
		t.Fatal(err)
	}
	defer func() { o.system.close() }()
	o.define("CREATE DATABASE alpha")
	o.define("CREATE RETENTION POLICY day ON alpha DURATION 1d REPLICATION 1")
	o.define("CREATE RETENTION POLICY days ON alpha DURATION 3d REPLICATION 1 SHARD DURATION 1d")
	for range ops {
		switch {
		case oneIn(rng, 2):
			o.gen.now = o.clock.Now()
			o.write()
		case oneIn(rng, 12):
			o.define(o.gen.fieldChange(len(o.past)))
		default:
			o.step()
		}
		for range 2 {
			o.compare(statement{o.gen.database(), o.gen.policy(), o.gen.edge(), pick(rng, 0, 0, 3)})
		}
	}
	o.compareAll()
}

// fieldChange draws a statement that drops a field, or gives it a name that no other has. A later write may make the old
// name a field of another type. What is dropped never was all that a row had: whether a series without a value is still
// there depends on merges.
func (g *generator) fieldChange(number int) string {
	m, f := quoteName(pick(g.rng, testMeasurements...)), pick(g.rng, testFields...)
	if oneIn(g.rng, 2) {
		return fmt.Sprintf("DROP FIELD %s FROM %s", g.passing, m)
	}
	return fmt.Sprintf("RENAME FIELD %s TO %s%d FROM %s", f, f, number, m)
}

// edge draws a SELECT of the newest or oldest values.
func (g *generator) edge() string {
	f := pick(g.rng, append([]string{g.passing, g.passing}, testFields...)...)
	call := pick(g.rng, "last", "last", "first")
	fields := pick(g.rng, call+"("+f+")", call+"("+f+")", call+"(*)", call+"("+f+"), host", call+"("+f+"), "+pick(g.rng, testFields...),
		call+"("+f+"), "+call+"("+pick(g.rng, testFields...)+")", "last("+f+"), first("+f+")", "*", "*", f, "*::field")
	group := pick(g.rng, "", " GROUP BY *", " GROUP BY *", " GROUP BY host", " GROUP BY region, host")
	text := "SELECT " + fields + " FROM " + g.measurement() + g.where(oneIn(g.rng, 2), oneIn(g.rng, 3)) + group
	if fields == "*" || fields == f || fields == "*::field" {
		return text + pick(g.rng, " ORDER BY time DESC", "") + fmt.Sprintf(" LIMIT %d", pick(g.rng, 1, 1, 2))
	}
	return text + pick(g.rng, "", "", " ORDER BY time DESC")
}
