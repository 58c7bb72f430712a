package config

import (
	"flag"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/timberlinedb/timberline/internal/vfs"
)

var rewrite = flag.Bool("rewrite", false, "write the generated documentation")

const documentation = "../docs/configuration.md"

func TestDocumentationIsCurrent(t *testing.T) {
	want := Markdown()
	if *rewrite {
		if err := os.WriteFile(documentation, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the table says; run this test with -rewrite", documentation)
	}
}

// TestTable checks the rows against each other and against Config: each field
// has exactly one row, each default is legal.
func TestTable(t *testing.T) {
	var c Config
	fields := map[any]string{}
	for i := range settings {
		s := &settings[i]
		p := s.field(&c)
		if other, taken := fields[p]; taken {
			t.Errorf("%s and %s fill the same field", s.name(), other)
		}
		fields[p] = s.name()
		if !hasSection(s.section) {
			t.Errorf("%s: the section has no description", s.name())
		}
		if s.doc == "" || strings.Contains(s.doc, "\n") || strings.Contains(s.doc, "|") {
			t.Errorf("%s: description %q is not one line of a table", s.name(), s.doc)
		}
		if err := s.set(new(Config), s.def); err != nil {
			t.Errorf("%s: default: %v", s.name(), err)
		}
	}
	v := reflect.ValueOf(&c).Elem()
	for i := range v.NumField() {
		if v.Field(i).Kind() == reflect.Slice {
			continue // see TestLists
		}
		for j := range v.Field(i).NumField() {
			p := v.Field(i).Field(j).Addr().Interface()
			if fields[p] == "" {
				t.Errorf("field %s.%s has no row", v.Type().Field(i).Name, v.Field(i).Type().Field(j).Name)
			}
		}
	}
}

func load(t *testing.T, file string, flags map[string]string, env ...string) (*Loaded, error) {
	t.Helper()
	src := Sources{FS: vfs.NewMem(), Flag: flags, Env: env}
	if file != "" {
		src.File = "/etc/timberline.toml"
		if err := vfs.MkdirAll(src.FS, "/etc"); err != nil {
			t.Fatal(err)
		}
		f, err := src.FS.Create(src.File)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(file)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return Load(src)
}

func TestPrecedence(t *testing.T) {
	file := "[http]\nbind-address = \":1\"\n"
	flags := map[string]string{"http.bind-address": ":3"}
	env := "TIMBERLINE_HTTP_BIND_ADDRESS=:2"
	for _, c := range []struct {
		name, file string
		flags      map[string]string
		env        []string
		want       string
		origin     string
	}{
		{name: "default", want: "127.0.0.1:8086"},
		{name: "file", file: file, want: ":1", origin: "/etc/timberline.toml:2"},
		{name: "environment over file", file: file, env: []string{env}, want: ":2", origin: "TIMBERLINE_HTTP_BIND_ADDRESS"},
		{name: "empty variable is not set", file: file, env: []string{"TIMBERLINE_HTTP_BIND_ADDRESS="}, want: ":1", origin: "/etc/timberline.toml:2"},
		{name: "flag over all", file: file, env: []string{env}, flags: flags, want: ":3", origin: "command line"},
		{name: "other variables do not matter", env: []string{"HOME=/root", "TIMBERLINE_SEED=1", "odd"}, want: "127.0.0.1:8086"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := load(t, c.file, c.flags, c.env...)
			if err != nil {
				t.Fatal(err)
			}
			if l.HTTP.BindAddress != c.want || l.Origins["http.bind-address"] != c.origin {
				t.Errorf("got %q from %q, want %q from %q", l.HTTP.BindAddress, l.Origins["http.bind-address"], c.want, c.origin)
			}
		})
	}
}

func TestValues(t *testing.T) {
	l, err := load(t, `
[data]
dir = "/srv/t"
memory-limit = "25%"
cache-max-memory-size = 2147483648
cache-snapshot-write-cold-duration = "7d"
max-concurrent-compactions = 3
[coordinator]
write-timeout = "1h30m"
[retention]
enabled = false
[http]
max-body-size = "10m"
log-enabled = true
[logging]
level = "debug"
`, nil, "TIMBERLINE_DATA_WAL_SYNC=interval", "TIMBERLINE_RETENTION_CHECK_INTERVAL=5m", "TIMBERLINE_COORDINATOR_MAX_SELECT_POINT=9")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Data.Dir = "/srv/t"
	want.Data.MemoryLimit = MemoryLimit{Percent: 25}
	want.Data.CacheMaxMemorySize = 2 << 30
	want.Data.CacheSnapshotWriteColdDuration = 7 * 24 * time.Hour
	want.Data.MaxConcurrentCompactions = 3
	want.Data.WALSync = "interval"
	want.Coordinator.WriteTimeout = 90 * time.Minute
	want.Coordinator.MaxSelectPoint = 9
	want.Retention.Enabled = false
	want.Retention.CheckInterval = 5 * time.Minute
	want.HTTP.MaxBodySize = 10 << 20
	want.HTTP.LogEnabled = true
	want.Logging.Level = "debug"
	if !reflect.DeepEqual(l.Config, want) {
		t.Errorf("got  %+v\nwant %+v", l.Config, want)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name, file string
		flags      map[string]string
		env        []string
		want       string
	}{
		{name: "unknown key", file: "[http]\n\nmax-bodysize = 1\n",
			want: "there is no setting http.max-bodysize, did you mean max-body-size? (/etc/timberline.toml:3)"},
		{name: "unknown section", file: "\n[htttp]\na = 1\n", want: "there is no section [htttp], did you mean http? (/etc/timberline.toml:2)"},
		{name: "list of sections", file: "[[meta]]\nenabled = true\n", want: "there is no section [[meta]] (/etc/timberline.toml:1)"},
		{name: "key without section", file: "reporting-disabled = true\n", want: "reporting-disabled is not a setting that can stand outside of a section (/etc/timberline.toml:1)"},
		{name: "section as value", file: "http = 1\n", want: "http is not a section of the form [http] (/etc/timberline.toml:1)"},
		{name: "not TOML", file: "[http]\nbind-address = \n", want: "/etc/timberline.toml:2:"},
		{name: "unknown variable", env: []string{"TIMBERLINE_HTTP_BIND_ADRESS=x"},
			want: "the environment has TIMBERLINE_HTTP_BIND_ADRESS, which is no setting, did you mean TIMBERLINE_HTTP_BIND_ADDRESS?"},
		{name: "unknown flag", flags: map[string]string{"http.nope": "1"}, want: "there is no setting http.nope"},
		{name: "duration", file: "[coordinator]\nwrite-timeout = \"10\"\n",
			want: `coordinator.write-timeout: "10" cannot be used: want a duration such as 500ms, 10s, 168h or 7d (/etc/timberline.toml:2)`},
		{name: "size", env: []string{"TIMBERLINE_HTTP_MAX_BODY_SIZE=25x"},
			want: `http.max-body-size: "25x" cannot be used: want a number of bytes such as 25000000, 25m or 1g (TIMBERLINE_HTTP_MAX_BODY_SIZE)`},
		{name: "size too large", env: []string{"TIMBERLINE_HTTP_MAX_BODY_SIZE=99999999999g"}, want: "more bytes than can be counted"},
		{name: "number", file: "[http]\nmax-row-limit = \"many\"\n", want: `http.max-row-limit: "many" cannot be used: want a whole number (/etc/timberline.toml:2)`},
		{name: "negative", file: "[http]\nmax-row-limit = -1\n", want: `http.max-row-limit: "-1" cannot be used: want 0 or more`},
		{name: "bool", file: "[retention]\nenabled = \"perhaps\"\n", want: `retention.enabled: "perhaps" cannot be used: want true or false`},
		{name: "text", file: "[data]\ndir = 5\n", want: `data.dir: "5" cannot be used: want a text in quotes`},
		{name: "empty", file: "[data]\ndir = \"\"\n", want: `data.dir: "" cannot be used: want a value`},
		{name: "choice", flags: map[string]string{"data.wal-sync": "never"}, want: `data.wal-sync: "never" cannot be used: want durable or interval (command line)`},
		{name: "percentage", file: "[data]\nmemory-limit = \"101%\"\n", want: `data.memory-limit: "101%" cannot be used: want a percentage above 0 and up to 100`},
		{name: "NaN percent", file: "[data]\nmemory-limit = \"NaN%\"\n", want: "want a percentage"},
		{name: "address", file: "[http]\nbind-address = \"8086\"\n", want: `http.bind-address: "8086" cannot be used: want host:port or :port`},
		{name: "version", file: "[http]\nversion = \"1.8-community\"\n", want: `http.version: "1.8-community" cannot be used`},
		{name: "secret", file: "[http]\nshared-secret = \"0123456789012345678901234567890\"\n", want: `http.shared-secret: value cannot be used: it has 31 bytes, want 32 or more (/etc/timberline.toml:2)`},
		{name: "interval", file: "[data]\nwal-sync-interval = \"1h\"\n", want: "want 1ms to 1m"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.file, c.flags, c.env...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestAllErrorsAreNamed(t *testing.T) {
	_, err := load(t, "[http]\nmax-row-limit = -1\n[data]\nwal-sync = \"x\"\n", nil)
	if err == nil || !strings.Contains(err.Error(), "http.max-row-limit") || !strings.Contains(err.Error(), "data.wal-sync") {
		t.Errorf("got error %v, want both settings in it", err)
	}
}

func TestMissingFile(t *testing.T) {
	_, err := Load(Sources{FS: vfs.NewMem(), Env: []string{"TIMBERLINE_CONFIG=/nowhere.toml"}})
	if err == nil || !strings.Contains(err.Error(), "/nowhere.toml") {
		t.Errorf("got error %v, want one that names the file", err)
	}
}

// TestPrint checks that what is printed is a file that makes the same
// configuration.
func TestPrint(t *testing.T) {
	l, err := load(t, "[http]\nmax-body-size = 12345\n[[udp]]\nenabled = true\n[[graphite]]\ntemplates = [\"a.* .measurement\", \"measurement*\"]\n[[udp]]\nbatch-size = 7\n", map[string]string{"data.memory-limit": "3g"}, "TIMBERLINE_COORDINATOR_QUERY_TIMEOUT=90m")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if _, err := l.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	again, err := load(t, out.String(), nil)
	if err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	if !reflect.DeepEqual(again.Config, l.Config) {
		t.Errorf("printed configuration reads as %+v, want %+v", again.Config, l.Config)
	}
	for _, want := range []string{"# From: TIMBERLINE_COORDINATOR_QUERY_TIMEOUT. Default: \"0s\"", "# From: /etc/timberline.toml:2. Default: 25000000", `memory-limit = "3g"`, `query-timeout = "1h30m"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("printed configuration lacks %q", want)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	s := setting{section: "http", key: "secret", secret: true, check: func(any) error { return os.ErrInvalid },
		field: func(c *Config) any { return &c.HTTP.Version }}
	c := Config{HTTP: HTTP{Version: "hunter2"}}
	if got := s.text(&c); strings.Contains(got, "hunter2") {
		t.Errorf("printed as %s", got)
	}
	if err := s.set(&c, "hunter2"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got error %v, want one without the value", err)
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"10s": 10 * time.Second, "168h": 168 * time.Hour, "7d": 168 * time.Hour, "1w": 168 * time.Hour,
		"1w2d3h": (7*24 + 2*24 + 3) * time.Hour, "0": 0, "0s": 0, "1.5h": 90 * time.Minute, "-1s": -time.Second, " 5ms ": 5 * time.Millisecond,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "10", "d", "1dd", "-1d", "1d2w", "99999999999d", "200000d", "106751d24h", "1d-2h", "x"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", text, got)
		}
	}
}

func TestRoundTrips(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		d := time.Duration(r.Int64N(1<<62) >> r.IntN(62))
		if got, err := ParseDuration(FormatDuration(d)); err != nil || got != d {
			t.Fatalf("duration %d is written %s and read as %d, %v", d, FormatDuration(d), got, err)
		}
		s := Size(r.Int64N(1<<62) >> r.IntN(62) << r.IntN(31))
		if s < 0 {
			continue
		}
		if got, err := ParseSize(s.String()); err != nil || got != s {
			t.Fatalf("size %d is written %s and read as %d, %v", int64(s), s, int64(got), err)
		}
	}
}

func TestMemoryLimit(t *testing.T) {
	for text, want := range map[string]MemoryLimit{"50%": {Percent: 50}, "0": {}, " 12.5% ": {Percent: 12.5}, "1k": {Size: 1024}} {
		if m, err := ParseMemoryLimit(text); err != nil || m != want {
			t.Errorf("%q is %+v, %v, want %+v", text, m, err, want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, seed := range []string{"", "[http]\nbind-address=\":1\"", "[[a]]", "a.b.c = 1", "[http]\n\"a.b\"=1", "http.version='1.2'", "[data]\ndir = {a=1}", "[http.x]\ny=1", "= ["} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fs := vfs.NewMem()
		file, err := fs.Create("f")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		l, err := Load(Sources{FS: fs, File: "f"})
		if (l == nil) == (err == nil) {
			t.Errorf("got %v and error %v", l, err)
		}
	})
}

// TestLists checks the tables of sections that may stand several times, as TestTable does the others.
func TestLists(t *testing.T) {
	for i := range lists {
		l := &lists[i]
		if hasSection(l.name) {
			t.Errorf("%s is a section of its own, too", l.name)
		}
		var c Config
		l.grow(&c, 1)
		if n := l.entries(&c); n != 1 {
			t.Errorf("%s: %d entries, want 1", l.name, n)
		}
		fields := map[any]bool{}
		for k := range l.settings {
			s := &l.settings[k]
			p := s.field(&c, 0)
			if fields[p] {
				t.Errorf("%s.%s fills a field that another one fills", l.name, s.key)
			}
			fields[p] = true
			if s.doc == "" || strings.Contains(s.doc, "\n") || strings.Contains(s.doc, "|") {
				t.Errorf("%s.%s: description %q is not one line of a table", l.name, s.key, s.doc)
			}
			if err := s.of(l, 0).set(&c, s.def); err != nil {
				t.Errorf("%s.%s: default: %v", l.name, s.key, err)
			}
		}
	}
}

func TestListEntries(t *testing.T) {
	l, err := load(t, "[[udp]]\nenabled = true\n[[udp]]\ndatabase = \"b\"\n[graphite]\ntags = [\"a=b\"]\n", nil,
		"TIMBERLINE_UDP_DATABASE=a", "TIMBERLINE_UDP_1_PRECISION=s", "TIMBERLINE_COLLECTD_1_ENABLED=true", "TIMBERLINE_GRAPHITE_TEMPLATES=one measurement\ntwo measurement.host")
	if err != nil {
		t.Fatal(err)
	}
	if len(l.UDP) != 2 || !l.UDP[0].Enabled || l.UDP[0].Database != "a" || l.UDP[1].Enabled || l.UDP[1].Database != "b" || l.UDP[1].Precision != "s" {
		t.Errorf("udp: %+v", l.UDP)
	}
	if len(l.Collectd) != 2 || l.Collectd[0].Enabled || !l.Collectd[1].Enabled || l.Collectd[1].BindAddress != ":25826" {
		t.Errorf("collectd: %+v", l.Collectd)
	}
	if len(l.Graphite) != 1 || !reflect.DeepEqual(l.Graphite[0].Templates, []string{"one measurement", "two measurement.host"}) || len(l.Graphite[0].Tags) != 1 {
		t.Errorf("graphite: %+v", l.Graphite)
	}
	for file, want := range map[string]string{
		"[[udp]]\n[[udp]]\nbatch-size = 0\n": "udp[1].batch-size: \"0\" cannot be used: want 1 or more (/etc/timberline.toml:3)",
		"[[udp]]\nbatch-sise = 1\n":          "there is no setting udp.batch-sise, did you mean batch-size? (/etc/timberline.toml:2)",
		"udp = 3\n":                          "udp is not a section of the form [[udp]] (/etc/timberline.toml:1)",
		"[[graphite]]\ntags = [1]\n":         "want a list of texts in quotes",
		"[[http]]\n":                         "http is not a section of the form [http]",
	} {
		if _, err := load(t, file, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %s", file, err, want)
		}
	}
	if _, err := load(t, "", nil, "TIMBERLINE_UDP_0_NOTHING=1"); err == nil {
		t.Error("a variable that means nothing was taken")
	}
}
