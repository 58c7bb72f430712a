package httpapi

import "net/http"

// Permission is what a request must be allowed to do before its handler runs.
type Permission uint8

// The permissions of endpoints.
const (
	// Open needs none.
	Open Permission = iota
	// Observe reads the state of the server, never data.
	Observe
	// Query runs statements; each of them is checked against the user's grants.
	Query
	// Write writes to the database that the request names.
	Write
)

// Endpoint is a row of the route table.
type Endpoint struct {
	Method string
	// Path is literal, or ends in /* for everything below.
	Path       string
	Permission Permission

	handle http.HandlerFunc
}

// Endpoints returns the route table.
func (h *Handler) Endpoints() []Endpoint {
	table := []Endpoint{
		{http.MethodPost, "/write", Write, h.serveWrite},
		{http.MethodPost, "/api/v2/write", Write, h.serveWriteV2},
		{http.MethodGet, "/query", Query, h.serveQuery},
		{http.MethodPost, "/query", Query, h.serveQuery},
		{http.MethodGet, "/ping", Open, h.servePing},
		{http.MethodHead, "/ping", Open, h.servePing},
		{http.MethodGet, "/status", Open, h.serveStatus},
		{http.MethodHead, "/status", Open, h.serveStatus},
		{http.MethodGet, "/health", Open, h.serveHealth},
		{http.MethodGet, "/ready", Open, h.serveReady},
		{http.MethodGet, "/metrics", Observe, h.serveMetrics},
		{http.MethodGet, "/debug/vars", Observe, h.serveVars},
		{http.MethodGet, "/debug/requests", Observe, h.serveRequests},
	}
	if h.opt.Pprof {
		table = append(table,
			Endpoint{http.MethodGet, "/debug/pprof/*", Observe, h.servePprof},
			Endpoint{http.MethodPost, "/debug/pprof/*", Observe, h.servePprof},
		)
	}
	return table
}
