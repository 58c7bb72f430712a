package httpapi

import (
	"net/http"
	"net/url"
)

// Permission is what a request must be allowed to do before its handler runs.
// The zero value is none of them, so that no endpoint is open because nobody
// thought of it.
type Permission uint8

// The permissions of endpoints.
const (
	// Probe asks whether the server is there. Everybody may, unless Auth.Ping
	// asks for a user.
	Probe Permission = iota + 1
	// Observe reads the state of the server, never data. Administrators may.
	Observe
	// Profile looks into the process. Administrators may.
	Profile
	// Query runs statements; each of them is checked against the user's grants.
	Query
	// Write writes to the database that the request names.
	Write

	lastPermission = Write
)

// Endpoint is a row of the route table.
type Endpoint struct {
	Method string
	// Path is literal, or ends in /* for everything below.
	Path       string
	Permission Permission

	handle   http.HandlerFunc
	database func(url.Values) string // of Write: the database that parameters name
}

// Endpoints returns the route table.
func (h *Handler) Endpoints() []Endpoint {
	table := []Endpoint{
		{http.MethodPost, "/write", Write, h.serveWrite, writeDatabase},
		{http.MethodPost, "/api/v2/write", Write, h.serveWriteV2, bucketDatabase},
		{http.MethodGet, "/query", Query, h.serveQuery, nil},
		{http.MethodPost, "/query", Query, h.serveQuery, nil},
		{http.MethodGet, "/ping", Probe, h.servePing, nil},
		{http.MethodHead, "/ping", Probe, h.servePing, nil},
		{http.MethodGet, "/status", Probe, h.serveStatus, nil},
		{http.MethodHead, "/status", Probe, h.serveStatus, nil},
		{http.MethodGet, "/health", Probe, h.serveHealth, nil},
		{http.MethodGet, "/ready", Probe, h.serveReady, nil},
		{http.MethodGet, "/metrics", Observe, h.serveMetrics, nil},
		{http.MethodGet, "/debug/vars", Observe, h.serveVars, nil},
		{http.MethodGet, "/debug/requests", Observe, h.serveRequests, nil},
	}
	if h.opt.Pprof {
		table = append(table,
			Endpoint{http.MethodGet, "/debug/pprof/*", Profile, h.servePprof, nil},
			Endpoint{http.MethodPost, "/debug/pprof/*", Profile, h.servePprof, nil},
		)
	}
	return table
}
