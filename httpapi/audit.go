package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/internal/audit"
)

// audit tells of an event of a request.
func (h *Handler) audit(w http.ResponseWriter, r *http.Request, e audit.Event) {
	if h.opt.Audit == nil {
		return
	}
	e.Client, e.Request = clientAddress(r), w.Header().Get("X-Request-Id")
	h.opt.Audit(e)
}

// userName returns the name of a user for the trail, empty for nobody.
func userName(u *catalog.User) string {
	if u == nil {
		return ""
	}
	return u.Name
}

// auditRefusal tells of a request that did not reach its handler. One that brings no credentials is no login: clients
// try so before they know better.
func (h *Handler) auditRefusal(w http.ResponseWriter, r *http.Request, u *catalog.User, f *failure) {
	e := audit.Event{Kind: "login", User: userName(u), Detail: r.Method + " " + r.URL.Path, Error: f.text}
	switch f.status {
	case http.StatusForbidden:
		e.Kind, e.Outcome = "request", audit.Refused
	case http.StatusTooManyRequests:
		e.Outcome = audit.Throttled
	case http.StatusUnauthorized:
		e.Outcome = audit.Failed
	default:
		return
	}
	c, sent := requestCredentials(r)
	if e.Kind == "login" && !sent {
		return
	}
	if e.User == "" && c.kind == passwordCredentials {
		e.User = c.name
	}
	h.audit(w, r, e)
}

// changes reports whether an endpoint of the v2 API changes something other than by writing points.
func (e *Endpoint) changes() bool {
	switch e.Permission {
	case Public, Known, Administer, Delete:
		return e.Method != http.MethodGet && e.Method != http.MethodHead
	}
	return false
}

// noteKey is where the context of an audited request has its note.
type noteKey struct{}

// note says for the trail what a request is about, when its path does not.
func note(r *http.Request, words ...string) {
	if n, ok := r.Context().Value(noteKey{}).(*string); ok {
		*n = strings.Join(words, " ")
	}
}

// audited returns a handler that tells what became of its requests.
func (h *Handler) audited(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		about, rec := new(string), &recorder{ResponseWriter: w}
		serve(rec, r.WithContext(context.WithValue(r.Context(), noteKey{}, about)))
		e := audit.Event{Kind: "resource", Outcome: audit.OK, User: userName(h.userOf(r)), Detail: strings.TrimSpace(r.Method + " " + r.URL.Path + " " + *about)}
		switch status := rec.statusCode(); {
		case status == http.StatusUnauthorized || status == http.StatusTooManyRequests:
			return // told as a login
		case status == http.StatusForbidden:
			e.Outcome = audit.Refused
		case status >= 400:
			e.Outcome = audit.Failed
		}
		if e.Outcome != audit.OK {
			e.Error = rec.Header().Get("X-Influxdb-Error")
		}
		h.audit(w, r, e)
	}
}
