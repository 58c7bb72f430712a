package influxql

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// redacted stands in printed statements and sanitized texts where a password was.
const redacted = "[REDACTED]"

// printer collects the text of a node. Its methods print the parts that several statements share, each with the blank
// before it, and nothing for a part that is absent.
type printer struct {
	strings.Builder
}

// nodeText is the String method of every node.
func nodeText(n Node) string {
	var w printer
	n.print(&w)
	return w.String()
}

func (w *printer) text(parts ...string) {
	for _, part := range parts {
		w.WriteString(part)
	}
}

func (w *printer) ident(before string, segments ...string) {
	w.text(before, QuoteIdent(segments...))
}

func (w *printer) on(database string) {
	if database != "" {
		w.ident(" ON ", database)
	}
}

func (w *printer) from(sources Sources) {
	if len(sources) > 0 {
		w.text(" FROM ")
		sources.print(w)
	}
}

func (w *printer) withKey(op Token, key Literal) {
	w.text(" WITH KEY ", op.String(), " ")
	switch key := key.(type) {
	case nil:
	case *StringLiteral:
		w.ident("", key.Value)
	default:
		key.print(w)
	}
}

func (w *printer) where(condition Expr) {
	if condition != nil {
		w.text(" WHERE ")
		condition.print(w)
	}
}

func (w *printer) groupBy(dimensions Dimensions) {
	if len(dimensions) > 0 {
		w.text(" GROUP BY ")
		dimensions.print(w)
	}
}

func (w *printer) orderBy(fields SortFields) {
	if len(fields) > 0 {
		w.text(" ORDER BY ")
		fields.print(w)
	}
}

func (w *printer) limit(limit, offset int) {
	w.count(" LIMIT ", limit)
	w.count(" OFFSET ", offset)
}

func (w *printer) seriesLimit(limit, offset int) {
	w.count(" SLIMIT ", limit)
	w.count(" SOFFSET ", offset)
}

func (w *printer) count(before string, n int) {
	if n > 0 {
		w.text(before, strconv.Itoa(n))
	}
}

func (w *printer) duration(before string, d time.Duration) {
	w.text(before, FormatDuration(d))
}

func (w *printer) durationUnlessZero(before string, d *time.Duration) {
	if d != nil && *d != 0 {
		w.duration(before, *d)
	}
}

func (w *printer) exact(exact bool) {
	if exact {
		w.text(" EXACT")
	}
}

func (w *printer) module(name string) {
	if name != "" {
		w.text(" FOR ", QuoteString(name))
	}
}

// printList prints nodes with a separator between them.
func printList[N Node](w *printer, separator string, nodes []N) {
	for i, n := range nodes {
		if i > 0 {
			w.text(separator)
		}
		n.print(w)
	}
}

func (q *Query) print(w *printer)     { q.Statements.print(w) }
func (a Statements) print(w *printer) { printList(w, ";\n", a) }
func (a Sources) print(w *printer)    { printList(w, ", ", a) }
func (a Fields) print(w *printer)     { printList(w, ", ", a) }
func (a Dimensions) print(w *printer) { printList(w, ", ", a) }
func (a SortFields) print(w *printer) { printList(w, ", ", a) }

func (f *Field) print(w *printer) {
	f.Expr.print(w)
	if f.Alias != "" {
		w.ident(" AS ", f.Alias)
	}
}

func (d *Dimension) print(w *printer) { d.Expr.print(w) }

func (f *SortField) print(w *printer) {
	switch f.Name {
	case "":
	case "time":
		w.text(f.Name, " ")
	default:
		w.ident("", f.Name)
		w.text(" ")
	}
	if f.Ascending {
		w.text("ASC")
	} else {
		w.text("DESC")
	}
}

func (m *Measurement) print(w *printer) {
	if m.Database != "" {
		w.ident("", m.Database)
		w.text(".")
	}
	if m.RetentionPolicy != "" {
		w.ident("", m.RetentionPolicy)
	}
	if m.Database != "" || m.RetentionPolicy != "" {
		w.text(".")
	}
	switch {
	case m.SystemIterator != "":
		w.ident("", m.SystemIterator)
	case m.Name != "":
		w.ident("", m.Name)
	case m.Regex != nil:
		m.Regex.print(w)
	}
}

func (s *SubQuery) print(w *printer) {
	if s.Statement.Join {
		s.Statement.printJoin(w)
		return
	}
	w.text("(")
	s.Statement.print(w)
	w.text(")")
}

func (t *Target) print(w *printer) {
	w.text("INTO ")
	t.Measurement.print(w)
	if t.Measurement.Name == "" {
		w.text(":MEASUREMENT")
	}
}

func (s *SelectStatement) print(w *printer) {
	w.text("SELECT ")
	s.Fields.print(w)
	if s.Target != nil {
		w.text(" ")
		s.Target.print(w)
	}
	w.from(s.Sources)
	w.where(s.Condition)
	w.groupBy(s.Dimensions)
	s.printFill(w)
	if s.Having != nil {
		w.text(" HAVING ")
		s.Having.print(w)
	}
	w.orderBy(s.SortFields)
	w.limit(s.Limit, s.Offset)
	w.seriesLimit(s.SLimit, s.SOffset)
	if s.Location != nil {
		w.text(" TZ('", s.Location.String(), "')")
	}
}

func (s *SelectStatement) printFill(w *printer) {
	switch s.Fill {
	case NoFill:
		w.text(" fill(none)")
	case NumberFill:
		fmt.Fprintf(w, " fill(%v)", s.FillValue)
	case PreviousFill:
		if s.FillAge > 0 {
			w.text(" fill(previous, ", FormatDuration(s.FillAge), ")")
			return
		}
		w.text(" fill(previous)")
	case LinearFill:
		w.text(" fill(linear)")
	}
}

func (s *ExplainStatement) print(w *printer) {
	w.text("EXPLAIN ")
	if s.Analyze {
		w.text("ANALYZE ")
	}
	if s.Verbose {
		w.text("VERBOSE ")
	}
	s.Statement.print(w)
}
