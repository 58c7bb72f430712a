package shell

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultURL is where a server listens that nobody configured.
const DefaultURL = "http://127.0.0.1:8086"

// Target is a server and who speaks to it.
type Target struct {
	// URL of the server, with a path when it lives below one; zero: DefaultURL.
	URL string
	// Token, or Username and Password, or nothing.
	Token, Username, Password string
	// TLS is how https is checked; nil: with the certificates of the system.
	TLS *tls.Config
	// Connect bounds the wait for a connection; zero: 10 seconds.
	Connect time.Duration
	// Agent is the name under which requests are made; zero: "timberline".
	Agent string
}

// EnsureDefaults fills in what is zero.
func (t *Target) EnsureDefaults() {
	if t.URL == "" {
		t.URL = DefaultURL
	}
	if t.Connect == 0 {
		t.Connect = 10 * time.Second
	}
	if t.Agent == "" {
		t.Agent = "timberline"
	}
	t.URL = strings.TrimRight(t.URL, "/")
}

// Validate reports the first value that cannot be used.
func (t Target) Validate() error {
	u, err := url.Parse(t.URL)
	switch {
	case err != nil:
		return fmt.Errorf("url: %w", err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "":
		return fmt.Errorf("url %q, want http://host:port or https://host:port", u.Redacted())
	case t.Token != "" && t.Username != "":
		return fmt.Errorf("a token and a username are given, want one of them")
	case t.Connect < 0:
		return fmt.Errorf("time to connect %s, want none below zero", t.Connect)
	}
	return nil
}

// ParseAddress returns the URL of what a user calls a server: a URL, host:port, a host, or :port.
func ParseAddress(text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", fmt.Errorf("no server is given, want http://host:port or host:port")
	}
	if !strings.Contains(text, "://") {
		host := text
		if strings.HasPrefix(host, ":") {
			host = "127.0.0.1" + host
		}
		if i := strings.LastIndexByte(host, ':'); i < 0 || strings.HasSuffix(host, "]") {
			host += ":8086"
		}
		text = "http://" + host
	}
	t := Target{URL: text}
	if err := t.Validate(); err != nil {
		return "", err
	}
	return t.URL, nil
}

func (t Target) authorize(r *http.Request) {
	switch {
	case t.Token != "":
		r.Header.Set("Authorization", "Token "+t.Token)
	case t.Username != "":
		r.SetBasicAuth(t.Username, t.Password)
	}
}

// who names the user of a target for the settings.
func (t Target) who() string {
	switch {
	case t.Token != "":
		return "(a token)"
	case t.Username != "":
		return t.Username
	}
	return "(nobody)"
}
