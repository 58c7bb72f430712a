package httpapi

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The types of answers to queries.
const (
	typeJSON    = "application/json"
	typeCSV     = "application/csv"
	typeTextCSV = "text/csv"
	typeMsgpack = "application/x-msgpack"
)

var answerTypes = [...]string{typeJSON, typeCSV, typeTextCSV, typeMsgpack}

// answerType returns the first type that the client prefers and we have; JSON
// when it names none.
func answerType(r *http.Request) string {
	for _, want := range preferences(r.Header.Values("Accept")) {
		for _, have := range answerTypes {
			if matchesType(want, have) {
				return have
			}
		}
	}
	return typeJSON
}

func matchesType(want, have string) bool {
	if want == "*/*" || want == have {
		return true
	}
	family, ok := strings.CutSuffix(want, "*")
	return ok && strings.HasSuffix(family, "/") && strings.HasPrefix(have, family)
}

// preferences returns the values of a header with weights, best first. Those
// with weight 0 are refusals and left out.
func preferences(header []string) []string {
	type choice struct {
		value  string
		weight float64
	}
	var list []choice
	for _, line := range header {
		for item := range strings.SplitSeq(line, ",") {
			value, rest, _ := strings.Cut(item, ";")
			c := choice{strings.ToLower(strings.TrimSpace(value)), weightOf(rest)}
			if c.value != "" && c.weight > 0 {
				list = append(list, c)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b choice) int { return cmp.Compare(b.weight, a.weight) })
	values := make([]string, len(list))
	for i, c := range list {
		values[i] = c.value
	}
	return values
}

func weightOf(parameters string) float64 {
	for p := range strings.SplitSeq(parameters, ";") {
		if text, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(p)), "q="); ok {
			if q, err := strconv.ParseFloat(text, 64); err == nil {
				return q
			}
		}
	}
	return 1
}

// acceptsGzip reports whether the client reads gzip.
func acceptsGzip(r *http.Request) bool {
	return slices.Contains(preferences(r.Header.Values("Accept-Encoding")), "gzip")
}
