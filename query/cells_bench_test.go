package query_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/query"
	"github.com/timberlinedb/timberline/tsdb"
)

// hostsBench is an engine with ten integers of some hosts, every ten seconds for some hours.
type hostsBench struct {
	engine *query.Engine
	start  int64 // seconds, a whole hour
	hours  int
}

var cpuFields = []string{
	"usage_user", "usage_system", "usage_idle", "usage_nice", "usage_iowait",
	"usage_irq", "usage_softirq", "usage_steal", "usage_guest", "usage_guest_nice",
}

// newHostsBench fills an engine on the disk and merges its files. TIMBERLINE_BENCH_CELLS sets CellPercent; -1 is without
// cells.
func newHostsBench(b *testing.B, hosts, hours int) *hostsBench {
	b.Helper()
	ctx := context.Background()
	opt := tsdb.Options{CompactionWorkers: -1}
	opt.CellPercent, _ = strconv.Atoi(os.Getenv("TIMBERLINE_BENCH_CELLS"))
	store, err := tsdb.Open(ctx, b.TempDir(), tsdb.Layout{{ID: 1, Shards: []tsdb.ShardSpec{{ID: 1, Policy: 1, Range: model.AllTime}}}}, opt)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	h := &hostsBench{start: 1_700_006_400, hours: hours}
	rng := rand.New(rand.NewPCG(1, 2))
	levels := make([]float64, 10*hosts)
	for i := range levels {
		levels[i] = 100 * rng.Float64()
	}
	var body []byte
	var batch model.Batch
	for tick := range hours * 360 {
		for host := 0; host < hosts; {
			body = body[:0]
			for end := min(host+1000, hosts); host < end; host++ {
				body = fmt.Appendf(body, "cpu,hostname=host_%d,region=eu-%d ", host, host%9)
				for f, name := range cpuFields {
					at := &levels[10*host+f]
					*at = min(max(*at+rng.NormFloat64(), 0), 100)
					body = append(append(body, name...), '=')
					body = append(strconv.AppendInt(body, int64(*at), 10), 'i', ',')
				}
				body[len(body)-1] = ' '
				body = append(strconv.AppendInt(body, h.start+int64(10*tick), 10), '\n')
			}
			lineproto.ParsePlain(&batch, body, lineproto.Options{Precision: lineproto.Second})
			res, err := store.Write(ctx, 1, 1, &batch)
			for err != nil { // the cache is full: it is being flushed
				time.Sleep(10 * time.Millisecond)
				res, err = store.Write(ctx, 1, 1, &batch)
			}
			if tick%100 == 99 {
				if err := store.Commit(ctx, res.LSN); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	if err := store.Flush(ctx); err != nil {
		b.Fatal(err)
	}
	if err := store.Compact(ctx); err != nil {
		b.Fatal(err)
	}
	m := store.Metrics()
	b.Logf("%d files, %.4f bytes per value", m.Files, float64(m.FileBytes)/float64(hosts*hours*3600))
	bench := newBench(b, query.Options{})
	h.engine = query.New(bench.storage.Catalog, &engineStorage{bench.storage, store}, query.Options{GroupMemory: budget.New(0).Account("query-groups", 16<<20)})
	return h
}

func functions(name string, fields int) (text string) {
	for i, f := range cpuFields[:fields] {
		if i > 0 {
			text += ", "
		}
		text += name + "(" + f + ")"
	}
	return text
}

// run asks again and again.
func (h *hostsBench) run(b *testing.B, text string) {
	b.ReportAllocs()
	for b.Loop() {
		rows := 0
		err := h.engine.Run(context.Background(), query.Request{Text: text, Database: "db0"}, func(r *query.Result) error {
			for _, s := range r.Series {
				rows += s.Rows
			}
			return r.Err
		})
		if err != nil || rows == 0 {
			b.Fatal(rows, err)
		}
	}
}

func envNumber(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// BenchmarkHosts asks the questions of the Time Series Benchmark Suite. TIMBERLINE_BENCH_HOSTS and TIMBERLINE_BENCH_HOURS
// set the size.
func BenchmarkHosts(b *testing.B) {
	h := newHostsBench(b, envNumber("TIMBERLINE_BENCH_HOSTS", 100), envNumber("TIMBERLINE_BENCH_HOURS", 24))
	from := h.start + int64(max(h.hours-12, 0))*1800/3600*3600
	span := func(hours int) string {
		return fmt.Sprintf("time >= %ds AND time < %ds", from, from+int64(min(hours, h.hours))*3600)
	}
	odd := fmt.Sprintf("time >= %ds AND time < %ds", from+1234, from+11*3600+2345)
	end := h.start + int64(h.hours)*3600
	eight := "hostname =~ /^host_1[0-7]$/"
	for _, q := range []struct{ name, text string }{
		{"double-groupby-1", "SELECT " + functions("mean", 1) + " FROM cpu WHERE " + span(12) + " GROUP BY time(1h), hostname"},
		{"double-groupby-5", "SELECT " + functions("mean", 5) + " FROM cpu WHERE " + span(12) + " GROUP BY time(1h), hostname"},
		{"double-groupby-all", "SELECT " + functions("mean", 10) + " FROM cpu WHERE " + span(12) + " GROUP BY time(1h), hostname"},
		{"double-groupby-1-odd", "SELECT " + functions("mean", 1) + " FROM cpu WHERE " + odd + " GROUP BY time(1h), hostname"},
		{"single-groupby-1-1-1", "SELECT max(usage_user) FROM cpu WHERE hostname = 'host_7' AND " + span(1) + " GROUP BY time(1m)"},
		{"single-groupby-1-1-12", "SELECT max(usage_user) FROM cpu WHERE hostname = 'host_7' AND " + span(12) + " GROUP BY time(1m)"},
		{"single-groupby-5-1-12", "SELECT " + functions("max", 5) + " FROM cpu WHERE hostname = 'host_7' AND " + span(12) + " GROUP BY time(1m)"},
		{"single-groupby-5-8-1", "SELECT " + functions("max", 5) + " FROM cpu WHERE " + eight + " AND " + span(1) + " GROUP BY time(1m)"},
		{"cpu-max-all-1", "SELECT " + functions("max", 10) + " FROM cpu WHERE hostname = 'host_7' AND " + span(8) + " GROUP BY time(1h)"},
		{"cpu-max-all-8", "SELECT " + functions("max", 10) + " FROM cpu WHERE " + eight + " AND " + span(8) + " GROUP BY time(1h)"},
		{"lastpoint", "SELECT last(*) FROM cpu GROUP BY hostname"},
		{"lastpoint-rows", "SELECT * FROM cpu GROUP BY hostname ORDER BY time DESC LIMIT 1"},
		{"last-1", "SELECT last(usage_user) FROM cpu GROUP BY hostname"},
		{"first-1", "SELECT first(usage_user) FROM cpu GROUP BY hostname"},
		{"groupby-orderby-limit", fmt.Sprintf("SELECT max(usage_user) FROM cpu WHERE time < %ds GROUP BY time(1m) ORDER BY time DESC LIMIT 5", end-100)},
		{"raw-limit", "SELECT usage_user FROM cpu LIMIT 10"},
		{"raw-desc-limit", "SELECT usage_user FROM cpu ORDER BY time DESC LIMIT 10"},
		{"high-cpu-1", "SELECT * FROM cpu WHERE usage_user > 90 AND hostname = 'host_1' AND " + span(12)},
		{"high-cpu-all", "SELECT * FROM cpu WHERE usage_user > 90 AND " + span(12)},
	} {
		b.Run(q.name, func(b *testing.B) { h.run(b, q.text) })
	}
}
