package bench

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Question is one query of a type. Besides the text it holds what the text is
// made of, for those who ask the same of a server with another language.
type Question struct {
	Type string
	Text string // InfluxQL
	// Fields that are asked for, all in one measurement.
	Fields []string
	// Hosts that the question is about; empty: all of them. For sensors these
	// are device or site names.
	Hosts []string
	// From and To bound the time, To excluded. Both are multiples of Every.
	From, To time.Time
	// Every is the width of the time buckets, zero when there are none.
	Every time.Duration
}

// questionType makes the questions of one type.
type questionType struct {
	name string
	ask  func(a *asker) Question
}

// processorTypes are the queries of TSBS about processors. In
// single-groupby-F-H-T there are F fields, H hosts and T hours.
var processorTypes = []questionType{
	{"single-groupby-1-1-1", singleGroupBy(1, 1, 1)},
	{"single-groupby-1-1-12", singleGroupBy(1, 1, 12)},
	{"single-groupby-1-8-1", singleGroupBy(1, 8, 1)},
	{"single-groupby-5-1-1", singleGroupBy(5, 1, 1)},
	{"single-groupby-5-1-12", singleGroupBy(5, 1, 12)},
	{"single-groupby-5-8-1", singleGroupBy(5, 8, 1)},
	{"cpu-max-all-1", cpuMaxAll(1)},
	{"cpu-max-all-8", cpuMaxAll(8)},
	{"double-groupby-1", doubleGroupBy(1)},
	{"double-groupby-5", doubleGroupBy(5)},
	{"double-groupby-all", doubleGroupBy(10)},
	{"high-cpu-1", highCPU(1)},
	{"high-cpu-all", highCPU(0)},
	{"groupby-orderby-limit", groupByOrderByLimit},
	{"lastpoint", lastPoint},
}

// questionTypes are the types of questions by workload.
var questionTypes = map[string][]questionType{
	"cpu":      processorTypes,
	"devops":   processorTypes,
	"sensor":   sensorTypes,
	"telegraf": telegrafTypes,
}

// QuestionTypes returns the names of the types that suit a workload.
func QuestionTypes(workload string) []string {
	var names []string
	for _, t := range questionTypes[workload] {
		names = append(names, t.name)
	}
	return names
}

// Questions draws n questions of a type about the data of a Spec, the same ones
// for the same Spec.
func Questions(spec Spec, name string, n int) ([]Question, error) {
	at := slices.IndexFunc(questionTypes[spec.Workload], func(t questionType) bool { return t.name == name })
	if at < 0 {
		return nil, fmt.Errorf("no queries of type %q about the workload %s, want one of: %s",
			name, spec.Workload, strings.Join(QuestionTypes(spec.Workload), ", "))
	}
	a := &asker{spec: spec, random: rand.New(rand.NewPCG(spec.Seed, uint64(at)+1))} // #nosec G404 -- questions of a benchmark, to be had again by their seed
	var all []Question
	for range n {
		q := questionTypes[spec.Workload][at].ask(a)
		q.Type = name
		all = append(all, q)
	}
	return all, nil
}

// asker draws what questions are about.
type asker struct {
	spec   Spec
	random *rand.Rand
}

// window draws a time range of the given length within the data, on multiples
// of every; all of the data when that is shorter.
func (a *asker) window(length, every time.Duration) (from, to time.Time) {
	first, end := a.spec.Start.Truncate(every), a.spec.End()
	if whole := end.Truncate(every); whole.Before(end) {
		end = whole.Add(every)
	}
	free := end.Sub(first) - length
	if free <= 0 {
		return first, end
	}
	from = first.Add(time.Duration(a.random.Int64N(int64(free/every)+1)) * every)
	return from, from.Add(length)
}

// some draws up to n distinct numbers below of.
func (a *asker) some(n, of int) []int {
	if n >= of {
		return a.random.Perm(of)
	}
	var drawn []int
	for len(drawn) < n {
		if i := a.random.IntN(of); !slices.Contains(drawn, i) {
			drawn = append(drawn, i)
		}
	}
	return drawn
}

// between returns the time filter of a question.
func between(from, to time.Time) string {
	return fmt.Sprintf("time >= '%s' AND time < '%s'", from.Format(time.RFC3339Nano), to.Format(time.RFC3339Nano))
}

// anyOf returns the condition that a tag has one of the values, in parentheses when there are several.
func anyOf(tag string, values []string) string {
	var parts []string
	for _, v := range values {
		parts = append(parts, fmt.Sprintf(`"%s" = '%s'`, tag, v))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// each returns a list of selectors over fields.
func each(function string, fields []string) string {
	var parts []string
	for _, f := range fields {
		parts = append(parts, fmt.Sprintf(`%s("%s")`, function, f))
	}
	return strings.Join(parts, ", ")
}

// duration returns d as InfluxQL writes it.
func duration(d time.Duration) string {
	for _, unit := range []struct {
		name string
		d    time.Duration
	}{{"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if d%unit.d == 0 {
			return fmt.Sprintf("%d%s", d/unit.d, unit.name)
		}
	}
	return fmt.Sprintf("%dns", cmp.Or(d, 1))
}
