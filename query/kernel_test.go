package query

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/model"
	"github.com/timberlinedb/timberline/tsdb/cursor"
)

// numberBatch returns a batch with one float column of which about a part of the rows has values.
func numberBatch(rng *rand.Rand, rows int, gaps bool) *cursor.Batch {
	b := &cursor.Batch{Columns: []cursor.Column{
		{Type: model.Float, Floats: make([]float64, rows)},
		{Type: model.Integer, Integers: make([]int64, rows)},
		{Type: model.String, Strings: make([][]byte, rows)},
	}}
	for c := range b.Columns {
		if gaps {
			b.Columns[c].Present = make([]uint64, bitWords(rows))
		}
	}
	for i := range rows {
		b.Times = append(b.Times, int64(i)*10)
		b.Columns[0].Floats[i] = float64(rng.IntN(9)) - 4
		b.Columns[1].Integers[i] = int64(rng.IntN(9)) - 4
		b.Columns[2].Strings[i] = []byte{byte('a' + rng.IntN(3))}
		for c := range b.Columns {
			if gaps && rng.IntN(2) == 0 {
				b.Columns[c].Present[i>>6] |= 1 << (i & 63)
			}
		}
	}
	return b
}

// TestRowFiltersAgree compares the filters that work on columns with the one that evaluates row by row.
func TestRowFiltersAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	fields := []cursor.Field{{Name: "f", Type: model.Float}, {Name: "i", Type: model.Integer}, {Name: "s", Type: model.String}}
	column := func(ref *influxql.VarRef) int {
		for i := range fields {
			if fields[i].Name == ref.Name {
				return i
			}
		}
		return -1
	}
	var exprs []string
	for _, op := range []string{"=", "!=", "<", "<=", ">", ">="} {
		exprs = append(exprs, "f "+op+" 1", "f "+op+" 0.5", "i "+op+" 2", "i "+op+" 1.5", "f "+op+" 1 AND i "+op+" 0", "f "+op+" 1 OR s = 'a'")
	}
	exprs = append(exprs, "s = 'b'", "s != 'b'", "s =~ /[ab]/", "s !~ /a/", "f = 'x'", "host = 'h' AND f > 0", "(f > 0 OR i > 0) AND s = 'a'", "f > i")
	tags := model.Tags{{Key: []byte("host"), Value: []byte("h")}}
	for _, rows := range []int{1, 63, 64, 65, 200} {
		for _, gaps := range []bool{false, true} {
			b := numberBatch(rng, rows, gaps)
			for _, text := range exprs {
				expr := influxql.MustParseExpr(text)
				got, want := make([]uint64, bitWords(rows)), make([]uint64, bitWords(rows))
				newRowFilter(expr, fields, column, tags).apply(b, got)
				newEvalFilter(expr, column, tags).apply(b, want)
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s over %d rows, gaps %v: got %x, want %x", text, rows, gaps, got, want)
				}
			}
		}
	}
}

// TestRunEnd compares the search for the end of a window with a walk.
func TestRunEnd(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		w := &windows{start: influxql.MinTime, end: influxql.MaxTime, interval: int64(1 + rng.IntN(50))}
		times := []int64{int64(rng.IntN(100))}
		for range rng.IntN(60) {
			times = append(times, times[len(times)-1]+int64(1+rng.IntN(10)))
		}
		if rng.IntN(2) == 0 {
			reverse(times)
		}
		r := cellRunner{windows: w}
		got, _ := r.runEnd(times)
		start, end := w.of(times[0])
		want := 0
		for want < len(times) && times[want] >= start && times[want] < end {
			want++
		}
		if got != want {
			t.Fatalf("interval %d, times %v: got %d, want %d", w.interval, times, got, want)
		}
	}
}

func TestWindows(t *testing.T) {
	tests := []struct {
		w          windows
		t          int64
		start, end int64
	}{
		{windows{start: 3, end: 9}, 5, 3, 10},
		{windows{interval: 10}, 25, 20, 30},
		{windows{interval: 10}, -1, -10, 0},
		{windows{interval: 10, offset: 3}, 25, 23, 33},
		{windows{interval: 10, offset: 3}, 2, -7, 3},
		{windows{interval: 10}, influxql.MinTime + 1, influxql.MinTime, -9223372036854775800},
		{windows{interval: 1 << 62}, influxql.MaxTime, 1 << 62, influxql.MaxTime},
	}
	for _, tt := range tests {
		if start, end := tt.w.of(tt.t); start != tt.start || end != tt.end {
			t.Errorf("%+v of %d: got %d, %d, want %d, %d", tt.w, tt.t, start, end, tt.start, tt.end)
		}
	}
}

// TestTagConditionAgrees compares the filter and the rest of a condition with its evaluation as a whole.
func TestTagConditionAgrees(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	leaves := []string{"a = 'x'", "a != 'x'", "b =~ /x|y/", "b !~ /y/", "f > 1", "f = 2", "a = ''", "b != ''", "true", "false"}
	var build func(depth int) string
	build = func(depth int) string {
		if depth == 0 || rng.IntN(4) == 0 {
			return leaves[rng.IntN(len(leaves))]
		}
		return "(" + build(depth-1) + []string{" AND ", " OR "}[rng.IntN(2)] + build(depth-1) + ")"
	}
	for range 400 {
		text := build(3)
		c := newTagCondition("m", influxql.MustParseExpr(text), func(name string) bool { return name == "f" })
		for _, a := range []string{"", "x", "y"} {
			for _, b := range []string{"", "x", "y"} {
				tags := model.Tags{{Key: []byte("a"), Value: []byte(a)}, {Key: []byte("b"), Value: []byte(b)}}
				for f := range 4 {
					values := map[string]any{"a": a, "b": b, "f": float64(f)}
					want := influxql.EvalBool(c.expr, values)
					rest, none := c.forSeries(tags)
					got := !none && (rest == nil || influxql.EvalBool(rest, values))
					if sure, passes := matchTags(c.certain(), tags), !none && rest == nil; sure != passes {
						t.Fatalf("%s with %v: certain %v, want %v", text, tags, sure, passes)
					}
					if matchTags(c.filter, tags) == none {
						t.Fatalf("%s with %v: possible although it selects nothing: %v", text, tags, none)
					}
					if got != want || got && !matchTags(c.filter, tags) {
						t.Fatalf("%s with %v: got %v, want %v, filter %v", text, values, got, want, matchTags(c.filter, tags))
					}
				}
			}
		}
	}
}

func TestColumnBuilder(t *testing.T) {
	b := columnBuilder{col: new(Column)}
	for _, v := range []value{{}, floatValue(1), {}, floatValue(2)} {
		b.append(v)
	}
	c := b.finish()
	if c.Kind != FloatColumn || !c.Null(0) || c.Null(1) || !c.Null(2) || c.Floats[3] != 2 {
		t.Errorf("got %+v", c)
	}
	b.append(stringValue("x"))
	if c = b.finish(); c.Kind != AnyColumn || c.Any[0] != nil || c.Any[1] != 1.0 || c.Any[4] != "x" {
		t.Errorf("got %+v", c)
	}
	b.reset()
	b.append(integerValue(7))
	if c = b.finish(); c.Kind != IntegerColumn || len(c.Integers) != 1 || c.Null(0) {
		t.Errorf("after reset: %+v", c)
	}
}

func BenchmarkColumnAggregate(b *testing.B) {
	batch := numberBatch(rand.New(rand.NewPCG(7, 8)), 1024, false)
	for _, kind := range []string{"sum", "max", "count"} {
		for _, interval := range []int64{0, 600} {
			b.Run(fmt.Sprintf("%s/interval=%d", kind, interval), func(b *testing.B) {
				w := &windows{start: influxql.MinTime, end: influxql.MaxTime, interval: interval}
				agg := newColumnAggregator(aggregateKinds[kind], model.Float, w, true, &rowLayout{}, false)
				keep := allBits(nil, len(batch.Times))
				var cells []cell
				b.ReportAllocs()
				for b.Loop() {
					agg.run(batch, keep, true)
					cells = agg.flush(cells[:0])
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(batch.Times)), "ns/value")
			})
		}
	}
}

// TestNearWindows compares the windows that are found beside a known one with those that are computed.
func TestNearWindows(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for range 20_000 {
		w := windows{interval: 1 + rng.Int64N(1<<(1+rng.IntN(60))), start: influxql.MinTime, end: influxql.MaxTime}
		w.offset = rng.Int64N(w.interval)
		if rng.IntN(4) == 0 {
			w.location = berlin
		}
		at := []int64{influxql.MinTime, influxql.MaxTime, rng.Int64N(1 << 60)}[rng.IntN(3)]
		start, end := w.of(at)
		for range 4 {
			next := saturatingSum(at, rng.Int64N(2*w.interval)-w.interval)
			wantStart, wantEnd := w.of(next)
			if start, end = w.near(next, start, end); start != wantStart || end != wantEnd {
				t.Fatalf("%+v: %d lies in [%d, %d), found [%d, %d)", w, next, wantStart, wantEnd, start, end)
			}
			at = next
		}
	}
}

// TestCountOfWindows counts the windows of ranges up to the ends of time, whose length no int64 holds.
func TestCountOfWindows(t *testing.T) {
	for _, c := range []struct {
		start, end, interval int64
		want                 int
	}{
		{0, 99, 10, 11}, {0, 100, 100, 3}, {5, 4, 10, 1},
		{influxql.MinTime + 1, influxql.MaxTime - 1, 1, 1000},
		{influxql.MinTime + 1, influxql.MaxTime - 1, math.MaxInt64, 3},
		{influxql.MinTime, 100, 10, 1}, {0, influxql.MaxTime, 10, 1}, {0, 100, 0, 1},
	} {
		w := windows{start: c.start, end: c.end, interval: c.interval}
		if got := w.count(1000); got != c.want {
			t.Errorf("%d to %d by %d: %d windows, want %d", c.start, c.end, c.interval, got, c.want)
		}
	}
}
