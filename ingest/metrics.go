package ingest

import (
	"strings"
	"sync"
	"sync/atomic"
)

// Metrics are the counters of a writer since it was made.
type Metrics struct {
	Requests int64 // writes that were asked for
	Failed   int64 // writes that ended with an error of the server
	Rows     int64 // rows stored
	Values   int64 // field values stored
	Refused  [causes]Refused
}

// Refused counts the rows that were refused for one cause.
type Refused struct {
	Cause   Cause
	Rows    int64
	Example Example // the last one
}

// Example is a refusal, for those who look for its origin.
type Example struct {
	Reason, Client, Database string
}

type counters struct {
	requests, failed, rows, values atomic.Int64

	mu      sync.Mutex // guards refused
	refused [causes]Refused
}

// maxExampleBytes bounds the text of an example.
const maxExampleBytes = 256

// note counts what was refused and keeps an example of each cause.
func (c *counters) note(r *refusals, client, database string) {
	for cause, n := range r.dropped {
		if n == 0 {
			continue
		}
		reason := r.examples[cause]
		c.mu.Lock()
		c.refused[cause].Rows += int64(n)
		c.refused[cause].Example = Example{
			Reason:   strings.Clone(reason[:min(len(reason), maxExampleBytes)]),
			Client:   client,
			Database: database,
		}
		c.mu.Unlock()
	}
}

// Metrics returns the counters.
func (w *Writer) Metrics() Metrics {
	c := &w.metrics
	m := Metrics{Requests: c.requests.Load(), Failed: c.failed.Load(), Rows: c.rows.Load(), Values: c.values.Load()}
	c.mu.Lock()
	m.Refused = c.refused
	c.mu.Unlock()
	for i := range m.Refused {
		m.Refused[i].Cause = Cause(i)
	}
	return m
}
