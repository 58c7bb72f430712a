package compression

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sources are the files of the kernel that are read, and what they tell of.
var sources = []struct{ name, path string }{
	{"this machine: processors", "/proc/stat"},
	{"this machine: memory", "/proc/meminfo"},
	{"this machine: disks", "/proc/diskstats"},
	{"this machine: networks", "/proc/net/dev"},
	{"this machine: load", "/proc/loadavg"},
}

const collectEvery = 20 * time.Millisecond

// collect reads the sources every 20 ms for TIMBERLINE_COLLECT (a duration, 3 s
// otherwise), and makes a column of every number in them. Columns that never
// changed are left out: they cost two bytes, whatever else.
func collect(t *testing.T) []set {
	patience := 3 * time.Second
	if s := os.Getenv("TIMBERLINE_COLLECT"); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatalf("TIMBERLINE_COLLECT=%q: %v", s, err)
		}
		patience = d
	}
	numbers := make([]map[string][]float64, len(sources))
	for i, s := range sources {
		numbers[i] = map[string][]float64{}
		if _, err := os.Stat(s.path); err != nil {
			t.Skipf("no %s on this machine", s.path)
		}
	}
	var times []int64
	tick := time.NewTicker(collectEvery)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < patience; {
		times = append(times, (<-tick.C).UnixNano())
		for i, s := range sources {
			text, err := os.ReadFile(s.path)
			if err != nil {
				t.Fatal(err)
			}
			addNumbers(numbers[i], string(text))
		}
	}
	var sets []set
	for i, s := range sources {
		sets = append(sets, columnsOf(s.name, numbers[i], len(times)))
	}
	return append(sets, set{name: "this machine: sample times", columns: []column{{times: times}}})
}

// addNumbers adds every number of a file under its line's first word and its
// position.
func addNumbers(numbers map[string][]float64, text string) {
	for line := range strings.Lines(text) {
		words := strings.Fields(strings.ReplaceAll(line, ":", " "))
		for i, word := range words {
			if v, err := strconv.ParseFloat(word, 64); err == nil {
				name := fmt.Sprint(words[0], i)
				if _, err := strconv.ParseFloat(words[0], 64); err == nil && len(words) > 3 {
					name = fmt.Sprint(words[2], i) // diskstats begins with two numbers
				}
				numbers[name] = append(numbers[name], v)
			}
		}
	}
}

// columnsOf makes pages of the numbers that were there each time and changed.
func columnsOf(name string, numbers map[string][]float64, samples int) set {
	s := set{name: name}
	for _, values := range numbers {
		if len(values) != samples || !slices.ContainsFunc(values, func(v float64) bool { return v != values[0] }) {
			continue
		}
		for page := range slices.Chunk(values, pageRows) {
			c := column{integers: make([]int64, len(page))}
			for i, v := range page {
				if c.integers[i] = int64(v); float64(c.integers[i]) != v {
					c = column{floats: page}
					break
				}
			}
			s.columns = append(s.columns, c)
		}
	}
	return s
}
