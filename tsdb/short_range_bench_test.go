package tsdb

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// BenchmarkShortRange reads six rows, a minute of one host, from the middle of pages
// of different sizes: what a page costs beyond the rows that are wanted of it shows in
// the difference.
func BenchmarkShortRange(b *testing.B) {
	const rows, fields, step = 8640, 10, 10_000_000_000
	for _, page := range []int{256, 1000, 4096} {
		b.Run(fmt.Sprint(page), func(b *testing.B) {
			ctx := context.Background()
			s, err := Open(ctx, b.TempDir(), replayLayout, Options{CompactionWorkers: -1, BlockRows: page})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			batch := new(model.Batch)
			t := batch.AddTable([]byte("cpu"))
			t.Times, t.Series = make([]int64, rows), make([]model.SeriesID, rows)
			t.NewKeys = []model.NewKey{{Row: 0, Key: model.AppendSeriesKey(nil, []byte("cpu"), model.Tags{{Key: []byte("hostname"), Value: []byte("a")}})}}
			var wanted []cursor.Field
			for f := range fields {
				t.AddColumn(fmt.Appendf(nil, "usage_%d", f), model.Float)
				t.Columns[f].Values = make([]uint64, rows)
				for i := range rows {
					t.Columns[f].Values[i] = math.Float64bits(math.Round(50+40*math.Sin(float64(i*(f+1))/700)) + float64(i*7919%11))
				}
				if f < 1 {
					wanted = append(wanted, cursor.Field{Name: fmt.Sprintf("usage_%d", f), Type: model.Float})
				}
			}
			for i := range rows {
				t.Times[i] = int64(i) * step
			}
			for i := 1; i < rows; i++ {
				t.NewKeys = append(t.NewKeys, model.NewKey{Row: int32(i), Key: t.NewKeys[0].Key})
			}
			res, err := s.Write(ctx, 1, 1, batch)
			if err == nil {
				err = s.Commit(ctx, res.LSN)
			}
			if err == nil {
				err = s.Flush(ctx)
			}
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				span := model.TimeRange{Min: 4000 * step, Max: 4005 * step}
				v, err := s.View(ctx, 1, []uint64{1}, span)
				if err != nil {
					b.Fatal(err)
				}
				c, err := v.Read(ctx, cursor.Request{Measurement: "cpu", Series: []model.SeriesID{1}, Fields: wanted, Range: span})
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for _, ok := c.NextSeries(); ok; _, ok = c.NextSeries() {
					for batch := c.Next(); batch != nil; batch = c.Next() {
						n += len(batch.Times)
					}
				}
				if n != 6 || c.Err() != nil {
					b.Fatal(n, c.Err())
				}
				c.Close()
				v.Close()
			}
		})
	}
}
