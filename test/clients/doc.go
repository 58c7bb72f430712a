// Package clients runs the clients that people have against the built program:
// the influx shell of version 1, the Python library, the two JavaScript libraries,
// Prometheus, collectd and curl.
package clients
