package tsdb

import (
	"context"
	"fmt"
	"testing"

	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// BenchmarkScattered reads series with two rows each, whose numbers are ordered as text, from shared blocks.
func BenchmarkScattered(b *testing.B) {
	const series = 100_000
	ctx := context.Background()
	s, err := Open(ctx, b.TempDir(), Layout{{ID: 1, Shards: []ShardSpec{{ID: 1, Policy: 1, Range: model.AllTime}}}}, Options{CompactionWorkers: -1})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var body []byte
	var batch model.Batch
	for n := 0; n < series; {
		body = body[:0]
		for end := n + 1000; n < end; n++ {
			body = fmt.Appendf(body, "m,host=h%d v=%d %d\nm,host=h%d v=%d %d\n", n, n%7, 1000+n, n, n%5, 5000+n)
		}
		lineproto.ParsePlain(&batch, body, lineproto.Options{})
		if _, err := s.Write(ctx, 1, 1, &batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Flush(ctx); err != nil {
		b.Fatal(err)
	}
	v, err := s.View(ctx, 1, []uint64{1}, model.AllTime)
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close()
	set, err := v.Series("m", nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, step := range []int{1, 25} {
		var ids []model.SeriesID
		for i := 0; i < set.Len(); i += step {
			ids = append(ids, set.ID(i))
		}
		b.Run(fmt.Sprint("one in ", step), func(b *testing.B) {
			for b.Loop() {
				c, err := v.Read(ctx, cursor.Request{Measurement: "m", Series: ids, Fields: []cursor.Field{{Name: "v", Type: model.Float}}, Range: model.AllTime})
				if err != nil {
					b.Fatal(err)
				}
				rows := 0
				for _, ok := c.NextSeries(); ok; _, ok = c.NextSeries() {
					for batch := c.Next(); batch != nil; batch = c.Next() {
						rows += len(batch.Times)
					}
				}
				if rows != 2*len(ids) || c.Err() != nil {
					b.Fatal(rows, c.Err())
				}
				c.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(ids)), "ns/series")
		})
	}
}
