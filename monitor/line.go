package monitor

import (
	"maps"
	"math"
	"slices"

	"github.com/timberlinedb/timberline/lineproto"
	"github.com/timberlinedb/timberline/model"
)

// appendLine appends the statistic as a line of line protocol with a timestamp
// in nanoseconds. A statistic that the protocol has no spelling for appends
// nothing. Unsigned numbers are written as integers, which is what InfluxDB 1.x
// has for them.
func (s *Statistic) appendLine(dst []byte, hostname string, timestamp int64) []byte {
	tags := make(model.Tags, 0, len(s.Tags)+1)
	for key, value := range s.Tags {
		if key != "hostname" && value != "" {
			tags = append(tags, model.Tag{Key: []byte(key), Value: []byte(value)})
		}
	}
	if hostname != "" {
		tags = append(tags, model.Tag{Key: []byte("hostname"), Value: []byte(hostname)})
	}
	slices.SortFunc(tags, func(a, b model.Tag) int { return slices.Compare(a.Key, b.Key) })
	fields := make([]lineproto.Field, 0, len(s.Values))
	for _, key := range slices.Sorted(maps.Keys(s.Values)) {
		if f, ok := fieldOf(s.Values[key]); ok {
			f.Key = []byte(key)
			fields = append(fields, f)
		}
	}
	out, err := lineproto.AppendPoint(dst, []byte(s.Name), tags, fields, timestamp, lineproto.Nanosecond)
	if err != nil {
		return dst
	}
	return out
}

func fieldOf(value any) (f lineproto.Field, ok bool) {
	switch v := value.(type) {
	case int:
		f.Type, f.Bits = model.Integer, uint64(v)
	case int64:
		f.Type, f.Bits = model.Integer, uint64(v)
	case uint64:
		f.Type, f.Bits = model.Integer, min(v, math.MaxInt64)
	case float64:
		f.Type, f.Bits = model.Float, math.Float64bits(v)
	case bool:
		f.Type = model.Boolean
		if v {
			f.Bits = 1
		}
	case string:
		f.Type, f.String = model.String, []byte(v)
	default:
		return f, false
	}
	return f, true
}
