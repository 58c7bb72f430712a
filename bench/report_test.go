package bench

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestSummarize(t *testing.T) {
	var all []time.Duration
	for i := range 1000 {
		all = append(all, time.Duration(i+1)*time.Millisecond)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	want := Latencies{Count: 1000, Min: 1, Mean: 500.5, P50: 500, P90: 900, P99: 990, Max: 1000}
	if got := Summarize(all); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := Summarize([]time.Duration{time.Second}); got.P50 != 1000 || got.P99 != 1000 || got.Min != 1000 {
		t.Errorf("of one: %+v", got)
	}
	if got := Summarize(nil); got != (Latencies{}) {
		t.Errorf("of none: %+v", got)
	}
}

func TestGrouped(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567.9: "1,234,567", -1000: "-1,000", -12: "-12"} {
		if got := grouped(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

func TestWriteReportMaths(t *testing.T) {
	r := WriteReport{Lines: 1000, Values: 10000, PlainBytes: 4e6, SentBytes: 1e6, Errors: map[string]int64{}}
	r.accept(&Body{Lines: 100, Values: 1000, Plain: 4000, Data: make([]byte, 1000)}, 25)
	if r.Lines != 1075 || r.Values != 10750 || r.PlainBytes != 4003000 || r.SentBytes != 1000750 || r.RefusedLines != 25 {
		t.Errorf("after a partial write: %+v", r)
	}
	r.finish(2*time.Second, []time.Duration{time.Millisecond}, WriteOptions{Workers: 3}, ErrInterrupted)
	if r.LinesPerSecond != 537.5 || r.ValuesPerSecond != 5375 || r.PlainMBPerS != 2.0015 || r.Ended != "interrupted" || r.Workers != 3 {
		t.Errorf("finished: %+v", r)
	}
	for i := range 100 {
		r.count(errors.New(strings.Repeat("x", i)))
	}
	if len(r.Errors) != maxErrorTexts+1 || r.Errors["other errors"] != 90 {
		t.Errorf("%d texts, %d other errors", len(r.Errors), r.Errors["other errors"])
	}
	var text strings.Builder
	if _, err := r.WriteTo(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| lines acknowledged                |                     1,075 |", "| lines refused ", "errors:\n", "90 × other errors"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("table lacks %q:\n%s", want, text.String())
		}
	}
	packed, err := json.Marshal(r)
	if err != nil || !strings.Contains(string(packed), `"lines_per_second":537.5`) || !strings.Contains(string(packed), `"p99_ms":1`) {
		t.Errorf("%s, %v", packed, err)
	}
}

func TestTableIsAligned(t *testing.T) {
	table := table{head: []string{"a", "β"}, right: 1}
	table.add("long name", "1")
	table.add("x", "1,000")
	var b strings.Builder
	table.print(&b)
	want := "| a         |     β |\n| --------- | ----: |\n| long name |     1 |\n| x         | 1,000 |\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
