package shell

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/mattn/go-runewidth"
)

// Screen is where a session shows answers page by page.
type Screen struct {
	// Size returns the columns and lines of the screen; lines below 2 turn paging off.
	Size func() (columns, lines int)
	// Program starts the user's pager; nil, or an error from it: the session pages itself.
	Program func(to io.Writer) (io.WriteCloser, error)
}

// errPageEnd: the user has seen enough.
var errPageEnd = errors.New("the rest was not wanted")

// pagedWriter shows what is no longer than the screen at once. What is longer goes to the user's pager, or page by page
// with a question between.
type pagedWriter struct {
	to             io.Writer
	screen         Screen
	ask            func(prompt string) (string, error)
	columns, lines int

	held    bytes.Buffer   // not shown yet: whether it fits is not known
	used    int            // lines of the screen that held takes
	pager   io.WriteCloser // runs
	decided bool           // the text is longer than the screen
	ended   bool           // the user has seen enough
}

func newPagedWriter(to io.Writer, s Screen, ask func(string) (string, error)) *pagedWriter {
	p := &pagedWriter{to: to, screen: s, ask: ask}
	p.columns, p.lines = s.Size()
	return p
}

// Write takes text. It fails when the user has seen enough.
func (p *pagedWriter) Write(text []byte) (int, error) {
	all := len(text)
	for len(text) > 0 {
		if p.ended {
			return all - len(text), errPageEnd
		}
		if p.pager != nil {
			if _, err := p.pager.Write(text); err != nil {
				p.ended = true
				return all - len(text), errPageEnd
			}
			return all, nil
		}
		line := text
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			line = text[:i+1]
		}
		if err := p.line(line); err != nil {
			return all - len(text), err
		}
		text = text[len(line):]
	}
	return all, nil
}

// line holds one line, or a part of one, or shows the page when it is full.
func (p *pagedWriter) line(line []byte) error {
	if line[len(line)-1] == '\n' {
		p.used += 1 + max(runewidth.StringWidth(string(line))-1, 0)/max(p.columns, 1)
	}
	p.held.Write(line)
	if p.used < p.lines-1 {
		return nil
	}
	if !p.decided && p.screen.Program != nil {
		if pager, err := p.screen.Program(p.to); err == nil {
			p.decided, p.pager = true, pager
			return p.flush(pager)
		}
	}
	p.decided = true
	if err := p.flush(p.to); err != nil {
		return err
	}
	return p.wait()
}

func (p *pagedWriter) flush(to io.Writer) error {
	_, err := to.Write(p.held.Bytes())
	p.held.Reset()
	p.used = 0
	if err != nil && p.pager != nil {
		p.ended = true
		return errPageEnd
	}
	return err
}

// wait asks whether to go on.
func (p *pagedWriter) wait() error {
	said, err := p.ask("-- Enter: next page, q: enough -- ")
	if err != nil || len(said) > 0 && (said[0] == 'q' || said[0] == 'Q') {
		p.ended = true
		return errPageEnd
	}
	return nil
}

// Close shows the rest and waits for the pager's end.
func (p *pagedWriter) Close() error {
	if p.pager != nil {
		if err := p.pager.Close(); err != nil {
			return fmt.Errorf("pager: %w", err)
		}
		return nil
	}
	if p.ended {
		return nil
	}
	return p.flush(p.to)
}
