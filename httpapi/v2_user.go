package httpapi

import (
	"crypto/sha256"
	"encoding/binary"
	"net/http"

	"github.com/timberlinedb/timberline/catalog"
)

type userJSON struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"`
	Role   string `json:"role,omitempty"`
	Links  links  `json:"links"`
}

// userID returns the id of a user: made of the name, which cannot be changed.
func userID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return userIDs.format(binary.BigEndian.Uint64(sum[:8]))
}

func newUserJSON(name string) userJSON {
	id := userID(name)
	return userJSON{ID: id, Name: name, Status: "active", Links: selfLinks(v2Prefix + "users/" + id)}
}

// userByID returns the user of an id, nil when there is none.
func userByID(snap *catalog.Snapshot, id string) *catalog.User {
	for _, u := range snap.Users {
		if userID(u.Name) == id {
			return u
		}
	}
	return nil
}

// anonymous is what clients are told they are when nobody is asked.
const anonymous = "anonymous"

// requester returns the name of whom a request comes from: of the owner, when that is a token.
func (h *Handler) requester(r *http.Request) string {
	if owner := h.ownerOf(r); owner != "" {
		return owner
	}
	if u := h.userOf(r); u != nil {
		return u.Name
	}
	return anonymous
}

// ownerOf returns the name of the user to whom what a request makes belongs, empty for nobody.
func (h *Handler) ownerOf(r *http.Request) string {
	u := h.userOf(r)
	switch {
	case u == nil:
		return ""
	case u.Token() != nil:
		return u.Token().Owner
	}
	return u.Name
}

// serveMe is GET /api/v2/me.
func (h *Handler) serveMe(w http.ResponseWriter, r *http.Request) {
	me := newUserJSON(h.requester(r))
	me.Links["self"] = v2Prefix + "me"
	answerJSON(w, http.StatusOK, me)
}

// serveMyPassword is PUT /api/v2/me/password. The old password is the one that the request itself was sent with: neither
// a token nor a session nor a signed name, which others may have got hold of, is enough to change it.
func (h *Handler) serveMyPassword(w http.ResponseWriter, r *http.Request) {
	u := h.userOf(r)
	c, sent := requestCredentials(r)
	if u == nil || u.Token() != nil || !sent || c.kind != passwordCredentials {
		writeFailureV2(w, *forbidden("a password is changed by its user, with the old one", ""))
		return
	}
	h.setPassword(w, r, u.Name)
}

func (h *Handler) setPassword(w http.ResponseWriter, r *http.Request, name string) {
	c := h.registry(w)
	if c == nil {
		return
	}
	note(r, name)
	var req struct {
		Password string `json:"password"`
	}
	f := h.decodeJSON(w, r, &req)
	if f == nil && req.Password == "" {
		f = catalogFailure(catalog.ErrPasswordRequired)
	}
	if f == nil {
		if err := c.SetPassword(name, req.Password); err != nil {
			f = catalogFailure(err)
		}
	}
	answerOr(w, f, http.StatusNoContent, nil)
}

// serveUsers is GET /api/v2/users.
func (h *Handler) serveUsers(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	q := urlParameters(r)
	p, f := newPaging(q, userIDs)
	if f != nil {
		writeFailureV2(w, *f)
		return
	}
	users := []userJSON{}
	after := q.Get("after")
	for _, u := range c.Snapshot().Users {
		if after != "" { // in order of name
			if userID(u.Name) == after {
				after = ""
			}
			continue
		}
		if (q.Get("name") == "" || q.Get("name") == u.Name) && (q.Get("id") == "" || q.Get("id") == userID(u.Name)) {
			users = append(users, newUserJSON(u.Name))
		}
	}
	users = page(p, users)
	answerJSON(w, http.StatusOK, map[string]any{"links": p.links(v2Prefix+"users", q, len(users)), "users": users})
}

// serveCreateUser is POST /api/v2/users. The user can log in once it has a password.
func (h *Handler) serveCreateUser(w http.ResponseWriter, r *http.Request) {
	c := h.registry(w)
	if c == nil {
		return
	}
	var req struct {
		Name string `json:"name"`
	}
	f := h.decodeJSON(w, r, &req)
	note(r, req.Name)
	if f == nil && c.Snapshot().User(req.Name) != nil {
		f = conflict("user with name " + req.Name + " already exists")
	}
	if f == nil {
		if err := c.CreateUser(req.Name, catalog.NewSecret(), false); err != nil {
			f = catalogFailure(err)
		}
	}
	answerOr(w, f, http.StatusCreated, newUserJSON(req.Name))
}

// withUser returns the user that the path names; without one the request is answered.
func (h *Handler) withUser(w http.ResponseWriter, r *http.Request) (*catalog.Catalog, *catalog.User) {
	c := h.registry(w)
	if c == nil {
		return nil, nil
	}
	u := userByID(c.Snapshot(), r.PathValue("id"))
	if u == nil {
		writeFailureV2(w, *notFound("user not found"))
	}
	return c, u
}

// serveUser is GET /api/v2/users/{id}.
func (h *Handler) serveUser(w http.ResponseWriter, r *http.Request) {
	if _, u := h.withUser(w, r); u != nil {
		answerJSON(w, http.StatusOK, newUserJSON(u.Name))
	}
}

// serveDeleteUser is DELETE /api/v2/users/{id}.
func (h *Handler) serveDeleteUser(w http.ResponseWriter, r *http.Request) {
	c, u := h.withUser(w, r)
	if u == nil {
		return
	}
	note(r, u.Name)
	var f *failure
	if err := c.DropUser(u.Name); err != nil {
		f = catalogFailure(err)
	}
	answerOr(w, f, http.StatusNoContent, nil)
}

// serveUserPassword is POST /api/v2/users/{id}/password.
func (h *Handler) serveUserPassword(w http.ResponseWriter, r *http.Request) {
	if _, u := h.withUser(w, r); u != nil {
		h.setPassword(w, r, u.Name)
	}
}
