// Package audit keeps the trail of what matters for security: who did what, from
// where, and what became of it. Events are lines of JSON in a file, or lines of
// the server's log. They hold no secrets: who records one has taken them out.
//
//	Event ─▶ Trail.Record ─▶ limit on failures ─▶ file (renamed when it is full) or log
//
// The trail does not hold requests up: what cannot be written is counted and told
// in the log.
package audit
