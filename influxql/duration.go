package influxql

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// ErrInvalidDuration is returned for a text that is not a duration.
var ErrInvalidDuration = errors.New("invalid duration")

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// durationUnits lists the units a duration is printed in, largest first.
var durationUnits = [...]struct {
	size time.Duration
	name string
}{
	{week, "w"}, {day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"},
	{time.Millisecond, "ms"}, {time.Microsecond, "u"}, {time.Nanosecond, "ns"},
}

// FormatDuration returns d as a whole number of the largest unit that divides it; zero is 0s.
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	for _, unit := range durationUnits {
		if d%unit.size == 0 {
			return strconv.FormatInt(int64(d/unit.size), 10) + unit.name
		}
	}
	panic("unreachable: every duration is a number of nanoseconds")
}

// ParseDuration reads a duration such as 90m or 1w2d; the units are ns, u (or µ), ms, s, m, h, d and w. A sum beyond
// the range is an error only if it wraps around to a negative one.
func ParseDuration(s string) (time.Duration, error) {
	if len(s) < 2 {
		return 0, ErrInvalidDuration
	}
	rest, negative := s, s[0] == '-'
	if negative {
		rest = s[1:]
	}
	var sum time.Duration
	var count int64
	var unit string
	for rest != "" {
		var size time.Duration
		var err error
		if count, unit, size, rest, err = cutDuration(rest); err != nil {
			return 0, err
		}
		sum += time.Duration(count) * size
	}
	if negative {
		return -sum, nil
	}
	if sum < 0 {
		return 0, fmt.Errorf("overflowed duration %d%s: choose a smaller duration or INF", count, unit)
	}
	return sum, nil
}

// cutDuration reads one number with its unit from the front of s.
func cutDuration(s string) (count int64, unit string, size time.Duration, rest string, err error) {
	digits := 0
	for digits < len(s) && isDigit(rune(s[digits])) {
		digits++
	}
	count, err = strconv.ParseInt(s[:digits], 10, 64)
	if err != nil {
		return 0, "", 0, "", ErrInvalidDuration
	}
	unit, size = cutUnit(s[digits:])
	if size == 0 {
		return 0, "", 0, "", ErrInvalidDuration
	}
	return count, unit, size, s[digits+len(unit):], nil
}

// cutUnit returns the unit at the front of s, or a size of zero.
func cutUnit(s string) (unit string, size time.Duration) {
	if len(s) >= 2 {
		switch s[:2] {
		case "ns":
			return s[:2], time.Nanosecond
		case "ms":
			return s[:2], time.Millisecond
		case "µ":
			return s[:2], time.Microsecond
		}
	}
	if s == "" {
		return "", 0
	}
	switch s[0] {
	case 'u':
		return s[:1], time.Microsecond
	case 'm':
		return s[:1], time.Minute
	case 's':
		return s[:1], time.Second
	case 'h':
		return s[:1], time.Hour
	case 'd':
		return s[:1], day
	case 'w':
		return s[:1], week
	}
	return "", 0
}
