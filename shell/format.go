package shell

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Format is how answers are shown.
type Format string

// The formats.
const (
	FormatColumn   Format = "column"   // a table per series
	FormatCSV      Format = "csv"      // as the influx shell writes it
	FormatJSON     Format = "json"     // one document, as the server would send it in one piece
	FormatVertical Format = "vertical" // a line per value
)

var formats = []string{"column", "csv", "json", "vertical"}

// ParseFormat reads the name of a format.
func ParseFormat(text string) (Format, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if slices.Contains(formats, text) {
		return Format(text), nil
	}
	return "", fmt.Errorf("unknown format %q, want one of %s", text, strings.Join(formats, ", "))
}

// printer shows the pieces of one answer, in their order.
type printer interface {
	// piece shows one piece.
	piece(Piece) error
	// end shows what stands behind the last piece. The text is written to its end then.
	end() error
}

// newPrinter returns the printer of a format. Pretty is for JSON alone.
func newPrinter(w io.Writer, f Format, pretty bool) printer {
	b := bufio.NewWriterSize(w, 32<<10)
	switch f {
	case FormatCSV:
		return &csvPrinter{w: b}
	case FormatJSON:
		return &jsonPrinter{w: b, pretty: pretty}
	case FormatVertical:
		return &verticalPrinter{w: b}
	}
	return &columnPrinter{w: b}
}

// cellText returns a value as text; null is empty.
func cellText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// shownText is cellText for a terminal: data cannot move the cursor, change colours or break a table.
func shownText(v any) string { return visible(cellText(v)) }

// visible replaces what is not printable by an escape.
func visible(text string) string {
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if !hidden(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

func hidden(r rune) bool { return !unicode.IsPrint(r) }

// tagText returns tags as k=v, k=v, sorted.
func tagText(tags map[string]string, between string) string {
	parts := make([]string, 0, len(tags))
	for k, v := range tags {
		parts = append(parts, k+"="+v)
	}
	slices.Sort(parts)
	return strings.Join(parts, between)
}

// sameSeries reports whether b's rows belong to the series of a.
func sameSeries(a, b *Series) bool {
	if a.Name != b.Name || len(a.Tags) != len(b.Tags) || !slices.Equal(a.Columns, b.Columns) {
		return false
	}
	for k, v := range a.Tags {
		if w, ok := b.Tags[k]; !ok || v != w {
			return false
		}
	}
	return true
}

// place remembers where in an answer a printer is.
type place struct {
	statement int
	series    Series // without values
	open      bool   // more rows of the series are announced
	rows      int64  // of the series, shown so far
}

// continues reports whether s goes on with the rows shown last, and moves to s. The announcement is not asked for:
// InfluxDB 1.x does not make it everywhere.
func (p *place) continues(statement int, s *Series) bool {
	same := p.open && p.statement == statement && sameSeries(&p.series, s)
	if !same {
		p.rows = 0
	}
	p.statement, p.series, p.open = statement, Series{Name: s.Name, Tags: s.Tags, Columns: s.Columns}, true
	return same
}
