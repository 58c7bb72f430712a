package httpapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/timberlinedb/timberline/query"
)

// benchSeries has 1000 rows of time and value with two decimals.
func benchSeries() *query.Series {
	const rows = 1000
	ts, fs := make([]int64, rows), make([]float64, rows)
	for i := range rows {
		ts[i], fs[i] = t0+int64(i)*10_000_000_000, float64(i*7919%100_000)/100
	}
	return series("cpu", "time,usage", times(ts...), floats(fs...))
}

// The benchmarks of encoders report the time of a row.
func benchEncoder(b *testing.B, newEncoder func(*sink) encoder) {
	s := benchSeries()
	s.Continued = true
	r := result(0, s)
	enc := newEncoder(newSink(io.Discard))
	b.ReportAllocs()
	for b.Loop() {
		if err := enc.encode(r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(s.Rows), "ns/row")
}

func BenchmarkJSONRowEpoch(b *testing.B) {
	benchEncoder(b, func(s *sink) encoder { return newJSONEncoder(s, timeForm{1_000_000}) })
}

func BenchmarkJSONRowRFC3339(b *testing.B) {
	benchEncoder(b, func(s *sink) encoder { return newJSONEncoder(s, timeForm{}) })
}

func BenchmarkCSVRow(b *testing.B) {
	benchEncoder(b, func(s *sink) encoder { return newCSVEncoder(s, timeForm{}, nil) })
}

func BenchmarkStdlibJSONRow(b *testing.B) {
	s := benchSeries()
	rows := make([][2]any, s.Rows)
	for i := range rows {
		rows[i] = [2]any{s.Values[0].Integers[i] / 1_000_000, s.Values[1].Floats[i]}
	}
	enc := json.NewEncoder(io.Discard)
	b.ReportAllocs()
	for b.Loop() {
		if err := enc.Encode(rows); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(s.Rows), "ns/row")
}

func BenchmarkAppendFloat(b *testing.B) {
	for name, f := range map[string]float64{"whole": 1234, "two decimals": 58.13, "seventeen digits": 0.1234567890123456789} {
		b.Run(name, func(b *testing.B) {
			var buf [32]byte
			for b.Loop() {
				appendFloat(buf[:0], f)
			}
		})
		b.Run(name+"/plain", func(b *testing.B) {
			var buf [32]byte
			for b.Loop() {
				appendFloatPlain(buf[:0], f)
			}
		})
	}
}

func BenchmarkWriteHandler(b *testing.B) {
	h, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close()
	h.Attach(Backend{Writer: discardWriter{}})
	body := strings.Repeat("cpu,host=a usage=1.5 1577836800000000000\n", 1000)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/write?db=d", strings.NewReader(body))
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}

// BenchmarkReadBody reads what Telegraf sends: gzip at its default level.
func BenchmarkReadBody(b *testing.B) {
	var text strings.Builder
	const lines = 5000
	for i := range lines {
		fmt.Fprintf(&text, "cpu,cpu=cpu%d,host=web-%02d usage_user=%.2f,usage_system=%.2f,usage_idle=%.2f,usage_nice=0,usage_iowait=%.2f %d\n",
			i%8, i/8%20, float64(i*7919%10000)/100, float64(i*104729%10000)/100, float64(i*1299709%10000)/100, float64(i%17)/10, t0+int64(i/160)*10e9)
	}
	for _, encoding := range []string{"identity", "gzip", "zstd", "snappy"} {
		b.Run(encoding, func(b *testing.B) {
			packed := pack(b, encoding, text.String())
			reader := &bodyReader{limits: Limits{MaxBodyBytes: 25e6, MaxInflatedBytes: 250e6, MaxInflateRatio: 200}}
			b.ReportAllocs()
			b.SetBytes(int64(text.Len()))
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "/write", strings.NewReader(packed))
				r.Header.Set("Content-Encoding", encoding)
				body, err := reader.read(httptest.NewRecorder(), r)
				if err != nil || len(body.data) != text.Len() {
					b.Fatal(err)
				}
				body.release()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*lines), "ns/line")
		})
	}
}
