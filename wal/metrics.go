package wal

import "time"

// Metrics is a snapshot of a log's state and of what it did since Open.
type Metrics struct {
	Frames      uint64
	Bytes       int64  // appended; bytes with headers
	Epochs      uint64 // commits
	Syncs       uint64
	SyncTime    time.Duration // in total
	LongestSync time.Duration
	Blocked     uint64 // times an Append had to wait for the disk
	Refused     uint64 // Append calls that failed with ErrNoSpace

	Created, Recycled, Released uint64 // segments
	FilledBytes                 int64  // zeros that were written ahead

	// State.
	Segments, Spares    int
	DiskBytes           int64  // of segments and spares
	PendingBytes        int64  // appended and not committed
	FirstLSN            uint64 // of the oldest segment; 0 when there is none
	LastLSN, DurableLSN uint64
	Generation          uint32 // of the newest segment
	Poisoned            bool
}

// Metrics returns a snapshot.
func (l *Log) Metrics() Metrics {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.metrics
	m.Segments, m.Spares = len(l.segments), len(l.spares)
	for _, s := range l.segments {
		m.DiskBytes += s.size
	}
	for _, sp := range l.spares {
		m.DiskBytes += sp.size
	}
	if len(l.segments) > 0 {
		m.FirstLSN = l.segments[0].firstLSN
	}
	m.PendingBytes = l.pending
	m.LastLSN, m.DurableLSN = l.next-1, l.durable.Load()
	m.Poisoned = l.err != nil
	return m
}
