package monitor

import (
	"cmp"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// prefix begins the name of every metric.
const prefix = "timberline_"

// WriteMetrics prints all metrics in the text format of Prometheus, version
// 0.0.4, ordered by name.
func (m *Monitor) WriteMetrics(w io.Writer) error {
	c := m.collect()
	c.Gauge("uptime_seconds", "Time since the start of the server.", m.clock.Now().Sub(m.started).Seconds())
	slices.SortStableFunc(c.metrics, func(a, b Metric) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(c.histograms, func(a, b Histogram) int { return cmp.Compare(a.Name, b.Name) })
	var out []byte
	last := ""
	for _, m := range c.metrics {
		if m.Name != last {
			out = appendHead(out, m.Name, m.Help, m.Kind.String())
			last = m.Name
		}
		out = appendSample(out, m.Name, "", m.Labels, nil, m.Value)
	}
	last = ""
	for _, h := range c.histograms {
		if h.Name != last {
			out = appendHead(out, h.Name, h.Help, "histogram")
			last = h.Name
		}
		out = appendHistogram(out, &h)
	}
	_, err := w.Write(out)
	return err
}

// String returns the name of the kind in the text format.
func (k Kind) String() string {
	switch k {
	case Counter:
		return "counter"
	case Gauge:
		return "gauge"
	}
	return "untyped"
}

var helpEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`)

func appendHead(dst []byte, name, help, kind string) []byte {
	if help != "" {
		dst = append(dst, "# HELP "+prefix+name+" "+helpEscapes.Replace(help)+"\n"...)
	}
	return append(dst, "# TYPE "+prefix+name+" "+kind+"\n"...)
}

func appendHistogram(dst []byte, h *Histogram) []byte {
	total := int64(0)
	for i, n := range h.Counts {
		total += n
		bound := math.Inf(1)
		if i < len(h.Bounds) {
			bound = h.Bounds[i]
		}
		le := Label{"le", string(appendNumber(nil, bound))}
		dst = appendSample(dst, h.Name, "_bucket", h.Labels, &le, float64(total))
	}
	dst = appendSample(dst, h.Name, "_sum", h.Labels, nil, h.Sum)
	return appendSample(dst, h.Name, "_count", h.Labels, nil, float64(total))
}

func appendSample(dst []byte, name, suffix string, labels []Label, extra *Label, value float64) []byte {
	dst = append(dst, prefix+name+suffix...)
	if len(labels) > 0 || extra != nil {
		dst = append(dst, '{')
		for i, l := range labels {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendLabel(dst, l)
		}
		if extra != nil {
			if len(labels) > 0 {
				dst = append(dst, ',')
			}
			dst = appendLabel(dst, *extra)
		}
		dst = append(dst, '}')
	}
	return append(appendNumber(append(dst, ' '), value), '\n')
}

var labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func appendLabel(dst []byte, l Label) []byte {
	return append(dst, l.Key+`="`+labelEscapes.Replace(l.Value)+`"`...)
}

func appendNumber(dst []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "+Inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-Inf"...)
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case f == math.Trunc(f) && math.Abs(f) < 1<<53:
		return strconv.AppendInt(dst, int64(f), 10)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}
