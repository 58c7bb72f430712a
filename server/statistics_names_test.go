package server

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/config"
)

// TestStatisticsHaveTheNamesOfInfluxDB looks for every statistic and field that an influxd 1.6.7 told of at /debug/vars, with a
// database, a subscription and the listeners, in SHOW STATS, /debug/vars and _internal.
func TestStatisticsHaveTheNamesOfInfluxDB(t *testing.T) {
	names, err := os.ReadFile("testdata/influxd-1.6.7-statistics.txt")
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, t.TempDir(), func(c *config.Config) {
		c.Monitor.StoreInterval = 50 * time.Millisecond
		enableListeners(c)
	})
	ask := func(q string) string {
		_, answer := s.do(http.MethodPost, "/query?db=_internal&q="+url.QueryEscape(q), "", "")
		return answer
	}
	for _, q := range []string{"CREATE DATABASE d", "CREATE SUBSCRIPTION s ON d.autogen DESTINATIONS ALL 'udp://127.0.0.1:9'"} {
		if got := ask(q); strings.Contains(got, "error") {
			t.Fatal(got)
		}
	}
	if status, answer := s.do(http.MethodPost, "/write?db=d", "", "m f=1"); status != http.StatusNoContent {
		t.Fatal(answer)
	}

	_, text := s.do(http.MethodGet, "/debug/vars", "", "")
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		t.Fatal(err)
	}
	told := map[string]map[string]bool{}
	tags := map[string]map[string]string{}
	for _, m := range members {
		var one struct {
			Name   string
			Tags   map[string]string
			Values map[string]any
		}
		if json.Unmarshal(m, &one) != nil || one.Name == "" {
			continue
		}
		if told[one.Name] == nil {
			told[one.Name] = map[string]bool{}
		}
		for field := range one.Values {
			told[one.Name][field] = true
		}
		tags[one.Name] = one.Tags
	}
	stats := ask("SHOW STATS")
	deadline := time.Now().Add(20 * time.Second)
	for line := range strings.SplitSeq(strings.TrimSpace(string(names)), "\n") {
		name, fields, _ := strings.Cut(line, ": ")
		if !strings.Contains(stats, `"name":"`+name+`"`) {
			t.Errorf("SHOW STATS does not tell of %s", name)
		}
		for field := range strings.FieldsSeq(fields) {
			if !told[name][field] {
				t.Errorf("%s has no field %s", name, field)
			}
		}
		for last := strings.Fields(fields)[0]; ; time.Sleep(20 * time.Millisecond) {
			if got := ask(`SHOW FIELD KEYS FROM "` + name + `"`); strings.Contains(got, `["`+last+`","integer"]`) {
				break
			} else if time.Now().After(deadline) {
				t.Errorf("_internal has no %s of %s: %s", last, name, got)
				break
			}
		}
	}
	for name, keys := range map[string][]string{
		"shard": {"database", "engine", "id", "path", "retentionPolicy", "walPath"}, "tsm1_engine": {"path", "walPath"}, "graphite": {"bind", "proto"},
		"tsm1_cache": {"path", "walPath"}, "tsm1_filestore": {"path", "walPath"}, "tsm1_wal": {"engine", "path", "walPath"},
	} {
		for _, key := range keys {
			if tags[name][key] == "" {
				t.Errorf("%s has no tag %s: %v", name, key, tags[name])
			}
		}
	}
}

// enableListeners opens one of each kind on free ports.
func enableListeners(c *config.Config) {
	common := func(database string) config.Listener {
		return config.Listener{Enabled: true, BindAddress: "127.0.0.1:0", Database: database, BatchSize: 1, BatchPending: 1, BatchTimeout: time.Second}
	}
	c.UDP = []config.UDP{{Listener: common("udp"), Precision: "ns"}}
	c.Graphite = []config.Graphite{{Listener: common("graphite"), Protocol: "tcp", Separator: "."}}
	c.OpenTSDB = []config.OpenTSDB{{Listener: common("tsdb")}}
}
