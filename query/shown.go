package query

import (
	"strings"

	"github.com/timberlinedb/timberline/influxql"
)

// Shown returns the text of a query for the log and for other users: without the passwords in it, be they of users or
// in the URLs of subscriptions. The text need not be a statement.
func Shown(text string) string {
	text = influxql.Sanitize(text)
	const scheme = "://"
	if !strings.Contains(text, scheme) {
		return text
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, scheme)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteString(scheme)
		end := strings.IndexAny(after, "'\" \t\r\n")
		if end < 0 {
			end = len(after)
		}
		if at := strings.LastIndexByte(after[:end], '@'); at >= 0 {
			b.WriteString("[REDACTED]")
			after = after[at:]
		}
		text = after
	}
}
