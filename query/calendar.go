package query

import (
	"errors"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/influxql"
)

// Groups of months begin at midnight of a first of the month in the zone of the statement, moved by the offset. They are
// counted from January 1970, so that quarters and years are those of the calendar.

const (
	calendarYear  = 1970
	monthsOfYear  = 12
	firstFullYear = 1678 // the years that nanoseconds reach whole
	lastFullYear  = 2261
)

// group returns the number of the group of months that a time is in.
func (w *windows) group(t int64) int64 {
	local := time.Unix(0, saturatingSum(t, -w.offset)).In(w.zoneOrUTC())
	months := int64(local.Year()-calendarYear)*monthsOfYear + int64(local.Month()) - 1
	return (months - modulo(months, w.months)) / w.months
}

// groupStart returns the time at which a group of months begins, within the ends of time.
func (w *windows) groupStart(group int64) int64 {
	months := group * w.months
	into := modulo(months, monthsOfYear)
	year := calendarYear + (months-into)/monthsOfYear
	switch {
	case year < firstFullYear:
		return influxql.MinTime
	case year > lastFullYear:
		return influxql.MaxTime
	}
	return saturatingSum(time.Date(int(year), time.Month(into+1), 1, 0, 0, 0, 0, w.zoneOrUTC()).UnixNano(), w.offset)
}

func (w *windows) zoneOrUTC() *time.Location {
	if w.location == nil {
		return time.UTC
	}
	return w.location
}

// ordinal returns the number of the window that begins at t. Those of neighbours differ by one.
func (w *windows) ordinal(t int64) int64 {
	if w.months > 0 {
		return w.group(t)
	}
	return t / w.interval
}

// weekDays are the names of the days on which weeks may begin.
var weekDays = [...]string{"thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday"}

const week = 7 * 24 * time.Hour

// weekStart returns the offset by which weeks begin on a day; ok is false when the text is none.
func weekStart(text string) (offset time.Duration, ok bool) {
	for i, day := range weekDays { // from the first of January 1970 on, which was a Thursday
		if strings.EqualFold(day, text) {
			return time.Duration(i) * 24 * time.Hour, true
		}
	}
	return 0, false
}

// compileWeekStart puts the offset in the place of the name of a day; done says that there was one.
func (c *compiled) compileWeekStart(call *influxql.Call) (done bool, err error) {
	name, ok := call.Args[1].(*influxql.StringLiteral)
	if !ok {
		return false, nil
	}
	offset, ok := weekStart(name.Value)
	switch {
	case !ok:
		return false, nil
	case c.months > 0 || c.interval%week != 0:
		return true, errors.New("only groups of weeks can begin on a day of the week")
	}
	c.offset = offset
	call.Args[1] = &influxql.DurationLiteral{Value: offset}
	return true, nil
}
