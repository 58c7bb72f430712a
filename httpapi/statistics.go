package httpapi

import (
	"sync/atomic"
	"time"
)

// counters are the live numbers behind Statistics.
type counters struct {
	requests, active, durationNs, clientErrors, serverErrors, panics atomic.Int64
	pings, statuses                                                  atomic.Int64
	queries, queryDurationNs, queryBytes                             atomic.Int64
	writes, writesActive, writeDurationNs, writeBytes                atomic.Int64
	pointsDropped                                                    atomic.Int64
	promWrites, promReads, otlpWrites                                atomic.Int64
	remoteNotNumbers, remoteHistograms, remoteRefused                atomic.Int64
	throttled, authFailures                                          atomic.Int64
	writeLatency, queryLatency                                       histogram

	slowBodies, largeBodies incident
}

// Statistics are the numbers of a handler since it was made.
type Statistics struct {
	Requests, ActiveRequests, RequestDurationNs int64
	ClientErrors, ServerErrors, RecoveredPanics int64
	PingRequests, StatusRequests                int64
	AuthFailures                                int64 // requests whose credentials were missing, wrong or throttled

	QueryRequests, QueryDurationNs, QueryResponseBytes int64

	WriteRequests, ActiveWrites, WriteDurationNs, WriteBytes int64
	ThrottledWrites                                          int64
	PointsDropped                                            int64 // refused by partial writes

	PromWrites, PromReads, OTLPWrites int64 // requests
	RemoteNotNumbers                  int64 // samples of those that are NaN or infinite
	RemoteHistograms                  int64 // histograms that have no place in the schema
	RemoteRefused                     int64 // samples that could not become points

	WriteLatency, QueryLatency Histogram

	SlowBodies  Incident // bodies that were given up because nothing, or too little, came of them any more
	LargeBodies Incident // bodies that were refused with 413, before or after decompression
}

// Histogram counts durations by size.
type Histogram struct {
	// Bounds are the upper ends of the buckets, in seconds.
	Bounds []float64
	// Counts has one number a bucket, not cumulative, and one for what is above all bounds.
	Counts []int64
	Sum    float64 // seconds
}

// latencyBounds are the buckets of latencies, in seconds.
var latencyBounds = [...]float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}

type histogram struct {
	counts [len(latencyBounds) + 1]atomic.Int64
	sumNs  atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	seconds := d.Seconds()
	i := 0
	for i < len(latencyBounds) && seconds > latencyBounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sumNs.Add(int64(d))
}

func (h *histogram) snapshot() Histogram {
	out := Histogram{Bounds: latencyBounds[:], Counts: make([]int64, len(h.counts)), Sum: time.Duration(h.sumNs.Load()).Seconds()}
	for i := range h.counts {
		out.Counts[i] = h.counts[i].Load()
	}
	return out
}

func (c *counters) begin() {
	c.requests.Add(1)
	c.active.Add(1)
}

func (c *counters) finish(status int, took time.Duration) {
	c.active.Add(-1)
	c.durationNs.Add(int64(took))
	switch {
	case status >= 500:
		c.serverErrors.Add(1)
	case status >= 400:
		c.clientErrors.Add(1)
	}
}

// Statistics returns the numbers of now.
func (h *Handler) Statistics() Statistics {
	c := &h.counters
	return Statistics{
		Requests: c.requests.Load(), ActiveRequests: c.active.Load(), RequestDurationNs: c.durationNs.Load(),
		ClientErrors: c.clientErrors.Load(), ServerErrors: c.serverErrors.Load(), RecoveredPanics: c.panics.Load(),
		AuthFailures: c.authFailures.Load(),
		PingRequests: c.pings.Load(), StatusRequests: c.statuses.Load(),
		QueryRequests: c.queries.Load(), QueryDurationNs: c.queryDurationNs.Load(), QueryResponseBytes: c.queryBytes.Load(),
		WriteRequests: c.writes.Load(), ActiveWrites: c.writesActive.Load(), WriteDurationNs: c.writeDurationNs.Load(),
		WriteBytes: c.writeBytes.Load(), ThrottledWrites: c.throttled.Load(), PointsDropped: c.pointsDropped.Load(),
		PromWrites: c.promWrites.Load(), PromReads: c.promReads.Load(), OTLPWrites: c.otlpWrites.Load(),
		RemoteNotNumbers: c.remoteNotNumbers.Load(), RemoteHistograms: c.remoteHistograms.Load(), RemoteRefused: c.remoteRefused.Load(),
		SlowBodies: c.slowBodies.snapshot(), LargeBodies: c.largeBodies.snapshot(),
		WriteLatency: c.writeLatency.snapshot(), QueryLatency: c.queryLatency.snapshot(),
	}
}
