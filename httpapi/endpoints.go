package httpapi

import (
	"net/http"
	"net/url"

	"github.com/timberlinedb/timberline/catalog"
)

// Permission is what a request must be allowed to do before its handler runs.
// The zero value is none of them, so that no endpoint is open because nobody
// thought of it.
type Permission uint8

// The permissions of endpoints.
const (
	// Public is for everybody, always.
	Public Permission = iota + 1
	// Probe asks whether the server is there. Everybody may, unless Auth.Ping
	// asks for a user.
	Probe
	// Observe reads the state of the server, never data. Administrators may.
	Observe
	// Profile looks into the process. Administrators may.
	Profile
	// Query runs statements; each of them is checked against the user's grants.
	Query
	// Write writes to the database that the request names.
	Write
	// Delete deletes from the bucket that the request names; the handler checks
	// the user's grants.
	Delete
	// Known tells users what concerns them.
	Known
	// Administer changes what is for administrators.
	Administer

	lastPermission = Administer
)

// Endpoint is a row of the route table.
type Endpoint struct {
	Method string
	// Path is literal, but for parts that begin with a colon, or a /* at the end for everything below.
	Path       string
	Permission Permission

	handle http.HandlerFunc
	// target returns, of Write, the database and policy that parameters mean.
	target func(*catalog.Snapshot, url.Values) (database, policy string)
}

// Endpoints returns the route table.
func (h *Handler) Endpoints() []Endpoint {
	const get, head, post, patch, put, del = http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete
	table := []Endpoint{
		{post, "/write", Write, h.serveWrite, writeTarget},
		{post, "/api/v2/write", Write, h.serveWriteV2, bucketTarget},
		{post, "/api/v1/prom/write", Write, h.servePromWrite, writeTarget},
		{post, "/api/v1/prom/read", Query, h.servePromRead, nil},
		{post, "/v1/metrics", Write, h.serveMetricsWrite, h.metricsTarget},
		{get, "/query", Query, h.serveQuery, nil},
		{post, "/query", Query, h.serveQuery, nil},
		{get, "/ping", Probe, h.servePing, nil},
		{head, "/ping", Probe, h.servePing, nil},
		{get, "/api/v2/ping", Probe, h.servePing, nil},
		{head, "/api/v2/ping", Probe, h.servePing, nil},
		{get, "/status", Probe, h.serveStatus, nil},
		{head, "/status", Probe, h.serveStatus, nil},
		{get, "/health", Probe, h.serveHealth, nil},
		{get, "/ready", Probe, h.serveReady, nil},
		{get, "/metrics", Observe, h.serveMetrics, nil},
		{get, "/debug/vars", Observe, h.serveVars, nil},
		{get, "/debug/requests", Observe, h.serveRequests, nil},

		{get, "/openapi.yaml", Public, h.serveOpenAPI, nil},
		{get, "/api/v2", Public, h.serveLinks, nil},
		{get, "/api/v2/setup", Public, h.serveSetupAllowed, nil},
		{post, "/api/v2/setup", Public, h.serveSetup, nil},
		{post, "/api/v2/signin", Public, h.serveSignin, nil},
		{post, "/api/v2/signout", Public, h.serveSignout, nil},
		{post, "/api/v2/query", Query, h.serveFlux, nil},
		{post, "/api/v2/delete", Delete, h.serveDelete, nil},
		{get, "/api/v2/me", Known, h.serveMe, nil},
		{put, "/api/v2/me/password", Known, h.serveMyPassword, nil},
		{get, "/api/v2/orgs", Known, h.serveOrgs, nil},
		{post, "/api/v2/orgs", Administer, h.serveCreateOrg, nil},
		{get, "/api/v2/orgs/:id", Known, h.serveOrg, nil},
		{patch, "/api/v2/orgs/:id", Administer, h.serveUpdateOrg, nil},
		{get, "/api/v2/orgs/:id/members", Administer, h.serveMembers, nil},
		{get, "/api/v2/orgs/:id/owners", Administer, h.serveOwners, nil},
		{get, "/api/v2/buckets", Known, h.serveBuckets, nil},
		{post, "/api/v2/buckets", Administer, h.serveCreateBucket, nil},
		{get, "/api/v2/buckets/:id", Known, h.serveBucket, nil},
		{patch, "/api/v2/buckets/:id", Administer, h.serveUpdateBucket, nil},
		{del, "/api/v2/buckets/:id", Administer, h.serveDeleteBucket, nil},
		{get, "/api/v2/buckets/:id/labels", Known, h.serveBucketLabels, nil},
		{get, "/api/v2/buckets/:id/members", Administer, h.serveBucketMembers, nil},
		{get, "/api/v2/buckets/:id/owners", Administer, h.serveBucketOwners, nil},
		{get, "/api/v2/labels", Known, h.serveLabels, nil},
		{get, "/api/v2/resources", Known, h.serveResources, nil},
		{get, "/api/v2/telegrafs", Known, h.serveTelegrafs, nil},
		{get, legacyPrefix, Administer, h.serveLegacyAuthorizations, nil},
		{post, legacyPrefix, Administer, h.serveCreateLegacyAuthorization, nil},
		{get, legacyPrefix + "/:id", Administer, h.serveAuthorization, nil},
		{patch, legacyPrefix + "/:id", Administer, h.serveUpdateAuthorization, nil},
		{del, legacyPrefix + "/:id", Administer, h.serveDeleteAuthorization, nil},
		{post, legacyPrefix + "/:id/password", Administer, h.serveLegacyPassword, nil},
		{get, "/api/v2/authorizations", Known, h.serveAuthorizations, nil},
		{post, "/api/v2/authorizations", Administer, h.serveCreateAuthorization, nil},
		{get, "/api/v2/authorizations/:id", Known, h.serveAuthorization, nil},
		{patch, "/api/v2/authorizations/:id", Administer, h.serveUpdateAuthorization, nil},
		{del, "/api/v2/authorizations/:id", Administer, h.serveDeleteAuthorization, nil},
		{get, "/api/v2/users", Administer, h.serveUsers, nil},
		{post, "/api/v2/users", Administer, h.serveCreateUser, nil},
		{get, "/api/v2/users/:id", Administer, h.serveUser, nil},
		{del, "/api/v2/users/:id", Administer, h.serveDeleteUser, nil},
		{post, "/api/v2/users/:id/password", Administer, h.serveUserPassword, nil},
		{get, "/api/v2/dbrps", Known, h.serveMappings, nil},
		{post, "/api/v2/dbrps", Administer, h.serveCreateMapping, nil},
		{get, "/api/v2/dbrps/:id", Known, h.serveMapping, nil},
		{patch, "/api/v2/dbrps/:id", Administer, h.serveUpdateMapping, nil},
		{del, "/api/v2/dbrps/:id", Administer, h.serveDeleteMapping, nil},
	}
	if h.opt.Pprof {
		table = append(table,
			Endpoint{get, "/debug/pprof/*", Profile, h.servePprof, nil},
			Endpoint{post, "/debug/pprof/*", Profile, h.servePprof, nil},
		)
	}
	return table
}
