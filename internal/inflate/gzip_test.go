package inflate

import (
	"bytes"
	stdgzip "compress/gzip"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// slack is a Buffer that grows by a little each time.
type slack struct {
	step  int
	limit int // 0: none
}

var errFull = errors.New("no more room")

func (s slack) Grow(out []byte, _ int) ([]byte, error) {
	if s.limit > 0 && len(out) >= s.limit {
		return nil, errFull
	}
	return append(out, make([]byte, s.step)...), nil
}

func pack(t testing.TB, level int, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z, err := stdgzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	z.Write(text)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lines is what Telegraf and TSBS send.
func lines(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var s bytes.Buffer
	for i := range n {
		fmt.Fprintf(&s, "cpu,hostname=host_%d,region=eu-central-1,datacenter=eu-central-1a,rack=%d,os=Ubuntu15.10,arch=x86,team=SF,service=%d,service_version=1,service_environment=test ",
			i%4000, i%4000%100, i%4000%20)
		for k, f := range []string{"user", "system", "idle", "nice", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"} {
			if k > 0 {
				s.WriteByte(',')
			}
			fmt.Fprintf(&s, "usage_%s=%di", f, r.IntN(101))
		}
		fmt.Fprintf(&s, " %d\n", 1451606400000000000+int64(i/4000)*10e9)
	}
	return s.Bytes()
}

// telegraf is what an agent sends with its default inputs.
func telegraf(n int) []byte {
	r := rand.New(rand.NewPCG(1, 3))
	var s bytes.Buffer
	for i := 0; i < n; {
		at := 1700000000000000000 + int64(i)*1e9
		host := fmt.Sprintf("web-%02d", i/20%20)
		for cpu := range 4 {
			fmt.Fprintf(&s, "cpu,cpu=cpu%d,host=%s usage_user=%v,usage_system=%v,usage_idle=%v,usage_nice=0,usage_iowait=%v %d\n",
				cpu, host, r.Float64()*100, r.Float64()*100, r.Float64()*100, r.Float64(), at)
		}
		fmt.Fprintf(&s, "mem,host=%s total=%di,used=%di,available_percent=%v,cached=%di %d\n", host, 33567031296, r.Int64N(33567031296), r.Float64()*100, r.Int64N(1e10), at)
		fmt.Fprintf(&s, "disk,device=sda1,fstype=ext4,host=%s,mode=rw,path=/ free=%di,total=502468108288i,used_percent=%.4f %d\n", host, r.Int64N(5e11), r.Float64()*100, at)
		fmt.Fprintf(&s, "system,host=%s load1=%.2f,load5=%.2f,n_cpus=8i,uptime=%di %d\n", host, r.Float64()*8, r.Float64()*8, 100000+i, at)
		for disk := range 2 {
			fmt.Fprintf(&s, "diskio,host=%s,name=sd%c reads=%di,writes=%di,read_bytes=%di,io_time=%di %d\n", host, 'a'+disk, r.Int64N(1e6), r.Int64N(1e6), r.Int64N(1e11), r.Int64N(1e7), at)
		}
		i += 9
	}
	return s.Bytes()
}

var benchTexts = []struct {
	name string
	text func() []byte
}{
	{"TSBS", func() []byte { return lines(5000) }},
	{"Telegraf", func() []byte { return telegraf(5000) }},
}

func BenchmarkGzip(b *testing.B) {
	for _, bench := range benchTexts {
		text := bench.text()
		count := bytes.Count(text, []byte{'\n'})
		for _, level := range []int{stdgzip.DefaultCompression, stdgzip.BestSpeed} {
			packed := pack(b, level, text)
			report := func(name string, unpack func()) {
				b.Run(fmt.Sprintf("%s/level%d/%s", bench.name, level, name), func(b *testing.B) {
					b.SetBytes(int64(len(text)))
					for b.Loop() {
						unpack()
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/line")
					b.ReportMetric(float64(len(packed))/float64(count), "packed-B/line")
				})
			}
			out := make([]byte, len(text)+1024)
			var d Decoder
			report("own", func() {
				if got, err := d.Gzip(out, packed, slack{step: 1}); err != nil || len(got) != len(text) {
					b.Fatal(len(got), err)
				}
			})
			if level == stdgzip.DefaultCompression {
				report("CRC", func() { crc32.ChecksumIEEE(text) })
			}
			var fast gzip.Reader
			report("klauspost", func() { read(b, &fast, packed, out) })
			var std stdgzip.Reader
			report("std", func() { read(b, &std, packed, out) })
		}
	}
}

type resetter interface {
	io.Reader
	Reset(io.Reader) error
}

func read(b *testing.B, z resetter, packed, out []byte) {
	if err := z.Reset(bytes.NewReader(packed)); err != nil {
		b.Fatal(err)
	}
	if _, err := io.ReadFull(z, out); err != io.ErrUnexpectedEOF {
		b.Fatal(err)
	}
}
