package bench

import (
	"slices"
	"strconv"
	"strings"
)

// counters returns counters that grow by rate per timestamp in the mean. A name
// may end in *n or /n for one that grows faster or more slowly.
func counters(rate float64, names ...string) []field {
	var fields []field
	for _, name := range names {
		r := rate
		if at := strings.IndexAny(name, "*/"); at > 0 {
			n, err := strconv.ParseFloat(name[at+1:], 64)
			if err != nil || n <= 0 {
				panic("bench: counter " + name + " has no factor")
			}
			if name[at] == '/' {
				n = 1 / n
			}
			name, r = name[:at], r*n
		}
		fields = append(fields, field{name: name, kind: counter, low: 0, high: 1e4 * r, step: r})
	}
	return fields
}

// gauges returns integers that walk between zero and high.
func gauges(high, step float64, names ...string) []field {
	var fields []field
	for _, name := range names {
		fields = append(fields, field{name: name, kind: walkInteger, low: 0, high: high, step: step})
	}
	return fields
}

// inUnits returns fields whose values are multiples of unit; only names, or all
// when none are given.
func inUnits(unit float64, fields []field, names ...string) []field {
	for i := range fields {
		if len(names) == 0 || slices.Contains(names, fields[i].name) {
			fields[i].unit = unit
		}
	}
	return fields
}
