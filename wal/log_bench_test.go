package wal

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

func BenchmarkAppendWait(b *testing.B) {
	for _, g := range []int{1, 64} {
		for _, size := range []int{200, 64 << 10} {
			b.Run(fmt.Sprintf("goroutines=%d/bytes=%d", g, size), func(b *testing.B) {
				l, _, err := Open(context.Background(), b.TempDir(), Options{}, nil)
				if err != nil {
					b.Fatal(err)
				}
				defer l.Close()
				payload := make([]byte, size)
				b.SetBytes(int64(size))
				b.SetParallelism((g + 1) / 2)
				var slowest atomic.Int64
				b.ResetTimer()
				commit := func() {
					start := time.Now()
					lsn, err := l.Append(KindRows, payload)
					if err == nil {
						err = l.Wait(context.Background(), lsn)
					}
					if err != nil {
						b.Error(err)
					}
					if l.DurableLSN()&4095 == 0 {
						if err := l.Release(l.DurableLSN()); err != nil {
							b.Error(err)
						}
					}
					for took := int64(time.Since(start)); ; {
						old := slowest.Load()
						if took <= old || slowest.CompareAndSwap(old, took) {
							break
						}
					}
				}
				if g == 1 {
					for range b.N {
						commit()
					}
				} else {
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							commit()
						}
					})
				}
				b.StopTimer()
				m := l.Metrics()
				b.ReportMetric(float64(m.Frames)/float64(m.Epochs), "frames/commit")
				b.ReportMetric(float64(slowest.Load())/1e6, "max-ms")
				b.ReportMetric(float64(m.SyncTime.Microseconds())/float64(m.Syncs), "us/sync")
			})
		}
	}
}
