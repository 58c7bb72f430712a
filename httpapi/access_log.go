package httpapi

import (
	"net/http"
	"regexp"
	"time"
)

// logRequest writes the line of a request to the log.
func (h *Handler) logRequest(r *http.Request, rec *recorder, id string, took time.Duration) {
	user, _, _ := r.BasicAuth()
	if u := urlParameters(r).Get("u"); u != "" {
		user = u
	}
	h.opt.Log.Info("request",
		"client", clientAddress(r), "user", user, "method", r.Method, "url", redactURL(r),
		"status", rec.statusCode(), "bytes", rec.bytes, "agent", r.UserAgent(), "request_id", id, "took", took)
}

// quotedPassword finds the passwords of CREATE USER and SET PASSWORD.
var quotedPassword = regexp.MustCompile(`(?is)(password(?:\s+for\s+\S+)?\s*=?\s*)'(?:[^'\\]|\\.)*'`)

// redactURL returns the URL of a request without the passwords in it.
func redactURL(r *http.Request) string {
	q := urlParameters(r)
	if q.Has("p") {
		q.Set("p", "[REDACTED]")
	}
	if q.Has("q") {
		q.Set("q", quotedPassword.ReplaceAllString(q.Get("q"), "$1[REDACTED]"))
	}
	u := *r.URL
	u.RawQuery = q.Encode()
	return u.RequestURI()
}
