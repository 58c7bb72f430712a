package shell

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// typist is a LineReader that types lines and lets what it types be seen between the answers.
type typist struct {
	lines []string
	shown io.Writer
	past  []string
}

func (t *typist) ReadLine(prompt string) (string, error) {
	if len(t.lines) == 0 {
		return "", io.EOF
	}
	line := t.lines[0]
	t.lines = t.lines[1:]
	if line == "^C" {
		return "", ErrInterrupted
	}
	_, err := io.WriteString(t.shown, prompt+line+"\n")
	return line, err
}

func (t *typist) ReadPassword(prompt string) (string, error) {
	if len(t.lines) == 0 {
		return "", io.EOF
	}
	line := t.lines[0]
	t.lines = t.lines[1:]
	_, err := io.WriteString(t.shown, prompt+"\n")
	return line, err
}

func (t *typist) Remember(entry string) { t.past = append(t.past, entry) }
func (t *typist) History() []string     { return t.past }

// converse runs a session of the lines and returns what a person would see.
func converse(t *testing.T, c *Client, change func(*SessionOptions), lines ...string) (seen string, in *typist, err error) {
	t.Helper()
	var out bytes.Buffer
	in = &typist{lines: lines, shown: &out}
	opt := SessionOptions{Target: Target{URL: c.URL()}, In: in, Out: &out, Err: &out, Interactive: true,
		OpenFile: func(name string) (io.ReadCloser, error) { return os.Open(filepath.Join("testdata", name)) }}
	if change != nil {
		change(&opt)
	}
	s, err := NewSession(opt)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	err = s.Run(t.Context())
	return strings.ReplaceAll(out.String(), c.URL(), "URL"), in, err
}

// TestTranscript types the lines of testdata/session.in and compares the screen with testdata/session.out.
func TestTranscript(t *testing.T) {
	typed, err := os.ReadFile("testdata/session.in")
	if err != nil {
		t.Fatal(err)
	}
	seen, _, err := converse(t, serve(t), nil, strings.Split(strings.TrimSuffix(string(typed), "\n"), "\n")...)
	if err != nil {
		t.Fatal(err)
	}
	if *rewrite {
		if err := os.WriteFile("testdata/session.out", []byte(seen), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/session.out")
	if err != nil {
		t.Fatal(err)
	}
	got, wanted := strings.Split(seen, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(wanted)) {
		if i >= len(got) || i >= len(wanted) || got[i] != wanted[i] {
			t.Fatalf("the screen differs from testdata/session.out at line %d:\n%s", i+1, strings.Join(got[max(i-3, 0):min(i+3, len(got))], "\n"))
		}
	}
}

func TestScriptEndsWithFailed(t *testing.T) {
	c := serve(t)
	quiet := func(o *SessionOptions) { o.Interactive = false }
	if seen, _, err := converse(t, c, quiet, "CREATE DATABASE d", "SHOW DATABASES"); err != nil || strings.Contains(seen, "Connected") {
		t.Errorf("a good script ended with %v:\n%s", err, seen)
	}
	for _, bad := range []string{"SHOW NOTHING", "SELECT nope(v) FROM m", "use nodb", "insert m v=1", "format jpeg", "import none.txt"} {
		seen, _, err := converse(t, c, quiet, bad, "CREATE DATABASE after")
		if !errors.Is(err, ErrFailed) || !strings.Contains(seen, "ERR: ") {
			t.Errorf("%s: the script ended with %v:\n%s", bad, err, seen)
		}
	}
	names, err := column(t.Context(), c, Question{Statements: "SHOW DATABASES"}, "name", 10)
	if err != nil || len(names) != 2 {
		t.Errorf("databases are %v, %v: what follows an error is carried out", names, err)
	}
}

func TestPasswordsStayOutOfTheHistory(t *testing.T) {
	_, in, err := converse(t, serve(t), nil, "CREATE USER u WITH PASSWORD 'secret1'", `SET PASSWORD FOR "u" = 'secret2'`,
		"auth u secret3", "auth", "u", "secret4", "CREATE USER w", "WITH PASSWORD 'secret5'")
	if err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(in.past, "\n"); strings.Contains(all, "secret") || len(in.past) != 5 {
		t.Errorf("the history is\n%s", all)
	}
}

// TestInterruptEndsTheStatement interrupts one that does not end, and asks another one in the same session.
func TestInterruptEndsTheStatement(t *testing.T) {
	arrived, cancelled := make(chan struct{}), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("q") != "SELECT slow FROM m" {
			io.WriteString(w, `{"results":[{"statement_id":0,"series":[{"columns":["name"],"values":[["second"]]}]}]}`)
			return
		}
		io.WriteString(w, `{"results":[{"statement_id":0,"series":[{"columns":["name"],"values":[["first"]],"partial":true}],"partial":true}]}`)
		w.(http.Flusher).Flush()
		close(arrived)
		<-r.Context().Done()
		close(cancelled)
	}))
	defer srv.Close()
	interrupts := make(chan struct{})
	go func() {
		<-arrived
		interrupts <- struct{}{}
	}()
	seen, _, err := converse(t, connect(t, srv.URL), func(o *SessionOptions) { o.Interrupts = interrupts }, "SELECT slow FROM m", "SELECT fast FROM m")
	<-cancelled // the server has seen it
	if err != nil || !strings.Contains(seen, "ERR: interrupted\n> SELECT fast FROM m\nname\n----\nsecond\n") {
		t.Errorf("ended with %v:\n%s", err, seen)
	}
}

func TestContextEndsTheSession(t *testing.T) {
	var out bytes.Buffer
	s, err := NewSession(SessionOptions{Target: Target{URL: "http://127.0.0.1:1"}, In: &typist{lines: []string{"SHOW DATABASES", "SHOW USERS"}, shown: &out}, Out: &out, Err: &out})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); !errors.Is(err, ErrInterrupted) || strings.Contains(out.String(), "USERS") {
		t.Errorf("ended with %v after\n%s", err, out.String())
	}
}

func TestGather(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  string // empty: not whole
	}{
		{[]string{"SHOW DATABASES"}, "SHOW DATABASES"},
		{[]string{"SELECT v"}, ""},
		{[]string{"SELECT v", "FROM m"}, "SELECT v\nFROM m"},
		{[]string{"SELECT v FROM m WHERE (a = 'x'"}, ""},
		{[]string{"SELECT v FROM m WHERE (a = 'x'", ")"}, "SELECT v FROM m WHERE (a = 'x'\n)"},
		{[]string{"SELECT v FROM m WHERE a = 'x"}, ""},
		{[]string{`SELECT v FROM m \`, "LIMIT 1"}, "SELECT v FROM m \nLIMIT 1"},
		{[]string{"SELECT v", ""}, "SELECT v"},
		{[]string{"SELECT v;"}, "SELECT v;"},
		{[]string{"nonsense and more"}, "nonsense and more"},
		{[]string{`SELECT v FROM m \G`}, `SELECT v FROM m \G`},
		{[]string{"SHOW TAG VALUES", "WITH KEY ="}, ""},
	} {
		text, whole := "", false
		for _, line := range c.lines {
			text, whole = gather(text, line)
		}
		if got := strings.TrimSpace(text); whole != (c.want != "") || whole && got != c.want {
			t.Errorf("%q gather to %q, whole %t", c.lines, got, whole)
		}
	}
}

func TestExpand(t *testing.T) {
	for text, want := range map[string]string{
		"?": "help", "q": "exit", "q;": "exit", "d": "SHOW MEASUREMENTS", "d m": "SHOW TAG KEYS FROM m; SHOW FIELD KEYS FROM m",
		"h": "help", "h use": "help use", "timing": "timing", "timing on": "timing on", "c a.b": "use a.b", "zz": "", "l x": "", "": "",
	} {
		if got, err := expand(text); got != want || (err == nil) != (want != "") {
			t.Errorf(`\%s stands for %q, %v, want %q`, text, got, err, want)
		}
	}
}

func TestPages(t *testing.T) {
	three := Screen{Size: func() (int, int) { return 10, 3 }}
	for _, c := range []struct {
		name, text, answers, want string
		err                       bool
	}{
		{"fits", "a\n", "", "a\n", false},
		{"one page after the other", "a\nb\nc\nd\ne\n", "..", "a\nb\n?c\nd\n?e\n", false},
		{"enough", "a\nb\nc\nd\ne\n", "q", "a\nb\n?", true},
		{"a long line takes two", "0123456789ab\nc\nd\n", "..", "0123456789ab\n?c\nd\n?", false},
		{"wide letters", "日本語日本語\nc\n", ".", "日本語日本語\n?c\n", false},
	} {
		var out bytes.Buffer
		answers := c.answers
		p := newPagedWriter(&out, three, func(string) (string, error) {
			out.WriteByte('?')
			if answers == "" {
				return "", io.EOF
			}
			said := strings.TrimSuffix(answers[:1], ".")
			answers = answers[1:]
			return said, nil
		})
		_, err := io.WriteString(p, c.text)
		if closed := p.Close(); closed != nil || (err != nil) != c.err || out.String() != c.want {
			t.Errorf("%s: %q, %v, %v; want %q", c.name, out.String(), err, closed, c.want)
		}
	}
}

// pipe stands for a running pager.
type pipe struct {
	bytes.Buffer
	room   int // bytes until the user leaves
	closed bool
}

func (p *pipe) Write(b []byte) (int, error) {
	if p.Len()+len(b) > p.room {
		return 0, io.ErrClosedPipe
	}
	return p.Buffer.Write(b)
}

func (p *pipe) Close() error { p.closed = true; return nil }

func TestPagerProgram(t *testing.T) {
	for room, wantErr := range map[int]bool{100: false, 6: true} {
		var out bytes.Buffer
		program := &pipe{room: room}
		s := Screen{Size: func() (int, int) { return 80, 3 }, Program: func(io.Writer) (io.WriteCloser, error) { return program, nil }}
		p := newPagedWriter(&out, s, nil)
		_, err := io.WriteString(p, "a\nb\nc\nd\n")
		if closed := p.Close(); closed != nil || (err != nil) != wantErr || !program.closed || out.Len() > 0 {
			t.Errorf("room for %d: %v, %v, %q beside the pager", room, err, closed, out.String())
		}
		if !wantErr && program.String() != "a\nb\nc\nd\n" {
			t.Errorf("the pager got %q", program.String())
		}
	}
	var out bytes.Buffer
	p := newPagedWriter(&out, Screen{Size: func() (int, int) { return 80, 3 }, Program: func(io.Writer) (io.WriteCloser, error) { return nil, io.EOF }},
		func(string) (string, error) { return "", nil })
	if _, err := io.WriteString(p, "a\nb\nc\n"); err != nil || p.Close() != nil || out.String() != "a\nb\nc\n" {
		t.Errorf("without the program: %q, %v", out.String(), err)
	}
}
