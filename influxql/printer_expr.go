package influxql

import (
	"strconv"
	"strings"
	"time"
)

func (e *BinaryExpr) print(w *printer) {
	e.LHS.print(w)
	w.text(" ", e.Op.String(), " ")
	e.RHS.print(w)
}

func (e *ParenExpr) print(w *printer) {
	w.text("(")
	e.Expr.print(w)
	w.text(")")
}

func (r *VarRef) print(w *printer) {
	w.ident("", r.Name)
	if r.Type != Unknown {
		w.text("::", r.Type.String())
	}
}

func (c *Call) print(w *printer) {
	w.text(c.Name, "(")
	printList(w, ", ", c.Args)
	w.text(")")
}

func (d *Distinct) print(w *printer) {
	if d.Tag {
		w.ident("DISTINCT ", d.Name)
		w.text("::tag")
		return
	}
	w.text("DISTINCT ", d.Name)
}

func (e *Wildcard) print(w *printer) {
	w.text("*")
	switch e.Type {
	case FIELD:
		w.text("::field")
	case TAG:
		w.text("::tag")
	}
}

// print writes a whole number with a fraction too, so that it is read as a number again.
func (l *NumberLiteral) print(w *printer) {
	digits := strconv.FormatFloat(l.Value, 'f', -1, 64)
	w.text(digits)
	if strings.IndexFunc(digits, func(ch rune) bool { return ch != '-' && !isDigit(ch) }) < 0 {
		w.text(".0")
	}
}

func (l *IntegerLiteral) print(w *printer)  { w.text(strconv.FormatInt(l.Value, 10)) }
func (l *UnsignedLiteral) print(w *printer) { w.text(strconv.FormatUint(l.Value, 10)) }
func (l *BooleanLiteral) print(w *printer)  { w.text(strconv.FormatBool(l.Value)) }
func (l *StringLiteral) print(w *printer)   { w.text(QuoteString(l.Value)) }
func (l *DurationLiteral) print(w *printer) { w.text(FormatDuration(l.Value)) }
func (l *NilLiteral) print(w *printer)      { w.text("nil") }
func (p *BoundParameter) print(w *printer)  { w.ident("$", p.Name) }

func (l *TimeLiteral) print(w *printer) {
	w.text("'", l.Value.UTC().Format(time.RFC3339Nano), "'")
}

func (l *RegexLiteral) print(w *printer) {
	if l.Value != nil {
		w.text("/", strings.ReplaceAll(l.Value.String(), "/", `\/`), "/")
	}
}

func (l *ListLiteral) print(w *printer) {
	w.text("(")
	for i, value := range l.Values {
		if i > 0 {
			w.text(", ")
		}
		w.ident("", value)
	}
	w.text(")")
}
