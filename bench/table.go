package bench

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// table is text in columns, as Markdown that is readable as it stands.
type table struct {
	head  []string
	right int // columns from here on are aligned right
	rows  [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) print(b *strings.Builder) {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	t.printRow(b, t.head, widths)
	for i, width := range widths {
		mark := "-"
		if i >= t.right {
			mark = ":"
		}
		fmt.Fprintf(b, "| %s%s ", strings.Repeat("-", width-1), mark)
	}
	b.WriteString("|\n")
	for _, row := range t.rows {
		t.printRow(b, row, widths)
	}
}

func (t *table) printRow(b *strings.Builder, row []string, widths []int) {
	for i, cell := range row {
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		if i >= t.right {
			cell = pad + cell
		} else {
			cell += pad
		}
		fmt.Fprintf(b, "| %s ", cell)
	}
	b.WriteString("|\n")
}
