package bench

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// API is the family of endpoints that writes go to.
type API string

// The families.
const (
	V1 API = "v1" // POST /write?db=
	V2 API = "v2" // POST /api/v2/write?bucket=
)

// Target is a server and how to speak to it.
type Target struct {
	// URL of the server, with a path when it lives below one.
	URL string
	// API of writes; zero: V1. Queries always go to /query.
	API API
	// Database is where points go: the database of V1, the bucket of V2, which
	// may be database/policy.
	Database string
	// Org is the organisation of V2; servers with one of them ignore it.
	Org string
	// Token, or Username and Password, or nothing.
	Token, Username, Password string
	// Timeout of one request, its answer included; zero: 2 minutes.
	Timeout time.Duration
	// RetryFor is how long one request is repeated while the server is busy or
	// away; zero: 2 minutes.
	RetryFor time.Duration
}

// EnsureDefaults fills in what is zero.
func (t *Target) EnsureDefaults() {
	if t.URL == "" {
		t.URL = "http://127.0.0.1:8086"
	}
	if t.API == "" {
		t.API = V1
	}
	if t.Database == "" {
		t.Database = "bench"
	}
	if t.Timeout == 0 {
		t.Timeout = 2 * time.Minute
	}
	if t.RetryFor == 0 {
		t.RetryFor = 2 * time.Minute
	}
}

// Validate reports the first value that cannot be used.
func (t Target) Validate() error {
	u, err := url.Parse(t.URL)
	switch {
	case err != nil:
		return fmt.Errorf("url: %w", err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("url %q, want http://host:port or https://host:port", t.URL)
	case t.API != V1 && t.API != V2:
		return fmt.Errorf("api %q, want v1 or v2", t.API)
	case t.Token != "" && t.Username != "":
		return fmt.Errorf("a token and a username are given, want one of them")
	case t.Timeout < 0 || t.RetryFor < 0:
		return fmt.Errorf("timeout %s and time for retries %s, want neither below zero", t.Timeout, t.RetryFor)
	}
	return nil
}

// endpoint returns the address of a path with parameters.
func (t Target) endpoint(path string, parameters url.Values) string {
	address := strings.TrimSuffix(t.URL, "/") + path
	if len(parameters) > 0 {
		address += "?" + parameters.Encode()
	}
	return address
}

func (t Target) writeURL() string {
	if t.API == V2 {
		return t.endpoint("/api/v2/write", url.Values{"bucket": {t.Database}, "org": {t.Org}, "precision": {"ns"}})
	}
	return t.endpoint("/write", url.Values{"db": {t.Database}, "precision": {"ns"}})
}

// queryDatabase returns the database that queries name; a bucket may hold a policy, too.
func (t Target) queryDatabase() (database, policy string) {
	if t.API == V2 {
		database, policy, _ = strings.Cut(t.Database, "/")
		return database, policy
	}
	return t.Database, ""
}

func (t Target) authorize(r *http.Request) {
	switch {
	case t.Token != "":
		r.Header.Set("Authorization", "Token "+t.Token)
	case t.Username != "":
		r.SetBasicAuth(t.Username, t.Password)
	}
}
