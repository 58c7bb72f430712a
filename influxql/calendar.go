package influxql

import (
	"strconv"
	"strings"
)

// CalendarLiteral is the width of groups of GROUP BY time() that are months long: 1mo, 1q (a quarter), 1y, and sums of
// them.
type CalendarLiteral struct {
	Months int // above zero
}

func (*CalendarLiteral) expr()    {}
func (*CalendarLiteral) literal() {}

// String returns the node as InfluxQL text.
func (l *CalendarLiteral) String() string { return nodeText(l) }

const (
	monthsOfQuarter = 3
	monthsOfYear    = 12

	maxCalendarMonths = 1000 * monthsOfYear // more than time has
)

func (l *CalendarLiteral) print(w *printer) {
	n, unit := l.Months, "mo"
	switch {
	case n%monthsOfYear == 0:
		n, unit = n/monthsOfYear, "y"
	case n%monthsOfQuarter == 0:
		n, unit = n/monthsOfQuarter, "q"
	}
	w.text(strconv.Itoa(n), unit)
}

// parseCalendar reads a text such as 1mo or 1y6mo; ok is false when it is none.
func parseCalendar(text string) (l *CalendarLiteral, ok bool) {
	months := 0
	for text != "" {
		digits := 0
		for digits < len(text) && isDigit(rune(text[digits])) {
			digits++
		}
		n, err := strconv.Atoi(text[:digits])
		if err != nil || n > maxCalendarMonths {
			return nil, false
		}
		text = text[digits:]
		unit := 0
		for _, u := range []struct {
			name   string
			months int
		}{{"mo", 1}, {"q", monthsOfQuarter}, {"y", monthsOfYear}} {
			if rest, found := strings.CutPrefix(text, u.name); found {
				text, unit = rest, u.months
				break
			}
		}
		if unit == 0 {
			return nil, false
		}
		if months += n * unit; months > maxCalendarMonths {
			return nil, false
		}
	}
	return &CalendarLiteral{Months: months}, months > 0
}

// GroupByMonths returns the width of the groups of GROUP BY time(width) when it is a number of months, otherwise 0.
func (s *SelectStatement) GroupByMonths() int {
	if call := s.timeDimension(); call != nil && len(call.Args) > 0 {
		if l, ok := call.Args[0].(*CalendarLiteral); ok {
			return l.Months
		}
	}
	return 0
}
