package httpapi

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/query"
)

// Auth says of whom credentials are asked. The zero value asks nobody and looks at no credentials.
type Auth struct {
	Enabled bool

	// SharedSecret is what bearer tokens are signed with, of at least MinSecretBytes; empty: they are refused.
	SharedSecret string
	// Ping asks for a user at /ping, /status, /health and /ready, too.
	Ping bool
	// Pprof asks for an administrator at /debug/pprof even when OpenMetrics is set.
	Pprof bool
	// OpenMetrics asks nobody at /metrics and /debug.
	OpenMetrics bool
}

// MinSecretBytes is the length of the shortest shared secret: that of the shortest hash it is used with.
const MinSecretBytes = 32

// validate reports a secret that can be guessed.
func (a *Auth) validate() error {
	if n := len(a.SharedSecret); n > 0 && n < MinSecretBytes {
		return fmt.Errorf("the shared secret has %d bytes, want %d or more", n, MinSecretBytes)
	}
	return nil
}

// asks reports whether requests of endpoints with a permission must say who sends them.
func (a *Auth) asks(p Permission) bool {
	switch p {
	case Public:
		return false
	case Probe:
		return a.Enabled && a.Ping
	case Observe:
		return a.Enabled && !a.OpenMetrics
	case Profile:
		return a.Enabled && (a.Pprof || !a.OpenMetrics)
	}
	return a.Enabled
}

// Users are those who may use the server.
type Users interface {
	// Snapshot returns what is known of them now.
	Snapshot() *catalog.Snapshot
	// CheckPassword reports whether a password is that of u. It takes as long
	// when u is nil.
	CheckPassword(u *catalog.User, password string) bool
}

// doorman finds out who sends a request.
type doorman struct {
	secret   []byte
	logins   *loginCache
	throttle *loginThrottle
	uses     *tokenUses
	sessions *sessions
	hashing  chan struct{} // taken by those who check a password; it is work for a processor
}

func newDoorman(opt *Options) *doorman {
	return &doorman{
		secret:   []byte(opt.Auth.SharedSecret),
		logins:   newLoginCache(),
		throttle: newLoginThrottle(opt.Clock),
		uses:     newTokenUses(),
		sessions: newSessions(opt.Clock),
		hashing:  make(chan struct{}, max(runtime.GOMAXPROCS(0)/2, 1)),
	}
}

func unauthorized(text string) *failure {
	return &failure{status: http.StatusUnauthorized, text: text, v2text: "unauthorized access"}
}

func forbidden(text, v2text string) *failure {
	return &failure{status: http.StatusForbidden, text: text, v2text: v2text}
}

// identify returns the user that a request comes from; query.Nobody while there is no administrator.
func (d *doorman) identify(r *http.Request, users Users, now time.Time) (*catalog.User, *failure) {
	snap := users.Snapshot()
	if !snap.HasAdmin() {
		return query.Nobody, nil
	}
	c, ok := requestCredentials(r)
	switch {
	case !ok:
		if u := d.sessions.user(r, snap); u != nil {
			return u, nil
		}
		return nil, unauthorized("unable to parse authentication credentials")
	case c.kind == jwtCredentials:
		return d.bearer(c.token, snap, now)
	case c.kind == bearerCredentials:
		return d.apiToken(r, snap.Token(c.token), now, errInvalidToken.Error())
	case c.kind == apiTokenCredentials:
		return d.apiToken(r, snap.Token(c.token), now, "authorization failed")
	}
	if t := snap.Token(c.password); t != nil {
		return d.apiToken(r, t, now, "")
	}
	return d.password(r, users, c, now)
}

// password returns the user whose name and password were sent, or whom a token with that login stands for.
func (d *doorman) password(r *http.Request, users Users, c credentials, now time.Time) (*catalog.User, *failure) {
	if c.name == "" {
		return nil, unauthorized("username required")
	}
	u := users.Snapshot().Login(c.name)
	if u == nil || !d.logins.knows(u, c.name, c.password) {
		var f *failure
		if u, f = d.login(r, users, u, c); f != nil {
			return nil, f
		}
	}
	if t := u.Token(); t != nil {
		return d.apiToken(r, t, now, "")
	}
	return u, nil
}

// apiToken returns whom an API token stands for; t is nil when there is none, which is told as unknown.
func (d *doorman) apiToken(r *http.Request, t *catalog.Token, now time.Time, unknown string) (*catalog.User, *failure) {
	switch {
	case t == nil:
		address := clientAddress(r)
		if f := d.waitFailure(d.throttle.waitToken(address)); f != nil {
			return nil, f
		}
		d.throttle.failedToken(address)
		return nil, unauthorized(unknown)
	case t.Inactive:
		return nil, unauthorized("token is inactive")
	case t.Expired(now):
		return nil, unauthorized("token is expired")
	}
	d.uses.note(t.ID, now)
	return t.User(), nil
}

func (d *doorman) bearer(token string, snap *catalog.Snapshot, now time.Time) (*catalog.User, *failure) {
	if len(d.secret) == 0 {
		return nil, unauthorized(errBearerDisabled.Error())
	}
	name, err := tokenUser(token, d.secret, now)
	if err != nil {
		return nil, unauthorized(err.Error())
	}
	u := snap.User(name)
	if u == nil {
		return nil, unauthorized(catalog.ErrUserNotFound.Error())
	}
	return u, nil
}

// login checks a password; u is nil when no user has the name, which takes as long.
func (d *doorman) login(r *http.Request, users Users, u *catalog.User, c credentials) (*catalog.User, *failure) {
	address := clientAddress(r)
	if f := d.mustWait(address, c.name); f != nil {
		return nil, f
	}
	select {
	case d.hashing <- struct{}{}:
		defer func() { <-d.hashing }()
	case <-r.Context().Done():
		return nil, &failure{status: http.StatusServiceUnavailable, text: "the login was not checked in time", retry: true}
	}
	// Others may have tried the same while this one waited.
	if f := d.mustWait(address, c.name); f != nil {
		return nil, f
	}
	if u != nil && d.logins.knows(u, c.name, c.password) {
		return u, nil
	}
	if !users.CheckPassword(u, c.password) {
		d.throttle.failed(address, c.name)
		return nil, unauthorized("authorization failed")
	}
	d.throttle.succeeded(address, c.name)
	d.logins.learn(u, c.password)
	return u, nil
}

func (d *doorman) mustWait(address, name string) *failure {
	return d.waitFailure(d.throttle.wait(address, name))
}

// waitFailure tells a client to wait; nil when it need not.
func (d *doorman) waitFailure(wait time.Duration) *failure {
	if wait <= 0 {
		return nil
	}
	seconds := int(math.Ceil(wait.Seconds()))
	return &failure{
		status: http.StatusTooManyRequests, retryAfter: seconds,
		text: "too many failed logins, try again in " + strconv.Itoa(seconds) + " seconds",
	}
}

// userKey is where the context of a request has its user.
type userKey struct{}

// userOf returns the user of a request to an endpoint: nil when users are not asked for.
func (h *Handler) userOf(r *http.Request) *catalog.User {
	if !h.opt.Auth.Enabled {
		return nil
	}
	if u, ok := r.Context().Value(userKey{}).(*catalog.User); ok {
		return u
	}
	return query.Nobody
}

// guard returns what serves an endpoint: its handler, behind the check of its permission.
func (h *Handler) guard(e Endpoint) http.HandlerFunc {
	serve := e.handle
	if e.changes() && h.opt.Audit != nil {
		serve = h.audited(e.handle)
	}
	if !h.opt.Auth.asks(e.Permission) {
		return serve
	}
	return func(w http.ResponseWriter, r *http.Request) {
		users := h.attached().Users
		if users == nil {
			serveStarting(w)
			return
		}
		u, f := h.doorman.identify(r, users, h.opt.Clock.Now())
		if f == nil {
			f = e.refuses(u, users.Snapshot(), r)
		}
		if f != nil {
			h.auditRefusal(w, r, u, f)
			h.turnAway(w, r, *f)
			return
		}
		serve(w, r.WithContext(context.WithValue(r.Context(), userKey{}, u)))
	}
}

// refuses returns why a user may not do what an endpoint is for; nil when it may, or when the handler finds out.
func (e *Endpoint) refuses(u *catalog.User, snap *catalog.Snapshot, r *http.Request) *failure {
	switch e.Permission {
	case Probe, Query:
		return nil
	case Known, Delete:
		if u == query.Nobody {
			return unauthorized("unauthorized access")
		}
		return nil
	case Write:
		database, policy := e.target(snap, urlParameters(r))
		names, all := u.Measurements(catalog.ActionWrite, database, policyName(snap, database, policy))
		switch {
		case database == "" || all || len(names) > 0:
			return nil
		case u == query.Nobody:
			return forbidden(fmt.Sprintf("user is required to write to database %q", database), "insufficient permissions for write")
		}
		return forbidden(fmt.Sprintf("%q user is not authorized to write to database %q", u.Name, database), "insufficient permissions for write")
	}
	if u.Admin {
		return nil
	}
	return forbidden("error authorizing admin access", "")
}

// turnAway answers a request that does not reach its handler.
func (h *Handler) turnAway(w http.ResponseWriter, r *http.Request, f failure) {
	if f.status == http.StatusUnauthorized || f.status == http.StatusTooManyRequests {
		h.counters.authFailures.Add(1)
	}
	if speaksV2(r.URL.Path) {
		writeFailureV2(w, f)
		return
	}
	writeFailure(w, f)
}

// checkTable reports endpoints without a rule.
func checkTable(table []Endpoint) error {
	var errs []error
	for _, e := range table {
		if e.Permission == 0 || e.Permission > lastPermission || (e.Permission == Write) != (e.target != nil) {
			errs = append(errs, fmt.Errorf("%s %s: nothing says who may use it", e.Method, e.Path))
		}
	}
	return errors.Join(errs...)
}
