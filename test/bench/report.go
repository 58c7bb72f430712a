package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/timberlinedb/timberline/bench"
)

// figure is a line of the first table.
type figure struct {
	name   string
	of     func(*result) float64
	format string
	higher bool // more is better
	whole  bool // only where more than the load was measured
}

var figures = []figure{
	{name: "lines/s", of: func(r *result) float64 { return r.LinesPerS }, format: "%.0f", higher: true},
	{name: "server CPU, ns per value, load", of: func(r *result) float64 { return r.LoadCPU }, format: "%.0f"},
	{name: "server CPU, ns per value, settled", of: func(r *result) float64 { return r.SettledCPU }, format: "%.0f"},
	{name: "acknowledgement of a request, ms, p50", of: func(r *result) float64 { return r.AckP50 }, format: "%.1f"},
	{name: "acknowledgement of a request, ms, p99", of: func(r *result) float64 { return r.AckP99 }, format: "%.1f"},
	{name: "peak memory, load, MB", of: func(r *result) float64 { return float64(r.PeakLoad) / 1e6 }, format: "%.0f"},
	{name: "peak memory, questions included, MB", of: func(r *result) float64 { return float64(r.PeakMemory) / 1e6 }, format: "%.0f", whole: true},
	{name: "disk after settling, MB", of: func(r *result) float64 { return float64(r.Disk) / 1e6 }, format: "%.1f", whole: true},
	{name: "disk after settling, bytes per value", of: func(r *result) float64 { return r.BytesPerVal }, format: "%.3f", whole: true},
	{name: "start, clean, s", of: func(r *result) float64 { return r.StartClean.Seconds() }, format: "%.3f", whole: true},
	{name: "start after kill -9, s", of: func(r *result) float64 { return r.StartKilled.Seconds() }, format: "%.3f", whole: true},
}

// median returns the middle of the values, zero of none.
func median[T cmp.Ordered](all []T) T {
	if len(all) == 0 {
		var zero T
		return zero
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[(len(sorted)-1)/2]
}

// good returns the results without failures.
func good(rs []*result) []*result {
	return slices.DeleteFunc(slices.Clone(rs), func(r *result) bool { return r.Failure != "" })
}

// renderRow returns the tables of a row.
func renderRow(r row, names []string, results map[string][]*result) string {
	var b strings.Builder
	s := r.spec
	fmt.Fprintf(&b, "### %s: %s\n\n%d hosts, %d series, %d lines", r.name, r.about, s.Hosts, s.Series(), s.Lines())
	if first := results[names[0]]; len(first) > 0 {
		fmt.Fprintf(&b, ", %d values; medians of %d rounds", first[0].values, len(first))
	}
	b.WriteString(". Under ×: how many times better Timberline is.\n\n")
	renderFigures(&b, r, names, results)
	if !r.gzip {
		renderQuestions(&b, r, names, results)
	}
	for _, name := range names {
		for _, got := range results[name] {
			if got.Failure != "" {
				fmt.Fprintf(&b, "\n%s failed in a round: %s\n", name, got.Failure)
			}
			if got.Failure == "" && !got.Settled {
				fmt.Fprintf(&b, "\n%s was still busy a minute after the load of a round.\n", name)
			}
			if got.RefusedLines > 0 {
				fmt.Fprintf(&b, "\n%s refused %d lines in a round.\n", name, got.RefusedLines)
			}
		}
	}
	return b.String()
}

// header writes the head of a table: the peers, then how much better Timberline is than each.
func header(b *strings.Builder, first string, names []string) {
	fmt.Fprintf(b, "| %s |", first)
	for _, name := range names {
		fmt.Fprintf(b, " %s |", name)
	}
	for _, name := range rivals(names) {
		fmt.Fprintf(b, " × %s |", name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(names)+len(rivals(names))) + "\n")
}

// rivals returns the peers that Timberline is compared with.
func rivals(names []string) []string {
	if !slices.Contains(names, timberline) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == timberline })
}

// better returns how many times better ours is, as text.
func better(ours, theirs float64, higher bool) string {
	if ours <= 0 || theirs <= 0 {
		return "–"
	}
	ratio := theirs / ours
	if higher {
		ratio = ours / theirs
	}
	return fmt.Sprintf("%.2f", ratio)
}

func renderFigures(b *strings.Builder, r row, names []string, results map[string][]*result) {
	header(b, "", names)
	for _, f := range figures {
		if f.whole && r.gzip {
			continue
		}
		value := func(name string) float64 {
			var all []float64
			for _, got := range good(results[name]) {
				all = append(all, f.of(got))
			}
			return median(all)
		}
		fmt.Fprintf(b, "| %s |", f.name)
		for _, name := range names {
			if len(good(results[name])) == 0 {
				b.WriteString(" – |")
				continue
			}
			fmt.Fprintf(b, " "+f.format+" |", value(name))
		}
		for _, name := range rivals(names) {
			fmt.Fprintf(b, " %s |", better(value(timberline), value(name), f.higher))
		}
		b.WriteByte('\n')
	}
	if r.gzip {
		return
	}
	b.WriteString("| lines lost by kill -9 |")
	for _, name := range names {
		fmt.Fprintf(b, " %s |", lostLines(good(results[name])))
	}
	b.WriteString(strings.Repeat(" |", len(rivals(names))) + "\n")
}

// lostLines sums what all rounds lost of what was acknowledged.
func lostLines(rs []*result) string {
	if len(rs) == 0 {
		return "–"
	}
	var acked, lost int64
	for _, r := range rs {
		acked += r.AckedKilled
		lost += r.AckedKilled - r.FoundKilled
	}
	return fmt.Sprintf("%d of %d", lost, acked)
}

// renderQuestions writes the table of questions: p50, p99 and CPU of each.
func renderQuestions(b *strings.Builder, r row, names []string, results map[string][]*result) {
	types := slices.DeleteFunc(bench.QuestionTypes(r.spec.Workload), func(name string) bool {
		return !slices.ContainsFunc(names, func(peer string) bool { _, ok := medianQuestion(results[peer], name); return ok })
	})
	if len(types) == 0 {
		return
	}
	b.WriteString("\n")
	header(b, "p50 / p99 / server CPU, ms", names)
	products, counts := map[string]float64{}, map[string]int{}
	for _, kind := range types {
		ours, known := medianQuestion(results[timberline], kind)
		fmt.Fprintf(b, "| %s |", kind)
		for _, name := range names {
			q, ok := medianQuestion(results[name], kind)
			fmt.Fprintf(b, " %s |", questionCell(q, ok, known && q.Contents.Values != ours.Contents.Values))
		}
		for _, name := range rivals(names) {
			theirs, ok := medianQuestion(results[name], kind)
			cell := "–"
			if ok && known {
				cell = better(ours.P50, theirs.P50, false)
				products[name] += math.Log(theirs.P50 / ours.P50)
				counts[name]++
			}
			fmt.Fprintf(b, " %s |", cell)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, "| geometric mean of p50 |%s", strings.Repeat(" |", len(names)))
	for _, name := range rivals(names) {
		if counts[name] == 0 {
			b.WriteString(" – |")
			continue
		}
		fmt.Fprintf(b, " %.2f |", math.Exp(products[name]/float64(counts[name])))
	}
	b.WriteByte('\n')
}

// questionCell is a cell of the table of questions; ≠ says that the answer held
// another number of values than Timberline's.
func questionCell(q asked, ok, differs bool) string {
	if !ok {
		return "–"
	}
	cell := fmt.Sprintf("%s / %s / %s", short(q.P50), short(q.P99), short(q.CPU))
	if differs {
		cell += fmt.Sprintf(" ≠ %d values", q.Contents.Values)
	}
	return cell
}

// short returns milliseconds with three significant digits.
func short(ms float64) string {
	switch {
	case ms >= 100:
		return fmt.Sprintf("%.0f", ms)
	case ms >= 10:
		return fmt.Sprintf("%.1f", ms)
	default:
		return fmt.Sprintf("%.2f", ms)
	}
}

// medianQuestion returns the medians over the rounds of one type.
func medianQuestion(rs []*result, kind string) (asked, bool) {
	var p50, p99, cpu []float64
	var out asked
	for _, r := range rs {
		q, ok := r.Questions[kind]
		if !ok || q.Failure != "" {
			continue
		}
		p50, p99, cpu = append(p50, q.P50), append(p99, q.P99), append(cpu, q.CPU)
		out.Contents = q.Contents
	}
	out.P50, out.P99, out.CPU = median(p50), median(p99), median(cpu)
	return out, len(p50) > 0
}
