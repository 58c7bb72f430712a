package shell

import (
	"bufio"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/mattn/go-runewidth"
)

// columnPrinter shows tables. Their columns are as wide as the widest cell of the first piece; later pieces of the same
// series may widen them.
type columnPrinter struct {
	w      *bufio.Writer
	at     place
	any    bool   // something was shown
	widths []int  // of the columns
	right  []bool // the column is of numbers
	texts  []string
}

func (p *columnPrinter) piece(piece Piece) error {
	for _, m := range piece.Messages {
		p.w.WriteString(strings.ToUpper(visible(m.Level)) + ": " + visible(m.Text) + "\n")
	}
	for i := range piece.Series {
		p.series(piece.StatementID, &piece.Series[i])
	}
	return p.w.Flush()
}

func (p *columnPrinter) series(statement int, s *Series) {
	more := p.at.continues(statement, s)
	if !more {
		p.widths, p.right = make([]int, len(s.Columns)), numeric(s)
	}
	p.measure(s, !more)
	if !more {
		p.head(s)
	}
	width := len(s.Columns)
	for i := 0; width > 0 && i+width <= len(p.texts); i += width {
		p.row(p.texts[i : i+width])
	}
}

// measure turns the rows into texts and finds the widths.
func (p *columnPrinter) measure(s *Series, head bool) {
	p.texts = p.texts[:0]
	for _, row := range s.Values {
		for c := range s.Columns {
			text := ""
			if c < len(row) {
				text = shownText(row[c])
			}
			p.texts = append(p.texts, text)
			p.widths[c] = max(p.widths[c], runewidth.StringWidth(text))
		}
	}
	for c, name := range s.Columns {
		if head {
			p.widths[c] = max(p.widths[c], runewidth.StringWidth(visible(name)))
		}
	}
}

// numeric finds the columns that have numbers and nothing else.
func numeric(s *Series) []bool {
	right := make([]bool, len(s.Columns))
	for c := range s.Columns {
		for _, row := range s.Values {
			if c >= len(row) || row[c] == nil {
				continue
			}
			if _, right[c] = row[c].(json.Number); !right[c] {
				break
			}
		}
	}
	return right
}

func (p *columnPrinter) head(s *Series) {
	if p.any {
		p.w.WriteByte('\n')
	}
	p.any = true
	if s.Name != "" {
		p.w.WriteString("name: " + visible(s.Name) + "\n")
	}
	if len(s.Tags) > 0 {
		p.w.WriteString("tags: " + visible(tagText(s.Tags, ", ")) + "\n")
	}
	names, lines := make([]string, len(s.Columns)), make([]string, len(s.Columns))
	for c, name := range s.Columns {
		names[c] = visible(name)
		lines[c] = strings.Repeat("-", runewidth.StringWidth(names[c]))
	}
	p.row(names)
	p.row(lines)
}

// row writes the cells of one line, without blanks at its end.
func (p *columnPrinter) row(cells []string) {
	gap := 0
	for c, text := range cells {
		space := p.widths[c] - runewidth.StringWidth(text)
		if p.right[c] { // the blanks stand before the text
			gap += space
			space = 0
		}
		if text != "" {
			for ; gap > 0; gap-- {
				p.w.WriteByte(' ')
			}
			p.w.WriteString(text)
		}
		gap += space + 1
	}
	p.w.WriteByte('\n')
}

func (p *columnPrinter) end() error { return p.w.Flush() }

// verticalPrinter shows one line per value, for rows that are wider than a screen.
type verticalPrinter struct {
	w  *bufio.Writer
	at place
}

func (p *verticalPrinter) piece(piece Piece) error {
	for _, m := range piece.Messages {
		p.w.WriteString(strings.ToUpper(visible(m.Level)) + ": " + visible(m.Text) + "\n")
	}
	for i := range piece.Series {
		s := &piece.Series[i]
		p.at.continues(piece.StatementID, s)
		p.series(s)
	}
	return p.w.Flush()
}

func (p *verticalPrinter) series(s *Series) {
	width := 0
	for _, name := range s.Columns {
		width = max(width, runewidth.StringWidth(visible(name)))
	}
	for _, row := range s.Values {
		p.at.rows++
		p.w.WriteString("-- row " + strconv.FormatInt(p.at.rows, 10))
		if s.Name != "" {
			p.w.WriteString(", name: " + visible(s.Name))
		}
		if len(s.Tags) > 0 {
			p.w.WriteString(", tags: " + visible(tagText(s.Tags, ", ")))
		}
		p.w.WriteString("\n")
		for c, name := range s.Columns {
			text := ""
			if c < len(row) {
				text = shownText(row[c])
			}
			name = visible(name)
			line := strings.Repeat(" ", width-runewidth.StringWidth(name)) + name + ": " + text
			p.w.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
}

func (p *verticalPrinter) end() error { return p.w.Flush() }
