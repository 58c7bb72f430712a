package httpapi

import (
	"net/http"
	"strings"
)

// credentialKind is what credentials consist of.
type credentialKind uint8

const (
	passwordCredentials credentialKind = iota // name and password; the password may be an API token
	apiTokenCredentials
	bearerCredentials // an API token behind Bearer
	jwtCredentials
)

// credentials are what a request says about who sends it.
type credentials struct {
	kind           credentialKind
	name, password string
	token          string // of the other kinds; name and password are empty then
}

// requestCredentials returns the credentials of a request, from the first place that has some: the URL, the header's
// schemes Bearer and Token, the scheme Basic.
func requestCredentials(r *http.Request) (credentials, bool) {
	if q := urlParameters(r); q.Get("u") != "" && q.Get("p") != "" {
		return credentials{name: q.Get("u"), password: q.Get("p")}, true
	}
	scheme, rest, found := strings.Cut(r.Header.Get("Authorization"), " ")
	if found && !strings.Contains(rest, " ") {
		switch {
		case strings.EqualFold(scheme, "Bearer"):
			return bearerOf(rest), true
		case strings.EqualFold(scheme, "Token") && rest != "":
			return tokenOf(rest), true
		}
	}
	if name, password, ok := r.BasicAuth(); ok {
		return credentials{name: name, password: password}, true
	}
	return credentials{}, false
}

// bearerOf tells the two kinds of tokens behind Bearer apart: a JSON Web Token has three parts with dots between.
func bearerOf(token string) credentials {
	if strings.Count(token, ".") == 2 {
		return credentials{kind: jwtCredentials, token: token}
	}
	return credentials{kind: bearerCredentials, token: token}
}

// tokenOf reads what is behind Token: a name and a password with a colon between, or an API token, which has none.
func tokenOf(token string) credentials {
	if name, password, ok := strings.Cut(token, ":"); ok {
		return credentials{name: name, password: password}
	}
	return credentials{kind: apiTokenCredentials, token: token}
}
