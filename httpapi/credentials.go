package httpapi

import (
	"net/http"
	"strings"
)

// credentials are what a request says about who sends it.
type credentials struct {
	name, password string
	isToken        bool
	token          string // of the scheme Bearer; the others are empty then
}

// requestCredentials returns the credentials of a request, from the first place that has some: the URL, the header's
// schemes Bearer and Token, the scheme Basic.
func requestCredentials(r *http.Request) (credentials, bool) {
	if q := urlParameters(r); q.Get("u") != "" && q.Get("p") != "" {
		return credentials{name: q.Get("u"), password: q.Get("p")}, true
	}
	scheme, rest, found := strings.Cut(r.Header.Get("Authorization"), " ")
	if found && !strings.Contains(rest, " ") {
		switch scheme {
		case "Bearer":
			return credentials{isToken: true, token: rest}, true
		case "Token":
			if name, password, ok := strings.Cut(rest, ":"); ok {
				return credentials{name: name, password: password}, true
			}
		}
	}
	if name, password, ok := r.BasicAuth(); ok {
		return credentials{name: name, password: password}, true
	}
	return credentials{}, false
}
