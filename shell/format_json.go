package shell

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// jsonPrinter writes one document for an answer that comes in pieces: the document that the server would send in one
// piece. Rows of a series that are spread over pieces come together in one array. Nothing but the place is held.
type jsonPrinter struct {
	w      *bufio.Writer
	pretty bool

	at      place
	results int  // written so far; the last one may be open
	series  int  // of the open result
	rows    int  // of the open series
	level   int  // of the open result: 0 closed, 1 open, 2 its series open, 3 rows open
	begun   bool // the document has its head
	text    bytes.Buffer
}

// errRow is a value that JSON has no form for; a decoded answer has none.
var errRow = errors.New("a value has no JSON form")

func (p *jsonPrinter) piece(piece Piece) error {
	p.begin()
	if p.level == 0 || p.at.statement != piece.StatementID {
		p.closeTo(0)
		p.openResult(piece.StatementID)
	}
	if len(piece.Messages) > 0 && p.level == 1 {
		p.w.WriteString(`,"messages":`)
		if err := p.value(piece.Messages); err != nil {
			return err
		}
	}
	for i := range piece.Series {
		if err := p.addSeries(piece.StatementID, &piece.Series[i]); err != nil {
			return err
		}
	}
	if piece.Error != "" {
		p.closeTo(1)
		p.w.WriteString(`,"error":`)
		if err := p.value(piece.Error); err != nil {
			return err
		}
	}
	return p.w.Flush()
}

func (p *jsonPrinter) begin() {
	if !p.begun {
		p.begun = true
		p.w.WriteString(`{"results":[`)
	}
}

func (p *jsonPrinter) openResult(statement int) {
	if p.results > 0 {
		p.w.WriteByte(',')
	}
	p.results++
	p.line(1)
	p.w.WriteString(`{"statement_id":` + strconv.Itoa(statement))
	p.at = place{statement: statement}
	p.level, p.series = 1, 0
}

func (p *jsonPrinter) addSeries(statement int, s *Series) error {
	if p.level == 3 && p.at.continues(statement, s) {
		return p.addRows(s)
	}
	p.at.continues(statement, s)
	if p.level == 1 {
		p.w.WriteString(`,"series":[`)
		p.level = 2
	}
	p.closeTo(2)
	if p.series > 0 {
		p.w.WriteByte(',')
	}
	p.series++
	p.rows = 0
	p.line(2)
	p.w.WriteByte('{')
	if s.Name != "" {
		p.w.WriteString(`"name":`)
		if err := p.value(s.Name); err != nil {
			return err
		}
		p.w.WriteByte(',')
	}
	if len(s.Tags) > 0 {
		p.w.WriteString(`"tags":`)
		if err := p.value(s.Tags); err != nil {
			return err
		}
		p.w.WriteByte(',')
	}
	p.w.WriteString(`"columns":`)
	if err := p.value(s.Columns); err != nil {
		return err
	}
	p.level = 3
	return p.addRows(s)
}

func (p *jsonPrinter) addRows(s *Series) error {
	for _, row := range s.Values {
		if p.rows == 0 {
			p.w.WriteString(`,"values":[`)
		} else {
			p.w.WriteByte(',')
		}
		p.rows++
		p.line(3)
		if err := p.value(row); err != nil {
			return err
		}
	}
	return nil
}

// closeTo closes what is open above a level.
func (p *jsonPrinter) closeTo(level int) {
	if p.level == 3 && level < 3 {
		if p.rows > 0 {
			p.line(2)
			p.w.WriteByte(']')
		}
		p.w.WriteByte('}')
		p.level = 2
	}
	if p.level == 2 && level < 2 {
		p.line(1)
		p.w.WriteByte(']')
		p.level = 1
	}
	if p.level == 1 && level < 1 {
		p.w.WriteByte('}')
		p.level = 0
	}
}

// line begins a new line in pretty documents.
func (p *jsonPrinter) line(depth int) {
	if !p.pretty {
		return
	}
	p.w.WriteByte('\n')
	for range depth {
		p.w.WriteString("    ")
	}
}

// value writes v in one line.
func (p *jsonPrinter) value(v any) error {
	p.text.Reset()
	e := json.NewEncoder(&p.text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return errors.Join(errRow, err)
	}
	p.w.Write(bytes.TrimRight(p.text.Bytes(), "\n")) // an error stays with the writer
	return nil
}

func (p *jsonPrinter) end() error {
	p.begin()
	p.closeTo(0)
	p.line(0)
	p.w.WriteString("]}\n")
	return p.w.Flush()
}
