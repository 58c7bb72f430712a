package dashboards

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/test/blackbox"
	"github.com/timberlinedb/timberline/test/original"
)

var rewrite = flag.Bool("rewrite", false, "write what an installed InfluxDB 1.x answers behind the statements")

var client = &http.Client{Timeout: time.Minute}

// variables are those of the points of metrics.txt.
func variables() Variables {
	last := First + (Rounds-1)*StepSeconds*1e9
	return Variables{
		Database: "telegraf", Policy: "autogen", Host: "alpha", CPU: "cpu0", Disk: ".*", Mount: ".*", Net: ".*",
		Range: fmt.Sprintf("time >= %dms and time <= %dms", First/1e6, last/1e6),
		Step:  fmt.Sprintf("%ds", StepSeconds),
	}
}

// TestDashboards asks each statement and holds the answer against what stands behind it and, where an InfluxDB 1.x is
// installed, against its answer.
func TestDashboards(t *testing.T) {
	points, err := Points()
	if err != nil {
		t.Fatal(err)
	}
	ours := blackbox.Start(t, t.TempDir()).URL
	load(t, ours, points)
	theirs := ""
	if original.Installed() {
		theirs = original.Start(t)
		load(t, theirs, points)
	} else if *rewrite {
		t.Fatal("no InfluxDB 1.x is installed: nothing to fill the files in from")
	}
	for _, name := range Names {
		t.Run(strings.TrimSuffix(name, ".txt"), func(t *testing.T) {
			statements, err := Statements(name)
			if err != nil {
				t.Fatal(err)
			}
			if *rewrite {
				fillIn(t, name, theirs)
				return
			}
			full := 0
			for _, s := range statements {
				text := variables().Fill(s.Text)
				answer := ask(t, ours, text)
				if got := parts(t, answer); !slices.Equal(got, s.Answer) {
					t.Errorf("%s\n got %s\nwant %s", text, strings.Join(got, "\n     "), strings.Join(s.Answer, "\n     "))
				}
				if theirs != "" {
					if want := ask(t, theirs, text); answer != want {
						t.Errorf("%s\n   ours %s\n theirs %s", text, answer, want)
					}
				}
				if !slices.Equal(s.Answer, []string{"nothing"}) {
					full++
				}
			}
			t.Logf("%d statements, %d of them with rows", len(statements), full)
		})
	}
}

func load(t *testing.T, server, points string) {
	t.Helper()
	for path, body := range map[string]string{"/query?q=" + url.QueryEscape("CREATE DATABASE telegraf"): ""} {
		send(t, server+path, body, http.StatusOK)
	}
	send(t, server+"/write?db=telegraf", points, http.StatusNoContent)
}

func send(t *testing.T, target, body string, want int) {
	t.Helper()
	resp, err := client.Post(target, "text/plain", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != want {
		t.Fatalf("POST %s: %s %s %v", target, resp.Status, text, err)
	}
}

// ask sends a statement as Grafana does.
func ask(t *testing.T, server, text string) string {
	t.Helper()
	resp, err := client.Get(server + "/query?" + url.Values{"db": {"telegraf"}, "epoch": {"ms"}, "q": {text}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%s: %s %s %v", text, resp.Status, body, err)
	}
	return string(body)
}

// parts describes an answer: each series by its name, its tags, the number of its rows and of its values that are not null
// (without the time), and its columns; or nothing.
func parts(t *testing.T, body string) []string {
	t.Helper()
	var a blackbox.Answer
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	var all []string
	for _, result := range a.Results {
		if result.Error != "" {
			all = append(all, "error "+result.Error)
		}
		for _, s := range result.Series {
			all = append(all, part(s))
		}
	}
	if a.Error != "" {
		all = append(all, "error "+a.Error)
	}
	if all == nil {
		return []string{"nothing"}
	}
	return all
}

func part(s blackbox.Series) string {
	var tags []string
	for k, v := range s.Tags {
		tags = append(tags, k+"="+v)
	}
	sort.Strings(tags)
	held := 0
	for _, row := range s.Values {
		for i, v := range row {
			if v != nil && s.Columns[i] != "time" {
				held++
			}
		}
	}
	return fmt.Sprintf("%s{%s} %d rows, %d values: %s", s.Name, strings.Join(tags, ","), len(s.Values), held, strings.Join(s.Columns, ", "))
}

// fillIn writes the answers of a server behind the statements of a file.
func fillIn(t *testing.T, name, server string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, line := range strings.SplitAfter(string(data), "\n") {
		if strings.HasPrefix(line, "get ") {
			continue
		}
		b.WriteString(line)
		if text, ok := strings.CutPrefix(line, "ask "); ok {
			for _, p := range parts(t, ask(t, server, variables().Fill(strings.TrimSpace(text)))) {
				b.WriteString("get " + p + "\n")
			}
		}
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
