package dashboards

import (
	"fmt"
	"strings"
)

const (
	// First is the time of the first points, in nanoseconds: 2026-03-01.
	First = int64(1772323200e9)
	// Rounds is how often the inputs are read, each StepSeconds after the other.
	Rounds      = 13
	StepSeconds = 10
)

// hosts have each measurement.
var hosts = []string{"alpha", "beta"}

// Points returns the line protocol of metrics.txt: each series of each host has a point in every round, with values that
// follow from its name.
func Points() (string, error) {
	data, err := files.ReadFile("testdata/metrics.txt")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i, line := range strings.Split(string(data), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		head, fields, ok := strings.Cut(line, ":  ")
		if !ok {
			return "", fmt.Errorf("metrics.txt:%d: no fields: %.40q", i+1, line)
		}
		for _, host := range hosts {
			for _, series := range seriesOf(strings.Fields(head), host) {
				appendRounds(&b, series, strings.Fields(fields))
			}
		}
	}
	return b.String(), nil
}

// seriesOf returns the series keys of a measurement: as many as a tag has values, the n-th with the n-th value of each tag.
func seriesOf(words []string, host string) []string {
	n := 1
	for _, tag := range words[1:] {
		n = max(n, strings.Count(tag, "|")+1)
	}
	all := make([]string, n)
	for i := range all {
		all[i] = words[0] + ",host=" + host
		for _, tag := range words[1:] {
			name, values, _ := strings.Cut(tag, "=")
			if list := strings.Split(values, "|"); list[0] != "" {
				all[i] += "," + name + "=" + list[min(i, len(list)-1)]
			}
		}
	}
	return all
}

func appendRounds(b *strings.Builder, series string, fields []string) {
	for round := range Rounds {
		parts := make([]string, len(fields))
		for i, field := range fields {
			name, kind, _ := strings.Cut(field, "=")
			parts[i] = name + "=" + valueOf(kind, weight(series+name), round)
		}
		fmt.Fprintf(b, "%s %s %d\n", series, strings.Join(parts, ","), First+int64(round)*StepSeconds*1e9)
	}
}

// weight is a number between 0 and 96 that a name has.
func weight(name string) int {
	n := 0
	for _, c := range []byte(name) {
		n = (n*31 + int(c)) % 97
	}
	return n
}

// valueOf returns the value of a round: gauges go up and down, counters up, but they begin again once.
func valueOf(kind string, weight, round int) string {
	wave := weight + round*round%7
	count := 1000*weight + round*(weight+3)
	if round >= Rounds-2 {
		count = round
	}
	switch kind {
	case "f":
		return fmt.Sprintf("%d.25", wave)
	case "F":
		return fmt.Sprintf("%d.5", count)
	case "i":
		return fmt.Sprintf("%di", wave*1000)
	case "I":
		return fmt.Sprintf("%di", count)
	default:
		return fmt.Sprintf("%q", []string{"up", "down"}[round%2])
	}
}
