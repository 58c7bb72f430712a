package listen

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"collectd.org/api"
	"collectd.org/network"
	"github.com/klauspost/compress/gzip"

	"github.com/timberlinedb/timberline/internal/vfs"
	"github.com/timberlinedb/timberline/lineproto"
)

func testLog(*testing.T) *slog.Logger { return slog.New(slog.DiscardHandler) }

func send(t *testing.T, network, address string, parts ...string) {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, p := range parts {
		if _, err := conn.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
	}
}

func closeAfter(t *testing.T, l *Listener, err error) *Listener {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error("second close:", err)
		}
	})
	return l
}

func TestUDP(t *testing.T) {
	door := newFakeDoor()
	opt := testOptions(door)
	opt.Batching.Precision = lineproto.Second
	l, err := UDP(t.Context(), opt)
	closeAfter(t, l, err)
	send(t, "udp", l.Address(), "cpu,host=a v=1 1700000000\ncpu,host=b v=2i,s=\"two\nlines\" 1700000001\n",
		"no fields here\ncpu v=\"open\n", "# comment\n\ncpu,host=c v=true 1700000002")
	equalLines(t, door.wait(t, 4),
		"cpu,host=a v=1 1700000000000000000", `cpu,host=b v=2i,s="two`, `lines" 1700000001000000000`, "cpu,host=c v=true 1700000002000000000")
	eventually(t, "counted", func() bool { m := l.Metrics(); return m.Points == 3 && m.Sent == 3 && m.Refused == 2 })
	if m := l.Metrics(); !strings.Contains(m.Example, "unable to parse") || m.Bytes == 0 {
		t.Errorf("metrics: %+v", m)
	}
}

// TestUDPKeepsPointsApart shows that two datagrams without timestamps are two points.
func TestUDPKeepsPointsApart(t *testing.T) {
	door := newFakeDoor()
	l, err := UDP(t.Context(), testOptions(door))
	closeAfter(t, l, err)
	conn, err := net.Dial("udp", l.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for i := range 2 {
		fmt.Fprint(conn, "m v=1\n")
		eventually(t, "it came", func() bool { return l.Metrics().Points == int64(i)+1 })
		time.Sleep(time.Microsecond)
	}
	if lines := door.wait(t, 2); lines[0] == lines[1] {
		t.Errorf("both are %q", lines[0])
	}
}

func TestGraphite(t *testing.T) {
	for _, protocol := range []string{"tcp", "udp"} {
		t.Run(protocol, func(t *testing.T) {
			door := newFakeDoor()
			l, err := Graphite(t.Context(), GraphiteOptions{Options: testOptions(door), Protocol: protocol,
				Templates: []string{"servers.* .host.measurement.field*"}, Tags: []string{"region=eu"}})
			closeAfter(t, l, err)
			send(t, protocol, l.Address(), "servers.a.cpu.load.1m 0.5 1700000000\nplain 3 1700000000.25\n"+
				"tagged;rack=r1;region=us 4 1700000001\nbad\nworse x 1\nnan NaN 1\ninf 1e999 1\nlate 1 1e300\n")
			equalLines(t, door.wait(t, 3),
				"cpu,host=a,region=eu load.1m=0.5 1700000000000000000",
				"plain,region=eu value=3 1700000000250000000",
				"tagged,rack=r1,region=us value=4 1700000001000000000")
			eventually(t, "counted", func() bool {
				m := l.Metrics()
				return m.Sent == 3 && m.Refused == 3 && m.NotNumbers == 2
			})
		})
	}
}

func TestTemplates(t *testing.T) {
	cases := []struct {
		templates       []string
		path            string
		want            string
		separator, tags string
	}{
		{nil, "a.b.c", "a.b.c value", "", ""},
		{[]string{"measurement.measurement.field.host"}, "a.b.c.d", "a.b,host=d c", "", ""},
		{[]string{"measurement.measurement.host"}, "a.b.c", "a_b,host=c value", "_", ""},
		{[]string{"host.host.measurement*"}, "x.y.m.n", "m.n,host=x.y value", "", ""},
		{[]string{"measurement.measurement*"}, "a.b.c", "a.b.c value", "", ""},
		{[]string{".host..measurement"}, "x.y.z.m", "m,host=y value", "", ""},
		{[]string{"measurement.host.zone"}, "m.h", "m,host=h value", "", ""},
		{[]string{"a.b.measurement"}, "x.y", "x.y,a=x,b=y value", "", ""},
		{[]string{"a.* .host.measurement", "a.b .zone.measurement", "measurement*"}, "a.b.c", "c,zone=b value", "", ""},
		{[]string{"a.* .host.measurement", "a.*.c ..x.measurement", "measurement*"}, "a.q.c.d", "d,x=c value", "", ""},
		{[]string{"a.* .host.measurement", "measurement*"}, "z.b", "z.b value", "", ""},
		{[]string{"measurement env=prod,dc=one"}, "m", "m,dc=one,env=prod,region=eu value", "", "region=eu,env=x"},
	}
	for _, c := range cases {
		ts, err := newTemplates(c.templates, strings.Split(c.tags, ","), c.separator)
		if err != nil {
			t.Errorf("%q: %v", c.templates, err)
			continue
		}
		p := ts.apply(c.path)
		p.tags.Sort()
		got := p.measurement
		for _, tag := range p.tags {
			got += fmt.Sprintf(",%s=%s", tag.Key, tag.Value)
		}
		field := p.field
		if field == "" {
			field = "value"
		}
		if got += " " + field; got != c.want {
			t.Errorf("%q of %q: got %q, want %q", c.templates, c.path, got, c.want)
		}
	}
	for _, bad := range [][]string{{""}, {"a b c d"}, {"host.zone"}, {"measurement x=1,=2"},
		{"measurement", "measurement.host"}, {"a.b measurement", "a.b host.measurement"}, {"measurement.ho*"}} {
		if _, err := newTemplates(bad, nil, ""); err == nil {
			t.Errorf("templates %q were taken", bad)
		}
	}
}

func TestOpenTSDB(t *testing.T) {
	door := newFakeDoor()
	l, err := OpenTSDB(t.Context(), OpenTSDBOptions{Options: testOptions(door)})
	closeAfter(t, l, err)
	conn, err := net.Dial("tcp", l.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "version\n")
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	if err != nil || string(answer[:n]) != "InfluxDB TSDB proxy\n" {
		t.Fatalf("version: %q, %v", answer[:n], err)
	}
	fmt.Fprint(conn, "put sys.load 1700000000 0.5 host=a cpu=0\nput sys.load 1700000000123 1\nput few 1\nput m 17 1 host\nput m x 1\nput m 1700000000 x\nput m 12345678901 1\nhello\nput m 1700000000 NaN\n")
	post := func(body string, zip bool) (int, string) {
		var b bytes.Buffer
		header := http.Header{}
		if zip {
			z := gzip.NewWriter(&b)
			z.Write([]byte(body))
			z.Close()
			header.Set("Content-Encoding", "gzip")
		} else {
			b.WriteString(body)
		}
		req, _ := http.NewRequest(http.MethodPost, "http://"+l.Address()+"/api/put?details", &b)
		req.Header = header
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(text)
	}
	if code, text := post(`{"metric":"m","timestamp":1700000001,"value":2,"tags":{"a":"b c"}}`, false); code != 204 {
		t.Errorf("one point: %d %s", code, text)
	}
	if code, text := post(`[{"metric":"m","timestamp":1700000002,"value":"3.5"},{"metric":"m","timestamp":1700000003000,"value":4}]`, true); code != 204 {
		t.Errorf("list: %d %s", code, text)
	}
	for _, bad := range []string{``, `7`, `{"metric":"m"}`, `{"timestamp":1700000001,"value":2}`, `[{"metric":"m","timestamp":1700000001,"value":"x"}]`, `{`} {
		if code, _ := post(bad, false); code != 400 {
			t.Errorf("%s: %d, want 400", bad, code)
		}
	}
	equalLines(t, door.wait(t, 5),
		"sys.load,cpu=0,host=a value=0.5 1700000000000000000", "sys.load value=1 1700000000123000000",
		`m,a=b\ c value=2 1700000001000000000`, "m value=3.5 1700000002000000000", "m value=4 1700000003000000000")
	eventually(t, "counted", func() bool {
		m := l.Metrics()
		return m.Sent == 5 && m.NotNumbers == 1 && m.BadTimes == 3 && m.BadTags == 1 && m.BadValues == 1 && m.BadLines >= 3
	})
}

func TestCollectd(t *testing.T) {
	fs := vfs.NewMem()
	if err := vfs.WriteFile(fs, "/types.db", func(w io.Writer) error {
		_, err := io.WriteString(w, "cpu value:DERIVE:0:U\nload shortterm:GAUGE:0:100, midterm:GAUGE:0:100\n")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	buffer := network.NewBuffer(0)
	at := time.Unix(1_700_000_000, 0)
	list := func(plugin, instance, typ, typeInstance string, values ...api.Value) {
		err := buffer.Write(context.Background(), &api.ValueList{
			Identifier: api.Identifier{Host: "h", Plugin: plugin, PluginInstance: instance, Type: typ, TypeInstance: typeInstance},
			Time:       at, Interval: 10 * time.Second, Values: values,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	list("cpu", "0", "cpu", "idle", api.Derive(42))
	list("load", "", "load", "", api.Gauge(0.5), api.Gauge(1.5))
	list("other", "", "unknown", "", api.Gauge(1))
	list("load", "", "load", "few", api.Gauge(1))
	packet := make([]byte, 2000)
	n, err := buffer.Read(packet)
	if err != nil {
		t.Fatal(err)
	}
	for _, join := range []bool{false, true} {
		door := newFakeDoor()
		l, err := Collectd(t.Context(), CollectdOptions{Options: testOptions(door), FS: fs, TypesDB: "/types.db", Join: join})
		closeAfter(t, l, err)
		send(t, "udp", l.Address(), string(packet[:n]), "garbage", "")
		if join {
			equalLines(t, door.wait(t, 2), "cpu,host=h,instance=0,type=cpu,type_instance=idle value=42 1700000000000000000",
				"load,host=h,type=load shortterm=0.5,midterm=1.5 1700000000000000000")
		} else {
			equalLines(t, door.wait(t, 3), "cpu_value,host=h,instance=0,type=cpu,type_instance=idle value=42 1700000000000000000",
				"load_shortterm,host=h,type=load value=0.5 1700000000000000000", "load_midterm,host=h,type=load value=1.5 1700000000000000000")
		}
		eventually(t, "counted", func() bool { return l.Metrics().Refused == 3 })
	}
	if _, err := Collectd(t.Context(), CollectdOptions{Options: testOptions(newFakeDoor()), FS: fs, TypesDB: "/none"}); err == nil {
		t.Error("a types database that is not there was taken")
	}
}

// TestConnections shows the bounds of connections: how many, how long a line, how long silent.
func TestConnections(t *testing.T) {
	door := newFakeDoor()
	opt := GraphiteOptions{Options: testOptions(door)}
	opt.MaxConnections, opt.IdleTimeout = 1, 50*time.Millisecond
	l, err := Graphite(t.Context(), opt)
	closeAfter(t, l, err)
	first, err := net.Dial("tcp", l.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	eventually(t, "the first is there", func() bool { return l.Metrics().ConnectionsActive == 1 })
	second, err := net.Dial("tcp", l.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if _, err := second.Read(make([]byte, 1)); err == nil {
		t.Error("the second connection was kept")
	}
	eventually(t, "the idle one is closed", func() bool { return l.Metrics().ConnectionsActive == 0 })
	long, err := net.Dial("tcp", l.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer long.Close()
	long.Write(bytes.Repeat([]byte("x"), maxLine+10))
	eventually(t, "the long line is refused", func() bool { return l.Metrics().ReadErrors == 1 })
	if m := l.Metrics(); m.ConnectionsRefused != 1 || m.Connections != 2 {
		t.Errorf("counted %+v", m)
	}
}

func FuzzPackets(f *testing.F) {
	f.Add([]byte("put m 1 2 a=b\n"))
	f.Add([]byte{0, 0, 0, 6, 'h', 0, 0, 2, 0, 6, 'p', 0})
	types, err := loadTypes(mustTypes(f), "/types.db")
	if err != nil {
		f.Fatal(err)
	}
	door := newFakeDoor()
	quiet := func() *Listener {
		opt := testOptions(door)
		opt.EnsureDefaults()
		l := &Listener{opt: opt}
		l.counters.clock = opt.Clock
		l.batcher = &batcher{opt: opt.Batching, clock: opt.Clock, counters: &l.counters}
		l.batcher.opt.Size = 1 << 30
		return l
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l := quiet()
		(&collectd{listener: l, types: types}).take(data, netip.Addr{})
		(&udp{listener: l}).take(data, netip.Addr{})
		g := &graphite{listener: l, templates: &templates{separator: ".", fallback: &template{pattern: []string{"host", "measurement*"}}}}
		g.takeDatagram(data, netip.Addr{})
		o := &openTSDB{listener: l}
		o.put(string(data), netip.Addr{}, strings.Fields(string(data)))
		if points, err := decodePoints(data); err == nil {
			for i := range points {
				o.takeJSON(netip.Addr{}, &points[i])
			}
		}
		l.batcher.open = batch{}
	})
}

func mustTypes(f *testing.F) vfs.FS {
	fs := vfs.NewMem()
	if err := vfs.WriteFile(fs, "/types.db", func(w io.Writer) error { _, err := io.WriteString(w, "load shortterm:GAUGE:0:100\n"); return err }); err != nil {
		f.Fatal(err)
	}
	return fs
}
