package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/bench"
)

// form is what is asked of VictoriaMetrics for a type of question, so that it
// computes the same numbers. A type without a form has no equivalent.
//
// InfluxQL's bucket that begins at b holds [b, b+d); a window of MetricsQL that
// ends at t holds (t-d, t], in milliseconds: with t = b+d-1ms it holds the same
// points.
type form struct {
	expression func(q bench.Question, interval time.Duration) string
	// every is the step: of the question's buckets (zero), the interval of the
	// data, or none for a query at one moment.
	every step
	// last cuts the range to its last buckets; zero: all of them.
	last int
}

type step uint8

const (
	byBucket step = iota
	byInterval
	atEnd
)

// lastWindow is how far back the newest value is looked for. InfluxQL looks
// through all of the data; every series of ours has a point in the last
// minutes, so that the answers are the same and VictoriaMetrics has less to do.
const lastWindow = "5m"

// forms is the table of equivalents, by type or its beginning.
var forms = map[string]form{
	"single-groupby-": {expression: maxByName},
	"cpu-max-all-":    {expression: maxByName},
	"double-groupby-": {expression: func(q bench.Question, _ time.Duration) string {
		return fmt.Sprintf("avg(avg_over_time(%s[%s])) by (__name__, hostname)", cpuSelector(q), window(q.Every))
	}},
	"groupby-orderby-limit": {last: 5, expression: func(q bench.Question, _ time.Duration) string {
		return fmt.Sprintf("max(max_over_time(%s[%s]))", cpuSelector(q), window(q.Every))
	}},
	// All fields of a host at the moments at which one of them is above 90.
	"high-cpu-": {every: byInterval, expression: func(q bench.Question, interval time.Duration) string {
		one := q
		one.Fields = []string{"usage_user"}
		return fmt.Sprintf("last_over_time(%s[%s]) and on(hostname) (last_over_time(%s[%s]) > 90)",
			cpuSelector(q), window(interval), cpuSelector(one), window(interval))
	}},
	"lastpoint": {every: atEnd, expression: func(q bench.Question, _ time.Duration) string {
		return fmt.Sprintf("last_over_time(%s[%s])", cpuSelector(q), lastWindow)
	}},
	"sensor-mean-1-1": {expression: func(q bench.Question, _ time.Duration) string {
		return fmt.Sprintf("avg(avg_over_time(sensor_value{device=%q}[%s]))", q.Hosts[0], window(q.Every))
	}},
	// Every series has as many points as the others: the mean of means is the mean.
	"sensor-mean-site-12": {expression: func(q bench.Question, _ time.Duration) string {
		return fmt.Sprintf("avg(avg_over_time(sensor_value{site=%q}[%s])) by (rack)", q.Hosts[0], window(q.Every))
	}},
	"sensor-last-site": {every: atEnd, expression: func(q bench.Question, _ time.Duration) string {
		return fmt.Sprintf("last_over_time(sensor_value{site=%q}[%s])", q.Hosts[0], lastWindow)
	}},
	"sensor-count": {every: atEnd, expression: func(q bench.Question, _ time.Duration) string {
		return fmt.Sprintf("sum(count_over_time(sensor_value[%s]))", window(q.To.Sub(q.From)))
	}},
	"sensor-count-all": {every: atEnd, expression: func(q bench.Question, _ time.Duration) string {
		return fmt.Sprintf(`sum(count_over_time({__name__=~"sensor_.*"}[%s])) by (__name__)`, window(q.To.Sub(q.From)))
	}},
}

// formOf finds the form of a type.
func formOf(name string) (form, bool) {
	if f, ok := forms[name]; ok {
		return f, true
	}
	for prefix, f := range forms {
		if strings.HasSuffix(prefix, "-") && strings.HasPrefix(name, prefix) {
			return f, true
		}
	}
	return form{}, false
}

func maxByName(q bench.Question, _ time.Duration) string {
	return fmt.Sprintf("max(max_over_time(%s[%s])) by (__name__)", cpuSelector(q), window(q.Every))
}

// cpuSelector selects the series of the question's fields and hosts.
func cpuSelector(q bench.Question) string {
	var labels []string
	name := "cpu_" + q.Fields[0]
	if len(q.Fields) > 1 {
		name = ""
		labels = append(labels, fmt.Sprintf(`__name__=~"cpu_(%s)"`, strings.Join(q.Fields, "|")))
	}
	switch len(q.Hosts) {
	case 0:
	case 1:
		labels = append(labels, fmt.Sprintf("hostname=%q", q.Hosts[0]))
	default:
		labels = append(labels, fmt.Sprintf("hostname=~%q", strings.Join(q.Hosts, "|")))
	}
	if len(labels) == 0 {
		return name
	}
	return name + "{" + strings.Join(labels, ",") + "}"
}

// window returns d in milliseconds, as a duration of MetricsQL.
func window(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + "ms" }

// askMetricsQL turns a question into a request, with the cache of results off.
func askMetricsQL(q bench.Question, spec bench.Spec) (request, bool) {
	f, ok := formOf(q.Type)
	if !ok {
		return request{}, false
	}
	parameters := url.Values{"query": {f.expression(q, spec.Interval)}, "nocache": {"1"}}
	end := q.To.Add(-time.Millisecond)
	if f.every == atEnd {
		parameters.Set("time", seconds(end))
		return request{"/api/v1/query", parameters}, true
	}
	every, from := q.Every, q.From
	if f.last > 0 {
		from = q.To.Add(-time.Duration(f.last) * every)
	}
	first := from.Add(every - time.Millisecond)
	if f.every == byInterval {
		every, first = spec.Interval, from
	}
	parameters.Set("start", seconds(first))
	parameters.Set("end", seconds(end))
	parameters.Set("step", window(every))
	return request{"/api/v1/query_range", parameters}, true
}

// seconds returns a time as a decimal number of seconds.
func seconds(t time.Time) string {
	return fmt.Sprintf("%d.%03d", t.Unix(), t.Nanosecond()/int(time.Millisecond))
}

// linesByMetricsQL counts the values of one field of every kind of line.
func linesByMetricsQL(ctx context.Context, c *bench.Client, spec bench.Spec) (int64, error) {
	var names []string
	for _, f := range bench.FirstFields(spec.Workload) {
		names = append(names, f.Measurement+"_"+f.Field)
	}
	span := spec.End().Sub(spec.Start) + spec.Interval
	answer, err := c.Get(ctx, "/api/v1/query", url.Values{"nocache": {"1"}, "time": {seconds(spec.End())},
		"query": {fmt.Sprintf(`sum(count_over_time({__name__=~"%s"}[%s]))`, strings.Join(names, "|"), window(span))}})
	if err != nil {
		return 0, err
	}
	return promNumber(answer.Text)
}
