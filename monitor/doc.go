// Package monitor collects what the rooms measure and prints it for those who
// watch the server.
//
//	Source ─┐              ┌─▶ WriteMetrics   Prometheus text, names timberline_*
//	Source ─┼─▶ Monitor ───┤
//	Source ─┘              └─▶ WriteVars      the JSON object of /debug/vars
//
// A Source hands over measurements when it is asked; rooms know nothing of it,
// their plain structs are turned into measurements where the server is put
// together. A Metric is one number with labels. A Statistic is a group of values
// under one of the names that InfluxDB 1.x has, which its dashboards read.
//
//	Recorder ───────▶ line protocol, for the database _internal
//
// The package keeps no history itself: a Recorder hands it over at even times.
// It starts no goroutine; Recorder.Run is the body of one.
package monitor
