// Package remote reads and writes the messages of systems that send metrics in
// Protocol Buffers: Prometheus (remote write 1.0 and 2.0, remote read) and
// OpenTelemetry (OTLP metrics).
//
//	message ──DecodeWrite, DecodeMetrics──▶ Points ──▶ model.Batch
//	ReadRequest ──▶ InfluxQL;  rows ──▶ ReadResponse
//
// Its nouns: Points collects points of any measurement as one batch; a
// WriteReport says what of a message became points and what did not, and why.
//
// How metrics become measurements, tags and fields is that of InfluxDB 1.8 for
// Prometheus, and that of Telegraf's OpenTelemetry input with the schema
// prometheus-v1 for OTLP. Compression, HTTP and permissions are left to httpapi.
package remote
