package shell

import (
	"fmt"
	"strings"
)

// Precision is the form of timestamps.
type Precision string

// The forms: a text, or a count of units since 1970.
const (
	RFC3339      Precision = "rfc3339"
	Hours        Precision = "h"
	Minutes      Precision = "m"
	Seconds      Precision = "s"
	Milliseconds Precision = "ms"
	Microseconds Precision = "u"
	Nanoseconds  Precision = "ns"
)

// precisions lists the forms in the order of the help.
var precisions = []string{"rfc3339", "h", "m", "s", "ms", "u", "ns"}

// ParsePrecision reads a form; "us", "µ" and "n" are taken for u and ns.
func ParsePrecision(text string) (Precision, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	switch text {
	case "us", "µ", "µs":
		return Microseconds, nil
	case "n":
		return Nanoseconds, nil
	}
	for _, p := range precisions {
		if text == p {
			return Precision(p), nil
		}
	}
	return "", fmt.Errorf("unknown precision %q, want one of %s", text, strings.Join(precisions, ", "))
}

// epoch returns the parameter of queries, empty for none.
func (p Precision) epoch() string {
	if p == RFC3339 {
		return ""
	}
	return string(p)
}

// ofWrites returns the parameter of writes.
func (p Precision) ofWrites() string {
	switch p {
	case RFC3339, "":
		return string(Nanoseconds)
	}
	return string(p)
}
