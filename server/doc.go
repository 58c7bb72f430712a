// Package server is the one place where the whole system is built, opened and
// closed. It turns the configuration into the options of each room, gives the
// query engine its storage, and runs what happens on time, such as dropping
// shards that have expired.
//
//	config ─▶ server.Open ─▶ catalog, tsdb, ingest, query, monitor, httpapi
//
// Everything that is opened here is closed here, in the opposite order.
package server
