package query_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/query"
	"github.com/timberlinedb/timberline/tsdb"
)

// groupBench has engines over one store of the storage engine: one that keeps no groups and some that do.
type groupBench struct {
	store   *tsdb.Store
	plain   *bench
	keeping []*bench
	memory  []*budget.Account
}

func newGroupBench(t *testing.T, limits ...int64) *groupBench {
	store, err := tsdb.Open(context.Background(), "/", tsdb.Layout{{ID: 1, Shards: []tsdb.ShardSpec{{ID: 1, Policy: 1, Range: model.AllTime}}}},
		tsdb.Options{FS: vfs.NewMem(), CompactionWorkers: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	engine := func(opt query.Options) *bench {
		b := newBench(t, query.Options{})
		opt.Clock, opt.Workers = b.clock, 2
		b.engine = query.New(b.storage.Catalog, &engineStorage{b.storage, store}, opt)
		return b
	}
	g := &groupBench{store: store, plain: engine(query.Options{})}
	for _, limit := range limits {
		account := budget.New(0).Account("query-groups", limit)
		g.memory = append(g.memory, account)
		g.keeping = append(g.keeping, engine(query.Options{GroupMemory: account}))
	}
	return g
}

func (g *groupBench) write(t *testing.T, lines string) {
	t.Helper()
	var batch model.Batch
	lineproto.ParsePlain(&batch, []byte(lines), lineproto.Options{Precision: lineproto.Second})
	res, err := g.store.Write(context.Background(), 1, 1, &batch)
	if err == nil {
		err = g.store.Commit(context.Background(), res.LSN)
	}
	if err != nil || len(batch.Rejects) > 0 {
		t.Fatal(err, batch.Rejects)
	}
}

// agree asks all engines.
func (g *groupBench) agree(t *testing.T, text string) {
	t.Helper()
	want := g.plain.ask(t, query.Request{Text: text})
	for i, b := range g.keeping {
		if got := b.ask(t, query.Request{Text: text}); got != want {
			t.Errorf("%s, limit %d:\n got %s\nwant %s", text, g.memory[i].Limit(), got, want)
		}
	}
}

// TestKeptGroupsAgree asks the same of engines with and without kept groups while series come and go.
func TestKeptGroupsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 21))
	g := newGroupBench(t, 1<<20, 20_000, 1)
	pick := func(list ...string) string { return list[rng.IntN(len(list))] }
	hosts := 0
	for range 8 {
		var lines strings.Builder
		for range rng.IntN(40) {
			hosts++
		}
		hosts = max(hosts, 40)
		for range 120 {
			h := rng.IntN(hosts)
			fmt.Fprintf(&lines, "%s,host=h%d,dc=d%d v=%di,w=%d.5 %d\n", pick("m", "m", "n"), h, h%7, rng.IntN(100), rng.IntN(9), rng.IntN(120))
		}
		g.write(t, lines.String())
		if rng.IntN(3) == 0 {
			if err := g.store.Flush(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		if rng.IntN(3) == 0 {
			filter := &model.TagFilter{Op: model.TagEqual, Key: "host", Value: fmt.Sprint("h", rng.IntN(hosts))}
			if err := g.store.Delete(context.Background(), tsdb.DeleteRequest{Database: 1, Shards: []uint64{1}, Measurement: "m", Filter: filter, Whole: true}); err != nil {
				t.Fatal(err)
			}
		}
		for range 12 {
			where := pick("", " WHERE dc = 'd1'", " WHERE dc =~ /d[1-5]/", " WHERE dc =~ /d[1-4]/ AND v > 30", " WHERE v > 50 AND w < 7", " WHERE dc != 'd2' AND host !~ /h1/",
				" WHERE dc = 'd1' OR host = 'h3'", " WHERE time >= 20s AND time < 100s")
			group := pick("", " GROUP BY host", " GROUP BY dc", " GROUP BY dc, host", " GROUP BY *", " GROUP BY nothing")
			tail := pick("", "", " ORDER BY time DESC", " SLIMIT 3 SOFFSET 1", " LIMIT 2")
			calls := pick("mean(w)", "max(v), last(w)", "count(v)", "v, w", "first(v)", "host, v", "*", "last(v), host, dc", "top(v, host, 2)")
			text := "SELECT " + calls + " FROM " + pick("m", "n", "/m|n/", "(SELECT w, v, host FROM m GROUP BY dc)") + where + group + tail
			for range 2 {
				g.agree(t, text)
			}
		}
	}
	for i, b := range g.keeping {
		m := b.engine.Metrics().Groups
		t.Logf("limit %d: %+v", g.memory[i].Limit(), m)
		if used := g.memory[i].Used(); used != m.Bytes || used > g.memory[i].Limit() {
			t.Errorf("%d bytes are taken of %d, the cache counts %d", used, g.memory[i].Limit(), m.Bytes)
		}
	}
	if m := g.keeping[0].engine.Metrics().Groups; m.Hits == 0 || m.Dropped == 0 {
		t.Errorf("the large cache was not used, or never dropped anything: %+v", m)
	}
	if m := g.keeping[1].engine.Metrics().Groups; m.Evicted == 0 {
		t.Errorf("the small cache never evicted anything: %+v", m)
	}
	if m := g.keeping[2].engine.Metrics().Groups; m.Hits != 0 || m.Entries != 0 {
		t.Errorf("a cache of one byte keeps something: %+v", m)
	}
}

// TestKeptGroupsSeeNewSeries checks that what was kept ends with the first new series, and not before.
func TestKeptGroupsSeeNewSeries(t *testing.T) {
	g := newGroupBench(t, 1<<20)
	var lines strings.Builder
	for i := range 100 {
		fmt.Fprintf(&lines, "m,host=h%d v=1 %d\n", i, i)
	}
	g.write(t, lines.String())
	text := "SELECT count(v) FROM m GROUP BY dc"
	for range 3 {
		g.agree(t, text)
	}
	g.write(t, "m,host=h5 v=2 1000\n") // not a new one
	g.agree(t, text)
	if m := g.keeping[0].engine.Metrics().Groups; m.Hits != 3 || m.Misses != 1 {
		t.Errorf("before a new series: %+v", m)
	}
	g.write(t, "m,host=new v=2 1000\n")
	g.agree(t, text)
	if m := g.keeping[0].engine.Metrics().Groups; m.Hits != 3 || m.Dropped != 1 {
		t.Errorf("after a new series: %+v", m)
	}
}
