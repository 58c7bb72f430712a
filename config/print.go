package config

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// redacted stands for the value of a secret.
const redacted = "[REDACTED]"

// WriteTo prints the configuration as a file that would make it, with the
// description of every setting and, where it is not the default, its origin.
// Secrets are not printed.
func (l *Loaded) WriteTo(w io.Writer) (int64, error) {
	var out bytes.Buffer
	for i, sec := range sections {
		if i > 0 {
			out.WriteByte('\n')
		}
		fmt.Fprintf(&out, "# %s\n[%s]\n", plain(sec.doc), sec.name)
		for i := range settings {
			s := &settings[i]
			if s.section != sec.name {
				continue
			}
			fmt.Fprintf(&out, "\n  # %s\n", plain(s.doc))
			if origin := l.Origins[s.name()]; origin != "" {
				fmt.Fprintf(&out, "  # From: %s. Default: %s\n", origin, s.defaultText())
			}
			fmt.Fprintf(&out, "  %s = %s\n", s.key, s.text(&l.Config))
		}
	}
	for i := range lists {
		lists[i].print(&out, l)
	}
	return out.WriteTo(w)
}

// print prints the entries of a section, or, as a remark, what one would be.
func (l *list) print(out *bytes.Buffer, loaded *Loaded) {
	fmt.Fprintf(out, "\n# %s\n", plain(l.doc))
	c, mark := &loaded.Config, ""
	n := l.entries(c)
	if n == 0 {
		c, n, mark = new(Config), 1, "# "
		l.grow(c, n)
		for i := range l.settings {
			// TestTable shows that the defaults are legal.
			_ = l.settings[i].of(l, 0).set(c, l.settings[i].def)
		}
	}
	for entry := range n {
		fmt.Fprintf(out, "%s[[%s]]\n", mark, l.name)
		for i := range l.settings {
			s := l.settings[i].of(l, entry)
			fmt.Fprintf(out, "\n  # %s\n", plain(s.doc))
			if origin := loaded.Origins[s.name()]; origin != "" {
				fmt.Fprintf(out, "  # From: %s. Default: %s\n", origin, l.defaultText(i))
			}
			fmt.Fprintf(out, "%s  %s = %s\n", mark, s.key, s.text(c))
		}
	}
}

// defaultText returns the default of a setting as it stands in the file.
func (l *list) defaultText(setting int) string {
	var c Config
	l.grow(&c, 1)
	s := l.settings[setting].of(l, 0)
	if err := s.set(&c, s.def); err != nil {
		return s.def
	}
	return s.text(&c)
}

// plain takes the marks of the documentation out of a description.
func plain(doc string) string { return strings.ReplaceAll(doc, "`", "") }

// text returns the value of the setting as it stands in the file.
func (s *setting) text(c *Config) string {
	v := value(s.field(c))
	if s.secret && v != "" {
		return `"` + redacted + `"`
	}
	return format(v)
}

// defaultText returns the default as it stands in the file.
func (s *setting) defaultText() string {
	var c Config
	if err := s.set(&c, s.def); err != nil {
		return s.def
	}
	return s.text(&c)
}

// Markdown returns the documentation of all settings.
func Markdown() string {
	var out strings.Builder
	out.WriteString(markdownHead)
	for _, sec := range sections {
		fmt.Fprintf(&out, "\n## [%s]\n\n%s\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n", sec.name, sec.doc)
		for i := range settings {
			s := &settings[i]
			if s.section != sec.name {
				continue
			}
			fmt.Fprintf(&out, "| `%s` | %s | `%s` | %s |\n", s.key, typeName(s.field(new(Config))), s.defaultText(), s.doc)
		}
	}
	for i := range lists {
		l := &lists[i]
		var c Config
		l.grow(&c, 1)
		fmt.Fprintf(&out, "\n## [[%s]]\n\n%s\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n", l.name, l.doc)
		for k := range l.settings {
			s := &l.settings[k]
			fmt.Fprintf(&out, "| `%s` | %s | `%s` | %s |\n", s.key, typeName(s.field(&c, 0)), l.defaultText(k), s.doc)
		}
	}
	return out.String()
}

const markdownHead = "# Configuration\n" + `
This page is made from the table in ` + "`config/table.go`" + `; run ` + "`go test ./config -run Documentation -rewrite`" + ` after
changing that.

A setting has one name in four places. The first that is set wins:

| place | form | example |
| --- | --- | --- |
| command line | the flags of ` + "`timberline serve`" + ` | ` + "`--http-addr :8086`, `--data-dir /srv/timberline`" + ` |
| environment | ` + "`TIMBERLINE_<SECTION>_<KEY>`" + `, dashes as underscores | ` + "`TIMBERLINE_HTTP_BIND_ADDRESS=:8086`" + ` |
| file | TOML, named by ` + "`--config`" + ` or ` + "`TIMBERLINE_CONFIG`" + ` | ` + "`[http]` and below it `bind-address = \":8086\"`" + ` |
| default | the tables below | |

An empty variable counts as not set. A key, a section or a variable that is not in the tables is an error, as is a
value that cannot be used; the server then does not start and says which one, and where it stands.
` + "`timberline config`" + ` prints what a server would use and where each value comes from.

Sections in double brackets may stand several times. In the environment their entries have numbers, from 0:
` + "`TIMBERLINE_UDP_0_ENABLED`, `TIMBERLINE_UDP_1_ENABLED`" + `; the first may go without. A list of texts has a line for each
there.

Durations are numbers with units, ` + "`ns`, `us`, `ms`, `s`, `m`, `h`, `d` and `w`" + `: ` + "`10s`, `1h30m`, `7d`" + `. Sizes are bytes, or have
the suffix ` + "`k`, `m` or `g`" + ` for powers of 1024.

Sections and keys have the names of InfluxDB 1.x where that has them. Its other sections and keys are errors here.
`
