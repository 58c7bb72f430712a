package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/peterh/liner"
	"golang.org/x/term"

	"github.com/timberlinedb/timberline/shell"
)

// terminal is the shell's LineReader at a real terminal: it edits lines, completes words and keeps the history.
type terminal struct {
	editor *liner.State
	cooked liner.ModeApplier // the terminal as it was before the editor; nil if that is not known
	edit   liner.ModeApplier // the terminal as the editor wants it between two lines
	file   string            // of the history; empty for none
	told   io.Writer         // hears once that the history cannot be kept
	past   []string
}

// maxHistory bounds the entries of the history.
const maxHistory = liner.HistoryLimit

func openTerminal(historyFile string, told io.Writer) *terminal {
	t := &terminal{file: historyFile, told: told}
	t.cooked, _ = liner.TerminalMode() // without it a pager finds the terminal as it is
	t.editor = liner.NewLiner()
	t.edit, _ = liner.TerminalMode()
	t.editor.SetCtrlCAborts(true)
	t.editor.SetMultiLineMode(true)
	t.editor.SetTabCompletionStyle(liner.TabPrints)
	t.load()
	return t
}

// Close gives the terminal back.
func (t *terminal) Close() error { return t.editor.Close() }

// Completer sets what Tab asks.
func (t *terminal) Completer(complete func(line string, pos int) (head string, words []string, tail string)) {
	t.editor.SetWordCompleter(complete)
}

// ReadLine edits a line.
func (t *terminal) ReadLine(prompt string) (string, error) {
	line, err := t.editor.Prompt(prompt)
	if errors.Is(err, liner.ErrInvalidPrompt) {
		line, err = t.editor.Prompt("> ")
	}
	return line, lineError(err)
}

// ReadPassword reads a line that is not shown.
func (t *terminal) ReadPassword(prompt string) (string, error) {
	line, err := t.editor.PasswordPrompt(prompt)
	return line, lineError(err)
}

func lineError(err error) error {
	if errors.Is(err, liner.ErrPromptAborted) {
		return shell.ErrInterrupted
	}
	return err
}

// Remember adds an entry to the history, and to its file at once: also a shell that is killed has kept it.
func (t *terminal) Remember(entry string) {
	if n := len(t.past); entry == "" || n > 0 && t.past[n-1] == entry || strings.ContainsAny(entry, "\r\n") {
		return
	}
	t.add(entry)
	if t.file == "" {
		return
	}
	if err := appendLine(t.file, entry); err != nil {
		fmt.Fprintf(t.told, "the history is not kept: %v\n", err)
		t.file = ""
	}
}

func (t *terminal) add(entry string) {
	t.editor.AppendHistory(entry)
	t.past = append(t.past, entry)
	if len(t.past) > maxHistory {
		t.past = t.past[1:]
	}
}

// History returns the entries, the oldest first.
func (t *terminal) History() []string { return t.past }

// appendLine adds a line to a file that its owner alone can read.
func appendLine(name, line string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600) // #nosec G304 -- the history of the user who runs this
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}

// load reads the history and shortens its file when it has grown well beyond what is kept.
func (t *terminal) load() {
	if t.file == "" {
		return
	}
	entries, total, err := readHistory(t.file)
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			fmt.Fprintf(t.told, "the history cannot be read: %v\n", err)
		}
		return
	}
	for _, entry := range entries {
		t.add(entry)
	}
	if total > 4*maxHistory {
		t.shorten(entries)
	}
}

// readHistory returns the last entries of a file, and how many it has.
func readHistory(name string) (entries []string, total int, err error) {
	f, err := os.Open(name) // #nosec G304 -- the history of the user who runs this
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		total++
		if entries = append(entries, strings.ToValidUTF8(lines.Text(), "?")); len(entries) > maxHistory {
			entries = entries[1:]
		}
	}
	return entries, total, lines.Err()
}

// shorten replaces the file; if that fails, it stays long.
func (t *terminal) shorten(entries []string) {
	short := t.file + ".new"
	if err := os.WriteFile(short, []byte(strings.Join(entries, "\n")+"\n"), 0o600); err == nil {
		_ = os.Rename(short, t.file)
	}
}

// historyFile returns where the history is kept, empty for nowhere.
func (f *shellFlags) historyFile() string {
	if f.history == "-" {
		return ""
	}
	if f.history != "" {
		return f.history
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".timberline_history")
}

// Size returns the columns and lines of the screen, 80 and 0 where they are not known.
func (t *terminal) Size() (columns, lines int) {
	columns, lines, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil || columns < 1 {
		return 80, 0
	}
	return columns, lines
}

// Pager returns how the program of $PAGER is started, nil when there is none.
func (t *terminal) Pager() func(to io.Writer) (io.WriteCloser, error) {
	program := os.Getenv("PAGER")
	if strings.TrimSpace(program) == "" {
		return nil
	}
	return func(to io.Writer) (io.WriteCloser, error) {
		if t.cooked != nil {
			_ = t.cooked.ApplyMode() // a pager that minds sets its own
		}
		// #nosec G204 G702 -- the pager that the user names, run as this user
		cmd := exec.Command("sh", "-c", program) //nolint:noctx // it ends with its reader
		cmd.Stdout, cmd.Stderr = to, os.Stderr
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.back()
			return nil, err
		}
		return &pager{WriteCloser: in, cmd: cmd, back: t.back}, nil
	}
}

// back gives the terminal to the editor again.
func (t *terminal) back() {
	if t.edit != nil {
		_ = t.edit.ApplyMode() // the editor sets its own with the next line, too
	}
}

// pager is a running program that shows text.
type pager struct {
	io.WriteCloser
	cmd  *exec.Cmd
	back func()
}

// Close ends the text and waits until the user has seen enough.
func (p *pager) Close() error {
	defer p.back()
	p.WriteCloser.Close() // a pager that has ended already is no error
	err := p.cmd.Wait()
	var status *exec.ExitError
	if errors.As(err, &status) { // some end so when the user leaves early
		return nil
	}
	return err
}

// oneLineReader returns a line as a script.
func oneLineReader(line string) io.Reader { return strings.NewReader(line + "\n") }

// isScreen reports whether x is a terminal, which /dev/null is not.
func isScreen(x any) bool {
	f, ok := x.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
