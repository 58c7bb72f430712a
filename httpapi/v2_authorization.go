package httpapi

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/catalog"
)

// authorizationJSON is a token as the v2 API shows it. The secret is there once, when the token is made.
type authorizationJSON struct {
	ID          string           `json:"id"`
	Token       string           `json:"token,omitempty"`
	Status      string           `json:"status"`
	Description string           `json:"description"`
	OrgID       string           `json:"orgID"`
	Org         string           `json:"org"`
	UserID      string           `json:"userID,omitempty"`
	User        string           `json:"user,omitempty"`
	Permissions []permissionJSON `json:"permissions"`
	CreatedAt   string           `json:"createdAt"`
	UpdatedAt   string           `json:"updatedAt"`
	ExpiresAt   string           `json:"expiresAt,omitempty"`  // ours
	LastUsedAt  string           `json:"lastUsedAt,omitempty"` // ours; cut to the hour
	Links       links            `json:"links"`
}

func rfc3339(ns int64) string {
	if ns == 0 {
		return ""
	}
	return time.Unix(0, ns).UTC().Format(time.RFC3339Nano)
}

func newAuthorizationJSON(snap *catalog.Snapshot, t *catalog.Token) authorizationJSON {
	id := tokenIDs.format(t.ID)
	a := authorizationJSON{
		ID: id, Status: "active", Description: t.Description, OrgID: organizationID, Org: snap.Organization(),
		Permissions: permissionsJSON(snap, t), CreatedAt: rfc3339(t.Created), UpdatedAt: rfc3339(t.Updated),
		ExpiresAt: rfc3339(t.Expires), LastUsedAt: rfc3339(t.LastUsed), Links: selfLinks(v2Prefix + "authorizations/" + id),
	}
	if t.Inactive {
		a.Status = "inactive"
	}
	if t.Login != "" {
		a.Token, a.Links["self"] = t.Login, legacyPrefix+"/"+id
	}
	if t.Owner != "" {
		a.UserID, a.User = userID(t.Owner), t.Owner
		a.Links["user"] = v2Prefix + "users/" + a.UserID
	}
	return a
}

// serveAuthorizations is GET /api/v2/authorizations.
func (h *Handler) serveAuthorizations(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	q := urlParameters(r)
	if f := h.wrongOrganization(q); f != nil {
		writeFailureV2(w, *f)
		return
	}
	p, f := newPaging(q, tokenIDs)
	if f != nil {
		writeFailureV2(w, *f)
		return
	}
	list := p.cutTokens(authorizationsOf(c.Snapshot(), q, func(t *catalog.Token) bool { return t.Login == "" && seesToken(h.userOf(r), t) }))
	answerJSON(w, http.StatusOK, map[string]any{"links": p.links(v2Prefix+"authorizations", q, len(list)), "authorizations": list})
}

// seesToken reports whether a user may know of a token: an administrator of all, others of their own, and a token of
// itself. nil is everybody, where nobody is asked.
func seesToken(u *catalog.User, t *catalog.Token) bool {
	switch {
	case u == nil || u.Admin:
		return true
	case u.Token() != nil:
		return u.Token().ID == t.ID
	}
	return t.Owner != "" && t.Owner == u.Name
}

// authorizationsOf returns the tokens that may be shown and that parameters ask for, in order of creation.
func authorizationsOf(snap *catalog.Snapshot, q url.Values, may func(*catalog.Token) bool) []authorizationJSON {
	tokens := slices.SortedFunc(slices.Values(snap.Tokens), func(a, b *catalog.Token) int { return cmp.Compare(a.ID, b.ID) })
	list := []authorizationJSON{}
	for _, t := range tokens {
		if may(t) && (q.Get("user") == "" || q.Get("user") == t.Owner) && (q.Get("userID") == "" || t.Owner != "" && q.Get("userID") == userID(t.Owner)) {
			list = append(list, newAuthorizationJSON(snap, t))
		}
	}
	return list
}

// cutTokens returns the part of a list of tokens that is asked for.
func (p paging) cutTokens(all []authorizationJSON) []authorizationJSON {
	for len(all) > 0 && p.after != 0 {
		if n, _ := tokenIDs.parse(all[0].ID); n > p.after {
			break
		}
		all = all[1:]
	}
	return page(p, all)
}

// authorizationRequest is the body that makes or changes a token.
type authorizationRequest struct {
	Status      *string          `json:"status"`
	Description *string          `json:"description"`
	OrgID       string           `json:"orgID"`
	UserID      string           `json:"userID"`
	Permissions []permissionJSON `json:"permissions"`
	ExpiresAt   string           `json:"expiresAt"`
	Token       string           `json:"token"` // of legacy authorizations: the name to log in with
}

// inactive returns what the status says; nil is nothing.
func (req *authorizationRequest) inactive() (*bool, *failure) {
	if req.Status == nil || *req.Status == "" {
		return nil, nil
	}
	off := *req.Status == "inactive"
	if !off && *req.Status != "active" {
		return nil, invalid("status must be active or inactive")
	}
	return &off, nil
}

// serveCreateAuthorization is POST /api/v2/authorizations.
func (h *Handler) serveCreateAuthorization(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	var req authorizationRequest
	f := h.decodeJSON(w, r, &req)
	if f == nil {
		f = h.wrongOrganization(url.Values{"orgID": {req.OrgID}})
	}
	var out authorizationJSON
	if f == nil {
		out, f = req.create(c, h.ownerOf(r), "", h.opt.Clock.Now())
		note(r, out.ID, out.Description)
	}
	answerOr(w, f, http.StatusCreated, out)
}

func (req *authorizationRequest) create(c *catalog.Catalog, owner, login string, now time.Time) (authorizationJSON, *failure) {
	var none authorizationJSON
	snap := c.Snapshot()
	spec := catalog.TokenSpec{Login: login}
	if req.Description != nil {
		spec.Description = *req.Description
	}
	switch off, f := req.inactive(); {
	case f != nil:
		return none, f
	case off != nil:
		spec.Inactive = *off
	}
	switch u := userByID(snap, req.UserID); {
	case u != nil:
		spec.Owner = u.Name
	case req.UserID != "":
		return none, notFound("user not found")
	default:
		spec.Owner = owner
	}
	if req.ExpiresAt != "" {
		at, err := time.Parse(time.RFC3339Nano, req.ExpiresAt)
		if err != nil || at.Year() > 2200 {
			return none, invalid("expiresAt must be a time in the form of RFC 3339, not after the year 2200")
		}
		if !at.After(now) {
			return none, invalid("expiresAt is over")
		}
		spec.Expires = at
	}
	var f *failure
	if spec.Permissions, f = catalogPermissions(snap, req.Permissions); f != nil {
		return none, f
	}
	t, secret, err := c.CreateToken(spec, now)
	if err != nil {
		return none, catalogFailure(err)
	}
	out := newAuthorizationJSON(c.Snapshot(), t)
	if login == "" {
		out.Token = secret
	}
	return out, nil
}

// withToken returns the token that the path names; without one the request is answered.
func (h *Handler) withToken(w http.ResponseWriter, r *http.Request) (*catalog.Catalog, *catalog.Token) {
	c := h.registry(w)
	if c == nil {
		return nil, nil
	}
	if id, ok := tokenIDs.parse(r.PathValue("id")); ok {
		legacy := strings.HasPrefix(r.URL.Path, legacyPrefix)
		if t := c.Snapshot().TokenByID(id); t != nil && (t.Login != "") == legacy && seesToken(h.userOf(r), t) {
			return c, t
		}
	}
	writeFailureV2(w, *notFound("authorization not found"))
	return nil, nil
}

// serveAuthorization is GET /api/v2/authorizations/{id}.
func (h *Handler) serveAuthorization(w http.ResponseWriter, r *http.Request) {
	if c, t := h.withToken(w, r); t != nil {
		answerJSON(w, http.StatusOK, newAuthorizationJSON(c.Snapshot(), t))
	}
}

// serveUpdateAuthorization is PATCH /api/v2/authorizations/{id}.
func (h *Handler) serveUpdateAuthorization(w http.ResponseWriter, r *http.Request) {
	c, t := h.withToken(w, r)
	if t == nil {
		return
	}
	var req authorizationRequest
	f := h.decodeJSON(w, r, &req)
	var off *bool
	if f == nil {
		off, f = req.inactive()
	}
	if off != nil {
		note(r, *req.Status)
	}
	if f == nil {
		changed, err := c.UpdateToken(t.ID, catalog.TokenUpdate{Description: req.Description, Inactive: off}, h.opt.Clock.Now())
		if err != nil {
			f = catalogFailure(err)
		} else {
			t = changed
		}
	}
	answerOr(w, f, http.StatusOK, newAuthorizationJSON(c.Snapshot(), t))
}

// serveDeleteAuthorization is DELETE /api/v2/authorizations/{id}.
func (h *Handler) serveDeleteAuthorization(w http.ResponseWriter, r *http.Request) {
	c, t := h.withToken(w, r)
	if t == nil {
		return
	}
	var f *failure
	if err := c.DropToken(t.ID); err != nil {
		f = catalogFailure(err)
	}
	answerOr(w, f, http.StatusNoContent, nil)
}
