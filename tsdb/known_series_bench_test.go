package tsdb

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/timberlinedb/timberline/index"
	"github.com/timberlinedb/timberline/internal/fingerprint"
	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
)

// sameSeries knows every spelling without a look at memory.
type sameSeries struct{}

func (sameSeries) Lookup(model.Fingerprint) (model.SeriesID, bool) { return 1, true }

func (sameSeries) LookupAll(ids []model.SeriesID, fps []model.Fingerprint) {
	for i := range fps {
		ids[i] = 1
	}
}

// BenchmarkKnownSeries parses bodies of 5,000 lines whose series are drawn at
// random from TIMBERLINE_BENCH_SERIES (a million) that the index knows: what a line
// costs with the index, and without it.
func BenchmarkKnownSeries(b *testing.B) {
	n := 1_000_000
	if s := os.Getenv("TIMBERLINE_BENCH_SERIES"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	const lines = 5000
	dir := b.TempDir()
	x, err := index.Open(b.Context(), dir+"/series", dir+"/index", index.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer x.Close()
	spelling := func(dst []byte, i int) []byte {
		return fmt.Appendf(dst, "sensor,device=device-%010d,rack=rack-%04d,site=s%03d", i, i/100%1000, i%100)
	}
	keys, ids, fps := make([][]byte, lines), make([]model.SeriesID, lines), make([]model.Fingerprint, lines)
	var raw []byte
	var tags model.Tags
	for i := 0; i < n; i += lines {
		for j := range keys {
			raw = spelling(raw[:0], i+j)
			fps[j] = fingerprint.Of(raw)
			var measurement []byte
			if measurement, tags, _, err = lineproto.ParseKey(raw, tags, nil); err != nil {
				b.Fatal(err)
			}
			keys[j] = model.AppendSeriesKey(keys[j][:0], measurement, tags)
		}
		if err := x.Resolve(keys, fps, ids, nil); err != nil {
			b.Fatal(err)
		}
		if x.NeedsLayer() {
			if err := x.WriteLayer(); err != nil {
				b.Fatal(err)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 9))
	bodies := make([][]byte, 40)
	for i := range bodies {
		for range lines {
			bodies[i] = fmt.Appendf(spelling(bodies[i], r.IntN(n)), " value=%d.%02d 1700000000000000000\n", r.IntN(100), r.IntN(100))
		}
	}
	for _, bench := range []struct {
		name   string
		series lineproto.SeriesTable
	}{{"without", sameSeries{}}, {"index", x}} {
		b.Run(fmt.Sprint(bench.name, "/", n), func(b *testing.B) {
			var p lineproto.Parser
			var batch model.Batch
			for i := 0; b.Loop(); i++ {
				p.Parse(&batch, bodies[i%len(bodies)], lineproto.Options{Series: bench.series})
				if len(batch.Tables) != 1 || len(batch.Tables[0].NewKeys) > 0 || batch.Rows() != lines {
					b.Fatalf("%d rows, %d lines", batch.Rows(), batch.Lines)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/lines, "ns/line")
		})
	}
}
