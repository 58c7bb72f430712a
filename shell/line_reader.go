package shell

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// LineReader is where a session's lines come from.
type LineReader interface {
	// ReadLine asks for a line and returns it without its end; io.EOF: there is no more; ErrInterrupted: the user gave
	// the line up.
	ReadLine(prompt string) (string, error)
	// ReadPassword asks for a line that is not shown.
	ReadPassword(prompt string) (string, error)
	// Remember adds an entry to the history that the user can go back to.
	Remember(entry string)
	// History returns the entries, the oldest first.
	History() []string
}

// maxLineBytes bounds a line of a script.
const maxLineBytes = 64 << 20

// NewScript returns the reader of a script: no prompts, no history.
func NewScript(r io.Reader) LineReader { return &script{from: bufio.NewReaderSize(r, 64<<10)} }

type script struct{ from *bufio.Reader }

// ReadLine returns the next line.
func (s *script) ReadLine(string) (string, error) {
	var line []byte
	for {
		part, err := s.from.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLineBytes:
			return "", fmt.Errorf("a line of more than %d MiB", maxLineBytes>>20)
		case err == nil || err == io.EOF && len(line) > 0:
			return strings.TrimRight(string(line), "\r\n"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}

// ReadPassword returns the next line.
func (s *script) ReadPassword(string) (string, error) { return s.ReadLine("") }

// Remember does nothing.
func (s *script) Remember(string) {}

// History returns nothing.
func (s *script) History() []string { return nil }
