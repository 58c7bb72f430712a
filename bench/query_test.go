package bench

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/influxql"
)

// TestQuestionsAreReproducible, parse, and lie within the data.
func TestQuestionsAreReproducible(t *testing.T) {
	for _, name := range Workloads() {
		for _, hosts := range []int{1, 5, 4000} {
			for _, d := range []time.Duration{20 * time.Second, 20 * time.Minute, 24 * time.Hour} {
				spec := Spec{Workload: name, Hosts: hosts, Duration: d, Seed: 7}
				spec.EnsureDefaults()
				for _, kind := range QuestionTypes(name) {
					checkQuestions(t, spec, kind)
				}
			}
		}
	}
}

func checkQuestions(t *testing.T, spec Spec, kind string) {
	t.Helper()
	one, err := Questions(spec, kind, 20)
	if err != nil {
		t.Fatal(err)
	}
	two, err := Questions(spec, kind, 10)
	if err != nil {
		t.Fatal(err)
	}
	for i, q := range one {
		if i < len(two) && q.Text != two[i].Text {
			t.Fatalf("%s: %q and %q", kind, q.Text, two[i].Text)
		}
		if _, err := influxql.ParseQuery(q.Text); err != nil {
			t.Fatalf("%s: %s: %v", kind, q.Text, err)
		}
		if !q.From.Before(q.To) || q.From.Before(spec.Start) || q.From.After(spec.End()) || q.To.Sub(spec.End()) >= max(q.Every, time.Minute) {
			t.Errorf("%s: from %s to %s, data to %s", kind, q.From, q.To, spec.End())
		}
		if q.Every > 0 && (q.From.Truncate(q.Every) != q.From || q.To.Truncate(q.Every) != q.To) {
			t.Errorf("%s: %s to %s are no multiples of %s", kind, q.From, q.To, q.Every)
		}
		if sorted := slices.Sorted(slices.Values(q.Hosts)); len(slices.Compact(sorted)) != len(q.Hosts) {
			t.Errorf("%s asks for %v", kind, q.Hosts)
		}
	}
}

func TestQuestionTexts(t *testing.T) {
	spec := Spec{Workload: "cpu", Hosts: 1, Duration: time.Hour, Seed: 1}
	spec.EnsureDefaults()
	const hour = "time >= '2024-01-01T00:00:00Z' AND time < '2024-01-01T01:00:00Z'"
	for kind, want := range map[string]string{
		"single-groupby-1-8-1":  `SELECT max("usage_user") FROM cpu WHERE "hostname" = 'host_0' AND ` + hour + ` GROUP BY time(1m)`,
		"double-groupby-1":      `SELECT mean("usage_user") FROM cpu WHERE ` + hour + ` GROUP BY time(1h), hostname`,
		"high-cpu-all":          `SELECT * FROM cpu WHERE "usage_user" > 90.0 AND ` + hour,
		"high-cpu-1":            `SELECT * FROM cpu WHERE "usage_user" > 90.0 AND ` + hour + ` AND "hostname" = 'host_0'`,
		"groupby-orderby-limit": `SELECT max("usage_user") FROM cpu WHERE time < '2024-01-01T01:00:00Z' GROUP BY time(1m) ORDER BY time DESC LIMIT 5`,
		"lastpoint":             `SELECT * FROM cpu GROUP BY hostname ORDER BY time DESC LIMIT 1`,
	} {
		q, err := Questions(spec, kind, 1)
		if err != nil || q[0].Text != want || q[0].Type != kind {
			t.Errorf("%s: %+v, %v\nwant %s", kind, q, err, want)
		}
	}
	if _, err := Questions(spec, "double-groupby-2", 1); err == nil || !strings.Contains(err.Error(), `"double-groupby-2"`) || !strings.Contains(err.Error(), "cpu-max-all-1") {
		t.Errorf("unknown type: %v", err)
	}
}

func TestQuery(t *testing.T) {
	spec := small("cpu", 1000)
	var n atomic.Int64
	c := serve(t, Target{Database: "d"}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("db") != "d" || r.URL.Query().Get("epoch") != "ns" {
			t.Errorf("asked %s", r.URL)
		}
		if n.Add(1)%5 == 0 {
			io.WriteString(w, `{"results":[{"statement_id":0,"error":"too much"}]}`)
			return
		}
		io.WriteString(w, `{"results":[{"series":[{"name":"cpu","columns":["time","a","host","b"],"values":[[1,2,"x",null],[2,null,"y",0.5],[3,true,"z",-1]]}]}]}`)
	})
	// One worker: with two, the answer to the first question may be one of those that fail.
	report, err := Query(t.Context(), c, spec, QueryOptions{Types: []string{"lastpoint", "high-cpu-1"}, Count: 10, Workers: 1})
	if err != nil || len(report.Types) != 2 {
		t.Fatalf("%+v, %v", report, err)
	}
	for _, r := range report.Types {
		if r.Queries.Count != 8 || r.Failed != 2 || r.First != (Contents{1, 4}) || r.Errors[ErrQuery.Error()+": 200 OK: too much"] != 2 || r.PerS <= 0 {
			t.Errorf("report %+v", r)
		}
	}
	var table strings.Builder
	if _, err := report.WriteTo(&table); err != nil || !strings.Contains(table.String(), "| lastpoint ") || !strings.Contains(table.String(), "2 × lastpoint: the query failed: 200 OK: too much") {
		t.Errorf("%v\n%s", err, table.String())
	}
	if _, err := Query(t.Context(), c, spec, QueryOptions{Types: []string{"all"}}); err == nil {
		t.Error("no error for an unknown type")
	}
}

func TestQueryStopsForCredentials(t *testing.T) {
	c := serve(t, Target{}, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"error":"unable to parse authentication credentials"}`)
	})
	report, err := Query(t.Context(), c, small("cpu", 1000), QueryOptions{})
	if !errors.Is(err, ErrCredentials) || len(report.Types) != 1 || report.Ended == "" {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestCountRefusesNonsense(t *testing.T) {
	if _, err := Count([]byte(`{"results":[`)); err == nil {
		t.Error("half an answer was counted")
	}
}
