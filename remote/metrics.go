package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	common "go.opentelemetry.io/proto/otlp/common/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/timberlinedb/timberline/model"
)

// The mapping is that of Telegraf's OpenTelemetry input with the schema
// prometheus-v1: a metric is a measurement; attributes of resource and data
// point are tags, as are name and version of the scope; the value of a gauge is
// the field gauge, that of a monotonic sum the field counter; a histogram has
// count, sum, min, max and, named by its bound, the number of values up to each
// bound; a summary has count, sum and, named by the quantile, the quantiles.

// DecodeMetrics adds the data points of an OTLP ExportMetricsServiceRequest to
// points, in its binary form or, with asJSON, in its JSON form.
func DecodeMetrics(message []byte, asJSON bool, points *Points) (WriteReport, error) {
	// MetricsData has the fields of the request, and comes without the service.
	var data metrics.MetricsData
	var err error
	if asJSON {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(message, &data)
	} else {
		err = proto.Unmarshal(message, &data)
	}
	if err != nil {
		return WriteReport{}, fmt.Errorf("%w: metrics: %w", ErrMessage, err)
	}
	d := metricsDecoder{points: points}
	for _, r := range data.ResourceMetrics {
		for _, scope := range r.ScopeMetrics {
			d.resource, d.scope = r.Resource, scope.Scope
			for _, m := range scope.Metrics {
				d.metric(m)
			}
		}
	}
	return d.report, nil
}

type metricsDecoder struct {
	points   *Points
	report   WriteReport
	resource *resource.Resource
	scope    *common.InstrumentationScope
	tags     model.Tags
}

func (d *metricsDecoder) metric(m *metrics.Metric) {
	switch data := m.Data.(type) {
	case *metrics.Metric_Gauge:
		d.numbers(m.Name, "gauge", data.Gauge.DataPoints)
	case *metrics.Metric_Sum:
		field := "gauge"
		if data.Sum.IsMonotonic {
			field = "counter"
		}
		d.numbers(m.Name, field, data.Sum.DataPoints)
	case *metrics.Metric_Histogram:
		for _, p := range data.Histogram.DataPoints {
			d.histogram(m.Name, p)
		}
	case *metrics.Metric_Summary:
		for _, p := range data.Summary.DataPoints {
			d.summary(m.Name, p)
		}
	case *metrics.Metric_ExponentialHistogram:
		n := len(data.ExponentialHistogram.DataPoints)
		d.report.Histograms += n
		d.report.refuse(n, fmt.Errorf("metric %q: exponential histograms have no place in the schema", m.Name))
	default:
		d.report.refuse(1, fmt.Errorf("metric %q has no data", m.Name))
	}
}

// dataPoint is what all data points have.
type dataPoint interface {
	GetAttributes() []*common.KeyValue
	GetTimeUnixNano() uint64
	GetStartTimeUnixNano() uint64
}

// begin begins the point of a data point; false says that it was refused.
func (d *metricsDecoder) begin(name string, p dataPoint) bool {
	s, err := d.identify(name, p)
	if err != nil {
		d.report.refuse(1, fmt.Errorf("metric %q: %w", name, err))
		return false
	}
	d.points.point(s, int64(p.GetTimeUnixNano()))
	if start := p.GetStartTimeUnixNano(); start != 0 && start <= math.MaxInt64 {
		d.points.integer("start_time_unix_nano", int64(start))
	}
	d.report.Samples++
	return true
}

func (d *metricsDecoder) identify(name string, p dataPoint) (series, error) {
	switch at := p.GetTimeUnixNano(); {
	case name == "":
		return series{}, errors.New("there is no name")
	case at == 0:
		return series{}, errors.New("there is no timestamp")
	case at > math.MaxInt64:
		return series{}, fmt.Errorf("timestamp %d is outside of what can be stored", at)
	}
	d.tags = d.tags[:0]
	d.attributes(p.GetAttributes())
	d.attributes(d.resource.GetAttributes())
	d.set("otel.library.name", d.scope.GetName())
	d.set("otel.library.version", d.scope.GetVersion())
	return d.points.series([]byte(name), d.tags)
}

func (d *metricsDecoder) attributes(list []*common.KeyValue) {
	for _, a := range list {
		d.set(a.Key, attributeText(a.Value))
	}
}

// set gives a tag its value; later values win.
func (d *metricsDecoder) set(key, value string) {
	if key == "" || value == "" {
		return
	}
	for i := range d.tags {
		if string(d.tags[i].Key) == key {
			d.tags[i].Value = []byte(value)
			return
		}
	}
	d.tags = append(d.tags, model.Tag{Key: []byte(key), Value: []byte(value)})
}

// attributeText returns a value as a tag has it: maps and lists as JSON.
func attributeText(value *common.AnyValue) string {
	switch v := value.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return v.StringValue
	case *common.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10)
	case *common.AnyValue_DoubleValue:
		return strconv.FormatFloat(v.DoubleValue, 'f', -1, 64)
	case *common.AnyValue_BoolValue:
		return strconv.FormatBool(v.BoolValue)
	case nil:
		return ""
	}
	text, err := json.Marshal(plainValue(value))
	if err != nil {
		return ""
	}
	return string(text)
}

// plainValue returns a value as encoding/json takes it.
func plainValue(v *common.AnyValue) any {
	switch v := v.GetValue().(type) {
	case *common.AnyValue_StringValue:
		return v.StringValue
	case *common.AnyValue_IntValue:
		return v.IntValue
	case *common.AnyValue_DoubleValue:
		if !usable(v.DoubleValue) {
			return strconv.FormatFloat(v.DoubleValue, 'f', -1, 64)
		}
		return v.DoubleValue
	case *common.AnyValue_BoolValue:
		return v.BoolValue
	case *common.AnyValue_BytesValue:
		return v.BytesValue
	case *common.AnyValue_ArrayValue:
		list := make([]any, 0, len(v.ArrayValue.GetValues()))
		for _, e := range v.ArrayValue.GetValues() {
			list = append(list, plainValue(e))
		}
		return list
	case *common.AnyValue_KvlistValue:
		m := map[string]any{}
		for _, e := range v.KvlistValue.GetValues() {
			m[e.Key] = plainValue(e.Value)
		}
		return m
	}
	return nil
}

func (d *metricsDecoder) numbers(name, field string, list []*metrics.NumberDataPoint) {
	for _, p := range list {
		switch v := p.Value.(type) {
		case *metrics.NumberDataPoint_AsInt:
			if d.begin(name, p) {
				d.points.integer(field, v.AsInt)
			}
		case *metrics.NumberDataPoint_AsDouble:
			if !usable(v.AsDouble) {
				d.report.NotNumbers++
			} else if d.begin(name, p) {
				d.points.float(field, v.AsDouble)
			}
		}
	}
}

func (d *metricsDecoder) histogram(name string, p *metrics.HistogramDataPoint) {
	if n, bounds := len(p.BucketCounts), len(p.ExplicitBounds); n > 0 && n != bounds && n != bounds+1 || n == 0 && bounds > 0 {
		d.report.refuse(1, fmt.Errorf("metric %q: %d bounds do not fit %d buckets", name, bounds, n))
		return
	}
	if !d.begin(name, p) {
		return
	}
	d.points.float("count", float64(p.Count))
	d.optional("sum", p.GetSum())
	if p.Min != nil {
		d.optional("min", *p.Min)
	}
	if p.Max != nil {
		d.optional("max", *p.Max)
	}
	upTo := uint64(0)
	for i, bound := range p.ExplicitBounds {
		upTo += p.BucketCounts[i]
		d.points.float(strconv.FormatFloat(bound, 'f', -1, 64), float64(upTo))
	}
}

func (d *metricsDecoder) summary(name string, p *metrics.SummaryDataPoint) {
	if !d.begin(name, p) {
		return
	}
	d.points.float("count", float64(p.Count))
	d.optional("sum", p.Sum)
	for _, q := range p.QuantileValues {
		d.optional(strconv.FormatFloat(q.Quantile, 'f', -1, 64), q.Value)
	}
}

// optional adds a field, unless its value is no number.
func (d *metricsDecoder) optional(name string, v float64) {
	if usable(v) {
		d.points.float(name, v)
	}
}
