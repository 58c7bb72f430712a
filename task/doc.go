// Package task runs continuous queries: statements that are due at intervals,
// read the time that has become complete since the last run, and write what they
// compute back.
//
//	catalog ─▶ Runner ─every tick─▶ schedule: due? which time? ─▶ SELECT … INTO ─▶ engine
//	   ▲                                                                            │
//	   └──────────────────────── how far it has come ◀─────────────────────────────┘
//
// A continuous query is a statement in the catalog. Its schedule is pure
// arithmetic of time: when the next run is due and what span it covers, as in
// InfluxDB 1.x. What was computed up to is stored, so that a server that was
// down, or a run that failed, is made up for by the next one.
//
// How statements are computed and written is up to package query.
package task
