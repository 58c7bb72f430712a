package telegraf

import (
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/metric"

	"github.com/timberlinedb/timberline/test/blackbox"
)

// TestGuide loads the files of docs/clients.md as Telegraf does, and writes through what they describe.
func TestGuide(t *testing.T) {
	s, fill := blackbox.ClientsGuide(t)
	for i, text := range blackbox.Snippets(t, "docs/clients.md", "toml") {
		c := config.NewConfig()
		if err := c.LoadConfigData([]byte(fill(text)), config.EmptySourcePath); err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
		if len(c.Outputs) != 1 {
			t.Fatalf("%s\nhas %d outputs", text, len(c.Outputs))
		}
		out := c.Outputs[0]
		if err := out.Init(); err != nil {
			t.Fatal(err)
		}
		if err := out.Connect(); err != nil {
			t.Fatal(err)
		}
		m := metric.New("guide", map[string]string{"n": string(rune('a' + i))}, map[string]any{"f": 1.5}, time.Unix(1700000000, 0))
		if err := out.Output.Write([]telegraf.Metric{m}); err != nil {
			t.Errorf("%s\n%v", text, err)
		}
		out.Close()
	}
	r, err := s.Do("GET", "/query?db=telegraf&q=SELECT+count(f)+FROM+guide+GROUP+BY+n", map[string][]string{"Authorization": {fill("Token MY-TOKEN")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"results":[{"statement_id":0,"series":[{"name":"guide","tags":{"n":"a"},"columns":["time","count"],"values":[["1970-01-01T00:00:00Z",1]]},{"name":"guide","tags":{"n":"b"},"columns":["time","count"],"values":[["1970-01-01T00:00:00Z",1]]}]}]}` + "\n"
	if r.Body != want {
		t.Errorf("got  %s\nwant %s", r.Body, want)
	}
}
