package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/timberlinedb/timberline/influxql"
	"github.com/timberlinedb/timberline/internal/clock"
)

// SessionOptions say whom a session speaks to and how it shows what it hears.
type SessionOptions struct {
	Target           Target
	Database, Policy string
	Precision        Precision // zero: RFC3339
	View             View      // zero format: column
	ChunkRows        int       // rows of one piece of an answer; 0: as the server likes; below 0: answers come whole
	Timing           bool      // tell how long statements took

	In       LineReader
	Out, Err io.Writer
	// Interactive: a person reads along. Greets, prompts and pages.
	Interactive bool
	// Interrupts receives a value when the user wants the running statement to end; nil: never.
	Interrupts <-chan struct{}
	// Screen is where answers are paged; the zero value turns paging off.
	Screen Screen
	// OpenFile opens a file to import.
	OpenFile func(name string) (io.ReadCloser, error)
	// Clock tells how long things took; zero: the machine's.
	Clock clock.Clock
}

// EnsureDefaults fills in what is zero.
func (o *SessionOptions) EnsureDefaults() {
	if o.Precision == "" {
		o.Precision = RFC3339
	}
	if o.View.Format == "" {
		o.View.Format = FormatColumn
	}
	if o.Clock == nil {
		o.Clock = clock.System
	}
	o.Target.EnsureDefaults()
}

// Session reads commands and statements and carries them out, one after the other.
type Session struct {
	opt    SessionOptions // what commands change is changed here
	schema *Schema
	words  *Completer
	paging bool
	failed bool // something did not go well

	pending string // lines of a statement that is not whole yet

	mu     sync.Mutex // guards client, which questions for names take in the background
	client *Client
}

// NewSession returns a session; nothing is sent yet.
func NewSession(opt SessionOptions) (*Session, error) {
	opt.EnsureDefaults()
	client, err := NewClient(opt.Target)
	if err != nil {
		return nil, err
	}
	s := &Session{opt: opt, client: client, paging: opt.Interactive && opt.Screen.Size != nil}
	s.schema = newSchema(s.server, opt.Clock)
	s.words = &Completer{schema: s.schema, where: func() (string, string) { return s.opt.Database, s.opt.Policy }}
	return s, nil
}

// Close ends questions in the background and gives up the connections.
func (s *Session) Close() {
	s.schema.Close()
	s.server().Close()
}

func (s *Session) server() *Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client
}

// errExit ends a session.
var errExit = errors.New("exit")

// Run reads and carries out lines until there are no more. In a script, what failed was told when it happened, and the
// session ends with ErrFailed.
func (s *Session) Run(ctx context.Context) error {
	if s.opt.Interactive {
		s.greet(ctx)
	}
	for {
		err := s.step(ctx)
		switch {
		case errors.Is(err, errExit) || errors.Is(err, io.EOF):
			if s.failed && !s.opt.Interactive {
				return ErrFailed
			}
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ErrInterrupted
		}
	}
}

// greet says where the session is.
func (s *Session) greet(ctx context.Context) {
	err := s.interruptible(ctx, func(ctx context.Context) error {
		server, err := s.server().Ping(ctx)
		if err == nil {
			s.say("Connected to %s version %s", s.server().URL(), orUnknown(server.Version))
		}
		return err
	})
	if err != nil {
		s.report(err)
	}
	s.say("Type help for the commands, exit or Ctrl-D to leave. Statements end with the line; Tab completes.")
	if s.opt.Database != "" {
		s.say("Using database %s", s.where())
	}
}

func orUnknown(text string) string {
	if text == "" {
		return "unknown"
	}
	return visible(text)
}

// where returns the database and policy as the user would write them.
func (s *Session) where() string {
	if s.opt.Policy != "" {
		return s.opt.Database + "." + s.opt.Policy
	}
	return s.opt.Database
}

func (s *Session) say(format string, args ...any) { fmt.Fprintf(s.opt.Out, format+"\n", args...) }

// report tells an error.
func (s *Session) report(err error) {
	s.failed = true
	fmt.Fprintln(s.opt.Err, "ERR:", visibleLines(err.Error()))
}

// visibleLines is visible for texts of several lines.
func visibleLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = visible(lines[i])
	}
	return strings.Join(lines, "\n")
}

// step reads a line and carries out what is whole. An error ends the session.
func (s *Session) step(ctx context.Context) error {
	line, err := s.opt.In.ReadLine(s.prompt())
	if errors.Is(err, ErrInterrupted) {
		s.pending = ""
		return nil
	}
	if errors.Is(err, io.EOF) && s.pending != "" {
		s.statement(ctx, s.take())
	}
	if err != nil {
		return err
	}
	if s.pending == "" {
		done, err := s.command(ctx, line)
		if done || err != nil {
			return err
		}
	}
	text, whole := gather(s.pending, line)
	s.pending = text
	if whole && strings.TrimSpace(text) != "" {
		s.statement(ctx, s.take())
	}
	return nil
}

func (s *Session) prompt() string {
	switch {
	case !s.opt.Interactive:
		return ""
	case s.pending != "":
		return "...> "
	case s.opt.Database == "":
		return "> "
	}
	return visible(s.where()) + "> "
}

// take returns the statement and remembers it, without its passwords.
func (s *Session) take() string {
	text := s.pending
	s.pending = ""
	s.opt.In.Remember(influxql.Sanitize(strings.Join(strings.Fields(text), " ")))
	return text
}

// gather adds a line to what stands before it and reports whether the statements are whole. They go on in the next
// line when the line ends with a backslash, within quotes or parentheses, or where the language wants more. An empty
// line ends them in any case, so that the server can say what is wrong.
func gather(before, line string) (text string, whole bool) {
	if before != "" && strings.TrimSpace(line) == "" {
		return before, true
	}
	line = strings.TrimRight(line, " \t")
	if cut, ok := strings.CutSuffix(line, `\`); ok && !strings.HasSuffix(cut, `\`) {
		return before + cut + "\n", false
	}
	text = before + line + "\n"
	return text, !unfinished(text)
}

// unfinished reports whether the parser runs out of text.
func unfinished(text string) bool {
	trimmed := strings.TrimSpace(text)
	if cut, ok := strings.CutSuffix(trimmed, `\G`); ok {
		trimmed = cut
	}
	for _, l := range lexemes(trimmed) {
		if l.open {
			return true
		}
	}
	if trimmed == "" || strings.HasSuffix(trimmed, ";") {
		return false
	}
	_, err := influxql.ParseQuery(trimmed)
	var parse *influxql.ParseError
	return errors.As(err, &parse) && parse.Found == "EOF"
}

// statement asks the server and shows the answer.
func (s *Session) statement(ctx context.Context, text string) {
	view := s.opt.View
	text = strings.TrimSpace(text)
	if cut, ok := strings.CutSuffix(strings.TrimRight(text, "; \n"), `\G`); ok {
		text, view.Format = cut, FormatVertical
	}
	begin := s.opt.Clock.Now()
	sum, err := s.show(ctx, s.question(text), view)
	took := s.opt.Clock.Now().Sub(begin)
	for _, failed := range sum.Failed {
		if view.Format != FormatJSON {
			s.report(failed)
		}
		s.failed = true
	}
	if err != nil {
		s.report(err)
	}
	if s.opt.Timing {
		s.say("(%s, %s)", counted(sum.Rows, "row"), rounded(took))
	}
	if changesNames(text) {
		s.schema.Forget()
	}
}

func (s *Session) question(text string) Question {
	return Question{Statements: text, Database: s.opt.Database, Policy: s.opt.Policy, Precision: s.opt.Precision, ChunkRows: s.opt.ChunkRows}
}

// show asks and shows, on pages if somebody reads along.
func (s *Session) show(ctx context.Context, q Question, v View) (sum Summary, err error) {
	err = s.interruptible(ctx, func(ctx context.Context) error {
		if !s.paging {
			sum, err = Ask(ctx, s.server(), q, v, s.opt.Out)
			return err
		}
		w := newPagedWriter(s.opt.Out, s.opt.Screen, s.opt.In.ReadLine)
		sum, err = Ask(ctx, s.server(), q, v, w)
		if errors.Is(err, errPageEnd) {
			err = nil
		}
		return errors.Join(err, w.Close())
	})
	return sum, err
}

// interruptible runs work with a context that ends with the next interrupt.
func (s *Session) interruptible(ctx context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	select {
	case <-s.opt.Interrupts: // one that came before the work
	default:
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-s.opt.Interrupts:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := work(ctx)
	cancel()
	<-watched
	return err
}

// rounded shortens a duration to what a person reads.
func rounded(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Second:
		return d.Round(100 * time.Millisecond)
	case d > 10*time.Millisecond:
		return d.Round(100 * time.Microsecond)
	}
	return d.Round(time.Microsecond)
}

// changesNames reports whether the text has a statement that may make or remove names.
func changesNames(text string) bool {
	for _, l := range lexemes(text) {
		for _, word := range [...]string{"CREATE", "DROP", "RENAME", "ALTER", "DELETE", "INTO"} {
			if l.is(word) {
				return true
			}
		}
	}
	return false
}

// Complete is the completion of an editor: line with the cursor behind the first pos runes may become head, one of
// words, and tail.
func (s *Session) Complete(line string, pos int) (head string, words []string, tail string) {
	runes := []rune(line)
	pos = min(max(pos, 0), len(runes))
	before, tail := string(runes[:pos]), string(runes[pos:])
	from, words := s.words.Complete(s.pending, before, tail)
	return before[:from], words, tail
}
