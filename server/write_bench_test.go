package server

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/budget"
	"github.com/timberlinedb/timberline/internal/clock"
	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/tsdb"
)

// BenchmarkSingleLines writes bodies of one line with ten integers through the
// handler, without a network, from many clients of which each waits for its
// answer: the rows are on the disk then. It reports how long the answers took.
func BenchmarkSingleLines(b *testing.B) {
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			s, err := openSystemIn(b.TempDir(), vfs.OS(), clock.NewManual(testNow), tsdb.Options{Budget: budget.New(0)})
			if err != nil {
				b.Fatal(err)
			}
			defer s.close()
			s.mustAsk(b, "", "CREATE DATABASE d")
			took := make([]time.Duration, b.N)
			var next atomic.Int64
			var working sync.WaitGroup
			b.ResetTimer()
			for range clients {
				working.Go(func() {
					for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
						body := fmt.Sprintf("cpu,hostname=host_%d,region=eu-central-1,rack=%d usage_user=%di,usage_system=2i,usage_idle=3i,usage_nice=4i,usage_iowait=5i,usage_irq=6i,usage_softirq=7i,usage_steal=8i,usage_guest=9i,usage_guest_nice=%di %d",
							i%4000, i%4000%100, i%100, i%7, testNow.UnixNano()+int64(i/4000))
						rec := httptest.NewRecorder()
						begin := time.Now()
						s.answers.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/write?db=d", strings.NewReader(body)))
						took[i] = time.Since(begin)
						if rec.Code != http.StatusNoContent {
							b.Errorf("status %d: %s", rec.Code, rec.Body)
							return
						}
					}
				})
			}
			working.Wait()
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		})
	}
}
