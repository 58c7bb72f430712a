package ingest

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Metrics are the counters of a writer since it was made.
type Metrics struct {
	Requests int64 // writes that were asked for
	Failed   int64 // writes that ended with an error of the server
	Rows     int64 // rows stored
	Values   int64 // field values stored
	Refused  [causes]Refused
	Noticed  [notices]Noticed

	// Of databases that widen.
	Widened int64 // rows with values that were converted
	Kept    int64 // values that are kept aside because they cannot be
}

// Refused counts the rows that were refused for one cause.
type Refused struct {
	Cause   Cause
	Rows    int64
	Example Example // the last one
}

// Notice is why points that were stored are worth a look.
type Notice uint8

// The notices.
const (
	Overflowed Notice = iota // a value of a tag was replaced, because the tag has as many as it may
	Future                   // the timestamp is further in the future than clocks differ
	notices
)

// String returns the name of the notice in metrics.
func (n Notice) String() string { return [...]string{"overflow", "future"}[n] }

// Noticed counts the rows with one notice.
type Noticed struct {
	Notice  Notice
	Rows    int64
	Example Example // the last one
}

// Example is a refusal or a notice, for those who look for its origin.
type Example struct {
	Reason, Client, Database string
	Time                     time.Time
}

type counters struct {
	requests, failed, rows, values, widened, kept atomic.Int64

	mu      sync.Mutex // guards the fields below
	refused [causes]Refused
	noticed [notices]Noticed
}

// maxExampleBytes bounds the text of an example.
const maxExampleBytes = 256

// note counts what was refused and keeps an example of each cause.
func (c *counters) note(r *refusals, req Request, database string, at time.Time) {
	for cause, n := range r.dropped {
		if n == 0 {
			continue
		}
		c.add(Cause(cause), n, Example{Reason: r.examples[cause], Client: req.clientOf(r.lineOf[cause]), Database: database, Time: at})
	}
	for notice, n := range r.noticed {
		if n == 0 {
			continue
		}
		c.notice(Notice(notice), n, Example{Reason: r.remarks[notice], Client: req.clientOf(r.noticedLine[notice]), Database: database, Time: at})
	}
}

// clientOf returns the address of the sender of a line, or that of the request.
func (r *Request) clientOf(line int) string {
	if r.ClientOf != nil && line > 0 {
		if client := r.ClientOf(line); client != "" {
			return client
		}
	}
	return r.Client
}

// add counts rows that were refused for one cause.
func (c *counters) add(cause Cause, rows int, e Example) {
	e.Reason = strings.Clone(e.Reason[:min(len(e.Reason), maxExampleBytes)])
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused[cause].Rows += int64(rows)
	c.refused[cause].Example = e
}

// notice counts rows that were stored and are worth a look.
func (c *counters) notice(notice Notice, rows int, e Example) {
	e.Reason = strings.Clone(e.Reason[:min(len(e.Reason), maxExampleBytes)])
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noticed[notice].Rows += int64(rows)
	c.noticed[notice].Example = e
}

// failed counts the rows of a write of which nothing was stored, and returns its
// error.
func (w *Writer) failed(err error, rows int, client, database string) error {
	w.metrics.add(causeOf(err), rows, Example{Reason: err.Error(), Client: client, Database: database, Time: w.clock.Now()})
	return err
}

// newlines counts the line ends of a body, a megabyte at once: the runtime cannot
// interrupt a count of many of them.
func newlines(body []byte) (n int) {
	for piece := range slices.Chunk(body, 1<<20) {
		n += bytes.Count(piece, []byte{'\n'})
	}
	return n
}

// points returns how many lines of a body may be points, without parsing it:
// those that are neither blank nor a comment.
func points(body []byte) (n int) {
	for line := range bytes.Lines(body) {
		line = bytes.TrimLeft(line, " \t\r\n\x00")
		if len(line) > 0 && line[0] != '#' {
			n++
		}
	}
	return n
}

// Metrics returns the counters.
func (w *Writer) Metrics() Metrics {
	c := &w.metrics
	m := Metrics{Requests: c.requests.Load(), Failed: c.failed.Load(), Rows: c.rows.Load(), Values: c.values.Load(), Widened: c.widened.Load(), Kept: c.kept.Load()}
	c.mu.Lock()
	m.Refused, m.Noticed = c.refused, c.noticed
	c.mu.Unlock()
	for i := range m.Noticed {
		m.Noticed[i].Notice = Notice(i)
	}
	for i := range m.Refused {
		m.Refused[i].Cause = Cause(i)
	}
	return m
}
