package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// command is what a session does itself, or with the server, on a word that is no statement.
type command struct {
	name, arguments string
	about           string
	run             func(s *Session, ctx context.Context, arguments string) error
	secret          bool // not to be remembered as typed
}

// commands in the order of the help. Filled in by init: help reads it.
var commands []command

func init() {
	commands = []command{
		{name: "use", arguments: "<db>[.<policy>]", about: "choose the database, and the retention policy, of what follows", run: (*Session).use},
		{name: "insert", arguments: "[into [<db>.]<policy>] <line>", about: "write a point of line protocol", run: (*Session).insert},
		{name: "import", arguments: "<file> [pps=<n>]", about: "read in an export (# DDL, # DML), packed with gzip or not", run: (*Session).importFile},
		{name: "format", arguments: "column|csv|json|vertical", about: "how answers are shown; \\G behind a statement: vertical, once", run: (*Session).setFormat},
		{name: "precision", arguments: strings.Join(precisions, "|"), about: "form of timestamps in answers and of those in insert", run: (*Session).setPrecision},
		{name: "pretty", arguments: "[on|off]", about: "JSON with line ends and indents", run: toggle("pretty", func(s *Session) *bool { return &s.opt.View.Pretty })},
		{name: "timing", arguments: "[on|off]", about: "tell rows and time of every statement", run: toggle("timing", func(s *Session) *bool { return &s.opt.Timing })},
		{name: "pager", arguments: "[on|off]", about: "show long answers page by page, with $PAGER if it is set", run: toggle("pager", func(s *Session) *bool { return &s.paging })},
		{name: "chunked", arguments: "[on|off]", about: "have answers come in pieces", run: (*Session).chunked},
		{name: "chunk size", arguments: "<rows>", about: "rows of one piece, 0 for the server's choice", run: (*Session).chunkSize},
		{name: "consistency", arguments: "any|one|quorum|all", about: "taken for the sake of old scripts; one server has no choice", run: (*Session).consistency},
		{name: "connect", arguments: "<host>[:<port>]|<url>", about: "speak to another server", run: (*Session).connect},
		{name: "auth", arguments: "[<user> [<password>]]", about: "speak as another user; asks for what is missing", run: (*Session).auth, secret: true},
		{name: "clear", arguments: "database|db|retention policy|rp", about: "choose none", run: (*Session).clear},
		{name: "settings", about: "show what is set", run: (*Session).settings},
		{name: "history", about: "show what was typed", run: (*Session).history},
		{name: "help", arguments: "[<command>]", about: "show this", run: (*Session).help},
		{name: "exit", about: "leave; also quit and Ctrl-D", run: func(*Session, context.Context, string) error { return errExit }},
		{name: "quit", run: func(*Session, context.Context, string) error { return errExit }},
	}
}

// backslash is a short form.
type backslash struct{ name, arguments, stands string }

// backslashes in the order of the help; %s in what they stand for is the rest of the line.
var backslashes = []backslash{
	{"?", "", "help"},
	{"h", "[<command>]", "help %s"},
	{"q", "", "exit"},
	{"c", "<db>[.<policy>]", "use %s"},
	{"l", "", "SHOW DATABASES"},
	{"d", "", "SHOW MEASUREMENTS"},
	{"d", "<measurement>", "SHOW TAG KEYS FROM %s; SHOW FIELD KEYS FROM %s"},
	{"dp", "", "SHOW RETENTION POLICIES"},
	{"du", "", "SHOW USERS"},
	{"dq", "", "SHOW CONTINUOUS QUERIES"},
	{"ps", "", "SHOW QUERIES"},
	{"i", "<file>", "import %s"},
	{"f", "<format>", "format %s"},
	{"p", "<precision>", "precision %s"},
	{"x", "", "format vertical"},
	{"timing", "[on|off]", "timing %s"},
	{"pager", "[on|off]", "pager %s"},
	{"s", "", "settings"},
}

func commandNames() []string {
	names := make([]string, len(commands))
	for i, c := range commands {
		names[i] = c.name
	}
	return names
}

func backslashNames() []string {
	var names []string
	for _, b := range backslashes {
		names = append(names, b.name)
	}
	return names
}

// findCommand returns the command of a word, nil for none.
func findCommand(word string) *command {
	for i := range commands {
		first, _, _ := strings.Cut(commands[i].name, " ")
		if strings.EqualFold(first, word) {
			return &commands[i]
		}
	}
	return nil
}

// command carries out a line that is a command, and reports whether it is one. An error ends the session.
func (s *Session) command(ctx context.Context, line string) (done bool, err error) {
	text := strings.TrimSpace(line)
	if text == "" || strings.HasPrefix(text, "--") {
		return true, nil
	}
	typed := text
	if strings.HasPrefix(text, `\`) {
		if text, err = expand(text[1:]); err != nil {
			s.report(err)
			return true, nil
		}
	}
	word := strings.TrimRight(strings.Fields(text)[0], ";")
	c := findCommand(word)
	if c == nil {
		if text == typed {
			return false, nil
		}
		s.opt.In.Remember(typed)
		s.statement(ctx, text)
		return true, nil
	}
	arguments := strings.TrimSpace(text[len(word):])
	if c.name != "insert" {
		arguments = strings.TrimSpace(strings.TrimRight(arguments, ";"))
	}
	if c.secret {
		typed = c.name
	}
	s.opt.In.Remember(typed)
	err = c.run(s, ctx, arguments)
	if errors.Is(err, errExit) {
		return true, err
	}
	if err != nil {
		s.report(err)
	}
	return true, nil
}

// expand returns what a short form stands for, without its backslash.
func expand(text string) (string, error) {
	name, arguments, _ := strings.Cut(text, " ")
	name, arguments = strings.TrimRight(name, ";"), strings.TrimSpace(strings.TrimRight(arguments, "; "))
	without := ""
	for _, b := range backslashes {
		takes := strings.Contains(b.stands, "%s")
		switch {
		case b.name != name:
		case takes == (arguments != ""):
			return strings.ReplaceAll(b.stands, "%s", arguments), nil
		case takes:
			without = strings.TrimSpace(strings.ReplaceAll(b.stands, "%s", ""))
		}
	}
	if without == "" {
		return "", fmt.Errorf(`\%s is no short form, or takes nothing behind it; \? shows them`, name)
	}
	return without, nil
}

// toggle returns the command that turns something on or off, or over.
func toggle(name string, of func(*Session) *bool) func(*Session, context.Context, string) error {
	return func(s *Session, _ context.Context, arguments string) error {
		p := of(s)
		switch strings.ToLower(arguments) {
		case "":
			*p = !*p
		case "on", "true":
			*p = true
		case "off", "false":
			*p = false
		default:
			return fmt.Errorf("%s takes on or off, not %q", name, arguments)
		}
		if s.opt.Interactive {
			s.say("%s is %s", name, onOff(*p))
		}
		return nil
	}
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func (s *Session) setFormat(_ context.Context, arguments string) error {
	f, err := ParseFormat(arguments)
	if err == nil {
		s.opt.View.Format = f
	}
	return err
}

func (s *Session) setPrecision(_ context.Context, arguments string) error {
	p, err := ParsePrecision(arguments)
	if err == nil {
		s.opt.Precision = p
	}
	return err
}

func (s *Session) chunked(ctx context.Context, arguments string) error {
	on := s.opt.ChunkRows >= 0
	if err := toggle("chunked", func(*Session) *bool { return &on })(s, ctx, arguments); err != nil {
		return err
	}
	if on {
		s.opt.ChunkRows = max(s.opt.ChunkRows, 0)
	} else {
		s.opt.ChunkRows = -1
	}
	return nil
}

func (s *Session) chunkSize(_ context.Context, arguments string) error {
	word, size, _ := strings.Cut(arguments, " ")
	n, err := strconv.Atoi(strings.TrimSpace(size))
	if !strings.EqualFold(word, "size") || err != nil || n < 0 || n > 1e9 {
		return fmt.Errorf("want chunk size and a number of rows, 0 to 1000000000")
	}
	s.opt.ChunkRows = n
	return nil
}

func (s *Session) consistency(_ context.Context, arguments string) error {
	switch strings.ToLower(arguments) {
	case "any", "one", "quorum", "all":
		return nil
	}
	return fmt.Errorf("unknown consistency %q, want any, one, quorum or all", arguments)
}

func (s *Session) clear(_ context.Context, arguments string) error {
	switch strings.ToLower(strings.Join(strings.Fields(arguments), " ")) {
	case "database", "db":
		s.opt.Database, s.opt.Policy = "", ""
	case "retention policy", "rp":
		s.opt.Policy = ""
	default:
		return fmt.Errorf("want clear database, or clear retention policy")
	}
	return nil
}

func (s *Session) settings(context.Context, string) error {
	o := &s.opt
	chunks := "as the server likes"
	if o.ChunkRows > 0 {
		chunks = strconv.Itoa(o.ChunkRows)
	}
	for _, line := range [...][2]string{
		{"Server", s.server().URL()}, {"User", o.Target.who()}, {"Database", o.Database}, {"Retention policy", o.Policy},
		{"Precision", string(o.Precision)}, {"Format", string(o.View.Format)}, {"Pretty", onOff(o.View.Pretty)},
		{"Timing", onOff(o.Timing)}, {"Pager", onOff(s.paging)}, {"Chunked", onOff(o.ChunkRows >= 0)}, {"Chunk size", chunks},
	} {
		s.say("%s", strings.TrimRight(fmt.Sprintf("%-18s%s", line[0], visible(line[1])), " "))
	}
	return nil
}

func (s *Session) history(context.Context, string) error {
	for _, entry := range s.opt.In.History() {
		s.say("%s", entry)
	}
	return nil
}

func (s *Session) help(_ context.Context, arguments string) error {
	if arguments != "" {
		c := findCommand(strings.Fields(arguments)[0])
		if c == nil {
			return fmt.Errorf("there is no command %q", arguments)
		}
		s.say("%s", strings.TrimSpace(c.name+" "+c.arguments)+": "+c.about)
		return nil
	}
	writeHelp(s.opt.Out)
	return nil
}

// writeHelp lists commands and short forms.
func writeHelp(w io.Writer) {
	fmt.Fprintln(w, "Commands:")
	for _, c := range commands {
		if c.about != "" {
			fmt.Fprintf(w, "  %-42s %s\n", strings.TrimSpace(c.name+" "+c.arguments), c.about)
		}
	}
	fmt.Fprintln(w, "Short forms:")
	for _, b := range backslashes {
		stands := strings.ReplaceAll(b.stands, "%s", "…")
		fmt.Fprintf(w, "  %-42s %s\n", strings.TrimSpace(`\`+b.name+" "+b.arguments), stands)
	}
	fmt.Fprintln(w, "Everything else is InfluxQL and goes to the server. A statement goes on in the next line where the language wants more,")
	fmt.Fprintln(w, "within quotes, and behind a backslash; an empty line sends what is there. Ctrl-C ends a statement, not the shell.")
}
