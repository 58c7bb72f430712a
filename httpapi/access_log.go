package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/timberlinedb/timberline/query"
)

// redacted stands for a secret in the log.
const redacted = "[REDACTED]"

// logRequest writes the line of a request to the log.
func (h *Handler) logRequest(r *http.Request, rec *recorder, id string, took time.Duration) {
	c, _ := requestCredentials(r)
	user := c.name
	if user == "" {
		user = urlParameters(r).Get("u")
	}
	h.opt.Log.Info("request",
		"client", clientAddress(r), "user", user, "method", r.Method, "url", redactURL(r),
		"status", rec.statusCode(), "bytes", rec.bytes, "agent", r.UserAgent(), "request_id", id, "took", took)
}

// redactURL returns the URL of a request without the passwords in it: the
// parameter p, those in a statement, and values bound to a statement that has
// to do with passwords.
func redactURL(r *http.Request) string {
	q := urlParameters(r)
	if q.Has("p") {
		q.Set("p", redacted)
	}
	secret := false
	for i, text := range q["q"] {
		q["q"][i] = query.Shown(text)
		secret = secret || strings.Contains(strings.ToLower(text), "password")
	}
	if q.Has("params") && secret {
		q.Set("params", redacted)
	}
	u := *r.URL
	u.User = nil
	u.RawQuery = q.Encode()
	return u.RequestURI()
}
