package tsdb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// benchStore opens a store on the disk with one shard and numbers hosts series.
func benchStore(b *testing.B, hosts int) (*Store, []model.SeriesID) {
	b.Helper()
	s, err := Open(context.Background(), b.TempDir(), Layout{{ID: 1, Shards: []ShardSpec{{ID: 1, Policy: 1, Range: model.AllTime}}}}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	var keys [][]byte
	for i := range hosts {
		keys = append(keys, model.AppendSeriesKey(nil, []byte("cpu"), model.Tags{
			{Key: []byte("hostname"), Value: fmt.Appendf(nil, "host_%d", i)},
			{Key: []byte("region"), Value: fmt.Appendf(nil, "eu-%d", i%9)},
		}))
	}
	ids := make([]model.SeriesID, hosts)
	d := s.list()[0]
	if err := d.index.Resolve(keys, make([]model.Fingerprint, hosts), ids, d.journal); err != nil {
		b.Fatal(err)
	}
	return s, ids
}

// benchBatch makes a batch of rows of ten integers; fill gives it its rows.
func benchBatch(rows int) *model.Batch {
	batch := new(model.Batch)
	t := batch.AddTable([]byte("cpu"))
	t.Times, t.Series = make([]int64, rows), make([]model.SeriesID, rows)
	for f := range 10 {
		t.AddColumn(fmt.Appendf(nil, "usage_%d", f), model.Integer)
		t.Columns[f].Values = make([]uint64, rows)
		for i := range rows {
			t.Columns[f].Values[i] = uint64(rand.IntN(100))
		}
	}
	return batch
}

// BenchmarkWriteCommit writes rows of ten integers in bodies of many rows, each
// acknowledged after the sync, by two writers.
func BenchmarkWriteCommit(b *testing.B) {
	for _, hosts := range []int{100, 4000, 1_000_000} {
		b.Run(fmt.Sprint(hosts), func(b *testing.B) {
			const rows = 4000
			s, ids := benchStore(b, hosts)
			ctx := context.Background()
			batches := [2]*model.Batch{benchBatch(rows), benchBatch(rows)}
			n, tick := 0, int64(1_700_000_000_000_000_000)
			errs := make(chan error, 2)
			b.ResetTimer()
			for i := range b.N {
				t := batches[i&1].Tables[0]
				if i >= 2 {
					if err := <-errs; err != nil {
						b.Fatal(err)
					}
				}
				for r := range rows {
					t.Series[r], t.Times[r] = ids[n], tick
					if n++; n == hosts {
						n, tick = 0, tick+10_000_000_000
					}
				}
				res, err := s.Write(ctx, 1, 1, batches[i&1])
				if err != nil {
					b.Fatal(err)
				}
				go func() { errs <- s.Commit(ctx, res.LSN) }()
			}
			for range min(b.N, 2) {
				if err := <-errs; err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkSingleRowCommit writes one row per call from many goroutines.
func BenchmarkSingleRowCommit(b *testing.B) {
	s, ids := benchStore(b, 4000)
	ctx := context.Background()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		batch := benchBatch(1)
		t := batch.Tables[0]
		for k := int64(0); pb.Next(); k++ {
			t.Series[0], t.Times[0] = ids[rand.IntN(len(ids))], 1_700_000_000_000_000_000+k*1_000_000
			res, err := s.Write(ctx, 1, 1, batch)
			if err == nil {
				err = s.Commit(ctx, res.LSN)
			}
			if err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkRead reads all rows of a thousand series of 400 rows each.
func BenchmarkRead(b *testing.B) {
	for _, where := range []string{"cache", "file"} {
		b.Run(where, func(b *testing.B) {
			s, ids := benchStore(b, 1000)
			ctx := context.Background()
			const rows, ticks = 1000, 400
			batch := benchBatch(rows)
			for k := range ticks {
				t := batch.Tables[0]
				for r := range rows {
					t.Series[r], t.Times[r] = ids[r], 1_700_000_000_000_000_000+int64(k)*10_000_000_000
				}
				res, err := s.Write(ctx, 1, 1, batch)
				if err == nil {
					err = s.Commit(ctx, res.LSN)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			if where == "file" {
				if err := s.Flush(ctx); err != nil {
					b.Fatal(err)
				}
			}
			v, err := s.View(ctx, 1, []uint64{1}, model.AllTime)
			if err != nil {
				b.Fatal(err)
			}
			defer v.Close()
			fields, _ := v.Fields("cpu")
			for b.Loop() {
				cur, err := v.Read(ctx, cursor.Request{Measurement: "cpu", Series: ids, Fields: fields, Range: model.AllTime})
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for {
					if _, ok := cur.NextSeries(); !ok {
						break
					}
					for x := cur.Next(); x != nil; x = cur.Next() {
						n += len(x.Times)
					}
				}
				if n != rows*ticks || cur.Err() != nil {
					b.Fatalf("%d rows, %v", n, cur.Err())
				}
				cur.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(rows*ticks*10), "ns/value")
		})
	}
}
