package lineproto

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/internal/fingerprint"
	"github.com/timberlinedb/timberline/model"
)

// tsbsBody returns lines of the TSBS cpu-only workload: ten tags, ten integer
// fields, one tick after the other over all hosts.
func tsbsBody(hosts, ticks int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	fields := []string{"user", "system", "idle", "nice", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"}
	var s bytes.Buffer
	for tick := range ticks {
		for host := range hosts {
			fmt.Fprintf(&s, "cpu,hostname=host_%d,region=eu-central-1,datacenter=eu-central-1a,rack=%d,os=Ubuntu15.10,arch=x86,team=SF,service=%d,service_version=1,service_environment=test ",
				host, host%100, host%20)
			for i, f := range fields {
				if i > 0 {
					s.WriteByte(',')
				}
				fmt.Fprintf(&s, "usage_%s=%di", f, r.IntN(101))
			}
			fmt.Fprintf(&s, " %d\n", 1451606400000000000+int64(tick)*10e9)
		}
	}
	return s.Bytes()
}

// telegrafBody returns what one agent sends: many measurements with few rows
// each, integers, floats, strings and booleans, fields that come and go.
func telegrafBody(rounds int) []byte {
	r := rand.New(rand.NewPCG(1, 3))
	var s bytes.Buffer
	for round := range rounds {
		at := 1700000000000000000 + int64(round)*10e9
		for cpu := range 4 {
			fmt.Fprintf(&s, "cpu,cpu=cpu%d,host=web-01 usage_user=%v,usage_system=%v,usage_idle=%v,usage_nice=0,usage_iowait=%v %d\n",
				cpu, r.Float64()*100, r.Float64()*100, r.Float64()*100, r.Float64(), at)
		}
		fmt.Fprintf(&s, "mem,host=web-01 total=%di,used=%di,available_percent=%v,cached=%di %d\n", 33567031296, r.Int64N(33567031296), r.Float64()*100, r.Int64N(1e10), at)
		fmt.Fprintf(&s, "disk,device=sda1,fstype=ext4,host=web-01,mode=rw,path=/ free=%di,total=502468108288i,used_percent=%.4f %d\n", r.Int64N(5e11), r.Float64()*100, at)
		fmt.Fprintf(&s, "system,host=web-01 load1=%.2f,load5=%.2f,n_cpus=8i,uptime=%di %d\n", r.Float64()*8, r.Float64()*8, 100000+round, at)
		fmt.Fprintf(&s, "system,host=web-01 uptime_format=\"%d days, %d:%02d\" %d\n", round/8640, round/360%24, round/6%60, at)
		for disk := range 2 {
			fmt.Fprintf(&s, "diskio,host=web-01,name=sd%c reads=%di,writes=%di,read_bytes=%di,io_time=%di %d\n", 'a'+disk, r.Int64N(1e6), r.Int64N(1e6), r.Int64N(1e11), r.Int64N(1e7), at)
		}
		fmt.Fprintf(&s, "service,host=web-01,unit=ssh.service active=%v,state=\"running\",restarts=%di %d\n", r.IntN(9) > 0, r.IntN(3), at)
	}
	return s.Bytes()
}

func linesOf(n int, line func(r *rand.Rand, i int) string) []byte {
	r := rand.New(rand.NewPCG(1, 4))
	var s bytes.Buffer
	for i := range n {
		s.WriteString(line(r, i))
		s.WriteByte('\n')
	}
	return s.Bytes()
}

var benchBodies = []struct {
	name string
	body func() []byte
	new  bool // no series is known
}{
	{"TSBS", func() []byte { return tsbsBody(4000, 5) }, false},
	{"TSBS100", func() []byte { return tsbsBody(100, 50) }, false},
	{"Telegraf", func() []byte { return telegrafBody(500) }, false},
	{"Floats2", func() []byte {
		return linesOf(5000, func(r *rand.Rand, i int) string {
			return fmt.Sprintf("m,host=h%d a=%.2f,b=%.2f,c=%.2f,d=%.2f %d", i%100, r.Float64()*100, r.Float64()*1000, r.NormFloat64(), r.Float64()*1e5, 1700000000000000000+int64(i))
		})
	}, false},
	{"Floats17", func() []byte {
		return linesOf(5000, func(r *rand.Rand, i int) string {
			return fmt.Sprintf("m,host=h%d a=%v,b=%v,c=%v,d=%v %d", i%100, r.Float64(), r.Float64()*1000, r.NormFloat64(), r.ExpFloat64(), 1700000000000000000+int64(i))
		})
	}, false},
	{"Strings", func() []byte {
		return linesOf(5000, func(r *rand.Rand, i int) string {
			return fmt.Sprintf(`log,host=h%d level="info",message="request %d took %d ms, status 200",path="/api/v2/items/%d" %d`, i%100, i, r.IntN(1000), r.IntN(1e6), 1700000000000000000+int64(i))
		})
	}, false},
	{"Escapes", func() []byte {
		return linesOf(5000, func(r *rand.Rand, i int) string {
			return fmt.Sprintf(`my\ log,my\ host=h\ %d a\ b=%di,message="said \"%d\" on C:\\disk" %d`, i%100, r.IntN(1000), i, 1700000000000000000+int64(i))
		})
	}, false},
	{"NewKeys", func() []byte { return tsbsBody(20000, 1) }, true},
	{"NewKeysRepeated", func() []byte { return tsbsBody(100, 200) }, true},
	{"OneLine", func() []byte { return tsbsBody(1, 1) }, false},
}

func knownSeries(body []byte) *seriesSet {
	var b model.Batch
	ParsePlain(&b, body, Options{})
	s := newSeriesSet(make([]string, b.Rows())...)
	for _, t := range b.Tables {
		for _, fp := range t.Fingerprints {
			s.add(fp)
		}
	}
	return s
}

func benchmarkBodies(b *testing.B, parse func(dst *model.Batch, body []byte, opt Options)) {
	for _, bench := range benchBodies {
		b.Run(bench.name, func(b *testing.B) {
			body := bench.body()
			var opt Options
			if !bench.new {
				opt.Series = knownSeries(body)
			}
			var batch model.Batch
			parse(&batch, body, opt)
			if len(batch.Rejects) > 0 {
				b.Fatal(brief(&batch))
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				parse(&batch, body, opt)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch.Lines), "ns/line")
		})
	}
}

func BenchmarkParser(b *testing.B) {
	var p Parser
	benchmarkBodies(b, p.Parse)
}

func BenchmarkPlain(b *testing.B) { benchmarkBodies(b, ParsePlain) }

// BenchmarkFloor tells what the parts of a TSBS line cost at least, to compare
// BenchmarkParser/TSBS with: looking for newlines; looking for the end of the
// key too and hashing it; comparing the key with one that is expected.
func BenchmarkFloor(b *testing.B) {
	body := tsbsBody(4000, 5)
	lines := bytes.Count(body, []byte{'\n'})
	for _, bench := range []struct {
		name string
		line func(line []byte)
	}{
		{"Newlines", func([]byte) {}},
		{"KeyHash", func(line []byte) { fingerprint.Of(line[:bytes.IndexByte(line, ' ')]) }},
		{"KeyCompare", func(line []byte) { floorEqual = bytes.Equal(line[:170], body[:170]) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				for rest := body; len(rest) > 0; {
					n := bytes.IndexByte(rest, '\n')
					bench.line(rest[:n])
					rest = rest[n+1:]
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*lines), "ns/line")
		})
	}
}

var floorEqual bool

// TestAllocations: a warmed-up parser does not allocate on lines that look
// like earlier ones.
func TestAllocations(t *testing.T) {
	for _, bench := range benchBodies {
		body := bench.body()
		opt := Options{Series: knownSeries(body)}
		var p Parser
		var batch model.Batch
		p.Parse(&batch, body, opt)
		allocs := testing.AllocsPerRun(3, func() { p.Parse(&batch, body, opt) })
		// The rows of sparse columns are one slice, made for each body.
		if limit := 1.0; allocs > limit {
			t.Errorf("%s: %v allocations for %d lines", bench.name, allocs, batch.Lines)
		}
	}
}

// TestManyNames: bodies in which each line or field has a name of its own take
// time in proportion to their size.
func TestManyNames(t *testing.T) {
	const n = 200_000
	fields, measurements, types := new(strings.Builder), new(strings.Builder), new(strings.Builder)
	fields.WriteString("m ")
	for i := range n {
		if i > 0 {
			fields.WriteByte(',')
		}
		fmt.Fprintf(fields, "f%d=1", i)
		fmt.Fprintf(measurements, "m%d f=1\n", i)
		fmt.Fprintf(types, "m f%d=1\nbad\nm f%d=2,x=\n", i, i)
	}
	var p Parser
	for _, test := range []struct {
		name, body              string
		tables, columns, values int
	}{
		{"fields", fields.String() + "\n" + fields.String(), 1, n, 2 * n},
		{"measurements", measurements.String() + measurements.String(), n, 1, 2 * n},
		{"lines", types.String(), 1, n, n},
		{"no space", strings.Repeat("a\n", n), 0, 0, 0},
		{"escaped spaces", strings.Repeat("a\\ ", n) + "\n" + strings.Repeat("a\\ \n", n), 0, 0, 0},
		{"quotes", strings.Repeat("m f=\"\n", n), 1, 1, n / 2},
	} {
		var b model.Batch
		p.Parse(&b, []byte(test.body), Options{})
		if len(b.Tables) != test.tables || b.Values() != test.values {
			t.Fatalf("%s: %d tables, %d values", test.name, len(b.Tables), b.Values())
		}
		if test.tables > 0 && len(b.Tables[0].Columns) != test.columns {
			t.Fatalf("%s: %d columns", test.name, len(b.Tables[0].Columns))
		}
	}
}
