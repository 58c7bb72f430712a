package telegraf

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/test/blackbox"
)

// editorStatements are what Grafana's query editor, variables and health check
// send, with a time filter and interval filled in later.
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
	`SELECT mean("usage_idle") AS "x" FROM "autogen"."cpu" WHERE ("host" =~ /^telegraf-test$/ AND "cpu" = 'cpu-total') AND $timeFilter GROUP BY time($__interval), "host" fill(null) ORDER BY time DESC limit 10 slimit 5 tz('Europe/Berlin')`,
	`SELECT mean("usage_idle") FROM "cpu" WHERE ("host"::tag =~ /^(telegraf-test|other)$/) AND $timeFilter GROUP BY time($__interval), "cpu" fill(none)`,
	`SELECT last("uptime") FROM "system" WHERE $timeFilter GROUP BY time($__interval) fill(previous)`,
	`SELECT non_negative_derivative(mean("bytes_recv"), 1s) FROM "net" WHERE $timeFilter GROUP BY time($__interval), "interface" fill(null)`,
	`SELECT distinct("n_cpus") FROM "system" WHERE $timeFilter`,
	`SELECT "usage_user" FROM "cpu" WHERE "cpu" = 'cpu-total' AND $timeFilter`,
	`SELECT mean("no_such_field") FROM "cpu" WHERE $timeFilter GROUP BY time($__interval)`,
	`SELECT mean("value") FROM "no_such_measurement" WHERE $timeFilter GROUP BY time($__interval)`,
	`SELECT spread("usage_user") FROM "cpu" WHERE $timeFilter GROUP BY time($__interval) fill(0);SELECT max("load1") - min("load1") FROM "system" WHERE $timeFilter GROUP BY time($__interval)`,
}

// fill replaces the variables of a dashboard's statement.
func fill(statement string) string {
	now := time.Now().UnixMilli()
	return strings.NewReplacer(
		"$timeFilter", fmt.Sprintf("time >= %dms and time <= %dms", now-3600_000, now+60_000),
		"$__interval", "10s", "$interval", "10s",
		"$server", "telegraf-test", "$cpu", "cpu0", "$disk", ".*", "$mountpoint", ".*", "$netif", ".*",
	).Replace(statement)
}

// checkDashboards sends statements in the ways that Grafana does and holds the
// answers against what its parser relies on.
func checkDashboards(t *testing.T, s *blackbox.Server) {
	t.Run("Editor", func(t *testing.T) { checkStatements(t, s, editorStatements, 15) })
	t.Run("Dashboard928", func(t *testing.T) {
		dir := os.Getenv("TIMBERLINE_CONFORMANCE")
		if dir == "" {
			t.Skip("no dashboards at hand: TIMBERLINE_CONFORMANCE names no directory")
		}
		checkStatements(t, s, readStatements(t, filepath.Join(dir, "dashboards", "telegraf-system-928.txt")), 40)
	})
}

func readStatements(t *testing.T, path string) []string {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if line := strings.TrimSpace(lines.Text()); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all
}

// checkStatements asks every statement by GET and by form POST, and all of them
// in one request. At least minFull must have rows.
func checkStatements(t *testing.T, s *blackbox.Server, statements []string, minFull int) {
	full := 0
	var filled []string
	for _, statement := range statements {
		q := fill(statement)
		filled = append(filled, q)
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
		if strings.Contains(get.Body, `"values"`) {
			full++
		} else {
			t.Logf("no rows: %s", q)
		}
	}
	if full < minFull {
		t.Errorf("%d of %d statements have rows, want at least %d", full, len(statements), minFull)
	}
	all := strings.Join(filled, ";")
	form := url.Values{"q": {all}}
	r, err := s.Do("POST", "/query?db=telegraf&epoch=ms",
		http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, []byte(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	checkAnswer(t, "all statements at once", r, strings.Count(all, ";")+1)
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
