package query_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/timberlinedb/timberline/internal/testmodel"
	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/query"
	"github.com/timberlinedb/timberline/tsdb"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// engineStorage reads from an engine with one shard; databases are those of a model.
type engineStorage struct {
	*testmodel.Storage
	store *tsdb.Store
}

func (s *engineStorage) View(ctx context.Context, _, _ string, r model.TimeRange) (cursor.View, error) {
	return s.store.View(ctx, 1, []uint64{1}, r)
}

const (
	benchHosts = 1000
	benchTicks = 250
)

// newEngineBench fills an engine on the disk with ten integers of every host at every tick.
func newEngineBench(b *testing.B, flushed bool) *query.Engine {
	b.Helper()
	ctx := context.Background()
	store, err := tsdb.Open(ctx, b.TempDir(), tsdb.Layout{{ID: 1, Shards: []tsdb.ShardSpec{{ID: 1, Policy: 1, Range: model.AllTime}}}}, tsdb.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { store.Close() })
	var body []byte
	for tick := range benchTicks {
		body = body[:0]
		for host := range benchHosts {
			body = fmt.Appendf(body, "cpu,hostname=host_%d,region=eu-%d ", host, host%9)
			for f := range 10 {
				body = fmt.Appendf(body, "usage_%d=%di,", f, (host*7+tick*13+f*29)%101)
			}
			body = fmt.Appendf(body[:len(body)-1], " %d\n", 1_700_000_000+10*tick)
		}
		var batch model.Batch
		lineproto.ParsePlain(&batch, body, lineproto.Options{Precision: lineproto.Second})
		res, err := store.Write(ctx, 1, 1, &batch)
		if err == nil {
			err = store.Commit(ctx, res.LSN)
		}
		if err != nil || len(batch.Rejects) > 0 {
			b.Fatal(err, batch.Rejects)
		}
	}
	if flushed {
		if err := store.Flush(ctx); err != nil {
			b.Fatal(err)
		}
	}
	model := newBench(b, query.Options{})
	return query.New(model.storage.Catalog, &engineStorage{model.storage, store}, query.Options{})
}

// BenchmarkEngineRead asks the query engine over the storage engine, without HTTP.
func BenchmarkEngineRead(b *testing.B) {
	queries := []struct{ name, text string }{
		{"lastpoint", "SELECT last(*) FROM cpu GROUP BY hostname"},
		{"first", "SELECT first(usage_0) FROM cpu GROUP BY hostname"},
		{"count", "SELECT count(usage_0) FROM cpu"},
		{"max", "SELECT max(usage_0) FROM cpu GROUP BY hostname"},
		{"mean-by-hour-host", "SELECT mean(usage_0) FROM cpu WHERE time >= 1700000000s AND time < 1700010000s GROUP BY time(1h), hostname"},
		{"max-5-fields-8-hosts", "SELECT max(usage_0), max(usage_1), max(usage_2), max(usage_3), max(usage_4) FROM cpu WHERE hostname =~ /^host_10[0-7]$/ AND time >= 1700000000s AND time < 1700003600s GROUP BY time(1m)"},
		{"max-by-minute-desc-limit", "SELECT max(usage_0) FROM cpu WHERE time >= 1700000000s AND time < 1700002500s GROUP BY time(1m) ORDER BY time DESC LIMIT 5"},
		{"raw-host", "SELECT * FROM cpu WHERE hostname = 'host_17'"},
	}
	for _, where := range []string{"cache", "file"} {
		engine := newEngineBench(b, where == "file")
		for _, q := range queries {
			b.Run(where+"/"+q.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					rows := 0
					err := engine.Run(context.Background(), query.Request{Text: q.text, Database: "db0"}, func(r *query.Result) error {
						for _, s := range r.Series {
							rows += s.Rows
						}
						return r.Err
					})
					if err != nil || rows == 0 {
						b.Fatal(rows, err)
					}
				}
			})
		}
	}
}
