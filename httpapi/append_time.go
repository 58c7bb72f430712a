package httpapi

import (
	"time"
)

// timeForm says how an answer prints timestamps: as RFC 3339 text when unit is
// zero, otherwise as a whole number of units since the epoch.
type timeForm struct {
	unit int64 // nanoseconds
}

// epochForm returns the form that the parameter epoch asks for. A value that
// is not known means nanoseconds.
func epochForm(epoch string) timeForm {
	switch epoch {
	case "":
		return timeForm{}
	case "u":
		return timeForm{int64(time.Microsecond)}
	case "ms":
		return timeForm{int64(time.Millisecond)}
	case "s":
		return timeForm{int64(time.Second)}
	case "m":
		return timeForm{int64(time.Minute)}
	case "h":
		return timeForm{int64(time.Hour)}
	}
	return timeForm{1}
}

const (
	secondsPerDay = 24 * 60 * 60
	nanosPerDay   = secondsPerDay * int64(time.Second)
)

// dateText prints timestamps as RFC 3339 in UTC and remembers the date of the
// last one, since neighbours mostly share it.
type dateText struct {
	day   int64
	text  [11]byte // 2020-01-01T
	known bool
}

// append appends t, nanoseconds since the epoch, with as many fractional
// digits as it needs.
func (d *dateText) append(dst []byte, t int64) []byte {
	day := t / nanosPerDay
	rest := t % nanosPerDay
	if rest < 0 {
		day--
		rest += nanosPerDay
	}
	if day != d.day || !d.known {
		d.day, d.known = day, true
		time.Unix(day*secondsPerDay, 0).UTC().AppendFormat(d.text[:0], "2006-01-02T")
	}
	dst = append(dst, d.text[:]...)
	seconds := rest / int64(time.Second)
	nanos := rest % int64(time.Second)
	dst = append(appendTwo(dst, seconds/3600), ':')
	dst = append(appendTwo(dst, seconds/60%60), ':')
	dst = appendTwo(dst, seconds%60)
	if nanos != 0 {
		dst = appendFraction(dst, nanos)
	}
	return append(dst, 'Z')
}

func appendTwo(dst []byte, n int64) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10))
}

// appendFraction appends nanos, which is not 0, as a fraction of a second.
func appendFraction(dst []byte, nanos int64) []byte {
	var digits [10]byte
	digits[0] = '.'
	for i := 9; i > 0; i-- {
		digits[i] = byte('0' + nanos%10)
		nanos /= 10
	}
	n := len(digits)
	for digits[n-1] == '0' {
		n--
	}
	return append(dst, digits[:n]...)
}

// appendTimeIn appends t in a zone as encoding/json prints a time.
func appendTimeIn(dst []byte, t int64, zone *time.Location) []byte {
	return time.Unix(0, t).In(zone).AppendFormat(dst, time.RFC3339Nano)
}
