package httpapi

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/timberlinedb/timberline/catalog"
	"github.com/timberlinedb/timberline/internal/clock"
)

const (
	sessionCookie   = "influxdb-oss-session"
	sessionLifetime = time.Hour // after the last request
	maxSessions     = 4096
)

// sessions are the logins of people by cookie. They live in memory: a restart ends them.
type sessions struct {
	clock clock.Clock

	mu   sync.Mutex                    // guards open
	open map[[sha256.Size]byte]session // by the hash of the cookie
}

// session is worth nothing once its user has another password or is gone.
type session struct {
	user    string
	hash    string // of the password at login
	expires time.Time
}

func newSessions(c clock.Clock) *sessions {
	return &sessions{clock: c, open: map[[sha256.Size]byte]session{}}
}

// begin opens a session of a user and returns the value of its cookie.
func (s *sessions) begin(u *catalog.User) string {
	var b [32]byte
	rand.Read(b[:])
	value := base64.RawURLEncoding.EncodeToString(b[:])
	now := s.clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.makeRoom(now)
	s.open[sha256.Sum256([]byte(value))] = session{user: u.Name, hash: u.Hash, expires: now.Add(sessionLifetime)}
	return value
}

// makeRoom drops what is over and, when that is not enough, what ends first.
func (s *sessions) makeRoom(now time.Time) {
	if len(s.open) < maxSessions {
		return
	}
	var oldest [sha256.Size]byte
	for key, o := range s.open {
		if !now.Before(o.expires) {
			delete(s.open, key)
		} else if first, ok := s.open[oldest]; !ok || o.expires.Before(first.expires) {
			oldest = key
		}
	}
	if len(s.open) >= maxSessions {
		delete(s.open, oldest)
	}
}

// user returns whose session a request belongs to, nil when it has none. Cookies count for the v2 API alone.
func (s *sessions) user(r *http.Request, snap *catalog.Snapshot) *catalog.User {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil || !strings.HasPrefix(r.URL.Path, v2Prefix) {
		return nil
	}
	key, now := sha256.Sum256([]byte(cookie.Value)), s.clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.open[key]
	if !ok {
		return nil
	}
	u := snap.User(o.user)
	if u == nil || u.Hash != o.hash || !now.Before(o.expires) {
		delete(s.open, key)
		return nil
	}
	o.expires = now.Add(sessionLifetime)
	s.open[key] = o
	return u
}

// end closes the session of a request.
func (s *sessions) end(r *http.Request) {
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.open, sha256.Sum256([]byte(cookie.Value)))
	}
}

// serveSignin is POST /api/v2/signin: a name and a password against a cookie.
func (h *Handler) serveSignin(w http.ResponseWriter, r *http.Request) {
	users := h.attached().Users
	if users == nil {
		serveStarting(w)
		return
	}
	name, password, ok := r.BasicAuth()
	if !ok || name == "" {
		h.turnAway(w, r, *unauthorized("unable to parse authentication credentials"))
		return
	}
	note(r, name)
	u, f := h.doorman.password(r, users, credentials{name: name, password: password}, h.opt.Clock.Now())
	if f == nil && u.Token() != nil {
		f = unauthorized("authorization failed") // a login for clients of version 1
	}
	if f != nil {
		h.auditRefusal(w, r, nil, f)
		h.turnAway(w, r, *f)
		return
	}
	http.SetCookie(w, &http.Cookie{ // #nosec G124 -- Secure where the connection is: loopback has no TLS
		Name: sessionCookie, Value: h.doorman.sessions.begin(u), Path: "/api/",
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	})
	w.WriteHeader(http.StatusNoContent)
}

// serveSignout is POST /api/v2/signout.
func (h *Handler) serveSignout(w http.ResponseWriter, r *http.Request) {
	h.doorman.sessions.end(r)
	http.SetCookie(w, &http.Cookie{ // #nosec G124 -- as above; this one is empty
		Name: sessionCookie, Path: "/api/", MaxAge: -1, HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	})
	w.WriteHeader(http.StatusNoContent)
}
