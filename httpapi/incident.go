package httpapi

import (
	"sync"
	"time"
)

// Incident counts what ended requests or connections that went on for too long,
// were too large or too many, and tells of the last one.
type Incident struct {
	Count        int64
	Last, Client string // empty: there was none
	Time         time.Time
}

// incident is the live number behind an Incident.
type incident struct {
	mu   sync.Mutex // guards what
	what Incident
}

func (i *incident) note(last, client string, at time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.what = Incident{Count: i.what.Count + 1, Last: last, Client: client, Time: at}
}

func (i *incident) snapshot() Incident {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.what
}
