package differential

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

const (
	second = int64(1e9)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour

	// epoch is where the points of most measurements begin: 2000-01-01.
	epoch = 946684800 * second
	days  = 4

	// spring and autumn are days before the clocks of Berlin change: 2001-03-24 and 2001-10-27.
	spring = 985392000 * second
	autumn = 1004140800 * second
)

// pointWriter collects line protocol.
type pointWriter struct {
	*rand.Rand
	lines []string
}

// value is what a field may hold at one place in the data.
type fieldMaker func(r *rand.Rand, t int64) string

func floats(r *rand.Rand, _ int64) string {
	return fmt.Sprint(float64(r.IntN(2000)-500) / 10)
}
func roundFloats(r *rand.Rand, _ int64) string { return fmt.Sprint(r.IntN(9)) }
func integers(r *rand.Rand, _ int64) string    { return fmt.Sprint(r.IntN(40)-8, "i") }
func booleans(r *rand.Rand, _ int64) string    { return fmt.Sprint(r.IntN(2) == 0) }
func words(r *rand.Rand, _ int64) string {
	return fmt.Sprintf("%q", []string{"ok", "warn", "error", "", "ok: fine", "größe"}[r.IntN(6)])
}

// byDay changes the type of a field from shard to shard.
func byDay(makers ...fieldMaker) fieldMaker {
	return func(r *rand.Rand, t int64) string {
		i := (t - epoch) / day
		return makers[max(0, min(i, int64(len(makers)-1)))](r, t)
	}
}

// field is a field with how often a point has it, in percent.
type field struct {
	name  string
	share int
	make  fieldMaker
}

// add writes a point with those of the fields that chance picks, at least one.
func (w *pointWriter) add(series string, t int64, fields []field) {
	var parts []string
	for _, f := range fields {
		if w.IntN(100) < f.share {
			parts = append(parts, f.name+"="+f.make(w.Rand, t))
		}
	}
	if len(parts) == 0 {
		f := fields[w.IntN(len(fields))]
		parts = append(parts, f.name+"="+f.make(w.Rand, t))
	}
	w.lines = append(w.lines, fmt.Sprintf("%s %s %d", series, strings.Join(parts, ","), t))
}

// points returns the line protocol of the main policy.
func points(r *rand.Rand) []string {
	w := &pointWriter{Rand: r}
	w.addRegular()
	w.addIrregular()
	w.addMixed()
	w.addOld()
	w.addTies()
	w.addNames()
	w.addClock()
	w.addEdge()
	return w.lines
}

// addRegular writes series with a point every hour, with gaps, over several shards. Some have no region.
func (w *pointWriter) addRegular() {
	fields := []field{{"usage", 90, floats}, {"idle", 30, floats}, {"n", 80, integers}, {"on", 50, booleans}, {"state", 50, words}}
	for i, series := range []string{
		"cpu,host=h0,region=us-east", "cpu,host=h1,region=us-east", "cpu,host=h2,region=us-west", "cpu,host=h3,region=eu",
		"cpu,host=h4", "cpu,region=eu", "cpu",
	} {
		for t := epoch + int64(i)*minute; t < epoch+days*day; t += hour {
			if w.IntN(10) == 0 {
				t += int64(w.IntN(12)) * hour
			}
			w.add(series, t, fields)
		}
	}
}

// addIrregular writes points at any time, some of them twice.
func (w *pointWriter) addIrregular() {
	fields := []field{{"used", 80, integers}, {"free", 80, floats}, {"label", 40, words}, {"n", 40, roundFloats}, {"usage", 30, integers}}
	for _, series := range []string{`mem,data\ center=a,host=h0`, `mem,data\ center=b,host=h1`, "mem,host=h2", "mem,host=h0,zone=z1"} {
		for range 60 {
			t := epoch + int64(w.IntN(int(days*day/second)))*second + int64(w.IntN(3))
			w.add(series, t, fields)
			if w.IntN(6) == 0 {
				w.add(series, t, fields)
			}
		}
	}
	for range 30 {
		w.add("single", epoch+int64(w.IntN(int(2*day))), []field{{"v", 100, floats}, {"w", 50, integers}})
	}
}

// addMixed writes fields that have another type in every shard.
func (w *pointWriter) addMixed() {
	fields := []field{
		{"x", 90, byDay(integers, floats, words, booleans)},
		{"y", 90, byDay(floats, integers)},
		{"z", 50, byDay(words, words, integers)},
	}
	for _, series := range []string{"mixed,host=h0", "mixed,host=h1"} {
		for t := epoch; t < epoch+days*day; t += 3*hour + 7*minute {
			w.add(series, t, fields)
		}
	}
}

// addOld writes points around and before 1970.
func (w *pointWriter) addOld() {
	fields := []field{{"v", 90, floats}, {"n", 60, integers}, {"s", 30, words}, {"b", 30, booleans}}
	for _, series := range []string{"old,host=h0", "old,host=h1,region=eu"} {
		for t := -2 * day; t < day; t += 2*hour + 11*second {
			w.add(series, t, fields)
		}
		w.add(series, -30*365*day, fields)
	}
}

// addTies writes many series with points at the same times and few different values.
func (w *pointWriter) addTies() {
	fields := []field{{"v", 90, roundFloats}, {"n", 60, func(r *rand.Rand, _ int64) string { return fmt.Sprint(r.IntN(3), "i") }}, {"b", 30, booleans}, {"s", 30, words}}
	for i := range 12 {
		series := fmt.Sprintf("ties,host=h%d,rack=r%d", i%4, i/4)
		for t := epoch + 20*hour; t < epoch+28*hour; t += 30 * minute {
			w.add(series, t, fields)
		}
	}
}

// addNames writes names that need quotes and escapes.
func (w *pointWriter) addNames() {
	for _, series := range []string{`my\ "disk",pa\,th=/var/log,host=h0`, `my\ "disk",pa\,th=a\=b,host=h\ 1`, `my\ "disk",host=größe`} {
		for range 12 {
			w.add(series, epoch+int64(w.IntN(int(2*day/minute)))*minute, []field{{`free\ bytes`, 90, integers}, {`time\,out`, 50, floats}})
		}
	}
}

// addClock writes points around the days on which clocks are changed.
func (w *pointWriter) addClock() {
	fields := []field{{"v", 90, floats}, {"n", 70, integers}, {"s", 30, words}}
	for _, series := range []string{"clock,host=h0", "clock,host=h1"} {
		for _, from := range []int64{spring, autumn} {
			for t := from; t < from+4*day; t += 50*minute + int64(w.IntN(40))*minute {
				w.add(series, t, fields)
			}
		}
	}
}

// addEdge writes numbers that are hard to add, to convert and to print.
func (w *pointWriter) addEdge() {
	among := func(list ...string) fieldMaker {
		return func(r *rand.Rand, _ int64) string { return list[r.IntN(len(list))] }
	}
	fields := []field{
		{"f", 85, among("-0", "0", "1e308", "-1e308", "5e-324", "1e20", "1e21", "123456789012345680", "0.1", "-0.000001", "1e-7", "3", "2.5")},
		{"i", 85, among("9223372036854775807i", "-9223372036854775808i", "9007199254740993i", "0i", "-1i", "4611686018427387904i", "7i")},
		{"s", 50, among(`"a\\b"`, `"<&>"`, `"tab\tq"`, `"\""`, `"ü\u2028"`, `""`)},
	}
	for _, series := range []string{"edge,host=h0", "edge,host=h1"} {
		for t := epoch; t < epoch+day; t += hour {
			w.add(series, t, fields)
		}
	}
}

// rarePoints returns the line protocol of a second policy.
func rarePoints(r *rand.Rand) []string {
	w := &pointWriter{Rand: r}
	for _, series := range []string{"cpu,host=h0,region=us-east", "cpu,host=h9", "rare,host=h0"} {
		for t := epoch; t < epoch+2*day; t += 5 * hour {
			w.add(series, t, []field{{"usage", 90, floats}, {"n", 50, floats}})
		}
	}
	return w.lines
}
