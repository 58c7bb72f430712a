package tsdb

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/model"
)

var replayLayout = Layout{{ID: 1, Shards: []ShardSpec{{ID: 1, Policy: 1, Range: model.AllTime}}}}

// BenchmarkReplay opens a copy of a store that was cut off with all its rows in
// the log.
func BenchmarkReplay(b *testing.B) {
	for _, shape := range []struct{ series, rows, fields int }{
		{4000, 2_000_000, 10}, {100_000, 2_000_000, 10}, {1_000_000, 2_000_000, 1},
	} {
		b.Run(fmt.Sprint(shape.series), func(b *testing.B) {
			// Time stands still, so that nothing is flushed behind our back.
			opt := Options{CacheLimit: 4 << 30, ShardCacheBytes: 4 << 30, CompactionWorkers: -1, Clock: clock.NewManual(time.Unix(1_700_000_000, 0))}
			from := b.TempDir()
			fillLog(b, from, opt, shape.series, shape.rows, shape.fields)
			var replayed ReplayMetrics
			opt.Events.Replayed = func(m ReplayMetrics) { replayed = m }
			to := filepath.Join(b.TempDir(), "copy")
			b.ReportAllocs()
			cpu := time.Duration(0)
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				if err := os.CopyFS(to, os.DirFS(from)); err != nil {
					b.Fatal(err)
				}
				before := processorTime(b)
				b.StartTimer()
				s, err := Open(context.Background(), to, replayLayout, opt)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				cpu += processorTime(b) - before
				if replayed.Rows != int64(shape.rows) {
					b.Fatalf("%d rows replayed, want %d", replayed.Rows, shape.rows)
				}
				abandon(s)
				if err := os.RemoveAll(to); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			seconds := b.Elapsed().Seconds() / float64(b.N)
			b.ReportMetric(seconds*1e9/float64(shape.rows), "ns/row")
			b.ReportMetric(seconds*1e9/float64(replayed.Bytes), "s/GB")
			b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N)/float64(shape.rows), "cpu-ns/row")
			b.ReportMetric(float64(replayed.Bytes)/float64(shape.rows), "B/row")
		})
	}
}

// processorTime returns the time that the process has had of all processors, which
// other programs on the machine change less than the clock.
func processorTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fillLog writes rows to a store that is cut off before anything is flushed.
func fillLog(b *testing.B, dir string, opt Options, series, rows, fields int) {
	b.Helper()
	ctx := context.Background()
	s, err := Open(ctx, dir, replayLayout, opt)
	if err != nil {
		b.Fatal(err)
	}
	defer abandon(s)
	const perBatch = 5000
	rng := rand.New(rand.NewPCG(1, 2))
	ids := make([]model.SeriesID, series)
	var lsn uint64
	for n := 0; n < rows; {
		count := min(perBatch, rows-n)
		batch := new(model.Batch)
		t := batch.AddTable([]byte("cpu"))
		t.Times, t.Series = make([]int64, count), make([]model.SeriesID, count)
		for f := range fields {
			t.AddColumn(fmt.Appendf(nil, "usage_%d", f), model.Float)
			t.Columns[f].Values = make([]uint64, count)
			for i := range t.Columns[f].Values {
				t.Columns[f].Values[i] = math.Float64bits(float64(rng.IntN(10_000)) / 100)
			}
		}
		for i := range count {
			at := (n + i) % series
			t.Times[i] = 1_700_000_000_000_000_000 + int64((n+i)/series)*10_000_000_000
			if t.Series[i] = ids[at]; ids[at] == 0 {
				t.NewKeys = append(t.NewKeys, model.NewKey{Row: int32(i), Key: model.AppendSeriesKey(nil, []byte("cpu"), model.Tags{
					{Key: []byte("hostname"), Value: fmt.Appendf(nil, "host_%d", at)},
					{Key: []byte("rack"), Value: fmt.Appendf(nil, "%d", at%100)},
					{Key: []byte("region"), Value: fmt.Appendf(nil, "eu-central-%d", at%9)},
				})})
			}
		}
		res, err := s.Write(ctx, 1, 1, batch)
		if err != nil {
			b.Fatal(err)
		}
		for i := range count {
			ids[(n+i)%series] = t.Series[i]
		}
		lsn = res.LSN
		n += count
	}
	if err := s.Commit(ctx, lsn); err != nil {
		b.Fatal(err)
	}
}

// abandon lets go of a store without a flush.
func abandon(s *Store) {
	close(s.closing)
	s.stop()
	s.loops.Wait()
	s.release()
}
