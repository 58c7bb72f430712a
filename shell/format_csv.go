package shell

import (
	"bufio"
	"encoding/csv"
	"slices"
)

// csvPrinter writes the form of the influx shell: the name and the tags in columns of their own, a header whenever the
// columns change, a blank line between tables of different columns.
type csvPrinter struct {
	w      *bufio.Writer
	lines  *csv.Writer
	header []string // that was written last
	row    []string
}

func (p *csvPrinter) piece(piece Piece) error {
	if p.lines == nil {
		p.lines = csv.NewWriter(p.w)
	}
	for i := range piece.Series {
		if err := p.series(&piece.Series[i]); err != nil {
			return err
		}
	}
	p.lines.Flush()
	if err := p.lines.Error(); err != nil {
		return err
	}
	return p.w.Flush()
}

func (p *csvPrinter) series(s *Series) error {
	var lead []string
	header := make([]string, 0, len(s.Columns)+2)
	if s.Name != "" {
		header, lead = append(header, "name"), append(lead, s.Name)
	}
	if len(s.Tags) > 0 {
		header, lead = append(header, "tags"), append(lead, tagText(s.Tags, ","))
	}
	header = append(header, s.Columns...)
	if !slices.Equal(header, p.header) {
		if err := p.begin(header); err != nil {
			return err
		}
	}
	for _, row := range s.Values {
		p.row = append(p.row[:0], lead...)
		for _, v := range row {
			p.row = append(p.row, cellText(v))
		}
		if err := p.lines.Write(p.row); err != nil {
			return err
		}
	}
	return nil
}

// begin writes the header of another table.
func (p *csvPrinter) begin(header []string) error {
	if p.header != nil {
		p.lines.Flush()
		p.w.WriteByte('\n') // an error stays with the writer
	}
	p.header = header
	return p.lines.Write(header)
}

func (p *csvPrinter) end() error { return p.w.Flush() }
