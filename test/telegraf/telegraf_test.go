package telegraf

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"encoding/json"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/plugins/inputs"
	_ "github.com/influxdata/telegraf/plugins/inputs/cpu"
	_ "github.com/influxdata/telegraf/plugins/inputs/disk"
	_ "github.com/influxdata/telegraf/plugins/inputs/diskio"
	_ "github.com/influxdata/telegraf/plugins/inputs/kernel"
	_ "github.com/influxdata/telegraf/plugins/inputs/mem"
	_ "github.com/influxdata/telegraf/plugins/inputs/net"
	_ "github.com/influxdata/telegraf/plugins/inputs/processes"
	_ "github.com/influxdata/telegraf/plugins/inputs/swap"
	_ "github.com/influxdata/telegraf/plugins/inputs/system"
	"github.com/influxdata/telegraf/plugins/outputs/influxdb"
	"github.com/influxdata/telegraf/plugins/outputs/influxdb_v2"
	"github.com/influxdata/telegraf/selfstat"
	"github.com/influxdata/telegraf/testutil"

	"github.com/timberlinedb/timberline/test/blackbox"
)

// pluginNames are the inputs of Telegraf's default configuration.
var pluginNames = []string{"cpu", "mem", "disk", "diskio", "net", "system", "processes", "kernel", "swap"}

// host is the tag that all metrics get.
const host = "telegraf-test"

// gather runs every input several times and returns all of its metrics. Each
// round has its own second, so that rounds do not fall on one timestamp.
func gather(t *testing.T, rounds int) []telegraf.Metric {
	t.Helper()
	plugins := map[string]telegraf.Input{}
	for _, name := range pluginNames {
		create, ok := inputs.Inputs[name]
		if !ok {
			t.Fatalf("no input %q", name)
		}
		in := create()
		if setter, ok := in.(interface{ SetLogger(telegraf.Logger) }); ok {
			setter.SetLogger(testutil.Logger{})
		}
		configure(in)
		if init, ok := in.(telegraf.Initializer); ok {
			if err := init.Init(); err != nil {
				t.Logf("input %s does not start here: %v", name, err)
				continue
			}
		}
		plugins[name] = in
	}
	var all []telegraf.Metric
	last := time.Now().Truncate(time.Second).Add(-time.Duration(rounds) * 10 * time.Second)
	for round := range rounds {
		at := last.Add(time.Duration(round) * 10 * time.Second)
		for _, name := range pluginNames {
			in, ok := plugins[name]
			if !ok {
				continue
			}
			var acc testutil.Accumulator
			if err := in.Gather(&acc); err != nil {
				t.Logf("input %s: %v", name, err)
			}
			for _, m := range acc.GetTelegrafMetrics() {
				m.AddTag("host", host)
				m.SetTime(at)
				all = append(all, m)
			}
		}
		time.Sleep(150 * time.Millisecond) // cpu usage needs time to pass between two readings
	}
	return all
}

// value is one field value that must be found again.
type value struct {
	measurement, field string
	tags               string
	time               int64
	want               any
}

// values flattens metrics to what must be stored, the last write of a field
// winning.
func values(metrics []telegraf.Metric) map[string]value {
	all := map[string]value{}
	for _, m := range metrics {
		var tags []string
		for _, tag := range m.TagList() {
			tags = append(tags, tag.Key+"="+tag.Value)
		}
		sort.Strings(tags)
		for _, f := range m.FieldList() {
			if x, ok := f.Value.(float64); ok && (math.IsNaN(x) || math.IsInf(x, 0)) {
				continue // Telegraf does not send these
			}
			v := value{m.Name(), f.Key, strings.Join(tags, ","), m.Time().UnixNano(), f.Value}
			all[fmt.Sprint(v.measurement, "|", v.tags, "|", v.field, "|", v.time)] = v
		}
	}
	return all
}

// stored reads everything that a database holds.
func stored(t *testing.T, s *blackbox.Server, database string) map[string]any {
	t.Helper()
	found := map[string]any{}
	for _, row := range s.Query(t, database, "SHOW MEASUREMENTS").Rows() {
		m := row[0].(string)
		a := s.Query(t, database, fmt.Sprintf(`SELECT * FROM %q GROUP BY *`, m), "epoch", "ns")
		for _, series := range a.Results[0].Series {
			var tags []string
			for k, v := range series.Tags {
				if v != "" {
					tags = append(tags, k+"="+v)
				}
			}
			sort.Strings(tags)
			for _, row := range series.Values {
				at := row[0].(json.Number).String()
				for i, column := range series.Columns[1:] {
					if row[i+1] != nil {
						found[fmt.Sprint(m, "|", strings.Join(tags, ","), "|", column, "|", at)] = row[i+1]
					}
				}
			}
		}
	}
	return found
}

// same compares a stored value with what a plugin has gathered.
func same(want, got any) bool {
	n, number := got.(json.Number)
	switch w := want.(type) {
	case float64:
		x, err := n.Float64()
		return number && err == nil && x == w
	case int64:
		return number && n.String() == strconv.FormatInt(w, 10)
	case uint64:
		return number && n.String() == strconv.FormatUint(min(w, math.MaxInt64), 10)
	default:
		return want == got
	}
}

func checkAll(t *testing.T, s *blackbox.Server, database string, want map[string]value) {
	t.Helper()
	got := stored(t, s, database)
	bad := 0
	for id, v := range want {
		if g, ok := got[id]; !ok || !same(v.want, g) {
			if bad++; bad <= 10 {
				t.Errorf("%s: %s is %v, want %v", database, id, g, v.want)
			}
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s holds %d values, want %d", database, len(got), len(want))
	}
}

func TestPluginsWriteAndEverythingIsFoundAgain(t *testing.T) {
	dir := t.TempDir()
	s := blackbox.Start(t, dir)
	metrics := gather(t, 6)
	want := values(metrics)
	if len(want) < 100 {
		t.Fatalf("the inputs gave only %d values", len(want))
	}
	writeV1(t, s.URL, "telegraf", metrics)
	s.Query(t, "", `CREATE DATABASE telegraf2`)
	writeV2(t, s.URL, "telegraf2", metrics)
	checkAll(t, s, "telegraf", want)
	checkAll(t, s, "telegraf2", want)

	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s = blackbox.Start(t, dir)
	checkAll(t, s, "telegraf", want)
	checkAll(t, s, "telegraf2", want)
	s.Kill()
	s = blackbox.Start(t, dir)
	checkAll(t, s, "telegraf", want)
	checkDashboards(t, s, want)
	t.Logf("%d values of %d metrics, through two plugins, a stop and a kill", len(want), len(metrics))
}

func writeV1(t *testing.T, url, database string, metrics []telegraf.Metric) {
	t.Helper()
	out := &influxdb.InfluxDB{
		URLs:       []string{url},
		Database:   database,
		Timeout:    config.Duration(10 * time.Second),
		Statistics: selfstat.NewCollector(nil),
		Log:        testutil.Logger{},
		CreateHTTPClientF: func(c *influxdb.HTTPConfig) (influxdb.Client, error) {
			return influxdb.NewHTTPClient(*c)
		},
	}
	if err := out.Init(); err != nil {
		t.Fatal(err)
	}
	if err := out.Connect(); err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := out.Write(metrics); err != nil {
		t.Fatal(err)
	}
}

func writeV2(t *testing.T, url, bucket string, metrics []telegraf.Metric) {
	t.Helper()
	out := &influxdb_v2.InfluxDB{
		URLs:             []string{url},
		Token:            config.NewSecret([]byte("any")),
		Organization:     "any",
		Bucket:           bucket,
		Timeout:          config.Duration(10 * time.Second),
		ConcurrentWrites: 1,
		Log:              testutil.Logger{},
	}
	if err := out.Init(); err != nil {
		t.Fatal(err)
	}
	if err := out.Connect(); err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := out.Write(metrics); err != nil {
		t.Fatal(err)
	}
}
