package telegraf

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/test/blackbox"
	"github.com/timberlinedb/timberline/test/dashboards"
)

// editorStatements are what Grafana's query editor, variables and health check
// send, with variables in braces.
var editorStatements = []string{
	`SHOW measurements`,
	`SHOW MEASUREMENTS LIMIT 1`,
	`SHOW RETENTION POLICIES on "telegraf"`,
	`SHOW MEASUREMENTS WITH MEASUREMENT =~ /(?i)cpu/ LIMIT 100`,
	`SHOW MEASUREMENTS WHERE "host" = 'telegraf-test' LIMIT 100`,
	`SHOW FIELD KEYS FROM "cpu"`,
	`SHOW FIELD KEYS FROM "autogen"."cpu"`,
	`SHOW TAG KEYS`,
	`SHOW TAG KEYS FROM "autogen"."cpu"`,
	`SHOW TAG VALUES FROM "cpu" WITH KEY = "cpu"`,
	`SHOW TAG VALUES FROM "autogen"."cpu" WITH KEY = "cpu" WHERE "host" = 'telegraf-test'`,
	`SHOW TAG VALUES FROM /c.u/ WITH KEY = "host" WHERE time > now() - 1h`,
	`SELECT mean("usage_idle") AS "x" FROM "autogen"."cpu" WHERE ("host" =~ /^telegraf-test$/ AND "cpu" = 'cpu-total') AND {range} GROUP BY time({step}), "host" fill(null) ORDER BY time DESC limit 10 slimit 5 tz('Europe/Berlin')`,
	`SELECT mean("usage_idle") FROM "cpu" WHERE ("host"::tag =~ /^(telegraf-test|other)$/) AND {range} GROUP BY time({step}), "cpu" fill(none)`,
	`SELECT last("uptime") FROM "system" WHERE {range} GROUP BY time({step}) fill(previous)`,
	`SELECT non_negative_derivative(mean("bytes_recv"), 1s) FROM "net" WHERE {range} GROUP BY time({step}), "interface" fill(null)`,
	`SELECT distinct("n_cpus") FROM "system" WHERE {range}`,
	`SELECT "usage_user" FROM "cpu" WHERE "cpu" = 'cpu-total' AND {range}`,
	`SELECT mean("no_such_field") FROM "cpu" WHERE {range} GROUP BY time({step})`,
	`SELECT mean("value") FROM "no_such_measurement" WHERE {range} GROUP BY time({step})`,
	`SELECT spread("usage_user") FROM "cpu" WHERE {range} GROUP BY time({step}) fill(0);SELECT max("load1") - min("load1") FROM "system" WHERE {range} GROUP BY time({step})`,
}

// variables are those of the metrics that were gathered.
func variables() dashboards.Variables {
	now := time.Now().UnixMilli()
	return dashboards.Variables{
		Database: "telegraf", Policy: "autogen", Host: host, CPU: "cpu0", Disk: ".*", Mount: ".*", Net: ".*",
		Range: fmt.Sprintf("time >= %dms and time <= %dms", now-3600_000, now+60_000),
		Step:  "10s",
	}
}

// checkDashboards sends statements in the ways that Grafana does and holds the
// answers against what its parser relies on. What was gathered says which
// statements of public dashboards have rows.
func checkDashboards(t *testing.T, s *blackbox.Server, gathered map[string]value) {
	t.Run("Editor", func(t *testing.T) {
		statements := make([]string, len(editorStatements))
		for i, text := range editorStatements {
			statements[i] = variables().Fill(text)
		}
		full := checkStatements(t, s, statements)
		for i, text := range statements {
			if strings.Contains(text, `FROM "net"`) {
				continue // a machine may have no network but itself
			}
			if want := !strings.Contains(text, "no_such"); full[i] != want {
				t.Errorf("%s: has rows: %v, want %v", text, full[i], want)
			}
		}
	})
	known := fieldsOf(gathered)
	for _, name := range dashboards.Names {
		t.Run(strings.TrimSuffix(name, ".txt"), func(t *testing.T) { checkDashboard(t, s, name, known) })
	}
}

// checkDashboard holds a statement that has no rows against what was gathered:
// one of its fields must be missing there.
func checkDashboard(t *testing.T, s *blackbox.Server, name string, known map[string]bool) {
	statements, err := dashboards.Statements(name)
	if err != nil {
		t.Fatal(err)
	}
	texts := make([]string, len(statements))
	for i, statement := range statements {
		texts[i] = variables().Fill(statement.Text)
	}
	rows := 0
	for i, full := range checkStatements(t, s, texts) {
		want, certain := expected(t, texts[i], known)
		if full {
			rows++
		}
		if full != want && (full || certain) {
			t.Errorf("%s: has rows: %v, want %v", texts[i], full, want)
		}
	}
	if rows == 0 {
		t.Errorf("no statement of %s has rows", name)
	}
	t.Logf("%d statements, %d of them with rows", len(texts), rows)
}

// fieldsOf returns measurement and field of all values.
func fieldsOf(gathered map[string]value) map[string]bool {
	known := map[string]bool{}
	for _, v := range gathered {
		known[v.measurement+"|"+v.field] = true
		known[v.measurement] = true
	}
	return known
}

// expected says whether a statement has rows: when one of the fields it reads
// was gathered. It is not certain where the statement selects by a tag other
// than the host, whose values are those of the machine.
func expected(t *testing.T, text string, known map[string]bool) (rows, certain bool) {
	statement, err := influxql.ParseStatement(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	switch s := statement.(type) {
	case *influxql.ShowTagValuesStatement:
		return known[s.Sources[0].(*influxql.Measurement).Name], true
	case *influxql.SelectStatement:
		measurement := s.Sources[0].(*influxql.Measurement).Name
		for _, f := range s.Fields {
			influxql.WalkFunc(f.Expr, func(n influxql.Node) {
				if ref, ok := n.(*influxql.VarRef); ok {
					rows = rows || known[measurement+"|"+ref.Name]
				}
			})
		}
		certain = true
		influxql.WalkFunc(s.Condition, func(n influxql.Node) {
			if ref, ok := n.(*influxql.VarRef); ok && ref.Name != "time" && ref.Name != "host" {
				certain = false
			}
		})
		return rows, certain
	}
	t.Fatalf("%s: neither of the forms that dashboards ask", text)
	return false, false
}

// checkStatements asks every statement by GET and by form POST, and all of them
// in one request, and says which of them have rows.
func checkStatements(t *testing.T, s *blackbox.Server, statements []string) []bool {
	full := make([]bool, len(statements))
	for i, q := range statements {
		want := strings.Count(q, ";") + 1
		params := url.Values{"db": {"telegraf"}, "epoch": {"ms"}, "q": {q}}
		get, err := s.Do("GET", "/query?"+params.Encode(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		checkAnswer(t, "GET "+q, get, want)
		form := url.Values{"q": {q}}
		post, err := s.Do("POST", "/query?db=telegraf&epoch=ms",
			http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		checkAnswer(t, "POST "+q, post, want)
		full[i] = strings.Contains(get.Body, `"values"`)
	}
	all := strings.Join(statements, ";")
	form := url.Values{"q": {all}}
	r, err := s.Do("POST", "/query?db=telegraf&epoch=ms",
		http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	checkAnswer(t, "all statements at once", r, strings.Count(all, ";")+1)
	return full
}

// memberOrder is the order in which Grafana's one-pass parser must meet the
// members of a series.
var memberOrder = map[string]int{"name": 0, "tags": 1, "columns": 2, "values": 3, "partial": 4}

func checkAnswer(t *testing.T, what string, r blackbox.Response, statements int) {
	t.Helper()
	if r.Status != http.StatusOK || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		t.Errorf("%s: %d %s %.300s", what, r.Status, r.Header.Get("Content-Type"), r.Body)
		return
	}
	var a struct {
		Results []struct {
			StatementID *int `json:"statement_id"`
			Error       string
			Series      []json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(r.Body), &a); err != nil {
		t.Errorf("%s: %v in %.300s", what, err, r.Body)
		return
	}
	if len(a.Results) != statements {
		t.Errorf("%s: %d results for %d statements", what, len(a.Results), statements)
	}
	for i, result := range a.Results {
		if result.StatementID == nil || *result.StatementID != i {
			t.Errorf("%s: result %d has statement_id %v", what, i, result.StatementID)
		}
		if result.Error != "" {
			t.Errorf("%s: result %d: %s", what, i, result.Error)
		}
		for _, series := range result.Series {
			checkSeries(t, what, series)
		}
	}
}

func checkSeries(t *testing.T, what string, raw json.RawMessage) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	d.Token()
	last := -1
	for d.More() {
		key, _ := d.Token()
		place, known := memberOrder[fmt.Sprint(key)]
		if !known || place <= last {
			t.Errorf("%s: member %v stands in the wrong place: %.200s", what, key, raw)
		}
		last = place
		var member any
		if err := d.Decode(&member); err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
	}
	var s blackbox.Series
	e := json.NewDecoder(strings.NewReader(string(raw)))
	e.UseNumber()
	if err := e.Decode(&s); err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	for _, row := range s.Values {
		if len(row) != len(s.Columns) {
			t.Errorf("%s: a row has %d cells for %d columns", what, len(row), len(s.Columns))
		}
		if s.Columns[0] == "time" {
			n, ok := row[0].(json.Number)
			if _, err := n.Int64(); !ok || err != nil {
				t.Errorf("%s: time %v is not an integer", what, row[0])
			}
		}
	}
}
