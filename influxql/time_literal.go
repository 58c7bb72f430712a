package influxql

import "time"

// Layouts of the points in time a string can be, besides RFC 3339.
const (
	DateFormat     = "2006-01-02"
	DateTimeFormat = "2006-01-02 15:04:05.999999"
)

// IsTimeLiteral reports whether the string looks like a point in time: it begins with a date.
func (l *StringLiteral) IsTimeLiteral() bool {
	s := l.Value
	if len(s) < len(DateFormat) {
		return false
	}
	for i := range len(DateFormat) {
		if DateFormat[i] == '-' && s[i] != '-' || DateFormat[i] != '-' && !isDigit(rune(s[i])) {
			return false
		}
	}
	return len(s) == len(DateFormat) || s[len(DateFormat)] != '\n'
}

// ToTimeLiteral returns the point in time the string is. A string without a zone of its own is meant in loc, nil being
// UTC.
func (l *StringLiteral) ToTimeLiteral(loc *time.Location) (*TimeLiteral, error) {
	if !l.IsTimeLiteral() {
		return nil, ErrInvalidTime
	}
	if loc == nil {
		loc = time.UTC
	}
	layouts := []string{DateTimeFormat, time.RFC3339Nano}
	if len(l.Value) == len(DateFormat) {
		layouts = []string{DateFormat}
	}
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, l.Value, loc); err == nil {
			return &TimeLiteral{Value: t}, nil
		}
	}
	return nil, ErrInvalidTime
}
