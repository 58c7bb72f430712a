package query_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/query"
	"github.com/timberlinedb/timberline/tsdb"
)

// lastBench is an engine on the disk for statements that want the newest or oldest value of many series.
type lastBench struct {
	b     *testing.B
	store *tsdb.Store
}

// write writes a line of every series for each tick in [from, to).
func (l *lastBench) write(from, to int, line func(dst []byte, tick int) []byte) {
	l.b.Helper()
	ctx := context.Background()
	var body []byte
	for tick := from; tick < to; tick++ {
		body = line(body[:0], tick)
		var batch model.Batch
		lineproto.ParsePlain(&batch, body, lineproto.Options{Precision: lineproto.Second})
		res, err := l.store.Write(ctx, 1, 1, &batch)
		if err == nil {
			err = l.store.Commit(ctx, res.LSN)
		}
		if err != nil || len(batch.Rejects) > 0 {
			l.b.Fatal(err, batch.Rejects)
		}
	}
}

const lastBenchStart = 1_704_067_200

// cpuTick appends a line of ten tags and ten integers for each of 4,000 hosts.
func cpuTick(dst []byte, tick int) []byte {
	for host := range 4000 {
		dst = fmt.Appendf(dst, "cpu,arch=x86,datacenter=eu-west-1%c,hostname=host_%d,os=Ubuntu16.10,rack=%d,region=eu-west-1,service=%d,service_environment=test,service_version=%d,team=SF ",
			'a'+host%3, host, host%97, host%19, host%2)
		for f := range 10 {
			dst = fmt.Appendf(dst, "usage_%d=%di,", f, (host*7+tick*13+f*29)%101)
		}
		dst = fmt.Appendf(dst[:len(dst)-1], " %d\n", lastBenchStart+10*tick)
	}
	return dst
}

// sensorTick appends a line of three tags and one float for each of 10,000 sensors.
func sensorTick(dst []byte, tick int) []byte {
	for i := range 10_000 {
		dst = fmt.Appendf(dst, "sensor,device=device-%06d,rack=r%d,site=s%d value=%d.%02d %d\n", i, i%100, i%10, i%50, tick%100, lastBenchStart+10*tick)
	}
	return dst
}

// BenchmarkLast asks for the newest and oldest values of many series, with the rows in the cache, in a file, or both.
func BenchmarkLast(b *testing.B) {
	shapes := []struct {
		name    string
		line    func([]byte, int) []byte
		ticks   int
		queries [][2]string
	}{
		{"cpu-4000", cpuTick, 120, [][2]string{
			{"lastpoint", "SELECT * FROM cpu GROUP BY hostname ORDER BY time DESC LIMIT 1"},
			{"last-all", "SELECT last(*) FROM cpu GROUP BY hostname"},
			{"last-one", "SELECT last(usage_0) FROM cpu GROUP BY hostname"},
			{"first-one", "SELECT first(usage_0) FROM cpu GROUP BY hostname"},
			{"tiny-max", fmt.Sprintf("SELECT max(usage_0) FROM cpu WHERE hostname = 'host_2719' AND time >= %ds AND time < %ds GROUP BY time(1m)", lastBenchStart, lastBenchStart+3600)},
			{"tiny-last", "SELECT last(usage_0) FROM cpu WHERE hostname = 'host_2719'"},
		}},
		{"sensor-10000", sensorTick, 40, [][2]string{
			{"last", "SELECT last(value) FROM sensor GROUP BY device"},
			{"first", "SELECT first(value) FROM sensor GROUP BY device"},
			{"last-site", "SELECT last(value) FROM sensor WHERE site = 's3' GROUP BY device"},
			{"last-recent", fmt.Sprintf("SELECT last(value) FROM sensor WHERE time >= %ds GROUP BY device", lastBenchStart+200)},
			{"last-bounded", fmt.Sprintf("SELECT last(value) FROM sensor WHERE time >= %ds AND time < %ds GROUP BY device", lastBenchStart+20, lastBenchStart+350)},
		}},
		{"sensor-10000-dense", sensorTick, 120, [][2]string{
			{"last", "SELECT last(value) FROM sensor GROUP BY device"},
			{"first", "SELECT first(value) FROM sensor GROUP BY device"},
			{"last-bounded", fmt.Sprintf("SELECT last(value) FROM sensor WHERE time >= %ds AND time < %ds GROUP BY device", lastBenchStart+20, lastBenchStart+900)},
		}},
	}
	for _, shape := range shapes {
		for _, where := range []string{"cache", "file", "both"} {
			b.Run(shape.name+"/"+where, func(b *testing.B) {
				store, err := tsdb.Open(context.Background(), b.TempDir(), tsdb.Layout{{ID: 1, Shards: []tsdb.ShardSpec{{ID: 1, Policy: 1, Range: model.AllTime}}}}, tsdb.Options{})
				if err != nil {
					b.Fatal(err)
				}
				defer store.Close()
				l := &lastBench{b, store}
				flushed := shape.ticks
				if where == "both" {
					flushed -= 5
				}
				l.write(0, flushed, shape.line)
				if where != "cache" {
					if err := store.Flush(context.Background()); err != nil {
						b.Fatal(err)
					}
				}
				l.write(flushed, shape.ticks, shape.line)
				model := newBench(b, query.Options{})
				groups := budget.New(0).Account("query-groups", 16<<20) // as servers have it
				engine := query.New(model.storage.Catalog, &engineStorage{model.storage, store}, query.Options{GroupMemory: groups})
				for _, q := range shape.queries {
					b.Run(q[0], func(b *testing.B) { askRepeatedly(b, engine, q[1]) })
				}
			})
		}
	}
}

func askRepeatedly(b *testing.B, engine *query.Engine, text string) {
	b.ReportAllocs()
	for b.Loop() {
		rows := 0
		err := engine.Run(context.Background(), query.Request{Text: text, Database: "db0"}, func(r *query.Result) error {
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
