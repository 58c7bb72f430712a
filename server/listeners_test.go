package server

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/config"
)

// TestListeners writes over every protocol that is not HTTP and reads it back.
func TestListeners(t *testing.T) {
	types := t.TempDir() + "/types.db"
	if err := os.WriteFile(types, []byte("load value:GAUGE:0:100\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	common := func(database, policy string) config.Listener {
		return config.Listener{Enabled: true, BindAddress: "127.0.0.1:0", Database: database, RetentionPolicy: policy,
			BatchSize: 10, BatchPending: 2, BatchTimeout: 5 * time.Millisecond}
	}
	r := serve(t, t.TempDir(), func(c *config.Config) {
		c.UDP = []config.UDP{{Listener: common("udp", ""), Precision: "s"}, {Listener: config.Listener{BindAddress: "wrong"}}}
		c.Graphite = []config.Graphite{{Listener: common("graphite", "long"), Protocol: "tcp", Separator: "."}}
		c.OpenTSDB = []config.OpenTSDB{{Listener: common("tsdb", "")}}
		c.Collectd = []config.Collectd{{Listener: common("collectd", ""), TypesDB: types, SecurityLevel: "none"}}
	})
	// collectd's network protocol: host, plugin, type, one gauge of 1.5.
	packet := "\x00\x00\x00\x06h\x00\x00\x02\x00\x09load\x00\x00\x04\x00\x09load\x00\x00\x06\x00\x0f\x00\x01\x01\x00\x00\x00\x00\x00\x00\xf8\x3f"
	for _, send := range []struct{ protocol, network, text string }{
		{"udp", "udp", "m,host=a v=1i 1700000000\n"},
		{"graphite", "tcp", "a.b 2 1700000000\n"},
		{"opentsdb", "tcp", "put sys 1700000000 3 host=a\n"},
		{"collectd", "udp", packet},
	} {
		conn, err := net.Dial(send.network, r.listenerAddress(t, send.protocol))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, send.text)
		conn.Close()
	}
	for _, ask := range []struct{ database, query, want string }{
		{"udp", "SELECT * FROM m", `["2023-11-14T22:13:20Z","a",1]`},
		{"graphite", `SELECT * FROM long."a.b"`, `["2023-11-14T22:13:20Z",2]`},
		{"tsdb", "SELECT * FROM sys", `["2023-11-14T22:13:20Z","a",3]`},
		{"collectd", "SELECT host, type, value FROM load_value", `"h","load",1.5]`},
	} {
		var answer string
		for begin := time.Now(); time.Since(begin) < 10*time.Second; time.Sleep(5 * time.Millisecond) {
			_, answer = r.do("GET", "/query?"+url.Values{"db": {ask.database}, "q": {ask.query}}.Encode(), "", "")
			if strings.Contains(answer, ask.want) {
				break
			}
		}
		if !strings.Contains(answer, ask.want) {
			t.Errorf("%s: got %s, want %s", ask.query, answer, ask.want)
		}
	}
	_, metrics := r.do("GET", "/metrics", "", "")
	if want := `listener_points_stored_total{protocol="udp"`; !strings.Contains(metrics, want) {
		t.Errorf("/metrics lacks %s", want)
	}
	_, vars := r.do("GET", "/debug/vars", "", "")
	for _, name := range []string{`"udp:`, `"graphite:`, `"opentsdb:`, `"collectd:`} {
		if !strings.Contains(vars, name) {
			t.Errorf("/debug/vars lacks %s…", name)
		}
	}
}

func (r *running) listenerAddress(t *testing.T, protocol string) string {
	for _, l := range r.currentListeners() {
		if m := l.Metrics(); m.Protocol == protocol {
			return m.Address
		}
	}
	t.Fatalf("no listener for %s", protocol)
	return ""
}
