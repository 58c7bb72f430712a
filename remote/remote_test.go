package remote

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/easyproto"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/timberlinedb/timberline/lineproto"
)

// lines returns points as sorted line protocol.
func lines(p *Points) []string {
	var text []byte
	var w lineproto.BatchWriter
	for _, t := range p.Batch().Tables {
		text, _ = w.AppendTable(text, t, lineproto.Nanosecond, func(row int) []byte { return t.NewKeys[row].Key })
	}
	all := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	slices.Sort(all)
	return all
}

func equal(t *testing.T, p *Points, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := lines(p); !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

type promSeries struct {
	labels  []string // name, value, …
	samples []sample
}

var promCases = []promSeries{
	{[]string{"__name__", "up", "job", "a", "instance", "h:1", "empty", ""}, []sample{{1, 1000}, {math.NaN(), 2000}, {0.5, 3000}, {math.Inf(1), 4000}}},
	{[]string{"job", "b"}, []sample{{2, -1}}},
	{[]string{"__name__", "up", "job", `C:\`}, []sample{{3, 5}}},
	{[]string{"__name__", "late"}, []sample{{1, math.MaxInt64}}},
	{[]string{"__name__", "none", "job", "x"}, nil},
	{[]string{"__name__", "twice", "a", "1", "a", "2"}, []sample{{1, 1}, {2, 2}}},
	{[]string{"__name__", "long", "a", strings.Repeat("x", 70000)}, []sample{{1, 1}}},
}

func writeV1(list []promSeries) []byte {
	var pool easyproto.MarshalerPool
	m := pool.Get()
	top := m.MessageMarshaler()
	for _, s := range list {
		series := top.AppendMessage(1)
		for i := 0; i < len(s.labels); i += 2 {
			l := series.AppendMessage(1)
			l.AppendString(1, s.labels[i])
			l.AppendString(2, s.labels[i+1])
		}
		for _, v := range s.samples {
			p := series.AppendMessage(2)
			p.AppendDouble(1, v.value)
			p.AppendInt64(2, v.at)
		}
	}
	top.AppendMessage(1).AppendMessage(4).AppendUint64(1, 7) // a histogram
	top.AppendMessage(3).AppendString(2, "metadata")
	return m.Marshal(nil)
}

func writeV2(list []promSeries) []byte {
	var pool easyproto.MarshalerPool
	m := pool.Get()
	top := m.MessageMarshaler()
	symbols := []string{""}
	ref := func(s string) uint32 {
		if i := slices.Index(symbols, s); i >= 0 {
			return uint32(i)
		}
		symbols = append(symbols, s)
		return uint32(len(symbols) - 1)
	}
	for _, s := range list {
		series := top.AppendMessage(5)
		var refs []uint32
		for _, l := range s.labels {
			refs = append(refs, ref(l))
		}
		series.AppendUint32s(1, refs)
		for _, v := range s.samples {
			p := series.AppendMessage(2)
			p.AppendDouble(1, v.value)
			p.AppendInt64(2, v.at)
		}
	}
	top.AppendMessage(5).AppendMessage(3).AppendUint64(1, 7)
	for _, s := range symbols {
		top.AppendString(4, s)
	}
	return m.Marshal(nil)
}

func TestDecodeWrite(t *testing.T) {
	var p Points
	for name, decode := range map[string]func() (WriteReport, error){
		"1.0": func() (WriteReport, error) { return DecodeWrite(writeV1(promCases), &p) },
		"2.0": func() (WriteReport, error) { return DecodeWriteV2(writeV2(promCases), &p) },
	} {
		p.Reset()
		report, err := decode()
		if err != nil {
			t.Fatal(name, err)
		}
		if report.Samples != 4 || report.NotNumbers != 2 || report.Refused != 4 || report.Histograms != 1 || report.Reason == "" || p.Len() != 4 {
			t.Errorf("%s: report %+v, %d points", name, report, p.Len())
		}
		// The series whose label ends in a backslash has no spelling in line protocol and is counted by Len alone.
		equal(t, &p, "up,__name__=up,instance=h:1,job=a value=1 1000000000", "up,__name__=up,instance=h:1,job=a value=0.5 3000000000",
			"prom_metric_not_specified,job=b value=2 -1000000")
	}
}

func TestMalformedWrites(t *testing.T) {
	good1, good2 := writeV1(promCases[:2]), writeV2(promCases[:2])
	for name, bad := range map[string][]byte{"cut": good1[:len(good1)-3], "text": []byte("hello"), "wrong type": {0x08, 0x01}} {
		if _, err := DecodeWrite(bad, new(Points)); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	outside := []byte{0x2a, 0x04, 0x0a, 0x02, 0x07, 0x08} // refs 7 and 8, no symbols
	for name, bad := range map[string][]byte{"cut": good2[:len(good2)-3], "refs": outside} {
		if _, err := DecodeWriteV2(bad, new(Points)); !errors.Is(err, ErrMessage) {
			t.Errorf("2.0 %s: error %v", name, err)
		}
	}
}

func readRequest(queries int, matchers ...Matcher) []byte {
	var pool easyproto.MarshalerPool
	m := pool.Get()
	top := m.MessageMarshaler()
	for range queries {
		q := top.AppendMessage(1)
		q.AppendInt64(1, 1000)
		q.AppendInt64(2, 2000)
		for _, x := range matchers {
			mm := q.AppendMessage(3)
			mm.AppendInt32(1, int32(x.Type))
			mm.AppendString(2, x.Name)
			mm.AppendString(3, x.Value)
		}
	}
	return m.Marshal(nil)
}

func TestRead(t *testing.T) {
	q, err := DecodeRead(readRequest(1, Matcher{Equal, "__name__", `a"b`}, Matcher{NotEqual, "job", "it's"}, Matcher{Matches, "p", "a/b|c"}, Matcher{MatchesNot, "q", ".+"}))
	if err != nil {
		t.Fatal(err)
	}
	want := `SELECT value FROM "a\"b" WHERE job != 'it\'s' AND p =~ /^(?:a\/b|c)$/ AND q !~ /^(?:.+)$/ AND time >= 1000ms AND time <= 2000ms GROUP BY *`
	if got := q.Statement(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if q, err = DecodeRead(readRequest(1, Matcher{Matches, "__name__", "a.*"})); err != nil || !strings.HasPrefix(q.Statement(), `SELECT value FROM /.*/ WHERE "__name__" =~ /^(?:a.*)$/ AND`) && !strings.HasPrefix(q.Statement(), `SELECT value FROM /.*/ WHERE __name__ =~ /^(?:a.*)$/ AND`) {
		t.Errorf("%v: %s", err, q.Statement())
	}
	for _, n := range []int{0, 2} {
		if _, err := DecodeRead(readRequest(n)); !errors.Is(err, ErrManyQueries) {
			t.Errorf("%d queries: error %v", n, err)
		}
	}
	if _, err := DecodeRead(readRequest(1, Matcher{9, "a", "b"})); !errors.Is(err, ErrMessage) {
		t.Errorf("matcher of type 9: error %v", err)
	}
	a := NewAnswer()
	a.Series([]Label{{"__name__", "up"}})
	a.Sample(1000, 1.5)
	body := a.Append(nil)
	if got, want := fmt.Sprintf("%q", body), `"\n \n\x1e\n\x0e\n\b__name__\x12\x02up\x12\f\t\x00\x00\x00\x00\x00\x00\xf8?\x10\xe8\a"`; got != want {
		t.Errorf("answer %s, want %s", got, want)
	}
}

func attribute(k string, v *common.AnyValue) *common.KeyValue {
	return &common.KeyValue{Key: k, Value: v}
}
func text(s string) *common.AnyValue {
	return &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: s}}
}

func otlpData() *metrics.MetricsData {
	f := func(v float64) *float64 { return &v }
	double := func(at uint64, v float64, attrs ...*common.KeyValue) *metrics.NumberDataPoint {
		return &metrics.NumberDataPoint{TimeUnixNano: at, Attributes: attrs, Value: &metrics.NumberDataPoint_AsDouble{AsDouble: v}}
	}
	list := &common.AnyValue{Value: &common.AnyValue_ArrayValue{ArrayValue: &common.ArrayValue{Values: []*common.AnyValue{text("x"),
		{Value: &common.AnyValue_IntValue{IntValue: 2}}, {Value: &common.AnyValue_BoolValue{BoolValue: true}}}}}}
	number := func(v float64) *common.AnyValue {
		return &common.AnyValue{Value: &common.AnyValue_DoubleValue{DoubleValue: v}}
	}
	return &metrics.MetricsData{ResourceMetrics: []*metrics.ResourceMetrics{{
		Resource: &resource.Resource{Attributes: []*common.KeyValue{attribute("host", text("h")), attribute("zone", text("wins"))}},
		ScopeMetrics: []*metrics.ScopeMetrics{{
			Scope: &common.InstrumentationScope{Name: "lib", Version: "1"},
			Metrics: []*metrics.Metric{
				{Name: "g", Data: &metrics.Metric_Gauge{Gauge: &metrics.Gauge{DataPoints: []*metrics.NumberDataPoint{
					double(10, 1.5, attribute("zone", text("loses")), attribute("l", list), attribute("n", number(2.5))), double(0, 1), double(11, math.NaN()), {TimeUnixNano: 12}}}}},
				{Name: "c", Data: &metrics.Metric_Sum{Sum: &metrics.Sum{IsMonotonic: true, DataPoints: []*metrics.NumberDataPoint{
					{StartTimeUnixNano: 5, TimeUnixNano: 10, Value: &metrics.NumberDataPoint_AsInt{AsInt: 7}}}}}},
				{Name: "u", Data: &metrics.Metric_Sum{Sum: &metrics.Sum{DataPoints: []*metrics.NumberDataPoint{double(10, 2)}}}},
				{Name: "h", Data: &metrics.Metric_Histogram{Histogram: &metrics.Histogram{DataPoints: []*metrics.HistogramDataPoint{
					{TimeUnixNano: 10, Count: 6, Sum: f(9), Min: f(1), Max: f(4), ExplicitBounds: []float64{0.5, 2}, BucketCounts: []uint64{1, 2, 3}},
					{TimeUnixNano: 11, ExplicitBounds: []float64{1}, BucketCounts: []uint64{1, 2, 3}}}}}},
				{Name: "s", Data: &metrics.Metric_Summary{Summary: &metrics.Summary{DataPoints: []*metrics.SummaryDataPoint{
					{TimeUnixNano: 10, Count: 3, Sum: 4, QuantileValues: []*metrics.SummaryDataPoint_ValueAtQuantile{{Quantile: 0.5, Value: 1}, {Quantile: 0.9, Value: math.NaN()}}}}}}},
				{Name: "e", Data: &metrics.Metric_ExponentialHistogram{ExponentialHistogram: &metrics.ExponentialHistogram{DataPoints: []*metrics.ExponentialHistogramDataPoint{{}, {}}}}},
				{Name: "nothing"},
			},
		}},
	}}}
}

func TestDecodeMetrics(t *testing.T) {
	binary, err := proto.Marshal(otlpData())
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := protojson.Marshal(otlpData())
	if err != nil {
		t.Fatal(err)
	}
	tags := ",host=h,otel.library.name=lib,otel.library.version=1,zone=wins"
	for name, message := range map[string][]byte{"binary": binary, "json": asJSON} {
		var p Points
		report, err := DecodeMetrics(message, name == "json", &p)
		if err != nil {
			t.Fatal(name, err)
		}
		equal(t, &p,
			`g,host=h,l=["x"\,2\,true],n=2.5,otel.library.name=lib,otel.library.version=1,zone=wins gauge=1.5 10`,
			"c"+tags+" start_time_unix_nano=5i,counter=7i 10", "u"+tags+" gauge=2 10",
			"h"+tags+" count=6,sum=9,min=1,max=4,0.5=1,2=3 10", "s"+tags+" count=3,sum=4,0.5=1 10")
		if report.Samples != 5 || report.NotNumbers != 1 || report.Refused != 5 || report.Histograms != 2 {
			t.Errorf("%s: report %+v", name, report)
		}
	}
	for _, asJSON := range []bool{false, true} {
		if _, err := DecodeMetrics([]byte("hello"), asJSON, new(Points)); !errors.Is(err, ErrMessage) {
			t.Errorf("json=%v: error %v", asJSON, err)
		}
	}
	if got := string(AppendMetricsAnswer(nil, WriteReport{Refused: 2, Reason: "why"}, true)); got != `{"partialSuccess":{"errorMessage":"why","rejectedDataPoints":2}}` {
		t.Error(got)
	}
	if got := fmt.Sprintf("%q", AppendMetricsAnswer(nil, WriteReport{Refused: 2, Reason: "why"}, false)); got != `"\n\a\b\x02\x12\x03why"` {
		t.Error(got)
	}
	if got := fmt.Sprintf("%q", AppendStatus(nil, 3, "why", false)); got != `"\b\x03\x12\x03why"` {
		t.Error(got)
	}
}

func FuzzMessages(f *testing.F) {
	f.Add(writeV1(promCases[:4]))
	f.Add(writeV2(promCases[:4]))
	f.Add(readRequest(1, Matcher{Matches, "a", "b"}))
	if m, err := proto.Marshal(otlpData()); err == nil {
		f.Add(m)
	}
	if m, err := protojson.Marshal(otlpData()); err == nil {
		f.Add(m)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p Points
		for _, decode := range []func([]byte, *Points) (WriteReport, error){DecodeWrite, DecodeWriteV2,
			func(b []byte, p *Points) (WriteReport, error) { return DecodeMetrics(b, false, p) },
			func(b []byte, p *Points) (WriteReport, error) { return DecodeMetrics(b, true, p) }} {
			p.Reset()
			report, err := decode(data, &p)
			if err == nil && report.Samples != p.Len() {
				t.Errorf("%d samples, %d points", report.Samples, p.Len())
			}
			for _, table := range p.Batch().Tables {
				if table.Rows() != len(table.NewKeys) || table.Rows() != len(table.Series) {
					t.Error("rows do not fit")
				}
			}
		}
		if q, err := DecodeRead(data); err == nil {
			q.Statement()
		}
	})
}
