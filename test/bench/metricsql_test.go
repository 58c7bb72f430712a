package main

import (
	"encoding/json"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/bench"
	"github.com/timberlinedb/timberline/test/blackbox"
)

// TestFormsComputeTheSame loads VictoriaMetrics and Timberline with the same
// lines and compares the numbers in the answers to all types of questions.
func TestFormsComputeTheSame(t *testing.T) {
	if _, err := exec.LookPath(peers[victoriaMetrics].program(options{})); err != nil {
		t.Skip("no victoria-metrics to ask: the Debian package victoria-metrics is not installed")
	}
	o := options{binary: blackbox.Binary(t), workers: 2, seed: 5}
	for _, spec := range []bench.Spec{
		{Workload: "cpu", Hosts: 12, Duration: 65 * time.Minute, Seed: 5},
		{Workload: "devops", Hosts: 9, Duration: 10 * time.Minute, Seed: 7},
		{Workload: "sensor", Hosts: 500, Rows: 1000, Seed: 8},
	} {
		spec.EnsureDefaults()
		load, err := bench.Pregenerate(t.Context(), spec, 5000, false)
		if err != nil {
			t.Fatal(err)
		}
		numbers := map[string]map[string][][]float64{}
		for _, name := range []string{timberline, victoriaMetrics} {
			numbers[name] = numbersOf(t, turn{options: o, row: row{spec: spec}, load: load, peer: peers[name], dir: filepath.Join(t.TempDir(), name)})
		}
		for kind, ours := range numbers[timberline] {
			theirs, asked := numbers[victoriaMetrics][kind]
			if !asked {
				continue // there is no form of it
			}
			for i := range ours {
				if !slices.EqualFunc(ours[i], theirs[i], near) {
					t.Errorf("%s of %d hosts, question %d: %d numbers and %d numbers\n%.20v\n%.20v", kind, spec.Hosts, i, len(ours[i]), len(theirs[i]), ours[i], theirs[i])
				}
			}
		}
	}
}

// near compares means that were summed in another order.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(math.Abs(a), 1) }

// numbersOf returns the sorted numbers of the answers to three questions of every type.
func numbersOf(t *testing.T, turn turn) map[string][][]float64 {
	t.Helper()
	p, c, err := turn.open(t.Context(), turn.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.kill()
	defer c.Close()
	report, err := turn.send(t.Context(), c)
	if err != nil || report.Lines != turn.load.Lines {
		t.Fatalf("%d of %d lines, %v", report.Lines, turn.load.Lines, err)
	}
	if err := turn.tell(t.Context(), c, turn.peer.flush); err != nil {
		t.Fatal(err)
	}
	if lines, err := turn.peer.lines(t.Context(), c, turn.row.spec); err != nil || lines != turn.load.Lines {
		t.Errorf("%s counts %d of %d lines, %v", turn.peer.name, lines, turn.load.Lines, err)
	}
	numbers := map[string][][]float64{}
	for _, kind := range bench.QuestionTypes(turn.row.spec.Workload) {
		questions, err := bench.Questions(turn.row.spec, kind, 3)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := turn.peer.ask(questions[0], turn.row.spec); !ok {
			continue
		}
		for _, q := range questions {
			answer, err := turn.get(t.Context(), c, q)
			if err != nil {
				t.Fatalf("%s, %s: %v", turn.peer.name, kind, err)
			}
			found := numbersIn(t, answer.Text)
			counted, err := turn.peer.count(answer.Text)
			if err != nil || counted.Values != len(found) {
				t.Errorf("%s, %s: %d values counted, %d seen, %v", turn.peer.name, kind, counted.Values, len(found), err)
			}
			numbers[kind] = append(numbers[kind], found)
		}
	}
	return numbers
}

// numbersIn returns the sorted numbers of an answer of either kind, times left out.
func numbersIn(t *testing.T, text []byte) []float64 {
	t.Helper()
	var answer struct {
		Results []struct {
			Series []struct{ Values [][]any }
		}
		Data struct {
			Result []struct {
				Value  []any
				Values [][]any
			}
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	var found []float64
	for _, r := range answer.Results {
		for _, s := range r.Series {
			for _, row := range s.Values {
				for _, cell := range row[1:] {
					if v, ok := cell.(float64); ok {
						found = append(found, v)
					}
				}
			}
		}
	}
	for _, s := range answer.Data.Result {
		for _, pair := range append(s.Values, s.Value) {
			if len(pair) == 2 {
				v, err := strconv.ParseFloat(pair[1].(string), 64)
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, v)
			}
		}
	}
	slices.Sort(found)
	return found
}

// TestEveryTypeHasAForm but the list of the values of a tag, which is not asked for by a query in MetricsQL.
func TestEveryTypeHasAForm(t *testing.T) {
	for _, r := range rows(false) {
		for _, kind := range bench.QuestionTypes(r.spec.Workload) {
			if _, ok := formOf(kind); ok == (kind == "sensor-devices") {
				t.Errorf("%s: there is a form is %v", kind, ok)
			}
		}
	}
	if _, ok := askMetricsQL(bench.Question{Type: "telegraf-net-rate"}, bench.Spec{}); ok {
		t.Error("a type without a form was asked")
	}
}

func TestForms(t *testing.T) {
	spec := bench.Spec{Workload: "cpu", Hosts: 1, Duration: time.Hour}
	spec.EnsureDefaults()
	for kind, want := range map[string]string{
		"single-groupby-1-1-1": `/api/v1/query_range?end=1704070799.999&nocache=1&query=max(max_over_time(cpu_usage_user{hostname="host_0"}[60000ms])) by (__name__)&start=1704067259.999&step=60000ms`,
		"double-groupby-1":     `/api/v1/query_range?end=1704070799.999&nocache=1&query=avg(avg_over_time(cpu_usage_user[3600000ms])) by (__name__, hostname)&start=1704070799.999&step=3600000ms`,
		"groupby-orderby-limit": `/api/v1/query_range?end=1704070799.999&nocache=1&query=max(max_over_time(cpu_usage_user[60000ms]))` +
			`&start=1704070559.999&step=60000ms`,
	} {
		questions, err := bench.Questions(spec, kind, 1)
		if err != nil {
			t.Fatal(err)
		}
		ask, ok := askMetricsQL(questions[0], spec)
		got := ask.path + "?end=" + ask.parameters.Get("end") + "&nocache=" + ask.parameters.Get("nocache") + "&query=" + ask.parameters.Get("query") +
			"&start=" + ask.parameters.Get("start") + "&step=" + ask.parameters.Get("step")
		if !ok || got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", kind, got, want)
		}
	}
}
