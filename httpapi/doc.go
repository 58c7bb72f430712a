// Package httpapi is what clients reach over HTTP: it takes requests apart,
// hands writes and queries on, and prints the answers in the forms that
// InfluxDB clients read.
//
//	connection ─▶ Server (limits, timeouts)
//	                │
//	             Handler: version, request id, CORS, panics, access log, counters
//	                │
//	             router (endpoints.go is the table, routes.go registers it)
//	                ├─ /write, /api/v2/write   body ─▶ Writer ─▶ 204 or failure
//	                ├─ /query                  form ─▶ Engine ─▶ encoder ─▶ sink
//	                └─ /ping /health /ready /metrics /debug/…
//
// An endpoint is a row of the table: method, path, handler and the permission
// it needs. A failure is what went wrong in the terms of HTTP; one file turns
// errors of the other rooms into failures, one prints failures. An encoder
// turns results into bytes and gives them to a sink, which sends them in large
// pieces.
//
// The package owns no data. What it serves is a Backend, attached once that is
// open; until then all endpoints but /ping answer 503.
package httpapi
