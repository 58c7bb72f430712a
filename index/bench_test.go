package index

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/timberlinedb/timberline/model"
)

// benchKey returns a series like those of a fleet of hosts: ten tags, the host
// unique, the others of few values.
func benchKey(dst []byte, r *rand.Rand, i int) []byte {
	v := func(format string, n int) []byte { return fmt.Appendf(nil, format, r.IntN(n)) }
	return model.AppendSeriesKey(dst, []byte("cpu"), model.Tags{
		{Key: []byte("arch"), Value: v("x%d", 2)},
		{Key: []byte("datacenter"), Value: v("eu-central-1%d", 20)},
		{Key: []byte("hostname"), Value: fmt.Appendf(nil, "host_%d", i)},
		{Key: []byte("os"), Value: v("Ubuntu%d.10LTS", 3)},
		{Key: []byte("rack"), Value: v("%d", 100)},
		{Key: []byte("region"), Value: v("eu-central-%d", 9)},
		{Key: []byte("service"), Value: v("%d", 20)},
		{Key: []byte("service_environment"), Value: v("env%d", 3)},
		{Key: []byte("service_version"), Value: v("%d", 2)},
		{Key: []byte("team"), Value: v("team%d", 4)},
	})
}

// benchIndex makes an index of n series with a checkpoint.
func benchIndex(b testing.TB, dir string, n int) *Index {
	b.Helper()
	x, err := Open(context.Background(), filepath.Join(dir, "series"), filepath.Join(dir, "index"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	const step = 5000
	keys, ids, fps := make([][]byte, step), make([]model.SeriesID, step), make([]model.Fingerprint, step)
	for i := 0; i < n; i += step {
		keys = keys[:min(step, n-i)]
		for j := range keys {
			keys[j] = benchKey(nil, r, i+j)
		}
		if err := x.Resolve(keys, fps[:len(keys)], ids[:len(keys)], nil); err != nil {
			b.Fatal(err)
		}
		if x.NeedsLayer() {
			if err := x.WriteLayer(); err != nil {
				b.Fatal(err)
			}
		}
		if x.NeedsMerge() {
			if err := x.Merge(); err != nil {
				b.Fatal(err)
			}
		}
	}
	all := make([]model.SeriesID, n)
	for i := range all {
		all[i] = model.SeriesID(i + 1)
	}
	x.MarkPresent(1, all)
	if err := x.Checkpoint(); err != nil {
		b.Fatal(err)
	}
	return x
}

// benchSeries is the size of the large benchmarks; TIMBERLINE_BENCH_SERIES sets it.
func benchSeries() int {
	if n, err := strconv.Atoi(os.Getenv("TIMBERLINE_BENCH_SERIES")); err == nil {
		return n
	}
	return 1_000_000
}

func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{4000, benchSeries()} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var table fingerprintTable
			r := rand.New(rand.NewPCG(1, 2))
			fps, ids := make([]model.Fingerprint, n), make([]model.SeriesID, n)
			for i := range fps {
				fps[i], ids[i] = model.Fingerprint{Hi: r.Uint64(), Lo: r.Uint64()}, model.SeriesID(i+1)
			}
			table.teach(fps, ids, 1<<40)
			r.Shuffle(n, func(i, j int) { fps[i], fps[j] = fps[j], fps[i] })
			_, bytes := table.stats()
			for i := 0; b.Loop(); i++ {
				if _, ok := table.lookup(fps[i%n]); !ok {
					b.Fatal("unknown fingerprint")
				}
			}
			b.ReportMetric(float64(bytes)/float64(n), "B/fingerprint")
		})
	}
}

func BenchmarkResolveNew(b *testing.B) {
	x := openTest(b, b.TempDir(), Options{})
	r := rand.New(rand.NewPCG(1, 1))
	const step = 1000
	keys, ids, fps := make([][]byte, step), make([]model.SeriesID, step), make([]model.Fingerprint, step)
	n := 0
	for b.Loop() {
		b.StopTimer()
		for j := range keys {
			keys[j] = benchKey(keys[j][:0], r, n)
			fps[j] = model.Fingerprint{Hi: r.Uint64(), Lo: r.Uint64()}
			n++
		}
		b.StartTimer()
		if err := x.Resolve(keys, fps, ids, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/series")
	b.ReportMetric(float64(x.Metrics().DeltaBytes)/float64(n), "delta-B/series")
}

func equal(key, value string) *model.TagFilter {
	return &model.TagFilter{Op: model.TagEqual, Key: key, Value: value}
}

func match(key, regex string) *model.TagFilter {
	return &model.TagFilter{Op: model.TagMatch, Key: key, Regex: regexp.MustCompile(regex)}
}

// BenchmarkLarge measures one large index; building it takes most of the time.
func BenchmarkLarge(b *testing.B) {
	dir := b.TempDir()
	n := benchSeries()
	x := benchIndex(b, dir, n)
	m := x.Metrics()
	b.Logf("%d series: series log %.1f B, checkpoint %.1f B per series", m.Series, float64(m.SeriesLogBytes)/float64(n), float64(m.CheckpointBytes)/float64(n))
	var ms runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&ms)
	b.Logf("heap %.1f B per series", float64(ms.HeapAlloc)/float64(n))
	within := x.Present([]uint64{1})
	and := func(args ...*model.TagFilter) *model.TagFilter { return &model.TagFilter{Op: model.TagAnd, Args: args} }
	for _, c := range []struct {
		name string
		f    *model.TagFilter
	}{
		{"two-equal", and(equal("region", "eu-central-1"), equal("os", "Ubuntu1.10LTS"))},
		{"two-equal-small", and(equal("rack", "7"), equal("service", "3"))},
		{"host", equal("hostname", "host_777")},
		{"host-set", match("hostname", "^(host_1|host_22|host_333|host_4444)$")},
		{"host-prefix", match("hostname", "^host_77[0-9]*$")},
		{"host-and-regex", and(equal("hostname", "host_777"), match("hostname", "7{2,}"))},
	} {
		b.Run("search/"+c.name, func(b *testing.B) {
			for b.Loop() {
				if bm, err := x.Search("cpu", c.f, within); err != nil || bm.IsEmpty() {
					b.Fatal(bm, err)
				}
			}
		})
	}
	b.Run("search/regex-cold", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			if bm, err := x.Search("cpu", match("hostname", fmt.Sprintf("7.%d*8", i)), within); err != nil || bm.IsEmpty() {
				b.Fatal(err)
			}
		}
	})
	b.Run("sort/all", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.SortedSeries(within); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("sort/one-in-2000", func(b *testing.B) {
		bm, err := x.Search("cpu", and(equal("rack", "7"), equal("service", "3")), within)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := x.SortedSeries(bm); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("resolve-known", func(b *testing.B) {
		r := rand.New(rand.NewPCG(1, 1))
		keys := make([][]byte, 5000)
		for i := range keys {
			keys[i] = benchKey(nil, r, i)
		}
		ids, fps := make([]model.SeriesID, len(keys)), make([]model.Fingerprint, len(keys))
		for b.Loop() {
			if err := x.Resolve(keys, fps, ids, nil); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(keys)), "ns/series")
	})
	b.Run("values/rack", func(b *testing.B) {
		for b.Loop() {
			if v, err := x.TagValues("cpu", "rack", within); err != nil || len(v) != 100 {
				b.Fatal(len(v), err)
			}
		}
	})
	half := roaring.New() // of all series
	half.AddRange(1, uint64(n/2))
	for _, key := range []string{"hostname", "rack"} {
		for _, c := range []struct {
			name string
			bm   *roaring.Bitmap
		}{{"all", within}, {"half", half}} {
			b.Run("count-values/"+key+"/"+c.name, func(b *testing.B) {
				for b.Loop() {
					if n, err := x.CountTagValues("cpu", []string{key}, c.bm); err != nil || n == 0 {
						b.Fatal(n, err)
					}
				}
			})
		}
	}
	b.Run("count-values/hostname/half/walk", func(b *testing.B) {
		s, err := x.acquire()
		if err != nil {
			b.Fatal(err)
		}
		defer s.release()
		dicts, err := s.dictionaries("cpu", []string{"hostname"}, half)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if n, err := countMerged(dicts, half); err != nil || n == 0 {
				b.Fatal(n, err)
			}
		}
	})
	b.Run("count-series", func(b *testing.B) {
		for b.Loop() {
			if bm, err := x.Search("cpu", nil, within); err != nil || bm.IsEmpty() {
				b.Fatal(bm, err)
			}
		}
	})
	for _, first := range []int{10, 1000} {
		b.Run(fmt.Sprintf("first/%d", first), func(b *testing.B) {
			for b.Loop() {
				if ids, err := x.FirstSeries(within, first); err != nil || len(ids) != first {
					b.Fatal(len(ids), err)
				}
			}
		})
	}
	b.Run("checkpoint", func(b *testing.B) {
		for b.Loop() {
			if err := x.Checkpoint(); err != nil {
				b.Fatal(err)
			}
		}
	})
	if err := x.Close(); err != nil {
		b.Fatal(err)
	}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			x, err := Open(context.Background(), filepath.Join(dir, "series"), filepath.Join(dir, "index"), Options{})
			if err != nil {
				b.Fatal(err)
			}
			if bm, err := x.Search("cpu", equal("hostname", "host_777"), nil); err != nil || bm.IsEmpty() {
				b.Fatal(err)
			}
			x.Close()
		}
	})
}
