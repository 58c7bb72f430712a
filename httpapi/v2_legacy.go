package httpapi

import (
	"net/http"
	"net/url"

	"github.com/timberlinedb/timberline/catalog"
)

// legacyPrefix is the path of legacy authorizations: names with a password for clients of version 1, which the v2 command
// line makes (influx v1 auth). Here they are tokens with a login: what they may do is said in permissions on buckets, and
// nobody knows their secret.
const legacyPrefix = "/private/legacy/authorizations"

// serveLegacyAuthorizations is GET /private/legacy/authorizations. The parameter token is the name to log in with.
func (h *Handler) serveLegacyAuthorizations(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	q := urlParameters(r)
	if f := h.wrongOrganization(q); f != nil {
		writeFailureV2(w, *f)
		return
	}
	login, id := q.Get("token"), q.Get("authID")
	list := authorizationsOf(c.Snapshot(), q, func(t *catalog.Token) bool {
		return t.Login != "" && (login == "" || login == t.Login) && (id == "" || id == tokenIDs.format(t.ID))
	})
	answerJSON(w, http.StatusOK, map[string]any{"links": selfLinks(legacyPrefix), "authorizations": list})
}

// serveCreateLegacyAuthorization is POST /private/legacy/authorizations. It can log in once it has a password.
func (h *Handler) serveCreateLegacyAuthorization(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	var req authorizationRequest
	f := h.decodeJSON(w, r, &req)
	if f == nil && req.Token == "" {
		f = invalid("token, the name to log in with, is required")
	}
	if f == nil {
		f = h.wrongOrganization(url.Values{"orgID": {req.OrgID}})
	}
	var out authorizationJSON
	if f == nil {
		out, f = req.create(c, h.ownerOf(r), req.Token, h.opt.Clock.Now())
		note(r, out.ID, req.Token)
	}
	answerOr(w, f, http.StatusCreated, out)
}

// serveLegacyPassword is POST /private/legacy/authorizations/{id}/password.
func (h *Handler) serveLegacyPassword(w http.ResponseWriter, r *http.Request) {
	c, t := h.withToken(w, r)
	if t == nil {
		return
	}
	note(r, t.Login)
	var req struct {
		Password string `json:"password"`
	}
	f := h.decodeJSON(w, r, &req)
	if f == nil {
		if err := c.SetTokenPassword(t.ID, req.Password, h.opt.Clock.Now()); err != nil {
			f = catalogFailure(err)
		}
	}
	answerOr(w, f, http.StatusNoContent, nil)
}

// serveLabels is GET /api/v2/labels. There are none; clients that list them before something else go on.
func (h *Handler) serveLabels(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, map[string]any{"links": selfLinks(v2Prefix + "labels"), "labels": []struct{}{}})
}

// serveTelegrafs is GET /api/v2/telegrafs. There are none.
func (h *Handler) serveTelegrafs(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, map[string]any{"configurations": []struct{}{}})
}
