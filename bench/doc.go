// Package bench loads a server with made-up measurements and asks it questions,
// over the write and query endpoints of InfluxDB 1.x and 2.x, and says what it
// saw: lines per second, latencies, refusals. It knows nothing of Timberline's
// inside and can be pointed at any server with these endpoints.
//
//	Spec ──► Generator ──► Source (stream or pregenerated bodies)
//	                          │
//	                        Write ──► Client ──► server
//	Spec ──► Questions ──► Query ────────┘
//	                          │
//	             WriteReport, QueryReport (tables, JSON)
//
// Nouns: a workload is what one host writes at every interval; a Spec is a
// workload with the number of hosts, the time it covers and a seed; a body is
// one request of lines; a question is one query of a named type. Everything is
// drawn from the seed: the same Spec gives the same bytes and the same
// questions, whatever the number of connections.
//
// The types of questions about processors are those of the Time Series
// Benchmark Suite (github.com/timescale/tsbs), so that figures can be laid
// beside published ones; the code and the data are our own.
package bench
