package httpapi

import (
	"net/http"
	"net/url"

	"github.com/timberlinedb/timberline/catalog"
)

// There is one organization. Its name can be changed; its id cannot.

type orgJSON struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Links links  `json:"links"`
}

func newOrgJSON(name string) orgJSON {
	self := v2Prefix + "orgs/" + organizationID
	return orgJSON{ID: organizationID, Name: name, Links: links{
		"self": self, "members": self + "/members", "owners": self + "/owners", "buckets": v2Prefix + "buckets?org=" + url.QueryEscape(name),
	}}
}

// serveOrgs is GET /api/v2/orgs.
func (h *Handler) serveOrgs(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	q := urlParameters(r)
	f := h.wrongOrganization(q)
	answerOr(w, f, http.StatusOK, map[string]any{
		"links": selfLinks(v2Prefix + "orgs"),
		"orgs":  []orgJSON{newOrgJSON(h.organizationOf(c.Snapshot(), q))},
	})
}

// serveCreateOrg is POST /api/v2/orgs.
func (h *Handler) serveCreateOrg(w http.ResponseWriter, _ *http.Request) {
	writeFailureV2(w, *conflict("this server has one organization, which can be renamed"))
}

// withOrg answers for an organization that is not there.
func (h *Handler) withOrg(w http.ResponseWriter, r *http.Request) *catalog.Catalog {
	if r.PathValue("id") != organizationID {
		writeFailureV2(w, *notFound("organization not found"))
		return nil
	}
	return h.registry(w)
}

// serveOrg is GET /api/v2/orgs/{id}.
func (h *Handler) serveOrg(w http.ResponseWriter, r *http.Request) {
	if c := h.withOrg(w, r); c != nil {
		answerJSON(w, http.StatusOK, newOrgJSON(c.Snapshot().Organization()))
	}
}

// serveUpdateOrg is PATCH /api/v2/orgs/{id}.
func (h *Handler) serveUpdateOrg(w http.ResponseWriter, r *http.Request) {
	c := h.withOrg(w, r)
	if c == nil {
		return
	}
	var req struct {
		Name *string `json:"name"`
	}
	f := h.decodeJSON(w, r, &req)
	if f == nil && req.Name != nil {
		note(r, *req.Name)
		if err := c.RenameOrganization(*req.Name); err != nil {
			f = catalogFailure(err)
		}
	}
	answerOr(w, f, http.StatusOK, newOrgJSON(c.Snapshot().Organization()))
}

// serveMembers is GET /api/v2/orgs/{id}/members: the users that are no administrators.
func (h *Handler) serveMembers(w http.ResponseWriter, r *http.Request) {
	if h.withOrg(w, r) == nil {
		return
	}
	h.serveRole(w, r, "member", func(u *catalog.User) bool { return !u.Admin })
}

// serveOwners is GET /api/v2/orgs/{id}/owners: the administrators.
func (h *Handler) serveOwners(w http.ResponseWriter, r *http.Request) {
	if h.withOrg(w, r) == nil {
		return
	}
	h.serveRole(w, r, "owner", func(u *catalog.User) bool { return u.Admin })
}

func (h *Handler) serveRole(w http.ResponseWriter, r *http.Request, role string, has func(*catalog.User) bool) {
	c := h.registry(w)
	if c == nil {
		return
	}
	users := []userJSON{}
	for _, u := range c.Snapshot().Users {
		if has(u) {
			j := newUserJSON(u.Name)
			j.Role = role
			users = append(users, j)
		}
	}
	answerJSON(w, http.StatusOK, map[string]any{"links": selfLinks(r.URL.Path), "users": users})
}
